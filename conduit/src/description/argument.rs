//! One argument of a method, or one field of one.

use std::fmt;

use serde_json::{Map, Value};

use super::{constraint, example, signature::type_text};
use crate::schema::{list, map};

/// `$ref`s that are followed to see what a schema is of.
const MAX_STEPS: usize = 8;

/// An argument of a method, or a field of a struct: its name, type, constraints and default.
///
/// `Display` prints it as a signature has it: `name: type`, `name?: type` or `name = default`.
///
/// ```
/// use conduit::MethodDescription;
/// use serde_json::json;
///
/// let method: MethodDescription = serde_json::from_value(json!({
///     "name": "create_user",
///     "params": {
///         "properties": {
///             "username": {"description": "To log in with.", "type": "string", "minLength": 3, "maxLength": 30},
///             "active": {"type": "boolean", "default": true},
///         },
///         "required": ["username"],
///     },
/// }))?;
/// let arguments: Vec<_> = method.arguments().collect();
/// let (username, active) = (arguments[0], arguments[1]);
/// assert_eq!((username.name(), username.type_text().as_str()), ("username", "string[3..30]"));
/// assert_eq!(username.constraints(), ["3 to 30 characters"]);
/// assert_eq!((username.description(), username.is_required()), ("To log in with.", true));
/// assert_eq!((active.to_string().as_str(), active.default()), ("active = true", Some(&json!(true))));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArgumentDescription<'a> {
    name: &'a str,
    schema: &'a Value,
    /// Where the references of the schema lead.
    root: &'a Value,
    required: bool,
}

impl<'a> ArgumentDescription<'a> {
    /// The properties of `schema`, in order.
    pub(super) fn all(root: &'a Value, schema: &'a Map<String, Value>) -> impl Iterator<Item = Self> {
        let required = |name: &str| list(schema, "required").iter().any(|required| required == name);
        let properties = map(schema, "properties").into_iter().flatten();
        properties.map(move |(name, schema)| Self { name, schema, root, required: required(name) })
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What it is; empty when nobody said.
    #[must_use]
    pub fn description(&self) -> &'a str {
        let told = parts(self.root, self.schema).into_iter().find_map(|part| part.get("description")?.as_str());
        told.unwrap_or_default()
    }

    /// Its type with the bounds that fit in it: `string[3..30]`, `0..=150`, `User[]`, `email?`.
    #[must_use]
    pub fn type_text(&self) -> String {
        type_text(self.schema)
    }

    /// What its values have to satisfy beyond their type, in words: `3 to 30 characters`, ``matches `^\d{5}$` ``.
    #[must_use]
    pub fn constraints(&self) -> Vec<String> {
        constraint::texts(self.root, self.schema)
    }

    /// Whether a call must give it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// What stands for it in a call that leaves it out, if that is a value and not its absence.
    #[must_use]
    pub fn default(&self) -> Option<&'a Value> {
        self.schema.get("default").filter(|default| !self.required && !default.is_null())
    }

    /// The fields, where it is a struct, or a list or an `Option` of one; none otherwise.
    pub fn fields(&self) -> impl Iterator<Item = ArgumentDescription<'a>> + use<'a> {
        let root = self.root;
        let own = parts(root, self.schema);
        let items = own.iter().find_map(|part| part.get("items")).map(|items| parts(root, items)).unwrap_or_default();
        own.into_iter().chain(items).flat_map(move |part| Self::all(root, part))
    }

    /// A value that it takes: one that its schema gives as an example, its default, or else one made from the schema.
    #[must_use]
    pub fn example(&self) -> Value {
        example::of(self.root, self.schema, self.name)
    }

    /// Its JSON Schema. References in it lead into [`MethodDescription::params`](crate::MethodDescription::params).
    #[must_use]
    pub fn schema(&self) -> &'a Value {
        self.schema
    }
}

impl fmt::Display for ArgumentDescription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, required, .. } = self;
        match self.default() {
            Some(default) => write!(f, "{name} = {default}"),
            None if *required => write!(f, "{name}: {}", self.type_text()),
            None => {
                // The mark at the name says what a mark at the type would.
                let text = self.type_text();
                write!(f, "{name}?: {}", text.strip_suffix('?').unwrap_or(&text))
            }
        }
    }
}

/// A schema with all that it refers to, and with what an `Option` is of.
pub(super) fn parts<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Map<String, Value>> {
    let mut parts: Vec<_> = schema.as_object().into_iter().collect();
    while let Some(next) = parts.last().and_then(|part| beneath(root, part))
        && parts.len() < MAX_STEPS
    {
        parts.push(next);
    }
    parts
}

fn beneath<'a>(root: &'a Value, schema: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
    if let Some(reference) = schema.get("$ref") {
        return root.pointer(reference.as_str()?.strip_prefix('#')?)?.as_object();
    }
    ["anyOf", "oneOf", "allOf"].into_iter().find_map(|keyword| {
        let mut branches = list(schema, keyword).iter().filter(|branch| branch["type"] != "null");
        branches.next().filter(|_| branches.next().is_none())?.as_object()
    })
}
