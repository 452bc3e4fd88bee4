//! How many connections there may be, and what passed over one.

use conduit::{Counters, methods, rpc};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error as WsError;

use crate::support::{Peer, builder, http, http_response, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// The status and the `Retry-After` that an upgrade is refused with.
fn refusal(outcome: Result<Peer, WsError>) -> (u16, String) {
    match outcome {
        Err(WsError::Http(response)) => {
            let retry = response.headers()["retry-after"].to_str().expect("a text").to_owned();
            (response.status().as_u16(), retry)
        }
        other => panic!("not refused: {:?}", other.map(drop)),
    }
}

#[tokio::test]
async fn one_connection_too_many_is_refused_with_503_and_has_room_afterwards() {
    let server = start(builder(methods![add]).password("p").max_connections(2)).await;
    let mut one = Peer::connect_with(&server, "p").await;
    let two = Peer::connect_with(&server, "p").await;
    assert_eq!(refusal(Peer::upgrade(server.address(), Some("p")).await), (503, "5".into()));
    // HTTP requests are no connections, and a stranger has a place of its own until it logs in.
    let headers = [("content-type", "application/json"), ("authorization", "Bearer p")];
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    assert_eq!(http(server.address(), "POST", &headers, body).await.0, 200);
    let mut stranger = Peer::connect(&server).await;
    let message = stranger.error("rpc.login", json!(["p"])).await["message"].clone();
    assert_eq!(message, "login failed: the server is full: it holds 2 connections");
    assert_eq!(stranger.closed().await.map(|frame| u16::from(frame.code)), Some(1013));
    drop(two);
    while server.server().connection_count() > 1 {
        one.expect_silence().await;
    }
    let mut three = Peer::connect_with(&server, "p").await;
    assert_eq!(three.result("add", json!([1, 2])).await, 3);
}

#[tokio::test]
async fn strangers_can_not_take_the_places_of_clients() {
    let server = start(builder(methods![add]).password("p").max_unauthenticated(1)).await;
    let mut stranger = Peer::connect(&server).await;
    assert_eq!(refusal(Peer::upgrade(server.address(), None).await).0, 503);
    let mut client = Peer::connect_with(&server, "p").await;
    assert_eq!(client.result("add", json!([1, 2])).await, 3);
    stranger.result("rpc.login", json!(["p"])).await;
    let mut next = Peer::connect(&server).await;
    next.expect_silence().await;
}

#[tokio::test]
async fn messages_and_bytes_are_counted_both_ways() {
    let server = start(builder(methods![add]).open()).await;
    let mut peer = Peer::connect(&server).await;
    let connection = server.server().connections().pop();
    for _ in 0..10 {
        peer.result("add", json!([1, 2])).await;
    }
    let connection = connection.unwrap_or_else(|| server.server().connections().remove(0));
    peer.expect_silence().await;
    let Counters { messages_in, messages_out, bytes_in, bytes_out } = connection.counters();
    assert_eq!((messages_in, messages_out), (11, 11));
    assert!(bytes_in > 11 * 60 && bytes_out > 11 * 30, "{bytes_in} in, {bytes_out} out");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let server = start(builder(methods![add]).open().allowed_origins(["https://app.example.org"])).await;
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    for (origin, status) in
        [("https://evil.example", 403), ("null", 403), ("https://app.example.org", 200), ("http://localhost:3000", 200)]
    {
        let headers = [("content-type", "application/json"), ("origin", origin)];
        assert_eq!(http(server.address(), "POST", &headers, body).await.0, status, "{origin}");
    }
    let upgrade = [
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("origin", "https://evil.example"),
    ];
    let (status, message) = http(server.address(), "GET", &upgrade, "").await;
    assert_eq!(status, 403);
    assert!(message.contains("https://evil.example") && message.contains("allowed_origins"), "{message}");
}

#[tokio::test]
async fn browsers_are_told_which_pages_may_post() {
    let server = start(builder(methods![add]).open().allowed_origins(["https://app.example.org"])).await;
    let ask = async |method: &str, origin: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
        http_response(server.address(), method, &headers, if method == "POST" { body } else { "" }).await.to_lowercase()
    };
    for method in ["OPTIONS", "POST"] {
        let told = ask(method, "https://app.example.org").await;
        assert!(told.starts_with("http/1.1 200"), "{told}");
        assert!(told.contains("access-control-allow-origin: https://app.example.org\r\n"), "{told}");
        assert!(!ask(method, "https://evil.example").await.contains("access-control-allow-origin"));
    }
    let told = ask("OPTIONS", "https://app.example.org").await;
    assert!(told.contains("access-control-allow-headers: authorization,content-type\r\n"), "{told}");
}
