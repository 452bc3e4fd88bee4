//! What the documentation shows is what happens.

use std::collections::BTreeSet;

use tokio::process::Command;

use crate::support::{PATIENCE, Running, program};

/// A command of the documentation, and what it shows beneath.
struct Shown {
    command: String,
    output: String,
}

/// The commands in blocks of `console`.
fn shown(text: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines() {
            match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push(Shown { command: command.to_owned(), output: String::new() }),
                (None, Some(last)) => last.output += &format!("{line}\n"),
                (None, None) => panic!("{line:?} comes before any command"),
            }
        }
    }
    all
}

/// Runs what is shown, in a shell, with the program first on the path and the port of the demonstration.
async fn check(name: &str, text: &str) -> BTreeSet<String> {
    let (_demo, url) = crate::serve::demo(&["--token", "secret", "--tick", "10ms"]).await;
    let port = url.rsplit(':').next().expect("a port").to_owned();
    let mut seen = BTreeSet::new();
    for Shown { command, output } in shown(text) {
        let after = command.split("conduit ").nth(1).unwrap_or_default();
        seen.insert(after.split_whitespace().next().unwrap_or_default().to_owned());
        if command.starts_with("conduit serve") || command.starts_with("cargo ") {
            continue;
        }
        let printed = in_shell(&command.replace("8080", &port)).await.replace(&port, "8080");
        assert!(alike(&output, &printed), "{name}: {command}\nshown:\n{output}\nprinted:\n{printed}");
    }
    seen
}

async fn in_shell(command: &str) -> String {
    let program = program(&[]).as_std().get_program().to_owned();
    let bin = std::path::Path::new(&program).parent().expect("a directory");
    let path = std::env::join_paths(
        [bin.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{{ {command}\n}} 2>&1")]).env("PATH", path.expect("a path")).kill_on_drop(true);
    shell.env("CONDUIT_TOKEN", "secret").stdin(std::process::Stdio::null());
    let output = tokio::time::timeout(PATIENCE, shell.output()).await.expect("it ends").expect("it starts");
    String::from_utf8(output.stdout).expect("a text")
}

/// Whether what is printed is what is shown, in which `...` stands for any text.
fn alike(shown: &str, printed: &str) -> bool {
    let parts: Vec<&str> = shown.split("...").collect();
    let Some(mut rest) = printed.strip_prefix(parts[0]) else { return false };
    for part in &parts[1..] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || shown.trim_end().ends_with("...")
}

#[tokio::test]
async fn the_readme_shows_what_is_printed() {
    let seen = check("conduit-cli/README.md", include_str!("../README.md")).await;
    for command in
        ["list", "describe", "call", "listen", "send", "repl", "bench", "openrpc", "generate", "serve", "completions"]
    {
        assert!(seen.contains(command), "the README does not show `conduit {command}`");
    }
    check("README.md", include_str!("../../README.md")).await;
}

#[tokio::test]
async fn the_exit_codes_are_those_of_the_help() {
    let help = Running::start(&["--help"]).end().await;
    let readme = include_str!("../README.md");
    for line in help.stdout.lines().skip_while(|line| *line != "Exit codes:").skip(1) {
        let (code, meaning) = line.trim().split_once("  ").expect("a code and what it means");
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "`{code}`, `{meaning}` is not in the README");
    }
}
