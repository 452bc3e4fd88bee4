//! The text of params as a [`Value`], with all that a `Value` can't hold noted by its path.
//!
//! `serde_json` gives up at the first number beyond `f64`, lone surrogate or 128th level, and lets the last of two
//! equal keys win. A caller is to hear of each of them, by its path, together with what the schema says. The
//! text is JSON already (it comes from a `RawValue`), so that little is left to look at.

use serde_json::{Map, Number, Value};

use super::path::Path;

/// As many as `serde_json` takes; beyond, neither it nor a validator could follow.
const MAX_DEPTH: usize = 127;

/// What is wrong with one place of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw<'t> {
    /// A key that an object has already; in a schema's terms nothing can be said of either value.
    Twice,
    /// A number that is beyond `f64`, as it was written.
    OutOfRange(&'t str),
    /// A string with half of a surrogate pair.
    Surrogate,
    /// Objects and arrays in one another, more than [`MAX_DEPTH`] deep. Reading ends there.
    TooDeep,
}

/// Reads `text`, with null in the place of what it tells `note` of.
pub(crate) fn read<'t>(text: &'t str, note: &mut dyn FnMut(&Path<'_>, Flaw<'t>)) -> Value {
    let mut reader = Reader { text, position: 0, note, ended: false };
    reader.value(&Path::Root, 0)
}

struct Reader<'t, 'n> {
    text: &'t str,
    position: usize,
    note: &'n mut dyn FnMut(&Path<'_>, Flaw<'t>),
    ended: bool,
}

impl Reader<'_, '_> {
    fn value(&mut self, at: &Path<'_>, depth: usize) -> Value {
        match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => {
                (self.note)(at, Flaw::TooDeep);
                self.ended = true;
                Value::Null
            }
            Some(b'{') => self.object(at, depth),
            Some(b'[') => self.array(at, depth),
            Some(b'"') => self.string().map_or_else(
                || {
                    (self.note)(at, Flaw::Surrogate);
                    Value::Null
                },
                Value::String,
            ),
            _ => self.scalar(at),
        }
    }

    fn object(&mut self, at: &Path<'_>, depth: usize) -> Value {
        let mut members = Map::new();
        self.position += 1;
        while !self.closes(b'}') {
            let Some(key) = self.string() else {
                (self.note)(at, Flaw::Surrogate);
                self.step_over(b':');
                self.value(at, depth + 1);
                continue;
            };
            self.step_over(b':');
            let place = at.key(&key);
            let value = self.value(&place, depth + 1);
            if members.contains_key(&key) {
                (self.note)(&place, Flaw::Twice);
            } else {
                members.insert(key, value);
            }
        }
        Value::Object(members)
    }

    fn array(&mut self, at: &Path<'_>, depth: usize) -> Value {
        let mut items = Vec::new();
        self.position += 1;
        while !self.closes(b']') {
            let item = self.value(&at.index(items.len()), depth + 1);
            items.push(item);
        }
        Value::Array(items)
    }

    /// Whether the object or array ends here; else goes on to its next member.
    fn closes(&mut self, bracket: u8) -> bool {
        self.step_over(b',');
        match self.peek() {
            Some(byte) if byte != bracket => self.ended,
            _ => {
                self.position += 1;
                true
            }
        }
    }

    fn step_over(&mut self, byte: u8) {
        if self.peek() == Some(byte) {
            self.position += 1;
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.position)? {
                b' ' | b'\t' | b'\r' | b'\n' => self.position += 1,
                &byte => return Some(byte),
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.peek();
        let start = self.position;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        while bytes.get(end).is_some_and(|&byte| byte != b'"') {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        self.position = end + 1;
        serde_json::from_str(self.text.get(start..=end)?).ok()
    }

    fn scalar(&mut self, at: &Path<'_>) -> Value {
        let rest = &self.text[self.position.min(self.text.len())..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        // At least one byte, so that a text which is no JSON after all comes to its end.
        self.position += end.max(1);
        match &rest[..end] {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => serde_json::from_str::<Number>(number).map_or_else(
                |_| {
                    (self.note)(at, Flaw::OutOfRange(number));
                    Value::Null
                },
                Value::Number,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flaws(text: &str) -> (Value, Vec<String>) {
        let mut flaws = Vec::new();
        let value = read(text, &mut |path, flaw| flaws.push(format!("{path} {flaw:?}")));
        (value, flaws)
    }

    #[test]
    fn every_flaw_is_told_with_its_path() {
        let (value, found) =
            flaws(r#"{"a": 1e400, "b": [1, -1e999, "\ud800"], "c": {"x": 1, "x": 2}, "a": 3, "d" : 4 }"#);
        assert_eq!(value, json!({"a": null, "b": [1, null, null], "c": {"x": 1}, "d": 4}));
        assert_eq!(
            found,
            [r#"/a OutOfRange("1e400")"#, r#"/b/1 OutOfRange("-1e999")"#, "/b/2 Surrogate", "/c/x Twice", "/a Twice"]
        );
    }

    #[test]
    fn depth_is_that_of_serde_json() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(serde_json::from_str::<Value>(&nested(127)).is_ok());
        assert!(flaws(&nested(127)).1.is_empty());
        assert!(serde_json::from_str::<Value>(&nested(128)).is_err());
        assert_eq!(flaws(&nested(128)).1.len(), 1);
        assert_eq!(flaws(&"{\"a\":".repeat(100_000)).1.len(), 1);
    }
}
