//! An OpenRPC document as its reader needs it: typed descriptions, and the checks that they stand for.

mod check;
mod read;
mod reference;
#[cfg(all(test, feature = "server"))]
mod tests;

use std::{collections::HashMap, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Value, value::RawValue};

use self::check::Check;
pub(crate) use self::read::tells_all;
use crate::{
    description::{EventDescription, MethodDescription},
    error::{Error, ErrorKind, Result},
    meant, params,
    protocol::{ErrorCode, ErrorObject},
    registry::FALLBACK,
};

/// What a service tells of itself: an [OpenRPC](https://spec.open-rpc.org) document, from
/// [`Client::discover`](crate::Client::discover) or from a text; a cheap handle.
///
/// Documents of servers that are not conduit's are read as well. What they don't tell has its default, and of their
/// references those within the document are followed.
///
/// ```
/// use conduit::OpenRpc;
/// use serde_json::json;
///
/// let document: OpenRpc = serde_json::from_str(
///     r#"{"openrpc": "1.4.1", "info": {"title": "Sums", "version": "1.0.0"}, "methods": [{
///         "name": "add",
///         "params": [{"name": "a", "required": true, "schema": {"type": "integer"}},
///                    {"name": "b", "required": true, "schema": {"type": "integer"}}],
///         "result": {"name": "sum", "schema": {"type": "integer"}}
///     }]}"#,
/// )?;
/// assert_eq!(document.method("add").unwrap().to_string(), "add(a: integer, b: integer) -> integer");
/// let error = document.check("add", &json!({"a": 2, "b": "three"})).unwrap_err();
/// assert_eq!(error.faults()[0].path, "/b");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct OpenRpc(Arc<Inner>);

struct Inner {
    json: Value,
    title: String,
    version: String,
    methods: Vec<MethodDescription>,
    events: Vec<EventDescription>,
    sent_events: Vec<EventDescription>,
    /// By name: where the description stands, and its schemas, compiled.
    entries: HashMap<String, Entry>,
    /// Whether the document speaks of events at all.
    tells_events: bool,
    is_partial: bool,
}

struct Entry {
    place: Place,
    check: Check,
}

#[derive(Clone, Copy)]
enum Place {
    Method(usize),
    Event(usize),
}

impl OpenRpc {
    /// The name of the service.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// The version of the service.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// The methods, in the order of the document: by name, where it is conduit's.
    #[must_use]
    pub fn methods(&self) -> &[MethodDescription] {
        &self.0.methods
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&MethodDescription> {
        match self.0.entries.get(name)?.place {
            Place::Method(index) => self.0.methods.get(index),
            Place::Event(_) => None,
        }
    }

    /// The events that the service handles, in the order of the document. OpenRPC knows none; they are conduit's
    /// extension `x-events`.
    #[must_use]
    pub fn events(&self) -> &[EventDescription] {
        &self.0.events
    }

    /// The event of this name among those that the service handles.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<&EventDescription> {
        match self.0.entries.get(name)?.place {
            Place::Event(index) => self.0.events.get(index),
            Place::Method(_) => None,
        }
    }

    /// The events that the service says it sends, in the order of the document: conduit's extension `x-sent-events`. It
    /// may send others, which it does not [declare](crate::ServerBuilder::sends).
    #[must_use]
    pub fn sent_events(&self) -> &[EventDescription] {
        &self.0.sent_events
    }

    /// The event of this name among those that the service says it sends.
    #[must_use]
    pub fn sent_event(&self, name: &str) -> Option<&EventDescription> {
        self.0.sent_events.iter().find(|event| event.name == name)
    }

    /// Whether the caller may call more than the document tells: a server lists to each caller the methods that its
    /// roles let it call.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.0.is_partial
    }

    /// The document, as it was read.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0.json
    }

    /// Says what the service has against a call of `name`, a method or an event, with these params, if it has something.
    ///
    /// Schemas are compiled at the first check that needs them. One that can't be compiled (it refers to another
    /// document, say) refuses nothing. Names that start with `rpc.` are JSON-RPC's own: unless the document lists them,
    /// nothing is said of them.
    ///
    /// # Errors
    /// What the service would answer: -32602 with all [faults](ErrorObject::faults), -32601 for a name that there is
    /// not, with the nearest one that there is. Params that can't be sent at all are -32602 as well.
    pub fn check(&self, name: &str, params: &impl Serialize) -> Result<(), ErrorObject> {
        let invalid = |error: Error| ErrorObject::with_code(ErrorCode::InvalidParams, error.to_string());
        self.check_call(name, params::encode(name, params).map_err(invalid)?.as_deref().map(RawValue::get))
    }

    pub(crate) fn check_call(&self, name: &str, params: Option<&str>) -> Result<(), ErrorObject> {
        match self.entry(name) {
            Some(entry) => self.check_entry(entry, name, params),
            None if name.starts_with("rpc.") || self.is_partial() => Ok(()),
            None => Err(meant::not_found(name, self.names())),
        }
    }

    /// As [`check_call`](Self::check_call), of an event that is sent: a document may know of none.
    pub(crate) fn check_event(&self, name: &str, params: Option<&str>) -> Result<(), ErrorObject> {
        if !self.0.tells_events && self.entry(name).is_none() {
            return Ok(());
        }
        self.check_call(name, params)
    }

    /// What a service takes a message of this name for.
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.entries.get(name).or_else(|| self.0.entries.get(FALLBACK))
    }

    fn check_entry(&self, entry: &Entry, name: &str, params: Option<&str>) -> Result<(), ErrorObject> {
        let compiled = match entry.place {
            Place::Method(index) => entry.check.of_method(&self.0.methods[index]),
            Place::Event(index) => entry.check.of_event(&self.0.events[index]),
        };
        compiled.iter().try_for_each(|arguments| arguments.check(name, params))
    }

    /// Names that may have been meant. What asks for a role is told to nobody who misspells it.
    fn names(&self) -> impl Iterator<Item = &str> {
        let methods = self.0.methods.iter().filter(|method| method.allow.is_empty()).map(|method| &*method.name);
        methods.chain(self.0.events.iter().filter(|event| event.allow.is_empty()).map(|event| &*event.name))
    }
}

impl TryFrom<Value> for OpenRpc {
    type Error = Error;

    /// # Errors
    /// `Decode` for what is no OpenRPC document: one without `methods`, a method without a name.
    fn try_from(json: Value) -> Result<Self> {
        let read = || Ok::<_, String>((read::methods(&json)?, read::events(&json)?, read::sent_events(&json)?));
        let (methods, events, sent_events) =
            read().map_err(|why| Error::new(ErrorKind::Decode, format!("this is no OpenRPC document: {why}")))?;
        let info = |member: &str| json["info"][member].as_str().unwrap_or_default().to_owned();
        let (title, version) = (info("title"), info("version"));
        let (tells_events, events) = (events.is_some(), events.unwrap_or_default());
        let entry = |name: &String, place| (name.clone(), Entry { place, check: Check::default() });
        // A method counts where an event has its name.
        let of_events = events.iter().enumerate().map(|(index, event)| entry(&event.name, Place::Event(index)));
        let of_methods = methods.iter().enumerate().map(|(index, method)| entry(&method.name, Place::Method(index)));
        let entries = of_events.chain(of_methods).collect();
        let is_partial = json["x-partial"] == true;
        Ok(Self(Arc::new(Inner {
            json,
            title,
            version,
            methods,
            events,
            sent_events,
            entries,
            tells_events,
            is_partial,
        })))
    }
}

impl<'de> Deserialize<'de> for OpenRpc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for OpenRpc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json.serialize(serializer)
    }
}

impl fmt::Debug for OpenRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRpc")
            .field("title", &self.0.title)
            .field("version", &self.0.version)
            .field("methods", &self.0.methods.len())
            .field("events", &self.0.events.len())
            .field("sent_events", &self.0.sent_events.len())
            .finish_non_exhaustive()
    }
}
