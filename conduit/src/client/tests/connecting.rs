//! Connecting, and the ways it fails.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{Request, Response},
};

use super::{Peer, accepted, listen, respond};
use crate::{
    Client,
    client::Connect,
    error::{Error, ErrorKind},
};

/// What connecting gives when the server answers the request with `answer`.
async fn refused(connect: impl FnOnce(String) -> Connect, answer: &str) -> Error {
    let (listener, url) = listen().await;
    let (result, ()) = tokio::join!(async { connect(url).await }, async { drop(respond(&listener, answer).await) });
    result.unwrap_err()
}

#[tokio::test]
async fn status_401_is_unauthorized_and_says_what_to_do() {
    let answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let error = refused(Client::connect, answer).await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("give the password: `Client::connect(url).password(..)`"), "{error}");
    let error = refused(|url| Client::connect(url).password("wrong"), answer).await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("is not the server's"), "{error}");
}

#[tokio::test]
async fn another_status_is_shown_with_the_start_of_the_body() {
    let body = "too many connections ".repeat(50);
    let answer = format!("HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let error = refused(Client::connect, &answer).await;
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("status 503 Service Unavailable: too many connections"), "{error}");
    assert!(error.to_string().len() < 300);
}

#[tokio::test]
async fn what_is_no_web_socket_is_a_connect_error() {
    for answer in ["SSH-2.0-x\r\n", "", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
        let error = refused(Client::connect, answer).await;
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains("is no WebSocket"), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_a_connect_error() {
    let (listener, url) = listen().await;
    drop(listener);
    let error = Client::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().starts_with(&format!("can't connect to {url}/: ")), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_connect_error() {
    let (_listener, url) = listen().await;
    tokio::time::pause();
    let error = Client::connect(&url).connect_timeout(Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().ends_with("no answer within 3s"), "{error}");
}

#[tokio::test]
async fn password_and_headers_travel_with_the_upgrade() {
    let (listener, url) = listen().await;
    let connect = async { Client::connect(url).password("secret").header("x-tenant", "blue").await };
    let accept = async {
        let (socket, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let check = |request: &Request, response: Response| {
            assert_eq!(request.headers()["authorization"], "Bearer secret");
            assert_eq!(request.headers()["x-tenant"], "blue");
            Ok(response)
        };
        accept_hdr_async(socket, check).await.unwrap()
    };
    let (client, _peer) = tokio::join!(connect, accept);
    assert!(!client.unwrap().is_closed());
}

#[test]
fn debug_shows_no_secret() {
    let connect = Client::connect("ws://a").password("hunter2").header("token", "hunter2");
    assert!(!format!("{connect:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_largest_settings_that_there_are_do_no_harm() {
    let (listener, url) = listen().await;
    let connect = Client::connect(url).timeout(Duration::MAX).connect_timeout(Duration::MAX);
    let connect = connect.reconnect_delay(Duration::from_millis(1)..=Duration::MAX).max_attempts(u32::MAX);
    let connect = connect.heartbeat_interval(Duration::MAX / 2).heartbeat_timeout(Duration::MAX);
    let connect = connect.max_waiting(usize::MAX).max_message_size(usize::MAX).max_in_flight(usize::MAX);
    let (client, peer) = accepted(connect, &listener).await;
    drop(peer);
    let (answer, ()) = tokio::join!(client.call::<u8>("a", ()).idempotent(), async {
        Peer::accept(&listener).await.answer(json!(1)).await
    });
    assert_eq!(answer.unwrap(), 1);
}
