//! The keywords of numbers and strings, compiled.

use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::{
    plan::ANNOTATIONS,
    rules::{Number, Rules, Text},
};
use crate::schema::{
    keyword::{limit, types},
    leaf,
};

/// `enum` and `const` of strings and null.
pub(crate) fn choices(schema: &Map<String, Value>) -> Option<Rules> {
    let given = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(options)), None) => options.as_slice(),
        (None, Some(only)) => std::slice::from_ref(only),
        _ => return None,
    };
    let known = |keyword: &String| {
        ["enum", "const", "type"].contains(&keyword.as_str()) || ANNOTATIONS.contains(&keyword.as_str())
    };
    let takes = |kind: &str| schema.get("type").is_none_or(|keyword| types(keyword).any(|name| name == kind));
    if !schema.keys().all(known) {
        return None;
    }
    let mut rules = Rules::default();
    let mut options = Vec::new();
    for option in given {
        match option {
            Value::Null => rules.null = takes("null"),
            Value::String(option) if takes("string") => options.push(option.as_str().into()),
            Value::String(_) => {}
            _ => return None,
        }
    }
    if !options.is_empty() {
        rules.string = Some(Text { min: 0, max: usize::MAX, options: Some(options), email: false, exact: None });
    }
    Some(rules)
}

pub(crate) fn number(schema: &Map<String, Value>, integer: bool) -> Option<Number> {
    let keywords = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
    let limited = keywords.iter().any(|keyword| schema.contains_key(*keyword));
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_number).map(floor);
    // Of a limit between two integers, the floor is below all that it takes.
    let low = [
        limit("minimum").map(|(floor, whole)| floor.saturating_add(i128::from(!whole))),
        limit("exclusiveMinimum").map(|(floor, _)| floor.saturating_add(1)),
    ];
    let high = [
        limit("maximum").map(|(floor, _)| floor),
        limit("exclusiveMaximum").map(|(floor, whole)| floor.saturating_sub(i128::from(whole))),
    ];
    let low = low.into_iter().flatten().max().unwrap_or(i128::MIN);
    let high = high.into_iter().flatten().min().unwrap_or(i128::MAX);
    Some(Number {
        integer,
        low,
        high,
        inside: (nearest(low), nearest(high)),
        range_is_all: !schema.contains_key("multipleOf"),
        exact: if limited { Some(part(schema, &keywords)?) } else { None },
    })
}

/// What is less than the float nearest to an integer is less than the integer, and likewise with greater.
#[expect(clippy::cast_precision_loss, reason = "rounding moves the limit over no other float")]
fn nearest(limit: i128) -> f64 {
    limit as f64
}

/// The greatest integer that is no greater, and whether it is the same. Beyond `i128`, the nearest.
#[expect(clippy::cast_possible_truncation, reason = "limits that far out are never met by a number of 64 bits")]
fn floor(limit: &serde_json::Number) -> (i128, bool) {
    match (limit.as_i128(), limit.as_f64()) {
        (None, Some(float)) => (float.floor() as i128, float.fract() == 0.0),
        (limit, _) => (limit.unwrap_or_default(), true),
    }
}

pub(crate) fn text(schema: &Map<String, Value>) -> Option<Text> {
    let exact = ["format", "pattern"].iter().any(|keyword| schema.contains_key(*keyword));
    Some(Text {
        min: size(schema, "minLength", 0),
        max: size(schema, "maxLength", usize::MAX),
        options: None,
        email: schema.get("format").is_some_and(|format| format == "email") && !schema.contains_key("pattern"),
        exact: if exact { Some(part(schema, &["format", "pattern"])?) } else { None },
    })
}

/// A validator of some keywords of a schema.
fn part(schema: &Map<String, Value>, keywords: &[&str]) -> Option<Arc<Validator>> {
    let chosen = schema.iter().filter(|(keyword, _)| keywords.contains(&keyword.as_str()));
    let chosen: Map<String, Value> = chosen.map(|(keyword, value)| (keyword.clone(), value.clone())).collect();
    leaf::validator(&Value::Object(chosen)).ok().map(Arc::new)
}

pub(crate) fn size(schema: &Map<String, Value>, keyword: &str, without: usize) -> usize {
    limit(schema, keyword).map_or(without, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
