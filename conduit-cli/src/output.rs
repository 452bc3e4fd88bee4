//! What goes to standard output: data, and nothing else.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

use crate::{
    failure::{self, Result},
    pretty,
};

/// How results are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One line of JSON a result, for scripts.
    pub(crate) json: bool,
}

impl Output {
    /// JSON as it came: on a line of its own for scripts, else with line breaks and colours.
    pub(crate) fn raw(self, json: &RawValue) -> Result {
        match self.json {
            true => line(&pretty::compact(json.get())),
            false => line(&pretty::colored(json.get())),
        }
    }

    pub(crate) fn json<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.raw(&to_raw_value(value).expect("what was JSON is JSON"))
    }
}

/// What is said beside data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    /// Worth knowing, and no failure.
    Warning,
    /// What happens meanwhile.
    Note,
}

impl Output {
    /// Says on standard error what is worth knowing and no failure.
    pub(crate) fn warn(self, message: impl AsRef<str>) {
        self.say(Level::Warning, message.as_ref());
    }

    /// Says on standard error what happens meanwhile.
    pub(crate) fn inform(self, message: impl AsRef<str>) {
        self.say(Level::Note, message.as_ref());
    }

    pub(crate) fn say(self, level: Level, message: &str) {
        anstream::eprintln!("{}", self.said(level, message));
    }

    /// A message for scripts, or as compilers say it.
    pub(crate) fn said(self, level: Level, message: &str) -> String {
        match (self.json, level) {
            (true, Level::Warning) => json!({ "warning": message }).to_string(),
            (true, Level::Note) => json!({ "note": message }).to_string(),
            (false, Level::Warning) => failure::warning(message),
            (false, Level::Note) => failure::note(message),
        }
    }
}

/// Writes a line. Colours are taken out where they are not wanted.
pub(crate) fn line(text: &str) -> Result {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// Writes lines.
pub(crate) fn text(text: &str) -> Result {
    line(text.trim_end())
}

/// A peer's text, which must not steer the terminal.
pub(crate) fn safe(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

/// The columns that error messages may have.
pub(crate) fn width() -> usize {
    let wide = terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
    // Lines of files that nobody wraps.
    wide.unwrap_or(140)
}

/// Whether somebody is there to be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Sets whether there are colours, where the terminal is not to decide.
pub(crate) fn set_colors(choice: anstream::ColorChoice) {
    choice.write_global();
}

/// Whether standard output has colours.
pub(crate) fn has_colors() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Styles of what is shown.
pub(crate) mod style {
    use anstyle::{AnsiColor, Style};

    pub(crate) const NAME: Style = AnsiColor::Cyan.on_default().bold();
    pub(crate) const HEADING: Style = Style::new().bold();
    pub(crate) const FAINT: Style = Style::new().dimmed();
    pub(crate) const KEY: Style = AnsiColor::Blue.on_default();
    pub(crate) const TEXT: Style = AnsiColor::Green.on_default();
    pub(crate) const NUMBER: Style = AnsiColor::Yellow.on_default();
    pub(crate) const WORD: Style = AnsiColor::Magenta.on_default();

    /// A text in a style.
    pub(crate) fn paint(style: Style, text: &str) -> String {
        format!("{style}{text}{style:#}")
    }
}
