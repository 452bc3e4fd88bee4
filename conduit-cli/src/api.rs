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
    /// An event that the server handles.
    Event(&'a EventDescription),
    /// An event that it sends and does not handle.
    Sent(&'a EventDescription),
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

    /// The events that the server says it sends.
    pub(crate) fn sent_events(&self) -> &[EventDescription] {
        self.0.sent_events()
    }

    /// The event of this name among those.
    pub(crate) fn sent_event(&self, name: &str) -> Option<&EventDescription> {
        self.0.sent_event(name)
    }

    /// The method, else the event, of a name.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry<'_>> {
        let event = || self.0.event(name).map(Entry::Event);
        let sent = || self.sent_event(name).map(Entry::Sent);
        match self.0.method(name).map(Entry::Method).or_else(event).or_else(sent) {
            Some(entry) => Ok(entry),
            None => Err(self.undescribed(name)),
        }
    }

    fn undescribed(&self, name: &str) -> Failure {
        let known = self.handled().chain(names(self.sent_events()));
        if self.is_missing(name) {
            return not_found("method or event", name, known);
        }
        let failure = Failure::refused(format!("`{name}` is not described"));
        match nearest(name, known) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        }
    }

    /// Why there is nothing of this name to call or to send, if there is not. `noun` is what it was taken for.
    pub(crate) fn refusal(&self, name: &str, noun: &str) -> Option<Failure> {
        if !self.is_missing(name) {
            return None;
        }
        Some(match self.sent_event(name) {
            Some(_) => missing(format!("{noun} `{name}` not found: the server sends it, and does not handle it")),
            None => not_found(noun, name, self.handled()),
        })
    }

    /// Whether the server is known to take nothing of this name. One that does not tell all may.
    fn is_missing(&self, name: &str) -> bool {
        self.0.check(name, &()).is_err_and(|refusal| refusal.code() == NOT_FOUND)
    }

    /// The names of what it takes.
    fn handled(&self) -> impl Iterator<Item = &str> {
        self.0.methods().iter().map(|method| &*method.name).chain(names(self.events()))
    }

    /// What is to be said of listening to an event that the server does not say it sends. It may come all the same.
    pub(crate) fn doubt(&self, event: &str) -> Option<String> {
        let is_any = event == "*" || event.starts_with("rpc.");
        if is_any || self.sent_events().is_empty() || self.sent_event(event).is_some() {
            return None;
        }
        let hint = match nearest(event, names(self.sent_events())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`conduit list` lists what it says".to_owned(),
        };
        Some(format!("the server does not say that it sends `{}`; {hint}", output::safe(event)))
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
            Self::Event(event) | Self::Sent(event) => Schema::whole(&event.payload),
        }
    }

    /// What is given by name: the arguments, or the members of the payload.
    pub(crate) fn arguments(self) -> Vec<ArgumentDescription<'a>> {
        match self {
            Self::Method(method) => method.arguments().collect(),
            Self::Event(event) | Self::Sent(event) => event.fields().collect(),
        }
    }
}

fn names(events: &[EventDescription]) -> impl Iterator<Item = &str> {
    events.iter().map(|event| &*event.name)
}

/// What is said of a name that there is not, with the nearest of those that there are.
fn not_found<'a>(noun: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    match nearest(name, known) {
        Some(near) => missing(format!("{noun} `{name}` not found; did you mean `{near}`?")),
        None => missing(format!("{noun} `{name}` not found")).help("`conduit list` lists what there is"),
    }
}

/// As the server would answer.
fn missing(message: String) -> Failure {
    conduit::Error::from(ErrorObject::new(NOT_FOUND, message)).into()
}

/// The name that was meant, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::jaro_winkler(known, name), known)).filter(|(near, _)| *near > 0.85);
    // Of two that are as near, always the same.
    near.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1))).map(|near| near.1)
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

    #[test]
    fn a_name_that_is_not_described_leads_to_one_that_is() {
        let told = |is_partial: bool| {
            let document = json!({
                "methods": [{ "name": "count", "params": [] }],
                "x-events": [],
                "x-sent-events": [{ "name": "counted", "payload": true }],
                "x-partial": is_partial,
            });
            Api::new(&OpenRpc::try_from(document).expect("a document")).entry("couned").expect_err("unknown").text()
        };
        assert!(told(false).contains("method or event `couned` not found; did you mean `counted`?"), "{}", told(false));
        // It may be one of those that are not told.
        let partial = told(true);
        assert!(partial.contains("`couned` is not described") && partial.contains("mean `counted`?"), "{partial}");
    }
}
