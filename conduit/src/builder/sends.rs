//! The events that a server is said to send.

use std::{
    any::{TypeId, type_name},
    collections::HashSet,
};

use serde_json::Value;

use crate::{
    discovery::SentEvent,
    events::Event,
    method::Location,
    registry::FALLBACK,
    schema::{self, Arguments},
};

/// An event, the type of its payload, and where the program says that it is sent.
#[derive(Debug)]
pub(super) struct Sends {
    name: &'static str,
    payload: Value,
    type_id: TypeId,
    type_name: &'static str,
    location: Location,
}

impl Sends {
    #[track_caller]
    pub(super) fn of<E: Event>() -> Self {
        let caller = std::panic::Location::caller();
        Self {
            name: E::NAME,
            payload: schema::of_output::<E>(),
            type_id: TypeId::of::<E>(),
            type_name: type_name::<E>(),
            location: Location { file: caller.file(), line: caller.line() },
        }
    }

    /// The events by name, each once. Notes what is wrong with them.
    pub(super) fn all(mut given: Vec<Self>, faults: &mut Vec<String>) -> Vec<SentEvent> {
        let mut seen = HashSet::new();
        given.retain(|event| seen.insert(event.type_id));
        given.sort_by_key(|event| event.name);
        faults.extend(given.iter().filter_map(Self::fault));
        faults.extend(given.windows(2).filter_map(|pair| pair[0].against(&pair[1])));
        given.into_iter().map(|Self { name, payload, .. }| SentEvent { name, payload }).collect()
    }

    fn fault(&self) -> Option<String> {
        let Self { name, location, .. } = self;
        if name.is_empty() || *name == FALLBACK || name.starts_with("rpc.") {
            return Some(format!(
                "`sends` names an event `{name}` ({location}): give it a name, not `*`, which stands for any event, and \
                 none that starts with `rpc.`, which JSON-RPC 2.0 reserves"
            ));
        }
        let refused = Arguments::compile_payload(&self.payload).err();
        refused.map(|why| format!("the schema of event `{name}` ({location}): {why}"))
    }

    /// What is wrong where both are given.
    fn against(&self, other: &Self) -> Option<String> {
        let Self { name, type_name, location, .. } = self;
        (*name == other.name).then(|| {
            format!(
                "`sends` gives the event `{name}` two payloads, `{type_name}` ({location}) and `{}` ({}): give one of \
                 them another name",
                other.type_name, other.location
            )
        })
    }
}
