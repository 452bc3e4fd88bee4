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
fn a_value_of_several_kinds_is_json_if_it_is_any_of_them() {
    let schema = json!({ "properties": {
        "id": { "type": ["string", "integer"] },
        "either": { "anyOf": [{ "type": "string" }, { "type": "object" }, { "type": "null" }] },
        "role": { "enum": ["admin", "5"] },
        "level": { "enum": ["off", 1, true] },
    } });
    let cases = [
        ("id=5", r#"{"id":5}"#),
        ("id=007", r#"{"id":"007"}"#),
        ("id=true", r#"{"id":"true"}"#),
        (r#"id="5""#, r#"{"id":"\"5\""}"#),
        (r#"either={"a": 1}"#, r#"{"either":{"a": 1}}"#),
        ("either=null", r#"{"either":"null"}"#),
        ("either=5", r#"{"either":"5"}"#),
        ("role=5", r#"{"role":"5"}"#),
        ("level=1", r#"{"level":1}"#),
        ("level=true", r#"{"level":true}"#),
        ("level=off", r#"{"level":"off"}"#),
    ];
    for (word, expected) in cases {
        assert_eq!(params(&[word], &schema), expected, "{word}");
    }
}

#[test]
fn items_of_lists_are_given_one_by_one_and_members_of_objects_by_a_dot() {
    let schema = json!({
        "$defs": { "Address": { "type": "object", "properties": {
            "city": { "type": "string" }, "floor": { "type": "integer" }, "names": { "$ref": "#/$defs/Names" },
        } }, "Names": { "type": "array", "items": { "type": "string" } } },
        "properties": {
            "names": { "$ref": "#/$defs/Names" },
            "maybe": { "type": ["array", "null"], "items": { "type": "integer" } },
            "address": { "anyOf": [{ "$ref": "#/$defs/Address" }, { "type": "null" }] },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "x.y": { "type": "string" },
            "n": { "type": "integer" },
            "any": true,
            "tagged": { "oneOf": [
                { "type": "object", "properties": { "t": { "const": "A" }, "c": { "type": "integer" } } },
                { "type": "object", "properties": { "t": { "const": "B" }, "c": { "$ref": "#/$defs/Address" } } },
            ] },
        },
    });
    let cases: [(&[&str], &str); 17] = [
        (&["names=5", "n=1", "names=a b"], r#"{"names":["5","a b"],"n":1}"#),
        (&[r#"names=["a", "b"]"#], r#"{"names":["a", "b"]}"#),
        (&["names:=7"], r#"{"names":7}"#),
        (&["maybe=5"], r#"{"maybe":[5]}"#),
        (&["maybe=x"], r#"{"maybe":["x"]}"#),
        (&["maybe=null"], r#"{"maybe":null}"#),
        (&["address.city=5", "n=1", "address.floor=5"], r#"{"address":{"city":"5","floor":5},"n":1}"#),
        (&["address.names=a", "address.names=b"], r#"{"address":{"names":["a","b"]}}"#),
        (&["address.city:=[1]"], r#"{"address":{"city":[1]}}"#),
        (&["address.cty=5"], r#"{"address":{"cty":5}}"#),
        (&["labels.a.b=5", "labels.c=true"], r#"{"labels":{"a.b":"5","c":"true"}}"#),
        (&["x.y=5"], r#"{"x.y":"5"}"#),
        (&["n.y=5"], r#"{"n.y":5}"#),
        (&["address.=5"], r#"{"address.":5}"#),
        (&["any.a.b=1", "any.a.c=x", "any.d=2"], r#"{"any":{"a":{"b":1,"c":"x"},"d":2}}"#),
        (&["any.a..b=1"], r#"{"any":{"a..b":1}}"#),
        (&["tagged.t=B", "tagged.c.city=x"], r#"{"tagged":{"t":"B","c":{"city":"x"}}}"#),
    ];
    for (words, expected) in cases {
        assert_eq!(params(words, &schema), expected, "{words:?}");
    }
    for twice in [["names=a", "names:=[]"], ["address={}", "address.city=x"], ["address.city=x", "address.city=y"]] {
        let refusal = read(&twice, &schema).expect_err("refused").text();
        assert!(refusal.contains("is given twice"), "{refusal}");
    }
    let words = ["names=a", "names=b", "address.city=x", "address.floor=high"];
    let given = read(&words, &schema).expect("arguments");
    let at = |pointer: &str| &given.source.text[given.source.locate(pointer)];
    assert_eq!((at("/names/1"), at("/address/floor"), at("/names")), ("b", "high", "a"));
    assert_eq!(&given.source.text[given.source.locate_name("/address/city")], "address.city");
}

#[test]
fn names_that_hold_an_equals_sign_are_known_from_the_schema() {
    let schema = json!({ "properties": { "a=b": { "type": "string" }, "a=": { "type": "string" }, "a": true } });
    assert_eq!(params(&["a=b=c", "a==d", "a=1"], &schema), r#"{"a=b":"c","a=":"d","a":1}"#);
    assert_eq!(params(&["a=b:=7"], &schema), r#"{"a=b":7}"#);
    assert_eq!(params(&["a=b"], &json!({})), r#"{"a":"b"}"#);
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
    let path = format!("x:=@{}", directory.join("broken.json").display());
    std::fs::write(directory.join("broken.json"), "{\n  \"a\": x\n}").expect("written");
    let broken = read(&[&path], &json!({})).expect_err("no JSON").text();
    let broken = anstream::adapter::strip_str(&broken).to_string();
    assert!(broken.contains("broken.json:2:8") && broken.contains("expected JSON: expected value"), "{broken}");
    let missing = read(&["x=@/no/such/file"], &json!({})).expect_err("no file");
    assert!(missing.text().contains("can't read the file `/no/such/file`"), "{}", missing.text());
    assert!(missing.text().contains("x:='\"@/no/such/file\"'"), "{}", missing.text());
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
    assert_eq!(read("a=b", json!({ "type": "string" })).ok().as_deref(), Some("\"a=b\""));
    assert_eq!(read("text=hello", json!({ "type": "object" })).ok().as_deref(), Some("{\"text\":\"hello\"}"));
    assert_eq!(read("{\"a\":1}", json!({})).ok().as_deref(), Some("{\"a\":1}"));
    let refusal = read("hello", json!({ "type": "object" })).expect_err("no JSON").text();
    assert!(refusal.contains("expected JSON, or name=value, got hello"), "{refusal}");
}
