//! What `listall` tells of a method.

mod argument;
mod constraint;
mod example;
mod signature;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::argument::ArgumentDescription;
use crate::rpc_error::ErrorDescription;

/// One method of a server, as `listall` describes it.
///
/// `Display` prints it in one line, `name(argument: type, ..) -> type`:
///
/// ```
/// use conduit::MethodDescription;
/// use serde_json::json;
///
/// let method: MethodDescription = serde_json::from_value(json!({
///     "name": "create_user",
///     "params": {
///         "properties": {
///             "username": {"type": "string", "minLength": 3, "maxLength": 30},
///             "active": {"type": "boolean", "default": true},
///             "nickname": {"type": ["string", "null"]},
///         },
///         "required": ["username"],
///     },
///     "result": {"$ref": "#/$defs/User"},
/// }))?;
/// assert_eq!(method.to_string(), "create_user(username: string[3..30], active = true, nickname?: string) -> User");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "One method of a server.")]
#[non_exhaustive]
pub struct MethodDescription {
    /// The name on the wire.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// The JSON Schema of the arguments: an object with a property for each, in order.
    #[serde(default)]
    pub params: Value,
    /// The JSON Schema of the result.
    #[serde(default)]
    pub result: Value,
    /// The errors of its own that it answers with.
    #[serde(default)]
    pub errors: Vec<ErrorDescription>,
    /// Whether it can be called before login.
    #[serde(default)]
    pub public: bool,
    /// The roles of which a caller must have one; none for everybody who is logged in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Whether callers should move away from it.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether the calls of one connection run one after the other.
    #[serde(default)]
    pub ordered: bool,
    /// Whether running a call twice is as good as once.
    #[serde(default)]
    pub idempotent: bool,
    /// How long a call may run, in seconds; `None` for the server's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
}

impl MethodDescription {
    /// The arguments, in the order in which they can be given by position.
    pub fn arguments(&self) -> impl Iterator<Item = ArgumentDescription<'_>> {
        // A flattened struct, or enum, has its own in a part of the schema.
        let parts = argument::parts(&self.params, &self.params);
        parts.into_iter().flat_map(|part| ArgumentDescription::all(&self.params, part))
    }

    /// The type of the result, as in the signature; `None` for one that is always null.
    #[must_use]
    pub fn result_text(&self) -> Option<String> {
        signature::result(&self.result)
    }

    /// Arguments that it takes, by name: an [example](ArgumentDescription::example) for each that is required.
    ///
    /// They are made from the schema. Where it asks for more than that a value has a type and a size, such as that two
    /// arguments fit each other, a server may still refuse them.
    #[must_use]
    pub fn example(&self) -> Value {
        example::of(&self.params, &self.params, &self.name)
    }
}

impl fmt::Display for MethodDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<_> = self.arguments().map(|argument| argument.to_string()).collect();
        write!(f, "{}({})", self.name, arguments.join(", "))?;
        match self.result_text() {
            Some(result) => write!(f, " -> {result}"),
            None => Ok(()),
        }
    }
}

/// One event that a server handles, or sends, as [`OpenRpc`](crate::OpenRpc) describes it.
///
/// Of one that it sends, name, description, payload and `deprecated` are told; it is answered with nothing.
///
/// `Display` prints it in one line, `name(payload) -> ack`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EventDescription {
    /// The name on the wire; `"*"` for every event that has no handler of its own.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of the payload.
    pub payload: Value,
    /// The JSON Schema of the ack, which is the answer to an event that is [called](crate::Client::call).
    pub ack: Value,
    /// Whether it can be sent before login.
    pub public: bool,
    /// The roles of which a sender must have one; none for everybody who is logged in.
    pub allow: Vec<String>,
    /// Whether those who use it should move away from it.
    pub deprecated: bool,
    /// Whether the events of one connection are handled one after the other.
    pub ordered: bool,
}

impl EventDescription {
    /// The type of the payload, as in a signature; `None` for an event without one.
    #[must_use]
    pub fn payload_text(&self) -> Option<String> {
        signature::result(&self.payload)
    }

    /// The type of the ack, as in a signature; `None` for one that is always null.
    #[must_use]
    pub fn ack_text(&self) -> Option<String> {
        signature::result(&self.ack)
    }

    /// The fields of the payload, if it is a struct.
    pub fn fields(&self) -> impl Iterator<Item = ArgumentDescription<'_>> {
        let parts = argument::parts(&self.payload, &self.payload);
        parts.into_iter().flat_map(|part| ArgumentDescription::all(&self.payload, part))
    }

    /// A payload that it can have, made from the schema as the [example](MethodDescription::example) of a method is.
    #[must_use]
    pub fn example(&self) -> Value {
        example::of(&self.payload, &self.payload, &self.name)
    }
}

impl fmt::Display for EventDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.payload_text().unwrap_or_default())?;
        match self.ack_text() {
            Some(ack) => write!(f, " -> {ack}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn only_the_name_is_needed_and_more_is_ignored() {
        let method: MethodDescription = from_value(json!({"name": "tick", "since": "1.2"})).unwrap();
        assert_eq!((method.to_string().as_str(), method.timeout), ("tick()", None));
        assert!(from_value::<MethodDescription>(json!({"description": "x"})).is_err());
    }

    #[test]
    fn a_description_survives_a_round_trip() {
        let text = json!({
            "name": "m", "description": "d", "params": {"type": "object"}, "result": {"type": "null"},
            "errors": [{"code": 404, "message": "user {id} not found", "data": {"type": "object"}}],
            "public": true, "deprecated": true, "ordered": true, "idempotent": true, "timeout": 2.5,
        });
        let method: MethodDescription = from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&method).unwrap(), text);
        assert_eq!(method.errors[0].code, 404);
    }
}
