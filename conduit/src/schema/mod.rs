//! Schemas of arguments: made from Rust types, published, and enforced.

mod adapt;
mod branch;
mod explain;
mod keyword;
mod leaf;
mod path;
mod publish;
mod report;
mod text;
mod union;
mod wording;


use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

pub(crate) use self::publish::of_arguments;
pub use self::publish::of_output;
use self::{leaf::Leaves, report::Sent};
use crate::protocol::ErrorObject;

/// The compiled schema of a method's arguments.
#[derive(Debug)]
pub(crate) struct Arguments {
    schema: Value,
    validator: Validator,
    leaves: Leaves,
    shape: Shape,
}

/// What params stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An argument for each property of the schema, by name or by position.
    Named,
    /// One value. JSON-RPC has only objects and arrays for params: any other value is the only item of an array.
    Single,
}

impl Arguments {
    /// Compiles the schema of a params struct, as [`of_arguments`] makes it.
    ///
    /// # Errors
    /// What is wrong with the schema, such as a pattern that is no regular expression.
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        Self::compile_as(schema, Shape::Named)
    }

    /// Compiles the schema of a payload, which is one value of any type.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub(crate) fn compile_payload(schema: &Value) -> Result<Self, String> {
        Self::compile_as(schema, Shape::Single)
    }

    fn compile_as(schema: &Value, shape: Shape) -> Result<Self, String> {
        let validator = leaf::validator(schema)?;
        Ok(Self { leaves: Leaves::of(schema), schema: schema.clone(), validator, shape })
    }

    /// The params of a call of `method` as the type that the schema was made of.
    ///
    /// # Errors
    /// -32602 with every fault of the params in `data.errors`.
    pub(crate) fn read<P: DeserializeOwned>(&self, method: &str, params: Option<&RawValue>) -> Result<P, ErrorObject> {
        let text = params.map_or("{}", RawValue::get);
        let mut value = Sent::read(self, text).judge(self, method)?;
        serde_json::from_value(value.clone())
            .or_else(|_| {
                adapt::integers(&self.schema, &mut value);
                serde_json::from_value(value)
            })
            .map_err(|error| report::refused_by_serde(method, String::new(), &error.to_string()))
    }
}
