//! Reading typed arguments from the text of params.

use std::marker::PhantomData;

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use serde_json::{Deserializer as JsonDeserializer, Error, value::RawValue};

use super::{
    checked::{Guided, Reading, refused},
    plan::{Node, Plan},
};

/// What came of a reading.
pub(super) struct Outcome<P> {
    pub(super) value: serde_json::Result<P>,
    /// Whether what was read must still be judged by jsonschema.
    pub(super) doubt: bool,
    /// Where it failed: the number of the member or item at each level.
    pub(super) trail: Vec<usize>,
}

/// Reads `text` as a value that the plan is of.
pub(super) fn read<P: DeserializeOwned>(plan: &Plan, text: &str) -> Outcome<P> {
    read_with(plan, |seed| seed.deserialize(&mut JsonDeserializer::from_str(text)))
}

/// Reads an array of arguments by position, as the object that it stands for.
pub(super) fn read_positional<P: DeserializeOwned>(plan: &Plan, text: &str) -> Outcome<P> {
    read_with(plan, |seed| {
        let items: Vec<&RawValue> = serde_json::from_str(text)?;
        let Node::Rules(rules) = plan.node(plan.root) else { return Err(refused()) };
        let names = rules.object.as_ref().map_or(&[][..], |object| &object.properties);
        if items.len() > names.len() {
            return Err(refused());
        }
        seed.deserialize(Positional { members: names.iter().map(|(name, _)| &**name).zip(items), value: None })
    })
}

/// The text of the only item of an array.
pub(super) fn only_item(array: &str) -> Option<&str> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let [only] = items.as_slice() else { return None };
    Some(only.get())
}

fn read_with<P: DeserializeOwned>(
    plan: &Plan,
    read: impl FnOnce(Guided<'_, PhantomData<P>>) -> serde_json::Result<P>,
) -> Outcome<P> {
    let reading = Reading::new(plan);
    let value = read(Guided { seed: PhantomData, node: plan.root, reading: &reading });
    Outcome { value, doubt: reading.doubt.get(), trail: reading.trail.into_inner() }
}

/// An array with a name for each of its items, as an object.
struct Positional<'de, I> {
    members: I,
    /// That of the member whose name was read last.
    value: Option<&'de RawValue>,
}

impl<'de, 'n, I: Iterator<Item = (&'n str, &'de RawValue)>> Deserializer<'de> for Positional<'de, I> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, 'n, I: Iterator<Item = (&'n str, &'de RawValue)>> MapAccess<'de> for Positional<'de, I> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(value);
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let value = self.value.take().expect("a value is asked for after its key");
        seed.deserialize(&mut JsonDeserializer::from_str(value.get()))
    }
}
