//! All that is wrong with a value, in the order in which it was declared.
//!
//! jsonschema says *whether* a value is valid; this says *why not*, keyword by keyword, with what it does not
//! know left to jsonschema again. jsonschema's own list of errors won't do: it is made whole before the first
//! can be looked at (a megabyte of wrong items costs hundreds), and its order is that of the keywords.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    branch::Branches,
    keyword::{equal, has_type, limit, list, map},
    leaf::{Leaves, is_foreign},
    path::Path,
    wording::{a_format, count, shortened, shown, unknown, wrong_choice, wrong_type},
};

/// Problems beyond this many are counted, not told.
const MAX_PROBLEMS: usize = 50;

/// Schemas that are looked at for one report. Enums of enums would otherwise take time that grows with a power
/// of their depth.
const FUEL: usize = 100_000;

/// `$ref`, `allOf` and the like that may apply to one value, one within the other.
const MAX_APPLIED: usize = 16;

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) keyword: String,
    pub(super) message: String,
    #[serde(skip)]
    pub(super) depth: usize,
}

/// What was found: the first problems, and how many there are in all.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    pub(super) total: usize,
}

impl Found {
    pub(super) fn add(&mut self, at: &Path<'_>, keyword: &str, message: impl FnOnce() -> String) {
        self.total += 1;
        if self.problems.len() < MAX_PROBLEMS {
            let (path, depth, mut message) = (at.to_string(), at.depth(), message());
            if let Some(argument) = at.unnamed_argument()
                && (depth > 1 || keyword != "required")
            {
                message = format!("`{argument}`: {message}");
            }
            self.problems.push(Problem { path, keyword: keyword.to_owned(), message, depth });
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        let room = MAX_PROBLEMS - self.problems.len();
        self.problems.extend(other.problems.into_iter().take(room));
        self.total += other.total;
    }

    /// Leaves out what lies at or below one of `places`.
    pub(super) fn without(mut self, places: &[String]) -> Self {
        let told = self.problems.len();
        let below = |path: &str, place: &String| {
            path.strip_prefix(&**place).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        self.problems.retain(|problem| !places.iter().any(|place| !place.is_empty() && below(&problem.path, place)));
        self.total -= told - self.problems.len();
        self
    }

    /// How many were found and are not told.
    pub(super) fn untold(&self) -> usize {
        self.total - self.problems.len()
    }
}

/// Looks for what is wrong.
pub(super) struct Explainer<'s> {
    pub(super) branches: Branches<'s>,
    leaves: &'s Leaves,
    /// Whether the members of the root are arguments; else they are fields, as everywhere below.
    arguments: bool,
    pub(super) found: Found,
    fuel: usize,
    applied: usize,
}

impl<'s> Explainer<'s> {
    pub(super) fn new(root: &'s Value, leaves: &'s Leaves, arguments: bool) -> Self {
        Self { branches: Branches { root }, leaves, arguments, found: Found::default(), fuel: FUEL, applied: 0 }
    }

    /// Adds what `schema` has against `value`.
    pub(super) fn check(&mut self, schema: &'s Value, value: &Value, at: &Path<'_>) {
        if self.fuel == 0 || self.applied == MAX_APPLIED {
            return;
        }
        self.fuel -= 1;
        self.applied += 1;
        match schema {
            Value::Object(schema) => self.keywords(schema, value, at),
            Value::Bool(false) => self.found.add(at, "falseSchema", || "nothing may stand here".into()),
            _ => {}
        }
        self.applied -= 1;
    }

    /// What `schema` has against `value`, without adding it.
    pub(super) fn attempt(&mut self, schema: &'s Value, value: &Value, at: &Path<'_>) -> Found {
        let before = std::mem::take(&mut self.found);
        self.check(schema, value, at);
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
            Value::Number(_) => self.number(schema, value, at),
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
        if let Value::Object(members) = value {
            self.unevaluated(schema, members, at, self.found.total > before);
        }
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

    fn number(&mut self, schema: &Map<String, Value>, value: &Value, at: &Path<'_>) {
        for (keyword, wording) in [
            ("minimum", "is less than the minimum of"),
            ("maximum", "is more than the maximum of"),
            ("exclusiveMinimum", "is not more than"),
            ("exclusiveMaximum", "is not less than"),
        ] {
            self.leaf(schema, keyword, value, at, |limit| format!("{value} {wording} {limit}"));
        }
        self.leaf(schema, "multipleOf", value, at, |unit| format!("{value} is not a multiple of {unit}"));
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
    fn unevaluated(
        &mut self,
        schema: &'s Map<String, Value>,
        members: &Map<String, Value>,
        at: &Path<'_>,
        wrong: bool,
    ) {
        if schema.get("unevaluatedProperties") != Some(&Value::Bool(false)) {
            return;
        }
        let mut known = Vec::new();
        let everything = self.declared(schema, members, at, wrong, &mut known);
        if everything {
            return;
        }
        let noun = self.noun(at);
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let known = known.iter().copied();
            self.found.add(&at.key(name), "unevaluatedProperties", || unknown(noun, name, known));
        }
    }

    /// Collects the names that a schema declares; true when it declares any name.
    fn declared(
        &mut self,
        schema: &'s Map<String, Value>,
        members: &Map<String, Value>,
        at: &Path<'_>,
        all: bool,
        known: &mut Vec<&'s str>,
    ) -> bool {
        known.extend(map(schema, "properties").into_iter().flatten().map(|(name, _)| name.as_str()));
        if schema.contains_key("additionalProperties") || schema.contains_key("patternProperties") {
            return true;
        }
        let value = Value::Object(members.clone());
        let parts = list(schema, "allOf").iter().chain(self.branches.target(schema));
        let branches: Vec<&Value> = list(schema, "anyOf").iter().chain(list(schema, "oneOf")).collect();
        let taken = branches.into_iter().filter(|branch| all || self.attempt(branch, &value, at).total == 0);
        let taken: Vec<&Value> = taken.collect();
        parts.chain(taken).filter_map(Value::as_object).any(|part| self.declared(part, members, at, all, known))
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
        let Some(Err(error)) = self.leaves.foreign(schema).map(|validator| validator.validate(value)) else { return };
        let keyword = error.kind().keyword().to_owned();
        let inside = error.instance_path().to_string();
        self.found.add(at, &keyword, || shortened(&error.masked().to_string()).to_owned());
        if let Some(problem) = self.found.problems.last_mut() {
            problem.path.push_str(&inside);
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
