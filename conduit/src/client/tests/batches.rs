//! Batches: one message, an answer for each entry.

use futures_util::poll;
use serde_json::json;

use super::connected;
use crate::error::ErrorKind;

#[tokio::test]
async fn a_batch_is_one_message_and_each_entry_has_its_answer() {
    let (client, mut peer) = connected().await;
    let mut batch = client.batch();
    let sum = batch.call::<i64>("add", [2, 3]);
    batch.notify("tick", ());
    let name = batch.call::<String>("name", ());
    let missing = batch.call::<String>("missing", ());
    assert_eq!(batch.len(), 4);
    let (answers, ()) = tokio::join!(batch.send(), async {
        let wanted = json!([
            {"jsonrpc": "2.0", "method": "add", "params": [2, 3], "id": 1},
            {"jsonrpc": "2.0", "method": "tick"},
            {"jsonrpc": "2.0", "method": "name", "id": 2},
            {"jsonrpc": "2.0", "method": "missing", "id": 3},
        ]);
        assert_eq!(peer.json().await, wanted);
        let answers = json!([
            {"jsonrpc": "2.0", "error": {"code": -32601, "message": "no"}, "id": 3},
            {"jsonrpc": "2.0", "result": "conduit", "id": 2},
            {"jsonrpc": "2.0", "result": 5, "id": 1},
        ]);
        peer.send(&answers).await;
    });
    let answers = answers.unwrap();
    assert_eq!(answers.take(sum).unwrap(), 5);
    assert_eq!(answers.take(name).unwrap(), "conduit");
    assert_eq!(answers.take(missing).unwrap_err().code(), Some(-32601));
}

#[tokio::test]
async fn an_empty_batch_is_an_error_before_sending() {
    let (client, mut peer) = connected().await;
    assert_eq!(client.batch().send().await.unwrap_err().kind(), ErrorKind::Encode);
    client.notify("tick", ()).await.unwrap();
    assert_eq!(peer.json().await["method"], "tick");
}

#[tokio::test]
async fn bad_params_of_one_entry_keep_the_batch_from_being_sent() {
    let (client, _peer) = connected().await;
    let mut batch = client.batch();
    batch.call::<i64>("add", [1]);
    batch.call::<i64>("neg", 1);
    let error = batch.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    assert!(error.to_string().contains("`neg`"), "{error}");
}

#[tokio::test]
async fn a_batch_of_notifications_waits_for_no_answer() {
    let (client, mut peer) = connected().await;
    let mut batch = client.batch();
    batch.notify("tick", ());
    batch.notify("tock", ());
    batch.send().await.unwrap();
    assert_eq!(peer.json().await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_error_for_the_whole_batch_is_the_error_of_each_entry() {
    let (client, mut peer) = connected().await;
    let mut batch = client.batch();
    let entries = [batch.call::<i64>("a", ()), batch.call::<i64>("b", ())];
    let (answers, ()) = tokio::join!(batch.send(), async {
        peer.json().await;
        peer.send(&json!({"jsonrpc": "2.0", "error": {"code": -32600, "message": "too large"}, "id": null})).await;
    });
    let answers = answers.unwrap();
    for entry in entries {
        assert_eq!(answers.take(entry).unwrap_err().code(), Some(-32600));
    }
}

#[tokio::test]
async fn an_entry_that_the_server_left_out_does_not_wait() {
    let (client, mut peer) = connected().await;
    let mut batch = client.batch();
    let (a, b) = (batch.call::<i64>("a", ()), batch.call::<i64>("b", ()));
    let (answers, ()) = tokio::join!(batch.send(), async {
        peer.json().await;
        peer.send(&json!([{"jsonrpc": "2.0", "result": 1, "id": 1}])).await;
    });
    let answers = answers.unwrap();
    assert_eq!(answers.take(a).unwrap(), 1);
    let error = answers.take(b).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("`b`") && error.to_string().contains("left it out"), "{error}");
}

#[tokio::test]
async fn dropping_a_batch_cancels_what_was_not_answered() {
    let (client, mut peer) = connected().await;
    let mut batch = client.batch();
    batch.call::<i64>("a", ());
    batch.call::<i64>("b", ());
    let mut sending = Box::pin(batch.send());
    assert!(poll!(&mut sending).is_pending());
    peer.json().await;
    drop(sending);
    assert_eq!(peer.json().await["params"], json!({"id": 1}));
    assert_eq!(peer.json().await["params"], json!({"id": 2}));
}

#[tokio::test]
async fn a_batch_whose_connection_drops_fails_as_a_whole() {
    let (client, mut peer) = connected().await;
    let mut batch = client.batch();
    batch.call::<i64>("a", ());
    let sending = tokio::spawn(batch.send());
    peer.json().await;
    peer.close(1001, "").await;
    let wanted = "the connection closed before the batch was answered: code 1001; the call may have run";
    assert_eq!(sending.await.unwrap().unwrap_err().to_string(), wanted);
}

#[tokio::test]
#[should_panic(expected = "the entry is of another batch")]
async fn an_entry_of_another_batch_is_a_mistake_of_the_program() {
    let (client, _peer) = connected().await;
    let entry = client.batch().call::<i64>("a", ());
    let mut batch = client.batch();
    batch.notify("tick", ());
    let _ = batch.send().await.unwrap().take(entry);
}
