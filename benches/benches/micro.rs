//! What the parts of a call cost, without a kernel between them.
//!
//! `cargo bench -p conduit-benches`. Compare within one run. `validate` is conduit's own: `cargo bench -p conduit`.
//!
//! | group | what runs |
//! |---|---|
//! | `parse` | the text of a request, or of a batch of 50, to messages |
//! | `encode` | a result to the text of its response |
//! | `dispatch` | 64 calls, or a batch of them, over a stream in memory: frames, parse, look-up, validation, the call, answers, frames |
//! | `broadcast` | one event to 100 connections over streams in memory, until it is written to all |

#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a benchmark, and not all of the frames' code is used"
)]

use std::{hint::black_box, time::Duration};

use axum::serve::Listener;
use conduit::{
    Id, Server, methods,
    protocol::{parse, result_text},
    rpc,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::Runtime,
    sync::mpsc,
};

#[path = "../src/load/frame.rs"]
mod frame;

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

const ADD: &str = r#"{"jsonrpc":"2.0","method":"add","params":{"a":1000001,"b":2},"id":1000001}"#;
const CALLS: usize = 64;
const CONNECTIONS: usize = 100;

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("one", |bencher| bencher.iter(|| parse(black_box(ADD))));
    let timed = ADD.replace("\"id\":", "\"timeout_ms\":5000,\"id\":");
    group.bench_function("one_with_timeout", |bencher| bencher.iter(|| parse(black_box(&timed))));
    let batch = format!("[{}]", vec![ADD; 50].join(","));
    group.throughput(Throughput::Elements(50));
    group.bench_function("batch_of_50", |bencher| bencher.iter(|| parse(black_box(&batch))));
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let id = Id::from(1_000_001);
    let text = "a text that comes back as it was sent, ".repeat(1 << 11);
    group.bench_function("number", |bencher| bencher.iter(|| result_text(black_box(&id), &1_000_003).unwrap()));
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("text_of_80_kb", |bencher| bencher.iter(|| result_text(black_box(&id), &text).unwrap()));
}

fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    let runtime = runtime();
    let (_, mut peers) = runtime.block_on(serve(1));
    let mut calls = Vec::new();
    (0..CALLS).for_each(|_| frame::write_masked(&mut calls, frame::TEXT, ADD.as_bytes()));
    group.throughput(Throughput::Elements(CALLS as u64));
    group.bench_function("64_adds", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                peers[0].stream.write_all(&calls).await.unwrap();
                peers[0].receive(CALLS).await;
            });
        });
    });
    let mut batch = Vec::new();
    frame::write_masked(&mut batch, frame::TEXT, format!("[{}]", vec![ADD; CALLS].join(",")).as_bytes());
    group.bench_function("batch_of_64_adds", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                peers[0].stream.write_all(&batch).await.unwrap();
                peers[0].receive(1).await;
            });
        });
    });
}

fn broadcasting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broadcast");
    let runtime = runtime();
    let (server, mut peers) = runtime.block_on(serve(CONNECTIONS));
    let payload = ["e".repeat(200)];
    group.throughput(Throughput::Elements(CONNECTIONS as u64));
    group.bench_function("to_100", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                assert_eq!(server.broadcast("tick", &payload).send(), CONNECTIONS);
                for peer in &mut peers {
                    peer.receive(1).await;
                }
            });
        });
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server with so many connections, all in memory.
async fn serve(connections: usize) -> (Server, Vec<Peer>) {
    let server = Server::builder().explicit().methods(methods![add]).open().build().unwrap();
    let (arrive, arriving) = mpsc::unbounded_channel();
    let router = server.router();
    tokio::spawn(async move { axum::serve(InMemory(arriving), router).await });
    let mut peers = Vec::new();
    for _ in 0..connections {
        let (here, there) = duplex(1 << 20);
        arrive.send(there).unwrap();
        peers.push(Peer::upgrade(here).await);
    }
    // The last to come is in when its first answer is there.
    while server.connection_count() < connections {
        tokio::task::yield_now().await;
    }
    (server, peers)
}

struct InMemory(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for InMemory {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Peer {
    stream: DuplexStream,
    reader: frame::FrameReader,
    buffer: Vec<u8>,
}

impl Peer {
    async fn upgrade(mut stream: DuplexStream) -> Self {
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self { stream, reader: frame::FrameReader::default(), buffer: vec![0; 64 * 1024] }
    }

    /// Waits for so many texts.
    async fn receive(&mut self, mut count: usize) {
        while count > 0 {
            let read = self.stream.read(&mut self.buffer).await.unwrap();
            self.reader.read(&self.buffer[..read], |frame| count -= usize::from(frame.opcode == frame::TEXT));
        }
    }
}

criterion_group! {
    name = micro;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = parsing, encoding, dispatch, broadcasting
}
criterion_main!(micro);
