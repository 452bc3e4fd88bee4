//! The same methods by `POST`.

use conduit::{Connection, methods, rpc};
use serde_json::{Value, json};

use crate::support::{Peer, builder, http, serve, start};

const JSON: (&str, &str) = ("content-type", "application/json");

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc(public)]
async fn motd() -> &'static str {
    "hello"
}

#[rpc]
async fn take_time() -> &'static str {
    tokio::task::yield_now().await;
    "done"
}

fn parsed((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}")))
}

#[tokio::test]
async fn calls_and_batches_are_answered_as_over_a_websocket() {
    let server = serve(methods![add, take_time]).await;
    let add = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    let answer = parsed(http(server.address(), "POST", &[JSON], add).await);
    assert_eq!(answer, (200, json!({ "jsonrpc": "2.0", "result": 5, "id": 1 })));
    let batch = format!(r#"[{add},{{"jsonrpc":"2.0","method":"take_time","id":2}}]"#);
    let (status, answers) = parsed(http(server.address(), "POST", &[JSON], &batch).await);
    assert_eq!((status, &answers[1]["result"]), (200, &json!("done")));
    for (body, code) in [("{", -32700), ("[]", -32600), (r#"{"jsonrpc":"2.0","method":"no","id":1}"#, -32601)] {
        let (status, answer) = parsed(http(server.address(), "POST", &[JSON], body).await);
        assert_eq!((status, &answer["error"]["code"]), (200, &json!(code)), "{body}");
    }
}

#[tokio::test]
async fn a_notification_is_answered_with_no_content() {
    let server = serve(methods![add]).await;
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[2,3]}"#;
    assert_eq!(http(server.address(), "POST", &[JSON], body).await, (204, String::new()));
}

#[tokio::test]
async fn the_token_goes_in_the_authorization_header() {
    let server = start(builder(methods![add, motd]).password("right")).await;
    let add = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    let motd = r#"{"jsonrpc":"2.0","method":"motd","id":1}"#;
    let right = ("authorization", "Bearer right");
    let wrong = ("authorization", "Bearer wrong");
    assert_eq!(parsed(http(server.address(), "POST", &[JSON, right], add).await).1["result"], 5);
    for (headers, body) in [(vec![JSON, wrong], add), (vec![JSON, wrong], motd), (vec![JSON], add)] {
        let (status, answer) = parsed(http(server.address(), "POST", &headers, body).await);
        assert_eq!((status, &answer["error"]["code"]), (401, &json!(-32001)), "{body}");
    }
    assert_eq!(
        parsed(http(server.address(), "POST", &[JSON], motd).await),
        (200, json!({ "jsonrpc": "2.0", "result": "hello", "id": 1 }))
    );
}

#[tokio::test]
async fn only_json_is_taken_so_that_browsers_ask_before_they_send_across_origins() {
    let server = serve(methods![add]).await;
    let add = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    for headers in
        [vec![], vec![("content-type", "text/plain")], vec![("content-type", "application/x-www-form-urlencoded")]]
    {
        assert_eq!(http(server.address(), "POST", &headers, add).await.0, 415);
    }
    let charset = ("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(http(server.address(), "POST", &[charset], add).await.0, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = start(builder(methods![add]).open().max_message_size(100)).await;
    let body = format!(r#"{{"jsonrpc":"2.0","method":"add","params":[2,3],"id":"{}"}}"#, "x".repeat(100));
    assert_eq!(http(server.address(), "POST", &[JSON], &body).await.0, 413);
}

#[tokio::test]
async fn a_get_without_an_upgrade_says_what_is_spoken_here() {
    let server = serve(methods![add]).await;
    let (status, body) = http(server.address(), "GET", &[], "").await;
    assert_eq!(status, 426);
    assert!(body.contains("JSON-RPC 2.0"), "{body}");
    assert_eq!(http(server.address(), "DELETE", &[], "").await.0, 405);
}

#[rpc]
async fn who(client: &Connection) -> String {
    client.id().to_string()
}

#[tokio::test]
async fn every_request_is_a_connection_of_its_own() {
    let server = serve(methods![who]).await;
    let body = r#"{"jsonrpc":"2.0","method":"who","id":1}"#;
    let first = parsed(http(server.address(), "POST", &[JSON], body).await).1["result"].clone();
    let second = parsed(http(server.address(), "POST", &[JSON], body).await).1["result"].clone();
    let third = Peer::connect(&server).await.result("who", json!([])).await;
    assert!(first != second && second != third, "{first} {second} {third}");
}
