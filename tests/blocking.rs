//! `conduit::blocking`: a client for programs without a runtime.

use std::{sync::mpsc, thread, time::Duration};

use conduit::{
    Client as AsyncClient, CloseCode, Connection, Disconnected, Error, ErrorKind, RpcError, RunningServer,
    blocking::Client, methods, rpc,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{PATIENCE, builder, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn hang() {
    std::future::pending().await
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum Refused {
    #[error("no user {id}")]
    #[rpc(code = 404)]
    Unknown { id: u64 },
}

#[rpc]
async fn user(id: u64) -> Result<String, Refused> {
    Err(Refused::Unknown { id })
}

/// Sends the numbers up to this one as events.
#[rpc]
async fn count(client: &Connection, upto: u64) {
    for n in 1..=upto {
        client.send("number", &n);
    }
}

#[rpc]
async fn ask(client: &Connection, n: i64) -> i64 {
    doubled::call(client, n).await.expect("the client serves it")
}

/// A sync method of the client.
#[rpc]
fn doubled(n: i64) -> i64 {
    n * 2
}

#[rpc(namespace = "list")]
impl List {
    async fn len(&self) -> usize {
        self.0
    }
}

struct List(usize);

/// A server in a runtime of its own, and how its clients leave.
struct Served {
    runtime: Runtime,
    server: Option<RunningServer>,
    ends: mpsc::Receiver<Disconnected>,
}

impl Served {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let (left, ends) = mpsc::channel();
        let methods = methods![add, hang, user, count, ask];
        let server =
            builder(methods).service(List(3)).open().on_client_disconnect(move |_: Connection, end: Disconnected| {
                let _ = left.send(end);
                async {}
            });
        let runtime = runtime.expect("a runtime");
        let server = runtime.block_on(start(server));
        Self { runtime, server: Some(server), ends }
    }

    fn url(&self) -> String {
        format!("ws://{}", self.server.as_ref().expect("it runs").address())
    }

    fn client(&self) -> Client {
        Client::connect(self.url()).methods(methods![doubled]).blocking().expect("connected")
    }

    fn end(&self) -> Disconnected {
        self.ends.recv_timeout(PATIENCE).expect("the client leaves")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let server = self.server.take();
        self.runtime.block_on(async { drop(server) });
    }
}

#[test]
fn calls_return_their_answers() {
    let served = Served::new();
    let client = served.client();
    assert_eq!(client.call::<i64>("add", json!({ "a": 2, "b": 3 })).expect("answered"), 5);
    assert_eq!(add::call(&client, 2, 3).expect("answered"), 5);
    assert_eq!(ListClient::new(&client).len().expect("answered"), 3);
    assert_eq!(user::call(&client, 7).expect_err("nobody").decode(), Some(Refused::Unknown { id: 7 }));
    assert_eq!(ask::call(&client, 21).expect("answered"), 42);
    let error = hang::call(&client.with_timeout(Duration::from_millis(1))).expect_err("too slow");
    assert!(error.is_timeout(), "{error}");
    assert!(client.listall().expect("answered").iter().any(|method| method.name == "add"));
    client.discover().expect("answered");
    assert!(client.call::<i64>("add", (1, "two")).expect_err("checked").is_unsent());
}

#[test]
fn batches_and_futures_are_waited_for() {
    let served = Served::new();
    let client = served.client();
    let mut batch = client.batch();
    let (sum, list) = (batch.call::<i64>("add", (1, 2)), batch.call::<usize>("list.len", ()));
    let answers = client.wait(batch.send()).expect("answered");
    assert_eq!((answers.take(sum).expect("a sum"), answers.take(list).expect("a length")), (3, 3));
    let both = client.wait(async {
        let inner = client.inner();
        Ok(tokio::join!(add::call(inner, 1, 1), add::call(inner, 2, 2)))
    });
    let (two, four) = both.expect("it is no future that fails");
    assert_eq!((two.expect("answered"), four.expect("answered")), (2, 4));
}

#[test]
fn events_are_iterated_and_handled() {
    let served = Served::new();
    let client = served.client();
    let (heard, numbers) = mpsc::channel();
    client.on("number", move |client: AsyncClient, n: i64| {
        let heard = heard.clone();
        async move { heard.send(add::call(&client, n, 100).await.expect("answered")).expect("the test listens") }
    });
    let mut events = client.events::<u64>("number");
    client.send("number", &1).expect("sent, and of interest to nobody");
    client.notify("count", [3]).expect("sent");
    let three: Vec<u64> = events.by_ref().take(3).map(|event| event.expect("a number")).collect();
    assert_eq!(three, [1, 2, 3]);
    let mut sums: Vec<i64> = (0..3).map(|_| numbers.recv_timeout(PATIENCE).expect("handled")).collect();
    sums.sort_unstable();
    assert_eq!(sums, [101, 102, 103]);
    let error = events.next_timeout(Duration::from_millis(1)).expect_err("no more");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    client.close().expect("closed");
    assert!(events.next().is_none() && events.next_timeout(PATIENCE).expect("the end").is_none());
}

#[test]
fn threads_share_a_client() {
    let served = Served::new();
    let client = served.client();
    let threads = (0..8).map(|n| {
        let client = client.clone();
        thread::spawn(move || (0..50).map(|m| add::call(&client, n, m).expect("answered")).sum::<i64>())
    });
    let sums: Vec<i64> =
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().expect("no panic")).collect();
    assert_eq!(sums, (0..8).map(|n| 50 * n + 1225).collect::<Vec<_>>());
}

#[test]
fn close_waits_and_a_dropped_client_leaves_in_order_too() {
    let served = Served::new();
    let client = served.client();
    assert!(client.is_connected() && !client.is_closed());
    client.close().expect("closed");
    assert!(client.is_closed() && !client.is_connected());
    assert_eq!(client.closed().expect("it has ended").code, CloseCode::NORMAL);
    assert_eq!(served.end().code, CloseCode::NORMAL);
    assert_eq!(add::call(&client, 1, 1).expect_err("closed").kind(), ErrorKind::Closed);
    drop(served.client());
    assert_eq!(served.end().code, CloseCode::NORMAL);
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let error = Client::connect("ws://127.0.0.1:1").blocking().expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Connect);
}

#[test]
fn inside_a_runtime_all_that_waits_is_an_error() {
    let served = Served::new();
    let client = served.client();
    let mut events = client.events::<u64>("number");
    let connect = Client::connect(served.url());
    let errors: Vec<Error> = served.runtime.block_on(async {
        let errors = vec![
            connect.blocking().expect_err("inside"),
            client.call::<Value>("add", (1, 1)).expect_err("inside"),
            add::call(&client, 1, 1).expect_err("inside"),
            client.notify("add", (1, 1)).expect_err("inside"),
            client.send("number", &1).expect_err("inside"),
            client.listall().expect_err("inside"),
            client.discover().expect_err("inside"),
            events.next().expect("an error").expect_err("inside"),
            events.next_timeout(PATIENCE).expect_err("inside"),
            client.close().expect_err("inside"),
            client.closed().expect_err("inside"),
        ];
        // It may be dropped there, and still leaves in order.
        drop((client, events));
        errors
    });
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::InRuntime), "{errors:?}");
    assert!(errors[0].to_string().contains("use `conduit::Client` there, or a thread of its own"), "{}", errors[0]);
    assert_eq!(served.end().code, CloseCode::NORMAL);
}
