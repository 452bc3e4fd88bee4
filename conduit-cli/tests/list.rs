//! `conduit list` and `conduit openrpc`.

use serde_json::Value;

use crate::support::{builder, run, serve, start};

#[tokio::test]
async fn a_table_shows_methods_and_events_with_those_of_the_application_first() {
    let server = serve().await;
    let done = run(&["list", &server.address().to_string()]).await;
    let text = done.ok();
    let methods: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert!(methods[0].starts_with("METHOD") && methods[0].ends_with("DESCRIPTION"), "{text}");
    assert!(methods[1].starts_with("add(a: integer, b: integer) -> integer  "), "{text}");
    assert!(methods[1].ends_with("  Add two numbers."), "{text}");
    assert!(text.contains("user.create(username: string[3..30], email: email, age: 0..=150"), "{text}");
    assert!(text.contains("Say that the server is there. (public)"), "{text}");
    let names: Vec<&str> = methods[1..].iter().filter_map(|line| line.split('(').next()).collect();
    let own = names.iter().position(|name| *name == "listall").expect("listed");
    assert_eq!(names[own..], ["listall", "rpc.cancel", "rpc.discover", "rpc.login"]);
    assert!(names[..own].is_sorted(), "{names:?}");
    let (handled, sent) = text.split_once("\nEVENT IT SENDS").expect("a table of what is sent");
    let handled = handled.split_once("\nEVENT IT HANDLES").expect("a table of what is handled").1;
    assert!(handled.contains("\nchat(text: string[1..]) -> integer") && handled.contains("\ncount("), "{text}");
    assert!(sent.contains("\nchat(text: string[1..])  ") && !sent.contains("count"), "{text}");
    assert!(sent.contains("\nprogress(done: 0..=100)") && sent.contains("  How far something is."), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains(" \n"), "{text}");
}

#[tokio::test]
async fn scripts_get_all_of_it_on_one_line() {
    let server = serve().await;
    let list = run(&["--json", "list", &server.address().to_string()]).await.json();
    assert_eq!(list["methods"][0]["name"], "add");
    assert_eq!(list["methods"][0]["params"]["properties"]["a"]["type"], "integer");
    assert_eq!(list["events"][0]["name"], "chat");
    assert_eq!(list["sent_events"][1]["name"], "progress");
    assert_eq!(list["sent_events"][1]["payload"]["properties"]["done"]["maximum"], 100);
    let document = run(&["openrpc", "--json", &server.address().to_string()]).await.json();
    assert_eq!((&document["openrpc"], document["methods"].is_array()), (&Value::from("1.4.1"), true));
}

#[tokio::test]
async fn the_document_is_that_of_the_server() {
    let server = serve().await;
    let done = run(&["openrpc", &format!("http://{}", server.address())]).await;
    assert!(done.stdout.starts_with("{\n  \"openrpc\": \"1.4.1\",\n"), "{}", done.stdout);
    let client = conduit::Client::connect(format!("ws://{}", server.address())).await.expect("connected");
    let document: Value = client.call("rpc.discover", ()).await.expect("a document");
    assert_eq!(serde_json::from_str::<Value>(done.ok()).expect("JSON"), document);
}

#[tokio::test]
async fn colours_are_there_when_they_are_asked_for() {
    let server = serve().await;
    let address = server.address().to_string();
    for command in ["list", "openrpc"] {
        assert!(run(&[command, &address, "--color", "always"]).await.ok().contains("\u{1b}["));
        assert!(!run(&[command, &address, "--color", "never"]).await.ok().contains('\u{1b}'));
    }
    assert!(!run(&["list", &address, "--json", "--color", "always"]).await.ok().contains('\u{1b}'));
}

#[tokio::test]
async fn a_peer_does_not_steer_the_terminal() {
    let server = start(builder().name("\u{1b}[2J\u{9b}31m").open()).await;
    let done = run(&["openrpc", &server.address().to_string()]).await;
    assert!(done.ok().contains(r#""title": "\u001b[2J\u009b31m""#), "{}", done.stdout);
}

#[tokio::test]
async fn a_server_that_tells_nothing_of_itself_can_still_be_called() {
    let address = crate::connection::bare_server().await;
    let strange = crate::connection::server_that_tells(serde_json::json!({ "result": { "methods": 7 } })).await;
    let done = run(&["list", &strange]).await;
    assert!(done.failed(5).contains("says of itself can't be read: "), "{done:?}");
    assert_eq!(run(&["call", &strange, "anything", "a=1", "--json"]).await.ok(), "{\"a\":1}\n");
    let done = run(&["list", &address]).await;
    assert!(done.failed(5).contains("does not say what it can do: it has no `rpc.discover`"), "{done:?}");
    assert_eq!(run(&["call", &address, "anything", "a=1", "b=x"]).await.ok(), "{\n  \"a\": 1,\n  \"b\": \"x\"\n}\n");
}
