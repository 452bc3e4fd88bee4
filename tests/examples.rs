//! The examples run, and do what the README says.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::support::PATIENCE;

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

/// The `users` example as a server, until it is dropped.
pub struct Users {
    pub url: String,
    _child: Child,
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
        Self { url, _child: child }
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

#[tokio::test]
async fn users_runs_alone() {
    let output = output(Command::new(example("users")).env_remove("CONDUIT_TOKEN")).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("gone:    1"));
}
