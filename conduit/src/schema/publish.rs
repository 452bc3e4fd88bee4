//! From a Rust type to the schema that is published, which is the one that is enforced.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Map, Value, json};

/// The schema of a method's arguments.
///
/// It says all that is enforced: no argument beyond those declared, and of integers the range that their
/// Rust type has. It does not say what only matters to a schema that stands by itself (`$schema`, `title`).
pub(crate) fn of_arguments<P: JsonSchema>() -> Value {
    arguments(P::json_schema)
}

/// Not by way of a root schema, whose making would be compiled for every method. A params struct is no part of itself.
fn arguments(schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = schema(&mut generator);
    generator.transforms_mut().for_each(|transform| transform.transform(&mut schema));
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".into(), definitions.into());
    }
    let mut schema = embeddable(schema);
    if let Value::Object(root) = &mut schema {
        root.shift_remove("title");
        close(root);
    }
    schema
}

/// The schema of an event's payload: one value of any type.
pub(crate) fn of_payload<T: JsonSchema>() -> Value {
    embeddable(SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>())
}

/// The schema of what a method answers with.
#[must_use]
pub fn of_output<T: JsonSchema>() -> Value {
    embeddable(SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>())
}

/// A schema that says all, and can be part of a document.
fn embeddable(mut schema: Schema) -> Value {
    tighten(&mut schema);
    let mut schema = schema.to_value();
    if let Value::Object(root) = &mut schema {
        root.shift_remove("$schema");
        let name = root.get("title").and_then(Value::as_str).unwrap_or("root").to_owned();
        name_recursion(root, &name);
    }
    schema
}

/// What serde enforces and schemars leaves out.
fn tighten(schema: &mut Schema) {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    if let Some((low, high)) = schema.get("format").and_then(Value::as_str).and_then(integer_range)
        && schema.get("type").is_some_and(is_integer)
    {
        for (keyword, limit) in [("minimum", low), ("maximum", high)] {
            if schema.get(keyword).is_none() {
                schema.insert(keyword.into(), limit);
            }
        }
    }
    // The range says what these say, and validators that know only registered formats refuse them.
    if schema.get("format").and_then(Value::as_str).is_some_and(is_unregistered) {
        schema.ensure_object().shift_remove("format");
    }
    transform_subschemas(&mut tighten, schema);
}

/// The formats of integers that schemars has beyond `int32` and `int64` of OpenAPI's format registry.
fn is_unregistered(format: &str) -> bool {
    matches!(
        format,
        "int8" | "int16" | "int" | "int128" | "uint8" | "uint16" | "uint32" | "uint64" | "uint" | "uint128"
    )
}

fn is_integer(types: &Value) -> bool {
    match types {
        Value::Array(types) => types.iter().any(is_integer),
        one => one == "integer",
    }
}

/// The narrower integers have their range from schemars, and that of 128 bits is no JSON number of serde's.
fn integer_range(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        "uint32" => (json!(u32::MIN), json!(u32::MAX)),
        "int64" => (json!(i64::MIN), json!(i64::MAX)),
        "uint64" => (json!(u64::MIN), json!(u64::MAX)),
        "int" => (json!(isize::MIN), json!(isize::MAX)),
        "uint" => (json!(usize::MIN), json!(usize::MAX)),
        _ => return None,
    })
}

/// A type that contains itself refers to the root as `#`, which means something else as soon as the schema
/// is part of a document: gives it a name of its own in `$defs`.
fn name_recursion(root: &mut Map<String, Value>, name: &str) {
    if !points_at_root(&Value::Object(root.clone())) {
        return;
    }
    let defs = root.shift_remove("$defs");
    let mut recursive = Value::Object(root.clone());
    let mut defs = match defs {
        Some(Value::Object(defs)) => defs,
        _ => Map::new(),
    };
    let pointer = format!("#/$defs/{}", name.replace('~', "~0").replace('/', "~1"));
    root.values_mut().chain(defs.values_mut()).for_each(|part| rename_root(part, &pointer));
    rename_root(&mut recursive, &pointer);
    defs.insert(name.to_owned(), recursive);
    root.insert("$defs".into(), Value::Object(defs));
}

fn points_at_root(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            members.get("$ref").is_some_and(|target| target == "#") || members.values().any(points_at_root)
        }
        Value::Array(items) => items.iter().any(points_at_root),
        _ => false,
    }
}

fn rename_root(schema: &mut Value, pointer: &str) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                if key == "$ref" && member == "#" {
                    *member = pointer.into();
                } else {
                    rename_root(member, pointer);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_root(item, pointer)),
        _ => {}
    }
}

/// Refuses what is not declared, unless the type takes it (a flattened map does).
fn close(root: &mut Map<String, Value>) {
    if root.get("type").is_none_or(|kind| kind != "object")
        || ["additionalProperties", "unevaluatedProperties", "patternProperties"]
            .iter()
            .any(|it| root.contains_key(*it))
    {
        return;
    }
    // A flattened enum declares its members in branches, which `additionalProperties` does not look into.
    let parts = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|it| root.contains_key(*it));
    let keyword = if parts { "unevaluatedProperties" } else { "additionalProperties" };
    root.insert(keyword.into(), Value::Bool(false));
}
