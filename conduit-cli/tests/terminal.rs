//! What is different on a terminal: colours, and somebody to ask.

use crate::support::{
    builder, serve, start,
    terminal::{CTRL_C, ENTER, Terminal},
};

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_there_unless_nobody_wants_them() {
    let server = serve().await;
    let url = server.address().to_string();
    for (arguments, environment, is_styled) in [
        (&["list", &url][..], &[][..], true),
        (&["list", &url], &[("NO_COLOR", "1")], false),
        (&["list", &url, "--color", "never"], &[], false),
        (&["list", &url, "--color", "always"], &[("NO_COLOR", "1")], true),
    ] {
        let terminal = Terminal::start_with(arguments, environment);
        assert_eq!(terminal.is_styled("add("), is_styled, "{arguments:?} {environment:?}");
    }
    let terminal = Terminal::start(&["call", &url, "add", "a=x"]);
    assert!(terminal.is_styled("error") && terminal.is_styled("^"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_as_wide_as_the_terminal() {
    let server = serve().await;
    let (code, screen) = Terminal::start(&["list", &server.address().to_string()]).end();
    assert_eq!(code, 0);
    assert!(screen.contains("user.create(username: string[3..30]") && screen.contains("Create a user."), "{screen}");
    let starts: Vec<_> = ["Add two numbers.", "Create a user."]
        .iter()
        .map(|text| screen.lines().find_map(|line| line.find(text)).expect("it is there"))
        .collect();
    assert_eq!(starts[0], starts[1], "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_and_never_shown() {
    let server = start(builder().password("hunter2")).await;
    let url = server.address().to_string();
    let mut terminal = Terminal::start(&["call", &url, "add", "a=1", "b=2"]);
    terminal.sees(&format!("token for ws://{url}: "));
    terminal.types(&format!("wrong-one{ENTER}"));
    terminal.sees("error: ws://");
    let asked = |line: &&str| line.starts_with("token for");
    terminal.waits("second question", |screen| screen.lines().filter(asked).count() == 2);
    terminal.types("hunter2");
    terminal.sees("*******");
    terminal.types(ENTER);
    terminal.waits("answer", |screen| screen.lines().any(|line| line.trim_end() == "3"));
    let written = terminal.written();
    assert!(!written.contains("hunter2") && !written.contains("wrong-one"), "{written}");
    assert_eq!(terminal.end().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_can_call_what_is_public() {
    let server = start(builder().password("secret")).await;
    let url = server.address().to_string();
    for (method, exit, said) in [("ping", 0, "\"pong\""), ("hang", 4, "give the token with --token")] {
        let mut terminal = Terminal::start(&["call", &url, method]);
        terminal.sees("token for");
        terminal.types(ENTER);
        let (code, screen) = terminal.end();
        assert_eq!(code, exit, "{screen}");
        assert!(screen.contains(said), "{screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_for_a_token_that_is_given_or_not_wanted() {
    let server = start(builder().password("secret")).await;
    let url = server.address().to_string();
    let (code, screen) = Terminal::start(&["call", &url, "add", "a=1", "b=2", "--token", "wrong"]).end();
    assert!(code == 4 && !screen.contains("token for"), "{screen}");
    let open = serve().await;
    let (code, screen) = Terminal::start(&["call", &open.address().to_string(), "add", "a=1", "b=2"]).end();
    assert!(code == 0 && !screen.contains("token for"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_at_the_question_ends_the_program() {
    let server = start(builder().password("secret")).await;
    let mut terminal = Terminal::start(&["list", &server.address().to_string()]);
    terminal.sees("token for");
    terminal.types(&format!("se{CTRL_C}"));
    assert_eq!(terminal.end().0, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_shows_how_far_it_is_and_ends_with_ctrl_c() {
    let server = serve().await;
    let mut terminal = Terminal::start(&["bench", &server.address().to_string(), "ping", "--duration", "1h"]);
    terminal.sees("% of the time");
    terminal.waits("speed", |screen| screen.contains("calls/s") && !screen.contains(" 0.0 calls/s"));
    terminal.types(CTRL_C);
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    assert!(screen.contains("throughput") && screen.contains("99% within"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_progress_of_a_measurement_makes_way_for_its_result() {
    let server = serve().await;
    let terminal = Terminal::start(&["bench", &server.address().to_string(), "ping", "--duration", "300ms"]);
    terminal.sees("calls/s, ");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0);
    assert!(screen.contains("99% within") && !screen.contains("% of the time"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_ends_with_ctrl_c() {
    let server = serve().await;
    let mut terminal = Terminal::start(&["listen", &server.address().to_string()]);
    terminal.sees("Ctrl-C ends it");
    server.server().broadcast("news", &serde_json::json!({ "n": 1 })).send();
    terminal.sees("news {\"n\": 1}");
    terminal.types(CTRL_C);
    assert_eq!(terminal.end().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_of_a_measurement_is_shown_while_it_runs() {
    let server = serve().await;
    let mut terminal = Terminal::start(&["bench", &server.address().to_string(), "hang"]);
    terminal.sees("calling once, to see that it can be");
    terminal.types(CTRL_C);
    let (code, screen) = terminal.end();
    assert_eq!(code, 130);
    assert!(screen.contains("error: interrupted before a call was answered"), "{screen}");
}
