//! What went wrong, as a person or a script reads it.

use std::io;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use conduit::{ErrorCode, ErrorKind, ErrorObject};
use serde_json::{Value, json};

use crate::{exit::Exit, faults::Faults, output, pretty};

pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why a command failed: how the program ends, and what is said of it on standard error.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    exit: Exit,
    /// Nothing is said without one.
    message: Option<String>,
    /// What to do about it.
    help: Option<String>,
    /// The error of the server, if it answered.
    object: Option<ErrorObject>,
    faults: Option<Faults>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { exit, message: Some(message.into()), help: None, object: None, faults: None }))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// Ends the program without a word.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self(Box::new(Inner { exit, message: None, help: None, object: None, faults: None }))
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Another help, where there is one.
    pub(crate) fn other_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = self.0.help.map(|_| help.into());
        self
    }

    pub(crate) fn faults(mut self, faults: Faults) -> Self {
        self.0.faults = Some(faults);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    #[cfg(test)]
    pub(crate) fn into_faults(self) -> Option<Faults> {
        self.0.faults
    }

    pub(crate) fn object(&self) -> Option<&ErrorObject> {
        self.0.object.as_ref()
    }

    /// Says it on standard error.
    pub(crate) fn report(&self, as_json: bool) {
        if self.0.message.is_some() {
            let text = if as_json { self.json().to_string() } else { self.text() };
            anstream::eprintln!("{text}");
        }
    }

    /// As compilers say it, with colours that the stream takes out where they are not wanted.
    pub(crate) fn text(&self) -> String {
        let Inner { message, help, faults, .. } = &*self.0;
        let mut group = Group::with_title(Level::ERROR.primary_title(message.as_deref().unwrap_or_default()));
        if let Some(faults) = faults {
            group = group.element(snippet(faults));
        }
        let mut lines = vec![Renderer::styled().term_width(output::width()).render(&[group])];
        lines.extend(self.data().map(|data| titled(Level::NOTE, &data)));
        lines.extend(help.as_ref().map(|help| titled(Level::HELP, help)));
        lines.join("\n")
    }

    /// What the server's error says beyond its message, where no faults tell it.
    fn data(&self) -> Option<String> {
        let object = self.0.object.as_ref().filter(|_| self.0.faults.is_none())?;
        Some(format!("the error's data is {}", pretty::compact(object.data()?.get())))
    }

    /// As scripts read it.
    fn json(&self) -> Value {
        let Inner { exit, message, help, object, faults } = &*self.0;
        let mut error = json!({ "kind": exit.name(), "exit": *exit as u8, "message": message });
        if let Some(help) = help {
            error["help"] = json!(help);
        }
        if let Some(object) = object {
            error["code"] = json!(object.code());
            if let Some(data) = object.data() {
                error["data"] = serde_json::from_str(data.get()).unwrap_or_default();
            }
        } else if let Some(faults) = faults {
            error["faults"] = faults.marks.iter().map(|mark| json!(mark.message)).collect();
        }
        json!({ "error": error })
    }
}

fn snippet(faults: &Faults) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let annotations =
        faults.marks.iter().map(|mark| AnnotationKind::Primary.span(mark.place.clone()).label(&mark.message));
    let snippet = Snippet::source(&faults.source).fold(true).annotations(annotations);
    match &faults.origin {
        Some(origin) => snippet.path(origin),
        None => snippet.line_numbering(false),
    }
}

impl From<conduit::Error> for Failure {
    fn from(error: conduit::Error) -> Self {
        let message = match error.object() {
            // A code that everybody has says no more than the message.
            Some(object) if ErrorCode::from_code(object.code()).is_some() => object.message().to_owned(),
            _ => error.to_string(),
        };
        let mut failure = Self::new(Exit::of(&error), output::safe(&message));
        failure.0.object = error.object().cloned();
        if error.kind() == ErrorKind::Timeout {
            return failure.help(WAIT_LONGER);
        }
        failure
    }
}

/// An output that nobody reads any more, as when it goes to `head`, is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Done),
            _ => Self::new(Exit::Failed, format!("the output can't be written: {error}")),
        }
    }
}

/// What to do about an answer that did not come in time.
pub(crate) const WAIT_LONGER: &str = "`--timeout 5m` waits longer";

/// What is worth knowing and no failure, as compilers say it.
pub(crate) fn warning(message: &str) -> String {
    titled(Level::WARNING, message)
}

/// What happens meanwhile, as compilers say it.
pub(crate) fn note(message: &str) -> String {
    titled(Level::NOTE, message)
}

fn titled(level: Level<'_>, message: &str) -> String {
    Renderer::styled().render(&[Group::with_title(level.primary_title(message))])
}
