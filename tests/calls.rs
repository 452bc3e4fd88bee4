//! Calls run side by side, bounded, and fail alone.

use std::{collections::HashMap, sync::Arc, time::Duration};

use conduit::{Call, Connection, RpcError, Server, methods, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::support::{Log, Peer, builder, serve, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// A door that calls wait at until a test opens it.
struct Door {
    open: Semaphore,
    arrived: Notify,
    left: Arc<Notify>,
}

impl Door {
    fn new() -> Self {
        Self { open: Semaphore::new(0), arrived: Notify::new(), left: Arc::default() }
    }
}

/// Says that whoever holds it has been dropped.
struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[rpc]
async fn wait(door: &Arc<Door>) -> &'static str {
    let _gone = Gone(Arc::clone(&door.left));
    door.arrived.notify_one();
    door.open.acquire().await.expect("the door is not taken away").forget();
    "through"
}

fn request(id: u8, method: &str) -> (u8, &str) {
    (id, method)
}

async fn send(peer: &mut Peer, (id, method): (u8, &str)) {
    peer.send(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#)).await;
}

#[tokio::test]
async fn a_call_that_waits_holds_up_no_other_call() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![add, wait]).open().state(Arc::clone(&door))).await;
    let mut peer = Peer::connect(&server).await;
    send(&mut peer, request(7, "wait")).await;
    door.arrived.notified().await;
    for n in 0..100 {
        assert_eq!(peer.result("add", json!([n, 1])).await, n + 1);
    }
    door.open.add_permits(1);
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "result": "through", "id": 7 }));
}

#[tokio::test]
async fn one_call_too_many_is_refused_at_once_and_has_room_afterwards() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![add, wait]).open().state(Arc::clone(&door)).max_in_flight(2)).await;
    let mut peer = Peer::connect(&server).await;
    send(&mut peer, request(1, "wait")).await;
    send(&mut peer, request(2, "wait")).await;
    send(&mut peer, request(3, "wait")).await;
    let refusal = peer.receive().await;
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&json!(3), &json!(-32002)));
    assert_eq!(refusal["error"]["message"], "too many calls: this connection has 2 in flight, the most it may have");
    // Another connection has a count of its own.
    assert_eq!(Peer::connect(&server).await.result("add", json!([1, 2])).await, 3);
    door.open.add_permits(1);
    assert_eq!(peer.receive().await["result"], "through");
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    door.open.add_permits(1);
    assert_eq!(peer.receive().await["result"], "through");
}

/// The task that runs the call, before it waits for anything and after.
#[rpc]
async fn tasks(wait: bool) -> (String, String) {
    let task = || format!("{:?}", tokio::task::try_id());
    let before = task();
    if wait {
        tokio::task::yield_now().await;
    }
    (before, task())
}

#[tokio::test]
async fn a_call_that_is_ready_at_once_costs_no_task() {
    let server = serve(methods![tasks]).await;
    let mut peer = Peer::connect(&server).await;
    let ready = peer.result("tasks", json!([false])).await;
    assert_eq!(ready[0], ready[1]);
    let again = peer.result("tasks", json!([false])).await;
    assert_eq!(ready, again, "both ran in the task of the connection");
    let waits = peer.result("tasks", json!([true])).await;
    assert_eq!(waits[0], ready[0]);
    assert_ne!(waits[1], ready[0], "one that waits goes on in a task of its own");
}

#[rpc]
async fn panics(when: String) -> u8 {
    match when.as_str() {
        "at once" => panic!("a secret of the server"),
        "later" => {
            tokio::task::yield_now().await;
            panic!("{}", format!("another {}", "secret"))
        }
        _ => std::panic::panic_any(5_u8),
    }
}

#[rpc]
fn panics_blocking() -> u8 {
    panic!("a secret of the server")
}

#[rpc]
async fn unserialisable() -> HashMap<Pair, u8> {
    HashMap::from([(Pair { a: 1 }, 1)])
}

#[derive(Serialize, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
struct Pair {
    a: u8,
}

#[tokio::test]
async fn a_panic_or_a_result_that_is_no_json_fails_that_call_alone() {
    let server = serve(methods![add, panics, panics_blocking, unserialisable]).await;
    let mut peer = Peer::connect(&server).await;
    let internal = json!({ "code": -32603, "message": "internal error" });
    for when in ["at once", "later", "with a number"] {
        assert_eq!(peer.error("panics", json!([when])).await, internal, "{when}");
    }
    assert_eq!(peer.error("panics_blocking", json!([])).await, internal);
    assert_eq!(peer.error("unserialisable", json!([])).await, internal);
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
}

#[rpc]
fn block(door: &Arc<Door>) -> &'static str {
    door.arrived.notify_one();
    while door.open.available_permits() == 0 {
        std::thread::yield_now();
    }
    "done"
}

#[tokio::test]
async fn sync_functions_run_beside_the_runtime() {
    // This test has one thread for the runtime: a sync function on it would stop everything.
    let door = Arc::new(Door::new());
    let server = start(builder(methods![add, block]).open().state(Arc::clone(&door))).await;
    let mut peer = Peer::connect(&server).await;
    send(&mut peer, request(9, "block")).await;
    door.arrived.notified().await;
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    door.open.add_permits(1);
    assert_eq!(peer.receive().await["result"], "done");
}

#[rpc(timeout = "50ms")]
async fn slow(door: &Arc<Door>) {
    let _gone = Gone(Arc::clone(&door.left));
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_dropped_and_answered() {
    let door = Arc::new(Door::new());
    let methods = methods![slow, wait];
    let server = start(builder(methods).open().state(Arc::clone(&door)).call_timeout(Duration::from_millis(80))).await;
    let mut peer = Peer::connect(&server).await;
    for (method, id) in [("slow", 1), ("wait", 2)] {
        send(&mut peer, (id, method)).await;
        let answer = peer.receive().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(id), &json!(-32003)));
        assert_eq!(answer["error"]["message"], format!("`{method}` took longer than it may"));
        door.left.notified().await;
    }
}

#[tokio::test]
async fn a_cancelled_call_is_dropped_and_answered_once() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![wait]).open().state(Arc::clone(&door))).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"wait","id":"w"}"#).await;
    door.arrived.notified().await;
    peer.send(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":"w"},"id":2}"#).await;
    let (first, second) = (peer.receive().await, peer.receive().await);
    let (cancel, call) = if first["id"] == 2 { (first, second) } else { (second, first) };
    assert_eq!(cancel["result"], true);
    assert_eq!((&call["id"], &call["error"]["code"]), (&json!("w"), &json!(-32004)));
    door.left.notified().await;
    peer.expect_silence().await;
}

#[tokio::test]
async fn a_full_connection_can_still_cancel() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![wait]).open().state(Arc::clone(&door)).max_in_flight(1)).await;
    let mut peer = Peer::connect(&server).await;
    send(&mut peer, request(1, "wait")).await;
    door.arrived.notified().await;
    peer.send(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":[1]}"#).await;
    assert_eq!(peer.receive().await["error"]["code"], -32004);
}

#[tokio::test]
async fn calls_of_a_peer_that_is_gone_are_dropped() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![wait]).open().state(Arc::clone(&door))).await;
    let mut peer = Peer::connect(&server).await;
    send(&mut peer, request(1, "wait")).await;
    door.arrived.notified().await;
    drop(peer);
    door.left.notified().await;
}

#[rpc]
fn count_until_cancelled(call: &Call, door: &Arc<Door>) {
    door.arrived.notify_one();
    while !call.is_cancelled() {
        std::thread::yield_now();
    }
    door.left.notify_one();
}

#[tokio::test]
async fn a_sync_function_sees_that_it_was_cancelled() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![count_until_cancelled]).open().state(Arc::clone(&door))).await;
    let mut peer = Peer::connect(&server).await;
    send(&mut peer, request(1, "count_until_cancelled")).await;
    door.arrived.notified().await;
    peer.send(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":[1]}"#).await;
    door.left.notified().await;
}

#[rpc(timeout = "1h")]
async fn about(call: &Call, client: &Connection, server: &Server, greeting: &String, name: String) -> Value {
    json!({
        "id": call.id(),
        "method": call.method(),
        "deadline": call.deadline().is_some(),
        "peer": client.peer_addr().is_some(),
        "same server": client.server().name() == server.name(),
        "greeting": format!("{greeting}, {name}"),
    })
}

#[tokio::test]
async fn borrowed_parameters_come_from_the_server() {
    let server = start(builder(methods![about]).open().name("Tester").state("Hello".to_owned())).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.result("about", json!(["you"])).await,
        json!({
            "id": 1, "method": "about", "deadline": true, "peer": true, "same server": true, "greeting": "Hello, you"
        })
    );
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ShopError {
    #[error("article {id} not found")]
    #[rpc(code = 404)]
    NotFound { id: u64 },
    #[error("closed")]
    #[rpc(code = 503)]
    Closed,
    #[error("the shelf fell down: {0}")]
    #[rpc(internal)]
    Shelf(String),
}

#[rpc]
async fn buy(id: u64) -> Result<u64, ShopError> {
    match id {
        0 => Err(ShopError::Closed),
        1 => Err(ShopError::Shelf("bang".into())),
        7 => Err(ShopError::NotFound { id }),
        id => Ok(id),
    }
}

#[tokio::test]
async fn typed_errors_reach_the_caller_as_code_message_and_data() {
    let server = serve(methods![buy]).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("buy", json!([3])).await, 3);
    assert_eq!(
        peer.error("buy", json!([7])).await,
        json!({ "code": 404, "message": "article 7 not found", "data": { "id": 7 } })
    );
    assert_eq!(peer.error("buy", json!([0])).await, json!({ "code": 503, "message": "closed" }));
    assert_eq!(peer.error("buy", json!([1])).await, json!({ "code": -32603, "message": "internal error" }));
}

#[tokio::test]
async fn functions_stay_as_they_are() {
    assert_eq!(add(1, 2).await, 3);
    assert!(matches!(buy(7).await, Err(ShopError::NotFound { id: 7 })));
}

#[tokio::test]
async fn calls_are_logged_with_their_connection_outcome_and_time() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let server = serve(methods![add, buy]).await;
    let mut peer = Peer::connect(&server).await;
    peer.result("add", json!([1, 2])).await;
    peer.error("buy", json!([1])).await;
    let text = log.text();
    let line =
        |part: &str| text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part} is not in {text}"));
    let added = line("method=\"add\"");
    assert!(
        ["connection{id=", "peer=Some(127.0.0.1:", "id=1", "took="].iter().all(|part| added.contains(part)),
        "{added}"
    );
    assert!(line("call ended method=\"buy\"").contains("code=-32603"), "{text}");
    assert!(line("internal error").contains("the shelf fell down: bang"), "{text}");
}

/// A type whose reader has a bug.
#[derive(Serialize, JsonSchema)]
struct Fragile(u8);

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u8::deserialize(deserializer)?;
        assert!(n < 9, "a bug in a reader");
        Ok(Self(n))
    }
}

#[rpc]
async fn read(fragile: Fragile) -> u8 {
    fragile.0
}

#[tokio::test]
async fn a_panic_while_arguments_are_read_fails_that_call_alone() {
    let server = serve(methods![read]).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.error("read", json!([9])).await["code"], -32603);
    assert_eq!(peer.result("read", json!([8])).await, 8);
}

#[tokio::test]
async fn time_limits_beyond_all_bounds_are_none() {
    let methods = builder(methods![add]).open().call_timeout(Duration::MAX).shutdown_deadline(Duration::MAX);
    let server = start(methods).await;
    assert_eq!(Peer::connect(&server).await.result("add", json!([1, 2])).await, 3);
    server.stop().await.expect("stopped");
}

#[rpc]
async fn keep(door: &Arc<Door>, text: String) -> usize {
    door.arrived.notify_one();
    door.open.acquire().await.expect("the door is not taken away").forget();
    text.len()
}

#[tokio::test]
async fn calls_in_flight_hold_no_more_bytes_of_params_than_may_wait() {
    let door = Arc::new(Door::new());
    let server = start(builder(methods![add, keep]).open().state(Arc::clone(&door)).max_queue_bytes(10_000)).await;
    let mut peer = Peer::connect(&server).await;
    let keep = |bytes: usize| json!({ "jsonrpc": "2.0", "method": "keep", "params": ["x".repeat(bytes)], "id": bytes });
    peer.send(&keep(6000).to_string()).await;
    door.arrived.notified().await;
    let refusal = peer.ask(&keep(5000).to_string()).await;
    assert_eq!((&refusal["id"], &refusal["error"]["code"]), (&json!(5000), &json!(-32002)));
    let message = refusal["error"]["message"].as_str().expect("a text");
    assert!(message.starts_with("too many bytes in calls: those in flight hold 6004 bytes"), "{message}");
    assert_eq!(peer.result("add", json!([1, 2])).await, 3, "a small one has room");
    door.open.add_permits(1);
    assert_eq!(peer.receive().await["result"], 6000);
    // Nothing is in flight any more: one call may have as many as a message can have.
    door.open.add_permits(1);
    assert_eq!(peer.ask(&keep(50_000).to_string()).await["result"], 50_000);
}
