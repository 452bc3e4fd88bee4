//! Ids, texts that are no requests, and the connection that outlives them all.

use conduit::{methods, rpc};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Peer, serve};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::test]
async fn ids_come_back_digit_for_digit() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    for id in [
        "null",
        "0",
        "-7",
        "1.50",
        "1e400",
        "-1E-400",
        "123456789012345678901234567890123456789",
        "18446744073709551615",
        r#""""#,
        r#""tab\tand \"quotes\"""#,
        "\"\u{1F980}\"",
    ] {
        peer.send(&format!(r#"{{"jsonrpc":"2.0","method":"add","params":[2,3],"id":{id}}}"#)).await;
        let answer = peer.receive_text().await;
        assert_eq!(answer, format!(r#"{{"jsonrpc":"2.0","result":5,"id":{id}}}"#));
    }
}

#[tokio::test]
async fn ids_of_other_kinds_are_invalid_requests() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    for id in ["true", "[1]", r#"{"a":1}"#] {
        let answer = peer.ask(&format!(r#"{{"jsonrpc":"2.0","method":"add","params":[2,3],"id":{id}}}"#)).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &Value::Null), "{id}");
    }
}

#[tokio::test]
async fn one_id_used_twice_is_answered_twice() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let request = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":"same"}"#;
    peer.send(request).await;
    peer.send(request).await;
    for _ in 0..2 {
        assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "result": 5, "id": "same" }));
    }
}

#[tokio::test]
async fn what_is_no_request_gets_its_code_and_the_connection_goes_on() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let cases = [
        ("", -32700),
        ("   ", -32700),
        ("{", -32700),
        ("[", -32700),
        ("{}{}", -32700),
        ("nonsense", -32700),
        ("\u{feff}{}", -32700),
        (r#"{"jsonrpc":"2.0","method":"add","params":[2,3,],"id":1}"#, -32700),
        ("1", -32600),
        ("\"text\"", -32600),
        ("null", -32600),
        ("true", -32600),
        ("1e400", -32600),
        ("{}", -32600),
        ("[]", -32600),
        (r#"{"method":"add","params":[2,3],"id":null}"#, -32600),
        (r#"{"jsonrpc":2.0,"method":"add","params":[2,3],"id":null}"#, -32600),
        (r#"{"jsonrpc":"2.0","method":"add","params":"text","id":null}"#, -32600),
        (r#"{"jsonrpc":"2.0","method":"add","method":"add","id":null}"#, -32600),
        (r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"params":[4,5],"id":null}"#, -32600),
    ];
    for (text, code) in cases {
        let answer = peer.ask(text).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &Value::Null), "{text}");
    }
    assert_eq!(peer.result("add", json!([2, 3])).await, 5);
}

#[tokio::test]
async fn binary_frames_of_json_are_taken_as_text_is() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let request = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    peer.send_message(Message::binary(request.as_bytes().to_vec())).await;
    assert_eq!(peer.receive().await["result"], 5);
}

#[tokio::test]
async fn broken_utf8_in_a_binary_frame_is_a_parse_error() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    peer.send_message(Message::binary(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}".to_vec())).await;
    let answer = peer.receive().await;
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32700), &Value::Null));
    assert_eq!(peer.result("add", json!([2, 3])).await, 5);
}

#[tokio::test]
async fn params_may_be_left_out_or_null_and_members_may_come_in_any_order() {
    let server = serve(methods![nothing]).await;
    let mut peer = Peer::connect(&server).await;
    for request in [
        r#"{"method":"nothing","id":1,"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"nothing","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"nothing","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"nothing","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"n\u006fthing","extension":{"a":[1]}}"#,
    ] {
        assert_eq!(peer.ask(request).await, json!({ "jsonrpc": "2.0", "result": null, "id": 1 }), "{request}");
    }
}

#[rpc]
async fn nothing() {}

#[tokio::test]
async fn notifications_are_never_answered_whatever_comes_of_them() {
    let server = serve(methods![add, panics]).await;
    let mut peer = Peer::connect(&server).await;
    for text in [
        r#"{"jsonrpc":"2.0","method":"add","params":[2,3]}"#,
        r#"{"jsonrpc":"2.0","method":"add","params":["bad"]}"#,
        r#"{"jsonrpc":"2.0","method":"no such method"}"#,
        r#"{"jsonrpc":"2.0","method":"panics"}"#,
        r#"[{"jsonrpc":"2.0","method":"panics"},{"jsonrpc":"2.0","method":"add"}]"#,
    ] {
        peer.send(text).await;
        peer.expect_silence().await;
    }
}

#[rpc]
async fn panics() {
    panic!("on purpose");
}

#[tokio::test]
async fn responses_to_calls_that_nobody_made_are_ignored() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","result":5,"id":1}"#).await;
    peer.send(r#"{"jsonrpc":"2.0","error":{"code":1,"message":"no"},"id":2}"#).await;
    peer.expect_silence().await;
}

#[tokio::test]
async fn nesting_as_deep_as_it_goes_is_answered() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let request = |depth| format!(r#"{{"jsonrpc":"2.0","method":"add","params":{},"id":1}}"#, deep(depth));
    assert_eq!(peer.ask(&request(127)).await["error"]["code"], -32602);
    assert_eq!(peer.ask(&deep(128)).await[0]["error"]["code"], -32600);
    // Deeper than `max_depth`, the text is refused as a whole.
    for depth in [129, 1000, 100_000] {
        assert_eq!(peer.ask(&request(depth)).await["error"]["code"], -32600, "{depth}");
        assert_eq!(peer.ask(&deep(depth)).await["error"]["code"], -32600, "{depth}");
    }
}
