//! What a server sends beside answers, sense and nonsense.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::connected;
use crate::error::ErrorKind;

#[tokio::test]
async fn garbage_costs_no_call_its_connection() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), async {
        let id = peer.json().await["id"].clone();
        for text in ["", "{", "[]", "[1]", "7", "{}", r#"{"jsonrpc":"2.0","result":1,"id":"1"}"#] {
            peer.send_text(text).await;
        }
        peer.0.send(Message::binary(vec![0xff, 0xfe])).await.unwrap();
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": 99})).await;
        peer.send(&json!({"jsonrpc": "2.0", "result": null, "id": null})).await;
        peer.send(&json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "?"}, "id": null})).await;
        peer.send(&json!({"jsonrpc": "2.0", "result": 5, "id": id})).await;
    });
    assert_eq!(result.unwrap(), 5);
}

#[tokio::test]
async fn an_answer_that_is_no_response_ends_its_call() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), async {
        let id = peer.json().await["id"].clone();
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "error": {"code": 1, "message": ""}, "id": id})).await;
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().starts_with("the answer to `add` is no response: invalid request"), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_much_at_once_gets_all_answers() {
    let (_client, mut peer) = connected().await;
    for id in 0..1000 {
        peer.0.feed(Message::text(json!({"jsonrpc": "2.0", "method": "ask", "id": id}).to_string())).await.unwrap();
    }
    peer.0.flush().await.unwrap();
    let answers = async {
        for id in 0..1000 {
            assert_eq!(peer.json().await["id"], id);
        }
    };
    timeout(Duration::from_secs(10), answers).await.expect("an answer was dropped");
}

#[tokio::test]
async fn a_binary_frame_of_json_is_taken() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), async {
        peer.json().await;
        let text = r#"{"jsonrpc":"2.0","result":5,"id":1}"#;
        peer.0.send(Message::binary(text)).await.unwrap();
    });
    assert_eq!(result.unwrap(), 5);
}

#[tokio::test]
async fn a_request_of_the_server_is_answered_method_not_found() {
    let (_client, mut peer) = connected().await;
    peer.send(&json!({"jsonrpc": "2.0", "method": "event"})).await;
    peer.send(&json!({"jsonrpc": "2.0", "method": "ask", "id": "x"})).await;
    let answer = peer.json().await;
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32601), &json!("x")));
}

#[tokio::test]
async fn a_batch_of_the_server_is_answered_as_a_batch() {
    let (_client, mut peer) = connected().await;
    let ask = |id: u8| json!({"jsonrpc": "2.0", "method": "ask", "id": id});
    peer.send(&json!([ask(1), {"jsonrpc": "2.0", "method": "event"}, ask(2)])).await;
    let answers = peer.json().await;
    let ids: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test]
async fn a_notification_carries_no_id() {
    let (client, mut peer) = connected().await;
    client.notify("tick", [1]).await.unwrap();
    assert_eq!(peer.text().await, r#"{"jsonrpc":"2.0","method":"tick","params":[1]}"#);
    assert_eq!(client.notify("tick", 1).await.unwrap_err().kind(), ErrorKind::Encode);
}

#[tokio::test]
async fn a_ping_is_answered_while_the_client_is_idle() {
    let (_client, mut peer) = connected().await;
    peer.0.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(peer.next().await, Message::Pong("x".into()));
}
