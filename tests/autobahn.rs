//! The Autobahn test suite of WebSocket against a raw route and against the raw client: every case that is not about
//! compression.
//!
//! `autobahn/install` installs the suite. It needs CPython 2.7; where there is none, these tests say that they are
//! skipped.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use conduit::raw;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::support::{builder, start};

/// What all cases may take together; they take 15 seconds on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(240);

/// The cases that there are without those of compression.
const CASES: usize = 301;

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_route_passes_every_case() {
    let Some(suite) = Suite::new("server") else { return };
    let server = start(builder([]).open().raw("/echo", |conn, message| async move {
        conn.send(message);
    }))
    .await;
    let url = format!("ws://{}/echo", server.address());
    let mut command = suite.command("fuzzingclient", &json!({ "servers": [{ "agent": "conduit", "url": url }] }));
    let mut client = command.spawn().expect("the suite starts");
    let ended = tokio::time::timeout(PATIENCE, client.wait()).await.expect("the suite ends in time");
    assert!(ended.expect("the suite runs").success(), "{}", suite.log());
    suite.expect_a_pass();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_raw_client_passes_every_case() {
    let Some(suite) = Suite::new("client") else { return };
    let address = free_address();
    let mut command = suite.command("fuzzingserver", &json!({ "url": format!("ws://{address}") }));
    let mut server = command.stdout(Stdio::piped()).spawn().expect("the suite starts");
    let mut told = BufReader::new(server.stdout.take().expect("a pipe")).lines();
    // It says so right before it listens.
    while !told.next_line().await.expect("lines").expect("the suite runs").starts_with("Ok, will run") {}
    let rest = tokio::spawn(async move { while let Ok(Some(_)) = told.next_line().await {} });
    let run = tokio::time::timeout(PATIENCE, run_cases(address));
    tokio::select! {
        run = run => run.expect("the cases end in time").expect("the suite is there"),
        ended = server.wait() => panic!("the suite ended with {ended:?}: {}", suite.log()),
    }
    server.kill().await.expect("the suite is ended");
    rest.await.expect("no panic");
    suite.expect_a_pass();
}

async fn run_cases(suite: SocketAddr) -> conduit::Result<()> {
    let count = case_count(suite).await;
    for case in 1..=count {
        let mut client = raw::connect(format!("ws://{suite}/runCase?case={case}&agent=conduit")).await?;
        echo(&mut client).await;
    }
    raw::connect(format!("ws://{suite}/updateReports?agent=conduit")).await?.recv().await.map(drop)
}

/// Asks for the number of cases, until the suite listens.
async fn case_count(suite: SocketAddr) -> u32 {
    loop {
        if let Ok(mut client) = raw::connect(format!("ws://{suite}/getCaseCount")).await {
            let count = client.recv().await.expect("no error").expect("a message");
            return count.as_text().and_then(|count| count.parse().ok()).expect("a number");
        }
        tokio::task::yield_now().await;
    }
}

/// Sends back what comes, to the end of the connection, of which the suite keeps the account.
async fn echo(client: &mut raw::Client) {
    while let Ok(Some(message)) = client.recv().await {
        if client.send(message).await.is_err() {
            break;
        }
    }
    client.close(1000, "").await;
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

/// The suite, with a directory for what it is told and what it reports.
struct Suite {
    directory: PathBuf,
}

impl Suite {
    /// The suite, unless there is no CPython 2.7 to run it.
    fn new(name: &str) -> Option<Self> {
        if folder().join("skipped").exists() {
            println!("skipped: no CPython 2.7, which the Autobahn test suite is run by");
            return None;
        }
        assert!(program().exists(), "{} is not there: run ./test, which installs it", program().display());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("autobahn-{name}"));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory");
        Some(Self { directory })
    }

    fn command(&self, mode: &str, what: &Value) -> Command {
        let mut spec = json!({
            "outdir": self.directory.join("report"),
            "cases": ["*"],
            "exclude-cases": ["12.*", "13.*"],
            "exclude-agent-cases": {},
        });
        spec.as_object_mut().expect("an object").extend(what.as_object().expect("an object").clone());
        std::fs::write(self.directory.join("spec.json"), spec.to_string()).expect("the directory can be written to");
        let log = std::fs::File::create(self.directory.join("log")).expect("the directory can be written to");
        let mut command = Command::new(program());
        command.args(["--mode", mode, "--spec", "spec.json", "--webport", "0"]).current_dir(&self.directory);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        // Its lines are read as it says them.
        command.env("PYTHONUNBUFFERED", "1").kill_on_drop(true);
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn expect_a_pass(&self) {
        let text = std::fs::read_to_string(self.directory.join("report/index.json")).expect("a report");
        let report: BTreeMap<String, BTreeMap<String, Case>> = serde_json::from_str(&text).expect("a report");
        let cases = &report["conduit"];
        let failed: Vec<_> = cases.iter().filter(|(_, case)| !case.has_passed()).collect();
        assert!(failed.is_empty(), "{} of {} cases failed: {failed:#?}", failed.len(), cases.len());
        assert_eq!(cases.len(), CASES);
    }
}

/// What the suite says of a case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    behavior: String,
    behavior_close: String,
}

impl Case {
    /// Not strict is what finds a text not to be UTF-8 a little later than it could.
    fn has_passed(&self) -> bool {
        ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&self.behavior.as_str())
            && ["OK", "INFORMATIONAL"].contains(&self.behavior_close.as_str())
    }
}

fn program() -> PathBuf {
    folder().join(".venv/bin/wstest")
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/autobahn"))
}
