//! `conduit listen` and `conduit send`.

use serde_json::json;

use crate::support::{Running, builder, heard_by, run, serve, start};

#[tokio::test]
async fn an_event_is_sent_and_its_ack_printed() {
    let server = serve().await;
    let url = server.address().to_string();
    assert_eq!(run(&["send", &url, "chat", "text=hello"]).await.ok(), "1\n");
    assert_eq!(run(&["send", &url, "chat", "{\"text\": \"hello\"}"]).await.ok(), "1\n");
    assert_eq!(run(&["send", &url, "count", "3"]).await.ok(), "null\n");
    assert_eq!(run(&["send", &url, "chat", "text=hello", "--no-ack"]).await.ok(), "");
}

#[tokio::test]
async fn an_event_that_can_not_be_handled_is_a_failure_also_without_ack() {
    let server = serve().await;
    let url = server.address().to_string();
    for more in [&[][..], &["--no-ack"]] {
        let done = run(&[&["send", &url, "chat", "text="], more].concat()).await;
        assert!(done.failed(5).contains("\"\" is shorter than 1 character"), "{done:?}");
        let done = run(&[&["send", &url, "count", "-3"], more].concat()).await;
        assert!(done.failed(5).contains(" | count -3\n |       ^^ "), "{done:?}");
    }
    let done = run(&["send", &url, "chat", "{\"text\": 5}"]).await;
    assert!(
        done.failed(5).contains(" | chat '{\"text\": 5}'\n |                ^ expected a string, got 5"),
        "{done:?}"
    );
    let unknown = run(&["send", &url, "chta", "1"]).await;
    assert_eq!(unknown.failed(5), "error: event `chta` not found; did you mean `chat`?\n");
    assert!(run(&["send", &url, "chat", "hello"]).await.failed(2).contains("expected JSON, or name=value, got hello"));
}

#[tokio::test]
async fn events_are_printed_one_a_line_as_they_come() {
    let server = serve().await;
    let url = server.address().to_string();
    let mut all = Running::start(&["listen", "--json", &url]);
    let some = Running::start(&["listen", &url, "chat", "-n", "2"]);
    heard_by(&server, 2).await;
    server.server().broadcast("other", &json!([1, { "a": null }])).send();
    server.server().broadcast("chat", &json!({ "text": "one" })).send();
    server.server().broadcast("chat", &json!({ "text": "two\u{9b}" })).send();
    for line in [
        r#"{"event":"other","data":[1,{"a":null}]}"#,
        r#"{"event":"chat","data":{"text":"one"}}"#,
        r#"{"event":"chat","data":{"text":"two\u009b"}}"#,
    ] {
        assert_eq!(all.event().await, line);
    }
    let some = some.end().await;
    let lines: Vec<&str> = some.stdout.lines().map(|line| line.split_once(' ').expect("a time").1).collect();
    assert_eq!(lines, [r#"chat {"text": "one"}"#, r#"chat {"text": "two\u009b"}"#]);
    let note = format!("note: listening to ws://{url}; Ctrl-C ends it\n");
    assert_eq!((some.code, some.stderr), (0, note));
}

#[tokio::test]
async fn who_listens_to_what_the_server_does_not_declare_is_told_and_hears_it() {
    let server = serve().await;
    let url = server.address().to_string();
    for (event, hint) in [("progres", "did you mean `progress`?"), ("else", "`conduit list` lists what it says")] {
        let listener = Running::start(&["listen", "--json", &url, event, "progress", "-n", "1"]);
        heard_by(&server, 1).await;
        server.server().broadcast(event, &1).send();
        let done = listener.end().await;
        assert_eq!((done.code, done.stdout), (0, format!("{{\"event\":\"{event}\",\"data\":1}}\n")));
        let said: serde_json::Value = serde_json::from_str(&done.stderr).expect("one line of JSON");
        assert_eq!(said["warning"], format!("the server does not say that it sends `{event}`; {hint}"));
    }
}

#[tokio::test]
async fn an_event_that_is_only_sent_can_not_be_sent_to_the_server() {
    let server = serve().await;
    let done = run(&["send", &server.address().to_string(), "progress", "done=1"]).await;
    let stderr = done.failed(5);
    assert_eq!(stderr, "error: event `progress` not found: the server sends it, and does not handle it\n");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_listening_without_a_word() {
    let server = serve().await;
    let mut listener = Running::start(&["listen", "--json", &server.address().to_string()]);
    heard_by(&server, 1).await;
    server.server().broadcast("a", &1).send();
    assert_eq!(listener.event().await, r#"{"event":"a","data":1}"#);
    listener.signal("INT").await;
    let done = listener.end().await;
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "", ""));
}

#[tokio::test]
async fn who_listens_is_told_how_the_connection_ended() {
    let server = serve().await;
    let mut listener = Running::start(&["listen", "--json", &server.address().to_string()]);
    heard_by(&server, 1).await;
    listener.line().await;
    for client in server.server().connections() {
        client.disconnect(4100, "come back tomorrow");
    }
    let mut done = listener.end().await;
    done.stdout.clear();
    let error = done.error();
    assert_eq!((&error["exit"], &error["kind"]), (&json!(7), &json!("closed")));
    assert_eq!(error["message"], "the connection ended with code 4100: come back tomorrow");
}

#[cfg(unix)]
#[tokio::test]
async fn listening_outlives_its_connection_and_says_so() {
    let server = serve().await;
    let (port, url) = (server.port(), server.address().to_string());
    let mut listener = Running::start(&["listen", "--json", &url]);
    heard_by(&server, 1).await;
    server.server().broadcast("a", &1).send();
    assert_eq!(listener.event().await, r#"{"event":"a","data":1}"#);
    server.stop().await.expect("stopped");

    let server = start(builder().port(port).open()).await;
    heard_by(&server, 1).await;
    server.server().broadcast("b", &2).send();
    assert_eq!(listener.event().await, r#"{"event":"b","data":2}"#);
    listener.signal("INT").await;
    let done = listener.end().await;
    let said: Vec<&str> = done.stderr.lines().collect();
    assert!(said[0].starts_with("{\"warning\":\"the connection ended with code 1001"), "{done:?}");
    assert!(said[0].ends_with("; connecting again\"}"), "{done:?}");
    assert_eq!((said[1], said.len(), done.code), ("{\"note\":\"connected again\"}", 2, 0));
}

#[tokio::test]
async fn listening_ends_when_the_server_would_refuse_it_from_now_on() {
    let server = start(builder().password("secret")).await;
    let (port, url) = (server.port(), server.address().to_string());
    let mut listener = Running::start(&["listen", "--json", &url, "--token", "secret"]);
    heard_by(&server, 1).await;
    listener.line().await;
    server.stop().await.expect("stopped");
    let _next = start(builder().port(port).password("another")).await;
    let done = listener.end().await;
    let error: serde_json::Value = serde_json::from_str(done.stderr.lines().last().expect("a line")).expect("JSON");
    let message = error["error"]["message"].as_str().expect("a text");
    assert_eq!((done.code, &error["error"]["kind"]), (4, &json!("login")));
    assert!(
        message.starts_with("the connection ended: it was lost (") && message.contains("the token is wrong"),
        "{message}"
    );
}

#[tokio::test]
async fn listening_ends_with_its_connection_if_that_is_asked_for() {
    let server = serve().await;
    let mut listener = Running::start(&["listen", "--json", "--no-reconnect", &server.address().to_string()]);
    heard_by(&server, 1).await;
    listener.line().await;
    server.stop().await.expect("stopped");
    let mut done = listener.end().await;
    done.stdout.clear();
    assert_eq!(done.error()["exit"], 7);
}

#[tokio::test]
async fn an_output_that_nobody_reads_ends_it_quietly() {
    let server = serve().await;
    let mut listener = Running::start(&["listen", "--json", &server.address().to_string()]);
    heard_by(&server, 1).await;
    server.server().broadcast("a", &1).send();
    listener.event().await;
    let end = tokio::spawn(listener.close_output());
    // The first may still fit into the pipe.
    while !end.is_finished() {
        server.server().broadcast("a", &2).send();
        tokio::task::yield_now().await;
    }
    let done = end.await.expect("no panic");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}
