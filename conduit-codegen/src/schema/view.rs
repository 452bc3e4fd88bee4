//! A schema as one object: references followed, `allOf` taken together, `null` taken out.

use serde_json::{Map, Value};

use crate::document::Document;

/// Members that make a reference more than a reference.
const STRUCTURE: [&str; 11] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "items",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "properties",
    "required",
];

/// Where a schema refers to another and says nothing of the structure itself, the pointer to the other.
pub(super) fn sole_reference(schema: &Map<String, Value>) -> Option<&str> {
    let mut structure = STRUCTURE.iter().filter(|keyword| schema.contains_key(**keyword));
    match (schema.get("$ref"), structure.next(), structure.next()) {
        (Some(Value::String(pointer)), None, None) => Some(pointer),
        (None, Some(&"allOf"), None) => match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([Value::Object(only)]) => sole_reference(only),
            _ => None,
        },
        _ => None,
    }
}

/// What a schema says, all of it in one place.
#[derive(Debug, Default, Clone)]
pub(super) struct View {
    pub(super) keywords: Map<String, Value>,
    pub(super) properties: Vec<(String, Value)>,
    pub(super) required: Vec<String>,
    /// The members of each `oneOf` and `anyOf`.
    pub(super) unions: Vec<Vec<Value>>,
    /// Whether `null` is taken as well.
    pub(super) nullable: bool,
    /// Whether other members of an object are refused.
    pub(super) closed: bool,
}

impl View {
    pub(super) fn of(document: &Document, schema: &Map<String, Value>) -> Self {
        let mut view = Self::default();
        view.merge(document, schema, &mut Vec::new(), true);
        // A union of one and null is that one, and may be a union in its turn. One that has a name keeps it.
        let is_inline = |members: &Vec<Value>| match members.as_slice() {
            [only] => only.as_object().is_none_or(|only| sole_reference(only).is_none()),
            _ => false,
        };
        for _ in 0..32 {
            view.take_null(document);
            let Some(at) = view.unions.iter().position(is_inline) else { break };
            if let Some(Value::Object(only)) = view.unions.remove(at).pop() {
                view.merge(document, &only, &mut Vec::new(), false);
            }
        }
        view
    }

    pub(super) fn keyword(&self, keyword: &str) -> Option<&Value> {
        self.keywords.get(keyword)
    }

    pub(super) fn is_required(&self, property: &str) -> bool {
        self.required.iter().any(|required| required == property)
    }

    /// The only type that it allows; by what else it says, if it does not say.
    pub(super) fn kind(&self) -> Option<&str> {
        const OF_OBJECTS: [&str; 4] = ["additionalProperties", "patternProperties", "propertyNames", "minProperties"];
        let says = |keywords: &[&str]| keywords.iter().any(|keyword| self.keywords.contains_key(*keyword));
        match self.keyword("type") {
            Some(Value::String(kind)) => Some(kind),
            Some(_) => None,
            None if !self.properties.is_empty() || !self.required.is_empty() || says(&OF_OBJECTS) => Some("object"),
            None if says(&["items", "prefixItems"]) => Some("array"),
            None => None,
        }
    }

    fn merge(&mut self, document: &Document, schema: &Map<String, Value>, seen: &mut Vec<String>, outer: bool) {
        let alone = !schema.contains_key("allOf") && !schema.contains_key("$ref");
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                ("$ref", Value::String(pointer)) => {
                    let target = (!seen.contains(pointer)).then(|| document.at(pointer)).flatten();
                    if let Some(Value::Object(target)) = target {
                        seen.push(pointer.clone());
                        self.merge(document, target, seen, false);
                    }
                }
                ("allOf", Value::Array(parts)) => {
                    for part in parts.iter().filter_map(Value::as_object) {
                        self.merge(document, part, seen, false);
                    }
                }
                ("properties", Value::Object(properties)) => {
                    properties.iter().for_each(|(name, property)| self.property(name, property));
                }
                ("required", Value::Array(names)) => {
                    self.required.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                ("oneOf" | "anyOf", Value::Array(members)) => self.unions.push(members.clone()),
                ("nullable", Value::Bool(true)) => self.nullable = true,
                // What one part of several does not know, the others may.
                ("additionalProperties", Value::Bool(false)) => self.closed |= outer && alone,
                ("unevaluatedProperties", Value::Bool(false)) => self.closed |= outer,
                ("unevaluatedProperties", _) => {}
                ("title" | "description" | "default" | "deprecated", _) if !outer => {}
                ("type", kind) => self.narrow(kind),
                _ => {
                    self.keywords.entry(keyword.clone()).or_insert_with(|| value.clone());
                }
            }
        }
    }

    /// One property of two parts satisfies both.
    fn property(&mut self, name: &str, schema: &Value) {
        match self.properties.iter_mut().find(|(other, _)| other == name) {
            Some((_, there)) if there == schema => {}
            Some((_, there)) => *there = serde_json::json!({ "allOf": [there, schema] }),
            None => self.properties.push((name.to_owned(), schema.clone())),
        }
    }

    /// Of the types so far those that `kind` allows as well.
    fn narrow(&mut self, kind: &Value) {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let Some(so_far) = self.keywords.get("type") else {
            self.keywords.insert("type".into(), kind.clone());
            return;
        };
        let mut other = list(kind);
        if other.iter().any(|kind| kind == "number") {
            other.push("integer".into());
        }
        let mut both: Vec<Value> = list(so_far).into_iter().filter(|kind| other.contains(kind)).collect();
        if both.is_empty()
            && list(so_far).iter().any(|kind| kind == "number")
            && other.iter().any(|kind| kind == "integer")
        {
            both.push("integer".into());
        }
        match both.len() {
            // Nothing satisfies both; the first is as good as the second.
            0 => {}
            1 => _ = self.keywords.insert("type".into(), both.remove(0)),
            _ => _ = self.keywords.insert("type".into(), both.into()),
        }
    }

    fn take_null(&mut self, document: &Document) {
        let mut nullable = false;
        if let Some(Value::Array(kinds)) = self.keywords.get_mut("type") {
            nullable |= take(kinds, |kind| kind == "null");
            if let [only] = kinds.as_slice() {
                let only = only.clone();
                self.keywords.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(values)) = self.keywords.get_mut("enum") {
            nullable |= take(values, Value::is_null);
        }
        for members in &mut self.unions {
            nullable |= take(members, |member| is_null(document, member));
        }
        self.nullable |= nullable;
    }
}

/// Takes out what `is_null`, unless that is all there is.
fn take(values: &mut Vec<Value>, is_null: impl Fn(&Value) -> bool) -> bool {
    let there = values.len();
    if values.iter().all(&is_null) {
        return false;
    }
    values.retain(|value| !is_null(value));
    values.len() < there
}

/// Whether a schema allows `null` and nothing else.
fn is_null(document: &Document, schema: &Value) -> bool {
    let target = schema.as_object().and_then(sole_reference).and_then(|pointer| document.at(pointer));
    let schema = target.unwrap_or(schema);
    schema["type"] == "null"
        || schema.get("const").is_some_and(Value::is_null)
        || schema["enum"] == serde_json::json!([null])
}
