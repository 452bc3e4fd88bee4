//! A JSON Schema, read as far as a command line needs it.

use std::ops::BitOr;

use serde_json::{Map, Value, value::RawValue};

/// A schema, and the document that its references point into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'a> {
    document: &'a Value,
    /// With its references followed.
    schema: &'a Value,
    /// Where a reference stands, other keywords may stand beside it, such as a default.
    beside: &'a Value,
}

/// References that lead on and on are given up.
const DEPTH: usize = 16;

impl<'a> Schema<'a> {
    fn new(document: &'a Value, schema: &'a Value) -> Self {
        Self { document, schema: follow(document, schema), beside: schema }
    }

    /// A schema whose references lead into itself.
    pub(crate) fn whole(schema: &'a Value) -> Self {
        Self::new(schema, schema)
    }

    /// Of what is not known.
    pub(crate) const fn unknown() -> Self {
        Self { document: &Value::Null, schema: &Value::Null, beside: &Value::Null }
    }

    pub(crate) fn is_unknown(self) -> bool {
        self.schema.is_null()
    }

    pub(crate) fn at(self, schema: &'a Value) -> Self {
        Self::new(self.document, schema)
    }

    pub(crate) fn get(self, keyword: &str) -> Option<&'a Value> {
        self.beside.get(keyword).or_else(|| self.schema.get(keyword))
    }

    pub(crate) fn text(self, keyword: &str) -> Option<&'a str> {
        self.get(keyword)?.as_str()
    }

    /// The schemas that a keyword such as `anyOf` lists.
    pub(crate) fn list(self, keyword: &str) -> impl Iterator<Item = Schema<'a>> {
        self.get(keyword).and_then(Value::as_array).into_iter().flatten().map(move |schema| self.at(schema))
    }

    /// The names of the members of an object, in order.
    pub(crate) fn names(self) -> impl Iterator<Item = &'a String> {
        self.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys)
    }

    /// The schema of a member, also of one that only some alternatives have.
    pub(crate) fn property(self, name: &str) -> Option<Self> {
        self.property_within(name, DEPTH)
    }

    /// The schema of members without one of their own, where there is one.
    pub(crate) fn other_members(self) -> Option<Self> {
        self.get("additionalProperties").filter(|schema| schema.is_object()).map(|schema| self.at(schema))
    }

    /// The schema of the items of a list, where all have the same.
    pub(crate) fn items(self) -> Option<Self> {
        self.items_within(DEPTH)
    }

    fn items_within(self, depth: usize) -> Option<Self> {
        if let Some(schema) = self.get("items").filter(|schema| schema.is_object()) {
            return Some(self.at(schema));
        }
        let depth = depth.checked_sub(1)?;
        let mut parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|keyword| self.list(keyword));
        parts.find_map(|part| part.items_within(depth))
    }

    fn property_within(self, name: &str, depth: usize) -> Option<Self> {
        if let Some(schema) = self.get("properties").and_then(|properties| properties.get(name)) {
            return Some(self.at(schema));
        }
        let depth = depth.checked_sub(1)?;
        let mut parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|keyword| self.list(keyword));
        parts.find_map(|part| part.property_within(name, depth))
    }

    /// The values that it lists, if it does.
    pub(crate) fn choices(self) -> Option<Vec<&'a Value>> {
        self.choices_within(DEPTH)
    }

    fn choices_within(self, depth: usize) -> Option<Vec<&'a Value>> {
        if let Some(value) = self.get("const") {
            return Some(vec![value]);
        }
        if let Some(Value::Array(values)) = self.get("enum") {
            return Some(values.iter().collect());
        }
        let depth = depth.checked_sub(1)?;
        // An enum whose variants have descriptions, or one that may be left out.
        let alternatives = self.list("oneOf").chain(self.list("anyOf"));
        let choices = |schema: Schema<'a>| match schema.kinds() {
            Kinds::NULL => Some(Vec::new()),
            _ => schema.choices_within(depth),
        };
        let lists: Option<Vec<_>> = alternatives.map(choices).collect();
        lists.map(|lists| lists.concat()).filter(|list| !list.is_empty())
    }

    /// The kinds of values that it takes.
    pub(crate) fn kinds(self) -> Kinds {
        self.kinds_within(DEPTH)
    }

    fn kinds_within(self, depth: usize) -> Kinds {
        if depth == 0 {
            return Kinds::ANY;
        }
        if let Some(value) = self.get("const") {
            return Kinds::of(value);
        }
        if let Some(Value::Array(values)) = self.get("enum") {
            return union(values.iter().map(Kinds::of));
        }
        match self.get("type") {
            Some(Value::String(name)) => return Kinds::named(name),
            Some(Value::Array(names)) => return union(names.iter().filter_map(Value::as_str).map(Kinds::named)),
            _ => {}
        }
        for keyword in ["anyOf", "oneOf"] {
            if self.get(keyword).is_some() {
                return union(self.list(keyword).map(|schema| schema.kinds_within(depth - 1)));
            }
        }
        self.list("allOf").fold(Kinds::ANY, |kinds, schema| kinds.and(schema.kinds_within(depth - 1)))
    }
}

/// The schema that a reference means.
fn follow<'a>(document: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..DEPTH {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else { break };
        let Some(target) = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer)) else { break };
        schema = target;
    }
    schema
}

/// Kinds of JSON values, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const NUMBER: Self = Self(4);
    pub(crate) const STRING: Self = Self(8);
    pub(crate) const ARRAY: Self = Self(16);
    pub(crate) const OBJECT: Self = Self(32);
    pub(crate) const ANY: Self = Self(63);
    const NONE: Self = Self(0);

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" | "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::ANY,
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The kind of a JSON text.
    pub(crate) fn of_json(json: &RawValue) -> Self {
        match json.get().as_bytes().first() {
            Some(b'n') => Self::NULL,
            Some(b't' | b'f') => Self::BOOLEAN,
            Some(b'"') => Self::STRING,
            Some(b'[') => Self::ARRAY,
            Some(b'{') => Self::OBJECT,
            _ => Self::NUMBER,
        }
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn takes(self, kind: Self) -> bool {
        self.and(kind) == kind
    }

    pub(crate) fn takes_text(self) -> bool {
        self.takes(Self::STRING)
    }

    pub(crate) fn takes_objects(self) -> bool {
        self.takes(Self::OBJECT)
    }

    pub(crate) fn takes_all(self) -> bool {
        self == Self::ANY
    }
}

impl BitOr for Kinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

fn union(kinds: impl Iterator<Item = Kinds>) -> Kinds {
    kinds.fold(Kinds::NONE, BitOr::bitor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(schema: &Value) -> Kinds {
        let document = json!({ "components": { "schemas": {
            "Role": { "oneOf": [{ "const": "member" }, { "const": "admin" }] },
            "Loop": { "anyOf": [{ "$ref": "#/components/schemas/Loop" }] },
        } } });
        Schema::new(&document, schema).kinds()
    }

    #[test]
    fn kinds_are_found_through_references_and_alternatives() {
        let role = json!({ "$ref": "#/components/schemas/Role" });
        assert_eq!(kinds(&role), Kinds::STRING);
        assert_eq!(kinds(&json!({ "anyOf": [role, { "type": "null" }] })), Kinds::STRING | Kinds::NULL);
        assert_eq!(kinds(&json!({ "type": ["integer", "null"] })), Kinds::NUMBER | Kinds::NULL);
        assert_eq!(kinds(&json!({ "enum": [1, true] })), Kinds::NUMBER | Kinds::BOOLEAN);
        assert_eq!(kinds(&json!({ "allOf": [{ "type": "object" }, {}] })), Kinds::OBJECT);
        assert_eq!(kinds(&json!({})), Kinds::ANY);
        assert_eq!(kinds(&json!({ "$ref": "#/components/schemas/Loop" })), Kinds::ANY);
        assert_eq!(kinds(&json!({ "$ref": "#/nowhere" })), Kinds::ANY);
    }

    #[test]
    fn choices_are_those_of_all_alternatives() {
        let schema = json!({ "anyOf": [{ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }] }, { "type": "null" }] });
        assert_eq!(Schema::new(&Value::Null, &schema).choices(), Some(vec![&json!("a"), &json!("b"), &json!("c")]));
        let open = json!({ "anyOf": [{ "const": "a" }, { "type": "string" }] });
        assert_eq!(Schema::new(&Value::Null, &open).choices(), None);
        let cycle = json!({ "$defs": { "A": { "anyOf": [{ "$ref": "#/$defs/A" }] } } });
        let cycle = Schema::new(&cycle, &cycle["$defs"]["A"]);
        assert_eq!((cycle.choices(), cycle.property("a").map(Schema::kinds)), (None, None));
    }

    #[test]
    fn members_are_found_in_alternatives() {
        let schema = json!({
            "properties": { "a": { "type": "null" } },
            "oneOf": [{ "properties": { "b": { "type": "string" } } }, { "properties": { "c": { "type": "array" } } }],
        });
        let kinds = |name| Schema::whole(&schema).property(name).map(Schema::kinds);
        assert_eq!((kinds("a"), kinds("b"), kinds("c")), (Some(Kinds::NULL), Some(Kinds::STRING), Some(Kinds::ARRAY)));
        assert_eq!(kinds("d"), None);
    }
}
