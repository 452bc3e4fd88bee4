//! What a server counts, as a recorder of the `metrics` facade sees it.

use std::{collections::BTreeMap, time::Duration};

use conduit::{Connection, Identity, RpcError, SlowClients, methods, rpc};
use futures_util::{SinkExt, StreamExt};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::support::{PATIENCE, Peer, builder, http, serve, start};

/// What was counted so far. A snapshot empties the recorder, so they are added up.
struct Counts {
    snapshotter: Snapshotter,
    sums: BTreeMap<String, f64>,
}

impl Counts {
    fn of(recorder: &DebuggingRecorder) -> Self {
        Self { snapshotter: recorder.snapshotter(), sums: BTreeMap::new() }
    }

    /// The sum of a counter or a gauge, or how often a histogram was told something.
    fn now(&mut self, metric: &str) -> f64 {
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels: Vec<_> =
                key.key().labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
            let name = match &labels[..] {
                [] => key.key().name().to_owned(),
                labels => format!("{}{{{}}}", key.key().name(), labels.join(",")),
            };
            *self.sums.entry(name).or_default() += match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(values) => {
                    assert!(values.iter().all(|value| (0.0..PATIENCE.as_secs_f64()).contains(&value.into_inner())));
                    values.len() as f64
                }
            };
        }
        *self.sums.get(metric).unwrap_or_else(|| panic!("{metric} is not there: {:#?}", self.sums))
    }

    /// Waits until a metric has this value.
    async fn wait_for(&mut self, metric: &str, is_there: impl Fn(f64) -> bool) {
        let there = async {
            while !is_there(self.now(metric)) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, there).await;
        waited.unwrap_or_else(|_| panic!("{metric} stays at {}", self.now(metric)));
    }
}

/// A recorder for this test alone: servers that start in its thread count into it.
macro_rules! record {
    ($counts:ident) => {
        let recorder = DebuggingRecorder::new();
        let _guard = metrics::set_default_local_recorder(&recorder);
        #[allow(unused_mut)]
        let mut $counts = Counts::of(&recorder);
    };
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ShopError {
    #[error("sold out")]
    #[rpc(code = 410)]
    SoldOut,
    #[error("the shelf fell down")]
    #[rpc(internal)]
    Broken,
}

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn buy(broken: bool) -> Result<(), ShopError> {
    Err(if broken { ShopError::Broken } else { ShopError::SoldOut })
}

#[rpc]
async fn explode() {
    panic!("bang");
}

#[rpc]
async fn wait() {
    std::future::pending().await
}

#[rpc(timeout = "1ms")]
async fn late() {
    std::future::pending().await
}

#[rpc]
async fn large() -> String {
    "x".repeat(2000)
}

#[rpc(allow = "admin")]
async fn reset() {}

fn calls(method: &str, outcome: &str) -> String {
    format!("conduit_calls_total{{method={method:?},outcome={outcome:?}}}")
}

fn refusals(cause: &str) -> String {
    format!("conduit_refusals_total{{cause={cause:?}}}")
}

#[tokio::test]
async fn calls_are_counted_by_method_and_outcome_and_timed() {
    record!(counts);
    let server = serve(methods![add, buy, explode, wait, late, reset]).await;
    assert_eq!(counts.now(&calls("add", "panic")), 0.0, "counters are there before the first call");
    let mut peer = Peer::connect(&server).await;
    peer.result("add", json!([1, 2])).await;
    peer.result("add", json!({ "a": 1, "b": 2 })).await;
    for (method, params) in [
        ("add", json!(["one", 2])),
        ("buy", json!([false])),
        ("buy", json!([true])),
        ("explode", json!([])),
        ("late", json!([])),
        ("reset", json!([])),
    ] {
        peer.error(method, params).await;
    }
    peer.send(r#"{"jsonrpc":"2.0","method":"wait","id":7}"#).await;
    let answers =
        [peer.ask(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":[7],"id":8}"#).await, peer.receive().await];
    assert!(answers.iter().any(|answer| answer["error"]["code"] == -32004), "{answers:?}");
    for (method, outcome, times) in [
        ("add", "ok", 2.0),
        ("add", "invalid_params", 1.0),
        ("buy", "error", 1.0),
        ("buy", "internal", 1.0),
        ("explode", "panic", 1.0),
        ("late", "timeout", 1.0),
        ("reset", "forbidden", 1.0),
        ("wait", "cancelled", 1.0),
        ("wait", "ok", 0.0),
        ("rpc.cancel", "ok", 1.0),
    ] {
        assert_eq!(counts.now(&calls(method, outcome)), times, "{method} {outcome}");
    }
    assert_eq!(counts.now(r#"conduit_call_duration_seconds{method="add"}"#), 3.0);
    assert_eq!(counts.now("conduit_panics_total"), 1.0);
}

#[tokio::test]
async fn calls_that_the_connection_takes_with_it_are_cancelled() {
    record!(counts);
    let server = serve(methods![wait]).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"wait","id":7}"#).await;
    peer.expect_silence().await;
    drop(peer);
    counts.wait_for(&calls("wait", "cancelled"), |calls| calls == 1.0).await;
}

#[tokio::test]
async fn a_call_over_http_whose_client_goes_away_is_cancelled() {
    use tokio::io::AsyncWriteExt;
    record!(counts);
    let server = serve(methods![wait]).await;
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.expect("the server listens");
    let body = r#"{"jsonrpc":"2.0","method":"wait","id":7}"#;
    let head =
        format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.expect("sent");
    // The call is there when another one, sent later, has been answered.
    let other = Peer::connect(&server).await.result("rpc.cancel", json!(["nobody"])).await;
    assert_eq!(other, false);
    drop(stream);
    counts.wait_for(&calls("wait", "cancelled"), |calls| calls == 1.0).await;
}

#[tokio::test]
async fn names_that_a_peer_makes_up_are_no_labels() {
    record!(counts);
    let other = |_: Connection, _: String, _: serde_json::Value| async {};
    let server = serve(methods![add]).await;
    let with_fallback = start(builder(methods![]).open().on("*", other)).await;
    let mut peer = Peer::connect(&server).await;
    for n in 0..5 {
        peer.error(&format!("made.up.{n}"), json!([])).await;
        peer.send(&format!(r#"{{"jsonrpc":"2.0","method":"made.up.{n}"}}"#)).await;
    }
    peer.send("no JSON").await;
    assert_eq!(peer.receive().await["error"]["code"], -32700);
    let mut peer = Peer::connect(&with_fallback).await;
    peer.result("made.up", json!([1])).await;
    assert_eq!(counts.now(&calls("unknown", "not_found")), 5.0);
    assert_eq!(counts.now(r#"conduit_events_total{event="unknown",outcome="ignored"}"#), 5.0);
    assert_eq!(counts.now(r#"conduit_events_total{event="*",outcome="ok"}"#), 1.0);
    assert_eq!(counts.now("conduit_invalid_messages_total"), 1.0);
    assert!(counts.sums.keys().all(|name| !name.contains("made")), "{:#?}", counts.sums);
}

#[tokio::test]
async fn events_are_counted_once_however_many_handlers_they_have() {
    record!(counts);
    let first = |_: Connection, _: String, _: u8| async {};
    let second = |_: Connection, _: String, n: u8| async move { assert_eq!(n, 0, "a bug in a handler") };
    let server = start(builder(methods![]).open().on(["quiet", "chat"], first).on("chat", second)).await;
    let mut peer = Peer::connect(&server).await;
    peer.result("quiet", json!([7])).await;
    peer.error("chat", json!([300])).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"chat","params":[1]}"#).await;
    assert_eq!(peer.receive().await["method"], "rpc.error");
    let events = |event: &str, outcome: &str| format!("conduit_events_total{{event={event:?},outcome={outcome:?}}}");
    assert_eq!(counts.now(&events("quiet", "ok")), 1.0);
    assert_eq!(counts.now(&events("chat", "invalid_params")), 1.0);
    assert_eq!(counts.now(&events("chat", "panic")), 1.0);
    assert_eq!(counts.now(r#"conduit_event_duration_seconds{event="chat"}"#), 2.0);
    assert_eq!(counts.now("conduit_panics_total"), 1.0);
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open_and_by_what_they_end_with() {
    record!(counts);
    let server = serve(methods![add]).await;
    let (mut one, mut two) = (Peer::connect(&server).await, Peer::connect(&server).await);
    let mut three = Peer::connect(&server).await;
    for peer in [&mut one, &mut two, &mut three] {
        peer.expect_silence().await;
    }
    assert_eq!(counts.now("conduit_connections"), 3.0);
    let made_up = tokio_tungstenite::tungstenite::protocol::CloseFrame { code: 4321.into(), reason: "bye".into() };
    one.send_message(Message::Close(Some(made_up))).await;
    drop(two);
    let closes = |code: &str| format!("conduit_closes_total{{code={code:?}}}");
    counts.wait_for(&closes("other"), |closes| closes == 1.0).await;
    counts.wait_for(&closes("1006"), |closes| closes == 1.0).await;
    assert_eq!(counts.now("conduit_connections"), 1.0);
    let (stopped, frame) = tokio::join!(server.stop(), three.closed());
    stopped.expect("stopped");
    assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1001));
    assert_eq!(counts.now(&closes("1001")), 1.0);
    assert_eq!((counts.now("conduit_connections"), counts.now("conduit_connections_total")), (0.0, 3.0));
}

#[tokio::test]
async fn messages_and_bytes_are_counted_in_both_directions_and_over_http() {
    record!(counts);
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    for _ in 0..10 {
        peer.result("add", json!([1, 2])).await;
    }
    counts.wait_for(r#"conduit_messages_total{direction="out"}"#, |messages| messages == 10.0).await;
    let seen = server.server().connections()[0].counters();
    assert_eq!(counts.now(r#"conduit_messages_total{direction="in"}"#), 10.0);
    assert_eq!(counts.now(r#"conduit_bytes_total{direction="in"}"#), seen.bytes_in as f64);
    assert_eq!(counts.now(r#"conduit_bytes_total{direction="out"}"#), seen.bytes_out as f64);
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    let (_, answer) = http(server.address(), "POST", &[("content-type", "application/json")], body).await;
    assert_eq!(counts.now(r#"conduit_messages_total{direction="in"}"#), 11.0);
    let expected = seen.bytes_out as f64 + answer.len() as f64;
    assert_eq!(counts.now(r#"conduit_bytes_total{direction="out"}"#), expected);
}

#[tokio::test]
async fn what_waits_for_a_peer_that_does_not_read_is_shown_until_it_has_read_it() {
    const LARGE: usize = 8 * 1024 * 1024;
    record!(counts);
    let server = serve(methods![add]).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    let text = "x".repeat(LARGE);
    for _ in 0..3 {
        assert_eq!(server.server().broadcast("large", &text).send(), 1);
    }
    // One is on its way, in the buffers of the socket.
    counts.wait_for("conduit_queue_bytes", |bytes| bytes > 2.0 * LARGE as f64 && bytes < 2.1 * LARGE as f64).await;
    for _ in 0..3 {
        peer.receive_text().await;
    }
    counts.wait_for("conduit_queue_bytes", |bytes| bytes == 0.0).await;
    assert_eq!(counts.now("conduit_slow_clients_total"), 0.0);
}

#[tokio::test]
async fn slow_clients_are_counted_and_what_waited_for_them_is_not_any_more() {
    record!(counts);
    let server = start(builder(methods![add]).open().max_queue_bytes(1000)).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    // Nothing is written between the two.
    for taken in [1, 0] {
        assert_eq!(server.server().broadcast("news", &"x".repeat(900)).send(), taken);
    }
    assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(4002));
    counts.wait_for("conduit_slow_clients_total", |clients| clients == 1.0).await;
    assert_eq!(counts.now(r#"conduit_closes_total{code="4002"}"#), 1.0);
    assert_eq!(counts.now("conduit_queue_bytes"), 0.0);
}

#[tokio::test]
async fn a_peer_that_says_4002_is_no_slow_client() {
    record!(counts);
    let server = start(builder(methods![add]).open()).await;
    let mut peer = Peer::connect(&server).await;
    let frame = CloseFrame { code: 4002.into(), reason: "".into() };
    peer.send_message(Message::Close(Some(frame))).await;
    peer.closed().await;
    counts.wait_for(r#"conduit_closes_total{code="4002"}"#, |closes| closes == 1.0).await;
    assert_eq!(counts.now("conduit_slow_clients_total"), 0.0);
}

#[tokio::test]
async fn events_that_slow_clients_lose_are_counted() {
    record!(counts);
    let policy = builder(methods![add]).open().max_queue_bytes(10_000).slow_clients(SlowClients::DropOldestEvents);
    let server = start(policy).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    let connection = server.server().connections().remove(0);
    for _ in 0..100 {
        assert!(connection.send("news", &"x".repeat(1000)));
    }
    let dropped = connection.counters().events_dropped as f64;
    assert!(dropped > 80.0, "{dropped}");
    counts.wait_for("conduit_events_dropped_total", |events| events == dropped).await;
}

#[tokio::test]
async fn requests_over_the_rate_and_answers_over_the_size_are_counted() {
    record!(counts);
    let server = start(builder(methods![add, large]).open().max_message_size(1000)).await;
    Peer::connect(&server).await.error("large", json!([])).await;
    assert_eq!(counts.now(&calls("large", "answer_too_large")), 1.0);
    let server = start(builder(methods![add]).open().max_messages_per_second(1)).await;
    let mut peer = Peer::connect(&server).await;
    let mut refused = 0.0;
    while refused < 3.0 {
        if peer.call("add", json!([1, 2])).await["error"]["code"] == -32007 {
            refused += 1.0;
        }
    }
    assert_eq!(counts.now("conduit_rate_limited_total"), refused);
}

#[tokio::test]
async fn who_is_not_let_in_is_counted_by_cause() {
    record!(counts);
    let settings = builder(methods![add]).password("p").minimum_version("1.0.0");
    let server = start(settings.max_connections(1).max_unauthenticated(1)).await;
    let address = server.address();
    let json = ("content-type", "application/json");
    let version = ("conduit-version", "1.0.0");
    let post = async |headers: &[(&str, &str)]| http(address, "POST", headers, "{}").await.0;
    assert_eq!(post(&[json, ("origin", "https://evil.example")]).await, 403);
    assert_eq!(post(&[json, ("authorization", "Bearer p"), ("conduit-version", "0.9.0")]).await, 401);
    assert_eq!(post(&[json, ("authorization", "Basic p"), version]).await, 401);
    assert_eq!(post(&[json, ("authorization", "Bearer wrong"), version]).await, 401);
    assert_eq!(http(address, "GET", &[("upgrade", "something")], "").await.0, 400);
    for (cause, times) in [("origin", 1.0), ("version", 1.0), ("bad_token", 2.0), ("handshake", 1.0)] {
        assert_eq!(counts.now(&refusals(cause)), times, "{cause}");
    }
    let mut stranger = Peer::connect(&server).await;
    assert!(Peer::upgrade(address, None).await.is_err());
    assert_eq!(counts.now(&refusals("strangers_full")), 1.0);
    stranger.result("rpc.login", json!(["p", "1.0.0"])).await;
    let mut second = Peer::connect(&server).await;
    second.error("rpc.login", json!(["p", "1.0.0"])).await;
    assert_eq!(counts.now(&refusals("full")), 1.0);
    server.server().stop().await;
    assert_eq!(counts.now(&refusals("shutting_down")), 0.0);
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_throttled_are_counted_apart() {
    record!(counts);
    let server = start(builder(methods![add]).password("p")).await;
    let headers = [("content-type", "application/json"), ("authorization", "Bearer wrong")];
    for _ in 0..12 {
        http(server.address(), "POST", &headers, "{}").await;
    }
    assert_eq!((counts.now(&refusals("bad_token")), counts.now(&refusals("throttled"))), (10.0, 2.0));
}

#[tokio::test]
async fn hooks_that_refuse_are_causes_and_hooks_that_fail_are_failures() {
    record!(counts);
    let settings = builder(methods![add])
        .login(|_, credentials| async move {
            assert_ne!(credentials.token, "bug", "a bug in the login");
            Ok::<_, String>(Identity::new(credentials.token))
        })
        .on_client_connect(|client: Connection| async move {
            match client.identity().expect("logged in").name() {
                "mallory" => Err("banned"),
                "trent" => panic!("a bug in a hook"),
                _ => Ok(()),
            }
        })
        .on_client_disconnect(|_, _| async { Err("the database is gone") });
    let server = start(settings).await;
    for (token, code) in [("mallory", 4003), ("trent", 1011)] {
        let frame = Peer::connect_with(&server, token).await.closed().await;
        assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(code));
    }
    assert!(Peer::upgrade(server.address(), Some("bug")).await.is_err());
    let mut peer = Peer::connect_with(&server, "alice").await;
    peer.result("add", json!([1, 2])).await;
    drop(peer);
    let failures = |hook: &str| format!("conduit_hook_failures_total{{hook={hook:?}}}");
    counts.wait_for(&failures("disconnect"), |failures| failures == 1.0).await;
    assert_eq!(counts.now(&refusals("hook")), 2.0);
    assert_eq!((counts.now(&failures("connect")), counts.now(&failures("login"))), (1.0, 1.0));
    assert_eq!(counts.now("conduit_panics_total"), 2.0);
}

#[tokio::test]
async fn connections_of_raw_routes_are_counted_and_so_are_failures_of_their_handlers() {
    record!(counts);
    let server = start(builder(methods![]).open().raw("/raw", |_, message| async move {
        assert!(message.as_text().is_some(), "a bug in a handler");
    }))
    .await;
    let request = format!("ws://{}/raw", server.address());
    let stream = tokio::net::TcpStream::connect(server.address()).await.expect("the server listens");
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("the upgrade succeeds");
    socket.send(Message::text("hello")).await.expect("sent");
    counts.wait_for("conduit_connections", |connections| connections == 1.0).await;
    socket.send(Message::binary(vec![1])).await.expect("sent");
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    counts.wait_for(r#"conduit_closes_total{code="1011"}"#, |closes| closes == 1.0).await;
    assert_eq!(counts.now("conduit_connections"), 0.0);
    assert_eq!(counts.now(r#"conduit_messages_total{direction="in"}"#), 2.0);
    assert_eq!(counts.now(r#"conduit_hook_failures_total{hook="raw"}"#), 1.0);
    assert_eq!(counts.now("conduit_panics_total"), 1.0);
}

#[tokio::test]
async fn a_startup_hook_that_fails_is_counted_and_so_are_those_who_come_all_the_same() {
    record!(counts);
    let server = builder(methods![add]).open().on_startup(|_| async { Err("no disk") }).build().expect("built");
    let app = server.router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert!(Peer::upgrade(address, None).await.is_err());
    assert_eq!(counts.now(r#"conduit_hook_failures_total{hook="startup"}"#), 1.0);
    assert_eq!(counts.now(&refusals("not_started")), 1.0);
    server.stop().await;
    assert!(Peer::upgrade(address, None).await.is_err());
    assert_eq!(counts.now(&refusals("shutting_down")), 1.0);
}

#[tokio::test]
async fn two_servers_of_a_program_count_into_the_same_metrics() {
    record!(counts);
    let (one, two) = (serve(methods![add]).await, serve(methods![add]).await);
    let (mut at_one, mut at_two) = (Peer::connect(&one).await, Peer::connect(&two).await);
    at_one.result("add", json!([1, 2])).await;
    at_two.result("add", json!([1, 2])).await;
    assert_eq!((counts.now("conduit_connections"), counts.now(&calls("add", "ok"))), (2.0, 2.0));
    one.stop().await.expect("stopped");
    counts.wait_for("conduit_connections", |connections| connections == 1.0).await;
}

#[tokio::test]
async fn every_metric_has_a_unit_and_a_description() {
    record!(counts);
    let server = start(builder(methods![add]).open().shutdown_deadline(Duration::from_secs(1))).await;
    Peer::connect(&server).await.result("add", json!([1, 2])).await;
    let metrics = counts.snapshotter.snapshot().into_vec();
    assert!(metrics.len() > 50, "{}", metrics.len());
    for (key, unit, description, _) in metrics {
        assert!(unit.is_some() && description.is_some(), "{key:?}");
    }
}
