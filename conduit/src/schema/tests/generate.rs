//! Values and schemas out of a tape of numbers.
//!
//! proptest makes the tape and shrinks it; an exhausted tape reads as zeros, and zero is always the plainest
//! choice, so that failures come out small.

use serde_json::{Map, Value, json};

use crate::schema::keyword::{limit, list, map, types};

#[derive(Debug, Clone)]
pub(super) struct Tape {
    numbers: Vec<u32>,
    at: usize,
}

impl Tape {
    pub(super) fn new(numbers: Vec<u32>) -> Self {
        Self { numbers, at: 0 }
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        number as usize % bound.max(1)
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

const KEYS: [&str; 10] = ["a", "b", "x", "city", "kind", "c", "Line", "a/b~c", "é", ""];

/// Any JSON value.
pub(super) fn anything(tape: &mut Tape, depth: usize) -> Value {
    match tape.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(tape.below(300)),
        2 => json!(tape.once_in(2)),
        3 => string(tape, 0, 6),
        4 => number(tape, &Map::new()),
        5 => json!(*tape.pick(&["red", "Dot", "cash", "u", "1"])),
        6 => (0..tape.below(4)).map(|_| anything(tape, depth - 1)).collect(),
        _ => (0..tape.below(4)).map(|_| ((*tape.pick(&KEYS)).to_owned(), anything(tape, depth - 1))).collect(),
    }
}

/// A value that is valid under `schema`, or nearly so.
pub(super) fn value(root: &Value, schema: &Value, tape: &mut Tape, depth: usize) -> Value {
    if tape.once_in(30) {
        return anything(tape, 2);
    }
    let Value::Object(schema) = schema else { return anything(tape, 1) };
    if depth == 0 {
        return anything(tape, 0);
    }
    let mut parts = Vec::new();
    if let Some(target) = schema.get("$ref").and_then(|target| root.pointer(target.as_str()?.strip_prefix('#')?)) {
        parts.push(value(root, target, tape, depth - 1));
    }
    for keyword in ["anyOf", "oneOf"] {
        if let branches @ [_, ..] = list(schema, keyword) {
            let branch = tape.pick(branches).clone();
            parts.push(value(root, &branch, tape, depth - 1));
        }
    }
    parts.extend(list(schema, "allOf").iter().map(|part| value(root, part, tape, depth - 1)));
    if let Some(own) = own(root, schema, tape, depth) {
        parts.push(own);
    }
    let merged = parts.into_iter().reduce(|one, other| match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            Value::Object(one)
        }
        (_, other) => other,
    });
    merged.unwrap_or_else(|| anything(tape, 1))
}

fn own(root: &Value, schema: &Map<String, Value>, tape: &mut Tape, depth: usize) -> Option<Value> {
    if let Some(only) = schema.get("const") {
        return Some(only.clone());
    }
    if let Some(Value::Array(options)) = schema.get("enum") {
        return Some(tape.pick(options).clone());
    }
    let kinds: Vec<&str> = types(schema.get("type")?).collect();
    Some(match *tape.pick(&kinds) {
        "null" => Value::Null,
        "boolean" => json!(tape.once_in(2)),
        "integer" if !tape.once_in(10) => integer(tape, schema),
        "integer" | "number" => number(tape, schema),
        "string" => text(tape, schema),
        "array" => array(root, schema, tape, depth),
        _ => object(root, schema, tape, depth),
    })
}

fn integer(tape: &mut Tape, schema: &Map<String, Value>) -> Value {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    let (low, high) = (bound("minimum").unwrap_or(-10), bound("maximum").unwrap_or(1000));
    json!(match tape.below(8) {
        0 | 1 => low.max(0).min(high),
        2 => low,
        3 => high,
        4 => low.saturating_sub(1),
        5 => high.saturating_add(1),
        _ => low.saturating_add(tape.below(5).try_into().unwrap()),
    })
}

fn number(tape: &mut Tape, schema: &Map<String, Value>) -> Value {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let limits = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].into_iter().filter_map(bound);
    let mut choices: Vec<f64> = limits.flat_map(|limit| [limit, limit + 0.5, limit - 0.5, limit.next_up()]).collect();
    choices.extend([0.0, 1.5, -0.0, 3.0, 1e19, -9.3e18, 9_007_199_254_740_993.0, 0.1, 1e300, -1e-300, 255.0, 256.0]);
    let exact = [json!(u64::MAX), json!(i64::MIN), json!(i64::MAX), json!(1), json!(i64::MAX as u64 + 1)];
    if tape.once_in(4) { tape.pick(&exact).clone() } else { json!(*tape.pick(&choices)) }
}

const SAMPLES: [&str; 20] = [
    "a@b.example",
    "A.b+c-d_e@mail.example.org",
    "a@b",
    "a@1.2",
    "a..b@c.de",
    "\"a b\"@c.de",
    "a@xn--4ca.de",
    "a@-b.de",
    "a@[127.0.0.1]",
    "12345",
    "AB123456",
    "2024-02-29T12:00:00Z",
    "2023-02-29T12:00:00Z",
    "http://x.example/a?b#c",
    "http://[::1",
    "127.0.0.1",
    "::1",
    "67e55044-10b1-426f-9247-bb680e5fe0c8",
    "red",
    "text",
];

fn text(tape: &mut Tape, schema: &Map<String, Value>) -> Value {
    if tape.once_in(4) || schema.contains_key("format") || schema.contains_key("pattern") {
        return json!(*tape.pick(&SAMPLES));
    }
    string(tape, length(schema, "minLength", 0), length(schema, "maxLength", 6))
}

/// A string about as long as it must be.
fn string(tape: &mut Tape, min: usize, max: usize) -> Value {
    let length = match tape.below(6) {
        0 | 1 => min.max(1).min(max),
        2 => max,
        3 => max + 1,
        4 => min.saturating_sub(1),
        _ => min + tape.below(4),
    };
    let alphabet = ['a', '1', 'é', '日', '😀', '"', '\n', 'e'];
    let char = *tape.pick(&alphabet);
    Value::String(std::iter::repeat_n(char, length).collect())
}

fn length(schema: &Map<String, Value>, keyword: &str, without: usize) -> usize {
    limit(schema, keyword).map_or(without, |limit| limit.min(50) as usize)
}

fn array(root: &Value, schema: &Map<String, Value>, tape: &mut Tape, depth: usize) -> Value {
    let (min, max) = (length(schema, "minItems", 0), length(schema, "maxItems", 3));
    let count = match tape.below(8) {
        0..=3 => min.max(1).min(max),
        4 => max,
        5 => max + 1,
        6 => min.saturating_sub(1),
        _ => min + tape.below(3),
    };
    let part = |index: usize| list(schema, "prefixItems").get(index).or_else(|| schema.get("items"));
    (0..count).map(|index| part(index).map_or(json!(index), |part| value(root, part, tape, depth - 1))).collect()
}

fn object(root: &Value, schema: &Map<String, Value>, tape: &mut Tape, depth: usize) -> Value {
    let mut members = Map::new();
    let required = list(schema, "required");
    for (name, part) in map(schema, "properties").into_iter().flatten() {
        let is_required = required.iter().any(|required| required == name);
        if is_required && !tape.once_in(20) || !is_required && tape.once_in(2) {
            members.insert(name.clone(), value(root, part, tape, depth - 1));
        }
    }
    if tape.once_in(12) || schema.get("additionalProperties").is_some_and(Value::is_object) {
        for _ in 0..=tape.below(2) {
            let part = schema.get("additionalProperties").unwrap_or(&Value::Null);
            members.insert((*tape.pick(&KEYS)).to_owned(), value(root, part, tape, depth - 1));
        }
    }
    if tape.once_in(6) {
        members.sort_keys();
    }
    Value::Object(members)
}

/// A value as text, some of it in an unusual way: `1.0` for `1`, `\u0061` for `a`, a member twice.
pub(super) fn write(value: &Value, tape: &mut Tape) -> String {
    let space = if tape.once_in(20) { " " } else { "" };
    match value {
        Value::Number(number) if !number.is_f64() && tape.once_in(12) => {
            format!("{number}{}", tape.pick(&[".0", "e0", ".5", "E+0"]))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| write(item, tape)).collect();
            format!("[{space}{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut texts = Vec::new();
            for (key, member) in members {
                let key = if tape.once_in(12) && key == "a" { r#""\u0061""#.into() } else { json!(key).to_string() };
                texts.push(format!("{key}:{space}{}", write(member, tape)));
                if tape.once_in(80) {
                    texts.push(format!("{key}:{}", write(member, tape)));
                }
            }
            format!("{{{}{space}}}", texts.join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// What a schema may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Keywords that the plan has rules for.
    Plain,
    /// Also unions and what has to be asked for.
    Any,
}

/// A schema with definitions that may refer to one another.
pub(super) fn schema(kind: Kind, tape: &mut Tape) -> Value {
    let mut root = part(kind, tape, 3);
    // A definition that only refers to a definition could refer to itself, and mean nothing.
    let mut def =
        || Some(part(kind, tape, 2)).filter(|part| part.get("$ref").is_none()).unwrap_or(json!({"type": "null"}));
    let defs = json!({"A": def(), "B": def()});
    if let Value::Object(root) = &mut root {
        root.insert("$defs".into(), defs);
    } else {
        return json!({"$ref": "#/$defs/A", "$defs": defs});
    }
    root
}

fn part(kind: Kind, tape: &mut Tape, depth: usize) -> Value {
    let choices = match (kind, depth) {
        (_, 0) => 6,
        (Kind::Plain, _) => 9,
        (Kind::Any, _) => 12,
    };
    match tape.below(choices) {
        0 => schema_of_integers(tape),
        1 => schema_of_strings(tape),
        2 => json!({"type": *tape.pick(&["null", "boolean", "string", "number"])}),
        3 => json!({"enum": *tape.pick(&[&["red", "u"][..], &["Dot"], &["1", "a", "é"]])}),
        4 => tape
            .pick(&[
                json!(true),
                json!({}),
                json!({"const": "u"}),
                json!(false),
                json!({"type": ["string", "null"], "maxLength": 2}),
            ])
            .clone(),
        5 => {
            json!({"type": "number", *tape.pick(&["minimum", "exclusiveMaximum", "exclusiveMinimum"]): *tape.pick(&[0.5, 3.0, -1.0, 1e19])})
        }
        6 => schema_of_objects(kind, tape, depth),
        7 => schema_of_arrays(kind, tape, depth),
        8 => json!({"$ref": *tape.pick(&["#/$defs/A", "#/$defs/B"]), "description": "of which nothing follows"}),
        9 if tape.once_in(2) => json!({"anyOf": [part(kind, tape, depth - 1), part(kind, tape, depth - 1)]}),
        9 => json!({"anyOf": [part(kind, tape, depth - 1), {"type": "null"}]}),
        10 => schema_of_enums(kind, tape, depth),
        _ => match tape.below(5) {
            0 => json!({"not": part(kind, tape, 0)}),
            1 => json!({"allOf": [part(kind, tape, depth - 1), part(kind, tape, depth - 1)]}),
            2 => json!({"type": "array", "uniqueItems": true, "items": part(kind, tape, depth - 1)}),
            3 => {
                json!({"type": "object", "patternProperties": {"^[a-c]": part(kind, tape, depth - 1)}, "additionalProperties": tape.once_in(2)})
            }
            _ => json!({"type": "integer", "multipleOf": 3, "maximum": 100}),
        },
    }
}

fn schema_of_integers(tape: &mut Tape) -> Value {
    let mut schema = json!({"type": "integer"});
    for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
        if tape.once_in(3) {
            let limits = [
                json!(0),
                json!(-3),
                json!(200),
                json!(i64::MAX),
                json!(u64::MAX),
                json!(i64::MIN),
                json!(1.5),
                json!(7.0),
                json!(1e20),
            ];
            schema[keyword] = tape.pick(&limits).clone();
        }
    }
    schema
}

fn schema_of_strings(tape: &mut Tape) -> Value {
    let mut schema = json!({"type": "string"});
    if tape.once_in(2) {
        schema["minLength"] = json!(tape.below(4));
    }
    if tape.once_in(2) {
        schema["maxLength"] = json!(tape.below(6));
    }
    if tape.once_in(4) {
        schema["pattern"] = json!(*tape.pick(&["^[0-9]{5}$", "a", "^\\p{L}+$", "\\d"]));
    }
    if tape.once_in(2) {
        schema["format"] = json!(*tape.pick(&["email", "date-time", "uri", "uuid", "ipv4", "ipv6", "ip", "int32"]));
    }
    schema
}

fn schema_of_objects(kind: Kind, tape: &mut Tape, depth: usize) -> Value {
    let names: Vec<&str> = KEYS.iter().copied().filter(|_| tape.once_in(3)).collect();
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), part(kind, tape, depth - 1))).collect();
    let required: Vec<&str> = names.into_iter().filter(|_| tape.once_in(2)).collect();
    let mut schema = json!({"type": "object", "properties": properties, "required": required});
    match tape.below(4) {
        0 => schema["additionalProperties"] = json!(false),
        1 => schema["additionalProperties"] = part(kind, tape, depth - 1),
        _ => {}
    }
    if tape.once_in(8) {
        schema[*tape.pick(&["minProperties", "maxProperties"])] = json!(tape.below(3));
    }
    schema
}

fn schema_of_arrays(kind: Kind, tape: &mut Tape, depth: usize) -> Value {
    let mut schema = json!({"type": "array"});
    if tape.once_in(3) {
        schema["prefixItems"] = (0..=tape.below(2)).map(|_| part(kind, tape, depth - 1)).collect();
    }
    if !tape.once_in(4) {
        schema["items"] = part(kind, tape, depth - 1);
    }
    if tape.once_in(3) {
        schema["minItems"] = json!(tape.below(3));
    }
    if tape.once_in(3) {
        schema["maxItems"] = json!(tape.below(4));
    }
    schema
}

/// Enums as serde writes them.
fn schema_of_enums(kind: Kind, tape: &mut Tape, depth: usize) -> Value {
    let mut inner = || part(kind, tape, depth - 1);
    let (one, two, three) = (inner(), inner(), inner());
    let variant = |name: &str, inner: &Value| json!({"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": false});
    let tagged = |name: &str, inner: &Value| json!({"type": "object", "properties": {"kind": {"type": "string", "const": name}, "c": inner}, "required": ["kind"]});
    match tape.below(4) {
        0 => json!({"oneOf": [{"type": "string", "enum": ["Dot", "u"]}, variant("Line", &one), variant("a", &two)]}),
        1 => json!({"oneOf": [tagged("u", &one), tagged("cash", &two)]}),
        2 => json!({"oneOf": [{"type": "string", "const": "Dot"}, {"type": "string", "enum": ["red"]}]}),
        _ => json!({"anyOf": [one, two, three]}),
    }
}
