//! A schema compiled to what can be checked while a value is being read.
//!
//! The plan is exact where it speaks: what it takes is valid, and what it refuses is not. Of schemas that it has
//! no rules for it says so ([`Node::Doubt`]), and jsonschema has the word.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    rules::{Array, Object, Rules, Text},
    scalar::{self, size},
};
use crate::schema::{
    keyword::{list, map, types},
    leaf::is_foreign,
};

/// `$ref`s, and unions in unions, that are followed from one place.
const MAX_STEPS: usize = 8;

/// A bit for each property is what is kept of an object.
const MAX_PROPERTIES: usize = 64;

/// Keywords that leave what is valid to the rest of the schema.
pub(crate) const ANNOTATIONS: &[&str] = &[
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
pub(crate) type Id = usize;

/// A compiled schema: a graph, as a type may contain itself.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    pub(crate) root: Id,
    /// The rules of arguments as the items of an array.
    pub(crate) by_position: Option<Rules>,
}

/// What is known of the value at one place.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all nodes are rules")]
pub(crate) enum Node {
    /// Whatever it is, it is valid.
    Anything,
    /// Only jsonschema can tell.
    Doubt,
    Rules(Rules),
}

impl Plan {
    pub(crate) fn of(schema: &Value) -> Self {
        let mut compiler = Compiler { root: schema, nodes: vec![Node::Anything], places: HashMap::new() };
        let root = compiler.node(schema);
        let mut plan = Self { nodes: compiler.nodes, root, by_position: None };
        plan.by_position = plan.arguments().map(by_position);
        plan
    }

    /// The arguments, if the schema is of arguments that can be read one by one.
    pub(crate) fn arguments(&self) -> Option<&Object> {
        match self.node(self.root) {
            Node::Rules(rules) => rules.object.as_ref(),
            Node::Anything | Node::Doubt => None,
        }
    }

    /// Whether a value of this schema is an object, and so can be left empty, but not null.
    pub(crate) fn takes_only_objects(&self) -> bool {
        matches!(self.node(self.root), Node::Rules(Rules { null: false, object: Some(_), .. }))
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
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
pub(crate) const ANYTHING: Id = 0;

impl<'s> Compiler<'s> {
    fn node(&mut self, schema: &'s Value) -> Id {
        let schema = self.followed(schema);
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
        let schema = match self.followed(schema) {
            Value::Bool(false) => return Some(Rules::default()),
            Value::Object(schema) if steps > 0 => schema,
            _ => return None,
        };
        if let Some(keyword @ ("anyOf" | "oneOf")) = only_keyword(schema) {
            return self.union(list(schema, keyword), steps - 1);
        }
        if is_foreign(schema) || UNCHECKED.iter().any(|keyword| schema.contains_key(*keyword)) {
            return None;
        }
        if schema.contains_key("enum") || schema.contains_key("const") {
            return scalar::choices(schema);
        }
        self.by_type(schema)
    }

    /// What a schema refers to, if it does nothing else.
    fn followed(&self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_STEPS {
            let Some(members) = schema.as_object().filter(|it| only_keyword(it) == Some("$ref")) else { break };
            let target = members.get("$ref").and_then(|target| target.as_str()?.strip_prefix('#'));
            let Some(target) = target.and_then(|pointer| self.root.pointer(pointer)) else { break };
            schema = target;
        }
        schema
    }

    fn by_type(&mut self, schema: &'s Map<String, Value>) -> Option<Rules> {
        let all = Value::from(vec!["null", "boolean", "number", "string", "array", "object"]);
        let mut rules = Rules::default();
        for kind in types(schema.get("type").unwrap_or(&all)) {
            match kind {
                "null" => rules.null = true,
                "boolean" => rules.boolean = true,
                "integer" if rules.number.is_none() => rules.number = Some(scalar::number(schema, true)?),
                "integer" => {}
                "number" => rules.number = Some(scalar::number(schema, false)?),
                "string" => rules.string = Some(scalar::text(schema)?),
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

/// Arguments as the items of an array. Those that are required end with the last of them.
fn by_position(arguments: &Object) -> Rules {
    let prefix: Vec<Id> = arguments.properties.iter().map(|(_, node)| *node).collect();
    let (min, max) = ((u64::BITS - arguments.required.leading_zeros()) as usize, prefix.len());
    Rules { array: Some(Array { prefix, items: ANYTHING, min, max }), ..Rules::default() }
}

/// Keywords that are no matter of one value as it comes by.
const UNCHECKED: &[&str] = &["$ref", "allOf", "anyOf", "oneOf", "unevaluatedProperties", "uniqueItems"];

/// The keyword of a schema that has one beside annotations.
fn only_keyword(schema: &Map<String, Value>) -> Option<&str> {
    let mut keywords = schema.keys().map(String::as_str).filter(|keyword| !ANNOTATIONS.contains(keyword));
    keywords.next().filter(|_| keywords.next().is_none())
}

/// Whether a schema takes anything.
fn is_free(schema: &Value) -> bool {
    match schema {
        Value::Object(schema) => schema.keys().all(|keyword| ANNOTATIONS.contains(&keyword.as_str())),
        other => *other == Value::Bool(true),
    }
}

/// Rules for one type out of two branches; the outer `None` when `both` have some that don't go together.
#[expect(clippy::option_option, reason = "no rules, and none possible, are two things")]
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
