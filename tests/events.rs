//! Events both ways: handlers, acks, faults, and what the server sends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use conduit::{CloseCode, Connection, ErrorKind, ErrorObject, RpcError, methods, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Peer, builder, start};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Chat {
    #[schemars(length(min = 1))]
    text: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Sent {
    sent: bool,
}

/// What handlers saw, in order.
type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: impl Into<String>) {
    log.lock().expect("nobody panics with the lock").push(line.into());
}

fn lines(log: &Log) -> Vec<String> {
    log.lock().expect("nobody panics with the lock").clone()
}

fn notification(event: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "method": event, "params": params }).to_string()
}

#[tokio::test]
async fn an_event_without_an_id_is_handled_and_not_answered() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let server = builder(methods![]).open().on("chat", move |_: Connection, data: Chat| {
        note(&seen, data.text);
        async {}
    });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("chat", json!({ "text": "hello" }))).await;
    peer.expect_silence().await;
    assert_eq!(lines(&log), ["hello"]);
}

#[tokio::test]
async fn an_event_with_an_id_is_answered_with_what_the_handler_returned() {
    let server =
        start(builder(methods![]).open().on("chat", |_: Connection, _: Chat| async { Sent { sent: true } }).on(
            "later",
            |_: Connection, n: u8| async move {
                tokio::task::yield_now().await;
                n + 1
            },
        ))
        .await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("chat", json!({ "text": "x" })).await, json!({ "sent": true }));
    assert_eq!(peer.result("later", json!([4])).await, 5);
}

#[tokio::test]
async fn a_bad_payload_is_told_whether_an_answer_was_asked_for_or_not() {
    let server = start(builder(methods![]).open().on("chat", |_: Connection, _: Chat| async {})).await;
    let mut peer = Peer::connect(&server).await;
    let fault = json!({ "path": "/text", "keyword": "minLength", "message": "\"\" is shorter than 1 character" });
    let error = peer.error("chat", json!({ "text": "" })).await;
    assert_eq!((&error["code"], &error["data"]["errors"]), (&json!(-32602), &json!([fault])));
    peer.send(&notification("chat", json!({ "text": "" }))).await;
    let told = peer.receive().await;
    assert_eq!(told, json!({ "jsonrpc": "2.0", "method": "rpc.error", "params": { "event": "chat", "error": error } }));
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ChatError {
    #[error("muted")]
    #[rpc(code = 7)]
    Muted,
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_is_told_by_an_event() {
    let server = start(
        builder(methods![]).open().on("chat", |_: Connection, _: Value| async { Err::<(), _>(ChatError::Muted) }).on(
            "bug",
            |_: Connection, _: Value| async {
                if true {
                    panic!("on purpose");
                }
            },
        ),
    )
    .await;
    let mut peer = Peer::connect(&server).await;
    for (event, error) in [
        ("chat", json!({ "code": 7, "message": "muted" })),
        ("bug", json!({ "code": -32603, "message": "internal error" })),
    ] {
        assert_eq!(peer.error(event, json!({})).await, error);
        peer.send(&notification(event, json!({}))).await;
        assert_eq!(peer.receive().await["params"], json!({ "event": event, "error": error }));
    }
}

#[tokio::test]
async fn all_handlers_of_an_event_run_in_order_and_the_first_ack_counts() {
    let log = Log::default();
    let (one, two, three) = (Arc::clone(&log), Arc::clone(&log), Arc::clone(&log));
    let server = builder(methods![])
        .open()
        .on("tick", move |_: Connection, _: Value| {
            let log = Arc::clone(&one);
            async move {
                tokio::task::yield_now().await;
                note(&log, "one");
            }
        })
        .on(["tick", "tock"], move |_: Connection, event: String, n: u8| {
            note(&two, format!("two {event}"));
            async move { Some(n) }
        })
        .on("tick", move |_: Connection, _: Value| {
            let log = Arc::clone(&three);
            async move {
                note(&log, "three");
                "three"
            }
        });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("tick", json!([9])).await, 9);
    assert_eq!(peer.result("tock", json!([8])).await, 8);
    assert_eq!(lines(&log), ["one", "two tick", "three", "two tock"]);
}

#[tokio::test]
async fn a_handler_takes_the_payload_the_name_and_the_connection_or_none_of_them() {
    let server = builder(methods![])
        .open()
        .on("nothing", || async { "nothing" })
        .on("payload", |n: u8| async move { n })
        .on("name", |event: String, n: u8| async move { (event, n) })
        .on("client", |client: Connection| async move { client.is_logged_in() })
        .on("client_payload", |client: Connection, n: u8| async move { (client.is_logged_in(), n) })
        .on("all", |client: Connection, event: String, n: u8| async move { (client.is_logged_in(), event, n) });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    for (event, ack) in [
        ("nothing", json!("nothing")),
        ("payload", json!(7)),
        ("name", json!(["name", 7])),
        ("client", json!(true)),
        ("client_payload", json!([true, 7])),
        ("all", json!([true, "all", 7])),
    ] {
        assert_eq!(peer.result(event, json!([7])).await, ack);
        let takes_anything = ["nothing", "client"].contains(&event);
        assert_eq!(peer.call(event, json!(["seven"])).await.get("error").is_none(), takes_anything, "{event}");
    }
}

#[tokio::test]
async fn the_fallback_sees_the_name_and_the_payload_of_what_nothing_else_handles() {
    let server = start(
        builder(methods![])
            .open()
            .on("known", |_: Connection, _: Value| async { "known" })
            .on("*", |_: Connection, event: String, data: Value| async move { json!([event, data]) }),
    )
    .await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("known", json!({})).await, "known");
    assert_eq!(peer.result("else", json!({ "a": 1 })).await, json!(["else", { "a": 1 }]));
}

#[tokio::test]
async fn an_unknown_event_is_an_error_with_an_id_and_ignored_without() {
    let server = start(builder(methods![]).open()).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("nothing", json!({}))).await;
    peer.expect_silence().await;
    assert_eq!(peer.error("nothing", json!({})).await["code"], -32601);
}

#[tokio::test]
async fn events_ask_for_a_login_as_methods_do() {
    let server = start(builder(methods![]).password("p").on("chat", |_: Connection, _: Value| async {})).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("chat", json!({}))).await;
    assert_eq!(peer.receive().await["params"]["error"]["code"], -32001);
}

#[rpc]
async fn chat() {}

#[test]
fn a_method_and_an_event_of_one_name_are_refused() {
    let server = builder(methods![chat]).open().on("chat", |_: Connection, _: Value| async {}).build();
    let message = server.expect_err("the server does not build").to_string();
    assert!(message.contains("`chat` is a method (") && message.contains("events.rs:"), "{message}");
}

#[tokio::test]
async fn events_are_in_the_discovery_document() {
    let server =
        start(builder(methods![]).open().on("chat", |_: Connection, _: Chat| async { Sent { sent: true } })).await;
    let document = Peer::connect(&server).await.result("rpc.discover", json!([])).await;
    let event = &document["x-events"][0];
    assert_eq!((&event["name"], &event["payload"]["required"]), (&json!("chat"), &json!(["text"])));
    assert_eq!(event["ack"]["required"], json!(["sent"]));
}

#[tokio::test]
async fn the_server_sends_payloads_of_every_kind() {
    let server = start(builder(methods![]).open().on("go", |client: Connection, _: Value| async move {
        client.send("object", &json!({ "a": 1 }));
        client.send("text", "hello");
        client.send("nothing", &());
    }))
    .await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("go", json!({}))).await;
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "method": "object", "params": { "a": 1 } }));
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "method": "text", "params": ["hello"] }));
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "method": "nothing" }));
}

#[rpc]
async fn ask_back(client: &Connection, question: String) -> Result<String, ErrorObject> {
    client.call::<String>("answer", (question,)).await.map_err(|error| match error.object() {
        Some(object) => object.clone(),
        None => ErrorObject::new(1, error.to_string()),
    })
}

#[tokio::test]
async fn a_method_may_call_the_client_that_calls_it() {
    let server = start(builder(methods![ask_back]).open()).await;
    let mut peer = Peer::connect(&server).await;
    for (answer, outcome) in [
        (json!({ "result": "fine" }), json!({ "result": "fine" })),
        (json!({ "error": { "code": 3, "message": "busy" } }), json!({ "error": { "code": 3, "message": "busy" } })),
    ] {
        peer.send(r#"{"jsonrpc":"2.0","method":"ask_back","params":["how are you"],"id":"mine"}"#).await;
        let question = peer.receive().await;
        assert_eq!((&question["method"], &question["params"]), (&json!("answer"), &json!(["how are you"])));
        let mut response = json!({ "jsonrpc": "2.0", "id": question["id"] });
        response.as_object_mut().expect("an object").extend(answer.as_object().expect("an object").clone());
        peer.send(&response.to_string()).await;
        let mut expected = json!({ "jsonrpc": "2.0", "id": "mine" });
        expected.as_object_mut().expect("an object").extend(outcome.as_object().expect("an object").clone());
        assert_eq!(peer.receive().await, expected);
    }
}

#[rpc]
async fn logout(client: &Connection, wait: bool) -> &'static str {
    client.disconnect(1000, "bye");
    if wait {
        tokio::task::yield_now().await;
    }
    "ok"
}

#[tokio::test]
async fn a_method_that_disconnects_its_caller_is_still_answered() {
    let server = start(builder(methods![logout]).open()).await;
    for wait in [false, true] {
        let mut peer = Peer::connect(&server).await;
        assert_eq!(peer.result("logout", json!([wait])).await, "ok");
        assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(1000));
    }
}

#[tokio::test]
async fn a_handler_without_a_payload_takes_any() {
    let server = start(builder(methods![]).open().on("ping", |_: Connection| async { "pong" })).await;
    let mut peer = Peer::connect(&server).await;
    for params in [json!([]), json!({}), json!(null), json!([1, 2]), json!({ "a": 1 })] {
        assert_eq!(peer.result("ping", params).await, "pong");
    }
}

#[tokio::test]
async fn a_handler_can_disconnect_its_own_client() {
    let server = start(builder(methods![]).open().on("bye", |client: Connection, _: Value| async move {
        client.send("last", "words");
        client.disconnect(CloseCode::from(4321), "as you wish");
    }))
    .await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("bye", json!({}))).await;
    assert_eq!(peer.receive().await["params"], json!(["words"]));
    let frame = peer.closed().await.expect("a close frame with a code");
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4321, "as you wish"));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_client_waits_as_long_as_it_was_told() {
    let server = start(builder(methods![]).open()).await;
    let mut peer = Peer::connect(&server).await;
    let client = server.server().connections().remove(0);
    let came = tokio::time::Instant::now();
    let error = client.call::<Value>("silence", ()).timeout(Duration::from_secs(5)).await.expect_err("no answer");
    assert_eq!((error.kind(), came.elapsed().as_secs()), (ErrorKind::Timeout, 5));
    assert_eq!(error.to_string(), "`silence` was not answered by connection 1 within 5s; the call may have run");
    let error = client.call::<Value>("silence", ()).await.expect_err("no answer");
    assert_eq!((error.kind(), came.elapsed().as_secs()), (ErrorKind::Timeout, 35));
    // Nothing is sent by a call that nobody awaits.
    drop(client.call::<Value>("unsent", ()));
    // The time that was chosen travels with the call, the default does not.
    let timed = json!({ "jsonrpc": "2.0", "method": "silence", "id": 1, "timeout_ms": 5000 });
    for (id, call) in [(1, timed), (2, json!({ "jsonrpc": "2.0", "method": "silence", "id": 2 }))] {
        assert_eq!(peer.receive().await, call);
        let cancel = json!({ "jsonrpc": "2.0", "method": "rpc.cancel", "params": { "id": id } });
        assert_eq!(peer.receive().await, cancel);
    }
    peer.expect_silence().await;
}

#[tokio::test]
async fn a_call_of_a_client_that_ends_without_an_answer_says_whether_it_was_sent_and_how_the_connection_closed() {
    let server = start(builder(methods![]).password("p")).await;
    let mut stranger = Peer::connect(&server).await;
    stranger.expect_silence().await;
    let client = server.server().connections().remove(0);
    let error = client.call::<Value>("question", ()).await.expect_err("a stranger is asked nothing");
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(error.to_string(), "`question` was not sent: connection 1 is not logged in, or has ended");
    stranger.expect_silence().await;
    drop(stranger);
    let mut peer = Peer::connect_with(&server, "p").await;
    peer.expect_silence().await;
    let client = server.server().connections().into_iter().find(Connection::is_logged_in).expect("it is there");
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.call::<Value>("question", ()).await }
    });
    assert_eq!(peer.receive().await["method"], "question");
    client.disconnect(4444, "out");
    peer.closed().await;
    let error = asking.await.expect("no panic").expect_err("no answer");
    assert_eq!(error.to_string(), "connection 2 closed before `question` was answered; the call may have run");
    assert_eq!((error.close_code(), error.close_reason()), (Some(CloseCode::from(4444)), Some("out")));
    let error = client.call::<Value>("question", ()).await.expect_err("it is closed");
    assert!(error.to_string().starts_with("`question` was not sent: "), "{error}");
    assert_eq!(error.close_code(), Some(CloseCode::from(4444)));
}

#[tokio::test]
async fn a_code_that_no_close_frame_may_have_is_sent_as_1011() {
    let server = start(builder(methods![]).open()).await;
    for (code, sent) in [
        (5, 1011),
        (1005, 1011),
        (1006, 1011),
        (1015, 1011),
        (2999, 1011),
        (5000, 1011),
        (1013, 1013),
        (3000, 3000),
        (4100, 4100),
    ] {
        let mut peer = Peer::connect(&server).await;
        peer.expect_silence().await;
        let mut connections = server.server().connections();
        connections.sort_unstable_by_key(Connection::id);
        connections.pop().expect("it is there").disconnect(code, "out");
        let frame = peer.closed().await.expect("a close frame with a code");
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (sent, "out"), "{code}");
    }
}
