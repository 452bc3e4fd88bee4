//! What is left to jsonschema alone: formats, patterns and the rare keywords.

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Keywords that conduit looks at by itself, or that say nothing about what is valid.
///
/// Every other keyword of a schema makes it ask jsonschema.
const KNOWN: &[&str] = &[
    "$comment",
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "deprecated",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "oneOf",
    "pattern",
    "prefixItems",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
];

/// Keywords of [`KNOWN`] that are checked by a validator of their own.
pub(crate) const LEAVES: &[&str] = &["format", "multipleOf", "pattern", "uniqueItems"];

/// A validator by jsonschema as conduit has it: draft 2020-12, formats asserted, nothing fetched.
pub(crate) fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| format!("{error} (at `{}`)", error.instance_path()))
}

/// Whether a schema holds keywords that only jsonschema knows.
pub(crate) fn is_foreign(schema: &Map<String, Value>) -> bool {
    schema.keys().any(|key| !KNOWN.contains(&key.as_str()) && !key.starts_with("x-"))
}

/// Validators for the leaves of one schema, compiled when the schema is.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// By the text of what they check: `{"format":"email"}`.
    validators: HashMap<String, Validator>,
}

impl Leaves {
    pub(crate) fn of(root: &Value) -> Self {
        let mut leaves = Self::default();
        leaves.collect(root, root.get("$defs"));
        leaves
    }

    fn collect(&mut self, schema: &Value, defs: Option<&Value>) {
        match schema {
            Value::Object(members) => {
                for keyword in LEAVES {
                    if let Some(value) = members.get(*keyword) {
                        self.add(json!({*keyword: value}), None);
                    }
                }
                if is_foreign(members) {
                    self.add(schema.clone(), defs);
                }
                members.values().for_each(|member| self.collect(member, defs));
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, defs)),
            _ => {}
        }
    }

    /// Not every object in a schema is a schema, so one that is none is passed over; whether the schema as a
    /// whole can be compiled has been seen before.
    fn add(&mut self, schema: Value, defs: Option<&Value>) {
        let text = schema.to_string();
        if self.validators.contains_key(&text) {
            return;
        }
        let mut schema = schema;
        if let (Value::Object(members), Some(defs)) = (&mut schema, defs) {
            members.insert("$defs".into(), defs.clone());
        }
        if let Ok(validator) = validator(&schema) {
            self.validators.insert(text, validator);
        }
    }

    /// Whether `value` passes one keyword of [`LEAVES`].
    pub(crate) fn passes(&self, keyword: &str, limit: &Value, value: &Value) -> bool {
        self.validators.get(&json!({keyword: limit}).to_string()).is_none_or(|it| it.is_valid(value))
    }

    /// The validator of a schema that [is foreign](is_foreign).
    pub(crate) fn foreign(&self, schema: &Map<String, Value>) -> Option<&Validator> {
        self.validators.get(&Value::Object(schema.clone()).to_string())
    }
}
