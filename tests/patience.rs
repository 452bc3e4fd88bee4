//! How long a server waits for the parts of an HTTP request, and for its answer to be taken.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use conduit::{RunningServer, methods, rpc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

use crate::support::{PATIENCE, builder, start};

const SHORT: Duration = Duration::from_millis(50);

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn text(length: usize) -> String {
    "x".repeat(length)
}

#[rpc]
async fn wait(gate: &Arc<Notify>) -> &'static str {
    gate.notified().await;
    "through"
}

const ADD: &str = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;

fn request(length: usize, header: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{header}content-length: {length}\r\n\r\n"
    )
}

async fn connect(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(text.as_bytes()).await.expect("the server takes the bytes");
    stream
}

/// What comes until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await;
    reading.expect("the server ends the connection").expect("no reset");
    String::from_utf8(text).expect("a text")
}

/// Waits as long as a server waits for a stranger, twice.
async fn until_a_stranger_has_gone(server: &RunningServer) {
    for _ in 0..2 {
        rest(&mut connect(server.address(), "GET").await).await;
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_sent_is_ended() {
    let server = start(builder(methods![add]).open().auth_timeout(SHORT)).await;
    assert_eq!(rest(&mut connect(server.address(), "").await).await, "");
}

#[tokio::test]
async fn a_connection_that_is_kept_and_not_used_is_ended() {
    let server = start(builder(methods![add]).open().auth_timeout(SHORT)).await;
    let call = format!("{}{ADD}", request(ADD.len(), ""));
    let answers = rest(&mut connect(server.address(), &call.repeat(2)).await).await;
    assert_eq!(answers.matches(r#""result":5"#).count(), 2, "{answers}");
}

#[tokio::test]
async fn a_call_that_takes_longer_than_a_stranger_may_is_answered() {
    let gate = Arc::new(Notify::new());
    let server = start(builder(methods![wait]).open().auth_timeout(SHORT).state(Arc::clone(&gate))).await;
    let body = r#"{"jsonrpc":"2.0","method":"wait","id":1}"#;
    let mut stream = connect(server.address(), &format!("{}{body}", request(body.len(), ""))).await;
    until_a_stranger_has_gone(&server).await;
    gate.notify_one();
    assert!(rest(&mut stream).await.contains("through"));
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_arrives_whole() {
    const LENGTH: usize = 12_000_000;
    let server = start(builder(methods![text]).open().auth_timeout(SHORT)).await;
    let body = format!(r#"{{"jsonrpc":"2.0","method":"text","params":[{LENGTH}],"id":1}}"#);
    let mut stream = connect(server.address(), &format!("{}{body}", request(body.len(), ""))).await;
    stream.read_u8().await.expect("the answer begins");
    until_a_stranger_has_gone(&server).await;
    let answer = rest(&mut stream).await;
    assert!(answer.len() > LENGTH, "{} bytes", answer.len());
}

#[tokio::test]
async fn a_body_that_does_not_go_on_is_answered_with_408() {
    let beats = builder(methods![add]).heartbeat_interval(SHORT / 2).heartbeat_timeout(SHORT).password("p");
    let server = start(beats).await;
    let head = request(ADD.len(), "authorization: Bearer p\r\n");
    let answer = rest(&mut connect(server.address(), &format!("{head}{}", &ADD[..10])).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_stranger_has_one_time_for_the_whole_body() {
    let server = start(builder(methods![add]).password("p").auth_timeout(SHORT)).await;
    let mut stream = connect(server.address(), &request(10_000_000, "")).await;
    let (mut read, mut write) = stream.split();
    // It goes on and on: no single piece is late.
    let sending = async {
        let mut pace = tokio::time::interval(SHORT / 10);
        loop {
            pace.tick().await;
            if write.write_all(b" ").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut answer = [0; 13];
    tokio::select! {
        read = read.read_exact(&mut answer) => assert_eq!(read.expect("an answer"), 13),
        () = sending => {}
    }
    assert_eq!(&answer, b"HTTP/1.1 408 ");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_with_431() {
    let server = start(builder(methods![add]).open()).await;
    let header = format!("x: {}\r\n", "x".repeat(40_000));
    let mut stream = connect(server.address(), "").await;
    stream.write_all(request(0, &header).as_bytes()).await.expect("the server takes the bytes");
    let mut answer = [0; 13];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 431 ");
}
