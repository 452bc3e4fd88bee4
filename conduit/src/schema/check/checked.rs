//! Reading a typed value and checking it against its schema in the same pass.
//!
//! [`Checked`] stands between a type's `Deserialize` and `serde_json`. The type asks for what it wants,
//! `serde_json` tells its visitor what is there, and [`Watch`], around that visitor, looks at every value as it goes by.
//! What breaks a rule ends the reading; why, is for the report to find out. What can't be seen from here (the
//! schema has no rules for it) raises a doubt, and reading goes on.

use std::{
    cell::{Cell, RefCell},
    fmt,
    marker::PhantomData,
};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::{BorrowedStrDeserializer, MapAccessDeserializer},
};

use super::{
    access::{CheckedMap, CheckedSeq},
    plan::{Id, Node, Plan},
    rules::Rules,
};
use crate::schema::keyword::{Integer, integer};

/// The reading of one value.
#[derive(Debug)]
pub(crate) struct Reading<'p> {
    pub(crate) plan: &'p Plan,
    /// Something went by that only jsonschema can judge.
    pub(crate) doubt: Cell<bool>,
    /// Where reading failed, from the inside out: the number of the member or item at each level.
    pub(crate) trail: RefCell<Vec<usize>>,
}

impl<'p> Reading<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Self { plan, doubt: Cell::new(false), trail: RefCell::default() }
    }

    pub(crate) fn doubt_if(&self, unsure: bool) {
        self.doubt.set(self.doubt.get() || unsure);
    }

    /// The seed of the value that the whole plan is of.
    pub(crate) fn root<T>(&self) -> Guided<'_, PhantomData<T>> {
        Guided { seed: PhantomData, node: self.plan.root, reading: self }
    }
}

/// A seed whose value has to follow a node of the plan.
pub(crate) struct Guided<'r, S> {
    pub(crate) seed: S,
    pub(crate) node: Id,
    pub(crate) reading: &'r Reading<'r>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guided<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let reading = self.reading;
        let rules = match reading.plan.node(self.node) {
            Node::Rules(rules) => Some(rules),
            Node::Anything => None,
            Node::Doubt => {
                reading.doubt.set(true);
                None
            }
        };
        // Without rules too: with `inner` itself, every type would be compiled for two deserializers.
        self.seed.deserialize(Checked { inner, rules, reading })
    }
}

/// A deserializer whose values have to follow rules, if there are any.
pub(crate) struct Checked<'r, D> {
    inner: D,
    rules: Option<&'r Rules>,
    reading: &'r Reading<'r>,
}

impl<'r, D> Checked<'r, D> {
    pub(crate) fn new(inner: D, rules: &'r Rules, reading: &'r Reading<'r>) -> Self {
        Self { inner, rules: Some(rules), reading }
    }

    fn watch<V>(self, inner: V) -> (D, Watch<'r, V>) {
        (self.inner, Watch { inner, rules: self.rules, reading: self.reading })
    }
}

/// Methods that only pass on what the type wants.
macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let (inner, visitor) = self.watch(visitor);
            inner.$method($($name,)* visitor)
        }
    )*};
}
pub(crate) use forward;

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Checked<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_seq() deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map() deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_identifier()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        // `RawValue` by the name that it has among serde_json's own: its text is passed on unread.
        if name.starts_with("$serde_json") {
            self.reading.doubt_if(self.rules.is_some());
            return self.inner.deserialize_newtype_struct(name, visitor);
        }
        let (inner, visitor) = self.watch(visitor);
        inner.deserialize_newtype_struct(name, visitor)
    }

    /// As any value: `serde_json`'s own way takes `{"Unit": null}` for `"Unit"`, and does not say which it saw.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        match self.rules {
            Some(rules) => self.inner.deserialize_any(WatchEnum { inner: visitor, rules, reading: self.reading }),
            None => self.inner.deserialize_enum(name, variants, visitor),
        }
    }

    /// As any value: what the type ignores the schema may not.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        match self.rules {
            Some(_) => self.deserialize_any(visitor),
            None => self.inner.deserialize_ignored_any(visitor),
        }
    }
}

/// A visitor that is only shown what follows the rules.
pub(crate) struct Watch<'r, V> {
    inner: V,
    rules: Option<&'r Rules>,
    reading: &'r Reading<'r>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watch<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.follow(|rules| rules.boolean)?;
        self.inner.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.follow(|rules| takes_integer(rules, value.into(), || value.into()))?;
        self.inner.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.follow(|rules| takes_integer(rules, value.into(), || value.into()))?;
        self.inner.visit_u64(value)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<V::Value, E> {
        self.wide(i64::try_from(value).ok().map(Into::into))?;
        self.inner.visit_i128(value)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<V::Value, E> {
        self.wide(u64::try_from(value).ok().map(Into::into))?;
        self.inner.visit_u128(value)
    }

    /// "A JSON number whose value has a zero fractional part is an integer", so a type that reads integers is
    /// given one.
    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        let Some(rules) = self.rules else { return self.inner.visit_f64(value) };
        let number = rules.number.as_ref().ok_or_else(refused)?;
        follow(number.takes_float(value))?;
        match integer(value).filter(|_| number.integer) {
            None => self.inner.visit_f64(value),
            Some(Integer::Negative(value)) => self.inner.visit_i64(value),
            Some(Integer::Positive(value)) => self.inner.visit_u64(value),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.follow(|rules| takes_text(rules, value))?;
        self.inner.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.follow(|rules| takes_text(rules, value))?;
        self.inner.visit_borrowed_str(value)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<V::Value, E> {
        self.follow(|rules| takes_text(rules, &value))?;
        self.inner.visit_string(value)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<V::Value, E> {
        self.reading.doubt_if(self.rules.is_some());
        self.inner.visit_bytes(value)
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<V::Value, E> {
        self.reading.doubt_if(self.rules.is_some());
        self.inner.visit_borrowed_bytes(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.follow(|rules| rules.null)?;
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.follow(|rules| rules.null)?;
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Checked { inner, rules: self.rules, reading: self.reading })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Checked { inner, rules: self.rules, reading: self.reading })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let rules = part(self.rules, |rules| rules.array.as_ref())?;
        let mut items = CheckedSeq::new(items, rules, self.reading);
        let value = self.inner.visit_seq(&mut items)?;
        items.finish()?;
        Ok(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let rules = part(self.rules, |rules| rules.object.as_ref())?;
        let mut members = CheckedMap::new(members, rules, self.reading);
        let value = self.inner.visit_map(&mut members)?;
        members.finish()?;
        Ok(value)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _variant: A) -> Result<V::Value, A::Error> {
        Err(refused())
    }
}

impl<V> Watch<'_, V> {
    fn follow<E: Error>(&self, followed: impl FnOnce(&Rules) -> bool) -> Result<(), E> {
        follow(self.rules.is_none_or(followed))
    }

    /// A number of 128 bits. Of what is beyond 64 bits a validator sees the nearest float.
    fn wide<E: Error>(&self, number_of_64_bits: Option<serde_json::Number>) -> Result<(), E> {
        if let Some(value) = number_of_64_bits {
            return self.follow(|rules| takes_integer(rules, value.as_i128().unwrap_or_default(), || value.into()));
        }
        self.reading.doubt_if(self.rules.is_some());
        self.follow(|rules| rules.number.is_some())
    }
}

/// The visitor of an enum, shown a string for a unit variant and an object of one member for any other.
struct WatchEnum<'r, V> {
    inner: V,
    rules: &'r Rules,
    reading: &'r Reading<'r>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for WatchEnum<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        follow(takes_text(self.rules, value))?;
        self.inner.visit_enum(value.into_deserializer())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        follow(takes_text(self.rules, value))?;
        self.inner.visit_enum(BorrowedStrDeserializer::new(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let rules = self.rules.object.as_ref().ok_or_else(refused)?;
        let mut members = CheckedMap::new(members, Some(rules), self.reading);
        let value = self.inner.visit_enum(MapAccessDeserializer::new(&mut members))?;
        members.finish()?;
        Ok(value)
    }
}

/// Ends the reading unless a rule was followed.
pub(crate) fn follow<E: Error>(followed: bool) -> Result<(), E> {
    if followed { Ok(()) } else { Err(refused()) }
}

/// Nobody reads it: jsonschema is asked, and the report says why.
#[cold]
pub(crate) fn refused<E: Error>() -> E {
    E::custom("not what the schema asks for")
}

/// The part of the rules that is for such a value; refused if there are rules, and none for it.
fn part<'r, T, E: Error>(
    rules: Option<&'r Rules>,
    part: impl FnOnce(&'r Rules) -> Option<&'r T>,
) -> Result<Option<&'r T>, E> {
    rules.map(|rules| part(rules).ok_or_else(refused)).transpose()
}

fn takes_integer(rules: &Rules, value: i128, json: impl FnOnce() -> serde_json::Value) -> bool {
    rules.number.as_ref().is_some_and(|rules| rules.takes(value, json))
}

fn takes_text(rules: &Rules, value: &str) -> bool {
    rules.string.as_ref().is_some_and(|rules| rules.takes(value))
}
