//! `conduit repl`, in a terminal and from a pipe.

use std::path::PathBuf;

use conduit::{RunningServer, methods, rpc};
use serde_json::json;

use crate::support::{
    builder, heard_by, pipe, serve, start,
    terminal::{CTRL_C, CTRL_D, ENTER, TAB, Terminal, UP},
};

/// A directory for the history of one test, until it is dropped.
struct History(PathBuf);

impl History {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("conduit-repl-{test}-{}", std::process::id())))
    }

    fn file(&self) -> String {
        self.0.join("deep").join("history").display().to_string()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A shell that is ready for a line.
fn shell(server: &RunningServer, history: &History) -> Terminal {
    let terminal = Terminal::start(&["repl", &server.address().to_string(), "--history", &history.file()]);
    ready(&terminal, 1);
    terminal
}

/// Waits for the prompt of a line, which is the last on the screen and empty. Keys before it would be lost.
#[track_caller]
fn ready(terminal: &Terminal, line: usize) {
    let prompt = |line: &&str| line.starts_with("127.0.0.1:") && line.contains('>');
    terminal.waits(&format!("prompt {line}"), |screen| {
        screen.lines().filter(prompt).count() >= line && last_lines(screen, 1)[0].ends_with('>')
    });
}

/// Leaves the shell at the prompt of a line.
#[track_caller]
fn leave(mut terminal: Terminal, line: usize) {
    ready(&terminal, line);
    terminal.types(CTRL_D);
    assert_eq!(terminal.end().0, 0);
}

/// The lines of the screen that are not empty, without spaces at their ends.
fn last_lines(screen: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_arguments_and_values_are_completed() {
    let (server, history) = (serve().await, History::new("completed"));
    let mut terminal = shell(&server, &history);
    terminal.types(&format!("us{TAB}"));
    terminal.sees("> user.create ");
    terminal.types(TAB);
    terminal.waits("list of arguments", |screen| {
        ["username=", "email=", "age=", "active=", "role=", "address="].iter().all(|name| screen.contains(name))
    });
    terminal.types(&format!("usern{TAB}"));
    terminal.sees("> user.create username=");
    terminal.types(&format!("ada em{TAB}a@b.de ag{TAB}7 ro{TAB}ad{TAB}"));
    terminal.sees("> user.create username=ada email=a@b.de age=7 role=admin");
    terminal.types(ENTER);
    let screen = terminal.sees("\"role\": \"admin\"");
    assert!(screen.contains("\"username\": \"ada\"") && screen.contains("\"age\": 7"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_still_takes_is_hinted_at() {
    let (server, history) = (serve().await, History::new("hinted"));
    let mut terminal = shell(&server, &history);
    terminal.types("add");
    terminal.sees("> add a=<integer> b=<integer>");
    assert!(terminal.is_styled("a=<integer>"));
    terminal.types(" a=2 ");
    terminal.waits("shorter hint", |screen| last_lines(screen, 1)[0].ends_with("> add a=2 b=<integer>"));
    terminal.types(&format!("b=3{ENTER}"));
    terminal.waits("answer", |screen| last_lines(screen, 2)[0] == "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_and_the_shell_goes_on() {
    let (server, history) = (serve().await, History::new("mistakes"));
    let mut terminal = shell(&server, &history);
    terminal.types(&format!("add a=2 b=three{ENTER}"));
    let screen = terminal.sees("help: `:describe add` shows what it takes");
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    ready(&terminal, 2);
    let error = lines.iter().position(|line| *line == "error: invalid params for `add`").expect("the error");
    assert_eq!(lines[error + 2], " | add a=2 b=three");
    assert_eq!(lines[error + 3], " |           ^^^^^ expected an integer, got \"three\"");
    terminal.types(&format!("ad a=1{ENTER}"));
    terminal.sees("did you mean `add`?");
    ready(&terminal, 3);
    terminal.types(&format!("nothing.like.it{ENTER}"));
    terminal.sees("help: `:list` lists what there is");
    ready(&terminal, 4);
    terminal.types(&format!("exit{ENTER}"));
    terminal.sees("help: did you mean `:quit`?");
    ready(&terminal, 5);
    terminal.types(&format!(":lst{ENTER}"));
    terminal.sees("help: did you mean `:list`?");
    ready(&terminal, 6);
    terminal.types(&format!("user.create username=taken email=a@b.de age=7{ENTER}"));
    terminal.sees("error: the name `taken` is taken (code 409)");
    ready(&terminal, 7);
    terminal.types(&format!("ping{ENTER}"));
    terminal.sees("\"pong\"");
    leave(terminal, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_show_what_there_is() {
    let (server, history) = (serve().await, History::new("commands"));
    let mut terminal = shell(&server, &history);
    terminal.types(&format!(":help{ENTER}"));
    terminal.sees(":describe NAME");
    ready(&terminal, 2);
    terminal.types(&format!(":list{ENTER}"));
    terminal.sees("Add two numbers.");
    ready(&terminal, 3);
    terminal.types(&format!(":describe add{ENTER}"));
    let screen = terminal.sees("\"method\":\"add\"");
    assert!(screen.contains("Example\n  add a=1 b=1\n"), "{screen}");
    ready(&terminal, 4);
    terminal.types(&format!(":send chat text='hello there'{ENTER}"));
    terminal.waits("ack", |screen| last_lines(screen, 2)[0] == "1");
    ready(&terminal, 5);
    terminal.types(&format!(":quit{ENTER}"));
    assert_eq!(terminal.end().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_appear_above_the_line_that_is_typed() {
    let (server, history) = (serve().await, History::new("events"));
    let mut terminal = shell(&server, &history);
    heard_by(&server, 1).await;
    terminal.types(&format!(":listen chat{ENTER}"));
    terminal.sees("note: listening to chat");
    ready(&terminal, 2);
    terminal.types("add a=2");
    terminal.sees("> add a=2");
    server.server().broadcast("other", &1).send();
    server.server().broadcast("chat", &json!({ "text": "hello" })).send();
    let screen = terminal.waits("event above the line", |screen| {
        let lines = last_lines(screen, 2);
        lines[0].ends_with(r#"chat {"text": "hello"}"#) && lines[1].contains("> add a=2")
    });
    assert!(!screen.contains("other"), "{screen}");
    terminal.types(&format!(" b=3{ENTER}"));
    terminal.waits("answer", |screen| last_lines(screen, 2)[0] == "5");
    ready(&terminal, 3);
    terminal.types(&format!(":ignore{ENTER}"));
    terminal.sees("note: listening to no event");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_takes_a_call_back_and_clears_a_line() {
    let (server, history) = (serve().await, History::new("taken-back"));
    let mut terminal = shell(&server, &history);
    terminal.types(&format!("hang{ENTER}"));
    // The call is on its way when the server runs it.
    let connection = server.server().connections().pop().expect("the shell's");
    while connection.counters().messages_in < 2 {
        tokio::task::yield_now().await;
    }
    terminal.types(CTRL_C);
    terminal.sees("error: interrupted");
    ready(&terminal, 2);
    terminal.types(&format!("nonsense{CTRL_C}"));
    ready(&terminal, 3);
    terminal.types(&format!("ping{ENTER}"));
    terminal.sees("\"pong\"");
    leave(terminal, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_outlives_the_shell_and_holds_no_token() {
    let (server, history) = (serve().await, History::new("history"));
    let mut terminal = shell(&server, &history);
    for (number, line) in ["add a=20 b=3", "rpc.login token=hunter2", " echo value=secret"].iter().enumerate() {
        terminal.types(&format!("{line}{ENTER}"));
        ready(&terminal, number + 2);
    }
    leave(terminal, 4);
    let kept = std::fs::read_to_string(history.file()).expect("a history");
    assert!(kept.contains("add a=20 b=3") && !kept.contains("hunter2") && !kept.contains("secret"), "{kept}");

    let mut terminal = shell(&server, &history);
    terminal.types(UP);
    terminal.sees("> add a=20 b=3");
    terminal.types(ENTER);
    terminal.waits("answer", |screen| last_lines(screen, 2)[0] == "23");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_outlives_its_server_and_knows_the_next() {
    let (server, history) = (start(builder().open()).await, History::new("outlives"));
    let port = server.port();
    let mut terminal = shell(&server, &history);
    heard_by(&server, 1).await;
    terminal.types("pi");
    terminal.sees("> pi");
    server.stop().await.expect("stopped");
    terminal.sees("warning: the connection ended with code 1001");
    terminal.types(&format!("ng{ENTER}"));
    terminal.sees("error: ");
    let next = start(builder().port(port).methods(methods![extra]).open()).await;
    terminal.sees("note: connected again");
    heard_by(&next, 1).await;
    terminal.types(&format!(":list{ENTER}"));
    terminal.sees("Only the next server has it.");
    // What it has is asked for once.
    let connection = next.server().connections().pop().expect("the shell's");
    assert_eq!(connection.counters().messages_in, 1);
}

/// Only the next server has it.
#[rpc]
async fn extra() {}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_anew() {
    let (server, history) = (start(builder().open()).await, History::new("anew"));
    let mut terminal = shell(&server, &history);
    heard_by(&server, 1).await;
    for client in server.server().connections() {
        client.disconnect(4100, "come back");
    }
    terminal.sees("warning: the connection ended with code 4100: come back; the next line connects again");
    ready(&terminal, 1);
    terminal.types(&format!("ping{ENTER}"));
    let screen = terminal.sees("\"pong\"");
    assert!(screen.contains("note: connected again") && !screen.contains("connecting again"), "{screen}");
    leave(terminal, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_come_back_is_told_why() {
    let (server, history) = (start(builder().password("secret")).await, History::new("refused"));
    let (port, address) = (server.port(), server.address().to_string());
    let arguments = ["repl", &address, "--history", &history.file(), "--token", "secret"];
    let terminal = Terminal::start(&arguments);
    ready(&terminal, 1);
    server.stop().await.expect("stopped");
    let _next = start(builder().port(port).password("another")).await;
    terminal.sees("and the client can't come back");
    let screen = terminal.sees("; the next line connects again");
    assert!(screen.contains("the token is wrong"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_asked_for_is_asked_for_again_when_it_is_refused() {
    let (server, history) = (start(builder().password("secret")).await, History::new("asked-again"));
    let (port, address) = (server.port(), server.address().to_string());
    let mut terminal = Terminal::start(&["repl", &address, "--history", &history.file()]);
    terminal.sees("token for");
    terminal.types(&format!("secret{ENTER}"));
    ready(&terminal, 1);
    server.stop().await.expect("stopped");
    let _next = start(builder().port(port).password("another")).await;
    terminal.sees("; the next line connects again");
    ready(&terminal, 1);
    terminal.types(&format!("ping{ENTER}"));
    terminal.waits("second question", |screen| screen.matches("token for").count() == 2);
    terminal.types(&format!("another{ENTER}"));
    terminal.sees("\"pong\"");
    leave(terminal, 2);
}

#[tokio::test]
async fn lines_from_a_pipe_run_up_to_the_first_that_fails() {
    let server = serve().await;
    let url = server.address().to_string();
    let done = pipe(&["repl", &url], "# sums\nadd a=1 b=2\n\nadd {\"a\": 3, \"b\": 4}\n:send chat text=x\n").await;
    assert_eq!(done.ok(), "3\n7\n1\n");
    let done = pipe(&["repl", "--json", &url], "add a=1 b=2\nadd a=x b=2\nadd a=5 b=5\n").await;
    assert_eq!((done.code, done.stdout.as_str()), (5, "3\n"));
    assert!(done.stderr.contains("\"path\":\"/a\""), "{done:?}");
    let done = pipe(&["repl", &url], "leave\nping\n").await;
    assert!(done.failed(7).contains("come back tomorrow"), "{done:?}");
    let done = pipe(&["repl", &url], "ping\n:quit\nping\n").await;
    assert_eq!(done.ok(), "\"pong\"\n");
}

#[tokio::test]
async fn who_wants_to_hear_what_the_server_does_not_declare_is_told() {
    let server = serve().await;
    let url = server.address().to_string();
    let done = pipe(&["repl", &url], ":listen progres\n:listen progress\n").await;
    let told = "warning: the server does not say that it sends `progres`; did you mean `progress`?\n\
                note: listening to progres\nnote: listening to progres, progress\n";
    assert_eq!((done.code, done.stderr.as_str()), (0, told));
}
