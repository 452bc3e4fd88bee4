//! What a caller passes as arguments, as the text of `params`.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, ErrorKind, Result};

/// The text of the arguments; `None` for a call without.
pub(crate) fn encode<P: Serialize + ?Sized>(method: &str, params: &P) -> Result<Option<Box<RawValue>>> {
    let raw = to_raw_value(params).map_err(|error| {
        let message = format!("params of `{method}` can't be written as JSON: {error}");
        Error::new(ErrorKind::Encode, message).with_source(error).unsent()
    })?;
    // "If present, parameters for the rpc call MUST be provided as a Structured value." (JSON-RPC 2.0, 4.2)
    let kind = match raw.get().as_bytes().first() {
        Some(b'{' | b'[') => return Ok(Some(raw)),
        Some(b'n') => return Ok(None),
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    };
    let message = format!(
        "params of `{method}` must be an object or an array, not {kind}: pass `json!({{..}})`, a struct, a tuple such \
         as `(value,)`, or `()` for none"
    );
    Err(Error::new(ErrorKind::Encode, message).unsent())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_arrays_and_nothing_are_params() {
        let text =
            |params: &dyn Fn() -> Result<Option<Box<RawValue>>>| params().unwrap().map(|raw| raw.get().to_owned());
        assert_eq!(text(&|| encode("m", &json!({"a": 1}))).as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(text(&|| encode("m", &(1, "b"))).as_deref(), Some(r#"[1,"b"]"#));
        assert_eq!(text(&|| encode("m", &())), None);
        assert_eq!(text(&|| encode("m", &None::<u8>)), None);
    }

    #[test]
    fn other_values_are_refused_with_what_to_pass() {
        for (params, kind) in [(json!(1), "a number"), (json!("x"), "a string"), (json!(true), "a boolean")] {
            let error = encode("add", &params).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encode);
            let wanted = format!("params of `add` must be an object or an array, not {kind}: pass `json!({{..}})`");
            assert!(error.to_string().starts_with(&wanted), "{error}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let error = encode("add", &std::collections::HashMap::from([((1, 2), 3)])).unwrap_err();
        assert_eq!(error.to_string(), "params of `add` can't be written as JSON: key must be a string");
    }
}
