//! Checking arguments while they are read.
//!
//! ```text
//! schema --plan.rs, scalar.rs--> Plan of rules.rs
//!                                  |
//! text --serde_json--> checked.rs, access.rs --> the type's own Deserialize
//! ```
//!
//! What comes out has one of three verdicts: read and right, read and doubtful ([`Outcome::doubt`]), or not read.
//! Where a schema says nothing (`true`), the type reads from `serde_json` itself, unwatched and at no cost.

mod access;
mod checked;
mod email;
mod plan;
mod rules;
mod scalar;
mod typed;

#[cfg(test)]
pub(crate) use self::email::is_plain as is_plain_email;
pub(crate) use self::{
    plan::Plan,
    typed::{Outcome, only_item, read, read_positional},
};
