//! Every example of the JSON-RPC 2.0 specification (section 7), text in and text out.

use conduit::{RunningServer, methods, rpc};
use serde_json::{Value, json};

use crate::support::{Peer, serve};

#[rpc(name = "subtract")]
async fn subtract(minuend: i64, subtrahend: i64) -> i64 {
    minuend - subtrahend
}

/// The examples call it with any number of numbers, so it takes what is there.
#[rpc(name = "update")]
async fn update(_a: Option<i64>, _b: Option<i64>, _c: Option<i64>, _d: Option<i64>, _e: Option<i64>) {}

#[rpc(name = "sum")]
async fn sum(a: i64, b: i64, c: i64) -> i64 {
    a + b + c
}

#[rpc(name = "notify_hello")]
async fn notify_hello(_number: i64) {}

#[rpc(name = "notify_sum")]
async fn notify_sum(_a: i64, _b: i64, _c: i64) {}

#[rpc(name = "get_data")]
async fn get_data() -> (String, i64) {
    ("hello".into(), 5)
}

async fn connected() -> (RunningServer, Peer) {
    let server = serve(methods![subtract, update, sum, notify_hello, notify_sum, get_data]).await;
    let peer = Peer::connect(&server).await;
    (server, peer)
}

/// Takes out of errors what the specification leaves to the server: the wording, and the data.
fn plain(mut response: Value) -> Value {
    match &mut response {
        Value::Array(responses) => responses.iter_mut().for_each(|response| *response = plain(response.take())),
        response => {
            if let Some(error) = response.get_mut("error") {
                assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
                *error = json!({ "code": error["code"] });
            }
        }
    }
    response
}

async fn exchange(request: &str, response: &str) {
    let (_server, mut peer) = connected().await;
    let expected: Value = serde_json::from_str(response).expect("the example is JSON");
    assert_eq!(plain(peer.ask(request).await), expected);
    peer.expect_silence().await;
}

async fn no_answer(request: &str) {
    let (_server, mut peer) = connected().await;
    peer.send(request).await;
    peer.expect_silence().await;
}

#[tokio::test]
async fn positional_parameters() {
    exchange(
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 1}"#,
    )
    .await;
    exchange(
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
        r#"{"jsonrpc": "2.0", "result": -19, "id": 2}"#,
    )
    .await;
}

#[tokio::test]
async fn named_parameters() {
    exchange(
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 3}"#,
    )
    .await;
    exchange(
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 4}"#,
    )
    .await;
}

#[tokio::test]
async fn a_notification() {
    no_answer(r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#).await;
    no_answer(r#"{"jsonrpc": "2.0", "method": "foobar"}"#).await;
}

#[tokio::test]
async fn non_existent_method() {
    exchange(
        r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32601}, "id": "1"}"#,
    )
    .await;
}

#[tokio::test]
async fn invalid_json() {
    exchange(
        r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32700}, "id": null}"#,
    )
    .await;
}

#[tokio::test]
async fn invalid_request_object() {
    exchange(
        r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}"#,
    )
    .await;
}

#[tokio::test]
async fn batch_of_invalid_json() {
    exchange(
        r#"[
            {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method"
        ]"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32700}, "id": null}"#,
    )
    .await;
}

#[tokio::test]
async fn an_empty_array() {
    exchange("[]", r#"{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}"#).await;
}

#[tokio::test]
async fn an_invalid_batch_that_is_not_empty() {
    exchange("[1]", r#"[{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}]"#).await;
}

#[tokio::test]
async fn an_invalid_batch() {
    exchange(
        "[1,2,3]",
        r#"[
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}
        ]"#,
    )
    .await;
}

#[tokio::test]
async fn a_mixed_batch() {
    exchange(
        r#"[
            {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
        ]"#,
        r#"[
            {"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32601}, "id": "5"},
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
        ]"#,
    )
    .await;
}

#[tokio::test]
async fn a_batch_of_notifications() {
    no_answer(
        r#"[
            {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
        ]"#,
    )
    .await;
}
