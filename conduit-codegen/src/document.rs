//! The parts of an OpenRPC document that a client is made of: <https://spec.open-rpc.org>.

use serde_json::{Map, Value};

use crate::{
    error::Error,
    references::{self, join},
};

/// A document whose references have been settled.
#[derive(Debug)]
pub(crate) struct Document {
    root: Value,
}

/// A Method Object.
#[derive(Debug)]
pub(crate) struct Method<'a> {
    pub(crate) name: &'a str,
    /// Summary and description.
    pub(crate) text: String,
    pub(crate) deprecated: bool,
    /// Whether a client may send a call again that may have run.
    pub(crate) idempotent: bool,
    pub(crate) by_position: bool,
    pub(crate) params: Vec<Param<'a>>,
    /// All arguments as one schema, where a list of them does not tell all.
    pub(crate) params_schema: Option<&'a Value>,
    /// `None` for a method that is not answered.
    pub(crate) result: Option<&'a Value>,
    pub(crate) errors: Vec<ErrorCase<'a>>,
}

/// A Content Descriptor Object among the params.
#[derive(Debug)]
pub(crate) struct Param<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: String,
    pub(crate) required: bool,
    pub(crate) schema: &'a Value,
}

/// An Error Object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ErrorCase<'a> {
    pub(crate) code: i64,
    pub(crate) message: &'a str,
    /// What it is called among the components, or by the title of its data.
    pub(crate) name: Option<String>,
    /// The schema of its data, if it says one.
    pub(crate) data: Option<&'a Value>,
}

/// An event that conduit's own documents list.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: String,
    pub(crate) payload: &'a Value,
    pub(crate) ack: Option<&'a Value>,
    pub(crate) sender: Sender,
}

/// Who sends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
    /// Either, with the same payload.
    Both,
}

impl Document {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut root: Value =
            serde_json::from_str(text).map_err(|error| Error::whole(format!("this is no JSON: {error}")))?;
        check_kind(&root)?;
        references::settle(&mut root)?;
        Ok(Self { root })
    }

    /// What a settled reference leads to.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer)
    }

    /// Title and version.
    #[cfg(feature = "source")]
    pub(crate) fn title(&self) -> String {
        let info = |member: &str| self.root["info"][member].as_str().unwrap_or_default();
        [info("title"), info("version")].join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Name and schema of the types that are shared, as pointers to them.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = String> {
        let schemas = self.root["components"]["schemas"].as_object();
        schemas.into_iter().flat_map(Map::keys).map(|name| join("/components/schemas", name))
    }

    /// Whether it was written by a conduit server.
    pub(crate) fn is_conduits(&self) -> bool {
        self.root.get("x-events").is_some()
    }

    /// Whether every conduit client has this method already.
    fn is_built_in(&self, name: &str) -> bool {
        name.starts_with("rpc.") || (name == "listall" && self.is_conduits())
    }

    /// The schemas that nothing uses but what every conduit client has already.
    pub(crate) fn of_built_in_methods(&self) -> Vec<&Value> {
        let methods = self.root["methods"].as_array().into_iter().flatten();
        methods.filter(|method| method["name"].as_str().is_some_and(|name| self.is_built_in(name))).collect()
    }

    pub(crate) fn methods(&self) -> Result<Vec<Method<'_>>, Error> {
        let methods = list(&self.root, "", "methods")?;
        let mut read: Vec<Method> = Vec::new();
        for (at, method) in methods {
            let (at, method) = self.follow(at, method)?;
            let name = text_of(method, &at, "name")?;
            if read.iter().any(|other| other.name == name) {
                return Err(Error::at(join(&at, "name"), format!("there is another method called `{name}`")));
            }
            if !self.is_built_in(name) {
                read.push(self.method(&at, method, name)?);
            }
        }
        Ok(read)
    }

    fn method<'a>(&'a self, at: &str, method: &'a Map<String, Value>, name: &'a str) -> Result<Method<'a>, Error> {
        let params: Result<Vec<Param>, Error> =
            list_in(method, at, "params")?.into_iter().map(|(at, param)| self.param(at, param)).collect();
        let whole = method.get("x-params-schema");
        let errors: Result<_, Error> =
            list_in(method, at, "errors")?.into_iter().map(|(at, error)| self.error(at, error)).collect();
        let result = match method.get("result") {
            None | Some(Value::Null) => None,
            Some(result) => Some(self.schema_of(join(at, "result"), result)?.1),
        };
        Ok(Method {
            name,
            text: text(method),
            deprecated: is(method, "deprecated"),
            idempotent: is(method, "x-idempotent"),
            by_position: method.get("paramStructure").is_some_and(|structure| structure == "by-position"),
            // Where the list can't have the order of the function, the schema has it.
            params: whole.and_then(each).map_or(params, Ok)?,
            params_schema: whole.filter(|whole| each(whole).is_none()),
            result,
            errors: errors?,
        })
    }

    fn param<'a>(&'a self, at: String, param: &'a Value) -> Result<Param<'a>, Error> {
        let (at, descriptor) = self.follow(at, param)?;
        let name = text_of(descriptor, &at, "name")?;
        let (_, schema) = self.schema_of(at, param)?;
        Ok(Param { name, text: text(descriptor), required: is(descriptor, "required"), schema })
    }

    /// The schema of a content descriptor, or of a reference to one.
    fn schema_of<'a>(&'a self, at: String, descriptor: &'a Value) -> Result<(String, &'a Value), Error> {
        let (at, descriptor) = self.follow(at, descriptor)?;
        let at = join(&at, "schema");
        match descriptor.get("schema") {
            Some(schema @ (Value::Object(_) | Value::Bool(_))) => Ok((at, schema)),
            Some(other) => Err(Error::at(at, format!("a schema is an object or a boolean, not {other}"))),
            None => Err(Error::at(at, "a content descriptor has a `schema`, and here is none")),
        }
    }

    fn error<'a>(&'a self, at: String, error: &'a Value) -> Result<ErrorCase<'a>, Error> {
        let component = error.get("$ref").and_then(Value::as_str).map(references::last);
        let (at, error) = self.follow(at, error)?;
        let code = error.get("code").and_then(Value::as_i64);
        let code = code.ok_or_else(|| Error::at(join(&at, "code"), "an error has a `code`, an integer"))?;
        let data = error.get("data").filter(|data| is_schema(data));
        // The title of a number or a text is that of its type.
        let several = data.filter(|data| data.get("properties").is_some() || data.get("prefixItems").is_some());
        let title = || Some(several?.get("title")?.as_str()?.to_owned());
        Ok(ErrorCase { code, message: text_of(error, &at, "message")?, name: component.or_else(title), data })
    }

    /// The events that are handled and those that are sent. One that is both is one, if its payload is one.
    pub(crate) fn events(&self) -> Result<Vec<Event<'_>>, Error> {
        let mut events = self.events_in("x-events", Sender::Client)?;
        for sent in self.events_in("x-sent-events", Sender::Server)? {
            match events.iter_mut().find(|event| (event.name, event.payload) == (sent.name, sent.payload)) {
                Some(event) => event.sender = Sender::Both,
                None => events.push(sent),
            }
        }
        Ok(events)
    }

    fn events_in(&self, member: &str, sender: Sender) -> Result<Vec<Event<'_>>, Error> {
        let mut read = Vec::new();
        for (at, event) in list_or_none(&self.root, "", member)? {
            let (at, event) = self.follow(at, event)?;
            let name = text_of(event, &at, "name")?;
            // What handles all others is no event of its own.
            if name != "*" {
                let payload = event.get("payload").unwrap_or(&Value::Bool(true));
                read.push(Event { name, text: text(event), payload, ack: event.get("ack"), sender });
            }
        }
        Ok(read)
    }

    /// The object that a reference leads to in the end, or the object itself.
    fn follow<'a>(&'a self, mut at: String, mut value: &'a Value) -> Result<(String, &'a Map<String, Value>), Error> {
        for _ in 0..32 {
            let Value::Object(object) = value else { break };
            let Some(Value::String(pointer)) = object.get("$ref") else { return Ok((at, object)) };
            // It was settled, so it leads somewhere.
            let Some(next) = self.at(pointer) else { break };
            (at, value) = (pointer.clone(), next);
        }
        Err(Error::at(at, "an object belongs here"))
    }
}

/// The arguments of a schema of all of them, if there are no others and they don't depend on each other.
fn each(whole: &Value) -> Option<Vec<Param<'_>>> {
    let whole = whole.as_object()?;
    let others = ["additionalProperties", "unevaluatedProperties"].iter().filter_map(|keyword| whole.get(*keyword));
    let depend = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"];
    if depend.iter().any(|keyword| whole.contains_key(*keyword))
        || !others.into_iter().all(|it| *it == Value::Bool(false))
    {
        return None;
    }
    let required =
        |name: &str| whole.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|it| it == name));
    let properties = whole.get("properties")?.as_object()?.iter();
    let params = properties.map(|(name, schema)| Param { name, text: String::new(), required: required(name), schema });
    Some(params.collect())
}

/// That it is OpenRPC at all, and of a version that is understood.
fn check_kind(root: &Value) -> Result<(), Error> {
    match root.get("openrpc").map(|version| (version, version.as_str())) {
        Some((_, Some(version))) if version == "1" || version.starts_with("1.") => Ok(()),
        Some((version, _)) => {
            Err(Error::at("/openrpc", format!("version 1.x of OpenRPC is understood, not {version}")))
        }
        None if root["result"].get("openrpc").is_some() => {
            Err(Error::at("/result", "this is the whole answer of `rpc.discover`: save its `result` alone"))
        }
        None => Err(Error::whole("this is no OpenRPC document: it has no member `openrpc`")),
    }
}

fn list<'a>(value: &'a Value, at: &str, member: &str) -> Result<Vec<(String, &'a Value)>, Error> {
    match value.get(member) {
        Some(_) => list_or_none(value, at, member),
        None => Err(Error::at(join(at, member), "this list is missing")),
    }
}

fn list_or_none<'a>(value: &'a Value, at: &str, member: &str) -> Result<Vec<(String, &'a Value)>, Error> {
    value.as_object().map_or_else(|| Ok(Vec::new()), |object| list_in(object, at, member))
}

fn list_in<'a>(object: &'a Map<String, Value>, at: &str, member: &str) -> Result<Vec<(String, &'a Value)>, Error> {
    let at = join(at, member);
    match object.get(member) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            Ok(items.iter().enumerate().map(|(index, item)| (join(&at, &index.to_string()), item)).collect())
        }
        Some(other) => Err(Error::at(at, format!("a list belongs here, not {}", kind(other)))),
    }
}

fn text_of<'a>(object: &'a Map<String, Value>, at: &str, member: &str) -> Result<&'a str, Error> {
    match object.get(member) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(Error::at(join(at, member), format!("a string belongs here, not {}", kind(other)))),
        None => Err(Error::at(join(at, member), "this member, a string, is missing")),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn is(object: &Map<String, Value>, member: &str) -> bool {
    object.get(member) == Some(&Value::Bool(true))
}

/// Summary and description; once, where one starts as the other.
fn text(object: &Map<String, Value>) -> String {
    let part = |member: &str| object.get(member).and_then(Value::as_str).unwrap_or_default().trim();
    match (part("summary"), part("description")) {
        (summary, description) if description.starts_with(summary) => description.to_owned(),
        (summary, "") => summary.to_owned(),
        (summary, description) => format!("{summary}\n\n{description}"),
    }
}

/// Whether the data of an error is told by a schema, as conduit does, or is a value, as OpenRPC has it.
fn is_schema(data: &Value) -> bool {
    const TELLING: [&str; 8] = ["$ref", "type", "properties", "oneOf", "anyOf", "allOf", "enum", "const"];
    const KINDS: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
    let Value::Object(data) = data else { return false };
    let of_kind = |kind: &Value| kind.as_str().is_some_and(|kind| KINDS.contains(&kind));
    let kinds = match data.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds.iter().all(of_kind),
        Some(kind) => of_kind(kind),
    };
    kinds && TELLING.iter().any(|keyword| data.contains_key(*keyword))
}
