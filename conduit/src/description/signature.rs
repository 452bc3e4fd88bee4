//! JSON Schemas in a few characters: `string[3..30]`, `0..=150`, `User[]`.

use std::fmt::Write;

use serde_json::{Map, Number, Value};

use super::argument::ArgumentDescription;

/// Longer lists of values than this are cut.
const VALUES: usize = 8;

/// The type of a result; `None` for one that is always null, or not described.
pub(super) fn result(schema: &Value) -> Option<String> {
    match schema {
        Value::Null => None,
        schema if schema["type"] == "null" => None,
        schema => Some(type_text(schema)),
    }
}

/// A schema as a type.
pub(super) fn type_text(schema: &Value) -> String {
    match schema {
        Value::Bool(false) => "never".into(),
        Value::Object(schema) => object_text(schema),
        _ => "any".into(),
    }
}

fn object_text(schema: &Map<String, Value>) -> String {
    if let Some(Value::String(reference)) = schema.get("$ref") {
        return reference.rsplit('/').next().unwrap_or(reference).into();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return values_text(values);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(schemas)) = schema.get(keyword) {
            return alternatives_text(schema, schemas);
        }
    }
    if let Some(Value::Array(schemas)) = schema.get("allOf")
        && let [only] = &schemas[..]
    {
        return type_text(only);
    }
    match schema.get("type") {
        Some(Value::Array(names)) => union(names.iter().map(|name| named_text(schema, name)).collect()),
        Some(name) => named_text(schema, name),
        None if schema.contains_key("properties") => struct_text(schema),
        None => "any".into(),
    }
}

/// The text of a schema for one of the values of its `type`.
fn named_text(schema: &Map<String, Value>, name: &Value) -> String {
    match name.as_str().unwrap_or_default() {
        "string" => {
            let name = schema.get("format").and_then(Value::as_str).unwrap_or("string");
            format!("{name}{}", length(schema, "minLength", "maxLength"))
        }
        "integer" => range(schema).unwrap_or_else(|| "integer".into()),
        "number" => range(schema).unwrap_or_else(|| "number".into()),
        "array" => array_text(schema),
        "object" => struct_text(schema),
        name => name.into(),
    }
}

/// `"a" | "b"`.
fn values_text(values: &[Value]) -> String {
    let mut texts: Vec<_> = values.iter().take(VALUES).map(Value::to_string).collect();
    if values.len() > VALUES {
        texts.push("..".into());
    }
    union(texts)
}

fn alternatives_text(schema: &Map<String, Value>, schemas: &[Value]) -> String {
    let texts: Vec<_> = schemas.iter().map(type_text).collect();
    // An enum with data is told better by its name than by its variants.
    let is_enum = texts.iter().any(|text| text.starts_with('{')) && !texts.iter().any(|text| text == "null");
    match schema.get("title") {
        Some(Value::String(title)) if is_enum => title.clone(),
        _ => union(texts),
    }
}

/// The alternatives `A | B`; null becomes a mark, `A?`.
fn union(mut texts: Vec<String>) -> String {
    let count = texts.len();
    texts.retain(|text| text != "null");
    match (texts.len() < count, texts.len()) {
        (true, 0) => "null".into(),
        (true, _) => format!("{}?", grouped(texts.join(" | "))),
        (false, _) => texts.join(" | "),
    }
}

/// In parentheses when a suffix would belong to the last alternative only.
fn grouped(text: String) -> String {
    if text.contains(" | ") && !text.starts_with('{') { format!("({text})") } else { text }
}

fn array_text(schema: &Map<String, Value>) -> String {
    if let Some(Value::Array(items)) = schema.get("prefixItems") {
        return format!("[{}]", items.iter().map(type_text).collect::<Vec<_>>().join(", "));
    }
    let item = schema.get("items").map_or_else(|| "any".into(), type_text);
    match length(schema, "minItems", "maxItems") {
        length if length.is_empty() => format!("{}[]", grouped(item)),
        length => format!("{}{length}", grouped(item)),
    }
}

/// A struct by its name or its fields, a map by its values.
fn struct_text(schema: &Map<String, Value>) -> String {
    if schema.contains_key("properties") {
        if let Some(Value::String(title)) = schema.get("title") {
            return title.clone();
        }
        let fields: Vec<_> = ArgumentDescription::all(&Value::Null, schema).map(|field| field.to_string()).collect();
        return if fields.is_empty() { "object".into() } else { format!("{{ {} }}", fields.join(", ")) };
    }
    match schema.get("additionalProperties") {
        Some(values @ Value::Object(_)) => format!("map<{}>", type_text(values)),
        Some(Value::Bool(true)) => "map".into(),
        _ => "object".into(),
    }
}

/// `[3..30]`, `[3..]`, `[..30]`, `[3]`, or nothing. Both ends count.
fn length(schema: &Map<String, Value>, min: &str, max: &str) -> String {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    match (bound(min).filter(|&min| min > 0), bound(max)) {
        (None, None) => String::new(),
        (Some(min), Some(max)) if min == max => format!("[{min}]"),
        (min, max) => {
            let text = |bound: Option<u64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
            format!("[{}..{}]", text(min), text(max))
        }
    }
}

/// The range of a number; `None` for one that only its machine type has.
fn range(schema: &Map<String, Value>) -> Option<String> {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_number);
    let (above, below) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
    let (mut min, mut max) = limits(schema);
    if is_machine_range(schema) {
        (min, max) = (None, None);
    }
    min.or(max).or(above).or(below)?;
    let mut text = String::new();
    match (min, above) {
        (_, Some(above)) => write!(text, ">{above}").ok()?,
        (Some(min), None) => write!(text, "{min}").ok()?,
        (None, None) => {}
    }
    text.push_str("..");
    match (max, below) {
        (_, Some(below)) => write!(text, "{below}").ok()?,
        (Some(max), None) => write!(text, "={max}").ok()?,
        (None, None) => {}
    }
    Some(text)
}

/// The least and the greatest number, without the far ends of 32 and 64 bits: beside a bound that somebody chose they
/// say nothing.
pub(super) fn limits(schema: &Map<String, Value>) -> (Option<&Number>, Option<&Number>) {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_number);
    let min = bound("minimum").filter(|min| min.as_i128().is_none_or(|min| min > i32::MIN.into()));
    let max = bound("maximum").filter(|max| max.as_i128().is_none_or(|max| max < i32::MAX.into()));
    (min, max)
}

fn is_machine_range(schema: &Map<String, Value>) -> bool {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_number).and_then(Number::as_i128);
    MACHINE.contains(&(bound("minimum"), bound("maximum")))
}

/// The ranges of Rust's integers.
const MACHINE: [(Option<i128>, Option<i128>); 8] = [
    (Some(i8::MIN as i128), Some(i8::MAX as i128)),
    (Some(i16::MIN as i128), Some(i16::MAX as i128)),
    (Some(i32::MIN as i128), Some(i32::MAX as i128)),
    (Some(i64::MIN as i128), Some(i64::MAX as i128)),
    (Some(0), Some(u8::MAX as i128)),
    (Some(0), Some(u16::MAX as i128)),
    (Some(0), Some(u32::MAX as i128)),
    (Some(0), Some(u64::MAX as i128)),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(cases: impl IntoIterator<Item = (Value, &'static str)>) {
        for (schema, text) in cases {
            assert_eq!(type_text(&schema), text, "{schema}");
        }
    }

    #[test]
    fn strings_show_format_and_length() {
        check([
            (json!({"type": "string"}), "string"),
            (json!({"type": "string", "minLength": 3, "maxLength": 30}), "string[3..30]"),
            (json!({"type": "string", "minLength": 3}), "string[3..]"),
            (json!({"type": "string", "maxLength": 30}), "string[..30]"),
            (json!({"type": "string", "minLength": 2, "maxLength": 2}), "string[2]"),
            (json!({"type": "string", "format": "email"}), "email"),
            (json!({"type": ["string", "null"], "format": "uuid"}), "uuid?"),
        ]);
    }

    #[test]
    fn numbers_show_the_bounds_that_somebody_set() {
        let u8 = |min: u8, max: u8| json!({"type": "integer", "minimum": min, "maximum": max});
        check([
            (json!({"type": "integer", "format": "int64"}), "integer"),
            (json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}), "integer"),
            (json!({"type": "integer", "minimum": 1, "maximum": u64::MAX}), "1.."),
            (json!({"type": "integer", "minimum": 0}), "0.."),
            (u8(0, 255), "integer"),
            (u8(0, 150), "0..=150"),
            (u8(1, 255), "1..=255"),
            (json!({"type": "integer", "format": "int64", "minimum": 1}), "1.."),
            (json!({"type": "integer", "maximum": 9}), "..=9"),
            (json!({"type": "number", "format": "double"}), "number"),
            (json!({"type": "number", "exclusiveMinimum": 0.0, "maximum": 1.5}), ">0.0..=1.5"),
            (json!({"type": "number", "minimum": 0.5, "exclusiveMaximum": 1.0}), "0.5..1.0"),
        ]);
    }

    #[test]
    fn arrays_maps_and_structs() {
        let user = json!({"$ref": "#/$defs/User"});
        check([
            (json!({"type": "array", "items": user}), "User[]"),
            (json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}), "string[1..3]"),
            (json!({"type": "array", "items": {"enum": ["a", "b"]}}), "(\"a\" | \"b\")[]"),
            (json!({"type": "array", "prefixItems": [{"type": "string"}, user]}), "[string, User]"),
            (json!({"type": "array"}), "any[]"),
            (json!({"type": "object", "additionalProperties": user}), "map<User>"),
            (json!({"type": "object", "additionalProperties": true}), "map"),
            (json!({"type": "object", "title": "User", "properties": {"a": true}}), "User"),
            (
                json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": true}, "required": ["a"]}),
                "{ a: integer, b?: any }",
            ),
            (json!({"type": "object"}), "object"),
            (json!(true), "any"),
            (json!({}), "any"),
            (json!(false), "never"),
        ]);
    }

    #[test]
    fn choices_and_what_may_be_null() {
        let user = json!({"$ref": "#/$defs/User"});
        check([
            (json!({"type": "string", "enum": ["a", "b"]}), "\"a\" | \"b\""),
            (json!({"enum": ["a", "b", null]}), "(\"a\" | \"b\")?"),
            (json!({"oneOf": [{"const": "a"}, {"const": "b"}]}), "\"a\" | \"b\""),
            (json!({"anyOf": [user, {"type": "null"}], "title": "Nullable_User"}), "User?"),
            (json!({"anyOf": [{"type": "string"}, {"type": "boolean"}]}), "string | boolean"),
            (json!({"oneOf": [{"type": "object", "properties": {"A": true}}, {"const": "B"}], "title": "E"}), "E"),
            (json!({"allOf": [user], "description": "x"}), "User"),
        ]);
        let many: Vec<u8> = (0..20).collect();
        check([(json!({"enum": many}), "0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | ..")]);
    }

    #[test]
    fn arguments_keep_their_order_and_show_what_may_be_left_out() {
        let params = json!({
            "properties": {
                "username": {"type": "string", "minLength": 3, "maxLength": 30},
                "email": {"type": "string", "format": "email"},
                "age": {"type": "integer", "format": "uint8", "minimum": 0, "maximum": 150},
                "active": {"type": "boolean", "default": true},
                "nickname": {"type": ["string", "null"]},
                "note": {"type": ["string", "null"], "default": null},
                "parent": {"anyOf": [{"$ref": "#/$defs/User"}, {"type": "null"}]},
            },
            "required": ["username", "email", "age", "parent"],
        });
        let arguments = ArgumentDescription::all(&params, params.as_object().unwrap());
        let texts: Vec<_> = arguments.map(|argument| argument.to_string()).collect();
        let wanted = "username: string[3..30], email: email, age: 0..=150, active = true, nickname?: string, \
                      note?: string, parent: User?";
        assert_eq!(texts.join(", "), wanted);
    }

    #[test]
    fn a_result_of_null_is_not_shown() {
        assert_eq!(result(&json!({"type": "null"})), None);
        assert_eq!(result(&Value::Null), None);
        assert_eq!(
            result(&json!({"type": "integer", "format": "int64", "title": "int64"})).as_deref(),
            Some("integer")
        );
    }
}
