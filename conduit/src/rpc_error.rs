//! The errors of an application's methods: typed on both ends, an [`ErrorObject`] between.

use std::{borrow::Cow, convert::Infallible};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::ErrorObject;

/// The error of a method: it travels as code, message and data, and comes back as itself.
///
/// Derive it on an enum. Each variant says its code; its message is what `Display` says, its fields are the
/// data. The codes are listed in the discovery documents.
///
/// ```
/// use conduit::RpcError;
///
/// #[derive(Debug, thiserror::Error, RpcError, PartialEq)]
/// enum UserError {
///     #[error("user {id} not found")]
///     #[rpc(code = 404)]
///     NotFound { id: u64 },
/// }
///
/// let sent = UserError::NotFound { id: 7 }.to_error_object();
/// assert_eq!((sent.code(), sent.message()), (404, "user 7 not found"));
/// assert_eq!(sent.data().unwrap().get(), r#"{"id":7}"#);
/// assert_eq!(UserError::from_error_object(&sent), Some(UserError::NotFound { id: 7 }));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the error of an rpc method",
    label = "does not say which code and data the caller gets",
    note = "derive it: `#[derive(Debug, thiserror::Error, conduit::RpcError)]` with `#[rpc(code = ..)]` on each variant",
    note = "or turn the error into a `conduit::ErrorObject`: `.map_err(conduit::ErrorObject::internal)` tells the caller nothing but \"internal error\" and logs the rest"
)]
pub trait RpcError: Sized {
    /// What the caller gets.
    fn to_error_object(&self) -> ErrorObject;

    /// The errors there are, for the discovery documents.
    fn describe() -> Vec<ErrorDescription>;

    /// The typed error back from what was received; `None` when it is none of this type's.
    fn from_error_object(object: &ErrorObject) -> Option<Self>;
}

/// One error that a method can answer with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDescription {
    /// The code.
    pub code: i64,
    /// The message, with placeholders where it has fields.
    #[serde(default)]
    pub message: Cow<'static, str>,
    /// The JSON Schema of the data; `None` for an error without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl RpcError for Infallible {
    fn to_error_object(&self) -> ErrorObject {
        match *self {}
    }

    fn describe() -> Vec<ErrorDescription> {
        Vec::new()
    }

    fn from_error_object(_: &ErrorObject) -> Option<Self> {
        None
    }
}

impl RpcError for ErrorObject {
    fn to_error_object(&self) -> ErrorObject {
        self.clone()
    }

    fn describe() -> Vec<ErrorDescription> {
        Vec::new()
    }

    fn from_error_object(object: &ErrorObject) -> Option<Self> {
        Some(object.clone())
    }
}
