//! How connections end, and that no call outlives its own.

use std::time::{Duration, Instant};

use futures_util::poll;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Peer, connected, listen};
use crate::{Client, error::ErrorKind};

#[tokio::test]
async fn a_close_of_the_server_fails_calls_at_once_and_says_why() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), async {
        peer.json().await;
        peer.close(1001, "going away").await;
    });
    let error = result.unwrap_err();
    assert!(error.is_closed() && client.is_closed());
    let wanted =
        "the connection closed before `add` was answered: code 1001, reason `going away`; the call may have run";
    assert_eq!(error.to_string(), wanted);
    let wanted = "`add` was not sent: the connection is closed: code 1001, reason `going away`";
    assert_eq!(client.call::<i64>("add", ()).await.unwrap_err().to_string(), wanted);
    assert_eq!(client.notify("tick", ()).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(peer.closed().await, CloseCode::Away);
}

#[tokio::test]
async fn a_connection_that_breaks_fails_calls_at_once() {
    let (client, mut peer) = connected().await;
    let calls = async { tokio::join!(client.call::<i64>("a", ()), client.call::<i64>("b", ())) };
    let ((a, b), ()) = tokio::join!(calls, async {
        peer.json().await;
        drop(peer);
    });
    assert!(a.unwrap_err().to_string().contains("lost without a close frame"));
    assert!(b.unwrap_err().is_closed());
    client.close().await;
}

#[tokio::test]
async fn closing_sends_1000_and_waits_for_the_server() {
    let (client, mut peer) = connected().await;
    client.notify("tick", ()).await.unwrap();
    let waiting = tokio::spawn(client.call::<i64>("slow", ()));
    assert_eq!(peer.json().await["method"], "tick");
    assert_eq!(peer.json().await["method"], "slow");
    let start = Instant::now();
    let ((), code) = tokio::join!(client.close(), peer.closed());
    assert_eq!(code, CloseCode::Normal);
    assert!(start.elapsed() < Duration::from_secs(4), "the server's close frame is enough, its socket is still open");
    assert!(client.is_closed());
    assert!(waiting.await.unwrap().unwrap_err().to_string().contains("this client closed it"));
    assert!(client.call::<i64>("add", ()).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn closing_does_not_wait_for_a_server_that_is_silent() {
    let (client, _peer) = connected().await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    client.close().await;
    assert!(start.elapsed() <= Duration::from_secs(6));
}

#[tokio::test]
async fn notifications_handed_over_before_the_close_still_go_out() {
    let (client, mut peer) = connected().await;
    for n in 0..10 {
        client.notify("tick", [n]).await.unwrap();
    }
    drop(client);
    for n in 0..10 {
        assert_eq!(peer.json().await["params"], json!([n]));
    }
    assert_eq!(peer.closed().await, CloseCode::Normal);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_and_a_waiting_call_is_one() {
    let (client, mut peer) = connected().await;
    let call = client.clone().call::<i64>("add", ());
    drop(client);
    let (result, ()) = tokio::join!(call, peer.answer(json!(5)));
    assert_eq!(result.unwrap(), 5);
    assert_eq!(peer.closed().await, CloseCode::Normal);
}

#[tokio::test]
async fn a_dropped_last_call_is_cancelled_before_the_close() {
    let (client, mut peer) = connected().await;
    let mut call = client.call::<i64>("slow", ());
    drop(client);
    assert!(poll!(&mut call).is_pending());
    peer.json().await;
    drop(call);
    assert_eq!(peer.json().await["method"], "rpc.cancel");
    assert_eq!(peer.closed().await, CloseCode::Normal);
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection_and_says_so() {
    let (listener, url) = listen().await;
    let connect = async { Client::connect(url).reconnect(false).max_message_size(1000).await.unwrap() };
    let (client, mut peer) = tokio::join!(connect, Peer::accept(&listener));
    let (result, ()) = tokio::join!(client.call::<String>("big", ()), peer.answer(json!("x".repeat(1000))));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("of 1036 bytes or more: `max_message_size` of this client is 1000"), "{error}");
}

#[test]
fn a_runtime_that_shuts_down_ends_the_calls_of_its_connections() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let own = runtime();
    let (client, _peer) = own.block_on(connected());
    drop(own);
    let error = runtime().block_on(client.call::<i64>("add", ())).unwrap_err();
    assert!(error.to_string().contains("the runtime of the connection shut down"), "{error}");
}
