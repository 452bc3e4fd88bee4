//! Types that the tests read arguments as.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};

use crate::schema::{Arguments, of_arguments};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct CreateUser {
    #[schemars(length(min = 3, max = 30))]
    pub(super) username: String,
    #[schemars(email)]
    pub(super) email: String,
    #[schemars(range(max = 150))]
    pub(super) age: u8,
    #[serde(default = "yes")]
    pub(super) active: bool,
    pub(super) nickname: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Add {
    pub(super) a: i64,
    pub(super) b: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Address {
    #[schemars(length(min = 1, max = 40))]
    pub(super) city: String,
    #[schemars(regex(pattern = r"^[0-9]{5}$"))]
    pub(super) zip: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Strict {
    pub(super) x: i32,
    #[serde(default)]
    pub(super) y: u16,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Color {
    Red,
    Green,
    /// Not that of the sky.
    DeepBlue,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) enum Shape {
    Dot,
    Circle(#[schemars(range(min = 0.0))] f64),
    Line(i32, i32),
    Box { width: u8, height: u8 },
    At(Address),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Payment {
    Cash,
    Card {
        number: String,
        #[schemars(range(min = 1, max = 12))]
        month: u8,
    },
    Post(Address),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub(super) enum Adjacent {
    Unit,
    One(i32),
    Two(i32, String),
    Named { x: u8 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Loose {
    Nothing,
    Number(i32),
    Pair(i32, i32),
    Point { x: i32, y: i32 },
    Label { text: String },
    Text(#[schemars(length(max = 5))] String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Tree {
    pub(super) value: i8,
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub(super) children: Vec<Tree>,
    pub(super) left: Option<Box<Tree>>,
}

/// One argument of each kind, all optional.
#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Everything {
    pub(super) address: Option<Address>,
    pub(super) strict: Option<Strict>,
    pub(super) color: Option<Color>,
    pub(super) shape: Option<Shape>,
    pub(super) payment: Option<Payment>,
    pub(super) adjacent: Option<Adjacent>,
    pub(super) loose: Option<Loose>,
    pub(super) tree: Option<Tree>,
    #[schemars(length(min = 1, max = 3), inner(length(min = 2)))]
    pub(super) names: Option<Vec<String>>,
    pub(super) map: HashMap<String, u8>,
    pub(super) pair: Option<(i32, String)>,
    pub(super) free: Value,
    #[serde(rename = "a/b~c")]
    pub(super) odd: Option<bool>,
}

pub(super) fn arguments<P: JsonSchema>() -> Arguments {
    Arguments::compile(&of_arguments::<P>()).expect("a schema made of a type compiles")
}

pub(super) fn raw(text: &str) -> String {
    RawValue::from_string(text.to_owned()).expect("the text is JSON").get().to_owned()
}

/// Numbers of all widths.
#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Numbers {
    pub(super) i8: i8,
    pub(super) u16: Option<u16>,
    pub(super) i32: i32,
    pub(super) u32: u32,
    pub(super) i64: i64,
    pub(super) u64: u64,
    pub(super) isize: isize,
    pub(super) usize: Option<usize>,
    pub(super) f32: f32,
    pub(super) f64: f64,
    #[schemars(range(min = -1, max = 1.5))]
    pub(super) range: f64,
    #[schemars(range(min = 3))]
    pub(super) at_least: i64,
    pub(super) nonzero: Option<std::num::NonZeroU8>,
    pub(super) signed: Option<std::num::NonZeroI16>,
    pub(super) tuple: (i8, f32),
    pub(super) array: [u8; 2],
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Formats {
    #[schemars(email)]
    pub(super) email: Option<String>,
    #[schemars(url)]
    pub(super) url: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub(super) at: Option<String>,
    #[schemars(extend("format" = "uuid"))]
    pub(super) uuid: Option<String>,
    #[schemars(extend("format" = "ipv4"))]
    pub(super) ipv4: Option<String>,
    pub(super) char: Option<char>,
    #[schemars(regex(pattern = "^[0-9]+$"), length(min = 2))]
    pub(super) digits: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Flattened {
    pub(super) x: i32,
    #[serde(flatten)]
    pub(super) address: Address,
    #[serde(flatten)]
    pub(super) payment: Adjacent,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct FlattenedMap {
    pub(super) x: i32,
    #[serde(flatten)]
    pub(super) rest: HashMap<String, u8>,
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Collections {
    pub(super) set: std::collections::BTreeSet<u8>,
    pub(super) by_number: HashMap<u16, Option<Color>>,
    pub(super) by_name: HashMap<String, Address>,
    #[schemars(length(max = 2))]
    pub(super) lists: Vec<Vec<Option<i8>>>,
    pub(super) deep: Option<Box<Collections>>,
    pub(super) unit: (),
    pub(super) result: Option<Result<u8, String>>,
    pub(super) wrapped: Option<Wrapped>,
    pub(super) shapes: Vec<Shape>,
    pub(super) strict: Vec<Strict>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Wrapped(#[schemars(length(min = 2))] pub(super) String);
