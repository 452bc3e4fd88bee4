//! The `id` member of a request and of its response.

use std::fmt;

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// What a caller named its request; the response carries it back unchanged.
///
/// JSON-RPC 2.0, 4: "An identifier established by the Client that MUST contain a String, Number, or NULL
/// value if included." Numbers are kept as they were written, digit for digit, however large they are, so
/// that `1e400` and `123456789012345678901234567890` come back as they went.
///
/// ```
/// use conduit::protocol::Id;
///
/// assert_eq!(Id::parse("7"), Some(Id::from(7)));
/// assert_eq!(Id::parse("1e400").unwrap().to_string(), "1e400");
/// assert_eq!(Id::parse("true"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Null,
    /// A number whose text is the canonical decimal of a `u64`: what nearly every client sends.
    Integer(u64),
    /// Any other number, as its text.
    Number(Box<str>),
    String(Box<str>),
}

impl Id {
    /// The id of a response to a request whose id could not be read.
    pub const NULL: Self = Self(Repr::Null);

    /// Reads the JSON text of an id; `None` when it is not a string, a number or null.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let repr = match json.as_bytes().first()? {
            b'n' => Repr::Null,
            b'"' => Repr::String(serde_json::from_str::<String>(json).ok()?.into()),
            b'-' | b'0'..=b'9' => number(json)?,
            _ => return None,
        };
        Some(Self(repr))
    }

    /// The number, if the id is one that fits a `u64` exactly.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Repr::Integer(n) => Some(n),
            _ => None,
        }
    }

    /// The text, if the id is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::String(s) => Some(s),
            _ => None,
        }
    }

    /// Whether the id is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0 == Repr::Null
    }
}

fn number(json: &str) -> Option<Repr> {
    if let Ok(n) = json.parse::<u64>()
        && (n == 0 || !json.starts_with('0'))
        && json.len() == decimal_len(n)
    {
        return Some(Repr::Integer(n));
    }
    serde_json::from_str::<&RawValue>(json).ok()?;
    Some(Repr::Number(json.into()))
}

fn decimal_len(n: u64) -> usize {
    n.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

impl From<u64> for Id {
    fn from(n: u64) -> Self {
        Self(Repr::Integer(n))
    }
}

impl From<&str> for Id {
    fn from(s: &str) -> Self {
        Self(Repr::String(s.into()))
    }
}

/// The JSON text of the id.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Null => f.write_str("null"),
            Repr::Integer(n) => n.fmt(f),
            Repr::Number(text) => f.write_str(text),
            Repr::String(s) => f.write_str(&serde_json::to_string(s).map_err(|_| fmt::Error)?),
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Null => serializer.serialize_unit(),
            Repr::Integer(n) => serializer.serialize_u64(*n),
            Repr::Number(text) => {
                serde_json::from_str::<&RawValue>(text).map_err(S::Error::custom)?.serialize(serializer)
            }
            Repr::String(s) => serializer.serialize_str(s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_id_is_echoed_as_it_was_written() {
        for text in [
            "null",
            "0",
            "1",
            "18446744073709551615",
            "18446744073709551616",
            "-1",
            "-0",
            "1.0",
            "1e400",
            "\"\"",
            "\"a\\\"b\"",
            "\"\u{1F980}\"",
        ] {
            let id = Id::parse(text).unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(serde_json::to_string(&id).unwrap(), text);
        }
    }

    #[test]
    fn ids_of_other_kinds_are_refused() {
        for text in ["true", "false", "{}", "[]", "[1]", "", "01", "1x", "\"\\ud800\"", "nul"] {
            assert_eq!(Id::parse(text).filter(|id| !id.is_null()), None, "{text}");
        }
    }

    #[test]
    fn the_same_string_escaped_in_two_ways_is_one_id() {
        assert_eq!(Id::parse(r#""\u0041""#), Id::parse(r#""A""#));
    }
}
