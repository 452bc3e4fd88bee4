//! Where in a JSON text a pointer points.

use std::ops::Range;

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{ObjectPropName, Value},
    common::Ranged,
    parse_to_ast,
};

/// The place of the value that `pointer` points at (RFC 6901), or of the last on its way that there is.
///
/// `None` when the text is no JSON.
pub(crate) fn locate(text: &str, pointer: &str) -> Option<Range<usize>> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let whole = parsed.value?;
    let mut value = &whole;
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        match child(value, &segment) {
            Some(child) => value = child,
            None => break,
        }
    }
    Some(value.start()..value.end())
}

fn child<'a, 'b>(value: &'b Value<'a>, segment: &str) -> Option<&'b Value<'a>> {
    match value {
        Value::Object(object) => {
            let is_named = |name: &ObjectPropName| name.as_str() == segment;
            object.properties.iter().find(|property| is_named(&property.name)).map(|property| &property.value)
        }
        Value::Array(array) => array.elements.get(segment.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_else_what_should_hold_them() {
        let text = r#"{"a": [1, {"b/c": "x", "ü": null}], "d": true}"#;
        let at = |pointer: &str| &text[locate(text, pointer).expect("JSON")];
        assert_eq!(at(""), text);
        assert_eq!(at("/d"), "true");
        assert_eq!(at("/a/0"), "1");
        assert_eq!(at("/a/1/b~1c"), "\"x\"");
        assert_eq!(at("/a/1/ü"), "null");
        assert_eq!(at("/a/7"), r#"[1, {"b/c": "x", "ü": null}]"#);
        assert_eq!(at("/e/f"), text);
        assert_eq!(locate("{", ""), None);
    }
}
