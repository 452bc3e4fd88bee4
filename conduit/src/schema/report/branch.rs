//! What a branch of a union is, without looking at what it makes of a value.

use serde_json::{Map, Value};

use super::wording::{a_shape, a_type, any_of};
use crate::schema::keyword::{has_type, list, map, types};

/// `$ref`s and unions that are followed to see what a branch is.
const MAX_STEPS: usize = 8;

/// A schema's branches can be looked into by whoever has the root, where their `$ref`s lead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branches<'s> {
    pub(crate) root: &'s Value,
}

impl<'s> Branches<'s> {
    /// The schema that `$ref` names.
    pub(crate) fn target(self, schema: &Map<String, Value>) -> Option<&'s Value> {
        self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    pub(crate) fn shapes(self, several: &[&'s Value]) -> String {
        let shapes = several.iter().filter_map(|branch| self.parts(branch).into_iter().next_back());
        let mut shapes: Vec<String> = shapes.map(a_shape).collect();
        shapes.dedup();
        any_of(&shapes)
    }

    /// An object that has none of a branch's fields was hardly meant to be of it.
    pub(crate) fn shares_a_field(self, branch: &'s Value, value: &Value) -> bool {
        let Value::Object(members) = value else { return true };
        let declared = |part: &&Map<String, Value>| {
            map(part, "properties").is_some_and(|properties| properties.keys().any(|name| members.contains_key(name)))
        };
        self.parts(branch).iter().any(declared)
    }

    /// A schema with what it refers to: all of it applies.
    pub(crate) fn parts(self, schema: &'s Value) -> Vec<&'s Map<String, Value>> {
        let mut parts: Vec<_> = schema.as_object().into_iter().collect();
        while let Some(target) = parts.last().and_then(|part| self.target(part)).and_then(Value::as_object)
            && parts.len() < MAX_STEPS
        {
            parts.push(target);
        }
        parts
    }

    /// Whether a value's type is one that the schema can take.
    pub(crate) fn admits(self, schema: &'s Value, value: &Value) -> bool {
        self.admits_within(schema, value, MAX_STEPS)
    }

    fn admits_within(self, schema: &'s Value, value: &Value, steps: usize) -> bool {
        if steps == 0 {
            return true;
        }
        let Value::Object(schema) = schema else { return *schema != Value::Bool(false) };
        let admits = |part: &'s Value| self.admits_within(part, value, steps - 1);
        let unions = ["anyOf", "oneOf"].into_iter().map(|keyword| list(schema, keyword));
        schema.get("type").is_none_or(|types| has_type(types, value))
            && self.target(schema).is_none_or(admits)
            && unions.filter(|branches| !branches.is_empty()).all(|branches| branches.iter().any(admits))
    }

    /// The types that a schema takes, with their articles.
    pub(crate) fn types_of(self, schemas: &'s [Value]) -> Vec<&'s str> {
        let mut found = Vec::new();
        for schema in schemas {
            self.collect_types(schema, MAX_STEPS, &mut found);
        }
        found
    }

    fn collect_types(self, schema: &'s Value, steps: usize, found: &mut Vec<&'s str>) {
        for part in self.parts(schema) {
            if let Some(keyword) = part.get("type") {
                let new: Vec<&str> = types(keyword).map(a_type).filter(|kind| !found.contains(kind)).collect();
                found.extend(new);
            } else if steps > 0 {
                let branches = list(part, "anyOf").iter().chain(list(part, "oneOf"));
                branches.for_each(|branch| self.collect_types(branch, steps - 1, found));
            }
        }
    }

    /// The strings that a schema is about, if it is about nothing else.
    pub(crate) fn names(self, schema: &'s Value) -> Option<Vec<&'s str>> {
        self.parts(schema).into_iter().find_map(strings)
    }

    /// The names that `tag` may have in a branch.
    pub(crate) fn tag_names(self, branch: &'s Value, tag: &str) -> Vec<&'s str> {
        let parts = self.parts(branch);
        let required = parts.iter().any(|part| list(part, "required").iter().any(|name| name == tag));
        let property = parts.iter().find_map(|part| map(part, "properties")?.get(tag)).filter(|_| required);
        property.and_then(|property| self.names(property)).unwrap_or_default()
    }

    /// The property that tells all the branches apart, if there is one.
    pub(crate) fn tag(self, branches: &[&'s Value]) -> Option<&'s str> {
        let first = self.parts(branches.first()?);
        let mut properties =
            first.iter().filter_map(|part| map(part, "properties")).flatten().map(|(name, _)| name.as_str());
        properties.find(|name| branches.iter().all(|branch| !self.tag_names(branch, name).is_empty()))
    }

    /// The one key that each branch is about, if each is about one and no two about the same.
    pub(crate) fn keys(branches: &[&'s Value]) -> Option<Vec<&'s str>> {
        let mut keys = Vec::new();
        for branch in branches {
            let schema = branch.as_object()?;
            let ([Value::String(key)], Some(properties)) = (list(schema, "required"), map(schema, "properties")) else {
                return None;
            };
            if properties.len() != 1 || keys.contains(&key.as_str()) {
                return None;
            }
            keys.push(key);
        }
        Some(keys)
    }
}

fn strings(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(Value::String(only)), _) => Some(vec![only]),
        (_, Some(Value::Array(options))) => options.iter().map(Value::as_str).collect(),
        _ => None,
    }
}
