//! A value that a schema takes, to show how a call looks.

use std::cell::Cell;

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

use crate::schema::{limit, list, map, types};

/// Schemas within one another that are followed; beyond, what may be left out is.
const MAX_DEPTH: usize = 12;

/// Beyond so many values an example shows nothing. A schema that refers to itself in many places would never end.
const MAX_VALUES: usize = 10_000;

/// A value for `schema`, whose references lead into `root`; `name` is what a text without meaning says.
pub(super) fn of(root: &Value, schema: &Value, name: &str) -> Value {
    Maker { root, name, number: 0, depth: 0, made: &Cell::new(0) }.value(schema)
}

#[derive(Clone, Copy)]
struct Maker<'a> {
    root: &'a Value,
    name: &'a str,
    /// That of the item within its array: no two are to be the same.
    number: usize,
    depth: usize,
    /// How many values there are.
    made: &'a Cell<usize>,
}

impl<'a> Maker<'a> {
    fn value(mut self, schema: &'a Value) -> Value {
        self.made.update(|made| made + 1);
        let Value::Object(schema) = schema else { return self.name.into() };
        self.depth += 1;
        if self.depth > MAX_DEPTH || self.made.get() > MAX_VALUES {
            return Value::Null;
        }
        if let Some(given) = self.given(schema) {
            return given.clone();
        }
        let parts = self.parts(schema).into_iter().map(|part| self.value(part));
        let own = self.own(schema);
        parts.chain(own).reduce(merged).unwrap_or_else(|| self.name.into())
    }

    /// A value that the schema itself names.
    fn given(self, schema: &'a Map<String, Value>) -> Option<&'a Value> {
        let examples = list(schema, "examples");
        let options = list(schema, "enum");
        let nth = |values: &'a [Value]| values.get(self.number).or(values.first());
        nth(examples)
            .or_else(|| schema.get("const"))
            .or_else(|| schema.get("default").filter(|default| self.number == 0 && !default.is_null()))
            .or_else(|| nth(options))
    }

    /// The schemas that apply as well: what is referred to, and of each union the first branch that is not null.
    fn parts(self, schema: &'a Map<String, Value>) -> Vec<&'a Value> {
        let target = schema.get("$ref").and_then(|target| self.root.pointer(target.as_str()?.strip_prefix('#')?));
        let unions = ["anyOf", "oneOf"].into_iter().filter_map(|keyword| {
            let branches = list(schema, keyword);
            let simple = |branch: &&Value| branch["type"] != "null";
            branches.iter().filter(simple).nth(self.number).or_else(|| branches.iter().find(simple))
        });
        target.into_iter().chain(unions).chain(list(schema, "allOf")).collect()
    }

    /// What the schema says of its own type; `None` where it names none.
    fn own(self, schema: &'a Map<String, Value>) -> Option<Value> {
        let names: Vec<&str> = schema.get("type").into_iter().flat_map(types).collect();
        let kind = names.iter().copied().find(|name| *name != "null").or(names.last().copied());
        Some(match kind {
            Some("string") => self.text(schema).into(),
            Some("integer") => self.integer(schema),
            Some("number") => number(schema),
            Some("boolean") => (self.number.is_multiple_of(2)).into(),
            Some("null") => Value::Null,
            Some("array") => self.array(schema),
            Some("object") => self.object(schema),
            _ if schema.contains_key("properties") => self.object(schema),
            _ => return None,
        })
    }

    fn text(self, schema: &Map<String, Value>) -> String {
        if let Some(text) = schema.get("format").and_then(|format| formatted(format.as_str()?)) {
            return text.into();
        }
        let size = |keyword: &str| limit(schema, keyword).and_then(|limit| usize::try_from(limit).ok());
        let least = size("minLength").unwrap_or(0);
        if let Some(text) = schema.get("pattern").and_then(|pattern| matching(pattern.as_str()?, least)) {
            return text;
        }
        let word = if self.name.is_empty() { "text" } else { self.name };
        let text = if self.number == 0 { word.to_owned() } else { format!("{}{word}", self.number + 1) };
        let length = text.chars().count().max(least).min(size("maxLength").unwrap_or(MAX_VALUES)).min(MAX_VALUES);
        text.chars().cycle().take(length).collect()
    }

    fn integer(self, schema: &Map<String, Value>) -> Value {
        let bound = |keyword: &str| schema.get(keyword).and_then(whole);
        let low = bound("minimum").or_else(|| Some(bound("exclusiveMinimum")? + 1)).unwrap_or(i128::MIN);
        let high = bound("maximum").or_else(|| Some(bound("exclusiveMaximum")? - 1)).unwrap_or(i128::MAX);
        let step = bound("multipleOf").filter(|step| *step > 0).unwrap_or(1);
        let first = low.max(high.min(1));
        let first = first.div_euclid(step) * step + if first.rem_euclid(step) == 0 { 0 } else { step };
        let value = first.saturating_add(step.saturating_mul(self.number as i128));
        serde_json::Number::from_i128(value).map_or(json!(1), Value::Number)
    }

    fn array(self, schema: &'a Map<String, Value>) -> Value {
        let prefix = list(schema, "prefixItems");
        let rest = schema.get("items").filter(|items| **items != Value::Bool(false));
        let size = |keyword: &str| limit(schema, keyword).and_then(|limit| usize::try_from(limit).ok());
        // One item shows what an item is, unless the array would be in itself without an end.
        let shown = prefix.len().max(usize::from(rest.is_some() && self.depth < MAX_DEPTH / 2));
        let length = shown.max(size("minItems").unwrap_or(0)).min(size("maxItems").unwrap_or(MAX_VALUES));
        let item = |number| {
            let schema = prefix.get(number).or(rest).unwrap_or(&Value::Null);
            Maker { number, ..self }.value(schema)
        };
        (0..length).take_while(|_| self.made.get() <= MAX_VALUES).map(item).collect()
    }

    /// The required members, and one of those that have no names of their own.
    fn object(self, schema: &'a Map<String, Value>) -> Value {
        let properties = map(schema, "properties");
        let required = list(schema, "required").iter().filter_map(Value::as_str);
        let member = |name: &'a str| {
            let schema = properties.and_then(|all| all.get(name)).unwrap_or(&Value::Bool(true));
            (name.to_owned(), Maker { name, number: 0, ..self }.value(schema))
        };
        let mut members: Map<String, Value> = required.map(member).collect();
        let least = limit(schema, "minProperties").and_then(|least| usize::try_from(least).ok()).unwrap_or(0);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let wanted = if properties.is_none() && others.is_some() { least.max(1) } else { least };
        for (name, schema) in properties.into_iter().flatten() {
            if members.len() < wanted && !members.contains_key(name) {
                members.insert(name.clone(), Maker { name, number: 0, ..self }.value(schema));
            }
        }
        for number in members.len()..wanted.min(MAX_VALUES) {
            let value = Maker { number, name: "value", ..self }.value(others.unwrap_or(&Value::Bool(true)));
            members.insert(if number == 0 { "key".into() } else { format!("key{}", number + 1) }, value);
        }
        Value::Object(members)
    }
}

/// Two schemas that both apply to a value: of objects the members of both.
fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                one.entry(name).or_insert(value);
            }
            Value::Object(one)
        }
        (one, _) => one,
    }
}

fn number(schema: &Map<String, Value>) -> Value {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let (least, above) = (bound("minimum"), bound("exclusiveMinimum"));
    let (most, below) = (bound("maximum"), bound("exclusiveMaximum"));
    let (low, high) = (least.or(above).unwrap_or(f64::MIN), most.or(below).unwrap_or(f64::MAX));
    if let Some(unit) = bound("multipleOf").filter(|unit| *unit > 0.0) {
        return json!((low.max(unit) / unit).ceil() * unit);
    }
    let fits = |value: f64| {
        least.is_none_or(|least| value >= least)
            && above.is_none_or(|above| value > above)
            && most.is_none_or(|most| value <= most)
            && below.is_none_or(|below| value < below)
    };
    let between = if low.is_finite() && high.is_finite() { low / 2.0 + high / 2.0 } else { 0.0 };
    let found = [1.5, 0.5, low, low + 1.0, high, high - 1.0, between].into_iter().find(|value| fits(*value));
    json!(found.unwrap_or(1.5))
}

/// A bound as an integer that is inside of it.
#[expect(clippy::cast_possible_truncation, reason = "a bound beyond 128 bits is met by no number")]
fn whole(bound: &Value) -> Option<i128> {
    let number = bound.as_number()?;
    number.as_i128().or_else(|| Some(number.as_f64()?.ceil() as i128))
}

fn formatted(format: &str) -> Option<&'static str> {
    Some(match format {
        "email" | "idn-email" => "ann@example.com",
        "uri" | "iri" | "uri-reference" | "iri-reference" => "https://example.com/",
        "date-time" => "2026-01-31T12:00:00Z",
        "date" => "2026-01-31",
        "time" => "12:00:00Z",
        "duration" => "PT1H",
        "uuid" => "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "ipv4" | "ip" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "hostname" | "idn-hostname" => "example.com",
        "regex" => "^a+$",
        "json-pointer" => "/a",
        _ => return None,
    })
}

/// The repetitions beyond those that a pattern asks for which are tried to make a text long enough.
const MAX_SPARE: u32 = 64;

/// A short text that a pattern has, of at least so many characters where it can be.
fn matching(pattern: &str, least: usize) -> Option<String> {
    let pattern = regex_syntax::parse(pattern).ok()?;
    let mut texts = (0..=MAX_SPARE).map(|spare| {
        let mut text = String::new();
        write(&pattern, spare, &mut text);
        text
    });
    texts.find(|text| text.chars().count() >= least)
}

fn write(pattern: &Hir, spare: u32, text: &mut String) {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            text.extend(plainest(class.ranges().iter().map(|range| (range.start(), range.end()))));
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.extend(plainest(class.ranges().iter().map(|range| (range.start().into(), range.end().into()))));
        }
        HirKind::Repetition(repetition) => {
            let times = repetition.min.saturating_add(spare).min(repetition.max.unwrap_or(u32::MAX));
            for _ in 0..times {
                let before = text.len();
                write(&repetition.sub, spare, text);
                if text.len() == before || text.len() > MAX_VALUES {
                    break;
                }
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, spare, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, spare, text)),
        HirKind::Alternation(branches) => branches.first().into_iter().for_each(|branch| write(branch, spare, text)),
    }
}

/// A letter or digit of some ranges, if they have one.
fn plainest(ranges: impl Iterator<Item = (char, char)>) -> Option<char> {
    let ranges: Vec<_> = ranges.collect();
    let has = |char: &char| ranges.iter().any(|(start, end)| (start..=end).contains(&char));
    ['a', 'A', '0'].into_iter().find(has).or_else(|| Some(ranges.first()?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_an_end() {
        let itself: Vec<Value> = vec![json!({ "$ref": "#/$defs/A" }); 50];
        let root = json!({ "$defs": { "A": { "allOf": itself, "type": "array", "items": { "anyOf": itself } } } });
        assert!(of(&root, &json!({ "$ref": "#/$defs/A" }), "a").to_string().len() < 100 * MAX_VALUES);
        let many = json!({ "type": "array", "items": true, "minItems": 1_000_000_000 });
        assert!(of(&many, &many, "a").as_array().unwrap().len() <= MAX_VALUES);
        let long = json!({ "type": "string", "minLength": 1_000_000_000 });
        assert!(of(&long, &long, "a").as_str().unwrap().len() <= MAX_VALUES);
        let patterned = json!({ "type": "string", "pattern": "(a{1000}){1000}" });
        assert!(of(&patterned, &patterned, "a").is_string());
    }

    #[test]
    fn what_the_schema_gives_as_an_example_is_one() {
        for (schema, wanted) in [
            (json!({ "type": "string", "examples": ["x", "y"] }), json!("x")),
            (json!({ "type": "integer", "default": 7 }), json!(7)),
            (json!({ "enum": ["a", "b"] }), json!("a")),
            (json!({ "type": "string", "format": "email" }), json!("ann@example.com")),
            (json!({ "type": "string", "pattern": "^[A-Z]{2}-\\d+$", "minLength": 5 }), json!("AA-00")),
            (json!({ "type": "string", "minLength": 6 }), json!("namena")),
            (json!({ "type": "integer", "minimum": 5, "multipleOf": 4 }), json!(8)),
            (json!({ "type": "integer", "exclusiveMaximum": -3 }), json!(-4)),
            (json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1 }), json!(0.5)),
            (json!({ "anyOf": [{ "type": "null" }, { "type": "boolean" }] }), json!(true)),
            (
                json!({ "type": "array", "items": { "type": "integer" }, "minItems": 2, "uniqueItems": true }),
                json!([1, 2]),
            ),
            (json!({ "type": "object", "additionalProperties": { "type": "integer" } }), json!({ "key": 1 })),
            (json!({ "type": "object" }), json!({})),
        ] {
            assert_eq!(of(&schema, &schema, "name"), wanted, "{schema}");
        }
    }
}
