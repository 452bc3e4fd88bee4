//! A server to try the program against, and the program.

pub(crate) mod terminal;

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use conduit::{Connection, Event, RpcError, RunningServer, Server, ServerBuilder, methods, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// What a test waits for at most. Nothing waits this long unless something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// What a user may do.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    #[default]
    Member,
    Admin,
}

/// Where somebody lives.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Address {
    pub(crate) city: String,
    #[schemars(regex(pattern = "^[0-9]{5}$"))]
    pub(crate) code: String,
}

#[derive(Debug, thiserror::Error, RpcError)]
pub(crate) enum UserError {
    #[error("the name `{username}` is taken")]
    #[rpc(code = 409)]
    NameTaken { username: String },
}

/// Create a user.
///
/// The name must be new.
#[rpc(name = "user.create", timeout = "5s")]
async fn create_user(
    /// The name to log in with.
    #[schemars(length(min = 3, max = 30))]
    username: String,
    #[schemars(email)] email: String,
    #[schemars(range(max = 150))] age: u8,
    #[arg(default = true)] active: bool,
    #[serde(default)] role: Role,
    address: Option<Address>,
) -> Result<Value, UserError> {
    if username == "taken" {
        return Err(UserError::NameTaken { username });
    }
    Ok(serde_json::json!({
        "username": username, "email": email, "age": age, "active": active, "role": role, "address": address,
    }))
}

/// Answer with what is written in several ways.
#[rpc]
async fn written(
    tags: Vec<String>,
    #[serde(default)] scores: Vec<f64>,
    id: Option<Id>,
    home: Option<Address>,
    #[serde(default)] labels: BTreeMap<String, String>,
    note: Option<String>,
) -> Value {
    serde_json::json!({ "tags": tags, "scores": scores, "id": id, "home": home, "labels": labels, "note": note })
}

/// A number or a name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(u32),
    Name(String),
}

/// Answer with what was sent.
#[rpc]
async fn echo(value: Box<serde_json::value::RawValue>) -> Box<serde_json::value::RawValue> {
    value
}

/// Say that the server is there.
#[rpc(public)]
async fn ping() -> &'static str {
    "pong"
}

/// Never answer.
#[rpc]
async fn hang() {
    std::future::pending().await
}

/// Never answer, and be given up by the server.
#[rpc(timeout = "50ms")]
async fn impatient() {
    std::future::pending().await
}

/// End the connection.
#[rpc]
async fn leave(client: &Connection) {
    client.disconnect(4100, "come back tomorrow");
    std::future::pending().await
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("it was called before")]
#[rpc(code = 410)]
struct Gone;

/// How often methods were called that tell the first call from others.
#[derive(Default)]
struct Calls(AtomicU64);

impl Calls {
    fn is_first(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }
}

/// Answer one call.
#[rpc]
async fn once(calls: &Calls) -> Result<(), Gone> {
    if calls.is_first() { Ok(()) } else { Err(Gone) }
}

/// Answer one call, and no other.
#[rpc]
async fn first(calls: &Calls) {
    if !calls.is_first() {
        std::future::pending::<()>().await;
    }
}

/// Answer one call, and end the connection at the next.
#[rpc]
async fn second(client: &Connection, calls: &Calls) {
    if !calls.is_first() {
        client.disconnect(4100, "enough");
    }
}

/// Say something.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
pub(crate) struct Chat {
    #[schemars(length(min = 1))]
    pub(crate) text: String,
}

/// Tell everybody.
#[on("chat")]
async fn chat(client: &Connection, data: Chat) -> usize {
    client.server().broadcast_event(&data).send()
}

/// How far something is.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("progress")]
pub(crate) struct Progress {
    /// In percent.
    #[schemars(range(max = 100))]
    pub(crate) done: u8,
}

#[on("count")]
async fn count(client: &Connection, n: u64) {
    for n in 0..n {
        client.send("n", &n);
    }
}

/// The settings of a server with all of this.
pub(crate) fn builder() -> ServerBuilder {
    let methods =
        methods![add, create_user, written, echo, ping, hang, impatient, leave, first, once, second, chat, count];
    let server = Server::builder().host("127.0.0.1").port(0).explicit().methods(methods).state(Calls::default());
    server.sends::<Chat>().sends::<Progress>()
}

/// A server without login.
pub(crate) async fn serve() -> RunningServer {
    start(builder().open()).await
}

pub(crate) async fn start(builder: ServerBuilder) -> RunningServer {
    builder.build().expect("the server builds").start().await.expect("the server starts")
}

/// Waits until so many clients hear what is broadcast. Who listens to all events hears a few that are named `ready`.
pub(crate) async fn heard_by(server: &RunningServer, clients: usize) {
    let heard = async {
        while server.server().broadcast("ready", &0).send() < clients {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("the clients come");
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).expect("JSON")
    }

    /// Standard error as JSON, of a failure.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        assert_ne!(self.code, 0, "{self:?}");
        assert_eq!((self.stdout.as_str(), self.stderr.lines().count()), ("", 1), "{self:?}");
        serde_json::from_str::<Value>(&self.stderr).expect("JSON")["error"].take()
    }

    /// Standard error, of a failure with this code that wrote no data.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        &self.stderr
    }

    /// Standard output, of a success that had nothing else to say.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        &self.stdout
    }
}

/// The program, with nothing of this process's environment that it heeds.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conduit"));
    command.args(arguments).env_remove("CONDUIT_TOKEN").env_remove("NO_COLOR").stdin(Stdio::null());
    command.kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str]) -> Done {
    finish(&mut program(arguments)).await
}

pub(crate) async fn finish(command: &mut Command) -> Done {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a text");
    Done { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program with an input.
pub(crate) async fn pipe(arguments: &[&str], input: &str) -> Done {
    let mut command = program(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Who does not read its input ends before it is written.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").expect("an output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a text");
    Done { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The program while it runs, read line by line.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = program(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// The next line of standard output that is not about an event named `ready`.
    pub(crate) async fn event(&mut self) -> String {
        loop {
            let line = self.line().await;
            if !line.contains("ready") {
                return line;
            }
        }
    }

    /// The next line of standard output.
    pub(crate) async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time");
        line.expect("a text").expect("it does not end")
    }

    #[cfg(unix)]
    pub(crate) async fn signal(&self, signal: &str) {
        let process = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-s", signal, &process]).status().await.expect("`kill` starts");
        assert!(sent.success());
    }

    /// Waits for the end, and gives what was not read.
    pub(crate) async fn end(mut self) -> Done {
        let mut stdout = String::new();
        while let Some(line) = self.lines.next_line().await.expect("a text") {
            stdout += &format!("{line}\n");
        }
        Self::wait(self.child, stdout).await
    }

    /// Reads no more, and waits for the end.
    pub(crate) async fn close_output(self) -> Done {
        let Self { child, lines } = self;
        drop(lines);
        Self::wait(child, String::new()).await
    }

    async fn wait(child: Child, stdout: String) -> Done {
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends");
        let output = output.expect("it was started");
        let stderr = String::from_utf8(output.stderr).expect("a text");
        Done { code: output.status.code().unwrap_or(-1), stdout, stderr }
    }
}
