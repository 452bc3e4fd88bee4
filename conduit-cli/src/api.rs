//! What a server can do, as it tells itself.

use conduit::{ArgumentDescription, ErrorCode, ErrorObject, EventDescription, MethodDescription, OpenRpc};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Result},
    output,
    schema::Schema,
};

const NOT_FOUND: i64 = ErrorCode::MethodNotFound.code();

/// The methods and events of a server, with texts that are safe to show.
#[derive(Debug)]
pub(crate) struct Api(OpenRpc);

/// A method or an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    Method(&'a MethodDescription),
    Event(&'a EventDescription),
}

impl Api {
    pub(crate) fn new(document: &OpenRpc) -> Self {
        let mut safe = document.json().clone();
        make_safe(&mut safe);
        Self(OpenRpc::try_from(safe).expect("it was a document with the texts as they came"))
    }

    /// What a server that tells nothing of itself is known to have.
    pub(crate) fn unknown() -> Self {
        let nothing = OpenRpc::try_from(json!({ "methods": [] }));
        Self(nothing.expect("an empty document is one"))
    }

    /// The methods: those of the application, then those that every server has.
    pub(crate) fn methods(&self) -> Vec<&MethodDescription> {
        let mut methods: Vec<_> = self.0.methods().iter().collect();
        methods.sort_by_key(|method| (is_builtin(&method.name), &method.name));
        methods
    }

    /// How long the server lets a method run, in seconds.
    pub(crate) fn timeout(&self, method: &str) -> Option<f64> {
        self.0.method(method)?.timeout
    }

    pub(crate) fn events(&self) -> &[EventDescription] {
        self.0.events()
    }

    /// The method, else the event, of a name.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry<'_>> {
        let event = || self.0.event(name).map(Entry::Event);
        match self.0.method(name).map(Entry::Method).or_else(event) {
            Some(entry) => Ok(entry),
            None => Err(self
                .refusal(name, "method or event")
                .unwrap_or_else(|| Failure::refused(format!("`{name}` is not described")))),
        }
    }

    /// Why there is nothing of this name to call or to send, if there is not. `noun` is what it was taken for.
    pub(crate) fn refusal(&self, name: &str, noun: &str) -> Option<Failure> {
        let refusal = self.0.check(name, &()).err().filter(|refusal| refusal.code() == NOT_FOUND)?;
        let message = refusal.message();
        let message = message.strip_prefix("method").map_or(message.to_owned(), |rest| format!("{noun}{rest}"));
        let failure = |message| Failure::from(conduit::Error::from(ErrorObject::new(NOT_FOUND, message)));
        // Where nothing like it is found, what to do is told in words of the command line.
        Some(match message.strip_suffix("; `listall` lists what there is") {
            Some(message) => failure(message.to_owned()).help("`conduit list` lists what there is"),
            None => failure(message),
        })
    }

    /// The schema of what a method, else an event, takes; unknown where there is neither.
    pub(crate) fn params(&self, name: &str) -> Schema<'_> {
        self.0.method(name).map_or_else(|| self.payload(name), |method| Schema::whole(&method.params))
    }

    /// The schema of an event's payload.
    pub(crate) fn payload(&self, event: &str) -> Schema<'_> {
        let event = self.0.event(event).or_else(|| self.0.event("*"));
        event.map_or(Schema::unknown(), |event| Schema::whole(&event.payload))
    }
}

impl<'a> Entry<'a> {
    /// The schema of what it takes.
    pub(crate) fn schema(self) -> Schema<'a> {
        match self {
            Self::Method(method) => Schema::whole(&method.params),
            Self::Event(event) => Schema::whole(&event.payload),
        }
    }

    /// What is given by name: the arguments, or the members of the payload.
    pub(crate) fn arguments(self) -> Vec<ArgumentDescription<'a>> {
        match self {
            Self::Method(method) => method.arguments().collect(),
            Self::Event(event) => event.fields().collect(),
        }
    }
}

fn is_builtin(name: &str) -> bool {
    name == "listall" || name.starts_with("rpc.")
}

/// Takes out of the texts what would steer the terminal.
fn make_safe(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(char::is_control) => *text = output::safe(text),
        Value::Array(items) => items.iter_mut().for_each(make_safe),
        Value::Object(members) => members.values_mut().for_each(make_safe),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_server_has_comes_last_and_nothing_steers_the_terminal() {
        let api = Api::new(
            &OpenRpc::try_from(json!({ "methods": [
                { "name": "rpc.discover", "params": [] },
                { "name": "listall", "params": [] },
                { "name": "a", "description": "\u{1b}[2J\nx", "params": [] },
            ] }))
            .expect("a document"),
        );
        let names: Vec<_> = api.methods().iter().map(|method| method.name.as_str()).collect();
        assert_eq!(names, ["a", "listall", "rpc.discover"]);
        assert_eq!(api.methods()[0].description, "\u{fffd}[2J\nx");
    }
}
