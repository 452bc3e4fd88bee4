//! Schemas of arguments: made from Rust types, published, and enforced.

mod access;
mod adapt;
mod branch;
mod checked;
mod email;
mod explain;
mod keyword;
mod leaf;
mod path;
mod plan;
mod publish;
mod report;
mod text;
mod typed;
mod union;
mod wording;

use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

pub(crate) use self::publish::of_arguments;
pub use self::publish::of_output;
use self::{
    leaf::Leaves,
    plan::{Node, Plan, Rules},
    report::Sent,
    typed::Outcome,
};
use crate::protocol::ErrorObject;

/// The compiled schema of a method's arguments, or of an event's payload.
#[derive(Debug)]
pub(crate) struct Arguments {
    schema: Value,
    plan: Plan,
    validator: Validator,
    leaves: Leaves,
    shape: Shape,
}

/// What params stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An argument for each property of the schema, by name or by position.
    Named,
    /// One value. Params are an object or an array, so that any other value travels as the only item of an array.
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
        Ok(Self { plan: Plan::of(schema), leaves: Leaves::of(schema), schema: schema.clone(), validator, shape })
    }

    /// The params of a call of `method` as the type that the schema was made of.
    ///
    /// # Errors
    /// -32602 with every fault of the params in `data.errors`.
    pub(crate) fn read<P: DeserializeOwned>(&self, method: &str, params: Option<&RawValue>) -> Result<P, ErrorObject> {
        let text = params.map_or_else(|| self.nothing(), RawValue::get);
        match self.read_typed(text) {
            Outcome { value: Ok(value), doubt: false, .. } => Ok(value),
            Outcome { value, .. } => self.look_again(method, text, value.ok()),
        }
    }

    fn read_typed<P: DeserializeOwned>(&self, text: &str) -> Outcome<P> {
        match self.shape {
            Shape::Named if text.starts_with('[') => typed::read_positional(&self.plan, text),
            Shape::Single if text.starts_with('[') && !report::takes_arrays(&self.schema) => {
                typed::read(&self.plan, typed::only_item(text).unwrap_or(text))
            }
            _ => typed::read(&self.plan, text),
        }
    }

    /// What is not plainly right: jsonschema has the word, and serde after it.
    #[cold]
    fn look_again<P: DeserializeOwned>(&self, method: &str, text: &str, read: Option<P>) -> Result<P, ErrorObject> {
        let mut sent = Sent::read(self, text);
        if !sent.is_valid(self) {
            return Err(sent.refusal(self, method));
        }
        if let Some(value) = read {
            return Ok(value);
        }
        let Outcome { value, trail, .. } = typed::read(&self.plan, &sent.adapted(self));
        value.map_err(|error| sent.refusal_by_serde(method, &error, &trail))
    }

    /// What params that were left out stand for.
    fn nothing(&self) -> &'static str {
        match (self.shape, self.plan.node(self.plan.root)) {
            (Shape::Single, Node::Rules(Rules { null: false, object: Some(_), .. })) | (Shape::Named, _) => "{}",
            (Shape::Single, _) => "null",
        }
    }
}
