//! Batches: side by side, answered in order, bounded.

use std::sync::Arc;

use conduit::{methods, rpc};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Peer, builder, serve, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Ends when as many calls as the barrier wants are in it at the same time.
#[rpc]
async fn meet(barrier: &Arc<Barrier>, n: u8) -> u8 {
    barrier.wait().await;
    n
}

fn batch(requests: impl IntoIterator<Item = Value>) -> String {
    Value::from_iter(requests).to_string()
}

fn request(method: &str, params: Value, id: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id.into() })
}

#[tokio::test]
async fn entries_run_side_by_side_and_are_answered_in_order() {
    let server = start(builder(methods![add, meet]).open().state(Arc::new(Barrier::new(5)))).await;
    let mut peer = Peer::connect(&server).await;
    let mut requests: Vec<Value> = (0..5).map(|n| request("meet", json!([n]), n)).collect();
    requests.insert(2, request("add", json!([1, 2]), "quick"));
    let answers = peer.ask(&batch(requests)).await;
    let ids: Vec<&Value> = answers.as_array().expect("a batch").iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(0), &json!(1), &json!("quick"), &json!(2), &json!(3), &json!(4)]);
    assert!(answers.as_array().expect("a batch").iter().all(|answer| answer["error"].is_null()));
}

#[tokio::test]
async fn a_batch_that_waits_holds_up_no_other_call() {
    let barrier = Arc::new(Barrier::new(2));
    let server = start(builder(methods![add, meet]).open().state(Arc::clone(&barrier))).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&batch([request("meet", json!([1]), 5)])).await;
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    barrier.wait().await;
    assert_eq!(peer.receive().await, json!([{ "jsonrpc": "2.0", "result": 1, "id": 5 }]));
}

#[tokio::test]
async fn a_batch_over_the_limit_is_answered_with_one_error() {
    let server = start(builder(methods![add]).open().max_batch(3)).await;
    let mut peer = Peer::connect(&server).await;
    let requests = |n: u8| batch((0..n).map(|n| request("add", json!([n, 1]), n)));
    assert_eq!(peer.ask(&requests(3)).await.as_array().map(Vec::len), Some(3));
    let refusal = peer.ask(&requests(4)).await;
    assert_eq!(
        refusal,
        json!({ "jsonrpc": "2.0", "id": null, "error": {
            "code": -32600, "message": "invalid request: a batch of 4 is over the limit of 3"
        } })
    );
}

#[tokio::test]
async fn garbage_in_a_batch_is_answered_entry_by_entry() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let answers = peer.ask(r#"[1,"x",null,[],{},[[1]],{"jsonrpc":"2.0","method":"add","params":[1,2],"id":9}]"#).await;
    let codes: Vec<&Value> =
        answers.as_array().expect("a batch").iter().map(|answer| &answer["error"]["code"]).collect();
    let invalid = json!(-32600);
    assert_eq!(codes, [&invalid, &invalid, &invalid, &invalid, &invalid, &invalid, &Value::Null]);
    assert_eq!(answers[6]["result"], 3);
}

#[tokio::test]
async fn notifications_in_a_batch_are_left_out_of_the_answer() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let notification = json!({ "jsonrpc": "2.0", "method": "add", "params": [1, 2] });
    let answers = peer.ask(&batch([notification.clone(), request("add", json!([1, 2]), 1), notification])).await;
    assert_eq!(answers, json!([{ "jsonrpc": "2.0", "result": 3, "id": 1 }]));
}

#[tokio::test]
async fn a_batch_far_over_the_limit_costs_no_more_than_its_text() {
    let server = start(builder(methods![add]).open().max_batch(3)).await;
    let mut peer = Peer::connect(&server).await;
    let huge = format!("[{}1]", "1,".repeat(1_000_000));
    let refusal = peer.ask(&huge).await;
    assert_eq!(refusal["error"]["message"], "invalid request: a batch of 1000001 is over the limit of 3");
    let broken = format!("[{}1", "1,".repeat(10));
    assert_eq!(peer.ask(&broken).await["error"]["code"], -32700);
}
