//! Who may call what, and how one logs in.

use std::time::Duration;

use conduit::{methods, rpc};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error as WsError;

use crate::support::{Log, Peer, builder, serve, start};

#[rpc]
async fn secret() -> &'static str {
    "treasure"
}

#[rpc(public)]
async fn motd() -> &'static str {
    "hello"
}

#[tokio::test]
async fn a_token_at_the_upgrade_logs_in() {
    let server = start(builder(methods![secret, motd]).password("open sesame")).await;
    let mut peer = Peer::connect_with(&server, "open sesame").await;
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn a_wrong_token_at_the_upgrade_is_refused_with_401() {
    let server = start(builder(methods![secret]).password("right")).await;
    for wrong in ["wrong", "", "righ", "right!"] {
        match Peer::upgrade(server.address(), Some(wrong)).await {
            Err(WsError::Http(response)) => {
                assert_eq!(response.status(), 401, "{wrong}");
                assert_eq!(response.headers()["www-authenticate"], "Bearer");
            }
            other => panic!("{wrong:?} was not refused: {:?}", other.map(drop)),
        }
    }
}

#[tokio::test]
async fn before_login_only_public_methods_answer_and_the_connection_stays() {
    let server = start(builder(methods![secret, motd]).password("right")).await;
    let mut peer = Peer::connect(&server).await;
    for method in ["secret", "listall", "rpc.discover"] {
        let error = peer.error(method, json!([])).await;
        assert_eq!(error["code"], -32001, "{method}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains("rpc.login")), "{error}");
    }
    assert_eq!(peer.result("motd", json!([])).await, "hello");
    let error = peer.error("rpc.login", json!({ "token": "wrong" })).await;
    assert_eq!(error, json!({ "code": -32001, "message": "login failed: the token is wrong" }));
    assert_eq!(peer.error("secret", json!([])).await["code"], -32001);
    assert_eq!(peer.result("rpc.login", json!({ "token": "right" })).await, json!({ "server": "Server" }));
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn calls_sent_right_behind_the_login_are_served() {
    let server = start(builder(methods![secret]).password("right")).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"rpc.login","params":["right"],"id":1}"#).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"secret","id":2}"#).await;
    assert_eq!(peer.receive().await["id"], 1);
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "result": "treasure", "id": 2 }));
}

#[tokio::test]
async fn who_does_not_log_in_in_time_is_closed_with_4001() {
    let server = start(builder(methods![secret]).password("right").auth_timeout(Duration::from_millis(50))).await;
    let mut peer = Peer::connect(&server).await;
    let frame = peer.closed().await.expect("a close frame with a code");
    assert_eq!(u16::from(frame.code), 4001);
    assert_eq!(frame.reason.as_str(), "no login within 50ms");
}

#[tokio::test(start_paused = true)]
async fn who_has_logged_in_may_stay() {
    let server = start(builder(methods![secret]).password("right").auth_timeout(Duration::from_secs(30))).await;
    let mut peer = Peer::connect_with(&server, "right").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn an_open_server_asks_nobody() {
    let server = serve(methods![secret]).await;
    assert_eq!(Peer::connect(&server).await.result("secret", json!([])).await, "treasure");
    assert_eq!(Peer::connect_with(&server, "whatever").await.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn without_a_password_a_random_token_is_made_and_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let server = tracing::subscriber::with_default(subscriber, || builder(methods![secret]).build());
    let server = server.expect("the server builds").start().await.expect("the server starts");
    let text = log.text();
    let tokens: Vec<&str> = text.split_whitespace().filter(|word| word.len() == 64).collect();
    assert_eq!(tokens.len(), 1, "{text}");
    let mut peer = Peer::connect_with(&server, tokens[0]).await;
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
    assert_eq!(Peer::connect(&server).await.error("secret", json!([])).await["code"], Value::from(-32001));
}
