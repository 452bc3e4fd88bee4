//! The members of an object and the items of an array, as they go by.

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, RandomState},
};

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::{
    checked::{Guided, Reading, follow, forward},
    plan::{ANYTHING, Id},
    rules::{Array, Object},
};

/// The items of an array.
pub(crate) struct CheckedSeq<'r, A> {
    inner: A,
    rules: Option<&'r Array>,
    reading: &'r Reading<'r>,
    count: usize,
}

impl<'r, A> CheckedSeq<'r, A> {
    pub(crate) fn new(inner: A, rules: Option<&'r Array>, reading: &'r Reading<'r>) -> Self {
        Self { inner, rules, reading, count: 0 }
    }

    /// Whether there were as many as there must be.
    pub(crate) fn finish<E: Error>(&self) -> Result<(), E> {
        follow(self.rules.is_none_or(|rules| (rules.min..=rules.max).contains(&self.count)))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for CheckedSeq<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let node = self.rules.map_or(ANYTHING, |rules| *rules.prefix.get(self.count).unwrap_or(&rules.items));
        match self.inner.next_element_seed(Guided { seed, node, reading: self.reading }) {
            Ok(Some(item)) => {
                self.count += 1;
                Ok(Some(item))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.reading.trail.borrow_mut().push(self.count);
                Err(error)
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The members of an object.
pub(crate) struct CheckedMap<'r, A> {
    inner: A,
    keys: Keys<'r>,
}

impl<'r, A> CheckedMap<'r, A> {
    pub(crate) fn new(inner: A, rules: Option<&'r Object>, reading: &'r Reading<'r>) -> Self {
        let others = HashSet::default();
        Self { inner, keys: Keys { rules, reading, count: 0, seen: 0, expected: 0, value: ANYTHING, others } }
    }

    /// Whether all were there that must be.
    pub(crate) fn finish<E: Error>(&self) -> Result<(), E> {
        let Keys { rules, count, seen, .. } = self.keys;
        follow(
            rules.is_none_or(|rules| {
                (rules.min..=rules.max).contains(&count) && seen & rules.required == rules.required
            }),
        )
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for CheckedMap<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let before = self.keys.count;
        let key = self.inner.next_key_seed(KeySeed { seed, keys: &mut self.keys })?;
        if key.is_some() && self.keys.count == before {
            self.keys.unseen();
        }
        Ok(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let Keys { value: node, reading, count, .. } = self.keys;
        let value = self.inner.next_value_seed(Guided { seed, node, reading });
        value.inspect_err(|_| reading.trail.borrow_mut().push(count - 1))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// Which keys went by.
struct Keys<'r> {
    rules: Option<&'r Object>,
    reading: &'r Reading<'r>,
    count: usize,
    /// A bit for each of the properties.
    seen: u64,
    /// The property that most likely comes next: senders keep to an order.
    expected: usize,
    /// What the value must be whose key went by last.
    value: Id,
    /// Hashes of the keys that are no properties.
    others: HashSet<u64, RandomState>,
}

impl Keys<'_> {
    /// Takes note of a key; false if there may be no such key, or not again.
    fn note(&mut self, key: &str) -> bool {
        self.count += 1;
        let Some(rules) = self.rules else { return true };
        let properties = &rules.properties;
        let is = |index: &usize| properties.get(*index).is_some_and(|(name, _)| **name == *key);
        let Some(index) = Some(self.expected).filter(is).or_else(|| (0..properties.len()).find(is)) else {
            return self.note_other(rules, key);
        };
        let again = self.seen & 1 << index != 0;
        self.seen |= 1 << index;
        self.expected = index + 1;
        self.value = properties[index].1;
        !again
    }

    fn note_other(&mut self, rules: &Object, key: &str) -> bool {
        let Some(node) = rules.others else { return false };
        self.value = node;
        let hash = self.others.hasher().hash_one(key);
        if !self.others.insert(hash) {
            // The same hash, so most likely the same key; whoever reads the text again will see.
            self.reading.doubt.set(true);
        }
        true
    }

    /// A key that was not read as a string.
    fn unseen(&mut self) {
        self.count += 1;
        self.value = ANYTHING;
        self.reading.doubt_if(self.rules.is_some());
    }
}

struct KeySeed<'k, 'r, S> {
    seed: S,
    keys: &'k mut Keys<'r>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Key { inner, keys: self.keys })
    }
}

/// A deserializer of keys that lets none by unseen.
struct Key<'k, 'r, D> {
    inner: D,
    keys: &'k mut Keys<'r>,
}

impl<'k, 'r, D> Key<'k, 'r, D> {
    fn watch<V>(self, inner: V) -> (D, KeyWatch<'k, 'r, V>) {
        (self.inner, KeyWatch { inner, keys: self.keys })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Key<'_, '_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
        deserialize_seq() deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map() deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_identifier()
    }

    /// As a string: that the type ignores it does not mean that it may be there.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_str(visitor)
    }
}

/// The visitor of a key. Keys that come as anything but a string (numbers, variants of an enum) go by unseen.
struct KeyWatch<'k, 'r, V> {
    inner: V,
    keys: &'k mut Keys<'r>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for KeyWatch<'_, '_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<V::Value, E> {
        follow(self.keys.note(key))?;
        self.inner.visit_str(key)
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<V::Value, E> {
        follow(self.keys.note(key))?;
        self.inner.visit_borrowed_str(key)
    }

    fn visit_string<E: Error>(self, key: String) -> Result<V::Value, E> {
        follow(self.keys.note(&key))?;
        self.inner.visit_string(key)
    }

    fn visit_bool<E: Error>(self, key: bool) -> Result<V::Value, E> {
        self.inner.visit_bool(key)
    }

    fn visit_i64<E: Error>(self, key: i64) -> Result<V::Value, E> {
        self.inner.visit_i64(key)
    }

    fn visit_i128<E: Error>(self, key: i128) -> Result<V::Value, E> {
        self.inner.visit_i128(key)
    }

    fn visit_u64<E: Error>(self, key: u64) -> Result<V::Value, E> {
        self.inner.visit_u64(key)
    }

    fn visit_u128<E: Error>(self, key: u128) -> Result<V::Value, E> {
        self.inner.visit_u128(key)
    }

    fn visit_f64<E: Error>(self, key: f64) -> Result<V::Value, E> {
        self.inner.visit_f64(key)
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<V::Value, E> {
        self.inner.visit_bytes(key)
    }

    fn visit_borrowed_bytes<E: Error>(self, key: &'de [u8]) -> Result<V::Value, E> {
        self.inner.visit_borrowed_bytes(key)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Key { inner, keys: self.keys })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Key { inner, keys: self.keys })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, key: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(key)
    }
}
