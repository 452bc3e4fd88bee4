//! Reading typed arguments from the text of params.

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Visitor},
    forward_to_deserialize_any,
};
use serde_json::{Deserializer as JsonDeserializer, Value, value::RawValue};

use super::{
    checked::{Checked, Reading, follow, refused},
    plan::Plan,
    rules::Object,
};

/// What came of a reading.
pub(crate) struct Outcome<P> {
    pub(crate) value: serde_json::Result<P>,
    /// Whether what was read must still be judged by jsonschema.
    pub(crate) doubt: bool,
    /// Where it failed: the number of the member or item at each level.
    pub(crate) trail: Vec<usize>,
}

/// Reads `text` as a value that the plan is of.
pub(crate) fn read<P: DeserializeOwned>(plan: &Plan, text: &str) -> Outcome<P> {
    read_with(plan, |reading| reading.root().deserialize(&mut JsonDeserializer::from_str(text)))
}

/// Reads an array of arguments by position.
pub(crate) fn read_positional<P: DeserializeOwned>(plan: &Plan, text: &str) -> Outcome<P> {
    let in_order = read_in_order(plan, text);
    if in_order.value.is_ok() {
        return in_order;
    }
    // By a text and not by a deserializer of its own, which each method would be compiled for once more.
    as_object(plan, text).map_or(in_order, |object| read(plan, &object))
}

/// The object that an array of arguments stands for.
fn as_object(plan: &Plan, array: &str) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let names = plan.arguments().map_or(&[][..], |arguments| &arguments.properties);
    if items.len() > names.len() {
        return None;
    }
    let members = names.iter().zip(items).map(|((name, _), item)| format!("{}:{item}", Value::from(&**name)));
    Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// As serde reads structs from arrays: without names, and without the means to leave out what is optional.
fn read_in_order<P: DeserializeOwned>(plan: &Plan, text: &str) -> Outcome<P> {
    read_with(plan, |reading| match (plan.arguments(), &plan.by_position) {
        (Some(arguments), Some(rules)) => {
            let mut json = JsonDeserializer::from_str(text);
            P::deserialize(InOrder { inner: Checked::new(&mut json, rules, reading), arguments })
        }
        _ => Err(refused()),
    })
}

/// The text of the only item of an array.
pub(crate) fn only_item(array: &str) -> Option<&str> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let [only] = items.as_slice() else { return None };
    Some(only.get())
}

fn read_with<P: DeserializeOwned>(plan: &Plan, read: impl FnOnce(&Reading<'_>) -> serde_json::Result<P>) -> Outcome<P> {
    let reading = Reading::new(plan);
    let value = read(&reading);
    Outcome { value, doubt: reading.doubt.get(), trail: reading.trail.into_inner() }
}

/// The deserializer of a struct whose fields are the arguments, all of them in the same order.
struct InOrder<'p, D> {
    inner: D,
    arguments: &'p Object,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for InOrder<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // A field that has an alias, or no place in the schema, makes the two differ.
        follow(self.arguments.has_exactly(fields))?;
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, D::Error> {
        Err(refused())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
