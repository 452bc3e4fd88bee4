//! What is made of schemas and methods of all kinds, as text.

use serde_json::{Value, json};

use crate::source;

/// The code of a document with these methods and components.
fn generated(methods: &Value, schemas: &Value) -> String {
    let document = json!({
        "openrpc": "1.3.2",
        "info": { "title": "Test", "version": "1.0.0" },
        "methods": methods,
        "components": { "schemas": schemas },
    });
    let source = source(&document.to_string()).expect("a document");
    // Derives take many lines and are the same everywhere.
    let mut text = String::new();
    for (at, part) in source.split("#[derive(").enumerate() {
        let part = if at == 0 { part } else { part.split_once(")]\n").expect("derives end").1.trim_start() };
        text.push_str(part);
    }
    text
}

/// The code of one type.
fn types(schemas: &Value) -> String {
    generated(&json!([]), schemas)
}

#[track_caller]
fn has(code: &str, wanted: &str) {
    // Without what lines are broken by.
    let squeezed = |text: &str| {
        let bare: String = text.replace("///", "").split_whitespace().collect();
        bare.replace(",}", "}").replace(",)", ")")
    };
    assert!(squeezed(code).contains(&squeezed(wanted)), "{wanted}\nis not in\n{code}");
}

fn refused(document: &Value) -> String {
    source(&document.to_string()).expect_err("it is refused").to_string()
}

#[test]
fn integers_have_the_smallest_type_that_holds_their_bounds() {
    for (schema, wanted) in [
        (json!({}), "i64"),
        (json!({ "minimum": 0 }), "u64"),
        (json!({ "minimum": 0, "maximum": 150 }), "u8"),
        (json!({ "exclusiveMinimum": -1, "exclusiveMaximum": 257 }), "u16"),
        (json!({ "minimum": -1, "maximum": 127 }), "i8"),
        (json!({ "minimum": 0, "maximum": u64::MAX }), "u64"),
        (json!({ "minimum": -1, "maximum": u64::MAX }), "i128"),
        (json!({ "minimum": 1.0, "maximum": 300.0 }), "u16"),
        (json!({ "format": "uint32" }), "u32"),
        (json!({ "format": "int32", "minimum": 0 }), "i32"),
        (json!({ "format": "uint8", "maximum": 300 }), "i64"),
        (json!({ "maximum": 5 }), "i64"),
    ] {
        let mut integer = schema;
        integer["type"] = "integer".into();
        has(&types(&json!({ "number": integer })), &format!("pub type Number = {wanted};"));
    }
}

#[test]
fn simple_schemas_are_aliases() {
    for (schema, wanted) in [
        (json!(true), "::serde_json::Value"),
        (json!({}), "::serde_json::Value"),
        (json!({ "not": { "type": "string" } }), "::serde_json::Value"),
        (json!({ "type": "string", "if": { "minLength": 3 }, "then": { "pattern": "^a" } }), "String"),
        (json!({ "type": "string", "format": "uuid" }), "String"),
        (json!({ "type": ["string", "null"] }), "Option<String>"),
        (json!({ "type": "string", "nullable": true }), "Option<String>"),
        (json!({ "oneOf": [{ "type": "null" }, { "type": "boolean" }] }), "Option<bool>"),
        (json!({ "type": "null" }), "()"),
        (json!({ "type": "number", "format": "float" }), "f32"),
        (json!({ "type": "object" }), "::serde_json::Map<String, ::serde_json::Value>"),
        (json!({ "additionalProperties": { "type": "boolean" } }), "::std::collections::BTreeMap<String, bool>"),
        (
            json!({ "type": "object", "patternProperties": { "^a": { "type": "null" } } }),
            "::std::collections::BTreeMap<String, ()>",
        ),
        (json!({ "type": "array" }), "Vec<::serde_json::Value>"),
        (json!({ "items": { "type": "boolean" } }), "Vec<bool>"),
        (json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 2, "maxItems": 2 }), "[bool; 2]"),
        (
            json!({ "prefixItems": [{ "type": "boolean" }, {}], "items": false, "minItems": 2 }),
            "(bool, ::serde_json::Value)",
        ),
        (json!({ "items": [{ "type": "boolean" }], "additionalItems": false, "minItems": 1 }), "(bool,)"),
        (json!({ "prefixItems": [{ "type": "boolean" }] }), "Vec<::serde_json::Value>"),
        (json!({ "enum": [1, 2] }), "i64"),
        (json!({ "enum": [1, "a"] }), "::serde_json::Value"),
        (json!({ "const": true }), "bool"),
        (json!({ "allOf": [{ "type": "string" }, { "maxLength": 3 }] }), "String"),
        (
            json!({ "anyOf": [{ "type": "string", "format": "uri" }, { "type": "string", "format": "email" }] }),
            "String",
        ),
    ] {
        has(&types(&json!({ "it": schema })), &format!("pub type It = {wanted};"));
    }
}

#[test]
fn what_refers_to_itself_has_a_size() {
    let code = types(&json!({
        "node": { "properties": { "next": { "$ref": "#/components/schemas/node" }, "all": { "type": "array", "items": { "$ref": "#/components/schemas/node" } } } },
        "list": { "type": "array", "items": { "$ref": "#/components/schemas/list" } },
        "self": { "$ref": "#/components/schemas/self" },
        "ping": { "$ref": "#/components/schemas/pong" },
        "pong": { "anyOf": [{ "$ref": "#/components/schemas/ping" }, { "type": "null" }] },
        "part": { "properties": { "inner": { "allOf": [{ "$ref": "#/components/schemas/part" }, { "required": ["inner"] }] } } },
    }));
    has(
        &code,
        "pub next: Option<Box<Node>>, #[serde(skip_serializing_if = \"Option::is_none\")] pub all: Option<Vec<Node>>",
    );
    has(&code, "pub struct List(pub Vec<List>);");
    has(&code, "pub type Self_ = ::serde_json::Value;");
    has(&code, "pub struct PartInner { pub inner: Box<PartInner>, }");
}

#[test]
fn parts_are_taken_together() {
    let code = types(&json!({
        "base": { "type": "object", "properties": { "id": { "type": "integer" }, "any": {} }, "required": ["id"] },
        "more": { "allOf": [{ "$ref": "#/components/schemas/base" }, { "properties": { "name": { "type": "string" }, "any": { "type": "boolean" } }, "required": ["name", "any"] }] },
        "beside": { "$ref": "#/components/schemas/base", "properties": { "tag": { "type": "string" } } },
        "same": { "allOf": [{ "$ref": "#/components/schemas/base" }], "description": "The same." },
        "either": { "properties": { "a": { "type": "string" }, "b": { "type": "string" } }, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] },
    }));
    has(&code, "pub struct More { pub id: i64, pub any: bool, pub name: String, }");
    has(
        &code,
        "pub struct Beside { pub id: i64, #[serde(skip_serializing_if = \"Option::is_none\")] pub any: Option<::serde_json::Value>, #[serde(skip_serializing_if = \"Option::is_none\")] pub tag: Option<String>, }",
    );
    has(&code, "/// The same. pub type Same = Base;");
    has(
        &code,
        "pub struct Either { #[serde(skip_serializing_if = \"Option::is_none\")] pub a: Option<String>, #[serde(skip_serializing_if = \"Option::is_none\")] pub b: Option<String>, }",
    );
}

#[test]
fn unions_are_enums() {
    let code = types(&json!({
        "words": { "enum": ["a-b", "+1", "-1", "a b"] },
        "mixed": { "anyOf": [{ "type": "number" }, { "type": "integer" }, { "$ref": "#/components/schemas/words" }, {}] },
        "cat": { "type": "object", "properties": { "pet": { "const": "cat" }, "lives": { "type": "integer" } }, "required": ["pet"] },
        "dog": { "type": "object", "properties": { "pet": { "enum": ["dog"] }, "tricks": { "type": "string" } }, "required": ["pet", "tricks"] },
        "pet": { "oneOf": [{ "$ref": "#/components/schemas/cat" }, { "$ref": "#/components/schemas/dog" }] },
        "loose": { "oneOf": [{ "properties": { "a": { "type": "string" } } }, { "properties": { "a": {}, "b": {} }, "required": ["a", "b"] }] },
        "gone": { "type": "null" },
        "maybe": { "oneOf": [{ "$ref": "#/components/schemas/gone" }, { "$ref": "#/components/schemas/cat" }] },
        "never": { "anyOf": [false, { "type": "string" }] },
    }));
    has(
        &code,
        "pub enum Words { #[serde(rename = \"a-b\")] AB, #[serde(rename = \"+1\")] N1, #[serde(rename = \"-1\")] N1_2, #[serde(rename = \"a b\")] AB2, }",
    );
    has(&code, "pub enum Mixed { Integer(i64), Words(Words), Number(f64), Any(::serde_json::Value), }");
    has(
        &code,
        "#[serde(tag = \"pet\")] pub enum Pet { #[serde(rename = \"cat\")] Cat { #[serde(skip_serializing_if = \"Option::is_none\")] lives: Option<i64>, }, #[serde(rename = \"dog\")] Dog { tricks: String }, }",
    );
    has(&code, "#[serde(untagged)] pub enum Loose { Object2(LooseObject2), Object(LooseObject), }");
    has(&code, "pub type Maybe = Option<Cat>;");
    has(&code, "pub type Never = String;");
}

#[test]
fn members_that_the_schema_does_not_name_are_kept_or_refused() {
    let code = types(&json!({
        "open": { "properties": { "a": {} }, "required": ["a"], "additionalProperties": { "type": "integer" } },
        "closed": { "properties": { "a": {} }, "required": ["a"], "additionalProperties": false },
        "empty": { "type": "object", "additionalProperties": false },
    }));
    has(
        &code,
        "pub struct Open { pub a: ::serde_json::Value, #[serde(flatten)] pub others: ::std::collections::BTreeMap<String, i64>, }",
    );
    has(&code, "#[serde(deny_unknown_fields)] pub struct Closed { pub a: ::serde_json::Value, }");
    has(&code, "#[serde(deny_unknown_fields)] pub struct Empty {}");
}

#[test]
fn a_title_names_a_type_and_the_same_is_one() {
    let address = json!({ "title": "Address", "type": "object", "properties": { "street": { "type": "string" } } });
    let pet = json!({ "title": "Pet", "type": "object", "properties": { "name": { "type": "string" } } });
    let method = |name: &str, result: &Value| json!({ "name": name, "params": [], "result": { "name": "it", "schema": result } });
    let bare = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let other = json!({ "title": "Address", "type": "object", "properties": { "city": { "type": "string" } } });
    let methods = json!([
        method("a", &address),
        method("b", &address),
        method("c", &pet),
        method("d", &other),
        method("e", &bare)
    ]);
    let code = generated(&methods, &json!({ "Animal": bare }));
    for (module, output) in
        [("a", "super::Address"), ("b", "super::Address"), ("c", "super::Animal"), ("d", "super::Address2")]
    {
        let module = code.split(&format!("pub mod {module} {{")).nth(1).expect("the module is there");
        has(module.split("pub mod ").next().expect("its text"), &format!("pub type Output = {output};"));
    }
    has(&code, "pub struct Output { #[serde(skip_serializing_if = \"Option::is_none\")] pub name: Option<String>, }");
}

#[test]
fn arguments_by_position_are_a_list_without_what_is_left_out_at_its_end() {
    let param =
        |name: &str, required: bool| json!({ "name": name, "required": required, "schema": { "type": "integer" } });
    let code = generated(
        &json!([{
            "name": "sum", "paramStructure": "by-position", "params": [param("a", true), param("b", false), param("c", false)],
            "result": { "name": "sum", "schema": { "type": "integer" } }
        }]),
        &json!({}),
    );
    has(&code, "let given: usize = if self.c.is_some() { 3 } else if self.b.is_some() { 2 } else { 1 };");
    has(
        &code,
        "items.serialize_element(&self.a)?; if given > 1 { items.serialize_element(&self.b)?; } if given > 2 { items.serialize_element(&self.c)?; }",
    );
}

#[test]
fn a_method_whose_calls_may_run_twice_is_known_as_such() {
    let result = json!({ "name": "it", "schema": true });
    let code = generated(&json!([{ "name": "get", "params": [], "result": result, "x-idempotent": true }]), &json!({}));
    has(&code, "client.call_method(&const { ::conduit::MethodMeta::new(NAME).idempotent() }, &())");
}

#[test]
fn a_method_without_a_result_is_a_notification() {
    let code = generated(&json!([{ "name": "log", "params": [] }]), &json!({}));
    has(
        &code,
        "pub fn notify( client: &::conduit::Client, ) -> impl ::core::future::Future<Output = ::conduit::Result<()>> + Send + use<> { client.notify(NAME, ()) }",
    );
}

#[test]
fn errors_are_told_apart_by_code_and_named_by_what_the_document_says() {
    let method = |name: &str| {
        json!({ "name": name, "params": [], "result": { "name": "it", "schema": {} }, "errors": [
            { "$ref": "#/components/errors/NotThere" },
            { "code": -32000, "message": "{a} of {b} in {c}", "data": { "type": "object", "properties": { "a": { "type": "integer" }, "b": { "type": "boolean" }, "c": {} }, "required": ["a", "b"] } },
            { "code": 404, "message": "of another method" },
            { "code": 7, "message": "!", "data": { "just": "a value" } },
        ] })
    };
    let document = json!({
        "openrpc": "1.2.6",
        "info": { "title": "Errors", "version": "1" },
        "methods": [method("a.b"), method("a.c")],
        "components": { "errors": { "NotThere": { "code": 404, "message": "gone" } } },
    });
    let code = source(&document.to_string()).expect("a document");
    has(&code, "#[rpc(code = 404)] NotThere");
    has(&code, "/// ! #[rpc(code = 7)] Code7");
    has(
        &code,
        "Self::OfIn { a: value0, b: value1, .. } => { ::core::write!(f, \"{} of {} in {{c}}\", value0, value1) }",
    );
    assert_eq!(code.matches("pub enum Error").count(), 1);
    assert_eq!(code.matches("pub use super::Error;").count(), 2);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let with = |methods: Value| json!({ "openrpc": "1.3.2", "info": {}, "methods": methods });
    let result = json!({ "name": "it", "schema": true });
    for (document, message) in [
        (json!({}), "this is no OpenRPC document: it has no member `openrpc`"),
        (json!({ "openrpc": "2.0.0" }), "at `/openrpc`: version 1.x of OpenRPC is understood, not \"2.0.0\""),
        (json!({ "openrpc": "1.0.0" }), "at `/methods`: this list is missing"),
        (with(json!({})), "at `/methods`: a list belongs here, not an object"),
        (with(json!([1])), "at `/methods/0`: an object belongs here"),
        (with(json!([{ "params": [] }])), "at `/methods/0/name`: this member, a string, is missing"),
        (with(json!([{ "name": 1 }])), "at `/methods/0/name`: a string belongs here, not a number"),
        (with(json!([{ "name": "a", "params": {} }])), "at `/methods/0/params`: a list belongs here, not an object"),
        (
            with(json!([{ "name": "a", "params": [{ "name": "b", "schema": 1 }] }])),
            "at `/methods/0/params/0/schema`: a schema is an object or a boolean, not 1",
        ),
        (
            with(json!([{ "name": "a", "result": { "name": "b" } }])),
            "at `/methods/0/result/schema`: a content descriptor has a `schema`, and here is none",
        ),
        (
            with(json!([{ "name": "a", "result": result, "errors": [{ "message": "b" }] }])),
            "at `/methods/0/errors/0/code`: an error has a `code`, an integer",
        ),
        (
            with(json!([{ "name": "a", "result": result }, { "name": "a", "result": result }])),
            "at `/methods/1/name`: there is another method called `a`",
        ),
        (
            with(json!([{ "name": "a", "result": { "$ref": "https://example.org/types.json" } }])),
            "at `/methods/0/result/$ref`: the reference `https://example.org/types.json` leads out of the document: \
             bundle it first, so that references start with `#`",
        ),
    ] {
        assert_eq!(refused(&document), message);
    }
    assert!(source("{").expect_err("no JSON").to_string().starts_with("this is no JSON: "));
}
