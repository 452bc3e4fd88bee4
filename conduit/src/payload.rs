//! The payload of an event as params, and an event as the text that travels.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    error::{Error, ErrorKind, Result},
    protocol::request_text,
};

/// The text of an event: a notification whose method is the event's name.
///
/// JSON-RPC params are objects or arrays: a payload of any other kind travels as the only item of an array.
///
/// # Errors
/// A payload that can't be written as JSON.
pub(crate) fn event_text<T: Serialize + ?Sized>(event: &str, payload: &T) -> Result<String> {
    let params = event_params(event, payload)?;
    Ok(request_text(event, params.as_deref(), None).expect("a string and JSON are JSON"))
}

/// The params that stand for a payload; `None` for one that is nothing.
///
/// # Errors
/// A payload that can't be written as JSON.
pub(crate) fn event_params<T: Serialize + ?Sized>(event: &str, payload: &T) -> Result<Option<Box<RawValue>>> {
    let failed = |error| {
        Error::new(ErrorKind::Encode, format!("the payload of `{event}` can't be written as JSON: {error}"))
            .with_source(error)
            .unsent()
    };
    let raw = to_raw_value(payload).map_err(failed)?;
    match raw.get().as_bytes().first() {
        Some(b'{' | b'[') => Ok(Some(raw)),
        Some(b'n') => Ok(None),
        _ => to_raw_value(&[raw]).map(Some).map_err(failed),
    }
}

/// The text of an event, to be shared by the queues of many peers.
///
/// # Errors
/// A payload that can't be written as JSON, and a text of more than `limit` bytes.
pub(crate) fn shared_event_text<T: Serialize + ?Sized>(event: &str, payload: &T, limit: usize) -> Result<Bytes> {
    let text = within(event_text(event, payload)?, event, limit)?;
    // Without the spare room of the buffer that it was written to: it may wait in many queues for long.
    Ok(Bytes::from(text.into_boxed_str().into_boxed_bytes()))
}

/// The text, unless it is larger than a message may be.
pub(crate) fn within(text: String, name: &str, limit: usize) -> Result<String> {
    if text.len() > limit {
        let message =
            format!("`{name}` would be a message of {} bytes, over `max_message_size`, which is {limit}", text.len());
        return Err(Error::new(ErrorKind::Encode, message).unsent());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn payloads_of_every_kind_are_params() {
        let text = |payload| event_text("tick", &payload).unwrap();
        assert_eq!(text(json!({"n": 1})), r#"{"jsonrpc":"2.0","method":"tick","params":{"n":1}}"#);
        assert_eq!(text(json!([1, 2])), r#"{"jsonrpc":"2.0","method":"tick","params":[1,2]}"#);
        assert_eq!(text(json!("a")), r#"{"jsonrpc":"2.0","method":"tick","params":["a"]}"#);
        assert_eq!(text(json!(null)), r#"{"jsonrpc":"2.0","method":"tick"}"#);
    }

    #[test]
    fn an_event_over_the_limit_is_an_error_that_names_it() {
        let error = shared_event_text("tick", &"x".repeat(100), 100).unwrap_err().to_string();
        assert!(
            error.starts_with("`tick` would be a message of 147 bytes, over `max_message_size`, which is 100"),
            "{error}"
        );
    }
}
