//! One value as it is typed.

use std::ops::Range;

use serde_json::value::{RawValue, to_raw_value};

use crate::schema::{Kinds, Schema};

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

/// An argument as it is typed: all of it, or an item of a list.
pub(super) enum Read {
    Value(Box<RawValue>),
    Item(Box<RawValue>),
}

/// A typed value where `schema` says what is wanted. Where that is a list, what is none is an item of it.
pub(super) fn read(typed: &str, is_text: bool, schema: Option<Schema<'_>>) -> Read {
    let wanted = schema.map_or(Kinds::ANY, Schema::kinds);
    let of_text = |wanted| if is_text { text(typed) } else { of_text(typed, wanted).into_json() };
    if !wanted.takes(Kinds::ARRAY) || wanted.takes_text() {
        return Read::Value(of_text(wanted));
    }
    match parse(typed) {
        Ok(json) if !is_text && wanted.takes(Kinds::of_json(&json)) => Read::Value(json),
        _ => Read::Item(of_text(schema.and_then(Schema::items).map_or(Kinds::ANY, Schema::kinds))),
    }
}

/// A typed value where values of these kinds are wanted: JSON if it is some that is taken, else a text where one is.
///
/// What is neither goes as a string, so that it is refused with words that say what was wanted.
pub(super) fn of_text(typed: &str, wanted: Kinds) -> Value {
    let is_taken = |json: &RawValue| match Kinds::of_json(json) {
        _ if wanted.takes_all() || !wanted.takes_text() => true,
        // Where there may be a text or nothing, a word is a text.
        Kinds::STRING | Kinds::NULL => false,
        kind => wanted.takes(kind),
    };
    match parse(typed) {
        Ok(json) if is_taken(&json) => Value::Json(json),
        _ => Value::Text(text(typed)),
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
