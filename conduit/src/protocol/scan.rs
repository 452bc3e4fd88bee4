//! Requests as nearly every client writes them, read in one pass over the text.
//!
//! What a scanner takes is JSON to the last byte and a request that keeps all the rules. What it does not take it says
//! nothing about: escapes in names, unusual ids, members given twice, answers, and all that is wrong are for `parse.rs`,
//! which takes three to four times as long and knows what to say.

use std::{borrow::Cow, time::Duration};

use super::{Id, Limits, Request};

/// The request that a text is, if it is a plain one.
pub(super) fn request<'a>(text: &'a str, limits: &Limits) -> Option<Request<'a>> {
    let mut scanner = Scanner::new(text, limits);
    let request = scanner.request(1)?;
    scanner.ends().then_some(request)
}

/// The entries of a batch, if they are plain requests all, and as many as they may be.
pub(super) fn batch<'a, T>(text: &'a str, limits: &Limits, entry: impl Fn(Request<'a>) -> T) -> Option<Vec<T>> {
    let mut scanner = Scanner::new(text, limits);
    scanner.expect(b'[')?;
    // A request has some 40 bytes of its own.
    let mut entries = Vec::with_capacity((text.len() / 64).min(limits.batch));
    loop {
        if entries.len() == limits.batch {
            return None;
        }
        entries.push(entry(scanner.request(2)?));
        match scanner.token()? {
            b',' => {}
            b']' => return scanner.ends().then_some(entries),
            _ => return None,
        }
    }
}

/// Arrays and objects inside one another that are followed, each on the stack.
const DEPTH: usize = 128;

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, limits: &Limits) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, depth: limits.depth.min(DEPTH) }
    }

    /// Whether nothing but space is left.
    fn ends(mut self) -> bool {
        self.token().is_none()
    }

    fn request(&mut self, depth: usize) -> Option<Request<'a>> {
        if depth > self.depth {
            return None;
        }
        self.expect(b'{')?;
        let (mut is_2_0, mut method, mut params, mut id, mut timeout) = (false, None, None, None, None);
        loop {
            let name = self.plain_string()?;
            self.expect(b':')?;
            let is_again = match name {
                "jsonrpc" => {
                    let is_again = is_2_0;
                    is_2_0 = self.plain_string()? == "2.0";
                    is_again || !is_2_0
                }
                "method" => method.replace(self.plain_string()?).is_some(),
                "params" => params.replace(self.structured(depth)?).is_some(),
                "id" => id.replace(self.id()?).is_some(),
                "timeout_ms" => timeout.replace(self.milliseconds()?).is_some(),
                "result" | "error" => return None,
                _ => {
                    self.value(depth)?;
                    false
                }
            };
            if is_again {
                return None;
            }
            match self.token()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        is_2_0.then_some(Request { method: Cow::Borrowed(method?), params, id, timeout })
    }

    /// The next byte that is no space, stepped over.
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = self.bytes.get(self.at).copied();
            self.at += 1;
            match byte {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                byte => return byte,
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.token()? == wanted).then_some(())
    }

    /// What was stepped over since `start`.
    fn since(&self, start: usize) -> Option<&'a str> {
        self.text.get(start..self.at)
    }

    /// The text of a string without escapes.
    fn plain_string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        self.at += plain(&self.bytes[start..]);
        let text = self.since(start)?;
        let end = self.bytes.get(self.at)?;
        self.at += 1;
        (*end == b'"').then_some(text)
    }

    /// The text of an array or an object.
    fn structured(&mut self, depth: usize) -> Option<&'a str> {
        let first = self.token()?;
        let start = self.at - 1;
        match first {
            b'{' => self.object(depth + 1)?,
            b'[' => self.array(depth + 1)?,
            _ => return None,
        }
        self.since(start)
    }

    fn id(&mut self) -> Option<Id> {
        let first = self.token()?;
        let start = self.at - 1;
        match first {
            b'"' => {
                self.at = start;
                self.plain_string().map(Id::from)
            }
            b'0' => Some(Id::from(0)),
            b'1'..=b'9' => {
                let digits = self.bytes[start..].iter().take(19).take_while(|byte| byte.is_ascii_digit());
                let mut number = 0;
                digits.for_each(|digit| number = 10 * number + u64::from(digit - b'0'));
                self.digits();
                // A number of up to 19 digits is one; that it ends here is seen by what follows.
                (self.at - start <= 19).then_some(Id::from(number))
            }
            _ => None,
        }
    }

    fn milliseconds(&mut self) -> Option<Duration> {
        let first = self.token()?;
        let start = self.at - 1;
        self.number(first)?;
        self.since(start)?.parse().ok().map(Duration::from_millis)
    }

    /// Steps over a value inside of `depth` arrays and objects.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.token()? {
            b'"' => self.string(),
            first @ (b'-' | b'0'..=b'9') => self.number(first),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b't' => self.literal("rue"),
            b'f' => self.literal("alse"),
            b'n' => self.literal("ull"),
            _ => None,
        }
    }

    /// Steps over the rest of an object whose bracket was read.
    fn object(&mut self, depth: usize) -> Option<()> {
        if depth > self.depth {
            return None;
        }
        let mut next = self.token()?;
        if next == b'}' {
            return Some(());
        }
        loop {
            if next != b'"' {
                return None;
            }
            self.string()?;
            self.expect(b':')?;
            self.value(depth)?;
            match self.token()? {
                b',' => next = self.token()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Steps over the rest of an array whose bracket was read.
    fn array(&mut self, depth: usize) -> Option<()> {
        if depth > self.depth {
            return None;
        }
        if self.token()? == b']' {
            return Some(());
        }
        self.at -= 1;
        loop {
            self.value(depth)?;
            match self.token()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Steps over the rest of a string whose quotation mark was read.
    fn string(&mut self) -> Option<()> {
        loop {
            self.at += plain(&self.bytes[self.at..]);
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let kind = *self.bytes.get(self.at)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    /// Steps over the rest of a number that begins with `first`.
    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.token_of_number()? } else { first };
        match first {
            // No digit follows a zero: what does follow is found to be no comma and no bracket.
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Some(())
    }

    fn token_of_number(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }

    fn digits(&mut self) {
        self.at += self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    fn some_digits(&mut self) -> Option<()> {
        let start = self.at;
        self.digits();
        (self.at > start).then_some(())
    }

    fn literal(&mut self, rest: &str) -> Option<()> {
        let is_it = self.bytes[self.at..].starts_with(rest.as_bytes());
        self.at += rest.len();
        is_it.then_some(())
    }
}

/// How many bytes stand before the first that ends a string, begins an escape, or may not stand in a string.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const SHORT: usize = 16;
    const PIECE: usize = 64;
    let mut at = 0;
    // Most strings are short: words of eight bytes at a time take longer for them.
    while at < SHORT {
        match bytes.get(at) {
            Some(&byte) if !is_special(byte) => at += 1,
            _ => return at,
        }
    }
    // In pieces that are looked at as a whole, the compiler compares many bytes at a time.
    while let Some(piece) = bytes.get(at..at + PIECE)
        && !piece.iter().fold(false, |found, &byte| found | is_special(byte))
    {
        at += PIECE;
    }
    bytes[at..].iter().position(|&byte| is_special(byte)).map_or(bytes.len(), |found| at + found)
}

fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const LIMITS: Limits = Limits { batch: 3, depth: 5 };

    /// A request that is taken, as its text and its parts: `None` where the scanner leaves it.
    fn scanned(text: &str) -> Option<(String, Option<String>, Option<Id>)> {
        let Request { method, params, id, .. } = request(text, &LIMITS)?;
        Some((method.into_owned(), params.map(ToOwned::to_owned), id))
    }

    #[test]
    fn plain_requests_are_taken() {
        let taken = |text| scanned(text).unwrap_or_else(|| panic!("not taken: {text}"));
        let (method, params, id) = taken(r#"{"jsonrpc":"2.0","method":"add","params":{"a":1,"b":-2.5e+1},"id":10}"#);
        assert_eq!((&*method, params.as_deref(), id), ("add", Some(r#"{"a":1,"b":-2.5e+1}"#), Some(Id::from(10))));
        let (method, params, id) = taken("\r\n{ \"id\" : \"x\" ,\t\"method\":\"\u{1F980}\",\"jsonrpc\" : \"2.0\" } ");
        assert_eq!((&*method, params, id), ("\u{1F980}", None, Some(Id::from("x"))));
        let (_, params, id) =
            taken(r#"{"jsonrpc":"2.0","method":"m","params":["\u00e9\n",[],{},true,false,null,0],"trace":{"a":[1]}}"#);
        assert_eq!((params.as_deref(), id), (Some(r#"["\u00e9\n",[],{},true,false,null,0]"#), None));
    }

    #[test]
    fn the_time_that_a_caller_waits_is_read() {
        let timeout = |timeout: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","method":"m","timeout_ms": {timeout} ,"id":1}}"#);
            request(&text, &LIMITS).map(|request| request.timeout)
        };
        assert_eq!(timeout("1500"), Some(Some(Duration::from_millis(1500))));
        for unusual in ["1.5", "-1", "1e3", "null", "\"1\"", "01", "18446744073709551616", "1,\"timeout_ms\":1"] {
            assert_eq!(timeout(unusual), None, "{unusual}");
        }
    }

    #[test]
    fn what_is_unusual_is_left() {
        for text in [
            "",
            " ",
            "1",
            "[]",
            "{}",
            r#"{"method":"m"}"#,
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.1","method":"m"}"#,
            r#"{"jsonrpc":"2.0","method":"m","method":"m"}"#,
            r#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"m"}"#,
            r#"{"jsonrpc":"2.0","method":"\u0061"}"#,
            r#"{"jsonrpc":"2.0","method":"m","params":null}"#,
            r#"{"jsonrpc":"2.0","method":"m","params":"p"}"#,
            r#"{"jsonrpc":"2.0","method":"m","id":null}"#,
            r#"{"jsonrpc":"2.0","method":"m","id":{}}"#,
            r#"{"jsonrpc":"2.0","result":1,"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"m","error":1}"#,
            r#"{"jsonrpc":"2.0","method":"m","params":[[[[[1]]]]]}"#,
            r#"{"jsonrpc":"2.0","method":"m"},"#,
            r#"{"jsonrpc":"2.0","method":"m"}{}"#,
        ] {
            assert_eq!(scanned(text), None, "{text}");
        }
        assert!(batch("[]", &LIMITS, |request| request).is_none());
    }

    #[test]
    fn a_batch_is_taken_up_to_its_limit() {
        let text = |count| {
            format!("[{}]", vec![r#"{"jsonrpc":"2.0","method":"m","params":[[[1]]],"id":1}"#; count].join(" , "))
        };
        let count = |text: &str| batch(text, &LIMITS, |request| request).map(|entries| entries.len());
        assert_eq!((count(&text(1)), count(&text(3)), count(&text(4))), (Some(1), Some(3), None));
        assert_eq!(count(&text(2).replace("[[[1]]]", "[[[[1]]]]")), None, "deeper than it may be");
        assert_eq!(count(&text(2).replace("],\"id", "],,\"id")), None);
    }

    #[test]
    fn the_end_of_a_string_is_found_wherever_it_is() {
        for length in 0..300 {
            for end in ["\"", "\\", "\u{1f}", ""] {
                let text = format!("{}{end} rest", "\u{7f}".repeat(length));
                let wanted = if end.is_empty() { text.len() } else { length };
                assert_eq!(plain(text.as_bytes()), wanted);
            }
        }
    }

    /// A request in one of many ways to write it, right and wrong.
    fn texts() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            Just("0".to_owned()),
            Just("null".to_owned()),
            "-?[0-9]{1,3}([.][0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
            "\"(\\PC|\\\\[\"\\\\/bfnrtux]|\\\\u[0-9a-g]{4}){0,20}\"",
            "[\\[\\]{}:,tnf \"a1.\\\\-]{0,12}",
            "(true|false|nul|[{][}]|\\[\\]|\\[1, 2\\]|[{]\"a\" ?: ?1[}])",
        ];
        let name = prop_oneof![
            Just("jsonrpc"),
            Just("method"),
            Just("params"),
            Just("id"),
            Just("other"),
            Just("resul\\u0074"),
            Just("result")
        ];
        let member = (name, value).prop_map(|(name, value)| match (name, value.len() % 3) {
            ("jsonrpc", 0 | 1) => "\"jsonrpc\":\"2.0\"".to_owned(),
            ("method", 0 | 1) => format!("\"method\" : \"m{}\"", value.len()),
            ("params", 0) => format!("\"params\":[{value}, {value}]"),
            ("params", 1) => format!("\"params\":{{\"a\":{value}}}"),
            (name, _) => format!("\"{name}\":{value}"),
        });
        let whole = proptest::collection::vec(member, 0..4).prop_map(|mut members| {
            members.push("\"jsonrpc\":\"2.0\",\"method\":\"m\"".to_owned());
            format!("{{{}}}", members.join(","))
        });
        (whole, any::<proptest::sample::Index>(), "[\\x00-\\x7f]?", 0..4_u8).prop_map(
            |(mut text, at, noise, damage)| {
                if damage == 0 {
                    let at = text.floor_char_boundary(at.index(text.len()));
                    text.insert_str(at, &noise);
                }
                text
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_taken_is_json_and_says_the_same_to_serde(text in texts()) {
            let Some((method, params, id)) = scanned(&text) else { return Ok(()) };
            let json: Value = match serde_json::from_str(&text) {
                Ok(json) => json,
                // JSON by its grammar, but not to a `Value`: half of a surrogate pair, a number out of range.
                Err(error) => {
                    let raw = serde_json::from_str::<&serde_json::value::RawValue>(&text);
                    prop_assert!(raw.is_ok(), "{text}: {error}");
                    return Ok(());
                }
            };
            let members = json.as_object().unwrap();
            prop_assert_eq!(members["jsonrpc"].as_str(), Some("2.0"));
            prop_assert_eq!(members["method"].as_str(), Some(&*method));
            let params = params.map(|params| serde_json::from_str::<Value>(&params).unwrap());
            prop_assert_eq!(members.get("params"), params.as_ref());
            let id = id.map(|id| serde_json::to_value(id).unwrap());
            prop_assert_eq!(members.get("id"), id.as_ref());
        }
    }
}
