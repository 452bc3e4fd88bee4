//! A schema compiled to what can be checked while a value is being read.
//!
//! The plan is exact where it speaks: what it takes is valid, and what it refuses is not. Of schemas that it has
//! no rules for it says so ([`Node::Doubt`]), and jsonschema has the word.

use std::{collections::HashMap, sync::Arc};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::{
    keyword::{limit, list, map, types},
    leaf::{self, is_foreign},
};

/// `$ref`s and unions that are followed from one place.
const MAX_STEPS: usize = 8;

/// A bit for each property is what is kept of an object.
const MAX_PROPERTIES: usize = 64;

/// Keywords that leave what is valid to the rest of the schema.
const ANNOTATIONS: &[&str] = &[
    "$comment",
    "$defs",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];

/// Number of a node in its plan.
pub(super) type Id = usize;

/// A compiled schema: a graph, as a type may contain itself.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: Vec<Node>,
    pub(super) root: Id,
}

/// What is known of the value at one place.
#[derive(Debug)]
pub(super) enum Node {
    /// Whatever it is, it is valid.
    Anything,
    /// Only jsonschema can tell.
    Doubt,
    Rules(Rules),
}

/// What a value of each JSON type must be like. A type without rules is refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) null: bool,
    pub(super) boolean: bool,
    pub(super) number: Option<Number>,
    pub(super) string: Option<Text>,
    pub(super) array: Option<Array>,
    pub(super) object: Option<Object>,
}

#[derive(Debug, Clone)]
pub(super) struct Number {
    pub(super) integer: bool,
    /// The least and the greatest integer that is valid.
    pub(super) low: i128,
    pub(super) high: i128,
    /// For what is no integer, and for rules that are no range: the schema itself.
    pub(super) exact: Option<Arc<Validator>>,
    /// Whether an integer within the range is valid.
    pub(super) range_is_all: bool,
}

/// Lengths are in characters: "as defined by RFC 8259" (JSON Schema 2020-12 Validation, 6.3).
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) options: Option<Vec<Box<str>>>,
    pub(super) email: bool,
    /// Format, pattern and the like.
    pub(super) exact: Option<Arc<Validator>>,
}

#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) prefix: Vec<Id>,
    pub(super) items: Id,
    pub(super) min: usize,
    pub(super) max: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) properties: Vec<(Box<str>, Id)>,
    /// A bit for each of the properties.
    pub(super) required: u64,
    /// What the members that are no properties must be; `None` where there may be none.
    pub(super) others: Option<Id>,
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Plan {
    pub(super) fn of(schema: &Value) -> Self {
        let mut compiler = Compiler { root: schema, nodes: vec![Node::Anything], places: HashMap::new() };
        let root = compiler.node(schema);
        Self { nodes: compiler.nodes, root }
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }
}

struct Compiler<'s> {
    root: &'s Value,
    nodes: Vec<Node>,
    /// The node of each schema by the address of the schema, which stays where it is while this compiles.
    places: HashMap<*const Value, Id>,
}

/// The node that stands first.
pub(super) const ANYTHING: Id = 0;

impl<'s> Compiler<'s> {
    fn node(&mut self, schema: &'s Value) -> Id {
        if is_free(schema) {
            return ANYTHING;
        }
        let place = std::ptr::from_ref(schema);
        if let Some(id) = self.places.get(&place) {
            return *id;
        }
        let id = self.nodes.len();
        self.nodes.push(Node::Doubt);
        self.places.insert(place, id);
        if let Some(rules) = self.rules(schema, MAX_STEPS) {
            self.nodes[id] = Node::Rules(rules);
        }
        id
    }

    /// The rules of a schema, if it is of the kinds that can be checked here.
    fn rules(&mut self, schema: &'s Value, steps: usize) -> Option<Rules> {
        let schema = match schema {
            Value::Bool(false) => return Some(Rules::default()),
            Value::Object(schema) if steps > 0 => schema,
            _ => return None,
        };
        let mut keywords = schema.keys().filter(|keyword| !ANNOTATIONS.contains(&keyword.as_str()));
        if let (Some(only), None) = (keywords.next(), keywords.next()) {
            match only.as_str() {
                "$ref" => {
                    let target = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
                    return self.rules(self.root.pointer(target)?, steps - 1);
                }
                "anyOf" | "oneOf" => return self.union(list(schema, only), steps - 1),
                _ => {}
            }
        }
        if is_foreign(schema) || UNCHECKED.iter().any(|keyword| schema.contains_key(*keyword)) {
            return None;
        }
        if schema.contains_key("enum") || schema.contains_key("const") {
            return choices(schema);
        }
        self.by_type(schema)
    }

    fn by_type(&mut self, schema: &'s Map<String, Value>) -> Option<Rules> {
        let all = Value::from(vec!["null", "boolean", "number", "string", "array", "object"]);
        let mut rules = Rules::default();
        for kind in types(schema.get("type").unwrap_or(&all)) {
            match kind {
                "null" => rules.null = true,
                "boolean" => rules.boolean = true,
                "integer" if rules.number.is_none() => rules.number = Some(number(schema, true)?),
                "integer" => {}
                "number" => rules.number = Some(number(schema, false)?),
                "string" => rules.string = Some(text(schema)?),
                "array" => rules.array = Some(self.array(schema)),
                "object" => rules.object = Some(self.object(schema)?),
                _ => return None,
            }
        }
        Some(rules)
    }

    fn array(&mut self, schema: &'s Map<String, Value>) -> Array {
        Array {
            prefix: list(schema, "prefixItems").iter().map(|item| self.node(item)).collect(),
            items: schema.get("items").map_or(ANYTHING, |items| self.node(items)),
            min: size(schema, "minItems", 0),
            max: size(schema, "maxItems", usize::MAX),
        }
    }

    fn object(&mut self, schema: &'s Map<String, Value>) -> Option<Object> {
        let properties = map(schema, "properties").into_iter().flatten();
        let properties: Vec<(Box<str>, Id)> =
            properties.map(|(name, property)| (name.as_str().into(), self.node(property))).collect();
        let mut required = 0;
        for name in list(schema, "required") {
            required |= 1_u64 << properties.iter().position(|(known, _)| name == &**known).filter(|it| *it < 64)?;
        }
        let others = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(others) => Some(self.node(others)),
            None => Some(ANYTHING),
        };
        (properties.len() <= MAX_PROPERTIES).then_some(Object {
            properties,
            required,
            others,
            min: size(schema, "minProperties", 0),
            max: size(schema, "maxProperties", usize::MAX),
        })
    }

    /// A union is its branches laid side by side, where no JSON type is in two of them; then at most one of them
    /// can take a value, and `anyOf` and `oneOf` are the same.
    fn union(&mut self, branches: &'s [Value], steps: usize) -> Option<Rules> {
        let mut all = Rules::default();
        for branch in branches {
            let rules = self.rules(branch, steps)?;
            if all.null && rules.null || all.boolean && rules.boolean {
                return None;
            }
            all.null |= rules.null;
            all.boolean |= rules.boolean;
            all.number = one_of(all.number, rules.number, |_, _| None)?;
            all.string = one_of(all.string, rules.string, either_option)?;
            all.array = one_of(all.array, rules.array, |_, _| None)?;
            all.object = one_of(all.object, rules.object, either_key)?;
        }
        Some(all)
    }
}

/// Keywords that are no matter of one value as it comes by.
const UNCHECKED: &[&str] = &["$ref", "allOf", "anyOf", "oneOf", "unevaluatedProperties", "uniqueItems"];

/// Whether a schema takes anything.
fn is_free(schema: &Value) -> bool {
    match schema {
        Value::Object(schema) => schema.keys().all(|keyword| ANNOTATIONS.contains(&keyword.as_str())),
        other => *other == Value::Bool(true),
    }
}

fn one_of<T>(one: Option<T>, other: Option<T>, both: impl FnOnce(T, T) -> Option<T>) -> Option<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) => both(one, other).map(Some),
        (one, other) => Some(one.or(other)),
    }
}

/// Unit variants.
fn either_option(one: Text, other: Text) -> Option<Text> {
    let (mut options, more) = (one.options?, other.options?);
    if more.iter().any(|option| options.contains(option)) {
        return None;
    }
    options.extend(more);
    Some(Text { options: Some(options), ..other })
}

/// Externally tagged variants: each an object of one key, no two of the same.
fn either_key(mut one: Object, other: Object) -> Option<Object> {
    let is_variant = |object: &Object| {
        let by_merging = object.min == 1 && object.max == 1 && object.required == 0;
        object.others.is_none() && (by_merging || object.required == 1 && object.properties.len() == 1)
    };
    let fits = |object: &Object| object.min <= 1 && object.max >= 1;
    if !is_variant(&one) || !is_variant(&other) || !fits(&one) || !fits(&other) {
        return None;
    }
    if one.properties.len() + other.properties.len() > MAX_PROPERTIES
        || other.properties.iter().any(|(name, _)| one.properties.iter().any(|(known, _)| known == name))
    {
        return None;
    }
    one.properties.extend(other.properties);
    Some(Object { required: 0, min: 1, max: 1, ..one })
}

/// `enum` and `const` of strings and null.
fn choices(schema: &Map<String, Value>) -> Option<Rules> {
    let given = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(options)), None) => options.as_slice(),
        (None, Some(only)) => std::slice::from_ref(only),
        _ => return None,
    };
    let known = |keyword: &String| {
        ["enum", "const", "type"].contains(&keyword.as_str()) || ANNOTATIONS.contains(&keyword.as_str())
    };
    let takes = |kind: &str| schema.get("type").is_none_or(|keyword| types(keyword).any(|name| name == kind));
    if !schema.keys().all(known) {
        return None;
    }
    let mut rules = Rules::default();
    let mut options = Vec::new();
    for option in given {
        match option {
            Value::Null => rules.null = takes("null"),
            Value::String(option) if takes("string") => options.push(option.as_str().into()),
            Value::String(_) => {}
            _ => return None,
        }
    }
    if !options.is_empty() {
        rules.string = Some(Text { min: 0, max: usize::MAX, options: Some(options), email: false, exact: None });
    }
    Some(rules)
}

fn number(schema: &Map<String, Value>, integer: bool) -> Option<Number> {
    let bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let lowest = [ceiling(schema, "minimum", 0)?, ceiling(schema, "exclusiveMinimum", 1)?];
    let highest = [floor(schema, "maximum", 0)?, floor(schema, "exclusiveMaximum", 1)?];
    let range_is_all = !schema.contains_key("multipleOf");
    let is_exact = range_is_all && !bounds.iter().any(|keyword| schema.contains_key(*keyword));
    let mut keywords = bounds.to_vec();
    keywords.push("multipleOf");
    Some(Number {
        integer,
        low: lowest.into_iter().flatten().max().unwrap_or(i128::MIN),
        high: highest.into_iter().flatten().min().unwrap_or(i128::MAX),
        exact: if is_exact { None } else { Some(part(schema, &keywords)?) },
        range_is_all,
    })
}

/// The least integer that a lower bound takes. The outer `None`: the bound is beyond reckoning.
#[expect(clippy::option_option, reason = "no bound, and no bound that can be used, are two things")]
fn ceiling(schema: &Map<String, Value>, keyword: &str, beyond: i128) -> Option<Option<i128>> {
    let Some(Value::Number(limit)) = schema.get(keyword) else { return Some(None) };
    Some(Some(match limit.as_i128() {
        Some(limit) => limit + beyond,
        None => {
            let limit = small(limit.as_f64()?)?;
            if limit.fract() == 0.0 { whole(limit) + beyond } else { whole(limit.ceil()) }
        }
    }))
}

/// The greatest integer that an upper bound takes.
#[expect(clippy::option_option, reason = "no bound, and no bound that can be used, are two things")]
fn floor(schema: &Map<String, Value>, keyword: &str, beyond: i128) -> Option<Option<i128>> {
    let Some(Value::Number(limit)) = schema.get(keyword) else { return Some(None) };
    Some(Some(match limit.as_i128() {
        Some(limit) => limit - beyond,
        None => {
            let limit = small(limit.as_f64()?)?;
            if limit.fract() == 0.0 { whole(limit) - beyond } else { whole(limit.floor()) }
        }
    }))
}

/// A float that is exact as an `i128`, once it is whole.
fn small(limit: f64) -> Option<f64> {
    (limit.abs() < 1e30).then_some(limit)
}

#[expect(clippy::cast_possible_truncation, reason = "whole and small by its callers")]
fn whole(limit: f64) -> i128 {
    limit as i128
}

fn text(schema: &Map<String, Value>) -> Option<Text> {
    let exact = ["format", "pattern"].iter().any(|keyword| schema.contains_key(*keyword));
    Some(Text {
        min: size(schema, "minLength", 0),
        max: size(schema, "maxLength", usize::MAX),
        options: None,
        email: schema.get("format").is_some_and(|format| format == "email") && !schema.contains_key("pattern"),
        exact: if exact { Some(part(schema, &["format", "pattern"])?) } else { None },
    })
}

/// A validator of some keywords of a schema.
fn part(schema: &Map<String, Value>, keywords: &[&str]) -> Option<Arc<Validator>> {
    let chosen = schema.iter().filter(|(keyword, _)| keywords.contains(&keyword.as_str()));
    let chosen: Map<String, Value> = chosen.map(|(keyword, value)| (keyword.clone(), value.clone())).collect();
    leaf::validator(&Value::Object(chosen)).ok().map(Arc::new)
}

fn size(schema: &Map<String, Value>, keyword: &str, without: usize) -> usize {
    limit(schema, keyword).map_or(without, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
