//! What can be wrong with a document.

use std::fmt;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pointer: Option<String>,
    message: String,
}

impl Error {
    /// Of the document as a whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { pointer: None, message: message.into() }
    }

    /// Of the part that `pointer` leads to.
    pub(crate) fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), message: message.into() }
    }

    /// The JSON pointer to the part that is wrong; `None` when it is the document as a whole.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointer {
            Some(pointer) => write!(f, "at `{pointer}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}
