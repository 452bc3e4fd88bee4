//! Any bytes in: a valid JSON-RPC answer out, or none, and the connection goes on.

use std::cell::{Cell, RefCell};

use conduit::{methods, rpc};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Peer, serve};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Texts from noise to nearly right: pieces of requests, put together, cut and repeated.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        r#"{"jsonrpc":"2.0","#,
        r#""method":"add","#,
        r#""params":[1,2],"#,
        r#""params":{"a":1,"b":2},"#,
        r#""id":1"#,
        r#""id":1e999"#,
        r#""id":null"#,
        r#""result":1,"#,
        r#""error":{"code":1,"message":""},"#,
        "}",
        "{",
        "[",
        "]",
        ",",
        "\"",
        "\\u0000",
        "1e400",
        "null",
        " ",
        r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":7}"#,
    ]);
    let pieces = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), pieces, any::<String>().prop_map(String::into_bytes)]
}

/// The answer, with an id that is too large for `Value` made smaller.
fn read(text: &str) -> Value {
    serde_json::from_str(&text.replace("1e999", "1")).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// "Response object" of the specification (section 5).
fn is_response(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return false };
    let id = object.get("id").is_some_and(|id| id.is_null() || id.is_string() || id.is_number());
    let outcome = match (object.get("result"), object.get("error")) {
        (Some(_), None) => true,
        (None, Some(error)) => error["code"].is_i64() && error["message"].is_string(),
        _ => false,
    };
    id && outcome && object.get("jsonrpc").is_some_and(|version| version == "2.0")
}

#[test]
fn any_bytes_are_answered_in_json_rpc_or_not_at_all() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(serve(methods![add]));
    let peer = RefCell::new(runtime.block_on(Peer::connect(&server)));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() });
    let end = r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":["nobody"],"id":"the end"}"#;
    let answered = Cell::new(0);
    let outcome = runner.run(&message(), |bytes| {
        let mut peer = peer.borrow_mut();
        runtime.block_on(async {
            match String::from_utf8(bytes) {
                Ok(text) => peer.send(&text).await,
                Err(error) => peer.send_message(Message::binary(error.into_bytes())).await,
            }
            peer.send(end).await;
            let mut answer = read(&peer.receive_text().await);
            if answer["id"] != "the end" {
                answered.set(answered.get() + 1);
                let good = match &answer {
                    Value::Array(answers) => !answers.is_empty() && answers.iter().all(is_response),
                    answer => is_response(answer),
                };
                prop_assert!(good, "answered with {}", answer);
                answer = read(&peer.receive_text().await);
            }
            prop_assert_eq!(&answer["id"], "the end");
            Ok(())
        })
    });
    outcome.expect("every text is answered in JSON-RPC or not at all");
    assert!(answered.get() > 1000, "{} of the texts were answered", answered.get());
}
