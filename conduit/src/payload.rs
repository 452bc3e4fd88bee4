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
pub(crate) fn event_text<T: Serialize + ?Sized>(event: &str, payload: &T) -> Result<Bytes> {
    let failed = |error| {
        Error::new(ErrorKind::Encode, format!("the payload of `{event}` can't be written as JSON: {error}"))
            .with_source(error)
    };
    let raw = to_raw_value(payload).map_err(failed)?;
    let text = match raw.get().as_bytes().first() {
        Some(b'{' | b'[') => request_text(event, Some(&*raw), None),
        Some(b'n') => request_text::<RawValue>(event, None, None),
        _ => request_text(event, Some(&[&*raw]), None),
    };
    // Without the spare room of the buffer that it was written to: it may wait in many queues for long.
    text.map(|text| Bytes::from(text.into_boxed_str().into_boxed_bytes())).map_err(failed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn payloads_of_every_kind_are_params() {
        let text = |payload| String::from_utf8(event_text("tick", &payload).unwrap().to_vec()).unwrap();
        assert_eq!(text(json!({"n": 1})), r#"{"jsonrpc":"2.0","method":"tick","params":{"n":1}}"#);
        assert_eq!(text(json!([1, 2])), r#"{"jsonrpc":"2.0","method":"tick","params":[1,2]}"#);
        assert_eq!(text(json!("a")), r#"{"jsonrpc":"2.0","method":"tick","params":["a"]}"#);
        assert_eq!(text(json!(null)), r#"{"jsonrpc":"2.0","method":"tick"}"#);
    }
}
