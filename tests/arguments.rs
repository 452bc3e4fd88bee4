//! Arguments are validated before the function runs, and every fault is told at once.

use std::collections::BTreeMap;

use conduit::{methods, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Peer, serve};

#[rpc]
pub(crate) async fn create_user(
    #[schemars(length(min = 3, max = 30))] username: String,
    #[schemars(email)] email: String,
    #[schemars(range(max = 150))] age: u8,
    #[arg(default = true)] active: bool,
    nickname: Option<String>,
) -> String {
    format!("{username} {email} {age} {active} {nickname:?}")
}

#[tokio::test]
async fn valid_arguments_reach_the_function_by_name_and_by_position() {
    let server = serve(methods![create_user]).await;
    let mut peer = Peer::connect(&server).await;
    let named = json!({ "age": 30, "email": "a@b.io", "username": "ann" });
    assert_eq!(peer.result("create_user", named).await, "ann a@b.io 30 true None");
    let all = json!(["ann", "a@b.io", 30, false, "nan"]);
    assert_eq!(peer.result("create_user", all).await, "ann a@b.io 30 false Some(\"nan\")");
    let short = json!(["ann", "a@b.io", 30]);
    assert_eq!(peer.result("create_user", short).await, "ann a@b.io 30 true None");
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let server = serve(methods![create_user]).await;
    let mut peer = Peer::connect(&server).await;
    let error = peer.refusal("create_user", json!({ "username": "x", "email": "a@b.io" })).await;
    assert_eq!(
        error,
        json!({ "code": -32602, "message": "invalid params for `create_user`", "data": { "errors": [
            { "path": "/username", "keyword": "minLength", "message": "\"x\" is shorter than 3 characters" },
            { "path": "/age", "keyword": "required", "message": "missing argument `age`" },
        ] } })
    );
    let bad = json!({ "username": "ann", "email": "nobody", "age": "30", "active": null, "colour": 1 });
    let error = peer.refusal("create_user", bad).await;
    let faults = faults(&error);
    assert_eq!(
        faults,
        [("/email", "format"), ("/age", "type"), ("/active", "type"), ("/colour", "additionalProperties")]
            .map(|(path, keyword)| (path.to_owned(), keyword.to_owned()))
    );
}

/// Path and keyword of each fault.
fn faults(error: &Value) -> Vec<(String, String)> {
    let text = |fault: &Value, key: &str| fault[key].as_str().expect("a text").to_owned();
    let errors = error["data"]["errors"].as_array().expect("a list of faults");
    errors.iter().map(|fault| (text(fault, "path"), text(fault, "keyword"))).collect()
}

#[tokio::test]
async fn faults_by_position_point_into_the_array() {
    let server = serve(methods![create_user]).await;
    let mut peer = Peer::connect(&server).await;
    let error = peer.refusal("create_user", json!(["x", "a@b.io"])).await;
    assert_eq!(faults(&error), [("/0".into(), "minLength".into()), ("/2".into(), "required".into())]);
    let error = peer.refusal("create_user", json!(["ann", "a@b.io", 1, true, "n", 6])).await;
    assert_eq!(faults(&error)[0].1, "maxItems");
}

#[tokio::test]
async fn nothing_is_coerced_but_an_integer_may_be_written_as_a_float() {
    let server = serve(methods![create_user]).await;
    let mut peer = Peer::connect(&server).await;
    for age in [json!("30"), json!(30.5), json!(true), json!(-1), json!(151), json!(256), json!([30]), json!(null)] {
        let error = peer.refusal("create_user", json!(["ann", "a@b.io", age])).await;
        assert_eq!(faults(&error)[0].0, "/2", "{age}");
    }
    // JSON Schema 2020-12, validation 6.1.1: an integer is "any number with a zero fractional part".
    let request = r#"{"jsonrpc":"2.0","method":"create_user","params":["ann","a@b.io",30.0],"id":1}"#;
    assert_eq!(peer.ask(request).await["result"], "ann a@b.io 30 true None");
}

#[tokio::test]
async fn lengths_count_characters_not_bytes() {
    let server = serve(methods![create_user]).await;
    let mut peer = Peer::connect(&server).await;
    let name = |n: usize| "\u{1F980}".repeat(n);
    peer.result("create_user", json!([name(30), "a@b.io", 1])).await;
    let error = peer.refusal("create_user", json!([name(31), "a@b.io", 1])).await;
    assert_eq!(faults(&error), [("/0".into(), "maxLength".into())]);
    let error = peer.refusal("create_user", json!([name(2), "a@b.io", 1])).await;
    assert_eq!(faults(&error), [("/0".into(), "minLength".into())]);
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Address {
    #[schemars(length(min = 1))]
    city: String,
    #[schemars(pattern(r"^\d{5}$"))]
    code: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Size {
    Small,
    Large,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Shape {
    Circle {
        #[schemars(range(min = 0.0))]
        radius: f64,
    },
    Square {
        side: f64,
    },
}

#[rpc]
pub(crate) async fn order(
    address: Address,
    billing: Option<Address>,
    size: Size,
    shape: Shape,
    #[schemars(length(max = 2))] tags: Vec<String>,
    counts: BTreeMap<String, u8>,
) -> bool {
    drop((address, billing, size, shape, tags, counts));
    true
}

pub(crate) fn good_order() -> Value {
    json!({
        "address": { "city": "Ulm", "code": "89073" },
        "billing": null,
        "size": "small",
        "shape": { "kind": "circle", "radius": 1.5 },
        "tags": ["a"],
        "counts": { "a": 1 },
    })
}

#[tokio::test]
async fn faults_in_options_enums_and_nested_structs_point_at_the_real_fault() {
    let server = serve(methods![order]).await;
    let mut peer = Peer::connect(&server).await;
    peer.result("order", good_order()).await;
    let cases: [(&str, Value, &str, &str); 11] = [
        ("/address/city", json!(""), "/address/city", "minLength"),
        ("/address/code", json!("x"), "/address/code", "pattern"),
        ("/billing", json!({ "city": "" }), "/billing/city", "minLength"),
        ("/billing", json!({}), "/billing/city", "required"),
        ("/billing", json!(7), "/billing", "type"),
        ("/size", json!("medium"), "/size", "enum"),
        ("/shape", json!({ "kind": "circle", "radius": -1 }), "/shape/radius", "minimum"),
        ("/shape", json!({ "kind": "square" }), "/shape/side", "required"),
        ("/shape", json!({ "kind": "blob" }), "/shape/kind", "enum"),
        ("/tags", json!(["a", "b", "c"]), "/tags", "maxItems"),
        ("/counts", json!({ "a": 256 }), "/counts/a", "maximum"),
    ];
    for (at, value, path, keyword) in cases {
        let mut order = good_order();
        *order.pointer_mut(at).expect("the pointer leads somewhere") = value;
        let error = peer.refusal("order", order).await;
        assert_eq!(faults(&error), [(path.to_owned(), keyword.to_owned())], "{at}");
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Page {
    #[serde(default)]
    #[schemars(range(max = 100))]
    limit: u8,
    cursor: Option<String>,
}

#[rpc]
pub(crate) async fn search(text: String, #[arg(flatten)] page: Page) -> String {
    format!("{text} {} {:?}", page.limit, page.cursor)
}

#[rpc]
async fn paged(#[arg(flatten)] page: Page) -> u8 {
    page.limit
}

#[tokio::test]
async fn the_fields_of_a_flattened_struct_are_arguments() {
    let server = serve(methods![search, paged]).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("search", json!({ "text": "a", "limit": 5 })).await, "a 5 None");
    assert_eq!(peer.result("search", json!(["a", 5, "next"])).await, "a 5 Some(\"next\")");
    assert_eq!(peer.result("paged", json!({ "limit": 9 })).await, 9);
    assert_eq!(peer.result("paged", json!({})).await, 0);
    let error = peer.refusal("search", json!({ "text": "a", "limit": 101, "page": 1 })).await;
    assert_eq!(faults(&error), [("/limit".into(), "maximum".into()), ("/page".into(), "additionalProperties".into())]);
}

#[rpc]
pub(crate) async fn renamed(
    #[serde(rename = "type")] kind: String,
    r#match: u8,
    #[arg(default = "en")] language: String,
    #[serde(default)] verbose: bool,
) -> String {
    format!("{kind} {} {language} {verbose}", r#match)
}

#[tokio::test]
async fn serde_attributes_work_on_parameters_as_on_fields() {
    let server = serve(methods![renamed]).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("renamed", json!({ "type": "t", "match": 1 })).await, "t 1 en false");
    let all = json!({ "type": "t", "match": 1, "language": "de", "verbose": true });
    assert_eq!(peer.result("renamed", all).await, "t 1 de true");
}

#[tokio::test]
async fn numbers_at_the_edge_of_their_types_are_taken_and_beyond_refused() {
    let server = serve(methods![widths]).await;
    let mut peer = Peer::connect(&server).await;
    let mut ask = async |a: &str, b: &str, c: &str| {
        peer.ask(&format!(r#"{{"jsonrpc":"2.0","method":"widths","params":[{a},{b},{c}],"id":1}}"#)).await
    };
    let top = ask("9223372036854775807", "18446744073709551615", "1.7976931348623157e308").await;
    assert_eq!(top["result"], true);
    for (a, b, c, path) in [
        ("9223372036854775808", "0", "0", "/0"),
        ("-9223372036854775809", "0", "0", "/0"),
        ("0", "18446744073709551616", "0", "/1"),
        ("0", "-1", "0", "/1"),
        ("0", "0", "1e400", "/2"),
        ("1e400", "0", "0", "/0"),
    ] {
        let answer = ask(a, b, c).await;
        assert_eq!(answer["error"]["code"], -32602, "{a} {b} {c}");
        assert_eq!(faults(&answer["error"])[0].0, path, "{a} {b} {c}");
    }
}

#[rpc]
pub(crate) async fn widths(a: i64, b: u64, c: f64) -> bool {
    let _ = (a, b, c);
    true
}

#[tokio::test]
async fn an_argument_given_twice_is_refused() {
    let server = serve(methods![widths]).await;
    let mut peer = Peer::connect(&server).await;
    let request = r#"{"jsonrpc":"2.0","method":"widths","params":{"a":1,"b":1,"c":1,"a":2},"id":1}"#;
    let answer = peer.ask(request).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert_eq!(faults(&answer["error"])[0].0, "/a");
}

#[tokio::test]
async fn a_value_of_any_shape_is_taken_as_it_is() {
    let server = serve(methods![echo]).await;
    let mut peer = Peer::connect(&server).await;
    for value in [json!(null), json!([1, { "a": [] }]), json!({ "b": 1, "a": 2 }), json!("x")] {
        assert_eq!(peer.result("echo", json!({ "value": value })).await, value);
    }
}

#[rpc]
pub(crate) async fn echo(value: Value) -> Value {
    value
}

/// Counts the calls that reached the function.
#[derive(Default)]
struct Reached(std::sync::atomic::AtomicUsize);

#[rpc]
async fn reach(reached: &Reached, #[schemars(range(min = 1))] n: u8) -> u8 {
    reached.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    n
}

#[rpc]
async fn reached(reached: &Reached) -> usize {
    reached.0.load(std::sync::atomic::Ordering::Relaxed)
}

#[tokio::test]
async fn a_bad_call_does_not_reach_the_function() {
    let methods = methods![reach, reached];
    let server = crate::support::start(crate::support::builder(methods).open().state(Reached::default())).await;
    let mut peer = Peer::connect(&server).await;
    peer.result("reach", json!([1])).await;
    for bad in [json!([0]), json!(["1"]), json!([]), json!({ "n": 1, "m": 1 })] {
        peer.refusal("reach", bad).await;
    }
    assert_eq!(peer.result("reached", json!([])).await, 1);
}
