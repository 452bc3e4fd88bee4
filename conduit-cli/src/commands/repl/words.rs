//! A line, taken apart as its values need it: JSON keeps its quotes, other quotes go.

use serde_json::value::RawValue;

use crate::failure::{Failure, Result};

/// The words of a line.
///
/// `name='a b'`, `'name=a b'` and `name="a b"` hold spaces, and `name:=[1, 2]`, `{"a": 1}` and `[1, 2]` are JSON up to its end.
pub(super) fn split(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = next(rest)?;
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

fn next(line: &str) -> Result<(String, &str)> {
    if line.starts_with(['{', '[', '"']) {
        return Ok(json(line));
    }
    if line.starts_with('\'') {
        return text(line);
    }
    let plain = line.find(char::is_whitespace).unwrap_or(line.len());
    match line[..plain].find('=') {
        Some(at) => {
            let (head, value) = line.split_at(at + 1);
            let (value, rest) = match head.ends_with(":=") && !value.starts_with('@') {
                true => json(value),
                false => text(value)?,
            };
            Ok((format!("{head}{value}"), rest))
        }
        None => text(line),
    }
}

/// The JSON that a line starts with; where it is none, all up to a space, to be refused by whoever reads it.
fn json(line: &str) -> (String, &str) {
    let mut values = serde_json::Deserializer::from_str(line).into_iter::<&RawValue>();
    let end = match values.next() {
        Some(Ok(_)) => values.byte_offset(),
        _ => return (line.to_owned(), ""),
    };
    (line[..end].to_owned(), &line[end..])
}

/// The text that a line starts with, without its quotes.
fn text(line: &str) -> Result<(String, &str)> {
    let Some(quote) = line.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        return Ok((line[..end].to_owned(), &line[end..]));
    };
    let mut text = String::new();
    let mut characters = line.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            c if c == quote => return Ok((text, &line[at + 1..])),
            '\\' if quote == '"' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            c => text.push(c),
        }
    }
    Err(Failure::usage(format!("the quote {quote} is not closed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_quotes_and_others_go() {
        let cases: [(&str, &[&str]); 10] = [
            ("a=1  b=2", &["a=1", "b=2"]),
            ("text='a b' n=1", &["text=a b", "n=1"]),
            (r#"text="a \"b\" \\" n=1"#, &[r#"text=a "b" \"#, "n=1"]),
            (r#"a:={"x": [1, "y z"]} b=2"#, &[r#"a:={"x": [1, "y z"]}"#, "b=2"]),
            (r#"{"a": 1, "b": "c d"}"#, &[r#"{"a": 1, "b": "c d"}"#]),
            ("[1, 2] more", &["[1, 2]", "more"]),
            ("a:=[1, b=2", &["a:=[1, b=2"]),
            ("a:=@file.json b=@x", &["a:=@file.json", "b=@x"]),
            ("it's", &["it's"]),
            (r#"'text=a b' '{"a": 1}'"#, &["text=a b", r#"{"a": 1}"#]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).expect("words"), words, "{line}");
        }
        assert!(split("text='a b").expect_err("no end").text().contains("the quote ' is not closed"));
    }
}
