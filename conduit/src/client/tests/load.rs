//! Many calls, and both sides sending at once.

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{Peer, connected};

/// A server that thinks long about each request.
async fn echo_slowly(mut peer: Peer) {
    while let Some(Ok(Message::Text(text))) = peer.0.next().await {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let request: Value = serde_json::from_str(&text).unwrap();
        peer.send(&json!({"jsonrpc": "2.0", "result": request["params"][0], "id": request["id"]})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_at_once_all_end() {
    let (client, peer) = connected().await;
    let server = tokio::spawn(echo_slowly(peer));
    let calls = (0..10_000_u64).map(|n| {
        let call = client.call::<u64>("echo", [n]);
        tokio::spawn(async move { call.await.unwrap() == n })
    });
    for answered in join_all(calls).await {
        assert!(answered.unwrap());
    }
    client.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn two_sides_that_send_before_they_read_do_not_block_each_other() {
    const MESSAGES: usize = 64;
    let (client, mut peer) = connected().await;
    let large = "x".repeat(256 * 1024);
    let calls = (0..MESSAGES).map(|_| client.call::<usize>("length", [&large]));
    let server = async {
        let event = json!({"jsonrpc": "2.0", "method": "event", "params": [large]}).to_string();
        for _ in 0..MESSAGES {
            peer.0.send(Message::text(&*event)).await.unwrap();
        }
        for _ in 0..MESSAGES {
            peer.answer(json!(large.len())).await;
        }
    };
    let (answers, ()) = tokio::join!(join_all(calls), server);
    assert!(answers.into_iter().all(|answer| answer.unwrap() == large.len()));
}

#[tokio::test]
async fn a_queue_that_is_full_makes_senders_wait_and_frees_them_when_the_connection_ends() {
    let (client, mut peer) = connected().await;
    let large = ["x".repeat(128 * 1024)];
    let calls: Vec<_> = (0..400).map(|_| tokio::spawn(client.call::<u64>("add", &large))).collect();
    // The server reads one message and no more: the socket fills up, and then the queue.
    peer.json().await;
    peer.close(1008, "slow down").await;
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("code 1008"), "{error}");
    }
}
