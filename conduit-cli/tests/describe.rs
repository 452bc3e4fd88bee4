//! `conduit describe`.

use conduit::Connection;
use serde_json::{Value, json};

use crate::support::{Done, builder, pipe, run, serve, start};

/// The lines of a section, without their indent.
fn section<'a>(done: &'a Done, heading: &str) -> Vec<&'a str> {
    let lines = done.ok().lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| !line.is_empty()).map(|line| line.strip_prefix("  ").expect("an indent")).collect()
}

#[tokio::test]
async fn a_method_is_told_with_its_constraints_and_errors() {
    let server = serve().await;
    let done = run(&["describe", &server.address().to_string(), "user.create"]).await;
    assert!(done.ok().starts_with("user.create(username: string[3..30], "), "{}", done.stdout);
    assert!(done.stdout.contains("\nCreate a user.\n\nThe name must be new.\n"), "{}", done.stdout);
    assert!(done.stdout.contains("is given up after 5 s"), "{}", done.stdout);
    let arguments = section(&done, "Arguments");
    let squeezed: Vec<String> =
        arguments.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        squeezed,
        [
            "username string, 3 to 30 characters The name to log in with.",
            "email string, an email address",
            "age integer, 0 to 150",
            "active boolean, true by default",
            "role Role, one of \"member\", \"admin\", \"member\" by default What a user may do.",
            "address Address?, may be left out Where somebody lives.",
            "city string",
            "code string, matches `^[0-9]{5}$`",
        ]
    );
    assert_eq!(section(&done, "Errors"), ["409  the name `{username}` is taken"]);
}

#[tokio::test]
async fn the_example_of_a_method_is_a_call_that_succeeds() {
    let server = serve().await;
    let address = server.address().to_string();
    for (method, result) in [("user.create", "username"), ("add", "2"), ("ping", "pong"), ("echo", "value")] {
        let described = run(&["describe", &address, method]).await;
        let example = section(&described, "Example");
        let words = shlex::split(example[0]).expect("a command");
        assert_eq!(words[0], "conduit");
        let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let done = run(&words).await;
        assert!(done.ok().contains(result), "{done:?}");
        let request: Value = serde_json::from_str(example[1]).expect("JSON");
        let params = request.get("params").cloned().unwrap_or(json!({})).to_string();
        assert_eq!(pipe(&["call", &address, method, "-"], &params).await.ok(), done.ok());
        let described = run(&["--json", "describe", &address, method]).await.json();
        assert_eq!(&described["example"], request.get("params").unwrap_or(&json!({})));
    }
}

#[tokio::test]
async fn an_event_is_told_with_its_ack() {
    let server = serve().await;
    let address = server.address().to_string();
    let done = run(&["describe", &address, "chat"]).await;
    assert!(done.ok().starts_with("event chat(text: string[1..]) -> integer\n\nTell everybody.\n"), "{}", done.stdout);
    assert_eq!(section(&done, "Payload"), ["text  string, at least 1 character"]);
    assert_eq!(section(&done, "Ack"), ["integer"]);
    let words = shlex::split(section(&done, "Example")[0]).expect("a command");
    let words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    assert_eq!(run(&words).await.ok(), "1\n");
    assert_eq!(section(&run(&["describe", &address, "count"]).await, "Payload"), ["integer"]);
    assert_eq!(run(&["--json", "describe", &address, "count"]).await.json()["example"], 1);
}

#[tokio::test]
async fn an_event_says_who_sends_it() {
    let server = serve().await;
    let address = server.address().to_string();
    let sent = run(&["describe", &address, "progress"]).await;
    let head = "event progress(done: 0..=100)\n\nHow far something is.\n\nsent by the server\n";
    assert!(sent.ok().starts_with(head), "{}", sent.stdout);
    assert_eq!(section(&sent, "Payload"), ["done  integer, 0 to 100  In percent."]);
    let example = section(&sent, "Example");
    assert_eq!(example[0], format!("conduit listen {} progress --json", format_args!("ws://{address}")));
    let line: Value = serde_json::from_str(example[1]).expect("JSON");
    assert_eq!(line["event"], "progress");
    assert!(line["data"]["done"].as_u64().is_some_and(|done| done <= 100), "{line}");
    assert!(run(&["describe", &address, "chat"]).await.ok().contains("\nhandled and sent by the server\n"));
    assert!(run(&["describe", &address, "count"]).await.ok().contains("\nhandled by the server\n"));

    let sent = run(&["--json", "describe", &address, "progress"]).await.json();
    assert_eq!((&sent["name"], sent.get("payload")), (&json!("progress"), None));
    assert_eq!((&sent["sent"]["payload"]["type"], &sent["sent"]["example"]), (&json!("object"), &line["data"]));
    let both = run(&["--json", "describe", &address, "chat"]).await.json();
    assert_eq!(both["sent"]["payload"], both["payload"]);
}

#[tokio::test]
async fn an_event_with_a_payload_for_each_way_shows_both() {
    let server = start(builder().on("progress", |_: Connection, _: u8| async {}).open()).await;
    let address = server.address().to_string();
    let both = run(&["describe", &address, "progress"]).await;
    assert!(both.ok().contains("\nhandled and sent by the server\n"), "{}", both.stdout);
    assert_eq!(section(&both, "Payload"), ["integer"]);
    assert_eq!(section(&both, "Payload that the server sends"), ["done  integer, 0 to 100  In percent."]);
    let both = run(&["--json", "describe", &address, "progress"]).await.json();
    assert_eq!((&both["payload"]["type"], &both["sent"]["payload"]["type"]), (&json!("integer"), &json!("object")));
}

#[tokio::test]
async fn a_name_that_is_not_there_leads_to_one_that_is() {
    let server = serve().await;
    let address = server.address().to_string();
    let done = run(&["describe", &address, "user.craete"]).await;
    let stderr = done.failed(5);
    assert_eq!(stderr, "error: method or event `user.craete` not found; did you mean `user.create`?\n");
    assert!(run(&["describe", &address, "chta"]).await.failed(5).contains("did you mean `chat`?"));
    let near = run(&["describe", &address, "progres"]).await;
    assert!(near.failed(5).ends_with("`progres` not found; did you mean `progress`?\n"), "{near:?}");
    let far = run(&["describe", &address, "nothing.like.it"]).await;
    let expected = "error: method or event `nothing.like.it` not found\nhelp: `conduit list` lists what there is\n";
    assert_eq!(far.failed(5), expected);
}
