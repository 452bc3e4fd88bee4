use serde_json::{Value as Json, json};

use super::*;
use crate::faults::Faults;

fn read(words: &[&str], params: &Json) -> Result<Arguments> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    Arguments::read("m", &words, Schema::whole(params))
}

fn params(words: &[&str], schema: &Json) -> String {
    read(words, schema).expect("arguments").params.expect("some").get().to_owned()
}

#[test]
fn what_a_value_is_the_schema_says() {
    let schema = json!({ "properties": {
        "text": { "type": "string" }, "maybe": { "type": ["string", "null"] }, "n": { "type": "integer" },
        "yes": { "type": "boolean" }, "list": { "type": "array" }, "any": true,
    } });
    let cases = [
        ("text=5", r#"{"text":"5"}"#),
        ("text=", r#"{"text":""}"#),
        ("text=a=b", r#"{"text":"a=b"}"#),
        ("maybe=null", r#"{"maybe":"null"}"#),
        ("maybe:=null", r#"{"maybe":null}"#),
        ("n=5", r#"{"n":5}"#),
        ("n=123456789012345678901234567890.10", r#"{"n":123456789012345678901234567890.10}"#),
        ("n=five", r#"{"n":"five"}"#),
        ("yes=true", r#"{"yes":true}"#),
        ("list=[1, 2]", r#"{"list":[1, 2]}"#),
        ("any=5", r#"{"any":5}"#),
        ("any=five", r#"{"any":"five"}"#),
        ("other=true", r#"{"other":true}"#),
        (r#"text:={"a": 1}"#, r#"{"text":{"a": 1}}"#),
    ];
    for (word, expected) in cases {
        assert_eq!(params(&[word], &schema), expected, "{word}");
    }
    assert_eq!(params(&["n=1", "text=x"], &schema), r#"{"n":1,"text":"x"}"#);
    assert_eq!(params(&["{\"n\": 1.0}"], &schema), r#"{"n": 1.0}"#);
    assert_eq!(params(&["[1, 2]"], &schema), "[1, 2]");
}

#[test]
fn files_hold_a_text_a_value_or_all() {
    let directory = std::env::temp_dir().join(format!("conduit-arguments-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("a.json");
    std::fs::write(&file, "{\"a\": 1}\n").expect("written");
    let file = file.display();
    assert_eq!(params(&[&format!("x=@{file}")], &json!({})), r#"{"x":"{\"a\": 1}\n"}"#);
    assert_eq!(params(&[&format!("x:=@{file}")], &json!({})), r#"{"x":{"a": 1}}"#);
    assert_eq!(params(&[&format!("@{file}")], &json!({})), r#"{"a": 1}"#);
    let missing = read(&["x=@/no/such/file"], &json!({})).expect_err("no file");
    assert!(missing.text().contains("can't read the file `/no/such/file`"), "{}", missing.text());
    std::fs::remove_dir_all(&directory).expect("gone");
}

/// What the faults of a refused line underline, and what they say.
fn marks(words: &[&str]) -> Vec<(String, String)> {
    let schema = json!({ "properties": { "a": { "type": "integer" } } });
    let failure = read(words, &schema).expect_err("refused");
    let text = failure.text();
    let Some(Faults { source, marks, .. }) = failure.into_faults() else { panic!("no faults: {text}") };
    marks.into_iter().map(|mark| (source[mark.place].to_owned(), mark.message)).collect()
}

#[test]
fn what_can_not_be_read_is_underlined() {
    let mark = |place: &str, message: &str| (place.to_owned(), message.to_owned());
    assert_eq!(marks(&["a=1", "5"]), [mark("5", "expected name=value, got 5")]);
    assert_eq!(marks(&["5"]), [mark("5", "expected name=value, such as a=5, got 5")]);
    assert_eq!(marks(&["a=1", "a=2", "=3"])[0], mark("2", "`a` is given twice"));
    assert_eq!(marks(&["a=1", "=3"])[0].0, "=3");
    assert_eq!(marks(&["a:=[1,}"]), [mark("}", "expected JSON: expected value")]);
    assert_eq!(marks(&["{\"a\": x}"]), [mark("x", "expected JSON: expected value")]);
    assert_eq!(marks(&["{\"a\": 1"])[0].1, "expected JSON: EOF while parsing an object");
    let two = read(&["{\"a\":", "1}"], &json!({})).expect_err("refused").text();
    assert!(two.contains("expected JSON"), "{two}");
}

#[test]
fn a_pointer_leads_to_what_was_typed() {
    let given = read(&["name=o'x", "user:={\"id\": 7, \"tags\": [\"a b\"]}", "a=1"], &json!({})).expect("arguments");
    let at = |pointer: &str| &given.source.text[given.source.locate(pointer)];
    assert_eq!(given.source.text, "m name=\"o'x\" user:='{\"id\": 7, \"tags\": [\"a b\"]}' a=1");
    assert_eq!((at("/name"), at("/a")), ("o'x", "1"));
    assert_eq!((at("/user/id"), at("/user/tags/0")), ("7", "\"a b\""));
    assert_eq!(at("/user/email"), "{\"id\": 7, \"tags\": [\"a b\"]}");
    let end = given.source.text.len() + 1;
    assert_eq!(given.source.locate("/missing"), end..end);
    assert_eq!(&given.source.text[given.source.locate_name("/name")], "name");
}

#[test]
fn a_payload_is_any_json_and_a_text_where_one_is_wanted() {
    let read = |word: &str, schema: Json| {
        let given = Arguments::read_payload("e", &[word.to_owned()], Schema::whole(&schema));
        given.map(|given| given.params.expect("some").get().to_owned())
    };
    assert_eq!(read("5", json!({})).ok().as_deref(), Some("5"));
    assert_eq!(read("hello", json!({ "type": "string" })).ok().as_deref(), Some("\"hello\""));
    assert_eq!(read("5", json!({ "type": "string" })).ok().as_deref(), Some("\"5\""));
    assert_eq!(read("text=hello", json!({ "type": "object" })).ok().as_deref(), Some("{\"text\":\"hello\"}"));
    assert_eq!(read("{\"a\":1}", json!({})).ok().as_deref(), Some("{\"a\":1}"));
    let refusal = read("hello", json!({ "type": "object" })).expect_err("no JSON").text();
    assert!(refusal.contains("expected JSON, or name=value, got hello"), "{refusal}");
}
