//! Clients that mean harm, or break: what they cost, and that nobody else notices. `HOSTILE.md` has the figures.
//!
//! Memory, tasks and descriptors are those of a process, so these tests each run in one of their own.

use std::{
    borrow::Cow,
    cell::Cell,
    io::Write,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use conduit::{CloseCode, Connection, Credentials, Disconnected, Identity, RunningServer, Server, methods, rpc};
use futures_util::{SinkExt, StreamExt, future::join_all};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Value, json, value::RawValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime::Handle,
    sync::{Notify, Semaphore, mpsc},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::support::{Log, PATIENCE, Peer, builder, start};

const MIB: usize = 1024 * 1024;

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// 1 MiB that is JSON already: to write it costs no more than to copy it, in a debug build too.
struct Megabyte;

impl Serialize for Megabyte {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        static TEXT: LazyLock<Box<RawValue>> = LazyLock::new(|| {
            let text = format!("\"{}\"", "x".repeat(MIB));
            RawValue::from_string(text).expect("a string in quotes is JSON")
        });
        TEXT.serialize(serializer)
    }
}

impl JsonSchema for Megabyte {
    fn schema_name() -> Cow<'static, str> {
        "Megabyte".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

#[rpc]
async fn megabyte() -> Megabyte {
    Megabyte
}

/// Open once it is closed: nobody gets a permit before, everybody goes on then.
struct Gate(Semaphore);

impl Gate {
    fn shut() -> Arc<Self> {
        Arc::new(Self(Semaphore::new(0)))
    }

    fn open(&self) {
        self.0.close();
    }

    async fn pass(&self) {
        // The error says that the gate is open.
        let _ = self.0.acquire().await;
    }
}

#[rpc]
async fn wait(gate: &Arc<Gate>) -> &'static str {
    gate.pass().await;
    "through"
}

#[rpc]
async fn megabyte_later(gate: &Arc<Gate>) -> Megabyte {
    gate.pass().await;
    Megabyte
}

/// Runs a test in a process of its own, as nextest does anyway, on a runtime whose tasks are all its own.
fn alone(test: &str, run: impl AsyncFnOnce()) {
    const MARK: &str = "CONDUIT_HOSTILE_ALONE";
    if std::env::var_os(MARK).is_some() || std::env::var_os("NEXTEST").is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(run());
    }
    let program = std::env::current_exe().expect("a test is a program");
    let name = format!("hostile::{test}");
    let child = Command::new(program).args(["--exact", &name, "--nocapture"]).env(MARK, "1").output();
    let output = child.expect("the program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "there is no test `{name}`");
}

/// Shows a figure for `HOSTILE.md`.
fn figure(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "figure: {text}");
}

/// A line of `/proc/self/status` in bytes: `VmRSS` for the resident memory, `VmHWM` for its peak.
fn memory(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of processes");
    let kibibytes =
        status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next());
    kibibytes.and_then(|number| number.parse::<usize>().ok()).expect("a number of kB") * 1024
}

/// How far the peak of the memory has risen over what it was at `before`, in MiB.
fn peak_over(before: usize) -> usize {
    memory("VmHWM").saturating_sub(before) / MIB
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux tells of descriptors").count()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until something is so. It is looked at again whenever something else has had its turn.
async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "it never came to this: {what}");
}

/// Makes calls as any client does; gives the time of the slowest.
async fn slowest_call(peer: &mut Peer, calls: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..calls {
        let asked = Instant::now();
        assert_eq!(peer.result("add", json!([1, 2])).await, 3);
        slowest = slowest.max(asked.elapsed());
    }
    slowest
}

/// Makes calls until something else is done; gives the time of the slowest.
async fn calls_beside<T>(peer: &mut Peer, work: impl Future<Output = T>) -> (T, Duration) {
    let done = Cell::new(false);
    let work = async {
        let output = work.await;
        done.set(true);
        output
    };
    let calls = async {
        let mut slowest = Duration::ZERO;
        while !done.get() {
            slowest = slowest.max(slowest_call(peer, 1).await);
        }
        slowest
    };
    tokio::join!(work, calls)
}

fn call(id: usize, method: &str) -> Message {
    Message::text(format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#))
}

/// How many times the hooks ran, and the codes of those who left.
#[derive(Default)]
struct Visits {
    came: AtomicUsize,
    left: AtomicUsize,
}

/// A builder whose hooks count, and what they tell of those who leave.
fn counting(builder: conduit::ServerBuilder) -> (conduit::ServerBuilder, Arc<Visits>, mpsc::UnboundedReceiver<u16>) {
    let visits = Arc::new(Visits::default());
    let (came, left) = (Arc::clone(&visits), Arc::clone(&visits));
    let (tell, told) = mpsc::unbounded_channel();
    let builder = builder
        .on_client_connect(move |_: Connection| {
            came.came.fetch_add(1, Ordering::Relaxed);
            async {}
        })
        .on_client_disconnect(move |_: Connection, end: Disconnected| {
            left.left.fetch_add(1, Ordering::Relaxed);
            let _ = tell.send(end.code.as_u16());
            async {}
        });
    (builder, visits, told)
}

impl Visits {
    fn counts(&self) -> (usize, usize) {
        (self.came.load(Ordering::Relaxed), self.left.load(Ordering::Relaxed))
    }
}

/// A client that stays. Once it is served, everything runs that runs as long as the server does.
async fn first(server: &RunningServer, token: &str) -> Peer {
    let mut peer = Peer::connect_with(server, token).await;
    peer.expect_silence().await;
    peer
}

/// The text of an upgrade.
fn handshake(token: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

/// The head of an HTTP response, and what came with it.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read_buf(&mut head).await.expect("the server answers");
        assert_ne!(read, 0, "the end behind {:?}", String::from_utf8_lossy(&head));
    }
    String::from_utf8(head).expect("a text")
}

/// A WebSocket of which only the TCP connection is there: what is sent over it is up to the test.
async fn bare(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(handshake("").as_bytes()).await.expect("the server takes the request");
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

/// A connection from another address of the loopback network.
async fn from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((source, 0))).expect("an address of the loopback network");
    socket.connect(address).await.expect("the server listens")
}

/// The one connection that a server has but for those in `others`.
fn newcomer(server: &RunningServer, others: &[Connection]) -> Connection {
    let mut all = server.server().connections();
    all.retain(|connection| others.iter().all(|other| other.id() != connection.id()));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

const ANSWERS: usize = 3000;

/// `max_queue_bytes` unless it is set, in MiB.
const QUEUE: usize = 64;

/// What one answer may cost beside the queue: itself, its text, and the socket's buffers.
const BESIDE: usize = 16;

#[test]
fn who_never_reads_is_not_read_from_any_more() {
    alone("who_never_reads_is_not_read_from_any_more", async || {
        let server = start(builder(methods![add, megabyte]).open()).await;
        let mut other = Peer::connect(&server).await;
        other.expect_silence().await;
        let others = server.server().connections();
        let (mut write, _read) = Peer::connect(&server).await.split();
        let mute = newcomer(&server, &others);
        let before = memory("VmRSS");
        let sending = tokio::spawn(async move {
            for id in 0..ANSWERS {
                write.feed(call(id, "megabyte")).await.expect("the connection stays");
            }
            write.flush().await.expect("the connection stays");
        });
        // Reading stops when the queue is half full; the socket's buffers hold a few more.
        until("the queue is half full", || mute.counters().messages_in > QUEUE as u64 / 2).await;
        let slowest = slowest_call(&mut other, 200).await;
        let read = mute.counters().messages_in;
        slowest_call(&mut other, 200).await;
        assert_eq!(mute.counters().messages_in, read, "the mute client is read from");
        let peak = peak_over(before);
        figure(format_args!("{ANSWERS} calls for 1 MiB: {read} read, {peak} MiB over the start, others {slowest:?}"));
        assert!(peak < QUEUE + BESIDE, "{peak} MiB");
        assert_eq!(server.server().connection_count(), 2);
        sending.abort();
    });
}

#[test]
fn who_never_reads_the_answers_of_calls_that_took_time_is_disconnected() {
    alone("who_never_reads_the_answers_of_calls_that_took_time_is_disconnected", async || {
        let gate = Gate::shut();
        let methods = builder(methods![add, megabyte_later]).open().state(Arc::clone(&gate)).max_in_flight(ANSWERS);
        let (builder, visits, mut told) = counting(methods);
        let server = start(builder).await;
        let mut other = Peer::connect(&server).await;
        other.expect_silence().await;
        let others = server.server().connections();
        let (mut write, mut read) = Peer::connect(&server).await.split();
        let mute = newcomer(&server, &others);
        for id in 0..ANSWERS {
            write.feed(call(id, "megabyte_later")).await.expect("the server takes the message");
        }
        write.flush().await.expect("the server takes the messages");
        until("all calls wait", || mute.counters().messages_in == ANSWERS as u64).await;
        let before = memory("VmRSS");
        gate.open();
        let slowest = slowest_call(&mut other, 200).await;
        assert_eq!(told.recv().await, Some(CloseCode::SLOW_CLIENT.as_u16()));
        until("the connection is gone", || server.server().connection_count() == 1).await;
        let peak = peak_over(before);
        figure(format_args!("{ANSWERS} answers of 1 MiB at once: 4002, {peak} MiB over the start, others {slowest:?}"));
        assert!(peak < QUEUE + BESIDE, "{peak} MiB");
        assert_eq!(visits.counts(), (2, 1));
        while read.next().await.is_some_and(|message| message.is_ok()) {}
    });
}

#[test]
fn who_never_reads_events_is_disconnected() {
    alone("who_never_reads_events_is_disconnected", async || {
        let (builder, _, mut told) = counting(builder(methods![add]).open());
        let server = start(builder).await;
        let mut other = Peer::connect(&server).await;
        other.expect_silence().await;
        let others = server.server().connections();
        let _mute = Peer::connect(&server).await;
        let mute = newcomer(&server, &others);
        let before = memory("VmRSS");
        let payload = Megabyte;
        let mut taken = 0;
        let mut slowest = Duration::ZERO;
        for _ in 0..ANSWERS {
            taken += usize::from(mute.send("news", &payload));
            slowest = slowest.max(slowest_call(&mut other, 1).await);
        }
        assert_eq!(told.recv().await, Some(CloseCode::SLOW_CLIENT.as_u16()));
        let peak = peak_over(before);
        figure(format_args!("{ANSWERS} events of 1 MiB: {taken} taken, {peak} MiB over the start, others {slowest:?}"));
        assert!(taken <= QUEUE + BESIDE, "{taken} events were taken");
        assert!(peak < QUEUE + BESIDE, "{peak} MiB");
    });
}

#[test]
fn twenty_thousand_waiting_calls_are_each_answered_once() {
    alone("twenty_thousand_waiting_calls_are_each_answered_once", async || {
        const CALLS: usize = 20_000;
        const IN_FLIGHT: usize = 1024;
        let gate = Gate::shut();
        let server = start(builder(methods![add, wait]).open().state(Arc::clone(&gate))).await;
        let mut other = Peer::connect(&server).await;
        let before = (tasks(), memory("VmRSS"));
        let started = Instant::now();
        let (mut write, mut read) = Peer::connect(&server).await.split();
        let sending = tokio::spawn(async move {
            for id in 0..CALLS {
                write.feed(call(id, "wait")).await.expect("the server takes the message");
            }
            write.flush().await.expect("the server takes the messages");
            write
        });
        let mut answers = vec![None; CALLS];
        for n in 0..CALLS {
            if n == CALLS - IN_FLIGHT {
                // Everything that is refused has been refused.
                slowest_call(&mut other, 10).await;
                gate.open();
            }
            let text = read.next().await.expect("an answer").expect("no error").into_text().expect("a text");
            let answer: Value = serde_json::from_str(&text).expect("an answer");
            let id = usize::try_from(answer["id"].as_u64().expect("an id")).expect("an id of ours");
            let outcome = answer["error"]["code"].as_i64().unwrap_or_else(|| i64::from(answer["result"] == "through"));
            assert_eq!(answers[id].replace(outcome), None, "call {id} was answered twice");
        }
        let took = started.elapsed();
        let of = |code| answers.iter().filter(|answer| **answer == Some(code)).count();
        assert_eq!((of(1), of(-32002)), (IN_FLIGHT, CALLS - IN_FLIGHT));
        let peak = peak_over(before.1);
        figure(format_args!("{} answered, {} refused in {took:?}, {peak} MiB over the start", of(1), of(-32002)));
        drop((sending.await, read));
        until("its tasks are gone", || tasks() <= before.0).await;
    });
}

#[test]
fn who_never_reads_empty_messages_is_disconnected() {
    alone("who_never_reads_empty_messages_is_disconnected", async || {
        const MESSAGES: usize = 10_000_000;
        let (told, mut taken) = mpsc::unbounded_channel();
        let server = builder(methods![]).open().raw("/flood", move |conn: conduit::raw::Connection, _| {
            let told = told.clone();
            async move {
                let taken = (0..MESSAGES).take_while(|_| conn.send("")).count();
                told.send(taken).expect("the test listens");
            }
        });
        let server = start(server).await;
        let before = memory("VmRSS");
        let started = Instant::now();
        let mut peer = Peer::upgrade_at(server.address(), "/flood", None).await.expect("the upgrade succeeds");
        peer.send("go").await;
        let taken = taken.recv().await.expect("the handler has run");
        let peak = peak_over(before);
        figure(format_args!("{taken} of {MESSAGES} taken in {:?}, {peak} MiB over the start", started.elapsed()));
        assert!(taken < MESSAGES);
        assert!(peak < 64 * 2 + 16, "{peak} MiB");
        assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(4002));
    });
}

#[test]
fn slow_handshakes_keep_nobody_out() {
    alone("slow_handshakes_keep_nobody_out", async || {
        const SLOW: usize = 2000;
        let server = start(builder(methods![add]).password("p")).await;
        let _first = first(&server, "p").await;
        let before = (tasks(), descriptors(), memory("VmRSS"));
        let slow = half_handshakes(&server, SLOW).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..100 {
            let asked = Instant::now();
            let mut peer = Peer::connect_with(&server, "p").await;
            assert_eq!(peer.result("add", json!([1, 2])).await, 3);
            slowest = slowest.max(asked.elapsed());
        }
        let bytes = memory("VmRSS").saturating_sub(before.2) / SLOW;
        figure(format_args!("{SLOW} half handshakes: {bytes} bytes each, a login and a call beside them {slowest:?}"));
        drop(slow);
        until("their tasks and descriptors are gone", || tasks() <= before.0 && descriptors() <= before.1).await;
        assert_eq!(server.server().connection_count(), 1);
    });
}

/// Connections on which half of a request's head was sent, all of them accepted.
async fn half_handshakes(server: &RunningServer, count: usize) -> Vec<TcpStream> {
    let before = descriptors();
    let mut slow = Vec::new();
    let text = handshake("p");
    for n in 0..count {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        stream.write_all(&text.as_bytes()[..8 + n % 60]).await.expect("the server takes the request");
        slow.push(stream);
    }
    until("all are accepted", || descriptors() >= before + 2 * count).await;
    slow
}

#[test]
fn a_server_that_stops_waits_for_no_half_handshake_and_leaves_none() {
    alone("a_server_that_stops_waits_for_no_half_handshake_and_leaves_none", async || {
        const SLOW: usize = 2000;
        // What runs as long as the runtime does is there.
        start(builder(methods![add]).password("p")).await.stop().await.expect("stopped");
        let before = (tasks(), descriptors());
        let server = start(builder(methods![add]).password("p")).await;
        let slow = half_handshakes(&server, SLOW).await;
        let stopping = Instant::now();
        server.stop().await.expect("stopped");
        let took = stopping.elapsed();
        // Their clients' sides are all that is left.
        assert_eq!((tasks(), descriptors()), (before.0, before.1 + SLOW));
        drop(slow);
        let server = start(builder(methods![add]).password("p")).await;
        let slow = half_handshakes(&server, SLOW).await;
        drop(server);
        until("a dropped server's are gone too", || tasks() <= before.0 && descriptors() <= before.1 + SLOW).await;
        figure(format_args!("a stop with {SLOW} half handshakes: {took:?}, 0 tasks and 0 descriptors left"));
        assert!(took < Duration::from_secs(5), "{took:?}");
        drop(slow);
    });
}

/// Runs a test in a process of its own that may hold so many descriptors.
fn with_descriptors(limit: usize, test: &str, run: impl AsyncFnOnce()) {
    const MARK: &str = "CONDUIT_HOSTILE_DESCRIPTORS";
    if std::env::var_os(MARK).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(run());
    }
    let program = std::env::current_exe().expect("a test is a program");
    let name = format!("hostile::{test}");
    let script = format!(r#"ulimit -n {limit} && exec "$0" "$@""#);
    let mut child = Command::new("sh");
    let child =
        child.args(["-c", &script]).arg(program).args(["--exact", &name, "--nocapture"]).env(MARK, "1").output();
    let output = child.expect("the program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "there is no test `{name}`");
}

#[test]
fn a_server_that_had_no_descriptors_left_goes_on() {
    with_descriptors(64, "a_server_that_had_no_descriptors_left_goes_on", async || {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _logged = tracing::subscriber::set_default(subscriber);
        let server = start(builder(methods![add]).open()).await;
        // Connecting needs a descriptor, and so does accepting.
        let mut clients = Vec::new();
        while let Ok(client) = std::net::TcpStream::connect(server.address()) {
            clients.push(client);
        }
        until("it can't accept any more", || log.text().contains("no connection can be accepted")).await;
        drop(clients);
        let mut peer = Peer::connect(&server).await;
        assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    });
}

#[test]
fn who_never_reads_an_answer_over_http_is_ended() {
    alone("who_never_reads_an_answer_over_http_is_ended", async || {
        const CLIENTS: usize = 3;
        let beats = builder(methods![add, megabyte]).open();
        let server =
            start(beats.heartbeat_interval(Duration::from_millis(100)).heartbeat_timeout(Duration::from_secs(1)));
        let server = server.await;
        let before = tasks();
        let call = r#"{"jsonrpc":"2.0","method":"megabyte","id":1}"#;
        let body = format!("[{}]", [call; 10].join(","));
        let mut mute = Vec::new();
        for _ in 0..CLIENTS {
            let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
            let length = body.len();
            let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length:";
            stream.write_all(format!("{head} {length}\r\n\r\n{body}").as_bytes()).await.expect("the server takes it");
            stream.read_u8().await.expect("the answer begins");
            mute.push(stream);
        }
        assert!(tasks() >= before + CLIENTS, "they wait for their clients");
        let started = Instant::now();
        until("their tasks are gone", || tasks() <= before).await;
        figure(format_args!("{CLIENTS} unread answers of 10 MiB over HTTP: given up after {:?}", started.elapsed()));
    });
}

#[test]
fn half_open_peers_end_once() {
    alone("half_open_peers_end_once", async || {
        const DEAD: usize = 200;
        let builder = builder(methods![add])
            .open()
            .heartbeat_interval(Duration::from_millis(100))
            .heartbeat_timeout(Duration::from_millis(1000));
        let (builder, visits, mut told) = counting(builder);
        let server = start(builder).await;
        let mut alive = first(&server, "").await;
        let before = tasks();
        // Their sockets stay, and nothing ever comes from them. Who makes calls answers pings.
        let all = join_all((0..DEAD).map(|_| bare(server.address())));
        let (dead, _) = calls_beside(&mut alive, all).await;
        let connected = Instant::now();
        let gone = async {
            for _ in 0..DEAD {
                assert_eq!(told.recv().await, Some(CloseCode::DEAD.as_u16()));
            }
        };
        let ((), slowest) = calls_beside(&mut alive, gone).await;
        let took = connected.elapsed();
        figure(format_args!("{DEAD} half-open peers: all gone {took:?} after they came, others {slowest:?}"));
        assert_eq!(visits.counts(), (DEAD + 1, DEAD));
        assert_eq!(server.server().connection_count(), 1);
        drop(dead);
        until("their tasks are gone", || tasks() <= before).await;
        assert_eq!(visits.counts(), (DEAD + 1, DEAD));
    });
}

#[test]
fn ten_thousand_who_come_and_go_leave_nothing() {
    alone("ten_thousand_who_come_and_go_leave_nothing", async || {
        const AT_A_TIME: usize = 100;
        const BATCHES: usize = 100;
        // Every connection holds the token in its own data: who counts the holders counts connections.
        let token = Arc::new(());
        let held = Arc::clone(&token);
        let (builder, visits, mut told) = counting(builder(methods![add]).open());
        let builder = builder.on_client_connect(move |client: Connection| {
            client.set_data(Arc::clone(&held));
            client.join("everybody");
            async {}
        });
        let server = start(builder).await;
        let address = server.address();
        let mut other = first(&server, "").await;
        let before = (tasks(), descriptors(), Arc::strong_count(&token));
        let started = Instant::now();
        let mut warm = 0;
        for batch in 0..BATCHES {
            join_all((0..AT_A_TIME).map(async |n| {
                if n % 4 == 0 {
                    // Gone before the answer to its handshake.
                    let mut stream = TcpStream::connect(address).await.expect("the server listens");
                    stream.write_all(handshake("").as_bytes()).await.expect("the server takes the request");
                } else {
                    drop(bare(address).await);
                }
            }))
            .await;
            if batch == BATCHES / 5 {
                until("the first are gone", || server.server().connection_count() == 1).await;
                warm = memory("VmRSS");
            }
        }
        until("the last are gone", || {
            tasks() <= before.0 && descriptors() <= before.1 && server.server().connection_count() == 1
        })
        .await;
        let took = started.elapsed();
        let grown = memory("VmRSS").saturating_sub(warm);
        let (came, left) = visits.counts();
        figure(format_args!(
            "{} connects: {came} hooks and {left} hooks in {took:?}; over the start {} tasks, {} descriptors; {grown} bytes \
             over the first fifth",
            AT_A_TIME * BATCHES,
            tasks() - before.0.min(tasks()),
            descriptors() - before.1.min(descriptors()),
        ));
        assert!(came >= AT_A_TIME * BATCHES * 3 / 4, "{came} came");
        assert_eq!(came, left + 1);
        assert_eq!(Arc::strong_count(&token), before.2, "a connection is still held");
        assert_eq!(server.server().members("everybody").len(), 1);
        assert!(grown < 2 * MIB, "{grown} bytes");
        while let Ok(code) = told.try_recv() {
            assert_eq!(code, CloseCode::ABNORMAL.as_u16());
        }
        slowest_call(&mut other, 1).await;
    });
}

/// The first bytes of messages that never end.
fn fragments() -> Vec<Vec<u8>> {
    let call = br#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    // A mask of zeros leaves the text as it is.
    let frame = |first: u8, length: &[u8], text: &[u8]| [&[first], length, &[0; 4], text].concat();
    vec![
        vec![0x81],
        vec![0x81, 0xfe, 0x10],
        frame(0x81, &[0x80 | 54], &call[..20]),
        frame(0x81, &[0xff, 0, 0, 0, 0, 0, 0x10, 0, 0], &[b' '; 3000]),
        // A whole frame of a message that goes on, and half of the next.
        [frame(0x01, &[0x80 | 20], &call[..20]), frame(0x80, &[0x80 | 34], &call[20..40])].concat(),
        // Half a ping.
        frame(0x89, &[0x80 | 100], b"are you"),
        // A call that waits, and half a frame behind it.
        [frame(0x81, &[0x80 | 40], br#"{"jsonrpc":"2.0","method":"wait","id":1}"#), vec![0x81, 0xfe]].concat(),
    ]
}

#[test]
fn clients_killed_in_the_middle_of_a_frame_leave_nothing() {
    alone("clients_killed_in_the_middle_of_a_frame_leave_nothing", async || {
        const CLIENTS: usize = 700;
        let gate = Gate::shut();
        let methods = builder(methods![add, wait]).open().state(Arc::clone(&gate));
        let (builder, visits, mut told) = counting(methods);
        let server = start(builder).await;
        let mut other = Peer::connect(&server).await;
        other.expect_silence().await;
        let before = (tasks(), descriptors(), Arc::strong_count(&gate), memory("VmRSS"));
        let fragments = fragments();
        let mut clients = join_all((0..CLIENTS).map(|_| bare(server.address()))).await;
        for (n, client) in clients.iter_mut().enumerate() {
            client.write_all(&fragments[n % fragments.len()]).await.expect("the server takes the bytes");
            // Dropping the socket resets the connection: the server reads an error, not an end.
            client.set_zero_linger().expect("a socket of TCP");
        }
        let arrived = |connection: &Connection| connection.counters().bytes_in > 0;
        until("something of each has arrived", || server.server().connections().iter().all(arrived)).await;
        let slowest = slowest_call(&mut other, 100).await;
        let peak = peak_over(before.3);
        drop(clients);
        for _ in 0..CLIENTS {
            assert_eq!(told.recv().await, Some(CloseCode::ABNORMAL.as_u16()));
        }
        until("their tasks and descriptors are gone", || tasks() <= before.0 && descriptors() <= before.1).await;
        figure(format_args!("{CLIENTS} clients with half a frame: {peak} MiB over the start, others {slowest:?}"));
        assert_eq!(visits.counts(), (CLIENTS + 1, CLIENTS));
        assert_eq!(Arc::strong_count(&gate), before.2, "a call still waits");
        assert_eq!(slowest_call(&mut other, 1).await.as_secs(), 0);
        assert_eq!(server.server().connection_count(), 1);
    });
}

#[test]
fn a_flood_of_bad_logins_keeps_no_good_client_out() {
    alone("a_flood_of_bad_logins_keeps_no_good_client_out", async || {
        const ATTEMPTS: usize = 1000;
        const ATTACKER: [u8; 4] = [127, 0, 0, 2];
        let heard = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&heard);
        let hook = move |_: Server, credentials: Credentials| {
            counter.fetch_add(1, Ordering::Relaxed);
            async move {
                if credentials.token == "right" { Ok(Identity::new("good")) } else { Err("nobody has this token") }
            }
        };
        let server = start(builder(methods![add]).login(hook)).await;
        let address = server.address();
        let _first = first(&server, "right").await;
        let before = (tasks(), descriptors(), memory("VmRSS"));
        let started = Instant::now();
        let flood = tokio::spawn(async move {
            join_all((0..ATTEMPTS).map(async |_| {
                let mut stream = from(ATTACKER, address).await;
                stream.write_all(handshake("wrong").as_bytes()).await.expect("the server takes the request");
                let head = head(&mut stream).await;
                assert!(head.starts_with("HTTP/1.1 401 ") || head.starts_with("HTTP/1.1 429 "), "{head}");
            }))
            .await;
        });
        let mut slowest = Duration::ZERO;
        let mut logins = 0;
        while !flood.is_finished() {
            let asked = Instant::now();
            let mut good = Peer::connect_with(&server, "right").await;
            assert_eq!(good.result("add", json!([1, 2])).await, 3);
            slowest = slowest.max(asked.elapsed());
            logins += 1;
        }
        flood.await.expect("every attempt was refused");
        let took = started.elapsed();
        let bad = heard.load(Ordering::Relaxed) - logins - 1;
        figure(format_args!(
            "{ATTEMPTS} bad logins in {took:?}: {bad} were looked at, {} MiB over the start, a good login beside them \
             {slowest:?} ({logins} of them)",
            peak_over(before.2)
        ));
        assert!(bad <= 10, "{bad} bad tokens were looked at");
        // The right token does not help the address that has failed so often; it helps any other.
        let mut stream = from(ATTACKER, address).await;
        stream.write_all(handshake("right").as_bytes()).await.expect("the server takes the request");
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 429 "));
        drop(stream);
        let request = format!("ws://{address}/").into_client_request().expect("an address");
        let (mut good, _) = tokio_tungstenite::client_async(request, from([127, 0, 0, 3], address).await)
            .await
            .expect("another address connects");
        let login = r#"{"jsonrpc":"2.0","method":"rpc.login","params":["right"],"id":1}"#;
        good.send(Message::text(login)).await.expect("the server takes the message");
        let answer = good.next().await.expect("an answer").expect("no error").into_text().expect("a text");
        assert!(answer.contains("\"result\""), "{answer}");
        drop(good);
        until("tasks and descriptors are gone", || tasks() <= before.0 && descriptors() <= before.1).await;
    });
}

fn bug() {
    assert!(std::env::args().count() > 1000, "on purpose");
}

#[rpc]
async fn panic_at_once() {
    bug();
}

#[rpc]
async fn panic_later() {
    tokio::task::yield_now().await;
    bug();
}

#[rpc]
fn panic_in_sync() {
    bug();
}

/// A panic whose value is no text.
#[rpc]
async fn panic_with_a_number() {
    if std::env::args().count() < 1000 {
        std::panic::panic_any(7_u8);
    }
}

/// A value that can't be written.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bug();
        serializer.serialize_unit()
    }
}

impl JsonSchema for Unwritable {
    fn schema_name() -> Cow<'static, str> {
        "Unwritable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

#[rpc]
async fn panic_in_the_answer() -> Unwritable {
    Unwritable
}

/// An argument whose reading panics.
#[derive(JsonSchema)]
struct Unreadable;

impl<'de> serde::Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        bug();
        Ok(Self)
    }
}

#[rpc]
async fn panic_in_an_argument(_argument: Unreadable) {}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_internal_error_of_that_call_alone() {
    let methods = methods![
        add,
        panic_at_once,
        panic_later,
        panic_in_sync,
        panic_with_a_number,
        panic_in_the_answer,
        panic_in_an_argument
    ];
    let server = start(
        builder(methods)
            .open()
            .on("bug", |_: Connection, _: Value| async { bug() })
            .on("bug.later", |_: Connection, _: Value| async {
                tokio::task::yield_now().await;
                bug();
            })
            .on("bug.outside", |_: Connection, _: Value| {
                bug();
                async {}
            }),
    )
    .await;
    let mut peer = Peer::connect(&server).await;
    let kinds = [
        "panic_at_once",
        "panic_later",
        "panic_in_sync",
        "panic_with_a_number",
        "panic_in_the_answer",
        "bug",
        "bug.later",
        "bug.outside",
        "panic_in_an_argument",
    ];
    const TIMES: usize = 20;
    for _ in 0..TIMES {
        for kind in kinds {
            let error = peer.error(kind, if kind == "panic_in_an_argument" { json!([null]) } else { json!([]) }).await;
            assert_eq!(error, json!({ "code": -32603, "message": "internal error" }), "{kind}");
        }
        assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    }
    // In one batch with a call that is well.
    let entry = |(id, method): (usize, &str)| json!({ "jsonrpc": "2.0", "method": method, "params": [1, 2], "id": id });
    let all = ["add"].into_iter().chain(kinds[..5].iter().copied());
    let batch = Value::Array(all.enumerate().map(entry).collect());
    let answers = peer.ask(&batch.to_string()).await;
    assert_eq!(answers[0]["result"], 3);
    figure(format_args!("{} panics in {} kinds of handler, each answered -32603", TIMES * kinds.len(), kinds.len()));
}

#[tokio::test]
async fn a_panic_in_a_hook_harms_nobody_else() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (in_login, in_connect, in_disconnect) = (Arc::clone(&panics), Arc::clone(&panics), Arc::clone(&panics));
    let note = |panics: &Arc<AtomicUsize>| {
        panics.fetch_add(1, Ordering::Relaxed);
    };
    let left = Arc::new(Notify::new());
    let leaving = Arc::clone(&left);
    let builder = builder(methods![add])
        .login(move |_: Server, credentials: Credentials| {
            // Outside the future here, inside it in the other hooks.
            if credentials.token == "login" {
                note(&in_login);
                bug();
            }
            async move { Ok::<_, String>(Identity::new(credentials.token)) }
        })
        .on_client_connect(move |client: Connection| {
            let panics = Arc::clone(&in_connect);
            async move {
                if client.identity().is_some_and(|identity| identity.name() == "connect") {
                    note(&panics);
                    bug();
                }
            }
        })
        .on_client_disconnect(move |_: Connection, _: Disconnected| {
            note(&in_disconnect);
            bug();
            async {}
        })
        .on_client_disconnect(move |_: Connection, _: Disconnected| {
            leaving.notify_one();
            async {}
        })
        .on_shutdown(|_: Server| async { bug() })
        .on_shutdown(|server: Server| async move {
            server.broadcast("bye", &json!({})).send();
        });
    let server = start(builder).await;
    let mut other = Peer::connect_with(&server, "good").await;
    const TIMES: usize = 5;
    for _ in 0..TIMES {
        assert!(Peer::upgrade(server.address(), Some("login")).await.is_err());
        let mut refused = Peer::connect_with(&server, "connect").await;
        assert_eq!(refused.closed().await.map(|frame| u16::from(frame.code)), Some(1011));
        drop(Peer::connect_with(&server, "good").await);
        // The hook behind the one that panics runs.
        left.notified().await;
        assert_eq!(other.result("add", json!([1, 2])).await, 3);
    }
    figure(format_args!("{} panics in hooks", panics.load(Ordering::Relaxed) + 1));
    assert_eq!(panics.load(Ordering::Relaxed), 3 * TIMES);
    let stopping = tokio::spawn(server.stop());
    assert_eq!(other.receive().await["method"], "bye");
    assert_eq!(other.closed().await.map(|frame| u16::from(frame.code)), Some(1001));
    stopping.await.expect("no panic").expect("stopped");
}

#[tokio::test]
async fn a_panic_in_a_startup_hook_frees_the_port() {
    let build = || builder(methods![add]).open();
    let first = start(build()).await;
    let address = first.address();
    first.stop().await.expect("stopped");
    let bad = build().port(address.port()).on_startup(|_: Server| async { bug() }).build().expect("the server builds");
    let error = bad.start().await.expect_err("not started").to_string();
    assert!(error.contains("panicked: on purpose"), "{error}");
    let server = start(build().port(address.port())).await;
    assert_eq!(Peer::connect(&server).await.result("add", json!([1, 2])).await, 3);
}

#[test]
fn who_never_reads_the_answer_of_a_batch_costs_no_more_than_a_queue() {
    alone("who_never_reads_the_answer_of_a_batch_costs_no_more_than_a_queue", async || {
        let server = start(builder(methods![add, megabyte]).open()).await;
        let mut other = first(&server, "").await;
        let others = server.server().connections();
        let mut mute = Peer::connect(&server).await;
        let connection = newcomer(&server, &others);
        let before = memory("VmRSS");
        let entry = |id| json!({ "jsonrpc": "2.0", "method": "megabyte", "id": id });
        let batch = Value::Array((0..1000).map(entry).collect()).to_string();
        mute.send(&batch).await;
        until("the batch is read", || connection.counters().messages_in > 0).await;
        let slowest = slowest_call(&mut other, 20).await;
        let peak = peak_over(before);
        figure(format_args!("a batch of {} bytes: {peak} MiB over the start, others {slowest:?}", batch.len()));
        assert!(peak < QUEUE + BESIDE, "{peak} MiB");
    });
}

#[tokio::test]
async fn who_reads_slowly_and_answers_pings_is_not_dead() {
    let builder = builder(methods![add, megabyte]).open().max_queue_bytes(8 * MIB);
    let builder = builder.heartbeat_interval(Duration::from_millis(100)).heartbeat_timeout(Duration::from_millis(500));
    let server = start(builder).await;
    let mut peer = Peer::connect(&server).await;
    for id in 0..40 {
        peer.send_message(call(id, "megabyte")).await;
    }
    // A message each 100 ms: the client is always at it, and what it reads are its own answers.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..40 {
        pace.tick().await;
        // An answer to any ping that has arrived goes out with the read.
        peer.receive_text().await;
        peer.send_message(Message::Pong("".into())).await;
    }
}

#[tokio::test]
async fn an_address_can_not_try_more_at_once_than_in_a_row() {
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    let server = start(builder(methods![add]).login(move |_: Server, _: Credentials| {
        counter.fetch_add(1, Ordering::Relaxed);
        async {
            // A look into a database.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            Err::<Identity, _>("nobody has this token")
        }
    }))
    .await;
    join_all((0..500).map(|_| Peer::upgrade(server.address(), Some("wrong")))).await;
    let heard = heard.load(Ordering::Relaxed);
    assert!(heard <= 10, "{heard} tokens were looked at");
}

#[tokio::test]
async fn good_clients_behind_one_address_all_log_in_at_once() {
    const GOOD: usize = 300;
    let bad = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&bad);
    let server = start(builder(methods![add]).login(move |_: Server, credentials: Credentials| {
        let is_good = credentials.token == "right";
        counter.fetch_add(usize::from(!is_good), Ordering::Relaxed);
        async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            if is_good { Ok(Identity::new("good")) } else { Err("nobody has this token") }
        }
    }))
    .await;
    // Nine of them have a token of yesterday.
    let tokens = (0..GOOD + 9).map(|n| if n < 9 { "wrong" } else { "right" });
    let peers = join_all(tokens.map(|token| Peer::upgrade(server.address(), Some(token)))).await;
    assert_eq!(peers.iter().filter(|peer| peer.is_ok()).count(), GOOD);
    assert_eq!(bad.load(Ordering::Relaxed), 9);
    assert!(Peer::upgrade(server.address(), Some("wrong")).await.is_err());
    assert!(Peer::upgrade(server.address(), Some("right")).await.is_err(), "ten have failed");
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_ended() {
    let server = start(builder(methods![add]).password("p").auth_timeout(Duration::from_millis(50))).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    stream.write_all(b"GET / HT").await.expect("the server takes the bytes");
    let end = tokio::time::timeout(Duration::from_secs(3), stream.read_u8()).await;
    assert!(end.is_ok(), "it is still there 60 times auth_timeout later");
}

#[tokio::test]
async fn what_a_panic_says_is_not_told_to_the_peer() {
    let server = start(builder(methods![add]).password("p").on_client_connect(|_: Connection| async { bug() })).await;
    let frame = Peer::connect_with(&server, "p").await.closed().await.expect("a close frame");
    assert!(!frame.reason.as_str().contains("on purpose"), "{frame:?}");
    let error = Peer::connect(&server).await.error("rpc.login", json!(["p"])).await;
    assert!(!error.to_string().contains("on purpose"), "{error}");
}

#[tokio::test]
async fn a_connect_hook_that_takes_its_time_is_no_death() {
    let gate = Gate::shut();
    let hook = Arc::clone(&gate);
    let builder = builder(methods![add])
        .open()
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(Duration::from_millis(200))
        .on_client_connect(move |_: Connection| {
            let gate = Arc::clone(&hook);
            async move { gate.pass().await }
        });
    let server = start(builder).await;
    let mut peer = Peer::connect(&server).await;
    // Twice the time in which a peer is dead that answers nothing; this one answers each as it is read.
    for _ in 0..8 {
        let message = peer.next().await;
        assert!(matches!(&message, Some(Ok(Message::Ping(_)))), "{message:?} came");
    }
    gate.open();
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
}

#[test]
fn the_queue_is_bounded_whatever_the_payload_is_made_of() {
    alone("the_queue_is_bounded_whatever_the_payload_is_made_of", async || {
        let server = start(builder(methods![add]).open()).await;
        let mut other = first(&server, "").await;
        let others = server.server().connections();
        let _mute = Peer::connect(&server).await;
        let mute = newcomer(&server, &others);
        let before = memory("VmRSS");
        // A plain string: it is written piece by piece, into a buffer that grows by doubling.
        let payload = "x".repeat(MIB);
        let mut taken = 0;
        while mute.send("news", &payload) {
            taken += 1;
            slowest_call(&mut other, 1).await;
        }
        let peak = peak_over(before);
        figure(format_args!("{taken} events of 1 MiB taken, {peak} MiB over the start"));
        assert!(peak < QUEUE + BESIDE, "{peak} MiB");
    });
}
