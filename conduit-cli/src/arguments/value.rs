//! One value as it is typed.

use std::ops::Range;

use serde_json::value::{RawValue, to_raw_value};

use crate::schema::Kinds;

/// What a typed value stands for.
pub(super) enum Value {
    /// It was JSON, and is taken as that.
    Json(Box<RawValue>),
    /// It is a string.
    Text(Box<RawValue>),
}

impl Value {
    pub(super) fn into_json(self) -> Box<RawValue> {
        match self {
            Self::Json(json) | Self::Text(json) => json,
        }
    }
}

/// A typed value where values of these kinds are wanted: a string where one is wanted, else JSON if it is any.
///
/// What is neither goes as a string, so that it is refused with words that say what was wanted.
pub(super) fn of_text(typed: &str, wanted: Kinds) -> Value {
    if wanted.takes_text() && !wanted.takes_all() {
        return Value::Text(text(typed));
    }
    match parse(typed) {
        Ok(json) => Value::Json(json),
        Err(_) => Value::Text(text(typed)),
    }
}

pub(super) fn text(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("a string is JSON")
}

/// JSON as it stands, so that numbers keep all their digits.
pub(super) fn parse(text: &str) -> Result<Box<RawValue>, NoJson> {
    let text = text.trim();
    serde_json::from_str::<Box<RawValue>>(text).map_err(|error| NoJson::new(text, &error))
}

/// Why a text is no JSON.
pub(super) struct NoJson {
    /// In bytes of the text.
    at: usize,
    pub(super) message: String,
}

impl NoJson {
    fn new(text: &str, error: &serde_json::Error) -> Self {
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        let before: usize = lines.map(str::len).sum();
        let at = (before + error.column().saturating_sub(1)).min(text.len());
        // Where it is, the mark beneath shows.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Self { at, message: format!("expected JSON: {message}") }
    }

    /// The place, of a value that stands at `place`.
    pub(super) fn place(&self, place: &Range<usize>, value: &str) -> Range<usize> {
        let mut at = self.at.min(value.len());
        while !value.is_char_boundary(at) {
            at -= 1;
        }
        let end = value[at..].chars().next().map_or(at, |character| at + character.len_utf8());
        place.start + at..place.start + end
    }
}
