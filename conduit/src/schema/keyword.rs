//! Reading the keywords of a schema, and JSON Schema's idea of types and equality.

use serde_json::{Map, Number, Value};

/// A keyword whose value is an array.
pub(super) fn list<'s>(schema: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A keyword whose value is an object.
pub(super) fn map<'s>(schema: &'s Map<String, Value>, keyword: &str) -> Option<&'s Map<String, Value>> {
    schema.get(keyword).and_then(Value::as_object)
}

/// A keyword whose value is a size.
pub(super) fn limit(schema: &Map<String, Value>, keyword: &str) -> Option<u64> {
    let limit = schema.get(keyword)?;
    limit.as_u64().or_else(|| limit.as_f64().map(|limit| limit as u64))
}

/// The names in a `type` keyword.
pub(super) fn types(keyword: &Value) -> impl Iterator<Item = &str> {
    match keyword {
        Value::Array(names) => names.as_slice(),
        one => std::slice::from_ref(one),
    }
    .iter()
    .filter_map(Value::as_str)
}

/// Whether a value has one of the types of a `type` keyword.
pub(super) fn has_type(keyword: &Value, value: &Value) -> bool {
    types(keyword).any(|name| match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => name == "number" || name == "integer" && is_integer(number),
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    })
}

/// "A JSON number whose value has a zero fractional part is an integer" (JSON Schema 2020-12 Core, 4.2.3).
pub(super) fn is_integer(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// "Both are numbers, and have the same mathematical value" (JSON Schema 2020-12 Core, 4.2.2).
#[expect(clippy::float_cmp, reason = "the same value is what is asked for")]
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        (one, other) => one == other,
    }
}
