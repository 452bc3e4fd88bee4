//! What a value of each JSON type must be like, in a form that is quick to check.

use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use super::{email, plan::Id};

/// What a value of each JSON type must be like. A type without rules is refused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) null: bool,
    pub(crate) boolean: bool,
    pub(crate) number: Option<Number>,
    pub(crate) string: Option<Text>,
    pub(crate) array: Option<Array>,
    pub(crate) object: Option<Object>,
}

#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub(crate) integer: bool,
    /// The least and the greatest integer that is valid.
    pub(crate) low: i128,
    pub(crate) high: i128,
    /// What lies strictly between these is valid, whatever it is.
    pub(crate) inside: (f64, f64),
    /// For what is no integer, and for rules that are no range: the schema itself.
    pub(crate) exact: Option<Arc<Validator>>,
    /// Whether an integer within the range is valid.
    pub(crate) range_is_all: bool,
}

/// Lengths are in characters: "as defined by RFC 8259" (JSON Schema 2020-12 Validation, 6.3).
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) options: Option<Vec<Box<str>>>,
    pub(crate) email: bool,
    /// Format, pattern and the like.
    pub(crate) exact: Option<Arc<Validator>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) prefix: Vec<Id>,
    pub(crate) items: Id,
    pub(crate) min: usize,
    pub(crate) max: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) properties: Vec<(Box<str>, Id)>,
    /// A bit for each of the properties.
    pub(crate) required: u64,
    /// What the members that are no properties must be; `None` where there may be none.
    pub(crate) others: Option<Id>,
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Number {
    /// Whether the rules let it by.
    pub(crate) fn takes(&self, value: i128, number: impl FnOnce() -> Value) -> bool {
        self.low <= value
            && value <= self.high
            && (self.range_is_all || self.exact.as_ref().is_none_or(|exact| exact.is_valid(&number())))
    }

    pub(crate) fn takes_float(&self, value: f64) -> bool {
        let (low, high) = self.inside;
        if self.integer && value.fract() != 0.0 {
            return false;
        }
        self.range_is_all && low < value && value < high
            || self.exact.as_ref().is_none_or(|exact| exact.is_valid(&value.into()))
    }
}

impl Object {
    /// Whether these are the properties, in this order.
    pub(crate) fn has_exactly(&self, names: &[&str]) -> bool {
        names.iter().copied().eq(self.properties.iter().map(|(name, _)| &**name))
    }
}

impl Text {
    /// Whether the rules let it by.
    pub(crate) fn takes(&self, value: &str) -> bool {
        self.takes_length(value)
            && self.options.as_ref().is_none_or(|options| options.iter().any(|option| **option == *value))
            && self
                .exact
                .as_ref()
                .is_none_or(|exact| self.email && email::is_plain(value) || exact.is_valid(&Value::from(value)))
    }

    /// A character is one to four bytes, so most strings need no counting.
    fn takes_length(&self, value: &str) -> bool {
        let bytes = value.len();
        if self.min <= bytes.div_ceil(4) && bytes <= self.max {
            return true;
        }
        (self.min..=self.max).contains(&value.chars().count())
    }
}
