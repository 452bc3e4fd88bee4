//! Clients that no one here wrote, in three languages, drive the `users` example.
//!
//! Each runs as a program of its own (`interop/*.mjs`, `interop/*.py`), prints the facts that it has shown and
//! fails with the first that does not hold. `interop/install` fetches the libraries.

mod jsonrpsee_client;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use crate::examples::Users;

const TOKEN: &str = "secret";

/// What one client may take for everything that it does.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn npm_rpc_websockets() {
    node("rpc-websockets.mjs").await;
}

#[tokio::test]
async fn npm_vscode_ws_jsonrpc() {
    node("vscode-ws-jsonrpc.mjs").await;
}

#[tokio::test]
async fn npm_json_rpc_2_0() {
    node("json-rpc-2.0.mjs").await;
}

#[tokio::test]
async fn npm_open_rpc_client_js() {
    node("open-rpc-client.mjs").await;
}

#[tokio::test]
async fn npm_open_rpc_schema_utils_and_ajv() {
    node("openrpc.mjs").await;
}

#[tokio::test]
async fn npm_ws_with_the_habits_of_many() {
    node("habits.mjs").await;
}

#[tokio::test]
async fn pypi_jsonrpc_websocket() {
    python("jsonrpc_websocket_client.py").await;
}

#[tokio::test]
async fn pypi_pjrpc() {
    python("pjrpc_client.py").await;
}

async fn node(script: &str) {
    installed("node_modules");
    run(&mut Command::new("node"), script).await;
}

async fn python(script: &str) {
    run(Command::new(installed(".venv").join("bin/python")).arg("-B"), script).await;
}

/// A folder that `interop/install` makes.
fn installed(name: &str) -> PathBuf {
    let folder = folder().join(name);
    assert!(folder.exists(), "{} is not there: run ./test, which installs it", folder.display());
    folder
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/interop"))
}

/// Runs a script against a fresh server, to its end.
async fn run(command: &mut Command, script: &str) {
    let directory = directory(script);
    let users = Users::serve(&directory.database(), TOKEN).await;
    let output =
        command.args([script, &users.url, TOKEN]).current_dir(folder()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, output.output()).await;
    let output = output.expect("the client ends in time").expect("the client starts");
    let [printed, complaint] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{script}, after these facts:\n{printed}\n{complaint}");
    assert!(!printed.is_empty(), "{script} showed nothing");
    print!("{printed}");
}

/// A directory for the database of one test, which goes with it.
struct Directory(PathBuf);

fn directory(test: &str) -> Directory {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a directory");
    Directory(path)
}

impl Directory {
    fn database(&self) -> String {
        self.0.join("users.db").display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
