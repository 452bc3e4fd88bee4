//! The events that a server says it sends.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Components;
use crate::registry::Registered;

/// An event that a server sends, with the schema of what is written.
#[derive(Debug)]
pub(crate) struct SentEvent {
    pub(crate) name: &'static str,
    pub(crate) payload: Value,
}

/// The event as the document has it. `handlers` are those of clients' events of that name.
///
/// Where one of them reads what is sent, it is one type for whoever reads the document: with the schema of what is read.
pub(super) fn object(event: &SentEvent, handlers: &[Arc<Registered>], components: &mut Components) -> Value {
    let SentEvent { name, payload } = event;
    let read = handlers.iter().map(|handler| &handler.params).find(|read| is_read_as(payload, read));
    let described = |member: &str| payload.get(member).cloned();
    json!({
        "name": name,
        "description": described("description").unwrap_or_else(|| "".into()),
        "payload": components.adopt(read.unwrap_or(payload)),
        "deprecated": described("deprecated").unwrap_or(Value::Bool(false)),
    })
}

/// Whether `written` and `read` are the schemas of one type: they differ in what may be left out alone, and what is
/// written has all that is read.
fn is_read_as(written: &Value, read: &Value) -> bool {
    same(written, read, false)
}

/// Members that hold schemas by names of the type's own.
const NAMED: [&str; 3] = ["$defs", "patternProperties", "properties"];

fn same(written: &Value, read: &Value, named: bool) -> bool {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            let is_compared = |name: &str| named || !["default", "required"].contains(&name);
            let count = |members: &Map<String, Value>| members.keys().filter(|name| is_compared(name)).count();
            let is_same = |(name, read): (&String, &Value)| {
                written.get(name).is_some_and(|written| same(written, read, !named && NAMED.contains(&name.as_str())))
            };
            (named || required(read).all(|name| required(written).any(|other| other == name)))
                && count(written) == count(read)
                && read.iter().filter(|(name, _)| is_compared(name)).all(is_same)
        }
        (Value::Array(written), Value::Array(read)) => {
            written.len() == read.len() && written.iter().zip(read).all(|(written, read)| same(written, read, false))
        }
        _ => written == read,
    }
}

fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::schema::{of_output, of_payload};

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Line {
        #[serde(default)]
        name: String,
        text: Option<String>,
        /// A name that means something in a schema.
        default: Vec<Part>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Part {
        #[serde(default)]
        required: bool,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "Line")]
    struct Other {
        #[serde(rename(serialize = "who"))]
        name: String,
    }

    #[derive(Serialize, JsonSchema)]
    #[schemars(rename = "Line")]
    struct Without {
        name: String,
        text: Option<String>,
    }

    #[test]
    fn a_type_is_one_also_where_what_it_reads_may_be_left_out() {
        let (written, read) = (of_output::<Line>(), of_payload::<Line>());
        assert_ne!(written, read);
        assert!(is_read_as(&written, &read));
        assert!(!is_read_as(&read, &written), "what is required may not be sent");
    }

    #[test]
    fn types_that_read_other_than_they_write_are_two() {
        assert!(!is_read_as(&of_output::<Other>(), &of_payload::<Other>()));
        assert!(!is_read_as(&of_output::<Without>(), &of_payload::<Line>()));
        assert!(!is_read_as(&of_output::<Line>(), &Value::Bool(true)));
    }
}
