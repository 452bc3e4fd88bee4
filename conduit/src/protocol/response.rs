//! The Response object.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ErrorObject, Id, scan};

/// An answer, borrowed from the text it came in.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    /// The id of the request that it answers; null when the peer could not read it.
    pub id: Id,
    /// The result's text, or the error.
    pub outcome: Result<&'a RawValue, ErrorObject>,
}

/// The text of a response that carries `result`.
///
/// # Errors
/// When `result` can't be written as JSON (a map with keys that are no strings, say).
pub fn result_text<T: Serialize + ?Sized>(id: &Id, result: &T) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(result)?;
    if text.len() <= SHORT {
        // Cheaper than to have serde write the members as well.
        text.insert_str(0, BEFORE_RESULT);
    } else {
        // The buffer of a long one was doubled as it grew: now it is as long as it must be.
        let mut whole = with_room_for(text.len());
        whole.push_str(&text);
        text = whole;
    }
    push_end(&mut text, id);
    Ok(text)
}

/// The text of a response that carries a string: what [`result_text`] writes, of a long string in a third of the time.
pub(crate) fn string_result_text(id: &Id, result: &str) -> String {
    let mut text = with_room_for(result.len());
    push_string(&mut text, result);
    push_end(&mut text, id);
    text
}

const BEFORE_RESULT: &str = r#"{"jsonrpc":"2.0","result":"#;

/// The beginning of a response, with room for so many bytes and an id.
fn with_room_for(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + SHORT);
    text.push_str(BEFORE_RESULT);
    text
}

fn push_end(text: &mut String, id: &Id) {
    text.push_str(r#","id":"#);
    match id.as_u64() {
        Some(number) => text.push_str(itoa::Buffer::new().format(number)),
        None => push(text, id),
    }
    text.push('}');
}

/// Writes a JSON string, with the escapes that serde_json writes.
fn push_string(text: &mut String, mut rest: &str) {
    text.push('"');
    loop {
        let (plain, special) = rest.split_at(scan::plain(rest.as_bytes()));
        text.push_str(plain);
        let Some(&byte) = special.as_bytes().first() else { break };
        push_escape(text, byte);
        rest = &special[1..];
    }
    text.push('"');
}

fn push_escape(text: &mut String, byte: u8) {
    match byte {
        b'"' => text.push_str("\\\""),
        b'\\' => text.push_str("\\\\"),
        b'\n' => text.push_str("\\n"),
        b'\r' => text.push_str("\\r"),
        b'\t' => text.push_str("\\t"),
        0x08 => text.push_str("\\b"),
        0x0c => text.push_str("\\f"),
        control => push(text, format_args!("\\u{control:04x}")),
    }
}

fn push(text: &mut String, what: impl fmt::Display) {
    write!(text, "{what}").expect("a string takes everything");
}

/// The text of a response that carries `error`.
#[must_use]
pub fn error_text(id: &Id, error: &ErrorObject) -> String {
    #[derive(Serialize)]
    struct Envelope<'a> {
        jsonrpc: &'static str,
        error: &'a ErrorObject,
        id: &'a Id,
    }
    serde_json::to_string(&Envelope { jsonrpc: "2.0", error, id })
        .expect("an error object is strings, numbers and JSON that was written before")
}

/// The text of a batch of responses.
///
/// `None` for no response at all: "the server MUST NOT return an empty Array and should return nothing at
/// all." (JSON-RPC 2.0, 6)
#[must_use]
pub fn batch_text(responses: impl IntoIterator<Item = String>) -> Option<String> {
    let mut text = BatchText::default();
    responses.into_iter().for_each(|response| text.push(&response));
    text.finish()
}

/// What most answers take.
const SHORT: usize = 64;

/// A batch of messages while it is written.
#[derive(Debug, Default)]
pub(crate) struct BatchText(String);

impl BatchText {
    /// A batch of about so many messages.
    pub(crate) fn with_room_for(messages: usize) -> Self {
        Self(String::with_capacity(messages.saturating_mul(SHORT).min(SHORT * 100)))
    }

    pub(crate) fn push(&mut self, message: &str) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(message);
    }

    /// The text, if it holds a message.
    pub(crate) fn finish(self) -> Option<String> {
        let mut text = self.0;
        if text.is_empty() {
            return None;
        }
        text.push(']');
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_is_written_as_serde_writes_it(result in "(\\PC|[\\x00-\\x7f]){0,200}") {
            for id in [Id::from(7), Id::from("a\"b"), Id::NULL] {
                prop_assert_eq!(string_result_text(&id, &result), result_text(&id, &result).unwrap());
            }
        }
    }
}
