//! The schemas of one method or event, compiled when the first call asks.

use std::sync::OnceLock;

use serde_json::Value;

use crate::{
    description::{EventDescription, MethodDescription},
    schema::Arguments,
};

/// What params have to follow: one schema, or of an event one for each of its handlers.
#[derive(Debug, Default)]
pub(super) struct Check(OnceLock<Vec<Arguments>>);

impl Check {
    pub(super) fn of_method(&self, method: &MethodDescription) -> &[Arguments] {
        // Params of which nothing is told may be any.
        let schemas = Some(&method.params).filter(|schema| !schema.is_null());
        self.0.get_or_init(|| compiled(&method.name, schemas.map(Arguments::compile)))
    }

    pub(super) fn of_event(&self, event: &EventDescription) -> &[Arguments] {
        self.0.get_or_init(|| {
            let schemas = handlers(&event.payload);
            compiled(&event.name, schemas.iter().map(Arguments::compile_payload))
        })
    }
}

/// A schema that does not compile refuses nothing.
fn compiled(name: &str, schemas: impl IntoIterator<Item = Result<Arguments, String>>) -> Vec<Arguments> {
    let note = |why: &String| tracing::warn!(name, why, "the schema can't be compiled: calls are sent unchecked");
    schemas.into_iter().filter_map(|schema| schema.inspect_err(note).ok()).collect()
}

/// The payload as each handler has it. A server asks one after the other, and tells what the first has against it.
fn handlers(payload: &Value) -> Vec<Value> {
    let Value::Object(members) = payload else { return vec![payload.clone()] };
    let defs = members.get("$defs");
    let Some(Value::Array(handlers)) =
        members.get("allOf").filter(|_| members.len() == 1 + usize::from(defs.is_some()))
    else {
        return vec![payload.clone()];
    };
    let with_defs = |handler: &Value| {
        let mut handler = handler.clone();
        if let (Value::Object(members), Some(defs)) = (&mut handler, defs) {
            members.insert("$defs".into(), defs.clone());
        }
        handler
    };
    handlers.iter().map(with_defs).collect()
}
