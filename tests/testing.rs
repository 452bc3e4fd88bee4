//! `conduit::testing`: a client over a pipe in memory, in paused time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use conduit::{Client, CloseCode, Connection, ErrorKind, Server, ServerBuilder, methods, rpc, testing};
use tokio::{sync::mpsc, time::Instant};

use crate::support::builder;

const HOUR: Duration = Duration::from_secs(3600);

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn think() -> u8 {
    tokio::time::sleep(HOUR).await;
    42
}

/// Asks the caller, and adds one.
#[rpc]
async fn ask(client: &Connection, n: i64) -> i64 {
    1 + doubled::call(client, n).await.expect("the client serves it")
}

#[rpc]
async fn doubled(client: &Client, n: i64) -> i64 {
    add::call(client, n, n).await.expect("the server serves it")
}

fn server() -> ServerBuilder {
    builder(methods![add, think, ask]).password("secret")
}

fn build(server: ServerBuilder) -> Server {
    server.build().expect("it builds")
}

#[tokio::test(start_paused = true)]
async fn calls_and_events_go_both_ways_without_a_port() {
    let (heard, mut said) = mpsc::unbounded_channel();
    let started = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&started);
    let server = build(
        server()
            .on_startup(move |_: Server| {
                count.fetch_add(1, Ordering::Relaxed);
                async {}
            })
            .on_client_connect(|client: Connection| async move {
                client.send("welcome", &client.peer_addr().map(|address| address.to_string()));
            }),
    );
    let connect = || testing::connect(&server).password("secret").methods(methods![doubled]);
    let client = connect().on("welcome", move |from: Option<String>| {
        heard.send(from).expect("the test listens");
        async {}
    });
    let client = client.await.expect("connected");
    assert_eq!(said.recv().await.expect("welcomed").as_deref(), Some("127.0.0.1:0"));
    let other = connect().await.expect("connected");
    assert_eq!(ask::call(&client, 4).await.expect("answered"), 9);
    assert_eq!(ask::call(&other, 1).await.expect("answered"), 3);
    assert_eq!((server.address(), server.connection_count(), started.load(Ordering::Relaxed)), (None, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn hours_pass_at_once_and_heartbeats_keep_the_connection() {
    let (real, paused) = (std::time::Instant::now(), Instant::now());
    let server = build(server().call_timeout(2 * HOUR));
    let client = testing::connect(&server).password("secret").await.expect("connected");
    let error = think::call(&client).timeout(HOUR / 2).await.expect_err("too slow");
    assert_eq!((error.kind(), paused.elapsed().as_secs()), (ErrorKind::Timeout, 1800));
    assert_eq!(think::call(&client).timeout(2 * HOUR).await.expect("answered"), 42);
    // Longer than any heartbeat would let a silent client be.
    tokio::time::sleep(24 * HOUR).await;
    let connection = server.connections().pop().expect("the client is still there");
    assert!(connection.latency().is_some());
    assert_eq!(add::call(&client, 1, 1).await.expect("answered"), 2);
    assert!(real.elapsed() < Duration::from_secs(20), "{:?}", real.elapsed());
}

#[tokio::test(start_paused = true)]
async fn logins_and_limits_are_those_of_a_socket() {
    let (left, mut ends) = mpsc::unbounded_channel();
    let server = build(server().max_connections(1).max_unauthenticated(1).auth_timeout(Duration::from_secs(7)));
    let error = testing::connect(&server).password("wrong").await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let client = testing::connect(&server).password("secret").await.expect("connected");
    let error = testing::connect(&server).password("secret").await.expect_err("full");
    assert!(error.to_string().contains("ws://in-memory/ answered status 503"), "{error}");
    let came = Instant::now();
    let stranger = testing::connect(&server).await.expect("connected, and not logged in");
    let error = add::call(&stranger, 1, 1).await.expect_err("not logged in");
    assert_eq!(error.code(), Some(-32001));
    tokio::spawn(async move { left.send(stranger.closed().await).expect("the test listens") });
    let end = ends.recv().await.expect("it ends");
    assert_eq!((end.code, came.elapsed().as_secs()), (CloseCode::LOGIN_TIMEOUT, 7));
    assert_eq!(add::call(&client, 1, 1).await.expect("answered"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_comes_back_over_a_pipe_of_its_own() {
    let (real, lost) = (std::time::Instant::now(), Instant::now());
    let server = build(server());
    let client = testing::connect(&server).password("secret");
    let client = client.reconnect_delay(HOUR..=HOUR).timeout(2 * HOUR).await.expect("connected");
    let first = server.connections().pop().expect("the client is there");
    first.disconnect(CloseCode::GOING_AWAY, "come back");
    while client.is_connected() {
        tokio::task::yield_now().await;
    }
    assert_eq!(add::call(&client, 2, 3).await.expect("answered"), 5);
    let second = server.connections().pop().expect("the client is back");
    assert_ne!(first.id(), second.id());
    assert!(lost.elapsed() >= HOUR / 2 && real.elapsed() < Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_stopped_is_not_reached() {
    let server = build(server());
    let client = testing::connect(&server).password("secret").await.expect("connected");
    let thinking = think::call(&client).timeout(2 * HOUR);
    let (thinking, ()) = tokio::join!(thinking, async {
        while server.connections().is_empty() {
            tokio::task::yield_now().await;
        }
        server.stop().await;
    });
    assert!(thinking.is_err());
    let error = testing::connect(&server).password("secret").await.expect_err("it has stopped");
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.to_string(), "can't connect to ws://in-memory/: the server has stopped");
}
