//! Reading the keywords of a schema, and JSON Schema's idea of types and equality.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// A keyword whose value is an array.
pub(crate) fn list<'s>(schema: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A keyword whose value is an object.
pub(crate) fn map<'s>(schema: &'s Map<String, Value>, keyword: &str) -> Option<&'s Map<String, Value>> {
    schema.get(keyword).and_then(Value::as_object)
}

/// A keyword whose value is a size.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the meta-schema wants it whole and not negative"
)]
pub(crate) fn limit(schema: &Map<String, Value>, keyword: &str) -> Option<u64> {
    let limit = schema.get(keyword)?;
    limit.as_u64().or_else(|| limit.as_f64().map(|limit| limit as u64))
}

/// The names in a `type` keyword.
pub(crate) fn types(keyword: &Value) -> impl Iterator<Item = &str> {
    match keyword {
        Value::Array(names) => names.as_slice(),
        one => std::slice::from_ref(one),
    }
    .iter()
    .filter_map(Value::as_str)
}

/// Whether a value has one of the types of a `type` keyword.
pub(crate) fn has_type(keyword: &Value, value: &Value) -> bool {
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
pub(crate) fn is_integer(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// The integer that a float is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    Negative(i64),
    Positive(u64),
}

/// An `f64` without a fraction, if it is in the range of `i64` or `u64`.
///
/// Integers beyond 64 bits are read as floats. Those below `i64` come as its least value at best, so that value
/// as a float may be none of its own and is not taken.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is looked at before")]
pub(crate) fn integer(float: f64) -> Option<Integer> {
    const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;
    if float.fract() != 0.0 || float <= -TWO_POW_63 || float >= 2.0 * TWO_POW_63 {
        return None;
    }
    Some(if float < 0.0 { Integer::Negative(float as i64) } else { Integer::Positive(float as u64) })
}

/// "Both are numbers, and have the same mathematical value" (JSON Schema 2020-12 Core, 4.2.2).
pub(crate) fn equal(one: &Value, other: &Value) -> bool {
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

/// Which of two numbers is the greater, exactly: an integer is not rounded to be compared with a float.
pub(crate) fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (Some(one), None) => Some(compare_mixed(one, other.as_f64()?)),
        (None, Some(other)) => Some(compare_mixed(other, one.as_f64()?).reverse()),
        (None, None) => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// A float beyond `i128` is cast to its nearest end, which no integer of 64 bits comes near.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    let below = if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less };
    integer.cmp(&(float.floor() as i128)).then(below)
}
