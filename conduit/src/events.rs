//! Events: their names, their payloads, and what handling one may give.

use std::{borrow::Cow, convert::Infallible};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

use crate::rpc_error::RpcError;

/// The payload of an event of one name, which it knows; made by [`#[derive(Event)]`](derive@crate::Event).
///
/// [`ServerBuilder::on_event`](crate::ServerBuilder::on_event) handles it,
/// [`Connection::send_event`](crate::Connection::send_event) and [`Server::broadcast_event`](crate::Server::broadcast_event)
/// send it, none of them told the name; [`ServerBuilder::sends`](crate::ServerBuilder::sends) says that the server does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know which event it is the payload of",
    note = "derive it and give it a name: `#[derive(conduit::Event)]` and `#[event(\"chat\")]`"
)]
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// The name on the wire.
    const NAME: &'static str;
}

/// One name of an event, or several: what [`on`](crate::ServerBuilder::on) takes.
pub trait EventNames {
    /// The names.
    fn names(self) -> Vec<String>;
}

impl EventNames for &str {
    fn names(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl EventNames for String {
    fn names(self) -> Vec<String> {
        vec![self]
    }
}

impl<const N: usize> EventNames for [&str; N] {
    fn names(self) -> Vec<String> {
        self.map(str::to_owned).into()
    }
}

/// What a handler may return: nothing, a value that is the ack, or a `Result` of one.
///
/// `Kind` tells a `Result` from other values; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer to an event",
    note = "return `()`, a value that is `Serialize` and `JsonSchema`, or a `Result` of one whose error implements `RpcError`"
)]
pub trait Ack<Kind> {
    /// The ack.
    type Value: Serialize + JsonSchema + 'static;
    /// What the handler can fail with.
    type Error: RpcError + 'static;

    /// The ack, or the failure.
    fn into_result(self) -> Result<Self::Value, Self::Error>;
}

/// Marks a plain value as an [`Ack`].
#[derive(Debug)]
pub struct Plain;

/// Marks a `Result` as an [`Ack`].
#[derive(Debug)]
pub struct Fallible;

impl<T: Serialize + JsonSchema + 'static> Ack<Plain> for T {
    type Value = T;
    type Error = Infallible;

    fn into_result(self) -> Result<T, Infallible> {
        Ok(self)
    }
}

impl<T: Serialize + JsonSchema + 'static, E: RpcError + 'static> Ack<Fallible> for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// The payload of a handler that wants none: whatever is sent is taken.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(from = "serde::de::IgnoredAny")]
pub struct NoPayload;

impl From<serde::de::IgnoredAny> for NoPayload {
    fn from(_: serde::de::IgnoredAny) -> Self {
        Self
    }
}

impl JsonSchema for NoPayload {
    fn schema_name() -> Cow<'static, str> {
        "NoPayload".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::from(true)
    }
}
