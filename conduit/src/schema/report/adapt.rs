//! Values that a schema takes and serde does not, in a form that serde takes.

use serde_json::{Map, Value};

use crate::schema::keyword::{Integer, integer, list, map, types};

/// `$ref`s and unions that are followed for one value.
const MAX_STEPS: usize = 8;

/// Writes integers as integers: `1.0` is one to JSON Schema, and not to serde.
///
/// Only where the schema speaks of integers, so that a value of free form stays as it was sent.
pub(crate) fn integers(root: &Value, value: &mut Value) {
    adapt(root, root, value, MAX_STEPS);
}

fn adapt(root: &Value, schema: &Value, value: &mut Value, steps: usize) {
    let (Some(schema), 1..) = (schema.as_object(), steps) else { return };
    match value {
        Value::Number(number) => {
            if let Some(integer) =
                number.as_f64().filter(|_| number.is_f64() && wants_integer(schema)).and_then(integer)
            {
                *value = match integer {
                    Integer::Negative(integer) => integer.into(),
                    Integer::Positive(integer) => integer.into(),
                };
            }
        }
        Value::Array(items) => {
            let prefix = list(schema, "prefixItems");
            for (index, item) in items.iter_mut().enumerate() {
                if let Some(part) = prefix.get(index).or_else(|| schema.get("items")) {
                    adapt(root, part, item, MAX_STEPS);
                }
            }
        }
        Value::Object(members) => {
            let properties = map(schema, "properties");
            for (name, member) in members {
                if let Some(part) = properties.and_then(|all| all.get(name)) {
                    adapt(root, part, member, MAX_STEPS);
                } else {
                    others(schema).for_each(|part| adapt(root, part, member, MAX_STEPS));
                }
            }
        }
        _ => return,
    }
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?));
    let parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|keyword| list(schema, keyword));
    parts.chain(target).for_each(|part| adapt(root, part, value, steps - 1));
}

/// The schemas of members that `properties` does not name.
fn others(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    map(schema, "patternProperties").into_iter().flat_map(Map::values).chain(schema.get("additionalProperties"))
}

fn wants_integer(schema: &Map<String, Value>) -> bool {
    let has = |wanted| schema.get("type").is_some_and(|keyword| types(keyword).any(|name| name == wanted));
    has("integer") && !has("number")
}
