//! What a schema asks for beyond a type, in words.

use serde_json::{Map, Value};

use super::{argument::parts, signature::limits};
use crate::schema::{a_format, limit, list};

/// The constraints of a schema, one text each.
pub(super) fn texts(root: &Value, schema: &Value) -> Vec<String> {
    let parts = parts(root, schema);
    let mut texts = own(&parts);
    // One level is enough for a line, and some types hold themselves.
    let items = parts.iter().find_map(|part| part.get("items")).map(|items| self::parts(root, items));
    texts.extend(own(&items.unwrap_or_default()).into_iter().map(|text| format!("each item: {text}")));
    texts
}

/// What is asked of a value itself.
fn own(parts: &[&Map<String, Value>]) -> Vec<String> {
    let mut texts = Vec::new();
    for part in parts {
        choices(part, &mut texts);
        string(part, &mut texts);
        number(part, &mut texts);
        array(part, &mut texts);
        texts.extend(counted(part, "minProperties", "maxProperties", "entry", "entries"));
    }
    texts
}

fn choices(schema: &Map<String, Value>, texts: &mut Vec<String>) {
    let constants = list(schema, "oneOf").iter().map(|branch| branch.get("const")).collect::<Option<Vec<_>>>();
    let given: Vec<&Value> = match constants {
        Some(constants) if !constants.is_empty() => constants,
        _ => list(schema, "enum").iter().chain(schema.get("const")).collect(),
    };
    let given: Vec<String> = given.into_iter().map(Value::to_string).collect();
    match &given[..] {
        [] => {}
        [only] => texts.push(format!("always {only}")),
        several => texts.push(format!("one of {}", several.join(", "))),
    }
}

fn string(schema: &Map<String, Value>, texts: &mut Vec<String>) {
    texts.extend(counted(schema, "minLength", "maxLength", "character", "characters"));
    if is_text(schema)
        && let Some(Value::String(format)) = schema.get("format")
    {
        texts.push(a_format(format).into_owned());
    }
    if let Some(Value::String(pattern)) = schema.get("pattern") {
        texts.push(format!("matches `{pattern}`"));
    }
}

/// The formats of numbers name machine types, of which the bounds speak.
fn is_text(schema: &Map<String, Value>) -> bool {
    !matches!(schema.get("type"), Some(Value::String(name)) if name == "integer" || name == "number")
        && !matches!(schema.get("type"), Some(Value::Array(names)) if !names.iter().any(|name| name == "string"))
}

fn number(schema: &Map<String, Value>, texts: &mut Vec<String>) {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_number);
    match limits(schema) {
        (Some(min), Some(max)) if min == max => texts.push(format!("always {min}")),
        (Some(min), Some(max)) => texts.push(format!("{min} to {max}")),
        (Some(min), None) => texts.push(format!("at least {min}")),
        (None, Some(max)) => texts.push(format!("at most {max}")),
        (None, None) => {}
    }
    let words = [("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than"), ("multipleOf", "a multiple of")];
    texts.extend(words.into_iter().filter_map(|(keyword, words)| Some(format!("{words} {}", bound(keyword)?))));
}

fn array(schema: &Map<String, Value>, texts: &mut Vec<String>) {
    texts.extend(counted(schema, "minItems", "maxItems", "item", "items"));
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        texts.push("no item twice".into());
    }
}

/// `3 to 30 characters`; nothing where nothing is asked for.
fn counted(schema: &Map<String, Value>, min: &str, max: &str, one: &str, many: &str) -> Option<String> {
    let noun = |count: u64| if count == 1 { one } else { many };
    Some(match (limit(schema, min).filter(|&min| min > 0), limit(schema, max)) {
        (None, None) => return None,
        (Some(min), Some(max)) if min == max => format!("exactly {min} {}", noun(min)),
        (Some(min), Some(max)) => format!("{min} to {max} {}", noun(max)),
        (Some(min), None) => format!("at least {min} {}", noun(min)),
        (None, Some(max)) => format!("at most {max} {}", noun(max)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_that_hold_themselves_have_an_end() {
        let tree = json!({ "$ref": "#/$defs/Tree" });
        let root = json!({ "$defs": { "Tree": { "type": "array", "items": tree, "maxItems": 2 } } });
        assert_eq!(texts(&root, &tree), ["at most 2 items", "each item: at most 2 items"]);
    }

    #[test]
    fn every_constraint_is_told_in_words() {
        let root = json!({ "$defs": { "Name": { "type": "string", "minLength": 1, "pattern": "^[a-z]" } } });
        for (schema, wanted) in [
            (json!({"type": "string", "minLength": 3, "maxLength": 30}), &["3 to 30 characters"][..]),
            (
                json!({"type": "string", "maxLength": 1, "format": "email"}),
                &["at most 1 character", "an email address"],
            ),
            (json!({"type": ["string", "null"], "format": "uuid"}), &["a UUID"]),
            (json!({"$ref": "#/$defs/Name"}), &["at least 1 character", "matches `^[a-z]`"]),
            (
                json!({"anyOf": [{"$ref": "#/$defs/Name"}, {"type": "null"}]}),
                &["at least 1 character", "matches `^[a-z]`"],
            ),
            (json!({"type": "integer", "minimum": 0, "maximum": 255}), &["0 to 255"]),
            (json!({"type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX}), &[]),
            (json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}), &["at least 0"]),
            (
                json!({"type": "number", "format": "double", "exclusiveMinimum": 0, "multipleOf": 0.5}),
                &["more than 0", "a multiple of 0.5"],
            ),
            (json!({"enum": ["a", "b"]}), &[r#"one of "a", "b""#]),
            (json!({"oneOf": [{"const": "a"}, {"const": "b"}]}), &[r#"one of "a", "b""#]),
            (json!({"const": 1}), &["always 1"]),
            (
                json!({"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 2, "maxItems": 2, "uniqueItems": true}),
                &["exactly 2 items", "no item twice", "each item: at most 9 characters"],
            ),
            (json!({"type": "object", "minProperties": 1}), &["at least 1 entry"]),
            (json!(true), &[]),
        ] {
            assert_eq!(texts(&root, &schema), wanted, "{schema}");
        }
    }
}
