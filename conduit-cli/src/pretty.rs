//! JSON with other white space, and colours. Its values are not read, so that numbers keep all their digits and texts
//! their escapes.

use anstyle::Style;

use crate::output::style::{self, paint};

/// JSON on one line.
pub(crate) fn compact(json: &str) -> String {
    safe(tokens(json).collect())
}

/// JSON over several lines, with colours.
pub(crate) fn colored(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut tokens = tokens(json).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                text.push_str(token);
                match tokens.next_if(|next| matches!(*next, "}" | "]")) {
                    Some(end) => text.push_str(end),
                    None => {
                        depth += 1;
                        break_line(&mut text, depth);
                    }
                }
            }
            "}" | "]" => {
                depth -= 1;
                break_line(&mut text, depth);
                text.push_str(token);
            }
            "," => {
                text.push(',');
                break_line(&mut text, depth);
            }
            ":" => text.push_str(": "),
            value => text.push_str(&paint(style_of(value, tokens.peek() == Some(&":")), value)),
        }
    }
    safe(text)
}

/// JSON on one line, with colours.
pub(crate) fn colored_line(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut tokens = tokens(json).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "}" | "[" | "]" => text.push_str(token),
            "," => text.push_str(", "),
            ":" => text.push_str(": "),
            value => text.push_str(&paint(style_of(value, tokens.peek() == Some(&":")), value)),
        }
    }
    safe(text)
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Escapes what steers some terminals and may stand in JSON as it is: DEL, and the controls of Latin-1.
fn safe(json: String) -> String {
    let steers = |c: char| ('\u{7f}'..='\u{9f}').contains(&c);
    match json.contains(steers) {
        false => json,
        true => {
            let escaped = |c: char| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() };
            json.chars().map(escaped).collect()
        }
    }
}

fn style_of(value: &str, is_key: bool) -> Style {
    match value.as_bytes().first() {
        Some(b'"') if is_key => style::KEY,
        Some(b'"') => style::TEXT,
        Some(b'-' | b'0'..=b'9') => style::NUMBER,
        _ => style::WORD,
    }
}

/// The tokens of JSON: strings with their quotes, numbers, words, and single signs.
fn tokens(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let end = match rest.as_bytes().first()? {
            b'"' => string_end(rest),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => rest.find(|c: char| c.is_whitespace() || "{}[],:".contains(c)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text without its colours.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn only_white_space_changes() {
        let json = r#" {"a" : [1e400 , -0.10,123456789012345678901234567890], "b\"{": "x , \\", "c":{}, "d":[ ] } "#;
        let line = r#"{"a":[1e400,-0.10,123456789012345678901234567890],"b\"{":"x , \\","c":{},"d":[]}"#;
        assert_eq!(compact(json), line);
        assert_eq!(compact(&plain(&colored(json))), line);
        assert_eq!(compact(&plain(&colored_line(json))), line);
        let lines = "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": {},\n  \"d\": [],\n  \"e\": \"ü\"\n}";
        assert_eq!(plain(&colored(r#"{"a":[1,{"b":null}],"c":{},"d":[],"e":"ü"}"#)), lines);
        assert_eq!(plain(&colored("7")), "7");
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(compact("\"a\u{9b}31m\u{7f}ü\""), r#""a\u009b31m\u007fü""#);
    }

    #[test]
    fn colours_tell_keys_from_texts() {
        let colored = colored_line(r#"{"a":"b"}"#);
        assert!(colored.contains(&paint(style::KEY, "\"a\"")) && colored.contains(&paint(style::TEXT, "\"b\"")));
    }
}
