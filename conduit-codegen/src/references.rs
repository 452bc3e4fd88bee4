//! References: each is made a pointer from the root of the document, or is an error.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::error::Error;

/// Members whose value is data, whatever it looks like.
const DATA: [&str; 6] = ["const", "default", "enum", "example", "examples", "links"];
/// Members whose members have names of the document's own.
const NAMED: [&str; 12] = [
    "$defs",
    "contentDescriptors",
    "definitions",
    "dependentSchemas",
    "errors",
    "examplePairings",
    "patternProperties",
    "properties",
    "schemas",
    "servers",
    "tags",
    "variables",
];
/// The parts of conduit's own that hold schemas.
const EXTENSIONS: [&str; 3] = ["x-events", "x-params-schema", "x-sent-events"];

/// Points every `$ref` to where it leads from the root of the document.
///
/// # Errors
/// A reference to another document, or to what is not there.
pub(crate) fn settle(document: &mut Value) -> Result<(), Error> {
    let mut found = Vec::new();
    collect(document, "", false, &mut found);
    let targets: Result<Vec<String>, Error> =
        found.iter().map(|(at, reference)| target(document, at, reference)).collect();
    for ((at, _), target) in found.iter().zip(targets?) {
        if let Some(Value::Object(object)) = document.pointer_mut(at) {
            object.insert("$ref".into(), target.into());
        }
    }
    Ok(())
}

/// The pointer to a member of what `pointer` leads to.
pub(crate) fn join(pointer: &str, member: &str) -> String {
    format!("{pointer}/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// The name of what a pointer leads to.
pub(crate) fn last(pointer: &str) -> String {
    pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

/// Every object with a `$ref`, as the pointer to it, and the reference.
fn collect(value: &Value, at: &str, named: bool, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            if let (Some(Value::String(reference)), false) = (object.get("$ref"), named) {
                found.push((at.to_owned(), reference.clone()));
            }
            for (name, member) in object {
                if named || holds_schemas(name) {
                    // `errors` is a list in a method, and an object in the components.
                    let named = !named && NAMED.contains(&name.as_str()) && member.is_object();
                    collect(member, &join(at, name), named, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &join(at, &index.to_string()), false, found);
            }
        }
        _ => {}
    }
}

fn holds_schemas(member: &str) -> bool {
    !DATA.contains(&member) && (!member.starts_with("x-") || EXTENSIONS.contains(&member))
}

/// Where a reference that stands at `at` leads.
fn target(document: &Value, at: &str, reference: &str) -> Result<String, Error> {
    let place = || join(at, "$ref");
    let Some(fragment) = reference.strip_prefix('#') else {
        let message = format!(
            "the reference `{reference}` leads out of the document: bundle it first, so that references start with `#`"
        );
        return Err(Error::at(place(), message));
    };
    let fragment = percent_decode_str(fragment).decode_utf8_lossy().into_owned();
    let pointer = if fragment.starts_with('/') {
        // Tools that put a schema into a document leave its `#/$defs/..` as they were.
        let roots = std::iter::once("").chain(ancestors(at));
        roots.map(|root| format!("{root}{fragment}")).find(|pointer| document.pointer(pointer).is_some())
    } else {
        anchor(document, "", &fragment)
    };
    let Some(pointer) = pointer else {
        return Err(Error::at(place(), format!("the reference `{reference}` leads nowhere")));
    };
    match document.pointer(&pointer) {
        Some(Value::Object(_) | Value::Bool(_)) => Ok(pointer),
        _ => Err(Error::at(place(), format!("the reference `{reference}` leads to what is neither object nor schema"))),
    }
}

/// The pointer itself, and those to what it is in, from the innermost.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |pointer| pointer.rfind('/').map(|end| &pointer[..end]))
}

/// The pointer to the schema that `name` is the anchor of.
fn anchor(value: &Value, at: &str, name: &str) -> Option<String> {
    match value {
        Value::Object(object) if is_anchored(object, name) => Some(at.to_owned()),
        Value::Object(object) => object.iter().find_map(|(key, member)| anchor(member, &join(at, key), name)),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| anchor(item, &join(at, &index.to_string()), name))
        }
        _ => None,
    }
}

fn is_anchored(object: &Map<String, Value>, name: &str) -> bool {
    !name.is_empty()
        && ["$anchor", "$dynamicAnchor"].iter().any(|keyword| object.get(*keyword).is_some_and(|it| it == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settled(mut document: Value) -> Result<Value, String> {
        settle(&mut document).map(|()| document).map_err(|error| error.to_string())
    }

    #[test]
    fn references_become_pointers_from_the_root() {
        let document = settled(json!({
            "methods": [{ "result": { "schema": {
                "properties": { "a": { "$ref": "#/$defs/A%20b" }, "$ref": { "$ref": "#/components/schemas/x~1y" } },
                "items": { "$ref": "#c" },
                "default": { "$ref": "not a reference" },
                "$defs": { "A b": true }
            } } }],
            "components": { "schemas": { "x/y": {}, "default": { "$ref": "#/components/schemas/x~1y" }, "c": { "$anchor": "c" } } }
        }))
        .unwrap();
        let schema = &document["methods"][0]["result"]["schema"];
        assert_eq!(schema["properties"]["a"]["$ref"], "/methods/0/result/schema/$defs/A b");
        assert_eq!(schema["properties"]["$ref"]["$ref"], "/components/schemas/x~1y");
        assert_eq!(schema["items"]["$ref"], "/components/schemas/c");
        assert_eq!(schema["default"]["$ref"], "not a reference");
        assert_eq!(document["components"]["schemas"]["default"]["$ref"], "/components/schemas/x~1y");
    }

    #[test]
    fn a_reference_that_leads_nowhere_says_where_it_stands() {
        let refused =
            |reference: &str| settled(json!({ "a": [{ "b/c": { "$ref": reference }, "d": "text" }] })).unwrap_err();
        assert_eq!(refused("#/x"), "at `/a/0/b~1c/$ref`: the reference `#/x` leads nowhere");
        assert_eq!(refused("#x"), "at `/a/0/b~1c/$ref`: the reference `#x` leads nowhere");
        assert!(refused("#/a/0/d").ends_with("leads to what is neither object nor schema"));
        for external in ["other.json#/x", "https://example.org/schema.json"] {
            assert!(refused(external).contains("leads out of the document: bundle it first"), "{external}");
        }
    }
}
