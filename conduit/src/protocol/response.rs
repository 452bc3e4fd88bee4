//! The Response object.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ErrorObject, Id};

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
    #[derive(Serialize)]
    struct Envelope<'a, T: ?Sized> {
        jsonrpc: &'static str,
        result: &'a T,
        id: &'a Id,
    }
    serde_json::to_string(&Envelope { jsonrpc: "2.0", result, id })
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
    let mut text = String::new();
    for response in responses {
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&response);
    }
    if text.is_empty() {
        return None;
    }
    text.push(']');
    Some(text)
}
