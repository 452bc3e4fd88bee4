//! What validation adds to a call: the whole envelope as text to typed arguments, in four ways.
//!
//! `cargo bench --bench validate`. Compare within one run: the ratio to `serde` is what counts.
//!
//! | way | what it does |
//! |---|---|
//! | `serde` | parses the envelope and the arguments, checks nothing |
//! | `checked` | what conduit does: checks while the arguments are read |
//! | `two_passes` | reads the arguments, then checks their text |
//! | `value` | reads a `Value`, has jsonschema check it, makes the arguments of it |

#![allow(missing_docs, dead_code, unreachable_pub, unused_imports)]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

// The compiled schema of a method is no part of the public interface, so the modules are taken in as they are.
#[path = "../src/protocol/mod.rs"]
mod protocol;
#[path = "../src/schema/mod.rs"]
mod schema;

use protocol::{ErrorCode, ErrorObject, Incoming, Message};
use schema::{Arguments, of_arguments};

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize, JsonSchema)]
struct CreateUser {
    #[schemars(length(min = 3, max = 30))]
    username: String,
    #[schemars(email)]
    email: String,
    #[schemars(range(max = 150))]
    age: u8,
    #[serde(default = "yes")]
    active: bool,
    nickname: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, JsonSchema)]
struct Order {
    customer: Customer,
    #[schemars(length(min = 1, max = 100))]
    items: Vec<Item>,
    delivery: Delivery,
    note: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Customer {
    #[schemars(length(min = 1, max = 80))]
    name: String,
    #[schemars(regex(pattern = "^[A-Z]{2}[0-9]{6}$"))]
    number: String,
}

#[derive(Deserialize, JsonSchema)]
struct Item {
    sku: String,
    #[schemars(range(min = 1, max = 1000))]
    count: u32,
    #[schemars(range(min = 0.0))]
    price: f64,
}

#[derive(Deserialize, JsonSchema)]
enum Delivery {
    PickUp,
    Post { city: String, zip: String },
}

const ADD: &str = r#"{"jsonrpc":"2.0","method":"add","params":{"a":2,"b":3},"id":1}"#;
const ADD_BY_POSITION: &str = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
const CREATE_USER: &str = r#"{"jsonrpc":"2.0","method":"create_user","params":{"username":"ferris","email":"ferris@example.org","age":11,"nickname":"crab"},"id":1}"#;
const ORDER: &str = r#"{"jsonrpc":"2.0","method":"order","params":{"customer":{"name":"Ada Lovelace","number":"GB181512"},"items":[{"sku":"wheel-3","count":2,"price":12.5},{"sku":"card-80","count":400,"price":0.05},{"sku":"oil","count":1,"price":7}],"delivery":{"Post":{"city":"London","zip":"W1"}}},"id":1}"#;

/// The params of a request.
fn params(text: &str) -> &str {
    match protocol::parse(text) {
        Incoming::Single(Ok(Message::Request(request))) => request.params.expect("the request has params"),
        other => panic!("{other:?}"),
    }
}

fn compare<P: DeserializeOwned + JsonSchema>(criterion: &mut Criterion, name: &str, text: &str) {
    let schema = of_arguments::<P>();
    let arguments = Arguments::compile(&schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let mut group = criterion.benchmark_group(name);
    group.bench_function("serde", |bencher| {
        bencher.iter(|| serde_json::from_str::<P>(params(black_box(text))).unwrap());
    });
    group.bench_function("checked", |bencher| {
        bencher.iter(|| arguments.read::<P>("m", Some(params(black_box(text)))).unwrap());
    });
    group.bench_function("two_passes", |bencher| {
        bencher.iter(|| {
            let params = params(black_box(text));
            arguments.read::<IgnoredAny>("m", Some(params)).unwrap();
            serde_json::from_str::<P>(params).unwrap()
        });
    });
    if !params(text).starts_with('[') {
        group.bench_function("value", |bencher| bencher.iter(|| by_value::<P>(&validator, params(black_box(text)))));
    }
}

fn by_value<P: DeserializeOwned>(validator: &Validator, params: &str) -> P {
    let value: Value = serde_json::from_str(params).unwrap();
    assert!(validator.is_valid(&value));
    serde_json::from_value(value).unwrap()
}

fn benches(criterion: &mut Criterion) {
    compare::<Add>(criterion, "add", ADD);
    compare::<Add>(criterion, "add_by_position", ADD_BY_POSITION);
    compare::<CreateUser>(criterion, "create_user", CREATE_USER);
    compare::<Order>(criterion, "order", ORDER);
}

criterion_group! {
    name = validate;
    config = Criterion::default().sample_size(60).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = benches
}
criterion_main!(validate);
