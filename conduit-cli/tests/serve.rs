//! `conduit serve` and `conduit completions`.

use conduit::Client;
use serde_json::Value;

use crate::support::{PATIENCE, Running, run};

/// The demonstration on a free port, and its URL.
pub(crate) async fn demo(arguments: &[&str]) -> (Running, String) {
    let mut demo = Running::start(&[&["serve", "--port", "0"], arguments].concat());
    let line = demo.line().await;
    let url = line.strip_prefix("serving on ").expect("its address").to_owned();
    (demo, url)
}

#[tokio::test]
async fn it_echoes_adds_and_tells_the_time() {
    let (_demo, url) = demo(&[]).await;
    assert_eq!(run(&["call", "--json", &url, "echo", "value:=[1, {}]"]).await.ok(), "[1,{}]\n");
    assert_eq!(run(&["call", &url, "add", "a=2", "b=3"]).await.ok(), "5\n");
    let overflow = run(&["call", &url, "add", "a=9223372036854775807", "b=1"]).await;
    assert!(overflow.failed(1).contains("is more than 64 bits hold (code 1)"), "{overflow:?}");
    let time = run(&["call", &url, "time", "--json"]).await.json();
    humantime::parse_rfc3339(time.as_str().expect("a text")).expect("a time");
    assert_eq!(run(&["call", &url, "sleep", "seconds=0.01"]).await.ok(), "0.01\n");
}

#[tokio::test]
async fn it_chats_and_ticks() {
    let (_demo, url) = demo(&["--tick", "10ms"]).await;
    let ticks = run(&["listen", &url, "tick", "-n", "3", "--json"]).await;
    let counts: Vec<u64> = ticks
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["data"]["n"].as_u64().expect("a number"))
        .collect();
    assert_eq!(counts, [counts[0], counts[0] + 1, counts[0] + 2]);
    let client = Client::connect(&url).discover().await.expect("connected");
    let document = client.discovered().expect("known");
    let sent: Vec<_> = document.sent_events().iter().map(|event| event.name.as_str()).collect();
    assert_eq!(sent, ["chat", "tick"]);
    let mut said = client.events::<Value>("chat");
    client.listall().await.expect("logged in");
    assert_eq!(run(&["send", &url, "chat", "text=hello"]).await.ok(), "1\n");
    let said = futures_util::StreamExt::next(&mut said).await.expect("an event").expect("a payload");
    assert_eq!(said, serde_json::json!({ "name": "somebody", "text": "hello" }));
}

#[tokio::test]
async fn with_a_token_it_asks_for_a_login() {
    let (_demo, url) = demo(&["--token", "t"]).await;
    assert_eq!(run(&["call", &url, "add", "a=2", "b=3", "--token", "t"]).await.ok(), "5\n");
    run(&["call", &url, "add", "a=2", "b=3"]).await.failed(4);
}

#[tokio::test]
async fn others_are_let_in_with_a_token_alone() {
    let done = run(&["serve", "--host", "0.0.0.0", "--port", "0"]).await;
    assert!(done.failed(2).contains("others can reach the address `0.0.0.0`, and no token is given"), "{done:?}");
    demo(&["--host", "0.0.0.0", "--token", "t"]).await;
    // It may be a variable that somebody believes to be set.
    assert!(run(&["serve", "--port", "0", "--token", ""]).await.failed(2).contains("the token is empty"));
}

#[tokio::test]
async fn scripts_learn_its_address() {
    let mut demo = Running::start(&["serve", "--port", "0", "--json"]);
    let said: Value = serde_json::from_str(&demo.line().await).expect("JSON");
    let url = said["url"].as_str().expect("a URL");
    assert_eq!(run(&["call", url, "add", "a=2", "b=3"]).await.ok(), "5\n");
}

#[cfg(unix)]
#[tokio::test]
async fn every_call_is_logged_when_that_is_asked_for() {
    let (demo, url) = demo(&["--verbose"]).await;
    run(&["call", &url, "add", "a=2", "b=3"]).await.ok();
    demo.signal("INT").await;
    let log = demo.end().await.stderr;
    assert!(log.lines().any(|line| line.contains("add") && line.contains("outcome")), "{log}");
}

#[cfg(unix)]
#[tokio::test]
async fn scripts_get_the_log_as_json() {
    let mut demo = Running::start(&["serve", "--port", "0", "--json", "--verbose"]);
    let said: Value = serde_json::from_str(&demo.line().await).expect("JSON");
    run(&["call", said["url"].as_str().expect("a URL"), "add", "a=2", "b=3"]).await.ok();
    demo.signal("INT").await;
    let log = demo.end().await.stderr;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let add = lines.iter().find(|line| line["log"]["fields"]["method"] == "add").expect("the call");
    assert_eq!(add["log"]["level"], "DEBUG");
    assert!(add["log"]["fields"]["outcome"].is_string(), "{log}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let (_demo, url) = demo(&[]).await;
    let port = url.rsplit(':').next().expect("a port");
    let done = run(&["serve", "--port", port]).await;
    assert!(done.failed(8).contains(port), "{done:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn signals_end_it_cleanly_and_clients_learn_it() {
    for signal in ["INT", "TERM"] {
        let (demo, url) = demo(&[]).await;
        let client = Client::connect(&url).reconnect(false).await.expect("connected");
        demo.signal(signal).await;
        let end = tokio::time::timeout(PATIENCE, client.closed()).await.expect("the connection ends");
        assert_eq!(end.code.as_u16(), 1001);
        assert_eq!(demo.end().await.code, 0, "{signal}");
    }
}

#[tokio::test]
async fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let done = run(&["completions", shell]).await;
        assert!(done.ok().contains("describe") && done.stdout.contains("root-certificate"), "{shell}");
    }
    let bash = run(&["completions", "bash"]).await;
    let checked = std::process::Command::new("bash").args(["-n", "-c", bash.ok()]).output();
    // Where there is no bash there is nothing to complete for.
    if let Ok(checked) = checked {
        assert!(checked.status.success(), "{checked:?}");
    }
}
