//! The token, from somebody at a terminal.

use std::borrow::Cow;

use rustyline::{
    Behavior, ColorMode, Completer, Config, Editor, Helper, Hinter, Validator,
    error::ReadlineError,
    highlight::{CmdKind, Highlighter},
};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
};

/// Asks for a token; what is typed is not shown. Standard output stays free of it.
pub(crate) async fn ask(server: &str) -> Result<String> {
    let prompt = format!("token for {server}: ");
    let asked = tokio::task::spawn_blocking(move || read(&prompt)).await;
    match asked.unwrap_or_else(|error| Err(ReadlineError::Io(error.into()))) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(ReadlineError::Interrupted | ReadlineError::Eof) => Err(Failure::silent(Exit::Interrupted)),
        Err(error) => Err(Failure::new(Exit::Login, format!("the token can't be read: {error}"))
            .help("give it with --token or CONDUIT_TOKEN")),
    }
}

fn read(prompt: &str) -> rustyline::Result<String> {
    // Hiding is done by the highlighter, which colours are another name for.
    let config = Config::builder().behavior(Behavior::PreferTerm).color_mode(ColorMode::Forced).build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Hidden));
    editor.readline(prompt)
}

#[derive(Completer, Helper, Hinter, Validator)]
struct Hidden;

impl Highlighter for Hidden {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned("*".repeat(line.chars().count()))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}
