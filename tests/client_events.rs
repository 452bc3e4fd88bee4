//! Events on the Rust client: handlers, acks, streams, and what the client sends.

use std::sync::{Arc, Mutex};

use conduit::{
    Client, Connect, Connection, ErrorKind, Event, EventFailed, RpcError, RunningServer, ServerBuilder, methods, rpc,
};
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::support::{Log as TextLog, PATIENCE, builder, start};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
struct Chat {
    #[schemars(length(min = 1))]
    text: String,
}

fn chat(text: &str) -> Chat {
    Chat { text: text.into() }
}

/// Double a number.
#[rpc]
async fn double(n: u64) -> u64 {
    n * 2
}

/// Sends its arguments back as events: the name, and the payload.
#[rpc]
async fn say(client: &Connection, event: String, payload: Value) -> bool {
    client.send(&event, &payload)
}

/// Asks the caller, and tells what it answered.
#[rpc]
async fn ask(client: &Connection, event: String, payload: Value) -> Value {
    match client.call::<Value>(&event, payload).await {
        Ok(ack) => json!({ "ack": ack }),
        Err(error) => {
            json!({ "code": error.code(), "data": error.object().and_then(|error| error.data_as::<Value>()) })
        }
    }
}

fn server() -> ServerBuilder {
    builder(methods![double, say, ask]).open()
}

fn connect(server: &RunningServer) -> Connect {
    Client::connect(format!("ws://{}", server.address()))
}

/// Has the server send an event. What it leads to at once has happened when this returns.
async fn told(client: &Client, event: &str, payload: Value) {
    assert!(say::call(client, event.into(), payload).await.expect("answered"));
}

/// What handlers saw, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().expect("nobody panics with the lock").push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with the lock").clone()
    }
}

/// A handler that notes the payload under a name of its own.
macro_rules! noting {
    ($seen:expr, $who:literal) => {{
        let seen = $seen.clone();
        move |data: Value| {
            seen.note(format!("{} {data}", $who));
            async {}
        }
    }};
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

#[tokio::test]
async fn a_payload_that_knows_its_event_goes_both_ways() {
    let (heard, mut said) = mpsc::unbounded_channel();
    let server = start(server().on_event(|client: Connection, chat: Chat| async move {
        client.send_event(&Chat { text: chat.text.to_uppercase() });
    }))
    .await;
    let client = connect(&server).await.expect("connected");
    client.on_event(move |chat: Chat| {
        let heard = heard.clone();
        async move { heard.send(chat).expect("the test listens") }
    });
    client.send_event(&chat("hello")).await.expect("sent");
    client.send("chat", &chat("again")).await.expect("sent");
    assert_eq!(within(said.recv()).await, Some(chat("HELLO")));
    assert_eq!(within(said.recv()).await, Some(chat("AGAIN")));
}

#[tokio::test]
async fn a_payload_that_is_no_object_travels_too() {
    let (heard, mut sums) = mpsc::unbounded_channel();
    let server = start(server().on("add", move |_: Connection, n: u8| {
        heard.send(n).expect("the test listens");
        async {}
    }))
    .await;
    let client = connect(&server).await.expect("connected");
    client.send("add", &4_u8).await.expect("sent");
    assert_eq!(within(sums.recv()).await, Some(4));
    let ticks = Seen::default();
    client.on("tick", noting!(ticks, "tick"));
    told(&client, "tick", json!("now")).await;
    assert_eq!(ticks.lines(), [r#"tick "now""#]);
}

#[tokio::test]
async fn an_event_that_comes_before_the_client_is_there_is_handled() {
    let (heard, mut welcomes) = mpsc::unbounded_channel();
    let server = start(server().on_client_connect(|client: Connection| async move {
        client.send_event(&chat("welcome"));
    }))
    .await;
    for _ in 0..20 {
        let heard = heard.clone();
        let _client = connect(&server)
            .on_event(move |chat: Chat| {
                heard.send(chat).expect("the test listens");
                async {}
            })
            .await
            .expect("connected");
        assert_eq!(within(welcomes.recv()).await, Some(chat("welcome")));
    }
}

#[tokio::test]
async fn all_handlers_of_an_event_run_in_the_order_in_which_they_were_given() {
    let server = start(server()).await;
    let seen = Seen::default();
    let client = connect(&server).on("a", noting!(seen, "one")).await.expect("connected");
    client.on(["a", "b"], {
        let seen = seen.clone();
        move |event: String, data: Value| {
            seen.note(format!("two {event} {data}"));
            async {}
        }
    });
    client.on("a", noting!(seen, "three"));
    told(&client, "a", json!([1])).await;
    told(&client, "b", json!([2])).await;
    assert_eq!(seen.lines(), ["one 1", "two a 1", "three 1", "two b 2"]);
}

#[tokio::test]
async fn the_fallback_sees_what_nothing_else_handles() {
    let server = start(server()).await;
    let seen = Seen::default();
    let rest = seen.clone();
    let client = connect(&server)
        .on("a", noting!(seen, "a"))
        .on("*", move |event: String, data: Value| {
            rest.note(format!("rest {event} {data}"));
            async {}
        })
        .await
        .expect("connected");
    for event in ["a", "b", "rpc.c"] {
        told(&client, event, json!({ "n": 1 })).await;
    }
    assert_eq!(seen.lines(), [r#"a {"n":1}"#, r#"rest b {"n":1}"#]);
}

#[tokio::test]
async fn once_is_once_whatever_the_names() {
    let server = start(server()).await;
    let seen = Seen::default();
    let client = connect(&server).once(["a", "b"], noting!(seen, "builder")).await.expect("connected");
    client.once("b", noting!(seen, "client"));
    for (event, n) in [("a", 1), ("b", 2), ("a", 3), ("b", 4)] {
        told(&client, event, json!([n])).await;
    }
    assert_eq!(seen.lines(), ["builder 1", "client 2"]);
}

#[tokio::test]
async fn a_handler_stays_when_its_subscription_is_dropped_and_goes_when_it_is_removed() {
    let server = start(server()).await;
    let seen = Seen::default();
    let client = connect(&server).await.expect("connected");
    drop(client.on("a", noting!(seen, "stays")));
    let goes = client.on(["a", "b"], noting!(seen, "goes"));
    told(&client, "a", json!([1])).await;
    goes.remove();
    told(&client, "a", json!([2])).await;
    told(&client, "b", json!([3])).await;
    assert_eq!(seen.lines(), ["stays 1", "goes 1", "stays 2"]);
    assert_eq!(ask::call(&client, "b".into(), json!([])).await.expect("answered")["code"], -32601);
}

#[tokio::test]
async fn a_handler_takes_the_payload_the_name_and_the_client_or_none_of_them() {
    let server = start(server()).await;
    let client = connect(&server)
        .on("nothing", || async { "nothing" })
        .on("payload", |n: u8| async move { n })
        .on("name", |event: String, n: u8| async move { (event, n) })
        .on("client", |client: Client| async move { client.is_connected() })
        .on("client_payload", |client: Client, n: u8| async move { (client.is_connected(), n) })
        .on("all", |client: Client, event: String, n: u8| async move { (client.is_connected(), event, n) })
        .await
        .expect("connected");
    for (event, ack) in [
        ("nothing", json!("nothing")),
        ("payload", json!(7)),
        ("name", json!(["name", 7])),
        ("client", json!(true)),
        ("client_payload", json!([true, 7])),
        ("all", json!([true, "all", 7])),
    ] {
        let answer = ask::call(&client, event.into(), json!([7])).await.expect("answered");
        assert_eq!(answer, json!({ "ack": ack }), "{event}");
    }
}

#[tokio::test]
async fn handlers_may_call_the_server() {
    let server = start(server()).await;
    let (sums, mut results) = mpsc::unbounded_channel();
    let client = connect(&server)
        .on("n", move |client: Client, n: u64| {
            let sums = sums.clone();
            async move { sums.send(double::call(&client, n).await.expect("answered")).expect("the test listens") }
        })
        .on("ask", |client: Client, _: String, n: u64| async move { double::call(&client, n).await.expect("answered") })
        .await
        .expect("connected");
    for n in 0..100 {
        told(&client, "n", json!(n)).await;
    }
    let mut doubled = Vec::new();
    for _ in 0..100 {
        doubled.push(within(results.recv()).await.expect("the handler lives"));
    }
    doubled.sort_unstable();
    assert!(doubled.into_iter().eq((0..100).map(|n| n * 2)));
    assert_eq!(ask::call(&client, "ask".into(), json!([21])).await.expect("answered"), json!({ "ack": 42 }));
}

#[tokio::test]
async fn events_start_in_the_order_in_which_they_come_and_do_not_wait_for_each_other() {
    let server = start(server()).await;
    let (seen, gate) = (Seen::default(), Arc::new(Notify::new()));
    let (log, wait) = (seen.clone(), Arc::clone(&gate));
    let client = connect(&server)
        .on("n", move |n: u64| {
            let (log, wait) = (log.clone(), Arc::clone(&wait));
            async move {
                log.note(format!("start {n}"));
                if n == 0 {
                    wait.notified().await;
                    log.note("end 0");
                }
            }
        })
        .await
        .expect("connected");
    for n in 0..4 {
        told(&client, "n", json!(n)).await;
    }
    gate.notify_one();
    within(async {
        while seen.lines().len() < 5 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(seen.lines(), ["start 0", "start 1", "start 2", "start 3", "end 0"]);
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ChatError {
    #[error("muted")]
    #[rpc(code = 7)]
    Muted,
}

/// A log of warnings and errors, for this thread.
fn logging() -> (TextLog, tracing::subscriber::DefaultGuard) {
    let log = TextLog::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn what_a_handler_can_not_do_is_logged_and_costs_no_other_its_event() {
    let (log, _guard) = logging();
    let server = start(server()).await;
    let seen = Seen::default();
    let client = connect(&server)
        .on("chat", |_: Chat| async {})
        .on("chat", noting!(seen, "chat"))
        .on("fails", |_: Value| async { Err::<(), _>(ChatError::Muted) })
        .on("fails", noting!(seen, "fails"))
        .on("panics", |_: Value| async {
            if true {
                panic!("on purpose");
            }
        })
        .on("panics before its future", |_: Value| {
            if true {
                panic!("at once");
            }
            async {}
        })
        .on("panics before its future", noting!(seen, "panics"))
        .await
        .expect("connected");
    told(&client, "chat", json!({ "text": "" })).await;
    for event in ["fails", "panics", "panics before its future"] {
        told(&client, event, json!({})).await;
    }
    assert_eq!(seen.lines(), [r#"chat {"text":""}"#, "fails {}", "panics {}"]);
    let text = log.text();
    for wanted in [
        r#"/text: "" is shorter than 1 character event="chat" code=-32602"#,
        r#"muted (code 7) event="fails" code=7"#,
        "panicked: on purpose",
        r#"internal error (code -32603) event="panics" code=-32603"#,
        "panicked: at once",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert_eq!(double::call(&client, 4).await.expect("the connection lives"), 8);
}

#[tokio::test]
async fn an_event_that_the_server_asks_is_answered() {
    let server = start(server()).await;
    let client = connect(&server)
        .on("nothing", || async {})
        .on("name", || async {})
        .on("name", |_: Value| async {
            tokio::task::yield_now().await;
            "me"
        })
        .on("name", |_: Value| async { "not me" })
        .on("fails", |_: Value| async { Err::<u8, _>(ChatError::Muted) })
        .on_event(|_: Chat| async {})
        .await
        .expect("connected");
    let fault = json!({ "path": "/text", "keyword": "minLength", "message": "\"\" is shorter than 1 character" });
    for (event, payload, answer) in [
        ("nothing", json!({}), json!({ "ack": null })),
        ("name", json!({}), json!({ "ack": "me" })),
        ("fails", json!({}), json!({ "code": 7, "data": null })),
        ("chat", json!({ "text": "" }), json!({ "code": -32602, "data": { "errors": [fault] } })),
        ("unknown", json!({}), json!({ "code": -32601, "data": null })),
    ] {
        assert_eq!(ask::call(&client, event.into(), payload).await.expect("answered"), answer, "{event}");
    }
}

#[tokio::test]
async fn an_event_that_the_server_could_not_handle_comes_back() {
    let (log, _guard) = logging();
    let server = start(server().on_event(|_: Connection, _: Chat| async { Err::<(), _>(ChatError::Muted) })).await;
    let (failures, mut failed) = mpsc::unbounded_channel();
    let client = connect(&server).await.expect("connected");
    client.send_event(&chat("unheard")).await.expect("sent");
    double::call(&client, 1).await.expect("answered");
    assert!(log.text().contains("could not handle an event of this client"), "{}", log.text());
    client.on_error(move |failure: EventFailed| {
        failures.send(failure).expect("the test listens");
        async {}
    });
    client.send_event(&chat("hello")).await.expect("sent");
    let EventFailed { event, error } = within(failed.recv()).await.expect("told");
    assert_eq!((event.as_str(), error.code(), error.message()), ("chat", 7, "muted"));
    client.send("chat", &json!({ "text": "" })).await.expect("sent");
    assert_eq!(within(failed.recv()).await.expect("told").error.code(), -32602);
}

#[tokio::test]
async fn a_stream_gives_events_in_order_and_goes_on_after_one_that_does_not_fit() {
    let server = start(server()).await;
    let client = connect(&server).await.expect("connected");
    let mut chats = client.events::<Chat>("chat");
    for payload in [json!({ "text": "one" }), json!({ "text": "" }), json!({ "text": "three" })] {
        told(&client, "chat", payload).await;
    }
    assert_eq!(within(chats.next()).await.expect("an event").expect("it fits"), chat("one"));
    let error = within(chats.next()).await.expect("an event").expect_err("it does not fit");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains(r#"event `chat`"#), "{error}");
    assert!(error.to_string().contains(r#"/text: "" is shorter than 1 character"#), "{error}");
    assert_eq!(within(chats.next()).await.expect("an event").expect("it fits"), chat("three"));
    assert_eq!(ask::call(&client, "chat".into(), json!({})).await.expect("answered"), json!({ "ack": null }));
    drop(chats);
    assert_eq!(ask::call(&client, "chat".into(), json!({})).await.expect("answered")["code"], -32601);
}

#[tokio::test]
async fn a_stream_of_all_events_answers_no_call() {
    let server = start(server()).await;
    let client = connect(&server).await.expect("connected");
    let mut all = client.events::<Value>("*");
    assert_eq!(ask::call(&client, "wipe".into(), json!({})).await.expect("answered")["code"], -32601);
    told(&client, "other", json!({ "n": 1 })).await;
    assert_eq!(within(all.next()).await.expect("an event").expect("it fits"), json!({ "n": 1 }));
}

#[tokio::test]
async fn a_stream_that_is_not_read_drops_the_oldest_events_and_says_how_many() {
    let server = start(server()).await;
    let client = connect(&server).await.expect("connected");
    let mut chats = client.events::<Chat>("chat").max_queue_bytes(10_000);
    for n in 0..100 {
        // Each is over 1000 bytes, so that nine of them may wait.
        told(&client, "chat", json!({ "text": format!("{n:1000}") })).await;
    }
    let error = within(chats.next()).await.expect("an item").expect_err("events were dropped");
    assert_eq!(error.kind(), ErrorKind::Lagged);
    assert!(error.to_string().starts_with("91 events were dropped"), "{error}");
    for n in 91..100 {
        let chat = within(chats.next()).await.expect("an event").expect("it fits");
        assert_eq!(chat.text.trim(), n.to_string());
    }
}

#[tokio::test]
async fn a_stream_keeps_the_connection_open_and_ends_with_it() {
    let server = start(server()).await;
    let mut ticks = connect(&server).await.expect("connected").events::<u64>("tick");
    let peer = within(async {
        loop {
            match server.server().connections().first() {
                Some(peer) => break peer.clone(),
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    peer.send("tick", &1);
    assert_eq!(within(ticks.next()).await.expect("an event").expect("it fits"), 1);
    peer.send("tick", &2);
    peer.disconnect(4321, "enough");
    assert_eq!(within(ticks.next()).await.expect("an event").expect("it fits"), 2);
    assert!(within(ticks.next()).await.is_none());
}

#[tokio::test]
async fn handlers_that_hold_their_client_go_when_it_is_closed_and_others_do_not_keep_it() {
    let server: RunningServer = start(server()).await;
    let held = Arc::new(());
    let client = connect(&server).await.expect("connected");
    let (own, token) = (client.clone(), Arc::clone(&held));
    client.on("a", move || {
        let _both = (&own, &token);
        async {}
    });
    client.close().await;
    assert_eq!(Arc::strong_count(&held), 1);
    let token = Arc::clone(&held);
    let client = connect(&server)
        .on("a", move || {
            let _token = &token;
            async {}
        })
        .await
        .expect("connected");
    drop(client);
    within(async {
        while Arc::strong_count(&held) > 1 || server.server().connection_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn handlers_that_run_are_limited() {
    let (log, _guard) = logging();
    let server = start(server()).await;
    let client =
        connect(&server).max_in_flight(2).on("wait", |_: Value| std::future::pending::<()>()).await.expect("connected");
    for _ in 0..3 {
        told(&client, "wait", json!({})).await;
    }
    assert!(log.text().contains("too many calls"), "{}", log.text());
    assert_eq!(ask::call(&client, "wait".into(), json!({})).await.expect("answered")["code"], -32002);
}

#[tokio::test]
async fn a_broadcast_reaches_every_client() {
    let server = start(server()).await;
    let seen = Seen::default();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = connect(&server).on("all", noting!(seen, "all")).await.expect("connected");
        double::call(&client, 1).await.expect("let in");
        clients.push(client);
    }
    assert_eq!(server.server().broadcast("all", &json!({ "n": 1 })).send(), 3);
    for client in &clients {
        double::call(client, 1).await.expect("answered");
    }
    assert_eq!(seen.lines(), [r#"all {"n":1}"#; 3]);
}

#[tokio::test]
async fn a_handler_of_one_event_waits_for_one_that_it_may_handle() {
    let server = start(server()).await;
    let (gate, seen) = (Arc::new(Notify::new()), Seen::default());
    let of_handler = Arc::clone(&gate);
    let wait = move |_: Value| {
        let gate = Arc::clone(&of_handler);
        async move { gate.notified().await }
    };
    let client = connect(&server)
        .max_in_flight(1)
        .on("wait", wait)
        .on("probe", || async { "free" })
        .once("once", noting!(seen, "once"))
        .await
        .expect("connected");
    told(&client, "wait", json!({})).await;
    told(&client, "once", json!({ "n": 1 })).await;
    assert!(seen.lines().is_empty(), "another handler runs");
    gate.notify_one();
    within(async { while ask::call(&client, "probe".into(), json!({})).await.expect("answered")["ack"] != "free" {} })
        .await;
    told(&client, "once", json!({ "n": 2 })).await;
    told(&client, "once", json!({ "n": 3 })).await;
    assert_eq!(seen.lines(), [r#"once {"n":2}"#]);
}

#[tokio::test]
async fn a_stream_takes_events_however_many_handlers_run() {
    let (log, _guard) = logging();
    let server = start(server()).await;
    let seen = Seen::default();
    let client = connect(&server)
        .max_in_flight(1)
        .on("wait", |_: Value| std::future::pending::<()>())
        .on("news", noting!(seen, "handler"))
        .await
        .expect("connected");
    let mut events = client.events::<Value>("news");
    told(&client, "wait", json!({})).await;
    told(&client, "news", json!({ "n": 1 })).await;
    assert_eq!(within(events.next()).await.expect("an event").expect("a value"), json!({ "n": 1 }));
    assert!(seen.lines().is_empty());
    assert!(log.text().contains("too many calls"), "the handler's loss is told: {}", log.text());
    let asked = ask::call(&client, "news".into(), json!({ "n": 2 })).await.expect("answered");
    assert_eq!(asked["code"], -32002, "the server learns that the handler did not run");
    assert_eq!(within(events.next()).await.expect("an event").expect("a value"), json!({ "n": 2 }));
}

#[tokio::test]
async fn names_that_no_event_can_have_are_refused() {
    let server = start(server()).await;
    for name in ["", "rpc.ask"] {
        let error = connect(&server).on(name, || async {}).await.expect_err("refused");
        assert_eq!(error.kind(), conduit::ErrorKind::Build);
        assert!(error.to_string().contains(&format!("an event is called `{name}`: give it a name")), "{error}");
    }
    let client = connect(&server).on("rpc.error", |_: Value| async {}).await.expect("conduit's own");
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.on(["a", "rpc.b"], || async {})));
    let panic = panic.expect_err("refused");
    assert!(panic.downcast_ref::<String>().expect("a text").contains("an event is called `rpc.b`"));
}
