//! A value that a schema takes, for somebody to start from.

mod pattern;

use serde_json::{Map, Number, Value, json};

use crate::schema::Schema;

/// How deep an example goes into what may be left out.
const DEPTH: usize = 8;

/// Arguments that fit: those that are required.
pub(crate) fn arguments(params: Schema<'_>) -> Map<String, Value> {
    let members = params.properties().filter(|(name, _)| params.requires(name));
    let mut arguments: Map<String, Value> = members.map(|(name, schema)| (name.clone(), of(schema))).collect();
    // Arguments that depend on each other: those of the first alternative.
    for alternative in ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|keyword| params.list(keyword).next()) {
        if let Value::Object(more) = of(alternative) {
            arguments.extend(more);
        }
    }
    arguments
}

/// A value that the schema takes, as far as can be told from it.
pub(crate) fn of(schema: Schema<'_>) -> Value {
    within(schema, DEPTH)
}

fn within(schema: Schema<'_>, depth: usize) -> Value {
    let given =
        schema.list_values("examples").next().or_else(|| schema.get("default").filter(|value| !value.is_null()));
    if let Some(value) = given {
        return value.clone();
    }
    if let Some(value) = schema.choices().and_then(|choices| choices.into_iter().find(|value| !value.is_null())) {
        return value.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let mut all = schema.list(keyword);
        if let Some(alternative) = all.find(|alternative| alternative.text("type") != Some("null")) {
            return merged(schema, within(alternative, depth - 1), depth);
        }
    }
    match kind(schema) {
        "string" => Value::String(string(schema)),
        "integer" => number(schema, true),
        "number" => number(schema, false),
        "boolean" => Value::Bool(true),
        "array" => array(schema, depth),
        "object" => object(schema, depth),
        "null" => Value::Null,
        _ => json!("anything"),
    }
}

/// An alternative, with the members that all alternatives have.
fn merged(schema: Schema<'_>, value: Value, depth: usize) -> Value {
    match (value, object(schema, depth)) {
        (Value::Object(mut members), Value::Object(common)) => {
            members.extend(common);
            Value::Object(members)
        }
        (value, _) => value,
    }
}

fn kind(schema: Schema<'_>) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ => "",
    }
}

fn string(schema: Schema<'_>) -> String {
    if let Some(text) = schema.text("pattern").and_then(pattern::matching) {
        return text;
    }
    let text = match schema.text("format").unwrap_or_default() {
        "email" | "idn-email" => "ada@example.org",
        "uri" | "iri" | "uri-reference" | "iri-reference" => "https://example.org/",
        "date-time" => "2030-01-31T12:00:00Z",
        "date" => "2030-01-31",
        "time" => "12:00:00Z",
        "duration" => "PT1H",
        "uuid" => "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "hostname" | "idn-hostname" => "example.org",
        "json-pointer" => "/a",
        "regex" => "a+",
        _ => "text",
    };
    let bound = |keyword, default| schema.get(keyword).and_then(Value::as_u64).unwrap_or(default);
    let (least, most) = (bound("minLength", 0) as usize, bound("maxLength", u64::MAX) as usize);
    let filled = text.chars().chain(std::iter::repeat('x')).take(least.max(text.chars().count()).min(most));
    filled.collect()
}

/// 1, or the number nearest to it that is allowed.
fn number(schema: Schema<'_>, is_integer: bool) -> Value {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_f64);
    let step = bound("multipleOf").unwrap_or(if is_integer { 1.0 } else { 0.0 });
    let beyond = |bound: f64, sign: f64| bound + sign * if step > 0.0 { step } else { 0.5 };
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|bound| beyond(bound, 1.0)));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|bound| beyond(bound, -1.0)));
    let least = least.unwrap_or(f64::MIN).min(most.unwrap_or(f64::MAX));
    let mut value = if is_integer { 1.0_f64 } else { 1.5 }.max(least).min(most.unwrap_or(f64::MAX));
    if step > 0.0 {
        let down = (value / step).floor() * step;
        value = if down >= least { down } else { (value / step).ceil() * step };
    }
    match is_integer {
        true => json!(value as i64),
        false => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}

fn array(schema: Schema<'_>, depth: usize) -> Value {
    let mut items: Vec<Value> = schema.list("prefixItems").map(|item| within(item, depth - 1)).collect();
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1) as usize;
    if let Some(item) = schema.get("items").filter(|_| items.is_empty()) {
        let most = schema.get("maxItems").and_then(Value::as_u64).map_or(usize::MAX, |most| most as usize);
        // One shows what they are, where the depth allows it.
        let many = if depth == 1 && least < 2 { 0 } else { least.max(1).min(most) };
        items = vec![within(schema.at(item), depth - 1); many];
    }
    Value::Array(items)
}

fn object(schema: Schema<'_>, depth: usize) -> Value {
    let members = schema.properties().filter(|(name, _)| schema.requires(name));
    Value::Object(members.map(|(name, member)| (name.clone(), within(member, depth - 1))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &Value) -> Value {
        let example = of(Schema::new(schema, schema));
        let validator = jsonschema::options().should_validate_formats(true).build(schema).expect("a schema");
        assert!(validator.is_valid(&example), "{example} is no example of {schema}");
        example
    }

    #[test]
    fn examples_fit_their_schemas() {
        let formats = [
            "email",
            "uri",
            "uri-reference",
            "date-time",
            "date",
            "time",
            "duration",
            "uuid",
            "ipv4",
            "ipv6",
            "hostname",
            "json-pointer",
            "regex",
        ];
        for format in formats {
            check(&json!({ "type": "string", "format": format }));
        }
        let cases = [
            json!({ "type": "string", "minLength": 7 }),
            json!({ "type": "string", "maxLength": 2 }),
            json!({ "type": "string", "pattern": "^[A-Z]{3}-\\d+(x|y)?$" }),
            json!({ "type": "string", "pattern": "b" }),
            json!({ "type": ["null", "integer"], "minimum": 18, "maximum": 20 }),
            json!({ "type": "integer", "maximum": -5 }),
            json!({ "type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5 }),
            json!({ "type": "integer", "minimum": 11, "multipleOf": 5 }),
            json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 }),
            json!({ "type": "number", "minimum": 2.5, "maximum": 2.5 }),
            json!({ "enum": [null, "b"] }),
            json!({ "const": 7 }),
            json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 3 }),
            json!({ "type": "array", "items": { "type": "boolean" }, "maxItems": 0 }),
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "null" }], "minItems": 2 }),
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
            json!({ "anyOf": [{ "type": "null" }, { "type": "integer", "minimum": 4 }] }),
            json!({
                "type": "object", "required": ["kind", "at"],
                "properties": { "kind": { "type": "string" }, "at": { "$ref": "#/$defs/At" }, "left": { "type": "null" } },
                "$defs": { "At": { "type": "object", "properties": { "x": { "type": "number" } }, "required": ["x"] } },
            }),
            json!({
                "type": "object", "properties": { "id": { "type": "integer" } }, "required": ["id"],
                "oneOf": [{ "type": "object", "properties": { "a": { "const": "b" } }, "required": ["a"] }],
            }),
            json!({ "default": 5, "type": "integer" }),
            json!({}),
        ];
        for schema in &cases {
            check(schema);
        }
        assert_eq!(check(&json!({ "type": "integer", "examples": [42] })), json!(42));
    }

    #[test]
    fn arguments_that_may_be_left_out_are() {
        let params = json!({ "properties": { "a": { "type": "integer" }, "b": true }, "required": ["a"] });
        assert_eq!(Value::Object(arguments(Schema::new(&params, &params))), json!({ "a": 1 }));
    }
}
