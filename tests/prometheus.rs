//! The endpoint that Prometheus fetches metrics from. Tests tell what they count apart by the names of methods, for a
//! program has one recorder.

#[allow(dead_code)]
#[path = "support/mod.rs"]
mod support;

use std::net::SocketAddr;

use conduit::{ErrorKind, RunningServer, ServerConfig, methods, rpc};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use support::{PATIENCE, Peer, builder, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn at_one() {}

#[rpc]
async fn at_two() {}

#[rpc]
async fn order() {
    metrics::counter!("orders_total").increment(1);
}

/// A page of the endpoint: head and body.
async fn fetch(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("the endpoint listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it takes the request");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("it answers");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_lowercase(), body.to_owned())
}

fn endpoint(server: &RunningServer) -> SocketAddr {
    server.prometheus_address().expect("the setting is given")
}

/// The value of the line that starts with this.
fn value(body: &str, metric: &str) -> Option<f64> {
    let line = body.lines().find(|line| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn metrics_are_shown_in_the_text_format_at_an_address_of_their_own() {
    let server = start(builder(methods![add]).open().prometheus("127.0.0.1:0")).await;
    let mut peer = Peer::connect(&server).await;
    for _ in 0..3 {
        peer.result("add", json!([1, 2])).await;
    }
    peer.error("add", json!(["one", 2])).await;
    let (head, body) = fetch(endpoint(&server), "/metrics").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert_eq!(value(&body, r#"conduit_calls_total{method="add",outcome="ok"}"#), Some(3.0), "{body}");
    assert_eq!(value(&body, r#"conduit_calls_total{method="add",outcome="invalid_params"}"#), Some(1.0));
    assert_eq!(value(&body, r#"conduit_calls_total{method="add",outcome="timeout"}"#), Some(0.0));
    assert_eq!(value(&body, r#"conduit_call_duration_seconds_bucket{method="add",le="+Inf"}"#), Some(4.0), "{body}");
    assert_eq!(value(&body, r#"conduit_call_duration_seconds_count{method="add"}"#), Some(4.0));
    assert!(value(&body, "conduit_connections").is_some_and(|connections| connections >= 1.0));
    assert!(body.contains("# TYPE conduit_call_duration_seconds histogram"), "{body}");
    assert!(body.contains("# HELP conduit_calls_total Calls that ended, by method and outcome"), "{body}");
    let (head, body) = fetch(endpoint(&server), "/").await;
    assert!(head.starts_with("http/1.1 404") && body.contains("/metrics"), "{head} {body}");
    let (head, _) = fetch(server.address(), "/metrics").await;
    assert!(head.starts_with("http/1.1 404"), "clients of the service don't see it: {head}");
}

#[tokio::test]
async fn what_the_program_counts_itself_is_shown_too() {
    let server = start(builder(methods![order]).open().prometheus("127.0.0.1:0")).await;
    Peer::connect(&server).await.result("order", json!([])).await;
    let (_, body) = fetch(endpoint(&server), "/metrics").await;
    assert_eq!(value(&body, "orders_total"), Some(1.0));
}

#[tokio::test]
async fn two_servers_of_a_program_have_it_both_and_each_shows_all() {
    let one = start(builder(methods![at_one]).open().prometheus("127.0.0.1:0")).await;
    let two = start(builder(methods![at_two]).open().prometheus("localhost:0")).await;
    Peer::connect(&one).await.result("at_one", json!([])).await;
    Peer::connect(&two).await.result("at_two", json!([])).await;
    for server in [&one, &two] {
        let (_, body) = fetch(endpoint(server), "/metrics").await;
        for method in ["at_one", "at_two"] {
            let metric = format!("conduit_calls_total{{method={method:?},outcome=\"ok\"}}");
            assert_eq!(value(&body, &metric), Some(1.0), "{method}");
        }
    }
}

#[tokio::test]
async fn it_stops_with_the_server_and_gives_its_address_free() {
    let server = start(builder(methods![add]).open().prometheus("127.0.0.1:0")).await;
    let address = endpoint(&server);
    // Somebody who asks for nothing holds nothing up.
    let idle = TcpStream::connect(address).await.expect("connected");
    fetch(address, "/metrics").await;
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("it stops in time").expect("stopped");
    let again = start(builder(methods![add]).open().prometheus(address.to_string())).await;
    assert_eq!(endpoint(&again), address);
    drop(idle);
    drop(again);
    let gone = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, gone).await.expect("a server that is dropped takes it along");
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_at_the_start_that_names_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = taken.local_addr().expect("an address").to_string();
    let server = builder(methods![add]).open().prometheus(&address).build().expect("built");
    let error = server.start().await.expect_err("the address is taken");
    assert!(error.is_address_in_use());
    assert!(error.to_string().starts_with(&format!("address {address} of `prometheus` is in use")), "{error}");
    let server = builder(methods![add]).open().prometheus("192.0.2.1:9000").build().expect("built");
    let error = server.start().await.expect_err("nobody has this address");
    assert_eq!(error.kind(), ErrorKind::Bind);
    assert!(error.to_string().starts_with("can't listen on 192.0.2.1:9000 for `prometheus`"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_nested_serves_it_from_its_first_request_to_its_stop() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("bound").local_addr().expect("an address");
    let server = builder(methods![add]).open().prometheus(free.to_string()).build().expect("built");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let app = server.router();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Peer::upgrade(address, None).await.expect("connected");
    let (head, _) = fetch(free, "/metrics").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    server.stop().await;
    assert!(TcpStream::connect(free).await.is_err());
}

#[test]
fn an_address_without_a_port_is_refused_before_the_start() {
    for address in ["9000", "127.0.0.1", "127.0.0.1:http", ":9000", ""] {
        let error = builder(methods![add]).open().prometheus(address).build().expect_err("no address");
        assert!(
            error.to_string().contains(&format!("`prometheus` is `{address}`: give an address with a port")),
            "{error}"
        );
    }
    let config: ServerConfig = toml::from_str("prometheus = \"127.0.0.1:9000\"").expect("a setting");
    assert_eq!(config.prometheus.as_deref(), Some("127.0.0.1:9000"));
}
