//! References of a document: to its parts, and from schemas to the types that they share.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// References that lead to references.
const MAX_STEPS: usize = 8;

/// Where the types are that schemas share.
const SCHEMAS: &str = "#/components/schemas/";

/// What an object stands for: itself, or the part of the document that it refers to.
pub(super) fn followed<'d>(document: &'d Value, mut object: &'d Value) -> &'d Value {
    for _ in 0..MAX_STEPS {
        let target = object["$ref"].as_str().and_then(|target| document.pointer(target.strip_prefix('#')?));
        let Some(target) = target else { break };
        object = target;
    }
    object
}

/// A schema that stands by itself: the types that it refers to are its `$defs`.
pub(super) fn standalone(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    let mut types = BTreeMap::new();
    redirect(document, &mut schema, &mut types);
    if let Value::Object(members) = &mut schema
        && !types.is_empty()
    {
        let defs = members.entry("$defs").or_insert_with(|| Map::new().into());
        if let Value::Object(defs) = defs {
            defs.extend(types);
        }
    }
    schema
}

/// Points references at `$defs`, and collects what they need.
fn redirect(document: &Value, schema: &mut Value, types: &mut BTreeMap<String, Value>) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match member {
                    Value::String(target) if key == "$ref" => {
                        if let Some(path) = target.strip_prefix(SCHEMAS) {
                            let name = path.split('/').next().unwrap_or_default().to_owned();
                            *target = format!("#/$defs/{path}");
                            collect(document, name, types);
                        }
                    }
                    member => redirect(document, member, types),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(document, item, types)),
        _ => {}
    }
}

fn collect(document: &Value, name: String, types: &mut BTreeMap<String, Value>) {
    let Some(schema) = document.pointer(&format!("/components/schemas/{name}")) else { return };
    // Some schemas refer to themselves.
    if types.contains_key(&name) {
        return;
    }
    types.insert(name.clone(), Value::Null);
    let mut schema = schema.clone();
    redirect(document, &mut schema, types);
    types.insert(name, schema);
}
