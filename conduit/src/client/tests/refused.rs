//! Logins that are refused.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::SinkExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use super::{MS, Peer, accepted, coming_back, cut, listen, respond};
use crate::{
    Client,
    client::Connect,
    close::CloseCode,
    error::{Error, ErrorKind},
};

/// Answers a request to connect with a status; returns the head of the request.
async fn refuse(listener: &TcpListener, status: &str) -> String {
    respond(listener, &format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await
}

/// The answer of a server of this kind to a wrong token.
const WRONG: &str = "HTTP/1.1 401 Unauthorized\r\n\r\n\
     {\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32001,\"message\":\"the token is wrong\"},\"id\":null}";

#[tokio::test]
async fn a_login_that_is_refused_ends_a_client_whose_credentials_do_not_change() {
    let ways: [fn(Connect) -> Connect; 3] =
        [|connect| connect, |connect| connect.password("old"), |connect| connect.header("x-api-key", "old")];
    for (way, answer, why) in [
        (ways[0], WRONG, "refused the login (status 401): the token is wrong"),
        (ways[1], WRONG, "refused the login (status 401): the token is wrong"),
        (ways[2], "HTTP/1.1 403 Forbidden\r\n\r\nnot you", "refused this client: status 403 Forbidden"),
    ] {
        let (listener, url) = listen().await;
        let (client, peer) = accepted(way(coming_back(&url)), &listener).await;
        cut(peer);
        let waiting = client.call::<()>("a", ()).idempotent();
        let (end, error, _head) = tokio::join!(client.closed(), waiting, respond(&listener, answer));
        assert_eq!(end.code, CloseCode::UNAUTHORIZED);
        assert!(end.reason.contains("can't come back") && end.reason.contains(why), "{}", end.reason);
        for error in [error.unwrap_err(), client.call::<()>("a", ()).await.unwrap_err()] {
            assert!(error.is_closed() && error.is_unauthorized() && error.to_string().contains(why), "{error}");
            assert_eq!(error.close_code(), Some(CloseCode::UNAUTHORIZED));
        }
        let connect = way(coming_back(&url)).retry_first_connect(true);
        let (result, _head) = tokio::join!(async { connect.await }, respond(&listener, answer));
        let error = result.unwrap_err();
        assert!(error.is_unauthorized() && error.kind() == ErrorKind::Unauthorized, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_can_not_look_at_a_login_now_is_asked_again() {
    let (listener, url) = listen().await;
    let (client, peer) = accepted(coming_back(&url).password("p"), &listener).await;
    cut(peer);
    for status in ["429 Too Many Requests", "503 Service Unavailable", "429 Too Many Requests", "500 Oops"] {
        refuse(&listener, status).await;
    }
    let mut peer = Peer::accept(&listener).await;
    let (answer, ()) = tokio::join!(client.call::<u8>("a", ()), peer.answer(json!(1)));
    assert_eq!(answer.unwrap(), 1);
}

#[tokio::test]
async fn credentials_are_asked_anew_and_a_refused_login_is_tried_again_with_the_next() {
    let (listener, url) = listen().await;
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let connect = coming_back(&url).retry_first_connect(true).credentials(move || {
        let n = count.fetch_add(1, Ordering::Relaxed);
        async move { if n == 1 { Err("no token today".to_owned()) } else { Ok(format!("token{n}")) } }
    });
    let serve = async {
        let head = refuse(&listener, "401 Unauthorized").await;
        assert!(head.contains("Bearer token0"), "{head}");
        let head = refuse(&listener, "503 Service Unavailable").await;
        assert!(head.contains("Bearer token2"), "{head}");
        Peer::accept(&listener).await
    };
    let (client, peer) = tokio::join!(async { connect.await.unwrap() }, serve);
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    cut(peer);
    drop(Peer::accept(&listener).await);
    assert!(asked.load(Ordering::Relaxed) >= 5);
    drop(client);
}

/// A connection whose credentials are asked for, and how often they were.
fn asking(url: &str) -> (Connect, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let connect = coming_back(url).credentials(move || {
        count.fetch_add(1, Ordering::Relaxed);
        async { "token" }
    });
    (connect, asked)
}

#[tokio::test]
async fn credentials_that_are_refused_three_times_in_a_row_end_the_client() {
    let (listener, url) = listen().await;
    let (connect, asked) = asking(&url);
    let (client, mut peer) = accepted(connect.clone(), &listener).await;
    // A login that is accepted starts the count anew, and no other failure does.
    for _ in 0..3 {
        cut(peer);
        refuse(&listener, "401 Unauthorized").await;
        refuse(&listener, "401 Unauthorized").await;
        peer = Peer::accept(&listener).await;
    }
    cut(peer);
    for status in ["401 Unauthorized", "503 Service Unavailable", "401 Unauthorized"] {
        refuse(&listener, status).await;
    }
    assert!(!client.is_closed());
    let (end, _head) = tokio::join!(client.closed(), refuse(&listener, "401 Unauthorized"));
    assert_eq!((end.code, asked.load(Ordering::Relaxed)), (CloseCode::UNAUTHORIZED, 14));
    assert!(client.call::<()>("a", ()).await.unwrap_err().is_unauthorized());
    let (result, ()) = tokio::join!(async { connect.retry_first_connect(true).await }, async {
        for _ in 0..3 {
            refuse(&listener, "401 Unauthorized").await;
        }
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn what_waits_while_the_login_is_refused_tells_of_it() {
    for waits in [true, false] {
        let (listener, url) = listen().await;
        let connect = asking(&url).0.max_waiting(if waits { 10 } else { 0 });
        let (client, peer) = accepted(connect, &listener).await;
        peer_closes_and_refuses(peer, &listener).await;
        let failure = async || client.call::<()>("a", ()).timeout(MS).await.unwrap_err();
        let mut error: Error = failure().await;
        while !error.is_unauthorized() {
            tokio::task::yield_now().await;
            error = failure().await;
        }
        assert!(error.is_unsent() && error.is_timeout() == waits, "{error}");
        let text = error.to_string();
        assert!(text.contains("code 1001") && text.contains("attempt 1 to reconnect failed"), "{text}");
        assert!(text.contains("status 401") && text.contains("the token is wrong"), "{text}");
        assert_eq!(error.close_code(), (!waits).then_some(CloseCode::GOING_AWAY));
    }
}

async fn peer_closes_and_refuses(mut peer: Peer, listener: &TcpListener) {
    peer.close(1001, "").await;
    drop(peer);
    respond(listener, WRONG).await;
}

#[tokio::test]
async fn a_login_of_on_connect_that_is_refused_three_times_in_a_row_ends_the_client() {
    let (listener, url) = listen().await;
    let login = |client: Client| async move {
        let done = client.call::<()>("rpc.login", ["old"]).await;
        client.notify("ready", ()).await.and(done)
    };
    let refusal = || json!({ "code": -32001, "message": "login failed: the token is wrong" });
    let (client, mut peer) = accepted(coming_back(&url).on_connect(login), &listener).await;
    for accepts in [false, false, true, false, false] {
        match accepts {
            true => peer.answer(json!(null)).await,
            false => peer.answer_error(refusal()).await,
        }
        assert_eq!(peer.json().await["method"], "ready");
        peer.close(4001, "no login in time").await;
        drop(peer);
        peer = Peer::accept(&listener).await;
    }
    let (end, ()) = tokio::join!(client.closed(), async {
        peer.answer_error(refusal()).await;
        peer.closed().await;
    });
    assert_eq!(end.code, CloseCode::UNAUTHORIZED);
    assert!(end.reason.contains("3 times in a row") && end.reason.contains("the token is wrong"), "{}", end.reason);
    assert!(client.call::<()>("a", ()).await.unwrap_err().is_unauthorized());
}

impl Peer {
    /// Answers a login and hangs up, all at once.
    async fn answer_and_hang_up(mut self, outcome: Result<(), i64>) {
        let id = self.json().await["id"].clone();
        let answer = match outcome {
            Ok(()) => json!({"jsonrpc": "2.0", "result": null, "id": id}),
            Err(code) => {
                json!({"jsonrpc": "2.0", "error": { "code": code, "message": "the token is wrong" }, "id": id})
            }
        };
        self.0.feed(Message::text(answer.to_string())).await.unwrap();
        self.close(1008, "the login was refused").await;
    }
}

#[tokio::test]
async fn a_refused_login_of_on_connect_counts_also_when_the_server_hangs_up_at_once() {
    let (listener, url) = listen().await;
    let login = |client: Client| async move { client.call::<()>("rpc.login", ["old"]).await };
    let (client, mut peer) = accepted(coming_back(&url).on_connect(login), &listener).await;
    let (wrong, not_now) = (Err(-32001), Err(-32005));
    for outcome in [wrong, wrong, Ok(()), not_now, not_now, not_now, wrong, not_now, wrong] {
        peer.answer_and_hang_up(outcome).await;
        peer = Peer::accept(&listener).await;
    }
    peer.answer_and_hang_up(wrong).await;
    let end = tokio::select! {
        end = client.closed() => end,
        _again = Peer::accept(&listener) => panic!("it logs in without end"),
    };
    assert_eq!(end.code, CloseCode::UNAUTHORIZED);
    assert!(end.reason.contains("3 times in a row") && end.reason.contains("the token is wrong"), "{}", end.reason);
}

#[tokio::test]
async fn a_login_that_is_refused_to_the_application_costs_no_connection() {
    let (listener, url) = listen().await;
    let handler = |client: Client| async move {
        client.call::<()>("rpc.login", ["typo"]).await.is_err_and(|error| error.is_unauthorized())
    };
    let (client, mut peer) = accepted(coming_back(&url).on("login?", handler), &listener).await;
    let refusal = || json!({ "code": -32001, "message": "login failed: the token is wrong" });
    for _ in 0..5 {
        let (error, ()) = tokio::join!(client.call::<()>("rpc.login", ["typo"]), peer.answer_error(refusal()));
        assert!(error.unwrap_err().is_unauthorized());
        peer.send(&json!({"jsonrpc": "2.0", "method": "login?", "id": 1})).await;
        peer.answer_error(refusal()).await;
        assert_eq!(peer.json().await["result"], true);
    }
    let (answer, ()) = tokio::join!(client.call::<u8>("a", ()), peer.answer(json!(1)));
    assert_eq!(answer.unwrap(), 1);
}
