//! The examples run, and do what the README says.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Output, Stdio},
};

use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::support::{PATIENCE, http};

/// The program of an example. `./test` builds them before the tests.
pub fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this test is a program");
    let target = tests.parent().and_then(|deps| deps.parent()).expect("a target directory");
    let program = target.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is not there: run ./test, or `cargo build --examples`", program.display());
    program
}

async fn output(command: &mut Command) -> Output {
    let output = command.kill_on_drop(true).output();
    tokio::time::timeout(PATIENCE, output).await.expect("the example ends").expect("the example starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("a text")
}

#[tokio::test]
async fn quickstart_prints_what_the_readme_shows() {
    let output = output(&mut Command::new(example("quickstart"))).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let port = printed.split_once("127.0.0.1:").expect("an address").1.lines().next().expect("a port");
    let readme = include_str!("../README.md");
    let shown =
        readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the README shows it");
    assert_eq!(printed.replace(port, "PORT"), shown);
}

#[tokio::test]
async fn echo_prints_what_came_back() {
    let output = output(&mut Command::new(example("echo"))).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "Some(Text(\"hello\"))\nSome(Binary(b\"\\x01\\x02\\x03\"))\n");
}

/// The `users` example as a server, until it is dropped.
pub struct Users {
    pub url: String,
    child: Child,
}

impl Users {
    pub async fn serve(database: &str, token: &str) -> Self {
        let mut command = Command::new(example("users"));
        let command = command.args(["serve", "0", database]).env("CONDUIT_TOKEN", token).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the example starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it says where it listens");
        let line = line.expect("a text").expect("it does not end");
        let url = line.strip_prefix("serving on ").expect("the address").to_owned();
        Self { url, child }
    }
}

#[tokio::test]
async fn users_keeps_its_data_over_a_restart() {
    let directory = std::env::temp_dir().join(format!("conduit-users-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let database = directory.join("users.db").display().to_string();
    let find = |url: String| async move {
        let client = conduit::Client::connect(&url).password("t").await.expect("connected");
        client.call::<serde_json::Value>("user.get", (1,)).await
    };
    {
        let users = Users::serve(&database, "t").await;
        let client = conduit::Client::connect(&users.url).password("t").await.expect("connected");
        let ada = serde_json::json!({ "username": "ada", "email": "ada@example.org", "age": 36 });
        client.call::<serde_json::Value>("user.create", ada).await.expect("created");
    }
    let users = Users::serve(&database, "t").await;
    assert_eq!(find(users.url.clone()).await.expect("found")["username"], "ada");
    let output = output(Command::new(example("users")).args(["call", &users.url]).env("CONDUIT_TOKEN", "t")).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for part in ["user.create(", "listed:  2 users", "/username", "/email", "/age", "gone:    2"] {
        assert!(printed.contains(part), "{part:?} is not in {printed}");
    }
    std::fs::remove_dir_all(&directory).expect("the directory goes");
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_runs_ends_gracefully_at_sigint_and_sigterm() {
    for signal in ["INT", "TERM"] {
        let mut users = Users::serve(":memory:", "t").await;
        let client = conduit::Client::connect(&users.url).password("t").reconnect(false).await.expect("connected");
        let process = users.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", signal, &process]).status().await.expect("`kill` starts");
        assert!(sent.success());
        let end = tokio::time::timeout(PATIENCE, client.closed()).await.expect("the connection ends");
        assert_eq!(end.code.as_u16(), 1001, "SIG{signal}");
        let status = tokio::time::timeout(PATIENCE, users.child.wait()).await.expect("it ends").expect("a status");
        assert!(status.success(), "SIG{signal}: {status}");
    }
}

#[tokio::test]
async fn users_runs_alone() {
    let output = output(Command::new(example("users")).env_remove("CONDUIT_TOKEN")).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("gone:    1"));
}

/// An example that serves, until it is dropped.
struct Serving {
    url: String,
    _child: Child,
}

impl Serving {
    async fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(example(name));
        let child = command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.expect("the example starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it says where it listens");
        let line = line.expect("a text").expect("it does not end");
        Self { url: line.strip_prefix("serving on ").expect("the address").to_owned(), _child: child }
    }
}

/// The terminal client of the `chat` example.
struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Terminal {
    fn join(chat: &Serving, name: &str, room: &str) -> Self {
        let mut command = Command::new(example("chat"));
        let command = command.args(["join", &chat.url, name, room]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the example starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { input: child.stdin.take(), lines, child }
    }

    async fn enter(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it has not left");
        input.write_all(format!("{line}\n").as_bytes()).await.expect("it reads its input");
    }

    async fn reads(&mut self, expected: &str) {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{expected:?} does not arrive")).expect("a text");
        assert_eq!(line.as_deref(), Some(expected));
    }

    /// Ends its input, and gives what it printed on the way out.
    async fn leave(mut self) -> Output {
        drop(self.input.take());
        let mut stdout = Vec::new();
        while let Some(line) = self.lines.next_line().await.expect("a text") {
            stdout.extend([line.as_bytes(), b"\n"].concat());
        }
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output()).await;
        Output { stdout, ..output.expect("it ends").expect("it was started") }
    }
}

#[tokio::test]
async fn chat_between_terminals_with_a_history_that_survives_a_restart() {
    let directory = std::env::temp_dir().join(format!("conduit-chat-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let database = directory.join("chat.db").display().to_string();
    {
        let chat = Serving::start("chat", &["serve", "0", &database]).await;
        let mut ada = Terminal::join(&chat, "ada", "lobby");
        ada.reads("* here: ada").await;
        let mut bob = Terminal::join(&chat, "bob", "lobby");
        bob.reads("* here: ada, bob").await;
        ada.reads("* bob joined").await;
        let mut eve = Terminal::join(&chat, "eve", "cellar");
        eve.reads("* here: eve").await;

        for line in ["one", "two", "three"] {
            ada.enter(line).await;
        }
        for line in ["ada: one", "ada: two", "ada: three"] {
            bob.reads(line).await;
        }
        ada.enter("/here").await;
        ada.reads("* here: ada, bob").await;

        bob.enter(&"x".repeat(501)).await;
        let refused = tokio::time::timeout(PATIENCE, bob.lines.next_line()).await.expect("an answer").expect("a text");
        assert!(refused.as_deref().is_some_and(|line| line.contains("longer than 500 characters")), "{refused:?}");
        bob.enter("four \u{1b}[2J").await;
        ada.reads("bob: four  [2J").await;

        assert!(bob.leave().await.status.success());
        ada.reads("* bob left").await;
        // Nothing of the lobby was heard in the cellar.
        let heard = eve.leave().await;
        assert_eq!((heard.status.success(), text(&heard.stdout)), (true, String::new()));

        let second = Terminal::join(&chat, "ada", "lobby").leave().await;
        assert!(!second.status.success());
        assert!(text(&second.stderr).contains("the name `ada` is taken"), "{}", text(&second.stderr));
    }
    let chat = Serving::start("chat", &["serve", "0", &database]).await;
    let mut cleo = Terminal::join(&chat, "cleo", "lobby");
    for line in ["ada: one", "ada: two", "ada: three", "bob: four  [2J", "* here: cleo"] {
        cleo.reads(line).await;
    }
    std::fs::remove_dir_all(&directory).expect("the directory goes");
}

#[tokio::test]
async fn chat_tells_only_members_and_only_so_much() {
    let chat = Serving::start("chat", &["serve", "0", ":memory:"]).await;
    let refusal = conduit::Client::connect(&chat.url).password("Nobody!").await.expect_err("no such name");
    assert!(refusal.to_string().contains("a name is 2 to 20"), "{refusal}");

    let client = async |name: &str| conduit::Client::connect(&chat.url).password(name).await.expect("connected");
    let (ada, bob) = (client("ada").await, client("bob").await);
    let document = ada.discover().await.expect("described");
    let sent: Vec<&str> = document.sent_events().iter().map(|event| event.name.as_str()).collect();
    assert_eq!(sent, ["joined", "left", "said"]);
    let call = async |client: &conduit::Client, method: &str, params: serde_json::Value| {
        client.call::<serde_json::Value>(method, params).await.map_err(|error| error.code().expect("an answer"))
    };
    assert_eq!(call(&ada, "room.join", json!(["lobby"])).await, Ok(json!(["ada"])));
    assert_eq!(call(&ada, "room.join", json!(["lobby"])).await, Err(409));
    assert_eq!(call(&bob, "room.here", json!(["lobby"])).await, Err(403));
    assert_eq!(call(&bob, "say", json!({ "room": "lobby", "text": "psst" })).await, Err(403));
    assert_eq!(call(&ada, "say", json!({ "room": "lobby", "text": "" })).await, Err(-32602));
    assert_eq!(call(&bob, "room.join", json!(["lobby"])).await, Ok(json!(["ada", "bob"])));
    assert_eq!(call(&bob, "say", json!({ "room": "lobby", "text": "hello" })).await, Ok(json!(1)));
    assert_eq!(call(&bob, "room.leave", json!(["lobby"])).await, Ok(json!(null)));
    assert_eq!(call(&ada, "room.here", json!(["lobby"])).await, Ok(json!(["ada"])));
    for room in 0..10 {
        assert_eq!(call(&bob, "room.join", json!([format!("room {room}")])).await, Ok(json!(["bob"])));
    }
    assert_eq!(call(&bob, "room.join", json!(["lobby"])).await, Err(429));
}

#[tokio::test]
async fn chat_runs_alone() {
    let output = output(&mut Command::new(example("chat"))).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for line in ["bob reads  ada: hello bob", "ada reads  * bob left", "cleo reads  bob: hello ada", "`ada` is taken"] {
        assert!(printed.contains(line), "{line:?} is not in {printed}");
    }
}

#[tokio::test]
async fn dashboard_serves_its_page_and_sends_the_samples_that_it_declares() {
    let dashboard = Serving::start("dashboard", &["0"]).await;
    let address: SocketAddr = dashboard.url.strip_prefix("http://").expect("a URL").parse().expect("an address");
    let (status, page) = http(address, "GET", &[], "").await;
    assert_eq!(status, 200);
    assert!(page.contains("<title>Dashboard</title>"), "{page}");

    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/rpc")).await.expect("connected");
    let mut last = json!(null);
    for _ in 0..2 {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("a sample in time");
        let message = message.expect("not the end").expect("a message").into_text().expect("a text");
        let event: serde_json::Value = serde_json::from_str(&message).expect("JSON");
        assert_eq!(event["method"], "sample");
        let sample = &event["params"];
        assert!(sample["memory"].as_u64() <= sample["memory_total"].as_u64(), "{sample}");
        assert!(sample["memory"].as_u64() > Some(0) && sample["cpu"].is_number(), "{sample}");
        assert_eq!(sample["watchers"], 1);
        last = sample.clone();
    }
    let client = conduit::Client::connect(format!("ws://{address}/rpc")).discover().await.expect("connected");
    let document = client.discovered().expect("known");
    let declared = document.sent_event("sample").expect("declared");
    assert!(jsonschema::is_valid(&declared.payload, &last), "{last}");
}

#[tokio::test]
async fn dashboard_prints_two_samples_once() {
    let output = output(Command::new(example("dashboard")).arg("once")).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert_eq!(printed.lines().filter(|line| line.contains("MiB, 1 watching")).count(), 2, "{printed}");
}
