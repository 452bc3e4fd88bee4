//! Types that the tests read arguments as.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};

use crate::schema::{Arguments, of_arguments};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CreateUser {
    #[schemars(length(min = 3, max = 30))]
    pub(crate) username: String,
    #[schemars(email)]
    pub(crate) email: String,
    #[schemars(range(max = 150))]
    pub(crate) age: u8,
    #[serde(default = "yes")]
    pub(crate) active: bool,
    pub(crate) nickname: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Add {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Address {
    #[schemars(length(min = 1, max = 40))]
    pub(crate) city: String,
    #[schemars(regex(pattern = r"^[0-9]{5}$"))]
    pub(crate) zip: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strict {
    pub(crate) x: i32,
    #[serde(default)]
    pub(crate) y: u16,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Color {
    Red,
    Green,
    /// Not that of the sky.
    DeepBlue,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Shape {
    Dot,
    Circle(#[schemars(range(min = 0.0))] f64),
    Line(i32, i32),
    Box { width: u8, height: u8 },
    At(Address),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Payment {
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
pub(crate) enum Adjacent {
    Unit,
    One(i32),
    Two(i32, String),
    Named { x: u8 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Loose {
    Nothing,
    Number(i32),
    Pair(i32, i32),
    Point { x: i32, y: i32 },
    Label { text: String },
    Text(#[schemars(length(max = 5))] String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tree {
    pub(crate) value: i8,
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub(crate) children: Vec<Tree>,
    pub(crate) left: Option<Box<Tree>>,
}

/// One argument of each kind, all optional.
#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Everything {
    pub(crate) address: Option<Address>,
    pub(crate) strict: Option<Strict>,
    pub(crate) color: Option<Color>,
    pub(crate) shape: Option<Shape>,
    pub(crate) payment: Option<Payment>,
    pub(crate) adjacent: Option<Adjacent>,
    pub(crate) loose: Option<Loose>,
    pub(crate) tree: Option<Tree>,
    #[schemars(length(min = 1, max = 3), inner(length(min = 2)))]
    pub(crate) names: Option<Vec<String>>,
    pub(crate) map: HashMap<String, u8>,
    pub(crate) pair: Option<(i32, String)>,
    pub(crate) free: Value,
    #[serde(rename = "a/b~c")]
    pub(crate) odd: Option<bool>,
}

pub(crate) fn arguments<P: JsonSchema>() -> Arguments {
    Arguments::compile(&of_arguments::<P>()).expect("a schema made of a type compiles")
}

pub(crate) fn raw(text: &str) -> String {
    RawValue::from_string(text.to_owned()).expect("the text is JSON").get().to_owned()
}

/// Numbers of all widths.
#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Numbers {
    pub(crate) i8: i8,
    pub(crate) u16: Option<u16>,
    pub(crate) i32: i32,
    pub(crate) u32: u32,
    pub(crate) i64: i64,
    pub(crate) u64: u64,
    pub(crate) isize: isize,
    pub(crate) usize: Option<usize>,
    pub(crate) f32: f32,
    pub(crate) f64: f64,
    #[schemars(range(min = -1, max = 1.5))]
    pub(crate) range: f64,
    #[schemars(range(min = 3))]
    pub(crate) at_least: i64,
    pub(crate) nonzero: Option<std::num::NonZeroU8>,
    pub(crate) signed: Option<std::num::NonZeroI16>,
    pub(crate) tuple: (i8, f32),
    pub(crate) array: [u8; 2],
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Formats {
    #[schemars(email)]
    pub(crate) email: Option<String>,
    #[schemars(url)]
    pub(crate) url: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub(crate) at: Option<String>,
    #[schemars(extend("format" = "uuid"))]
    pub(crate) uuid: Option<String>,
    #[schemars(extend("format" = "ipv4"))]
    pub(crate) ipv4: Option<String>,
    pub(crate) char: Option<char>,
    #[schemars(regex(pattern = "^[0-9]+$"), length(min = 2))]
    pub(crate) digits: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Flattened {
    pub(crate) x: i32,
    #[serde(flatten)]
    pub(crate) address: Address,
    #[serde(flatten)]
    pub(crate) payment: Adjacent,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FlattenedMap {
    pub(crate) x: i32,
    #[serde(flatten)]
    pub(crate) rest: HashMap<String, u8>,
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Collections {
    pub(crate) set: std::collections::BTreeSet<u8>,
    pub(crate) by_number: HashMap<u16, Option<Color>>,
    pub(crate) by_name: HashMap<String, Address>,
    #[schemars(length(max = 2))]
    pub(crate) lists: Vec<Vec<Option<i8>>>,
    pub(crate) deep: Option<Box<Collections>>,
    pub(crate) unit: (),
    pub(crate) result: Option<Result<u8, String>>,
    pub(crate) wrapped: Option<Wrapped>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) strict: Vec<Strict>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Wrapped(#[schemars(length(min = 2))] pub(crate) String);
