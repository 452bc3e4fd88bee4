//! What a server can do: its OpenRPC document, taken apart.

use conduit::MethodDescription;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    exit::Exit,
    failure::{Failure, Result},
    output,
    schema::Schema,
};

/// The methods and events of a server.
#[derive(Debug, Default)]
pub(crate) struct Api {
    /// The OpenRPC document, safe to show; null when the server has none.
    document: Value,
    /// Those of the application, then those that every server has; each by name.
    pub(crate) methods: Vec<MethodDescription>,
    pub(crate) events: Vec<EventDescription>,
}

/// An event that a server handles.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EventDescription {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The JSON Schema of the payload.
    pub(crate) payload: Value,
    /// The JSON Schema of what an ack holds.
    pub(crate) ack: Value,
    pub(crate) public: bool,
    pub(crate) deprecated: bool,
    pub(crate) ordered: bool,
}

/// A method or an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry<'a> {
    Method(&'a MethodDescription),
    Event(&'a EventDescription),
}

impl Api {
    pub(crate) fn new(mut document: Value) -> Self {
        make_safe(&mut document);
        let list = |name: &str| document[name].as_array().into_iter().flatten();
        let mut methods: Vec<_> = list("methods").filter_map(|object| method(&document, object)).collect();
        methods.sort_by_key(|method| (is_builtin(&method.name), method.name.clone()));
        let mut events: Vec<_> = list("x-events").filter_map(event).collect();
        events.sort_by(|a, b| a.name.cmp(&b.name));
        Self { methods, events, document }
    }

    pub(crate) fn schema<'a>(&'a self, schema: &'a Value) -> Schema<'a> {
        Schema::new(&self.document, schema)
    }

    pub(crate) fn method(&self, name: &str) -> Option<&MethodDescription> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// The event of a name, or the one that takes what no other does.
    pub(crate) fn event(&self, name: &str) -> Option<&EventDescription> {
        let named = |name: &str| self.events.iter().find(|event| event.name == name);
        named(name).or_else(|| named("*"))
    }

    /// The method, else the event, of a name.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry<'_>> {
        let method = self.method(name).map(Entry::Method);
        let event = || self.events.iter().find(|event| event.name == name).map(Entry::Event);
        method.or_else(event).ok_or_else(|| self.no_such("method or event", name, self.names()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(|method| method.name.as_str()).chain(self.event_names())
    }

    pub(crate) fn event_names(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|event| event.name.as_str())
    }

    /// The schema of what a method, else an event, takes; unknown where the server has neither.
    pub(crate) fn params(&self, name: &str) -> Schema<'_> {
        self.method(name).map_or_else(|| self.payload(name), |method| self.schema(&method.params))
    }

    /// The schema of an event's payload.
    pub(crate) fn payload(&self, event: &str) -> Schema<'_> {
        self.event(event).map_or(Schema::unknown(), |event| self.schema(&event.payload))
    }

    /// A name that the server does not have, and what was probably meant.
    pub(crate) fn no_such<'a>(&self, noun: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
        let failure = Failure::new(Exit::Refused, format!("the server has no {noun} `{name}`"));
        match closest(name, known) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help("`conduit list URL` shows what there is"),
        }
    }
}

impl EventDescription {
    /// The event as a function of its payload that returns its ack.
    pub(crate) fn signature(&self, payload: Schema<'_>) -> String {
        let params = match payload.get("properties") {
            Some(properties) => json!({ "properties": properties, "required": payload.get("required") }),
            None => json!({ "properties": { "payload": self.payload }, "required": ["payload"] }),
        };
        description(json!({ "name": self.name, "params": params, "result": self.ack }))
            .map_or_else(|| self.name.clone(), |method| method.to_string())
    }
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

pub(crate) fn is_builtin(name: &str) -> bool {
    name == "listall" || name.starts_with("rpc.")
}

/// The name that was probably meant.
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let tolerance = (name.chars().count() / 3).max(1);
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let near = known.map(|known| (distance(known), known)).filter(|(distance, _)| *distance <= tolerance);
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// A Method Object of OpenRPC, whose arguments become the properties of one schema.
fn method(document: &Value, object: &Value) -> Option<MethodDescription> {
    let object = resolved(document, object);
    let errors: Vec<&Value> = items(object, "errors").map(|error| resolved(document, error)).collect();
    let result = resolved(document, &object["result"]);
    description(json!({
        "name": object["name"],
        "description": first_text(object, &["description", "summary"]),
        "params": object.get("x-params-schema").cloned().unwrap_or_else(|| params(document, object)),
        "result": result["schema"],
        "errors": errors,
        "public": object["x-public"] == true,
        "deprecated": object["deprecated"] == true,
        "ordered": object["x-ordered"] == true,
        "timeout": object["x-timeout-seconds"].as_f64(),
    }))
}

fn params(document: &Value, object: &Value) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for descriptor in items(object, "params").map(|descriptor| resolved(document, descriptor)) {
        let Some(name) = descriptor["name"].as_str() else { continue };
        let mut schema = descriptor["schema"].clone();
        if let (Value::Object(schema), Some(text)) = (&mut schema, descriptor.get("description")) {
            schema.insert("description".into(), text.clone());
        }
        properties.insert(name.into(), schema);
        if descriptor["required"] == true {
            required.push(name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn event(object: &Value) -> Option<EventDescription> {
    Some(EventDescription {
        name: object["name"].as_str()?.to_owned(),
        description: first_text(object, &["description"]).to_owned(),
        payload: object["payload"].clone(),
        ack: object["ack"].clone(),
        public: object["public"] == true,
        deprecated: object["deprecated"] == true,
        ordered: object["ordered"] == true,
    })
}

fn description(object: Value) -> Option<MethodDescription> {
    serde_json::from_value(object).ok()
}

fn items<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    object[name].as_array().into_iter().flatten()
}

fn first_text<'a>(object: &'a Value, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| object[name].as_str()).unwrap_or_default()
}

/// Methods, arguments, results and errors of OpenRPC may be references into `components`.
fn resolved<'a>(document: &'a Value, object: &'a Value) -> &'a Value {
    let pointer = object["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_another_server_is_read_too() {
        let api = Api::new(json!({
            "openrpc": "1.2.6",
            "methods": [
                { "name": "rpc.discover", "params": [], "result": { "name": "r", "schema": {} } },
                {
                    "name": "pets.list",
                    "summary": "List pets.",
                    "params": [{ "$ref": "#/components/contentDescriptors/Limit" },
                               { "name": "tag", "schema": { "type": "string" } }],
                    "result": { "name": "pets", "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Pet" } } },
                    "errors": [{ "$ref": "#/components/errors/Busy" }],
                },
            ],
            "components": {
                "contentDescriptors": { "Limit": { "name": "limit", "required": true, "schema": { "type": "integer", "minimum": 1 } } },
                "schemas": { "Pet": { "type": "object" } },
                "errors": { "Busy": { "code": 100, "message": "busy" } },
            },
        }));
        let pets = &api.methods[0];
        assert_eq!(pets.to_string(), "pets.list(limit: 1.., tag?: string) -> Pet[]");
        assert_eq!((pets.description.as_str(), pets.errors[0].code), ("List pets.", 100));
        assert_eq!(api.methods[1].name, "rpc.discover");
    }

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let near = |name| closest(name, ["add", "user.create", "time"].into_iter());
        assert_eq!((near("ad"), near("Add"), near("user.craete")), (Some("add"), Some("add"), Some("user.create")));
        assert_eq!((near("subtract"), near("x")), (None, None));
    }
}
