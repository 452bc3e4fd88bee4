//! Handlers with `#[on]`, and events whose payload knows their name.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use conduit::{Call, Connection, Event, Method, RpcError, Server, methods, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Peer, builder, start};

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
struct Chat {
    #[schemars(length(min = 1))]
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Sent {
    receivers: usize,
}

/// What handlers saw, in order.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().expect("nobody panics with the lock").push(line.into());
    }
}

/// What was noted, as a method.
#[rpc]
async fn on_log(log: &Log) -> Vec<String> {
    log.0.lock().expect("nobody panics with the lock").clone()
}

/// Tell the others.
#[on("chat")]
async fn chat(client: &Connection, data: Chat) -> Sent {
    Sent { receivers: client.server().broadcast_event(&data).exclude([client.id()]).send() }
}

#[rpc]
async fn on_add(a: i64, b: i64) -> i64 {
    a + b
}

fn notification(event: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "method": event, "params": params }).to_string()
}

#[tokio::test]
async fn a_list_takes_methods_and_handlers() {
    let server = start(builder(methods![on_add, chat]).open()).await;
    let (mut ann, mut bob) = (Peer::connect(&server).await, Peer::connect(&server).await);
    assert_eq!(bob.result("on_add", json!([1, 2])).await, 3);
    assert_eq!(ann.result("chat", json!({ "text": "hello" })).await, json!({ "receivers": 1 }));
    assert_eq!(bob.receive().await, json!({ "jsonrpc": "2.0", "method": "chat", "params": { "text": "hello" } }));
    ann.expect_silence().await;
}

#[tokio::test]
async fn a_payload_is_validated_before_the_function_runs() {
    let server = start(builder(methods![chat]).open()).await;
    let mut peer = Peer::connect(&server).await;
    let fault = json!({ "path": "/text", "keyword": "minLength", "message": "\"\" is shorter than 1 character" });
    let error = peer.error("chat", json!({ "text": "" })).await;
    assert_eq!((&error["code"], &error["data"]["errors"]), (&json!(-32602), &json!([fault])));
    peer.send(&notification("chat", json!({ "text": "" }))).await;
    assert_eq!(peer.receive().await["params"], json!({ "event": "chat", "error": error }));
}

#[test]
fn the_type_beside_a_handler_carries_its_events() {
    assert_eq!((<chat as Method>::META.name, <chat as Method>::META.events), ("chat", &["chat"][..]));
    assert_eq!((<several as Method>::META.name, <several as Method>::META.events), ("a", &["a", "b"][..]));
    assert_eq!(<chat as Method>::META.description, "Tell the others.");
    let payload: <chat as Method>::Params = Chat { text: "the type itself".into() };
    assert_eq!(json!(payload), json!({ "text": "the type itself" }));
    assert_eq!(Chat::NAME, "chat");
}

#[on("a", "b")]
async fn several(call: &Call, n: u8) -> String {
    format!("{} {n}", call.method())
}

#[on("*")]
async fn fallback(call: &Call, data: Value) -> Value {
    json!([call.method(), data])
}

#[tokio::test]
async fn a_handler_may_have_several_names_or_be_the_fallback() {
    let server = start(builder(methods![several, fallback]).open()).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("a", json!([1])).await, "a 1");
    assert_eq!(peer.result("b", json!([2])).await, "b 2");
    assert_eq!(peer.result("c", json!({ "d": 3 })).await, json!(["c", { "d": 3 }]));
}

#[on("ping")]
async fn ping() {}

#[on("whoami")]
async fn whoami(client: &Connection) -> u64 {
    client.id().to_string().parse().expect("a number")
}

#[tokio::test]
async fn a_handler_without_a_payload_takes_whatever_is_sent() {
    let server = start(builder(methods![ping, whoami]).open()).await;
    let mut peer = Peer::connect(&server).await;
    for params in [json!([]), json!({}), json!({ "any": "thing" }), json!([1, 2, 3])] {
        assert_eq!(peer.result("ping", params.clone()).await, Value::Null);
        assert!(peer.result("whoami", params).await.is_u64());
    }
    assert_eq!(peer.ask(r#"{"jsonrpc":"2.0","method":"ping","id":1}"#).await["result"], Value::Null);
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ChatError {
    #[error("{0} is muted")]
    #[rpc(code = 7)]
    Muted(String),
}

#[on("say")]
async fn say(Chat { text }: Chat) -> Result<usize, ChatError> {
    if text == "psst" { Err(ChatError::Muted(text)) } else { Ok(text.len()) }
}

#[tokio::test]
async fn a_handler_may_fail_with_a_typed_error() {
    let server = start(builder(methods![say]).open()).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("say", json!({ "text": "four" })).await, 4);
    let error = json!({ "code": 7, "message": "psst is muted", "data": "psst" });
    assert_eq!(peer.error("say", json!({ "text": "psst" })).await, error);
    peer.send(&notification("say", json!({ "text": "psst" }))).await;
    assert_eq!(peer.receive().await["params"], json!({ "event": "say", "error": error }));
}

#[on("thread")]
fn thread() -> bool {
    // A sync handler is told apart from the runtime's workers by where it may block.
    tokio::runtime::Handle::current().block_on(async { true })
}

#[tokio::test]
async fn a_sync_handler_runs_on_the_blocking_pool() {
    let server = start(builder(methods![thread]).open()).await;
    assert_eq!(Peer::connect(&server).await.result("thread", json!([])).await, true);
}

#[on("greet", public)]
async fn greet(name: String) -> String {
    name
}

#[on("greet")]
async fn greet_inside(name: String) -> String {
    name
}

#[tokio::test]
async fn an_event_is_public_if_all_its_handlers_are() {
    let server = start(builder(methods![greet]).password("p")).await;
    assert_eq!(Peer::connect(&server).await.result("greet", json!(["ann"])).await, "ann");
    for handlers in [methods![greet, greet_inside], methods![greet_inside, greet]] {
        let server = start(builder(handlers).password("p")).await;
        assert_eq!(Peer::connect(&server).await.error("greet", json!(["ann"])).await["code"], -32001);
    }
}

#[on("slow")]
async fn slow() {
    std::future::pending::<()>().await;
}

#[on("slow", timeout = "20ms")]
async fn slow_with_a_limit() {}

#[tokio::test]
async fn the_shortest_timeout_of_an_events_handlers_is_for_all() {
    let server = start(builder(methods![slow, slow_with_a_limit]).open()).await;
    let began = Instant::now();
    let error = Peer::connect(&server).await.error("slow", json!([])).await;
    assert_eq!(error["message"], "`slow` took longer than it may");
    assert!(began.elapsed() >= Duration::from_millis(20));
}

#[on("tick")]
async fn first(log: &Log) {
    tokio::task::yield_now().await;
    log.note("first");
}

#[on("tick")]
async fn second(log: &Log, n: u8) -> Option<u8> {
    log.note("second");
    (n > 1).then_some(n)
}

macro_rules! on_one_line {
    ($($handler:ident: $line:literal),*) => {$(
        #[on("tick")]
        async fn $handler(log: &Log) {
            log.note($line);
        }
    )*};
}
on_one_line! { third: "third", fourth: "fourth" }

#[tokio::test]
async fn handlers_of_an_event_run_in_the_order_given_and_each_once() {
    let handlers = methods![first, third, second, fourth, third, first, on_log];
    let server = start(builder(handlers).open().state(Log::default())).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("tick", json!([9])).await, 9);
    assert_eq!(peer.result("on_log", json!([])).await, json!(["first", "third", "second", "fourth"]));
}

#[test]
fn a_state_that_nobody_gave_is_refused_with_event_and_type() {
    let message = builder(methods![first, first]).open().build().expect_err("the server does not build").to_string();
    assert!(message.contains("the handler of event `tick` (") && message.contains("on::Log"), "{message}");
}

#[on("on_add")]
async fn shadow() {}

#[test]
fn a_method_and_a_handler_of_one_name_are_refused() {
    let message = builder(methods![on_add, shadow]).open().build().expect_err("the server does not build").to_string();
    assert!(message.contains("`on_add` is a method (") && message.contains("on.rs:"), "{message}");
}

#[test]
fn handlers_are_linked_into_the_program() {
    // Other tests' methods keep this server from being built; what it says shows that handlers were found.
    let message = Server::builder().open().build().expect_err("the server does not build").to_string();
    assert!(message.contains("the handler of event `tick`"), "{message}");
}

#[derive(Default)]
struct Room {
    log: Log,
}

#[rpc(namespace = "room")]
impl Room {
    /// What was said.
    async fn history(&self) -> Vec<String> {
        self.log.0.lock().expect("nobody panics with the lock").clone()
    }

    /// Somebody says something.
    #[on("room_chat", "room_shout", public)]
    async fn hear(&self, call: &Call, data: Chat) -> bool {
        self.log.note(format!("{}: {}", call.method(), data.text));
        true
    }

    #[conduit::on("room_clear")]
    fn clear(&self) {
        self.log.0.lock().expect("nobody panics with the lock").clear();
    }
}

#[tokio::test]
async fn a_service_may_have_handlers() {
    let server = start(builder(methods![]).open().service(Room::default())).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("room_chat", json!({ "text": "hi" })).await, true);
    assert_eq!(peer.result("room_shout", json!({ "text": "HI" })).await, true);
    assert_eq!(peer.error("room.hear", json!({})).await["code"], -32601);
    let client = conduit::Client::connect(format!("ws://{}", server.address())).await.expect("connected");
    let history = RoomClient::new(&client).history().await.expect("listed");
    assert_eq!(history, ["room_chat: hi", "room_shout: HI"]);
    assert_eq!(peer.result("room_clear", json!({})).await, Value::Null);
    assert_eq!(peer.result("room.history", json!({})).await, json!([]));
}

#[on("old", deprecated, public)]
async fn old(data: Chat) -> usize {
    data.text.len()
}

#[tokio::test]
async fn handlers_are_in_the_discovery_document() {
    let server = start(builder(methods![chat, old]).open()).await;
    let document = Peer::connect(&server).await.result("rpc.discover", json!([])).await;
    let [chat, old] = &document["x-events"].as_array().expect("a list")[..] else { panic!("two events: {document}") };
    assert_eq!((&chat["name"], &chat["description"]), (&json!("chat"), &json!("Tell the others.")));
    assert_eq!((&chat["payload"]["required"], &chat["ack"]["required"]), (&json!(["text"]), &json!(["receivers"])));
    assert_eq!((&chat["deprecated"], &chat["public"]), (&json!(false), &json!(false)));
    assert_eq!((&old["name"], &old["deprecated"], &old["public"]), (&json!("old"), &json!(true), &json!(true)));
}

#[tokio::test]
async fn a_payload_that_knows_its_event_is_handled_and_sent_without_the_name() {
    let server = builder(methods![]).open().on_event(|client: Connection, chat: Chat| async move {
        client.send_event(&Chat { text: format!("you said {}", chat.text) })
    });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("chat", json!({ "text": "hi" }))).await;
    let echo = json!({ "jsonrpc": "2.0", "method": "chat", "params": { "text": "you said hi" } });
    assert_eq!(peer.receive().await, echo);
    assert_eq!(server.server().broadcast_event(&Chat { text: "all".into() }).send(), 1);
    assert_eq!(peer.receive().await["params"], json!({ "text": "all" }));
}

/// An enum may be a payload too, in the form that serde gives it.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("move")]
enum Move {
    Left,
    Right { by: u8 },
}

#[tokio::test]
async fn an_enum_may_be_a_payload() {
    let server = builder(methods![]).open().on_event(|client: Connection, step: Move| async move {
        client.send_event(&step);
        matches!(step, Move::Right { by: 2 })
    });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&notification("move", json!(["Left"]))).await;
    assert_eq!(peer.receive().await["params"], json!(["Left"]));
    peer.send(&notification("move", json!({ "Right": { "by": 2 } }))).await;
    assert_eq!(peer.receive().await["params"], json!({ "Right": { "by": 2 } }));
    assert_eq!(server.server().broadcast_event(&Move::Left).send(), 1);
}

#[tokio::test]
async fn the_functions_stay_as_they_are() {
    ping().await;
    assert_eq!(say(Chat { text: "four".into() }).await.expect("not muted"), 4);
    assert_eq!(greet("ann".into()).await, "ann");
}
