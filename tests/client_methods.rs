//! Methods of a client, which its server calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use conduit::{Call, Client, Connect, Connection, Error, ErrorKind, RpcError, RunningServer, Server, methods, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{PATIENCE, builder, start};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Failed {
    kind: String,
    code: Option<i64>,
    message: String,
    data: Option<Value>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let data = error.object().and_then(|object| object.data_as());
        Self { kind: format!("{:?}", error.kind()), code: error.code(), message: error.to_string(), data }
    }
}

/// Has the caller run a method of its own: what it answers.
#[rpc]
async fn ask(client: &Connection, method: String, params: Value) -> Result<Value, conduit::ErrorObject> {
    match client.call::<Value>(&method, params).await {
        Ok(value) => Ok(value),
        Err(error) => Ok(json!(Failed::from(error))),
    }
}

/// How deep the caller and this side can call each other: each asks the other for one less.
#[rpc(name = "server.descend")]
async fn descend_at_server(client: &Connection, depth: u32) -> Result<u32, conduit::ErrorObject> {
    match depth {
        0 => Ok(0),
        _ => Ok(1 + descend_at_client::call(client, depth - 1)
            .await
            .map_err(|error| error.to_string())
            .map_err(internal)?),
    }
}

#[rpc(name = "client.descend")]
async fn descend_at_client(client: &Client, depth: u32) -> Result<u32, conduit::ErrorObject> {
    match depth {
        0 => Ok(0),
        _ => Ok(1 + descend_at_server::call(client, depth - 1)
            .await
            .map_err(|error| error.to_string())
            .map_err(internal)?),
    }
}

fn internal(why: String) -> conduit::ErrorObject {
    conduit::ErrorObject::new(1, why)
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum Refused {
    #[error("{0} is not for servers")]
    #[rpc(code = 7)]
    Secret(String),
}

/// Repeat a word.
#[rpc]
async fn repeat(#[schemars(length(min = 1))] word: String, #[schemars(range(max = 3))] times: u8) -> String {
    word.repeat(times.into())
}

#[rpc]
async fn read(name: String) -> Result<String, Refused> {
    Err(Refused::Secret(name))
}

#[rpc]
async fn explode() -> u8 {
    panic!("bang")
}

#[derive(Default)]
struct Visits(AtomicU64);

#[rpc]
fn visit(call: &Call, visits: &Visits) -> (String, u64) {
    (call.method().to_owned(), visits.0.fetch_add(1, Ordering::Relaxed) + 1)
}

#[on("visit.note")]
async fn note(visits: &Visits, by: u64) -> u64 {
    visits.0.fetch_add(by, Ordering::Relaxed) + by
}

struct Lamp(AtomicU64);

#[rpc(namespace = "lamp")]
impl Lamp {
    async fn turn(&self, to: u64) -> u64 {
        self.0.swap(to, Ordering::Relaxed)
    }
}

async fn server() -> RunningServer {
    start(builder(methods![ask, descend_at_server, ask_typed, ask_and_leave]).open()).await
}

fn connect(server: &RunningServer) -> Connect {
    Client::connect(format!("ws://{}", server.address()))
}

async fn asked(client: &Client, method: &str, params: Value) -> Value {
    ask::call(client, method.into(), params).await.expect("the server answers")
}

/// Calls the client by the function itself.
#[rpc]
async fn ask_typed(client: &Connection, word: String) -> (String, bool) {
    let repeated = repeat::call(client, word, 2).await.expect("the client serves it");
    let refused = read::call(client, "diary".into()).await.expect_err("it is secret");
    (repeated, refused.decode() == Some(Refused::Secret("diary".into())))
}

#[tokio::test]
async fn the_server_calls_by_name_and_by_the_function_itself() {
    let server = server().await;
    let client = connect(&server).methods(methods![repeat, read]).await.expect("connected");
    assert_eq!(asked(&client, "repeat", json!({ "word": "ha", "times": 3 })).await, "hahaha");
    assert_eq!(asked(&client, "repeat", json!(["ha", 1])).await, "ha");
    assert_eq!(ask_typed::call(&client, "no".into()).await.expect("answered"), ("nono".into(), true));
}

#[tokio::test]
async fn arguments_are_checked_and_all_faults_told() {
    let server = server().await;
    let client = connect(&server).methods(methods![repeat]).await.expect("connected");
    let answer = asked(&client, "repeat", json!({ "word": "", "times": 4, "loud": true })).await;
    assert_eq!(answer["code"], -32602);
    let faults = answer["data"]["errors"].as_array().expect("a list of faults");
    let paths: Vec<_> = faults.iter().map(|fault| fault["path"].as_str().expect("a pointer")).collect();
    assert_eq!(paths, ["/word", "/times", "/loud"]);
}

#[tokio::test]
async fn errors_and_panics_fail_their_own_call() {
    let server = server().await;
    let client = connect(&server).methods(methods![repeat, read, explode]).await.expect("connected");
    let refused = asked(&client, "read", json!(["diary"])).await;
    assert_eq!((&refused["code"], &refused["message"]), (&json!(7), &json!("diary is not for servers (code 7)")));
    assert_eq!(asked(&client, "explode", json!([])).await["code"], -32603);
    assert_eq!(asked(&client, "nothing", json!([])).await["code"], -32601);
    assert_eq!(asked(&client, "repeat", json!(["a", 2])).await, "aa");
}

#[tokio::test]
async fn state_and_the_call_are_lent() {
    let server = server().await;
    let methods = methods![visit, note];
    let lamp = Lamp(AtomicU64::new(1));
    let client = connect(&server).methods(methods).state(Visits::default()).service(lamp).await.expect("connected");
    assert_eq!(asked(&client, "visit", json!({})).await, json!(["visit", 1]));
    assert_eq!(asked(&client, "visit.note", json!([5])).await, 6);
    assert_eq!(asked(&client, "visit", json!({})).await, json!(["visit", 7]));
    assert_eq!(asked(&client, "lamp.turn", json!({ "to": 9 })).await, 1);
}

#[tokio::test]
async fn a_client_tells_its_server_what_it_serves() {
    let server = server().await;
    let methods = methods![repeat, visit, note];
    let client = connect(&server).version("1.2.3").methods(methods).state(Visits::default()).await.expect("connected");
    let listed = asked(&client, "listall", json!([])).await;
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|method| &method["name"]).collect();
    assert_eq!(names, ["listall", "repeat", "rpc.cancel", "rpc.discover", "visit"]);
    let document = asked(&client, "rpc.discover", json!([])).await;
    assert_eq!(
        (&document["info"]["version"], &document["x-events"][0]["name"]),
        (&json!("1.2.3"), &json!("visit.note"))
    );
}

#[tokio::test]
async fn both_sides_may_call_each_other_while_they_serve_a_call() {
    let server = server().await;
    let client = connect(&server).methods(methods![descend_at_client]).await.expect("connected");
    let depths = (0..20).map(|_| descend_at_server::call(&client, 31));
    let deep = tokio::time::timeout(PATIENCE, futures_util::future::join_all(depths)).await.expect("no deadlock");
    assert!(deep.into_iter().all(|depth| depth.expect("answered") == 31));
}

#[rpc]
async fn of_connections(client: &Connection) -> u64 {
    client.counters().messages_in
}

#[rpc]
async fn of_servers(server: &Server) -> String {
    server.name().into()
}

#[tokio::test]
async fn what_a_client_does_not_lend_is_an_error_before_it_connects() {
    let refused = |connect: Connect| async move { connect.await.expect_err("it does not fit") };
    // Nobody listens there: it is not tried.
    let nowhere = || Client::connect("ws://127.0.0.1:1");
    let error = refused(nowhere().methods(methods![of_connections, of_servers, visit])).await;
    assert_eq!(error.kind(), ErrorKind::Build);
    let text = error.to_string();
    let file = "client_methods.rs";
    for (method, ty) in [("of_connections", "Connection"), ("of_servers", "Server")] {
        let line = text.lines().find(|line| line.contains(&format!("method `{method}`"))).expect("it is named");
        assert!(line.contains(file) && line.contains(&format!("::{ty}`, which only a server lends")), "{line}");
    }
    assert!(text.contains("Visits`, and the client has no such state: give it with `.state(..)`"), "{text}");

    let error = refused(nowhere().methods(methods![repeat]).on("repeat", || async {})).await;
    assert!(error.to_string().contains("`repeat` is a method"), "{error}");
    let error = refused(nowhere().state(1_u8).state(2_u8)).await;
    assert_eq!(error.to_string(), "the client can't be built: state of type `u8` was given twice");
}

#[test]
fn a_server_says_that_only_a_client_lends_a_client() {
    let error = builder(methods![descend_at_client]).open().build().expect_err("it has no client");
    assert!(error.to_string().contains("Client`, which only a client lends"), "{error}");
    // Those that are linked into the program are left to the clients.
    Server::builder().open().build().map(drop).unwrap_or_else(|error| {
        assert!(!error.to_string().contains("client.descend"), "{error}");
    });
}

/// Asks the caller for something that takes for ever, and gives up.
#[rpc]
async fn ask_and_leave(client: &Connection) -> bool {
    client.call::<Value>("linger", ()).timeout(Duration::from_millis(1)).await.is_err_and(|error| error.is_timeout())
}

/// Fires when a call of `linger` is dropped.
#[derive(Clone, Default)]
struct Left(Arc<Notify>);

struct Leaving(Left);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.0.notify_one();
    }
}

#[rpc]
async fn linger(left: &Left) {
    let _leaving = Leaving(left.clone());
    std::future::pending().await
}

#[tokio::test]
async fn a_call_that_the_server_gives_up_is_cancelled_at_the_client() {
    let (server, left) = (server().await, Left::default());
    let client = connect(&server).methods(methods![linger]).state(left.clone()).await.expect("connected");
    assert!(ask_and_leave::call(&client).await.expect("answered"));
    tokio::time::timeout(PATIENCE, left.0.notified()).await.expect("it is cancelled");
}

#[tokio::test]
async fn a_call_beyond_the_limit_is_refused() {
    let (server, left) = (server().await, Left::default());
    let client = connect(&server).methods(methods![linger, repeat]).state(left).max_in_flight(1);
    let client = client.await.expect("connected");
    let connection = server.server().connections().pop().expect("the client is there");
    let first = tokio::spawn({
        let connection = connection.clone();
        async move { connection.call::<()>("linger", ()).await }
    });
    // The answer to this says that the one before it, which is on its way first, has started.
    let refused = loop {
        match repeat::call(&connection, "a".into(), 1).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), Some(-32002));
    client.close().await;
    first.await.expect("no panic").expect_err("the client is gone");
}
