//! Who is let in, and what a connection may take.

use std::time::Duration;

use conduit::{ErrorKind, raw};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{closed_with, connect, echo, peer, url, with_echo};
use crate::support::{Peer, builder, http_response_at, start};

#[tokio::test]
async fn a_login_is_by_header_at_the_upgrade_or_refused_with_401() {
    let server = echo(builder([]).password("right")).await;
    for token in [None, Some("wrong")] {
        match Peer::upgrade_at(server.address(), "/echo", token).await {
            Err(WsError::Http(response)) => {
                assert_eq!(response.status(), 401, "{token:?}");
                assert_eq!(response.headers()["www-authenticate"], "Bearer");
            }
            other => panic!("{token:?} was not refused: {:?}", other.map(drop)),
        }
    }
    let error = raw::connect(url(&server, "/echo")).await.expect_err("no password");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("Authorization: Bearer"), "{error}");
    let mut client = raw::connect(url(&server, "/echo")).password("right").await.expect("logged in");
    client.send("hello").await.expect("sent");
    assert_eq!(client.recv().await.expect("a message"), Some("hello".into()));
}

#[tokio::test]
async fn an_open_server_takes_everybody() {
    let server = echo(builder([]).open()).await;
    for client in [raw::connect(url(&server, "/echo")), raw::connect(url(&server, "/echo")).password("whatever")] {
        let mut client = client.await.expect("taken");
        client.send("hello").await.expect("sent");
        assert_eq!(client.recv().await.expect("a message"), Some("hello".into()));
    }
}

const UPGRADE: [(&str, &str); 3] =
    [("upgrade", "websocket"), ("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let server = echo(builder([]).open().allowed_origins(["https://app.example.org"])).await;
    for (origin, is_allowed) in [("https://evil.example", false), ("https://app.example.org", true)] {
        let outcome = raw::connect(url(&server, "/echo")).header("origin", origin).await;
        assert_eq!(
            outcome.as_ref().err().map(|error| error.to_string().contains("403")),
            (!is_allowed).then_some(true)
        );
        assert_eq!(outcome.is_ok(), is_allowed, "{origin}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_told_what_is_spoken_here() {
    let server = echo(builder([]).open()).await;
    let status = async |what: &str, headers: &[(&str, &str)]| {
        let response = http_response_at(server.address(), what, headers, "").await;
        response.split(' ').nth(1).map(str::to_owned).expect("a status line")
    };
    assert_eq!(status("GET /echo", &[]).await, "426");
    assert_eq!(status("POST /echo", &[("content-type", "application/json")]).await, "405");
    assert_eq!(status("GET /echo", &UPGRADE[..2]).await, "400");
    assert_eq!(status("GET /other", &UPGRADE).await, "404");
}

#[tokio::test]
async fn raw_connections_count_among_max_connections() {
    let server = echo(builder([]).open().max_connections(1)).await;
    let mut first = connect(&server, "/echo").await;
    for path in ["/echo", "/"] {
        match Peer::upgrade_at(server.address(), path, None).await {
            Err(WsError::Http(response)) => assert_eq!(response.status(), 503, "{path}"),
            other => panic!("not refused: {:?}", other.map(drop)),
        }
    }
    first.close(1000, "").await;
    // The place is free when the server has seen the end too.
    while Peer::upgrade_at(server.address(), "/echo", None).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let server = echo(builder([]).open().max_message_size(100)).await;
    let mut client = connect(&server, "/echo").await;
    client.send(vec![0; 100]).await.expect("sent");
    assert_eq!(client.recv().await.expect("a message"), Some(vec![0; 100].into()));
    client.send(vec![0; 101]).await.expect("sent");
    assert_eq!(closed_with(&mut client).await, 1009);
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_sent_and_the_connection_lives() {
    let server = builder([]).open().max_message_size(100).raw("/double", |conn, message| async move {
        let text = message.as_text().unwrap_or_default();
        if !conn.send(text.repeat(2)) {
            conn.send("too large");
        }
    });
    let server = start(server).await;
    let mut client = connect(&server, "/double").await;
    for (size, answer) in [(50, "x".repeat(100)), (51, "too large".into()), (1, "xx".into())] {
        client.send("x".repeat(size)).await.expect("sent");
        assert_eq!(client.recv().await.expect("a message"), Some(answer.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_sends_more_than_the_rates_allow_is_closed_with_1008() {
    let server = echo(builder([]).open().max_messages_per_second(2)).await;
    let mut client = connect(&server, "/echo").await;
    for _ in 0..2 {
        client.send("hello").await.expect("sent");
        assert_eq!(client.recv().await.expect("a message"), Some("hello".into()));
    }
    client.send("too much").await.expect("sent");
    assert_eq!(closed_with(&mut client).await, 1008);
    let reason = &client.end().expect("it has ended").reason;
    assert!(reason.starts_with("over `max_messages_per_second`, which is 2: try again in "), "{reason}");
}

#[tokio::test]
async fn who_does_not_read_is_disconnected_with_4002() {
    let (told, mut handles) = mpsc::unbounded_channel();
    let server = builder([]).open().max_queue_bytes(1 << 20).raw("/flood", move |conn, _| {
        let told = told.clone();
        async move {
            while conn.send(vec![0; 1 << 16]) {
                tokio::task::yield_now().await;
            }
            let _ = told.send(conn);
        }
    });
    let server = start(server).await;
    let mut client = connect(&server, "/flood").await;
    client.send("go").await.expect("sent");
    let handle: raw::Connection = handles.recv().await.expect("the queue runs over");
    assert!(handle.is_closed());
    let end = handle.closed().await;
    assert_eq!(end.code.as_u16(), 4002);
    assert!(end.reason.starts_with("reads too slowly: "), "{}", end.reason);
}

#[tokio::test]
async fn a_dead_peer_is_closed_with_4004_and_one_that_answers_pings_is_not() {
    let server =
        builder([]).open().heartbeat_interval(Duration::from_millis(20)).heartbeat_timeout(Duration::from_millis(200));
    let server = start(with_echo(server)).await;
    let (mut alive, mut dead) = (peer(&server, "/echo").await, peer(&server, "/echo").await);
    // A peer answers pings as long as somebody reads; this one is not read while the other one is.
    for _ in 0..15 {
        assert!(matches!(alive.next().await, Some(Ok(Message::Ping(_)))));
    }
    assert_eq!(dead.closed().await.map(|frame| u16::from(frame.code)), Some(4004));
    alive.send("hello").await;
    assert_eq!(alive.receive_text().await, "hello");
}

#[tokio::test]
async fn versions_are_told_and_asked_for_as_by_other_clients() {
    let server = echo(builder([]).open().version("1.2.0").minimum_version("2.0.0")).await;
    let connect = || raw::connect(url(&server, "/echo"));
    let error = connect().version("1.9.0").await.expect_err("too old a client");
    assert!(error.to_string().contains("2.0.0"), "{error}");
    let error = connect().version("2.0.0").minimum_version("1.3.0").await.expect_err("too old a server");
    assert_eq!(error.kind(), ErrorKind::Version);
    let mut client = connect().version("2.0.0").minimum_version("1.2.0").await.expect("both are new enough");
    client.send("hello").await.expect("sent");
    assert_eq!(client.recv().await.expect("a message"), Some("hello".into()));
}
