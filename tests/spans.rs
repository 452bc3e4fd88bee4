//! The spans of connections and calls, as a subscriber sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{Arc, Mutex},
};

use conduit::{Connection, RpcError, methods, rpc};
use serde_json::json;
use tracing::{
    Id, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer, Registry,
    filter::LevelFilter,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use crate::support::{Log, PATIENCE, Peer, builder, http, serve, start};

/// The threads on which a span was entered.
#[derive(Clone, Default)]
struct Threads(BTreeSet<String>);

#[derive(Clone, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// A span that has ended: its name, its fields, and the names of the spans around it.
#[derive(Clone)]
struct Span {
    name: &'static str,
    level: Level,
    fields: Fields,
    threads: Threads,
    around: Vec<&'static str>,
}

impl Span {
    fn field(&self, name: &str) -> &str {
        self.fields.0.get(name).map_or("", String::as_str)
    }
}

/// Keeps the spans that have ended.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Span>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let span = context.span(id).expect("a new span");
        span.extensions_mut().insert(fields);
        span.extensions_mut().insert(Threads::default());
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).expect("an open span");
        let thread = format!("{:?}", std::thread::current().id());
        span.extensions_mut().get_mut::<Threads>().expect("inserted when it began").0.insert(thread);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("an open span");
        record.record(span.extensions_mut().get_mut::<Fields>().expect("inserted when it began"));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).expect("a span that closes");
        let fields = span.extensions().get::<Fields>().expect("inserted when it began").clone();
        let threads = span.extensions().get::<Threads>().expect("inserted when it began").clone();
        let around = span.scope().skip(1).map(|span| span.name()).collect();
        let ended = Span { name: span.name(), level: *span.metadata().level(), fields, threads, around };
        self.0.lock().expect("nobody panics with the lock").push(ended);
    }
}

impl Spans {
    /// Sees the spans of this thread, at `level` and above.
    fn install(level: LevelFilter) -> (Self, DefaultGuard) {
        let spans = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(spans.clone()).with(level));
        (spans, guard)
    }

    fn all(&self) -> Vec<Span> {
        self.0.lock().expect("nobody panics with the lock").clone()
    }

    /// Waits for a call of this method to end.
    async fn call(&self, method: &str) -> Span {
        let is_it = |span: &Span| span.name == "call" && span.field("method") == format!("{method:?}");
        let found = async {
            loop {
                if let Some(span) = self.all().into_iter().find(is_it) {
                    return span;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no span of {method}"))
    }
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ShopError {
    #[error("sold out")]
    #[rpc(code = 410)]
    SoldOut,
}

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn buy() -> Result<(), ShopError> {
    tokio::task::yield_now().await;
    Err(ShopError::SoldOut)
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

#[tokio::test]
async fn a_call_is_a_span_with_method_id_outcome_and_duration_in_that_of_its_connection() {
    let (spans, _guard) = Spans::install(LevelFilter::DEBUG);
    let server = serve(methods![add, buy, explode, wait, late]).await;
    let mut peer = Peer::connect(&server).await;
    peer.ask(r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":"a"}"#).await;
    for method in ["buy", "explode", "late"] {
        peer.error(method, json!([])).await;
    }
    peer.send(r#"{"jsonrpc":"2.0","method":"wait","id":7}"#).await;
    peer.expect_silence().await;
    drop(peer);
    for (method, id, outcome, code) in [
        ("add", r#""a""#, r#""ok""#, ""),
        ("buy", "1", r#""error""#, "410"),
        ("explode", "1", r#""panic""#, "-32603"),
        ("late", "1", r#""timeout""#, "-32003"),
        ("wait", "7", r#""cancelled""#, "-32004"),
    ] {
        let span = spans.call(method).await;
        assert_eq!((span.field("id"), span.field("outcome"), span.field("code")), (id, outcome, code), "{method}");
        assert!(span.field("duration").ends_with('s'), "{method}: {:?}", span.field("duration"));
        assert_eq!((&span.around[..], span.level), (&["connection"][..], Level::DEBUG), "{method}");
    }
}

#[tokio::test]
async fn a_call_over_http_is_a_span_in_that_of_a_connection_too() {
    let (spans, _guard) = Spans::install(LevelFilter::DEBUG);
    let server = serve(methods![buy]).await;
    let body = r#"{"jsonrpc":"2.0","method":"buy","id":1}"#;
    http(server.address(), "POST", &[("content-type", "application/json")], body).await;
    let span = spans.call("buy").await;
    assert_eq!((span.field("code"), &span.around[..]), ("410", &["connection"][..]));
}

#[tokio::test]
async fn calls_of_a_batch_have_a_span_each_and_events_have_one() {
    let (spans, _guard) = Spans::install(LevelFilter::DEBUG);
    let handler = |_: Connection, _: u8| async {};
    let server = start(builder(methods![add, buy]).open().on("chat", handler)).await;
    let mut peer = Peer::connect(&server).await;
    let batch = r#"[{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1},{"jsonrpc":"2.0","method":"buy","id":2},
        {"jsonrpc":"2.0","method":"chat","params":[1]}]"#;
    peer.ask(batch).await;
    assert_eq!(spans.call("add").await.field("id"), "1");
    assert_eq!(spans.call("buy").await.field("id"), "2");
    let event = spans.call("chat").await;
    assert_eq!((event.field("id"), event.field("outcome"), &event.around[..]), ("", r#""ok""#, &["connection"][..]));
}

#[rpc]
async fn log_twice() {
    tracing::info!("before the wait");
    tokio::task::yield_now().await;
    tracing::info!("after the wait");
}

#[rpc]
fn compute() -> u8 {
    7
}

#[tokio::test]
async fn what_a_method_logs_lies_in_its_span_before_and_after_it_waits() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let server = serve(methods![log_twice]).await;
    Peer::connect(&server).await.result("log_twice", json!([])).await;
    let text = log.text();
    for message in ["before the wait", "after the wait"] {
        let line = text.lines().find(|line| line.ends_with(message)).unwrap_or_else(|| panic!("{message}: {text}"));
        assert!(line.contains(r#"}:call{method="log_twice" id=1}: "#), "{line}");
        assert!(line.contains("connection{id="), "{line}");
    }
}

#[tokio::test]
async fn the_span_of_a_sync_method_goes_with_it_to_the_blocking_pool() {
    let (spans, _guard) = Spans::install(LevelFilter::DEBUG);
    let server = serve(methods![compute]).await;
    Peer::connect(&server).await.result("compute", json!([])).await;
    assert_eq!(spans.call("compute").await.threads.0.len(), 2);
}

#[tokio::test]
async fn a_name_of_any_length_that_a_peer_sends_is_cut() {
    let (spans, _guard) = Spans::install(LevelFilter::DEBUG);
    let other = |_: Connection, _: String, _: serde_json::Value| async {};
    let server = start(builder(methods![]).open().on("*", other)).await;
    let (name, id) = ("x".repeat(5000), "y".repeat(5000));
    let mut peer = Peer::connect(&server).await;
    peer.ask(&json!({ "jsonrpc": "2.0", "method": name, "id": id }).to_string()).await;
    let span = spans.call(&name[..100]).await;
    assert!(span.field("id").len() <= 100, "{}", span.field("id"));
}
