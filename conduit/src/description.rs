//! What `listall` tells of a method.

mod signature;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Whether callers should move away from it.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether the calls of one connection run one after the other.
    #[serde(default)]
    pub ordered: bool,
    /// How long a call may run, in seconds; `None` for the server's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
}

impl fmt::Display for MethodDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<_> = signature::arguments(&self.params).map(|argument| argument.to_string()).collect();
        write!(f, "{}({})", self.name, arguments.join(", "))?;
        match signature::result(&self.result) {
            Some(result) => write!(f, " -> {result}"),
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
            "public": true, "deprecated": true, "ordered": true, "timeout": 2.5,
        });
        let method: MethodDescription = from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&method).unwrap(), text);
        assert_eq!(method.errors[0].code, 404);
    }
}
