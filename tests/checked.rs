//! A client that knows the server's document says of a bad call what the server would, and does not send it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use conduit::{
    Client, Connection, Error, ErrorKind, Event, Identity, RunningServer, Server, ServerBuilder, methods, on, rpc,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use crate::{
    arguments::{create_user, echo, good_order, order, renamed, search, widths},
    support::{builder, start},
};

/// What is optional stands first.
#[rpc]
async fn titled(title: Option<String>, #[schemars(length(max = 5))] name: String, #[arg(default = 1)] times: u8) {
    let _ = (title, name, times);
}

#[rpc]
async fn nothing() {}

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
struct Chat {
    #[schemars(length(min = 1, max = 9))]
    text: String,
    to: Option<Vec<u8>>,
}

#[on("chat")]
async fn chat(data: Chat) -> usize {
    data.text.len()
}

/// The same event, held against another schema.
#[derive(Deserialize, JsonSchema)]
struct Short {
    #[schemars(length(max = 5))]
    text: String,
}

#[on("chat")]
async fn chat_again(data: Short) {
    drop(data.text);
}

/// A number, which travels in an array.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Level(#[schemars(range(max = 10))] u8);

#[on("level")]
async fn level(level: Level) -> u8 {
    level.0
}

#[on("levels")]
async fn levels(levels: Vec<u8>) -> usize {
    levels.len()
}

/// How many messages reached a handler of unknown events.
#[derive(Default)]
struct Others(AtomicUsize);

fn methods() -> ServerBuilder {
    let methods =
        methods![create_user, order, search, renamed, widths, echo, titled, nothing, chat, chat_again, level, levels];
    builder(methods).open()
}

fn url(server: &RunningServer) -> String {
    format!("ws://{}", server.address())
}

/// A client that asks the server, and one that checks by itself.
async fn both(server: &RunningServer) -> (Client, Client) {
    let asking = Client::connect(url(server)).discover().trust_server().await.expect("connected");
    let checking = Client::connect(url(server)).discover().await.expect("connected");
    (asking, checking)
}

/// Params that the methods take, and the events.
fn good() -> Vec<(&'static str, Value)> {
    vec![
        ("create_user", json!({ "username": "ann", "email": "a@b.io", "age": 30, "active": false, "nickname": "nan" })),
        ("create_user", json!(["ann", "a@b.io", 30])),
        ("order", good_order()),
        ("search", json!({ "text": "a", "limit": 5, "cursor": "b" })),
        ("search", json!(["a", 5, "b"])),
        ("renamed", json!({ "type": "t", "match": 1, "language": "de", "verbose": true })),
        ("widths", json!([1, 2, 3.5])),
        ("echo", json!({ "value": { "a": [1] } })),
        ("titled", json!({ "title": "Dr", "name": "ann", "times": 2 })),
        ("titled", json!(["Dr", "ann", 2])),
        ("nothing", json!([])),
        ("nothing", json!({})),
        ("chat", json!({ "text": "hello", "to": [1, 2] })),
        ("level", json!([7])),
        ("levels", json!([1, 2])),
        ("rpc.cancel", json!({ "id": 1 })),
        ("listall", json!([])),
    ]
}

/// What is put in the place of a part of good params.
fn odd() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(300),
        json!(1.5),
        json!(2.0),
        json!(1e30),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("much longer than anything that is asked for here"),
        json!([]),
        json!(["a", "b", "c"]),
        json!([1, "a", null]),
        json!({}),
        json!({ "kind": "blob" }),
        json!({ "city": "", "code": 7 }),
        json!({ "a": 256, "b": -1 }),
    ]
}

/// Every value that comes of `value` by one change: a part is another, is missing, or is one too many.
fn changed(value: &Value) -> Vec<Value> {
    let mut all = odd();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let put = |member: Value| {
                    let mut members = members.clone();
                    members.insert(name.clone(), member);
                    Value::Object(members)
                };
                all.extend(changed(member).into_iter().map(put));
                let mut without = members.clone();
                without.shift_remove(name);
                all.push(without.clone().into());
                without.insert(format!("{name}s"), member.clone());
                all.push(without.into());
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let put = |item: Value| {
                    let mut items = items.clone();
                    items[index] = item;
                    Value::Array(items)
                };
                all.extend(changed(item).into_iter().map(put));
                all.push(items[..index].to_vec().into());
            }
            let mut more = items.clone();
            more.push(json!(1));
            all.push(more.into());
        }
        _ => {}
    }
    all
}

fn told(result: Result<Value, Error>) -> (Value, bool) {
    match result {
        Ok(result) => (result, false),
        Err(error) => {
            (serde_json::to_value(error.object().expect("an error object")).expect("JSON"), error.is_unsent())
        }
    }
}

#[tokio::test]
async fn a_client_says_of_every_call_what_the_server_says() {
    let server = start(methods()).await;
    let (asking, checking) = both(&server).await;
    let (mut refused, mut taken) = (0, 0);
    for (method, params) in good() {
        let is_structure = |params: &Value| params.is_object() || params.is_array();
        for params in changed(&params).into_iter().filter(is_structure).chain([params]) {
            let (answer, _) = told(asking.call(method, &params).await);
            let (found, is_unsent) = told(checking.call(method, &params).await);
            assert_eq!(found, answer, "{method} {params}");
            assert_eq!(is_unsent, answer["code"] == -32602, "{method} {params}: {answer}");
            if is_unsent { refused += 1 } else { taken += 1 }
        }
    }
    println!("{refused} calls refused by both sides alike, {taken} taken");
    assert!(refused > 500 && taken > 100, "{refused} {taken}");
}

#[tokio::test]
async fn what_only_a_text_can_hold_is_found_too() {
    let server = start(methods()).await;
    let (asking, checking) = both(&server).await;
    for (method, text) in [
        ("widths", r#"[1e400, 0, 0]"#),
        ("widths", r#"[0, 0, -1e999]"#),
        ("widths", r#"[9223372036854775808, 18446744073709551616, 0]"#),
        ("widths", r#"{"a": 1, "b": 1, "c": 1, "a": 2}"#),
        ("create_user", r#"["\ud800", "a@b.io", 1]"#),
        ("create_user", r#"{"\ud800": 1}"#),
        ("chat", r#"{"text": "a", "text": "b"}"#),
        // What has no schema is not looked into, so that the last of two counts, on both sides.
        ("echo", r#"{"value": {"a": 1, "a": 2}}"#),
    ] {
        let params = RawValue::from_string(text.to_owned()).expect("JSON");
        let (answer, _) = told(asking.call(method, &params).await);
        let (found, is_unsent) = told(checking.call(method, &params).await);
        assert_eq!((found, is_unsent), (answer.clone(), answer["code"] == -32602), "{method} {text}");
    }
}

#[tokio::test]
async fn a_name_that_there_is_not_is_refused_with_the_one_that_was_meant() {
    let server = start(methods()).await;
    let (asking, checking) = both(&server).await;
    for name in ["create_usr", "Order", "chatt", "zzz", "rpc.cancle", "", &"x".repeat(200)] {
        let (answer, _) = told(asking.call(name, ()).await);
        let (found, is_unsent) = told(checking.call(name, ()).await);
        assert_eq!(found, answer, "{name}");
        // Names that start so are JSON-RPC's, and a server may know some that it does not list.
        assert_eq!(is_unsent, !name.starts_with("rpc."), "{name}");
    }
    let error = checking.call::<Value>("create_usr", ()).await.unwrap_err();
    assert_eq!(error.to_string(), "method `create_usr` not found; did you mean `create_user`? (code -32601)");
}

#[tokio::test]
async fn faults_are_typed_and_part_of_the_message() {
    let server = start(methods()).await;
    let (asking, checking) = both(&server).await;
    for client in [asking, checking] {
        let error = create_user::call(&client, "x".into(), "a@b.io".into(), 200, true, None).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Rpc, Some(-32602)));
        let faults: Vec<_> = error.faults().into_iter().map(|fault| (fault.path, fault.keyword)).collect();
        assert_eq!(faults, [("/username".into(), "minLength".into()), ("/age".into(), "maximum".into())]);
        assert_eq!(
            error.to_string(),
            "invalid params for `create_user` (code -32602): /username: \"x\" is shorter than 3 characters; \
             /age: 200 is more than the maximum of 150"
        );
    }
}

#[tokio::test]
async fn events_are_checked_before_they_are_sent() {
    let server = start(methods()).await;
    let (_, checking) = both(&server).await;
    let fault = |result: Result<(), Error>| {
        let error = result.expect_err("refused");
        assert!(error.is_unsent(), "{error}");
        error.to_string()
    };
    checking.send("level", &7).await.expect("sent");
    assert_eq!(
        fault(checking.send("level", &70).await),
        "invalid params for `level` (code -32602): /0: 70 is more than the maximum of 10"
    );
    // Each handler has a schema of its own: the server tells what the first has against it.
    assert!(fault(checking.send_event(&Chat { text: String::new(), to: None }).await).ends_with("1 character"));
    assert!(fault(checking.send_event(&Chat { text: "hello!".into(), to: None }).await).ends_with("5 characters"));
    assert!(fault(checking.notify("nothing", [1]).await).contains("takes at most 0 arguments"));
    assert_eq!(fault(checking.send("levl", &7).await), "method `levl` not found; did you mean `level`? (code -32601)");
}

#[tokio::test]
async fn a_handler_of_all_events_takes_any_name() {
    let seen = Arc::new(Others::default());
    let server = methods().state(Arc::clone(&seen)).on("*", |client: Connection, _: String, n: u8| async move {
        client.state::<Arc<Others>>().map(|others| others.0.fetch_add(usize::from(n), Ordering::Relaxed))
    });
    let server = start(server).await;
    let (_, checking) = both(&server).await;
    assert_eq!(checking.call::<usize>("whatever", [3]).await.expect("taken"), 0);
    let error = checking.call::<usize>("whatever", [300]).await.unwrap_err();
    assert!(error.is_unsent());
    assert_eq!(seen.0.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_call_of_a_batch_that_would_be_refused_is_left_out_and_the_rest_is_sent() {
    let server = start(methods()).await;
    let (asking, checking) = both(&server).await;
    for client in [asking, checking] {
        let mut batch = client.batch();
        let bad = batch.call::<Value>("widths", ("a", 1, 2));
        let good = batch.call::<bool>("widths", (1, 1, 2));
        let unknown = batch.call::<Value>("width", ());
        batch.notify("nothing", ());
        let last = batch.call::<Value>("echo", [7]);
        let answers = batch.send().await.expect("answered");
        assert!(answers.take(good).expect("taken"));
        assert_eq!(answers.take(last).expect("taken"), 7);
        assert_eq!(answers.take(bad).unwrap_err().faults()[0].path, "/0");
        assert_eq!(answers.take(unknown).unwrap_err().code(), Some(-32601));
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_sends_nothing() {
    let server = start(methods()).await;
    let (_, checking) = both(&server).await;
    let mut batch = checking.batch();
    let bad = batch.call::<Value>("widths", ());
    let answers = batch.send().await.expect("nothing to wait for");
    assert!(answers.take(bad).unwrap_err().is_unsent());
    let mut batch = checking.batch();
    batch.call::<Value>("echo", [1]);
    batch.notify("widths", ());
    let error = batch.send().await.unwrap_err();
    assert!(error.is_unsent() && error.faults().len() == 3, "{error}");
}

#[tokio::test]
async fn what_is_known_is_shared_by_clones_and_can_be_asked_for_anew() {
    let server = start(methods()).await;
    let client = Client::connect(url(&server)).await.expect("connected");
    let clone = client.clone();
    assert!(client.discovered().is_none());
    assert!(!clone.call::<Value>("widths", ()).await.unwrap_err().is_unsent());
    let document = client.discover().await.expect("described");
    assert!(clone.call::<Value>("widths", ()).await.unwrap_err().is_unsent());
    assert_eq!(clone.discovered().expect("known").json(), document.json());
    assert_eq!(clone.discover().await.expect("described").json(), document.json());
}

#[rpc(allow = "admin")]
async fn reset() {}

#[tokio::test]
async fn a_document_for_some_roles_leaves_names_that_it_lacks_to_the_server() {
    let server = builder(methods![reset, nothing]).login(|_: Server, credentials: conduit::Credentials| async move {
        Ok::<_, String>(match &*credentials.token {
            "root" => Identity::new("root").with_role("admin"),
            _ => Identity::new("ann"),
        })
    });
    let server = start(server).await;
    let connect = |token| Client::connect(url(&server)).password(token).discover();
    let ann = connect("ann").await.expect("connected");
    assert!(ann.discovered().expect("known").is_partial());
    let error = ann.call::<Value>("reset", ()).await.unwrap_err();
    assert_eq!((error.code(), error.is_unsent()), (Some(-32006), false));
    let root = connect("root").await.expect("connected");
    assert!(!root.discovered().expect("known").is_partial());
    assert_eq!(root.discovered().expect("known").method("reset").expect("listed").allow, ["admin"]);
    root.call::<Value>("reset", ()).await.expect("allowed");
    assert!(root.call::<Value>("rese", ()).await.unwrap_err().is_unsent());
}

#[tokio::test]
async fn a_document_tells_of_every_method_what_the_list_tells() {
    let server = start(methods()).await;
    let (client, _) = both(&server).await;
    let list = client.listall().await.expect("listed");
    let document = client.discover().await.expect("described");
    assert_eq!(document.methods().len(), list.len());
    for (told, listed) in document.methods().iter().zip(&list) {
        // Types are shared in a document, under names of its own.
        let same = |value: &Value| value.to_string().replace("#/components/schemas", "#/$defs");
        assert_eq!(told.to_string(), listed.to_string());
        assert_eq!(same(&told.params["properties"]), same(&listed.params["properties"]), "{}", told.name);
        assert_eq!((&told.params, &told.result), (&listed.params, &listed.result), "{}", told.name);
        assert_eq!((told.public, told.timeout, told.ordered), (listed.public, listed.timeout, listed.ordered));
        assert_eq!((&told.description, &told.errors), (&listed.description, &listed.errors));
    }
    let events: Vec<_> = document.events().iter().map(ToString::to_string).collect();
    assert_eq!(events[1..], ["level(0..=10) -> integer", "levels(integer[]) -> integer"]);
}

#[tokio::test]
async fn every_example_is_a_call_that_the_server_takes() {
    let server = start(methods()).await;
    let (asking, _) = both(&server).await;
    for method in asking.listall().await.expect("listed") {
        let refused = asking.call::<Value>(&method.name, method.example()).await.err();
        let faults = refused.map(|error| error.faults()).unwrap_or_default();
        assert!(faults.is_empty(), "{}: {} {faults:?}", method.name, method.example());
    }
}
