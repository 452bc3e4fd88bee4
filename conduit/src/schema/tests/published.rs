//! The schemas that are published.

use serde_json::{Value, json};

use super::shapes::{CreateUser, Everything, Flattened, FlattenedMap, Numbers, Tree};
use crate::schema::{of_arguments, of_output, of_payload};

#[test]
fn arguments_are_closed_and_in_the_order_of_declaration() {
    let schema = of_arguments::<CreateUser>();
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "username": {"type": "string", "minLength": 3, "maxLength": 30},
                "email": {"type": "string", "format": "email"},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "active": {"type": "boolean", "default": true},
                "nickname": {"type": ["string", "null"]}
            },
            "required": ["username", "email", "age"],
            "additionalProperties": false
        })
    );
    let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["username", "email", "age", "active", "nickname"]);
}

#[test]
fn integers_have_the_range_that_serde_reads() {
    let schema = of_arguments::<Numbers>();
    let range = |name: &str| (&schema["properties"][name]["minimum"], &schema["properties"][name]["maximum"]);
    assert_eq!(range("i8"), (&json!(-128), &json!(127)));
    assert_eq!(range("i32"), (&json!(i32::MIN), &json!(i32::MAX)));
    assert_eq!(range("u64"), (&json!(0), &json!(u64::MAX)));
    assert_eq!(range("usize"), (&json!(0), &json!(usize::MAX)));
    assert_eq!(range("at_least"), (&json!(3), &json!(i64::MAX)));
    assert_eq!(range("f64"), (&Value::Null, &Value::Null));
}

#[test]
fn absence_is_no_default() {
    let schema = of_arguments::<Everything>();
    assert_eq!(schema["properties"]["color"].get("default"), None);
    assert_eq!(schema["properties"]["map"]["default"], json!({}));
}

#[test]
fn nested_structs_stay_as_open_as_serde_has_them() {
    let schema = of_arguments::<Everything>();
    assert_eq!(schema["$defs"]["Address"].get("additionalProperties"), None);
    assert_eq!(schema["$defs"]["Strict"]["additionalProperties"], false);
}

#[test]
fn flattened_enums_are_closed_by_all_of_the_schema() {
    assert_eq!(of_arguments::<Flattened>()["unevaluatedProperties"], false);
    assert_eq!(of_arguments::<FlattenedMap>()["additionalProperties"]["maximum"], 255);
}

#[test]
fn a_type_that_contains_itself_can_be_part_of_a_document() {
    for schema in [of_arguments::<Tree>(), of_payload::<Tree>(), of_output::<Tree>()] {
        assert!(!schema.to_string().contains("\"#\""), "{schema}");
        assert_eq!(schema["properties"]["children"]["items"]["$ref"], "#/$defs/Tree");
        assert_eq!(schema["$defs"]["Tree"]["properties"]["children"]["items"]["$ref"], "#/$defs/Tree");
    }
}

#[test]
fn payloads_and_outputs_are_of_any_type() {
    let byte = json!({"title": "uint8", "type": "integer", "minimum": 0, "maximum": 255});
    assert_eq!(of_payload::<u8>(), byte);
    assert_eq!(of_payload::<()>(), json!({"title": "null", "type": "null"}));
    assert_eq!(of_payload::<CreateUser>().get("additionalProperties"), None);
    assert_eq!(of_payload::<i64>()["minimum"], json!(i64::MIN));
    assert_eq!(
        of_output::<Vec<String>>(),
        json!({"title": "Array_of_string", "type": "array", "items": {"type": "string"}})
    );
}
