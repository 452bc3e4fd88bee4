//! Params that the quick check did not like: all that is wrong with them, or that nothing is.
//!
//! | file | what it does |
//! |---|---|
//! | `text.rs` | the text as a `Value`, and what no `Value` can hold |
//! | `adapt.rs` | a valid value in a form that serde takes |
//! | `explain.rs` | what a schema has against a value, keyword by keyword |
//! | `union.rs`, `branch.rs` | which branch of an enum was meant |
//! | `wording.rs`, `path.rs`, `found.rs` | how it is told |

mod adapt;
mod branch;
pub(crate) mod explain;
mod found;
pub(crate) mod path;
pub(crate) mod text;
mod union;
mod wording;

use serde_json::{Map, Value, json};

pub(crate) use self::wording::a_format;
use self::{
    explain::Explainer,
    found::{Found, Problem},
    path::Path,
    text::Flaw,
    wording::{count, shortened},
};
use super::{
    Arguments, Shape,
    keyword::{has_type, map},
};
use crate::protocol::{ErrorCode, ErrorObject};

/// Params as they were sent, and as the value that the schema is about.
pub(crate) struct Sent<'s> {
    value: Value,
    form: Form<'s>,
    /// What is wrong in any schema's eyes.
    found: Found,
    too_deep: bool,
}

/// How the value was sent.
enum Form<'s> {
    AsIs,
    /// An array of arguments, whose names these are.
    Positional(Vec<&'s str>),
    /// The only item of an array.
    Wrapped,
}

impl<'s> Sent<'s> {
    pub(crate) fn read(arguments: &'s Arguments, text: &str) -> Self {
        let mut found = Found::default();
        let mut too_deep = false;
        let value = text::read(text, &mut |at, flaw| {
            too_deep |= flaw == Flaw::TooDeep;
            note(&mut found, at, flaw);
        });
        let mut sent = Self { value, form: Form::AsIs, found, too_deep };
        match arguments.shape {
            Shape::Named => sent.name(&arguments.schema),
            Shape::Single => sent.unwrap(&arguments.schema),
        }
        sent
    }

    /// Gives arguments sent by position their names.
    fn name(&mut self, schema: &'s Value) {
        let Value::Array(items) = &mut self.value else { return };
        let names: Vec<&str> = properties(schema).collect();
        if items.len() > names.len() {
            let (most, got) = (count(names.len(), "argument"), items.len());
            self.found.add(&Path::Root, "maxItems", || format!("takes at most {most}, got {got}"));
        }
        let members = names.iter().map(|name| (*name).to_owned()).zip(items.drain(..));
        self.value = Value::Object(members.collect());
        self.form = Form::Positional(names);
    }

    /// Takes a payload out of the array that it was sent in, unless it is an array by itself.
    fn unwrap(&mut self, schema: &'s Value) {
        if let Value::Array(items) = &mut self.value
            && !takes_arrays(schema)
            && items.len() == 1
        {
            self.value = items.remove(0);
            self.form = Form::Wrapped;
        }
    }

    /// Whether it is what the schema asks for.
    pub(crate) fn is_valid(&self, arguments: &Arguments) -> bool {
        self.found.total == 0 && arguments.validator.is_valid(&self.value)
    }

    fn root(&self) -> Path<'_> {
        match &self.form {
            Form::AsIs => Path::Root,
            Form::Positional(names) => Path::Positional(names),
            Form::Wrapped => Path::Wrapped,
        }
    }

    /// All that is wrong, where something is.
    pub(crate) fn refusal(mut self, arguments: &'s Arguments, method: &str) -> ErrorObject {
        let mut found = std::mem::take(&mut self.found);
        if self.too_deep {
            return refusal(method, found);
        }
        let root = self.root();
        let mut explainer = Explainer::new(&arguments.schema, &arguments.leaves, arguments.shape == Shape::Named);
        explainer.check(&arguments.schema, &self.value, &root);
        let gave_up = explainer.gave_up();
        let unreadable: Vec<String> = found.problems.iter().map(|problem| problem.path.clone()).collect();
        found.append(explainer.found.without(&unreadable));
        if found.total > 0 {
            return refusal(method, found);
        }
        if gave_up {
            found.add(&root, "type", || "not of an allowed shape; in which part would take too long to find".into());
        } else if let Err(error) = arguments.validator.validate(&self.value) {
            // A keyword that only jsonschema knows, in a place that only it can find.
            found.add_foreign(&root, &error);
        }
        refusal(method, found)
    }

    /// The text of a value that is valid, in a form that serde takes, with all arguments named.
    pub(crate) fn adapted(&mut self, arguments: &Arguments) -> String {
        adapt::integers(&arguments.schema, &mut self.value);
        self.value.to_string()
    }

    /// What serde refuses of what the schema takes: a type can be narrower than a schema says (`IpAddr`).
    pub(crate) fn refusal_by_serde(&self, method: &str, error: &serde_json::Error, trail: &[usize]) -> ErrorObject {
        let message = error.to_string();
        // The line and the column are those of a text that the caller does not know.
        let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
        let mut found = Found::default();
        follow(trail, &self.value, &self.root(), &mut |at| found.add(at, "type", || message.to_owned()));
        refusal(method, found)
    }
}

/// Goes the way of a trail, which has its last step first, and calls `arrive` with the path.
fn follow(trail: &[usize], value: &Value, at: &Path<'_>, arrive: &mut dyn FnMut(&Path<'_>)) {
    match (trail.split_last(), value) {
        (Some((step, rest)), Value::Object(members)) => match members.iter().nth(*step) {
            Some((key, member)) => follow(rest, member, &at.key(key), arrive),
            None => arrive(at),
        },
        (Some((step, rest)), Value::Array(items)) => match items.get(*step) {
            Some(item) => follow(rest, item, &at.index(*step), arrive),
            None => arrive(at),
        },
        _ => arrive(at),
    }
}

/// Whether a payload of this schema may be an array, and so travels as it is.
pub(crate) fn takes_arrays(schema: &Value) -> bool {
    schema.get("type").is_some_and(|types| has_type(types, &json!([])))
}

/// The names of the arguments, in their order.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.as_object().and_then(|schema| map(schema, "properties"));
    properties.into_iter().flat_map(Map::keys).map(String::as_str)
}

fn note(found: &mut Found, at: &Path<'_>, flaw: Flaw<'_>) {
    match flaw {
        Flaw::Twice => found.add(at, "uniqueKeys", || "is given more than once".into()),
        Flaw::OutOfRange(number) => {
            let dots = if shortened(number).len() < number.len() { "..." } else { "" };
            found.add(at, "type", || format!("{}{dots} is out of the range of a number", shortened(number)));
        }
        Flaw::Surrogate => found.add(at, "type", || "a string holds half of a surrogate pair".into()),
        Flaw::TooDeep => found.add(at, "maxDepth", || "nested too deeply, at most 127 levels are read".into()),
    }
}

fn refusal(method: &str, mut found: Found) -> ErrorObject {
    let untold = found.untold();
    if untold > 0 {
        let message = format!("{} not listed", count(untold, "more error"));
        found.problems.push(Problem { path: String::new(), keyword: "maxErrors".into(), message, depth: 0 });
    }
    ErrorObject::with_code(ErrorCode::InvalidParams, format!("invalid params for `{method}`"))
        .with_data(&json!({"errors": found.problems}))
}
