//! Starting, stopping, nesting, and the limits of a socket.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use conduit::{ErrorKind, Server, ServerBuilder, methods, rpc};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    PATIENCE, Peer, builder,
    gate::{Gate, wait},
    http, serve, start,
};

const JSON: (&str, &str) = ("content-type", "application/json");

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::test]
async fn port_0_finds_a_free_port() {
    let (one, two) = (serve(methods![add]).await, serve(methods![add]).await);
    assert_ne!(one.port(), 0);
    assert_ne!(one.address(), two.address());
    assert_eq!(Peer::connect(&two).await.result("add", json!([1, 2])).await, 3);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_of_its_own_that_names_the_address() {
    let one = serve(methods![add]).await;
    let two = builder(methods![add]).open().port(one.port()).build().expect("the server builds");
    let error = two.start().await.expect_err("the port is in use");
    assert!(error.is_address_in_use());
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
    assert!(error.to_string().contains(&one.address().to_string()), "{error}");
}

#[tokio::test]
async fn a_server_starts_once() {
    let running = serve(methods![add]).await;
    let server = running.server().clone();
    assert_eq!(server.clone().start().await.expect_err("it runs").kind(), ErrorKind::Startup);
    running.stop().await.expect("stopped");
    assert_eq!(server.start().await.expect_err("it was stopped").kind(), ErrorKind::Startup);
}

#[tokio::test]
async fn an_address_of_another_machine_is_a_bind_error() {
    // One that is kept for examples (RFC 5737).
    let server = builder(methods![add]).open().host("192.0.2.1").build().expect("the server builds");
    assert_eq!(server.start().await.expect_err("another's").kind(), ErrorKind::Bind);
}

#[tokio::test]
async fn stop_answers_calls_in_flight_and_closes_with_1001() {
    let gate = Arc::new(Gate::default());
    let server = start(builder(methods![add, wait]).open().state(Arc::clone(&gate))).await;
    let address = server.address();
    let (mut busy, mut idle) = (Peer::connect(&server).await, Peer::connect(&server).await);
    idle.result("add", json!([1, 2])).await;
    busy.send(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#).await;
    gate.arrived.notified().await;
    let stopping = tokio::spawn(server.stop());
    let frame = idle.closed().await.expect("a close frame with a code");
    assert_eq!(u16::from(frame.code), 1001);
    assert!(Peer::upgrade(address, None).await.is_err(), "a stopping server takes no connection");
    // A new call is refused while the old one is waited for.
    assert_eq!(busy.error("add", json!([1, 2])).await["code"], -32005);
    gate.open.notify_one();
    assert_eq!(busy.receive().await["result"], "through");
    assert_eq!(u16::from(busy.closed().await.expect("a close frame with a code").code), 1001);
    stopping.await.expect("no panic").expect("stopped");
}

#[tokio::test]
async fn stop_waits_no_longer_than_the_deadline() {
    let gate = Arc::new(Gate::default());
    let server = builder(methods![wait]).open().state(Arc::clone(&gate)).shutdown_deadline(Duration::from_millis(50));
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#).await;
    gate.arrived.notified().await;
    server.stop().await.expect("stopped");
    assert_eq!(u16::from(peer.closed().await.expect("a close frame with a code").code), 1001);
}

#[tokio::test]
async fn dropping_a_running_server_stops_it() {
    let server = serve(methods![add]).await;
    let address = server.address();
    let mut peer = Peer::connect(&server).await;
    drop(server);
    assert_eq!(u16::from(peer.closed().await.expect("a close frame with a code").code), 1001);
    assert!(Peer::upgrade(address, None).await.is_err());
}

/// A builder whose server tells where it listens.
fn telling(builder: ServerBuilder) -> (ServerBuilder, std::sync::mpsc::Receiver<SocketAddr>) {
    let (tells, told) = std::sync::mpsc::channel();
    let builder = builder.on_startup(move |server: Server| {
        tells.send(server.address().expect("an address")).expect("the test waits");
        async {}
    });
    (builder, told)
}

#[rpc]
async fn halt(server: &Server) {
    let server = server.clone();
    tokio::spawn(async move { server.stop().await });
}

#[tokio::test]
async fn run_ends_when_a_method_stops_the_server() {
    let (builder, told) = telling(builder(methods![halt]).open());
    let running = tokio::spawn(builder.build().expect("the server builds").run());
    let address = tokio::task::spawn_blocking(move || told.recv()).await.expect("no panic").expect("it starts");
    let mut peer = Peer::upgrade(address, None).await.expect("upgraded");
    assert_eq!(peer.result("halt", json!([])).await, json!(null));
    assert_eq!(u16::from(peer.closed().await.expect("a close frame with a code").code), 1001);
    let ended = tokio::time::timeout(PATIENCE, running).await.expect("`run` ends in time");
    ended.expect("no panic").expect("stopped");
}

/// What a sync method waits for: nothing opens it.
struct Blocked {
    arrived: Notify,
    never: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
}

#[rpc]
fn block(blocked: &Arc<Blocked>) {
    blocked.arrived.notify_one();
    let _ = blocked.never.lock().expect("no panic").recv();
}

#[tokio::test]
async fn run_blocking_waits_for_a_method_that_blocks_no_longer_than_the_deadline() {
    let (_open, never) = std::sync::mpsc::channel();
    let blocked = Arc::new(Blocked { arrived: Notify::new(), never: never.into() });
    let deadline = Duration::from_millis(50);
    let builder = builder(methods![block]).open().state(Arc::clone(&blocked)).shutdown_deadline(deadline);
    let (builder, told) = telling(builder);
    let server = builder.build().expect("the server builds");
    let running = server.clone();
    let (ends, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || ends.send(running.run_blocking()));
    let address = tokio::task::spawn_blocking(move || told.recv()).await.expect("no panic").expect("it starts");
    let mut peer = Peer::upgrade(address, None).await.expect("upgraded");
    peer.send(r#"{"jsonrpc":"2.0","method":"block","id":1}"#).await;
    blocked.arrived.notified().await;
    server.stop().await;
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("`run_blocking` ends in time");
    ended.expect("no panic").expect("stopped");
}

#[tokio::test]
async fn the_router_nests_in_an_application_that_has_one() {
    let server = builder(methods![add]).open().build().expect("the server builds");
    let app = axum::Router::new().nest("/rpc", server.router()).route("/", axum::routing::get(async || "home"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    assert_eq!(http(address, "GET", &[], "").await, (200, "home".into()));
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/rpc")).await.expect("upgraded");
    let request = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    socket.send(Message::text(request)).await.expect("sent");
    let answer = socket.next().await.expect("an answer").expect("no error").into_text().expect("a text");
    assert_eq!(answer.as_str(), r#"{"jsonrpc":"2.0","result":5,"id":1}"#);
    server.stop().await;
    server.stop().await;
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1001));
    serving.abort();
}

#[tokio::test]
async fn stop_answers_posts_in_flight_and_closes_connections_that_are_kept() {
    let gate = Arc::new(Gate::default());
    let server = start(builder(methods![add, wait]).open().state(Arc::clone(&gate))).await;
    let address = server.address();
    let mut kept = TcpStream::connect(address).await.expect("the server listens");
    let add = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length:";
    kept.write_all(format!("{head} {}\r\n\r\n{add}", add.len()).as_bytes()).await.expect("sent");
    kept.read_u8().await.expect("an answer");
    let body = r#"{"jsonrpc":"2.0","method":"wait","id":1}"#;
    let busy = tokio::spawn(async move { http(address, "POST", &[JSON], body).await });
    gate.arrived.notified().await;
    let stopping = tokio::spawn(server.stop());
    let mut rest = String::new();
    kept.read_to_string(&mut rest).await.expect("the end of the connection");
    assert!(rest.ends_with(r#""result":5,"id":1}"#), "{rest}");
    assert!(!stopping.is_finished());
    gate.open.notify_one();
    let (status, answer) = busy.await.expect("no panic");
    assert!(status == 200 && answer.contains("through"), "{status} {answer}");
    stopping.await.expect("no panic").expect("stopped");
}

#[tokio::test]
async fn a_nested_server_that_stops_waits_for_its_posts_to_the_deadline() {
    for deadline in [Duration::from_secs(60), Duration::from_millis(50)] {
        let gate = Arc::new(Gate::default());
        let builder = builder(methods![wait]).open().state(Arc::clone(&gate)).shutdown_deadline(deadline);
        let server = builder.build().expect("the server builds");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = server.router();
        let serving = tokio::spawn(async { axum::serve(listener, router).await });
        let body = r#"{"jsonrpc":"2.0","method":"wait","id":1}"#;
        let busy = tokio::spawn(async move { http(address, "POST", &[JSON], body).await });
        gate.arrived.notified().await;
        let stopping = tokio::spawn(async move { server.stop().await });
        let is_short = deadline < Duration::from_secs(1);
        if !is_short {
            let (status, _) = http(address, "POST", &[JSON], body).await;
            assert_eq!(status, 503, "a server that stops takes no call");
            assert!(!stopping.is_finished());
            gate.open.notify_one();
        }
        stopping.await.expect("no panic");
        let (status, answer) = busy.await.expect("no panic");
        assert_eq!(status, if is_short { 503 } else { 200 }, "{answer}");
        serving.abort();
    }
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let server = start(builder(methods![add]).open().max_message_size(1000)).await;
    let mut peer = Peer::connect(&server).await;
    let id =
        |length: usize| format!(r#"{{"jsonrpc":"2.0","method":"add","params":[2,3],"id":"{}"}}"#, "x".repeat(length));
    assert_eq!(peer.ask(&id(900)).await["result"], 5);
    peer.send(&id(1000)).await;
    assert_eq!(u16::from(peer.closed().await.expect("a close frame with a code").code), 1009);
}

#[tokio::test]
async fn a_peer_in_the_middle_of_a_huge_message_still_reads_why_it_is_closed() {
    let server = start(builder(methods![add]).open().max_message_size(1000)).await;
    let (mut write, mut read) = Peer::connect(&server).await.split();
    let sending = tokio::spawn(async move { write.send(Message::text("x".repeat(64 * 1024 * 1024))).await });
    let message = tokio::time::timeout(PATIENCE, read.next()).await.expect("something arrives in time");
    assert!(
        matches!(&message, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1009),
        "{message:?} came"
    );
    sending.abort();
}

#[tokio::test]
async fn a_peer_that_has_sent_a_huge_message_whole_still_reads_why_it_is_closed() {
    let server = start(builder(methods![add]).open().max_message_size(1000)).await;
    let mut peer = Peer::connect(&server).await;
    peer.send_message(Message::text("x".repeat(17 * 1024 * 1024))).await;
    assert_eq!(u16::from(peer.closed().await.expect("a close frame with a code").code), 1009);
}

#[tokio::test]
async fn a_close_of_the_peer_is_answered_with_its_code() {
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame { code: 4321.into(), reason: "bye".into() };
    peer.send_message(Message::Close(Some(frame))).await;
    assert_eq!(u16::from(peer.closed().await.expect("a close frame with a code").code), 4321);
}

#[tokio::test]
async fn pings_are_answered_while_a_call_runs() {
    let gate = Arc::new(Gate::default());
    let server = start(builder(methods![wait]).open().state(Arc::clone(&gate))).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#).await;
    gate.arrived.notified().await;
    peer.send_message(Message::Ping("are you there".into())).await;
    assert!(matches!(peer.next().await, Some(Ok(Message::Pong(payload))) if payload == "are you there"));
    gate.open.notify_one();
    assert_eq!(peer.receive().await["result"], "through");
}

#[tokio::test]
async fn twenty_thousand_calls_at_once_are_all_answered_in_order() {
    let server = serve(methods![add]).await;
    let peer = Peer::connect(&server).await;
    let (mut write, mut read) = peer.split();
    let sending = tokio::spawn(async move {
        for n in 0..20_000 {
            let request = format!(r#"{{"jsonrpc":"2.0","method":"add","params":[{n},0],"id":{n}}}"#);
            write.feed(Message::text(request)).await.expect("the server takes the message");
        }
        write.flush().await.expect("the server takes the messages");
        write
    });
    for n in 0..20_000 {
        let text = read.next().await.expect("an answer").expect("no error").into_text().expect("a text");
        assert_eq!(text.as_str(), format!(r#"{{"jsonrpc":"2.0","result":{n},"id":{n}}}"#));
    }
    drop(sending.await);
}

/// More than the usual backlog of 128 at once: each is taken at its first try, which a second one would follow after 1 s.
#[tokio::test]
async fn a_wave_of_clients_waits_for_no_second_try() {
    let server = start(builder(methods![add]).open()).await;
    let address = server.address();
    let began = std::time::Instant::now();
    // None of them is accepted before all have asked: the server runs on this very thread.
    let sockets: Vec<_> =
        (0..400).map(|_| std::net::TcpStream::connect(address).expect("there is room to wait")).collect();
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    drop(sockets);
    assert_eq!(Peer::connect(&server).await.result("add", json!([1, 2])).await, 3);
}
