//! What a schema asks for, in words.

use serde_json::{Number, Value};

use crate::schema::Schema;

/// Longer lists of values than this are cut.
const CHOICES: usize = 12;

/// How deep a schema is told; what lies deeper is told by its name alone.
const DEPTH: usize = 3;

/// A schema in a line: `text of 3 to 30 characters`, `integer from 0 to 150`, `"a" or "b"`.
pub(crate) fn of(schema: Schema<'_>) -> String {
    within(schema, DEPTH)
}

fn within(schema: Schema<'_>, depth: usize) -> String {
    if let Some(choices) = schema.choices() {
        let is_optional = schema.kinds().takes(crate::schema::Kinds::NULL);
        return either(listed(&choices), is_optional);
    }
    for keyword in ["anyOf", "oneOf"] {
        let all: Vec<_> = schema.list(keyword).collect();
        if !all.is_empty() {
            return alternatives(&all, depth);
        }
    }
    if let Some(only) = schema.list("allOf").next() {
        return within(only, depth);
    }
    match schema.get("type") {
        Some(Value::Array(names)) => {
            let others = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            let texts: Vec<_> = others.map(|name| named(schema, name, depth)).collect();
            either(joined(&texts), names.iter().any(|name| name == "null"))
        }
        Some(Value::String(name)) => named(schema, name, depth),
        _ if schema.properties().next().is_some() => object(schema, depth),
        _ => "anything".into(),
    }
}

fn named(schema: Schema<'_>, name: &str, depth: usize) -> String {
    match name {
        "string" => string(schema),
        "integer" | "number" => number(schema, name),
        "array" => array(schema, depth),
        "object" => object(schema, depth),
        name => name.to_owned(),
    }
}

fn string(schema: Schema<'_>) -> String {
    let mut text = schema.text("format").unwrap_or("string").to_owned();
    if let Some(length) = length(schema, "minLength", "maxLength", "character") {
        text = format!("{text} of {length}");
    }
    if let Some(pattern) = schema.text("pattern") {
        text = format!("{text}, matching {pattern}");
    }
    text
}

fn number(schema: Schema<'_>, name: &str) -> String {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_number);
    let least = bound("minimum").map(|least| format!("from {least}"));
    let above = bound("exclusiveMinimum").map(|above| format!("above {above}"));
    let to = if least.is_some() { "to" } else { "up to" };
    let most = bound("maximum").map(|most| format!("{to} {most}"));
    let below = bound("exclusiveMaximum").map(|below| format!("below {below}"));
    let is_plain = is_machine(bound("minimum"), bound("maximum"));
    let multiple = bound("multipleOf").map(|of| format!("a multiple of {of}"));
    let range: Vec<String> = [above.or(least), below.or(most)].into_iter().flatten().filter(|_| !is_plain).collect();
    let parts = [range.join(" "), multiple.unwrap_or_default()];
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    match parts.is_empty() {
        true => name.to_owned(),
        false => format!("{name} {}", parts.join(", ")),
    }
}

/// Whether the bounds are only those of one of Rust's integers.
fn is_machine(least: Option<&Number>, most: Option<&Number>) -> bool {
    let value = |bound: Option<&Number>| bound.and_then(Number::as_i128);
    let is_power = |bound: i128| (bound as u128).is_power_of_two();
    match (value(least), value(most)) {
        (Some(0), None) => false,
        (Some(0), Some(most)) => [8, 16, 32, 64].contains(&(most + 1).ilog2()) && is_power(most + 1),
        (Some(least), Some(most)) => least < 0 && -(most + 1) == least && is_power(most + 1) && most >= 127,
        _ => false,
    }
}

fn array(schema: Schema<'_>, depth: usize) -> String {
    let item = match schema.get("items") {
        Some(items) if depth > 0 => within(schema.at(items), depth - 1),
        _ => "anything".into(),
    };
    let many = length(schema, "minItems", "maxItems", "item").map(|many| format!(" of {many}")).unwrap_or_default();
    let unique = if schema.get("uniqueItems") == Some(&Value::Bool(true)) { ", each once" } else { "" };
    let tuple: Vec<_> = schema.list("prefixItems").map(|item| within(item, depth.saturating_sub(1))).collect();
    match tuple.is_empty() {
        true => format!("array{many}, each {item}{unique}"),
        false => format!("array: {}", tuple.join("; ")),
    }
}

fn object(schema: Schema<'_>, depth: usize) -> String {
    let members: Vec<String> = schema
        .properties()
        .map(|(name, member)| {
            let mark = if schema.requires(name) { "" } else { "?" };
            match depth {
                0 => format!("{name}{mark}"),
                _ => format!("{name}{mark}: {}", within(member, depth - 1)),
            }
        })
        .collect();
    match (members.is_empty(), schema.get("additionalProperties")) {
        (false, _) => format!("object {{ {} }}", members.join("; ")),
        (true, Some(values @ Value::Object(_))) if depth > 0 => {
            format!("object, each value {}", within(schema.at(values), depth - 1))
        }
        _ => "object".into(),
    }
}

fn alternatives(all: &[Schema<'_>], depth: usize) -> String {
    let is_null = |schema: &&Schema<'_>| schema.text("type") == Some("null");
    let texts: Vec<_> =
        all.iter().filter(|schema| !is_null(schema)).map(|schema| within(*schema, depth.saturating_sub(1))).collect();
    either(joined(&texts), all.iter().any(|schema| is_null(&schema)))
}

fn either(text: String, is_optional: bool) -> String {
    if is_optional { format!("{text} or null") } else { text }
}

fn listed(choices: &[&Value]) -> String {
    let mut texts: Vec<_> = choices.iter().take(CHOICES).map(ToString::to_string).collect();
    if choices.len() > CHOICES {
        texts.push(format!("{} more", choices.len() - CHOICES));
    }
    joined(&texts)
}

/// `a, b or c`
fn joined(texts: &[String]) -> String {
    match texts {
        [] => "null".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

fn length(schema: Schema<'_>, least: &str, most: &str, noun: &str) -> Option<String> {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    match (bound(least).filter(|&least| least > 0), bound(most)) {
        (None, None) => None,
        (Some(least), Some(most)) if least == most => Some(count(most, noun)),
        (Some(least), Some(most)) => Some(format!("{least} to {}", count(most, noun))),
        (Some(least), None) => Some(format!("at least {}", count(least, noun))),
        (None, Some(most)) => Some(format!("at most {}", count(most, noun))),
    }
}

fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constraints_read_as_sentences() {
        let cases = [
            (json!({ "type": "string", "minLength": 3, "maxLength": 30 }), "string of 3 to 30 characters"),
            (json!({ "type": "string", "minLength": 1, "format": "email" }), "email of at least 1 character"),
            (json!({ "type": "string", "pattern": "^a+$" }), "string, matching ^a+$"),
            (json!({ "type": ["string", "null"] }), "string or null"),
            (json!({ "type": "integer", "format": "int64" }), "integer"),
            (json!({ "type": "integer", "minimum": 0, "maximum": 255 }), "integer"),
            (json!({ "type": "integer", "minimum": -128, "maximum": 127 }), "integer"),
            (json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }), "integer"),
            (json!({ "type": "integer", "minimum": 0, "maximum": 150 }), "integer from 0 to 150"),
            (json!({ "type": "integer", "minimum": 0 }), "integer from 0"),
            (json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1.5 }), "number above 0 up to 1.5"),
            (json!({ "type": "integer", "multipleOf": 5 }), "integer a multiple of 5"),
            (json!({ "enum": ["a", "b", 3] }), "\"a\", \"b\" or 3"),
            (json!({ "anyOf": [{ "enum": ["a"] }, { "type": "null" }] }), "\"a\" or null"),
            (
                json!({ "type": "array", "items": { "type": "integer" }, "minItems": 2 }),
                "array of at least 2 items, each integer",
            ),
            (json!({ "type": "object", "additionalProperties": { "type": "boolean" } }), "object, each value boolean"),
            (
                json!({ "type": "object", "properties": { "a": { "type": "null" }, "b": {} }, "required": ["a"] }),
                "object { a: null; b?: anything }",
            ),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "type": "object" }, { "type": "null" }] }),
                "integer or object or null",
            ),
            (json!(true), "anything"),
        ];
        for (schema, text) in cases {
            assert_eq!(of(Schema::new(&schema, &schema)), text, "{schema}");
        }
    }

    #[test]
    fn a_schema_of_itself_ends() {
        let tree = json!({ "$defs": { "Tree": { "type": "array", "items": { "$ref": "#/$defs/Tree" } } } });
        assert!(of(Schema::new(&tree, &tree["$defs"]["Tree"])).ends_with("each anything"));
    }
}
