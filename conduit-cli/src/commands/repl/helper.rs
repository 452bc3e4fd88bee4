//! Completion, hints and colours at the prompt.

use std::borrow::Cow;

use rustyline::{
    Context, Helper, Validator,
    completion::{Completer, Pair},
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
};

use super::complete::{Completion, Names};
use crate::output::style::{self, paint};

#[derive(Helper, Validator)]
pub(super) struct Prompt {
    pub(super) names: Names,
    pub(super) has_colors: bool,
}

impl Prompt {
    fn paint<'l>(&self, style: anstyle::Style, text: &'l str) -> Cow<'l, str> {
        match self.has_colors {
            true => paint(style, text).into(),
            false => text.into(),
        }
    }
}

impl Completer for Prompt {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Completion { start, texts } = self.names.complete(&line[..pos]);
        let pair = |text: String| Pair { display: text.trim_end().to_owned(), replacement: text };
        Ok((start, texts.into_iter().map(pair).collect()))
    }
}

impl Hinter for Prompt {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        if pos < line.len() { None } else { self.names.hint(line) }
    }
}

impl Highlighter for Prompt {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let (first, rest) = line.split_at(end);
        match self.names.has_method(first) || first.starts_with(':') {
            true => format!("{}{rest}", self.paint(style::NAME, first)).into(),
            false => line.into(),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        self.paint(style::HEADING, prompt)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.paint(style::FAINT, hint)
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}
