//! What a server tells of itself: the list that `listall` answers, and the OpenRPC document.
//!
//! Both are written from the registry, when the server is built: from the schemas that validate the calls.

mod sent;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json, value::RawValue, value::to_raw_value};

pub(crate) use self::sent::SentEvent;
use crate::{
    description::MethodDescription,
    error::{Error, ErrorKind, Result},
    method::MethodMeta,
    openrpc::tells_all,
    protocol::ErrorObject,
    registry::{Registered, Registry},
};

/// The version of OpenRPC that the document follows.
const OPENRPC: &str = "1.4.1";

/// The documents, as they go on the wire.
#[derive(Debug)]
pub(crate) struct Discovery {
    name: String,
    version: String,
    /// By name.
    sent: Vec<SentEvent>,
    /// The roles that methods and handlers ask for, sorted.
    roles: Vec<&'static str>,
    /// For callers with the same of these roles, the same documents: written when the first asks.
    written: Mutex<HashMap<Vec<&'static str>, Arc<Documents>>>,
}

/// `listall`'s answer, and `rpc.discover`'s.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) list: Box<RawValue>,
    pub(crate) openrpc: Box<RawValue>,
}

impl Discovery {
    /// Documents for so many sets of roles are kept.
    const KEPT: usize = 64;

    pub(crate) fn new(name: &str, version: &str, registry: &Registry, sent: Vec<SentEvent>) -> Result<Self> {
        let roles = registry.roles();
        let discovery = Self { name: name.into(), version: version.into(), sent, roles, written: Mutex::default() };
        // Written once in any case, so that what can't be written is a fault of the build.
        let whole = discovery.write(registry, |_| true);
        let whole =
            whole.map_err(|error| Error::new(ErrorKind::Build, "the methods can't be described").with_source(error))?;
        discovery.lock().insert(discovery.roles.clone(), Arc::new(whole));
        Ok(discovery)
    }

    /// The documents with what a caller of these roles may call.
    pub(crate) fn documents(
        &self,
        registry: &Registry,
        has_role: impl Fn(&str) -> bool,
    ) -> Result<Arc<Documents>, ErrorObject> {
        let roles: Vec<&'static str> = self.roles.iter().copied().filter(|role| has_role(role)).collect();
        if let Some(documents) = self.lock().get(&roles) {
            return Ok(Arc::clone(documents));
        }
        let may_call = |meta: &MethodMeta| meta.allow.is_empty() || meta.allow.iter().any(|role| roles.contains(role));
        let documents = Arc::new(self.write(registry, may_call).map_err(ErrorObject::internal)?);
        let mut written = self.lock();
        if written.len() < Self::KEPT {
            written.insert(roles, Arc::clone(&documents));
        }
        Ok(documents)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<&'static str>, Arc<Documents>>> {
        // No code that can panic runs under the lock.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, registry: &Registry, may_call: impl Fn(&MethodMeta) -> bool) -> serde_json::Result<Documents> {
        let may_use = |registered: &Registered| may_call(registered.descriptor.meta);
        let (mut methods, mut events) = (registry.sorted(), registry.sorted_events());
        let all = methods.len() + events.len();
        methods.retain(|method| may_use(method));
        events.retain(|(_, handlers)| handlers.iter().all(|handler| may_use(handler)));
        let list: Vec<MethodDescription> = methods.iter().map(|method| describe(method)).collect();
        let mut openrpc = self.openrpc(&methods, &events);
        if methods.len() + events.len() < all {
            openrpc["x-partial"] = true.into();
        }
        Ok(Documents { list: to_raw_value(&list)?, openrpc: to_raw_value(&openrpc)? })
    }

    fn openrpc(&self, methods: &[&Registered], events: &[(&'static str, &[Arc<Registered>])]) -> Value {
        let mut components = Components::default();
        let methods: Vec<Value> = methods.iter().map(|method| method_object(method, &mut components)).collect();
        let handled: Vec<Value> =
            events.iter().map(|(name, handlers)| event_object(name, handlers, &mut components)).collect();
        let handlers = |event: &SentEvent| events.iter().find(|(name, _)| *name == event.name).map(|(_, all)| *all);
        let sent =
            self.sent.iter().map(|event| sent::object(event, handlers(event).unwrap_or_default(), &mut components));
        let sent: Vec<Value> = sent.collect();
        json!({
            "openrpc": OPENRPC,
            "info": { "title": self.name, "version": self.version },
            "methods": methods,
            "components": { "schemas": components.schemas },
            // OpenRPC knows no events; members that start with `x-` are its place for what it does not know.
            "x-events": handled,
            "x-sent-events": sent,
        })
    }
}

fn describe(method: &Registered) -> MethodDescription {
    let meta = method.descriptor.meta;
    MethodDescription {
        name: meta.name.into(),
        description: meta.description.into(),
        params: method.params.clone(),
        result: method.output.clone(),
        errors: method.errors.clone(),
        public: meta.public,
        allow: meta.allow.iter().copied().map(Into::into).collect(),
        deprecated: meta.deprecated,
        ordered: method.is_ordered(),
        idempotent: meta.idempotent,
        timeout: meta.timeout.map(|timeout| timeout.as_secs_f64()),
    }
}

/// The Method Object: <https://spec.open-rpc.org/#method-object>.
fn method_object(method: &Registered, components: &mut Components) -> Value {
    let meta = method.descriptor.meta;
    let params = components.adopt(&method.params);
    let result = components.adopt(&method.output);
    let result_name = method.output.get("title").and_then(Value::as_str).unwrap_or("result");
    let errors: Vec<Value> = method
        .errors
        .iter()
        .map(|error| {
            let mut object = json!({ "code": error.code, "message": error.message });
            if let Some(data) = &error.data {
                object["data"] = components.adopt(data);
            }
            object
        })
        .collect();
    let mut object = Map::new();
    object.insert("name".into(), meta.name.into());
    if let Some(summary) = meta.description.lines().next().filter(|line| !line.is_empty()) {
        object.insert("summary".into(), summary.into());
        object.insert("description".into(), meta.description.into());
    }
    add_params(&mut object, params);
    object.insert("result".into(), json!({ "name": result_name, "schema": result }));
    object.insert("errors".into(), errors.into());
    object.insert("deprecated".into(), meta.deprecated.into());
    object.insert("x-public".into(), meta.public.into());
    if !meta.allow.is_empty() {
        object.insert("x-allow".into(), meta.allow.into());
    }
    if method.is_ordered() {
        object.insert("x-ordered".into(), true.into());
    }
    if meta.idempotent {
        object.insert("x-idempotent".into(), true.into());
    }
    if let Some(timeout) = meta.timeout {
        object.insert("x-timeout-seconds".into(), timeout.as_secs_f64().into());
    }
    object.into()
}

/// The members that tell of the arguments.
fn add_params(method: &mut Map<String, Value>, params: Value) {
    let (descriptors, structure) = content_descriptors(&params);
    // The variants of a flattened enum can't be told one by one, nor can positions where what is optional stands first.
    let whole = (!tells_all(&descriptors, &params)).then_some(params);
    method.insert("params".into(), descriptors.into());
    method.insert("paramStructure".into(), structure.into());
    if let Some(whole) = whole {
        method.insert("x-params-schema".into(), whole);
    }
}

/// An event that the server handles. The payload satisfies the schema of each handler, the ack that of one.
fn event_object(name: &str, handlers: &[Arc<Registered>], components: &mut Components) -> Value {
    let description = handlers.iter().map(|handler| handler.descriptor.meta.description).find(|text| !text.is_empty());
    let payloads: Vec<Value> = handlers.iter().map(|handler| components.adopt(&handler.params)).collect();
    let acks: Vec<Value> = handlers.iter().map(|handler| components.adopt(&handler.output)).collect();
    let one_or = |mut schemas: Vec<Value>, keyword: &str| {
        if schemas.len() == 1 { schemas.remove(0) } else { json!({ keyword: schemas }) }
    };
    let all = |is: fn(&MethodMeta) -> bool| handlers.iter().all(|handler| is(handler.descriptor.meta));
    let allow: BTreeSet<&str> = handlers.iter().flat_map(|handler| handler.descriptor.meta.allow).copied().collect();
    let mut object = json!({
        "name": name,
        "description": description.unwrap_or_default(),
        "payload": one_or(payloads, "allOf"),
        "ack": one_or(acks, "anyOf"),
        "deprecated": all(|meta| meta.deprecated),
        "public": all(|meta| meta.public),
        "ordered": handlers.iter().any(|handler| handler.is_ordered()),
    });
    if !allow.is_empty() {
        object["allow"] = allow.into_iter().collect();
    }
    object
}

/// A Content Descriptor for each argument, and how they may be given.
///
/// "All optional params MUST be positioned after all required params in the list." (OpenRPC, Method Object)
/// Where the function has them in another order, the list can't tell positions, so it tells names alone.
fn content_descriptors(params: &Value) -> (Vec<Value>, &'static str) {
    let required: Vec<&str> =
        params.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let is_optional = |name: &String| !required.contains(&name.as_str());
    let properties: Vec<_> = params.get("properties").and_then(Value::as_object).into_iter().flatten().collect();
    let structure = if properties.is_sorted_by_key(|(name, _)| is_optional(name)) { "either" } else { "by-name" };
    let (last, first): (Vec<_>, Vec<_>) = properties.into_iter().partition(|(name, _)| is_optional(name));
    let descriptors = first.into_iter().chain(last).map(|(name, schema)| {
        let mut descriptor = json!({ "name": name, "required": !is_optional(name), "schema": schema });
        if let Some(description) = schema.get("description") {
            descriptor["description"] = description.clone();
        }
        descriptor
    });
    (descriptors.collect(), structure)
}

/// The types that schemas share, under one name each.
#[derive(Default)]
struct Components {
    schemas: BTreeMap<String, Value>,
}

impl Components {
    /// Moves the `$defs` of a schema to the components and points its references there.
    ///
    /// Two types of one name (in two modules, or one that is read and written in different shapes) get two
    /// names.
    fn adopt(&mut self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        let defs = match schema.as_object_mut().and_then(|object| object.shift_remove("$defs")) {
            Some(Value::Object(defs)) => defs,
            _ => Map::new(),
        };
        let names = self.names_for(&defs);
        for (name, mut def) in defs {
            redirect(&mut def, &names);
            self.schemas.entry(names[&name].clone()).or_insert(def);
        }
        redirect(&mut schema, &names);
        schema
    }

    /// Names under which all of `defs` can stand together: each new, or holding the same already.
    fn names_for(&self, defs: &Map<String, Value>) -> BTreeMap<String, String> {
        let suffixes = (1..).map(|n| if n == 1 { String::new() } else { n.to_string() });
        // A type that refers to a renamed one differs by that reference, so the whole set takes one suffix.
        for suffix in suffixes {
            let names: BTreeMap<String, String> =
                defs.keys().map(|name| (name.clone(), format!("{}{suffix}", component_key(name)))).collect();
            let fits = defs.iter().all(|(name, def)| match self.schemas.get(&names[name]) {
                None => true,
                Some(there) => {
                    let mut def = def.clone();
                    redirect(&mut def, &names);
                    *there == def
                }
            });
            if fits {
                return names;
            }
        }
        unreachable!("there are more suffixes than schemas")
    }
}

/// "keys that match the regular expression: ^[a-zA-Z0-9.\-_]+$" (OpenRPC, Components Object)
fn component_key(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect()
}

fn redirect(schema: &mut Value, names: &BTreeMap<String, String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        if let Some(name) = local_name(reference).and_then(|name| names.get(&name)) {
                            *reference = format!("#/components/schemas/{name}");
                        }
                    }
                    value => redirect(value, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, names)),
        _ => {}
    }
}

/// The name that a reference into `$defs` has there.
fn local_name(reference: &str) -> Option<String> {
    let pointer = percent_decode_str(reference.strip_prefix("#/$defs/")?).decode_utf8().ok()?;
    Some(pointer.replace("~1", "/").replace("~0", "~"))
}

/// A document of one method `m` with these params, and of one event `e` with this payload.
#[cfg(test)]
pub(crate) fn document_of(params: &Value, payload: &Value) -> Value {
    let mut components = Components::default();
    let mut method = Map::from_iter([("name".to_owned(), "m".into())]);
    add_params(&mut method, components.adopt(params));
    let event = json!({ "name": "e", "payload": components.adopt(payload), "ack": true });
    json!({ "methods": [method], "x-events": [event], "components": { "schemas": components.schemas } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_defs(defs: &Value) -> Value {
        json!({ "$ref": "#/$defs/User", "$defs": defs })
    }

    #[test]
    fn one_type_in_two_methods_is_one_component() {
        let mut components = Components::default();
        let schema = with_defs(&json!({ "User": { "type": "object" } }));
        let (a, b) = (components.adopt(&schema), components.adopt(&schema));
        assert_eq!((a.clone(), components.schemas.len()), (b, 1));
        assert_eq!(a, json!({ "$ref": "#/components/schemas/User" }));
    }

    #[test]
    fn two_types_of_one_name_are_two_components() {
        let mut components = Components::default();
        components.adopt(&with_defs(&json!({ "User": { "type": "object" } })));
        let other = components.adopt(&with_defs(&json!({ "User": { "type": "string" } })));
        assert_eq!(other, json!({ "$ref": "#/components/schemas/User2" }));
    }

    #[test]
    fn a_type_that_refers_to_another_of_the_same_name_is_another_type() {
        let mut components = Components::default();
        let user = json!({ "properties": { "at": { "$ref": "#/$defs/Address" } } });
        components.adopt(&with_defs(&json!({ "User": user, "Address": { "type": "object" } })));
        let other = components.adopt(&with_defs(&json!({ "User": user, "Address": { "type": "string" } })));
        let user2 = components.schemas[other["$ref"].as_str().unwrap().rsplit('/').next().unwrap()].clone();
        assert_eq!(user2["properties"]["at"]["$ref"], "#/components/schemas/Address2");
    }

    #[test]
    fn names_with_odd_characters_are_found() {
        let mut components = Components::default();
        let schema = json!({ "$ref": "#/$defs/a~1b%20c", "$defs": { "a/b c": { "type": "null" } } });
        assert_eq!(components.adopt(&schema), json!({ "$ref": "#/components/schemas/a_b_c" }));
    }
}
