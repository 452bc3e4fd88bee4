//! All that is wrong with a value, in the order in which it was declared.
//!
//! jsonschema says *whether* a value is valid; this says *why not*, keyword by keyword, with what it does not
//! know left to jsonschema again. jsonschema's own list of errors won't do: it is made whole before the first
//! can be looked at (a megabyte of wrong items costs hundreds), and its order is that of the keywords.

use std::cmp::Ordering::{Equal, Greater, Less};

use serde_json::{Map, Number, Value};

use super::{
    branch::Branches,
    found::Found,
    path::Path,
    wording::{a_format, count, shown, unknown, wrong_choice, wrong_type},
};
use crate::schema::{
    keyword::{compare, equal, has_type, limit, list, map},
    leaf::{Leaves, is_foreign},
};

/// Schemas that are tried for one report. Trying the branches of enums within enums would otherwise take time that
/// grows with a power of their depth.
const FUEL: usize = 100_000;

/// `$ref`, `allOf` and the like that may apply to one value, one within the other.
const MAX_APPLIED: usize = 16;

/// Looks for what is wrong.
pub(crate) struct Explainer<'s> {
    pub(crate) branches: Branches<'s>,
    leaves: &'s Leaves,
    /// Whether the members of the root are arguments; else they are fields, as everywhere below.
    arguments: bool,
    pub(crate) found: Found,
    trying: bool,
    fuel: usize,
    applied: usize,
}

impl<'s> Explainer<'s> {
    pub(crate) fn new(root: &'s Value, leaves: &'s Leaves, arguments: bool) -> Self {
        Self {
            branches: Branches { root },
            leaves,
            arguments,
            found: Found::default(),
            trying: false,
            fuel: FUEL,
            applied: 0,
        }
    }

    /// Adds what `schema` has against `value`.
    pub(crate) fn check(&mut self, schema: &'s Value, value: &Value, at: &Path<'_>) {
        if self.applied == MAX_APPLIED || self.trying && self.fuel == 0 {
            return;
        }
        self.fuel -= usize::from(self.trying);
        self.applied += 1;
        match schema {
            Value::Object(schema) => self.keywords(schema, value, at),
            Value::Bool(false) => self.found.add(at, "falseSchema", || "nothing may stand here".into()),
            _ => {}
        }
        self.applied -= 1;
    }

    /// Whether the report may lack something, as it would have taken too long to find.
    pub(crate) fn gave_up(&self) -> bool {
        self.fuel == 0
    }

    /// What `schema` has against `value`, without adding it.
    pub(crate) fn attempt(&mut self, schema: &'s Value, value: &Value, at: &Path<'_>) -> Found {
        let (before, trying) = (std::mem::take(&mut self.found), std::mem::replace(&mut self.trying, true));
        self.check(schema, value, at);
        self.trying = trying;
        std::mem::replace(&mut self.found, before)
    }

    fn keywords(&mut self, schema: &'s Map<String, Value>, value: &Value, at: &Path<'_>) {
        let before = self.found.total;
        if let Some(wanted) = schema.get("type")
            && !has_type(wanted, value)
        {
            return self.found.add(at, "type", || wrong_type(wanted, value));
        }
        if let Some(target) = self.branches.target(schema) {
            self.check(target, value, at);
        }
        self.choices(schema, value, at);
        match value {
            Value::String(text) => self.string(schema, text, value, at),
            Value::Number(number) => self.number(schema, number, value, at),
            Value::Array(items) => self.array(schema, items, value, at),
            Value::Object(members) => self.object(schema, members, at),
            Value::Null | Value::Bool(_) => {}
        }
        for part in list(schema, "allOf") {
            self.check(part, value, at);
        }
        for keyword in ["anyOf", "oneOf"] {
            if schema.contains_key(keyword) {
                self.union(keyword, list(schema, keyword), value, at);
            }
        }
        self.unevaluated(schema, value, at, self.found.total > before);
        if self.found.total == before && is_foreign(schema) {
            self.foreign(schema, value, at);
        }
    }

    fn choices(&mut self, schema: &Map<String, Value>, value: &Value, at: &Path<'_>) {
        if let Some(Value::Array(options)) = schema.get("enum")
            && !options.iter().any(|option| equal(option, value))
        {
            self.found.add(at, "enum", || wrong_choice(options, value));
        }
        if let Some(only) = schema.get("const")
            && !equal(only, value)
        {
            self.found.add(at, "const", || format!("expected {}, got {}", shown(only), shown(value)));
        }
    }

    fn string(&mut self, schema: &Map<String, Value>, text: &str, value: &Value, at: &Path<'_>) {
        let length = text.chars().count() as u64;
        if let Some(limit) = limit(schema, "minLength")
            && length < limit
        {
            let limit = count(limit, "character");
            self.found.add(at, "minLength", || format!("{} is shorter than {limit}", shown(value)));
        }
        if let Some(limit) = limit(schema, "maxLength")
            && length > limit
        {
            let limit = count(limit, "character");
            self.found.add(at, "maxLength", || format!("{} is longer than {limit}", shown(value)));
        }
        self.leaf(schema, "pattern", value, at, |pattern| {
            format!("{} does not match the pattern `{}`", shown(value), pattern.as_str().unwrap_or_default())
        });
        self.leaf(schema, "format", value, at, |format| {
            format!("{} is not {}", shown(value), a_format(format.as_str().unwrap_or_default()))
        });
    }

    fn number(&mut self, schema: &Map<String, Value>, number: &Number, value: &Value, at: &Path<'_>) {
        for (keyword, wrong, wording) in [
            ("minimum", &[Less][..], "is less than the minimum of"),
            ("maximum", &[Greater], "is more than the maximum of"),
            ("exclusiveMinimum", &[Less, Equal], "is not more than"),
            ("exclusiveMaximum", &[Greater, Equal], "is not less than"),
        ] {
            if let Some(Value::Number(limit)) = schema.get(keyword)
                && compare(number, limit).is_some_and(|order| wrong.contains(&order))
            {
                self.found.add(at, keyword, || format!("{number} {wording} {limit}"));
            }
        }
        self.leaf(schema, "multipleOf", value, at, |unit| format!("{number} is not a multiple of {unit}"));
    }

    fn array(&mut self, schema: &'s Map<String, Value>, items: &[Value], value: &Value, at: &Path<'_>) {
        let has = || format!("has {}", count(items.len(), "item"));
        if let Some(limit) = limit(schema, "minItems")
            && (items.len() as u64) < limit
        {
            self.found.add(at, "minItems", || format!("{}, at least {limit} must be given", has()));
        }
        if let Some(limit) = limit(schema, "maxItems")
            && items.len() as u64 > limit
        {
            self.found.add(at, "maxItems", || format!("{}, at most {limit} may be given", has()));
        }
        let prefix = list(schema, "prefixItems");
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = prefix.get(index).or_else(|| schema.get("items")) {
                self.inside(schema, item, &at.index(index));
            }
        }
        self.leaf(schema, "uniqueItems", value, at, |_| "the items must differ from one another".into());
    }

    fn object(&mut self, schema: &'s Map<String, Value>, members: &Map<String, Value>, at: &Path<'_>) {
        let empty = Map::new();
        let properties = map(schema, "properties").unwrap_or(&empty);
        let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        let noun = self.noun(at);
        for (name, property) in map(schema, "properties").into_iter().flatten() {
            if let Some(value) = members.get(name) {
                self.inside(property, value, &at.key(name));
            } else if required.contains(&name.as_str()) {
                self.found.add(&at.key(name), "required", || format!("missing {noun} `{name}`"));
            }
        }
        for name in required {
            if !members.contains_key(name) && !properties.contains_key(name) {
                self.found.add(&at.key(name), "required", || format!("missing {noun} `{name}`"));
            }
        }
        if let Some(rest) = schema.get("additionalProperties")
            // Which keys are additional, the patterns say; jsonschema knows.
            && !schema.contains_key("patternProperties")
        {
            for (name, value) in members.iter().filter(|(name, _)| !properties.contains_key(*name)) {
                if *rest == Value::Bool(false) {
                    let known = properties.keys().map(String::as_str);
                    self.found.add(&at.key(name), "additionalProperties", || unknown(noun, name, known));
                } else {
                    self.inside(rest, value, &at.key(name));
                }
            }
        }
        self.size(schema, members.len() as u64, at);
    }

    fn size(&mut self, schema: &Map<String, Value>, size: u64, at: &Path<'_>) {
        if let Some(limit) = limit(schema, "minProperties")
            && size < limit
        {
            let has = count(size, "field");
            self.found.add(at, "minProperties", || format!("has {has}, at least {limit} must be given"));
        }
        if let Some(limit) = limit(schema, "maxProperties")
            && size > limit
        {
            let has = count(size, "field");
            self.found.add(at, "maxProperties", || format!("has {has}, at most {limit} may be given"));
        }
    }

    /// Members that no part of the schema declares. Where something else is `wrong`, a branch that would have
    /// declared a member may be the one that failed, so all branches count as taken.
    fn unevaluated(&mut self, schema: &'s Map<String, Value>, value: &Value, at: &Path<'_>, wrong: bool) {
        let Value::Object(members) = value else { return };
        let mut known = Vec::new();
        if schema.get("unevaluatedProperties") != Some(&Value::Bool(false))
            || self.declares_all(schema, value, at, wrong, &mut known)
        {
            return;
        }
        let noun = self.noun(at);
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let known = known.iter().copied();
            self.found.add(&at.key(name), "unevaluatedProperties", || unknown(noun, name, known));
        }
    }

    /// Collects the names that a schema declares; true when it declares any name.
    fn declares_all(
        &mut self,
        schema: &'s Map<String, Value>,
        value: &Value,
        at: &Path<'_>,
        wrong: bool,
        known: &mut Vec<&'s str>,
    ) -> bool {
        known.extend(map(schema, "properties").into_iter().flatten().map(|(name, _)| name.as_str()));
        let parts = list(schema, "allOf").iter().chain(self.branches.target(schema));
        let branches = list(schema, "anyOf").iter().chain(list(schema, "oneOf"));
        let taken: Vec<&Value> =
            branches.filter(|branch| wrong || self.attempt(branch, value, at).total == 0).collect();
        ["additionalProperties", "patternProperties"].iter().any(|keyword| schema.contains_key(*keyword))
            || parts
                .chain(taken)
                .filter_map(Value::as_object)
                .any(|part| self.declares_all(part, value, at, wrong, known))
    }

    fn leaf(
        &mut self,
        schema: &Map<String, Value>,
        keyword: &str,
        value: &Value,
        at: &Path<'_>,
        message: impl FnOnce(&Value) -> String,
    ) {
        if let Some(limit) = schema.get(keyword)
            && !self.leaves.passes(keyword, limit, value)
        {
            self.found.add(at, keyword, || message(limit));
        }
    }

    /// The whole schema as jsonschema sees it, for keywords that are strange here.
    fn foreign(&mut self, schema: &Map<String, Value>, value: &Value, at: &Path<'_>) {
        if let Some(Err(error)) = self.leaves.foreign(schema).map(|validator| validator.validate(value)) {
            self.found.add_foreign(at, &error);
        }
    }

    fn inside(&mut self, schema: &'s Value, value: &Value, at: &Path<'_>) {
        let applied = std::mem::take(&mut self.applied);
        self.check(schema, value, at);
        self.applied = applied;
    }

    fn noun(&self, at: &Path<'_>) -> &'static str {
        if self.arguments && at.depth() == 0 { "argument" } else { "field" }
    }
}
