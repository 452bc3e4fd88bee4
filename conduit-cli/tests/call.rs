//! `conduit call`.

use conduit::{Connection, Disconnected, RunningServer};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{builder, pipe, run, serve, start};

#[tokio::test]
async fn arguments_go_by_name_as_json_and_from_standard_input() {
    let server = serve().await;
    let url = format!("ws://{}", server.address());
    assert_eq!(run(&["call", &url, "add", "a=2", "b=3"]).await.ok(), "5\n");
    assert_eq!(run(&["call", &url, "add", "[2, -3]"]).await.ok(), "-1\n");
    assert_eq!(run(&["call", &url, "add", "{\"a\": 2, \"b\": 3}"]).await.ok(), "5\n");
    assert_eq!(pipe(&["call", &url, "add", "-"], "{\"a\": 2,\n \"b\": 3}\n").await.ok(), "5\n");
    assert_eq!(run(&["call", &url, "ping"]).await.ok(), "\"pong\"\n");
}

#[tokio::test]
async fn the_schema_says_what_a_value_is() {
    let server = serve().await;
    let url = server.address().to_string();
    let words =
        ["username=007", "email=a@b.de", "age=7", "role=admin", "address:={\"city\": \"x\", \"code\": \"12345\"}"];
    let user = run(&[&["call", "--json", &url, "user.create"], &words[..]].concat()).await.json();
    let address = json!({ "city": "x", "code": "12345" });
    let expected = json!({
        "username": "007", "email": "a@b.de", "age": 7, "active": true, "role": "admin", "address": address,
    });
    assert_eq!(user, expected);
}

/// What `written` answers, but for what was left out.
async fn written(words: &[&str]) -> Value {
    let server = serve().await;
    let mut answer = run(&[&["call", "--json", &server.address().to_string(), "written"], words].concat()).await.json();
    let members = answer.as_object_mut().expect("an object");
    members.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
    answer
}

#[tokio::test]
async fn lists_objects_and_values_of_several_kinds_need_no_json() {
    assert_eq!(written(&["tags=1", "tags=true"]).await, json!({ "tags": ["1", "true"] }));
    assert_eq!(written(&["tags=[\"a\", \"b\"]", "scores=1"]).await, json!({ "tags": ["a", "b"], "scores": [1.0] }));
    assert_eq!(written(&["tags=[]", "id=7"]).await, json!({ "id": 7 }));
    assert_eq!(written(&["tags=[]", "id=007", "note=null"]).await, json!({ "id": "007", "note": "null" }));
    assert_eq!(written(&["tags=[]", "note:=null", "labels.env=5"]).await, json!({ "labels": { "env": "5" } }));
    let home = json!({ "home": { "city": "7", "code": "12345" } });
    assert_eq!(written(&["tags=[]", "home.city=7", "home.code=12345"]).await, home);
    assert_eq!(written(&["tags=[]", "home={\"city\": \"7\", \"code\": \"12345\"}"]).await, home);
}

#[tokio::test]
async fn faults_stand_beneath_items_and_members() {
    let server = serve().await;
    let url = server.address().to_string();
    let words = ["tags=a", "scores=1", "scores=high", "home.city=x", "home.code=12", "home.cty=y"];
    let done = run(&[&["call", &url, "written"], &words[..]].concat()).await;
    let stderr = done.failed(5);
    assert_eq!(marked("written", stderr, "expected a number, got \"high\""), "high", "{stderr}");
    assert_eq!(marked("written", stderr, "\"12\""), "12", "{stderr}");
    let missing = run(&["call", &url, "written", "tags=a", "home.city=x"]).await;
    assert!(missing.failed(5).contains("missing field `code`"), "{missing:?}");
}

#[tokio::test]
async fn results_keep_all_their_digits() {
    let server = serve().await;
    let value = "[1e400,-0.10,123456789012345678901234567890,{\"a\":\"\\u00e9\"}]";
    let done = run(&["--json", "call", &server.address().to_string(), "echo", &format!("value:={value}")]).await;
    assert_eq!(done.ok(), format!("{value}\n"));
}

#[tokio::test]
async fn faults_stand_beneath_the_arguments() {
    let server = serve().await;
    let url = format!("ws://{}", server.address());
    let done = run(&["call", &url, "add", "a=2", "b=three"]).await;
    let expected = format!(
        "\
error: invalid params for `add`
 |
 | add a=2 b=three
 |           ^^^^^ expected an integer, got \"three\"
help: `conduit describe {url} add` shows what it takes
"
    );
    assert_eq!(done.failed(5), expected);
}

/// What is said of a call of `user.create`, and beneath what.
async fn beneath(words: &[&str]) -> String {
    let server = serve().await;
    let url = server.address().to_string();
    run(&[&["call", &url, "user.create"], words].concat()).await.failed(5).to_owned()
}

/// The text above the marks of the line that says `message`.
fn marked(method: &str, stderr: &str, message: &str) -> String {
    let lines: Vec<Vec<char>> = stderr.lines().map(|line| line.chars().collect()).collect();
    let source = lines
        .iter()
        .position(|line| line.iter().collect::<String>().contains(&format!("| {method} ")))
        .expect("a line");
    let line = lines.iter().position(|line| line.iter().collect::<String>().contains(message)).expect("a message");
    let text: String = lines[line].iter().collect();
    let column = text.find(message).map(|byte| text[..byte].chars().count()).expect("a message");
    // The message stands beside its marks, or beneath where they begin.
    let marks = &lines[source + 1];
    let beside = line == source + 1;
    let end = if beside { marks[..column].iter().rposition(|c| *c == '^').expect("marks") } else { column };
    let start = if beside { marks[..=end].iter().rposition(|c| *c != '^').map_or(0, |at| at + 1) } else { column };
    let marked = |at: &usize| marks.get(*at) == Some(&'^');
    (start..).take_while(marked).filter_map(|at| lines[source].get(at)).collect()
}

#[tokio::test]
async fn each_fault_stands_beneath_its_own_argument() {
    let stderr = beneath(&["username=x", "email=nobody", "age=200", "colour=red"]).await;
    assert_eq!(marked("user.create", &stderr, "\"x\" is shorter than 3 characters"), "x", "{stderr}");
    assert_eq!(marked("user.create", &stderr, "\"nobody\" is not an email address"), "nobody", "{stderr}");
    assert_eq!(marked("user.create", &stderr, "200 is more than the maximum of 150"), "200", "{stderr}");
    assert_eq!(marked("user.create", &stderr, "unknown argument `colour`"), "colour", "{stderr}");
}

#[tokio::test]
async fn faults_inside_json_are_found_there() {
    let address = "address:={\"city\": \"x\", \"code\": \"12\"}";
    let stderr = beneath(&["username=ada", "email=a@b.de", "age=7", address]).await;
    assert_eq!(marked("user.create", &stderr, "\"12\""), "\"12\"", "{stderr}");
    let stderr = beneath(&["{\"username\": \"ada\", \"email\": \"a@b.de\", \"age\": \"old\"}"]).await;
    assert_eq!(marked("user.create", &stderr, "expected an integer, got \"old\""), "\"old\"", "{stderr}");
    let stderr = beneath(&["[\"ada\", \"a@b.de\", 7, \"yes\"]"]).await;
    assert_eq!(marked("user.create", &stderr, "expected a boolean"), "\"yes\"", "{stderr}");
}

#[tokio::test]
async fn faults_of_a_file_have_their_place_in_it() {
    let file = std::env::temp_dir().join(format!("conduit-call-{}.json", std::process::id()));
    std::fs::write(&file, "[\"a\", 7]").expect("written");
    let server = serve().await;
    let words = ["call", &server.address().to_string(), "written", &format!("tags:=@{}", file.display())];
    let done = run(&words).await;
    let expected = format!("expected a string, got 7 (at /1 in {})", file.display());
    assert!(done.failed(5).contains(&expected), "{done:?}");
    std::fs::remove_file(&file).expect("gone");
}

#[tokio::test]
async fn faults_of_standard_input_have_line_and_column() {
    let server = serve().await;
    let url = server.address().to_string();
    let done = pipe(&["call", &url, "add", "-"], "{\n  \"a\": 2,\n  \"b\": \"x\"\n}\n").await;
    assert!(done.failed(5).contains("--> <stdin>:3:8\n"), "{done:?}");
    assert!(done.stderr.contains("3 |   \"b\": \"x\"\n  |        ^^^ expected an integer"), "{done:?}");
    let done = pipe(&["call", &url, "add", "-"], "{\"a\": 2,").await;
    assert!(done.failed(2).contains("error: the arguments are no JSON\n --> <stdin>:1:"), "{done:?}");
}

#[tokio::test]
async fn a_missing_argument_is_missed_at_the_end() {
    let server = serve().await;
    let done = run(&["call", &server.address().to_string(), "add", "a=2"]).await;
    assert!(done.failed(5).contains(" | add a=2 \n |         ^ missing argument `b`\n"), "{}", done.stderr);
}

/// A server, and how many messages came over each connection to it.
async fn counting() -> (RunningServer, mpsc::UnboundedReceiver<u64>) {
    let (came, counted) = mpsc::unbounded_channel();
    let count = move |client: Connection, _: Disconnected| {
        came.send(client.counters().messages_in).expect("the test waits");
        std::future::ready(())
    };
    (start(builder().open().on_client_disconnect(count)).await, counted)
}

#[tokio::test]
async fn what_does_not_fit_is_not_sent() {
    let (server, mut counted) = counting().await;
    run(&["call", &server.address().to_string(), "add", "a=2", "b=three"]).await.failed(5);
    // The one that asks what there is.
    assert_eq!(counted.recv().await, Some(1));
}

#[tokio::test]
async fn what_can_not_be_read_is_not_sent() {
    let (server, mut counted) = counting().await;
    let url = server.address().to_string();
    let done = run(&["call", &url, "add", "2", "3"]).await;
    assert!(done.failed(2).contains("expected name=value, such as a=2, got 2"), "{done:?}");
    assert!(done.stderr.contains("expected name=value, such as b=3, got 3"), "{done:?}");
    assert!(run(&["call", &url, "add", "a:=x"]).await.failed(2).contains("expected JSON"));
    let file = run(&["call", &url, "add", "a=@/no/such/file"]).await;
    assert!(file.failed(2).contains("can't read the file `/no/such/file`"), "{file:?}");
    for _ in 0..3 {
        assert_eq!(counted.recv().await, Some(1));
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_leads_to_one_that_is() {
    let server = serve().await;
    let done = run(&["call", &server.address().to_string(), "ad", "a=1"]).await;
    assert_eq!(done.failed(5), "error: method `ad` not found; did you mean `add`?\n");
}

#[tokio::test]
async fn errors_of_the_method_are_told_with_their_data() {
    let server = serve().await;
    let url = server.address().to_string();
    let words = ["user.create", "username=taken", "email=a@b.de", "age=7"];
    let done = run(&[&["call", &url], &words[..]].concat()).await;
    let expected = "\
error: the name `taken` is taken (code 409)
note: the error's data is {\"username\":\"taken\"}
";
    assert_eq!(done.failed(1), expected);
    let error = run(&[&["call", &url, "--json"], &words[..]].concat()).await.error();
    assert_eq!((&error["kind"], &error["exit"], &error["code"]), (&json!("answered"), &json!(1), &json!(409)));
    assert_eq!(error["data"], json!({ "username": "taken" }));
}

#[tokio::test]
async fn scripts_get_the_faults_as_the_server_told_them() {
    let server = serve().await;
    let error = run(&["--json", "call", &server.address().to_string(), "add", "a=2", "b=x"]).await.error();
    assert_eq!((&error["kind"], &error["exit"], &error["code"]), (&json!("refused"), &json!(5), &json!(-32602)));
    assert_eq!(error["data"]["errors"][0]["path"], "/b");
    assert_eq!(error["data"]["errors"][0]["keyword"], "type");
}
