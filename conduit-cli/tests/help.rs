//! What `--help` says, and what a wrong command line is answered with.

use serde_json::json;

use crate::support::run;

const COMMANDS: [&str; 11] =
    ["list", "describe", "call", "listen", "send", "repl", "bench", "openrpc", "generate", "serve", "completions"];

#[tokio::test]
async fn the_help_names_every_command_and_every_exit_code() {
    let done = run(&["--help"]).await;
    for command in COMMANDS {
        assert!(done.ok().contains(&format!("\n  {command} ")), "{command} is not in {}", done.stdout);
    }
    assert!(done.stdout.contains("just HOST:PORT, or :PORT on this machine"), "{}", done.stdout);
    assert!(done.stdout.contains("130  interrupted with Ctrl-C"), "{}", done.stdout);
}

#[tokio::test]
async fn each_command_has_a_help_that_fits_a_terminal() {
    for command in COMMANDS {
        let done = run(&[command, "--help"]).await;
        let usage = format!("Usage: conduit {command} ");
        assert!(done.ok().contains(&usage), "{}", done.stdout);
        let wide: Vec<&str> = done.stdout.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(wide.is_empty(), "{wide:#?}");
        let described = done.stdout.lines().next().is_some_and(|line| line.starts_with(char::is_uppercase));
        assert!(described, "{}", done.stdout);
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_told_with_what_was_meant() {
    let cases: [(&[&str], &str); 7] = [
        (&["descrbe"], "'describe'"),
        (&["call", ":1"], "<METHOD>"),
        (&["list"], "<URL>"),
        (&["list", ":1", "--tokn", "x"], "a similar argument exists: '--token'"),
        (&["call", ":1", "add", "--a", "2"], "tip: an argument of the method is written 'a=VALUE'"),
        (&["list", ":1", "--timeout", "soon"], "write 500ms, 30s or 5m"),
        (&["list", ":1", "--header", "x"], "wanted `name: value`"),
    ];
    for (words, expected) in cases {
        let done = run(words).await;
        assert!(done.failed(2).contains(expected), "{done:?}");
    }
}

#[tokio::test]
async fn scripts_learn_of_a_wrong_command_line_as_of_other_errors() {
    let error = run(&["list", "--json"]).await.error();
    assert_eq!((&error["kind"], &error["exit"]), (&json!("usage"), &json!(2)));
    assert_eq!(error["message"], "the following required arguments were not provided: <URL>");
    assert!(run(&["list", "--json", "--help"]).await.ok().contains("Usage: conduit list"));
}

#[tokio::test]
async fn help_is_a_command_too() {
    assert_eq!(run(&["help", "call"]).await.ok(), run(&["call", "--help"]).await.ok());
}

#[tokio::test]
async fn the_version_is_told() {
    assert_eq!(run(&["--version"]).await.ok(), format!("conduit {}\n", env!("CARGO_PKG_VERSION")));
}
