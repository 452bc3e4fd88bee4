//! Schemas of arguments: made from Rust types, published, and enforced.
//!
//! The schema that is published is the schema that is enforced: draft 2020-12, formats asserted, lengths in
//! characters, nothing coerced. jsonschema has the last word on what is valid, and is rarely asked:
//!
//! 1. `check` reads typed arguments straight from the text of the params, and checks each value against the
//!    compiled schema as it goes by. All followed the rules: the call runs, and that was all.
//! 2. Else (a rule was broken, serde gave up, or something was met that has no quick rule) the text is read
//!    again as a `Value`, and jsonschema says whether it is valid. If so, what was read in the first step is used,
//!    or read again with integers written as integers (`1.0` is one).
//! 3. If not, `report` says all that is wrong, each with its place.
//!
//! Only one direction has to be exact for that: what step 1 lets by must be valid. Property tests hold it to
//! that, and to refusing nothing valid, on values of many types and on schemas made at random.
//!
//! # What it costs
//!
//! From the text of the whole envelope to typed arguments (`cargo bench --bench validate`), and as a multiple of
//! serde without any checks:
//!
//! | call | serde alone | checked | read, then check the text | `Value`, jsonschema, `from_value` |
//! |---|---|---|---|---|
//! | `add` (two integers) | 98 ns | 113 ns, 1.15 | 144 ns, 1.46 | 256 ns, 2.60 |
//! | `add`, by position | 74 ns | 86 ns, 1.16 | 407 ns, 5.51 | |
//! | `create_user` (lengths, email, range, default) | 214 ns | 292 ns, 1.37 | 335 ns, 1.57 | 797 ns, 3.73 |
//! | `order` (nested, a list, an enum, a pattern) | 634 ns | 967 ns, 1.53 | 1150 ns, 1.81 | 1997 ns, 3.15 |
//!
//! Dispatch, the call itself and the answer come on top of both: against the same method without constraints, whole
//! calls of `create_user` are in `benches/RESULTS.md`.
//!
//! Checks of everything are cheap enough that no part of a schema is left to serde's own judgement: what serde
//! would take and the schema does not (aliases, arrays for structs, a lenient `deserialize_with`) is refused.
//! Two checks were too dear as they were: jsonschema on every email address (110 ns; email.rs), and arguments by position
//! made an object first (typed.rs).
//!
//! These are asked about, at about the price of the last column: internally and adjacently tagged enums, untagged
//! enums with two shapes of one JSON type, flattened enums, sets (`uniqueItems`), maps whose keys are no strings,
//! `NonZero` of signed integers (`not`), structs of more than 64 fields.
//!
//! # Where serde and schema differ
//!
//! - A type can be narrower than its schema (`IpAddr`, an `f32` out of range, a second key beside `Ok`, numbers of
//!   128 bits): serde's refusal is reported with its path, as keyword `type`.
//! - Of a key that stands twice neither value counts (keyword `uniqueKeys`). What has no schema at all (`Value`,
//!   `RawValue`) is not looked into by step 1, and serde's habits rule there: the last one counts.

mod check;
mod keyword;
mod leaf;
mod publish;
mod report;
#[cfg(test)]
pub(crate) mod tests;

use jsonschema::Validator;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

pub use self::publish::of_output;
use self::{
    check::{Outcome, Plan},
    leaf::Leaves,
    report::Sent,
};
pub(crate) use self::{
    keyword::{limit, list, map, types},
    publish::{of_arguments, of_payload},
    report::a_format,
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

    /// Says which default a caller could not have sent itself, if there is one.
    ///
    /// # Errors
    /// What the argument's schema has against its default.
    pub(crate) fn check_defaults(schema: &Value) -> Result<(), String> {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let (Some(default), Value::Object(property)) = (property.get("default"), property) else { continue };
            let mut alone = property.clone();
            if let Some(defs) = schema.get("$defs") {
                alone.insert("$defs".into(), defs.clone());
            }
            if let Err(error) = leaf::validator(&Value::Object(alone))?.validate(default) {
                return Err(format!("the default of `{name}` is no value that it takes: {error}"));
            }
        }
        Ok(())
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
    pub(crate) fn read<P: DeserializeOwned>(&self, method: &str, params: Option<&str>) -> Result<P, ErrorObject> {
        let text = params.unwrap_or_else(|| self.nothing());
        match self.read_typed(text) {
            Outcome { value: Ok(value), doubt: false, .. } => Ok(value),
            Outcome { value: read, .. } => {
                // jsonschema has the word, and serde after it.
                let mut sent = self.judge(method, text)?;
                if let Ok(value) = read {
                    return Ok(value);
                }
                let Outcome { value, trail, .. } = check::read(&self.plan, &sent.adapted(self));
                value.map_err(|error| sent.refusal_by_serde(method, &error, &trail))
            }
        }
    }

    /// Whether the params of a call of `method` follow the schema, for whoever has no type for them.
    ///
    /// # Errors
    /// That of [`read`](Self::read), which may refuse more: a type can be narrower than its schema.
    pub(crate) fn check(&self, method: &str, params: Option<&str>) -> Result<(), ErrorObject> {
        let text = params.unwrap_or_else(|| self.nothing());
        let Outcome { value, doubt, .. } = self.read_typed::<IgnoredAny>(text);
        if value.is_ok() && !doubt { Ok(()) } else { self.judge(method, text).map(drop) }
    }

    fn read_typed<P: DeserializeOwned>(&self, text: &str) -> Outcome<P> {
        match self.shape {
            Shape::Named if text.starts_with('[') => check::read_positional(&self.plan, text),
            Shape::Single if text.starts_with('[') && !report::takes_arrays(&self.schema) => {
                check::read(&self.plan, check::only_item(text).unwrap_or(text))
            }
            _ => check::read(&self.plan, text),
        }
    }

    /// What is not plainly right.
    #[cold]
    fn judge(&self, method: &str, text: &str) -> Result<Sent<'_>, ErrorObject> {
        let sent = Sent::read(self, text);
        if sent.is_valid(self) { Ok(sent) } else { Err(sent.refusal(self, method)) }
    }

    /// What params that were left out stand for.
    fn nothing(&self) -> &'static str {
        match self.shape {
            Shape::Single if !self.plan.takes_only_objects() => "null",
            Shape::Single | Shape::Named => "{}",
        }
    }
}
