//! `conduit bench`.

use serde_json::json;

use crate::support::{Running, heard_by, run, serve};

#[tokio::test]
async fn so_many_calls_are_made_as_were_asked_for() {
    let server = serve().await;
    let url = server.address().to_string();
    let words = ["add", "a=2", "b=3", "-n", "500", "-c", "3", "-i", "4", "--json"];
    let report = run(&[&["bench", &url], &words[..]].concat()).await.json();
    assert_eq!((&report["calls"], &report["connections"], &report["in_flight"]), (&json!(500), &json!(3), &json!(4)));
    assert_eq!((&report["method"], &report["errors"]), (&json!("add"), &json!({})));
    let (seconds, speed) = (report["seconds"].as_f64().expect("a number"), report["calls_per_second"].as_f64());
    assert!((speed.expect("a number") - 500.0 / seconds).abs() < 1.0, "{report}");
    let latency = |name: &str| report["latency_us"][name].as_f64().expect("a number");
    let rising = ["min", "p50", "p90", "p95", "p99", "p99_9", "max"].map(latency);
    assert!(rising.is_sorted() && rising[0] > 0.0 && rising[6] < seconds * 1.1e6, "{report}");
}

#[tokio::test]
async fn it_ends_when_its_time_is_up_and_shows_a_table() {
    let server = serve().await;
    let done = run(&["bench", &server.address().to_string(), "ping", "-d", "200ms"]).await;
    let text = done.ok();
    assert!(text.starts_with("ping  1 connection, 16 in flight on each\n\ncalls "), "{text}");
    for part in ["throughput", "calls/s", "latency", "50% within", "99.9% within", " on average, "] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("errors"), "{text}");
}

#[tokio::test]
async fn what_can_not_be_called_is_not_measured() {
    let server = serve().await;
    let url = server.address().to_string();
    assert!(run(&["bench", &url, "add", "a=x", "b=1"]).await.failed(5).contains("expected an integer"));
    assert!(run(&["bench", &url, "ad"]).await.failed(5).contains("did you mean `add`?"));
    let taken = run(&["bench", &url, "user.create", "username=taken", "email=a@b.de", "age=1"]).await;
    assert!(taken.failed(1).contains("is taken"), "{taken:?}");
    assert!(run(&["bench", &url, "ping", "-c", "0"]).await.failed(2).contains("wanted 1 or more"));
    assert!(run(&["bench", &url, "ping", "-n", "5", "-d", "1s"]).await.failed(2).contains("cannot be used with"));
}

#[tokio::test]
async fn calls_that_fail_are_counted_and_told_by_the_exit_code() {
    let server = serve().await;
    let done = run(&["bench", &server.address().to_string(), "once", "-n", "20", "--json"]).await;
    assert_eq!(done.code, 1, "{done:?}");
    let report: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!((&report["calls"], &report["latency_us"]), (&json!(20), &json!(null)));
    assert_eq!(report["errors"], json!({ "it was called before (code 410)": 20 }));
    assert!(done.stderr.contains("20 calls were answered with an error"), "{done:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_it() {
    let server = serve().await;
    let done = run(&["bench", &server.address().to_string(), "second", "-n", "1000000", "--json"]).await;
    assert_eq!(done.code, 7, "{done:?}");
    assert!(done.stderr.contains("4100"), "{done:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_was_measured_is_told_whenever_it_is_interrupted() {
    let server = serve().await;
    let url = server.address().to_string();
    // The first call is answered and all others run for ever.
    let bench = Running::start(&["bench", &url, "first", "-i", "3", "--json"]);
    while server.server().connections().iter().all(|connection| connection.counters().messages_in < 3) {
        tokio::task::yield_now().await;
    }
    bench.signal("INT").await;
    let done = bench.end().await;
    assert_eq!(done.code, 130, "{done:?}");
    let report: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!((&report["calls"], &report["calls_per_second"]), (&json!(0), &json!(0.0)));
    let error: serde_json::Value = serde_json::from_str(&done.stderr).expect("JSON");
    assert_eq!(error["error"]["message"], "interrupted before a call was answered");
}

#[cfg(unix)]
#[tokio::test]
async fn the_first_call_can_be_interrupted_as_well() {
    let server = serve().await;
    let bench = Running::start(&["bench", &server.address().to_string(), "hang"]);
    heard_by(&server, 1).await;
    while server.server().connections().iter().all(|connection| connection.counters().messages_in < 2) {
        tokio::task::yield_now().await;
    }
    bench.signal("INT").await;
    let done = bench.end().await;
    assert_eq!(done.code, 130, "{done:?}");
    assert!(done.stdout.contains("\ncalls      0 in 0.00 s\nthroughput 0.0 calls/s\n"), "{done:?}");
    assert_eq!(done.stderr, "error: interrupted before a call was answered\n");
}
