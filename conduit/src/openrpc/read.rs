//! From a document to descriptions.

use serde_json::{Map, Value, json};

use super::reference::{followed, standalone};
use crate::{
    description::{EventDescription, MethodDescription},
    rpc_error::ErrorDescription,
};

/// The methods of a document.
pub(super) fn methods(document: &Value) -> Result<Vec<MethodDescription>, String> {
    let Some(Value::Array(methods)) = document.get("methods") else {
        return Err("the member `methods` is no list".into());
    };
    methods.iter().map(|object| method(document, followed(document, object))).collect()
}

/// The events of a document; `None` where it does not speak of events.
pub(super) fn events(document: &Value) -> Result<Option<Vec<EventDescription>>, String> {
    let Some(Value::Array(events)) = document.get("x-events") else { return Ok(None) };
    events.iter().map(|object| event(document, object, &Value::Bool(true))).collect::<Result<_, _>>().map(Some)
}

/// The events that a document says are sent.
pub(super) fn sent_events(document: &Value) -> Result<Vec<EventDescription>, String> {
    let nothing = json!({ "type": "null" });
    list(document, "x-sent-events").map(|object| event(document, object, &nothing)).collect()
}

fn method(document: &Value, object: &Value) -> Result<MethodDescription, String> {
    let name = object["name"].as_str().ok_or("a method has no `name`")?;
    let described = ["description", "summary"].into_iter().find_map(|member| object[member].as_str());
    let is = |member: &str| object[member] == true;
    Ok(MethodDescription {
        name: name.into(),
        description: described.unwrap_or_default().into(),
        params: params(document, object),
        result: standalone(document, &followed(document, &object["result"])["schema"]),
        errors: list(object, "errors").map(|error| self::error(document, followed(document, error))).collect(),
        public: is("x-public"),
        allow: texts(object, "x-allow"),
        deprecated: is("deprecated"),
        ordered: is("x-ordered"),
        idempotent: is("x-idempotent"),
        timeout: object["x-timeout-seconds"].as_f64(),
    })
}

/// The schema of the arguments: the whole one, where the document has it, else one of all descriptors.
fn params(document: &Value, object: &Value) -> Value {
    if let Some(whole) = object.get("x-params-schema") {
        return standalone(document, whole);
    }
    let Some(Value::Array(descriptors)) = object.get("params") else { return Value::Null };
    let descriptors: Vec<&Value> = descriptors.iter().map(|descriptor| followed(document, descriptor)).collect();
    standalone(document, &assembled(&descriptors))
}

/// The schema that a list of content descriptors stands for.
///
/// It takes no argument that the list does not name.
fn assembled(descriptors: &[&Value]) -> Value {
    let named = descriptors.iter().filter_map(|descriptor| Some((descriptor["name"].as_str()?, *descriptor)));
    let required: Vec<&str> = named.clone().filter(|(_, it)| it["required"] == true).map(|(name, _)| name).collect();
    let properties: Map<String, Value> = named.map(|(name, it)| (name.to_owned(), described(it))).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    if !properties.is_empty() {
        schema["properties"] = properties.into();
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// The schema of an argument, with what is said of the argument.
fn described(descriptor: &Value) -> Value {
    let mut schema = descriptor.get("schema").cloned().unwrap_or(Value::Bool(true));
    let text = ["description", "summary"].into_iter().find_map(|member| descriptor[member].as_str());
    if let (Value::Object(members), Some(text)) = (&mut schema, text)
        && !members.contains_key("description")
    {
        members.insert("description".into(), text.into());
    }
    schema
}

/// Whether a list of content descriptors says all that the schema does of the arguments, their order too.
pub(crate) fn tells_all(descriptors: &[Value], params: &Value) -> bool {
    let assembled = assembled(&descriptors.iter().collect::<Vec<_>>());
    let names = |schema: &Value| schema["properties"].as_object().map(|all| all.keys().cloned().collect::<Vec<_>>());
    assembled == *params && names(&assembled) == names(params)
}

/// What conduit publishes as an error's `data` is a schema.
fn error(document: &Value, object: &Value) -> ErrorDescription {
    ErrorDescription {
        code: object["code"].as_i64().unwrap_or_default(),
        message: object["message"].as_str().unwrap_or_default().to_owned().into(),
        data: object.get("data").map(|data| standalone(document, data)),
    }
}

fn event(document: &Value, object: &Value, ack: &Value) -> Result<EventDescription, String> {
    let is = |member: &str| object[member] == true;
    Ok(EventDescription {
        name: object["name"].as_str().ok_or("an event has no `name`")?.into(),
        description: object["description"].as_str().unwrap_or_default().into(),
        payload: standalone(document, object.get("payload").unwrap_or(&Value::Bool(true))),
        ack: standalone(document, object.get("ack").unwrap_or(ack)),
        public: is("public"),
        allow: texts(object, "allow"),
        deprecated: is("deprecated"),
        ordered: is("ordered"),
    })
}

fn list<'d>(object: &'d Value, member: &str) -> impl Iterator<Item = &'d Value> {
    object[member].as_array().into_iter().flatten()
}

fn texts(object: &Value, member: &str) -> Vec<String> {
    list(object, member).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openrpc::OpenRpc;

    /// As others write them: with references for all that can be one, and without conduit's members.
    fn of_others() -> OpenRpc {
        let document = json!({
            "openrpc": "1.2.6",
            "info": { "title": "Petstore", "version": "2.0.0" },
            "methods": [
                {
                    "name": "get_pet",
                    "summary": "Info for a pet",
                    "params": [{ "$ref": "#/components/contentDescriptors/PetId" }],
                    "result": { "$ref": "#/components/contentDescriptors/Pet" },
                    "errors": [{ "$ref": "#/components/errors/Gone" }],
                },
                { "$ref": "#/components/x-methods/list" },
                { "name": "odd", "params": [{ "name": "a", "schema": { "$ref": "https://example.com/a.json" } }] },
                { "name": "bare" },
            ],
            "components": {
                "contentDescriptors": {
                    "PetId": {
                        "name": "petId", "description": "The id of the pet.", "required": true,
                        "schema": { "$ref": "#/components/schemas/Id" },
                    },
                    "Pet": { "name": "pet", "schema": { "$ref": "#/components/schemas/Pet" } },
                },
                "errors": { "Gone": { "code": 7, "message": "no such pet" } },
                "schemas": {
                    "Id": { "type": "integer", "minimum": 0 },
                    "Pet": {
                        "type": "object", "required": ["id"],
                        "properties": {
                            "id": { "$ref": "#/components/schemas/Id" },
                            "parents": { "type": "array", "items": { "$ref": "#/components/schemas/Pet" } },
                        },
                    },
                },
                "x-methods": { "list": { "name": "list", "params": [], "result": { "name": "n", "schema": true } } },
            },
        });
        OpenRpc::try_from(document).unwrap()
    }

    #[test]
    fn documents_of_other_servers_are_read() {
        let document = of_others();
        assert_eq!((document.title(), document.version()), ("Petstore", "2.0.0"));
        let methods: Vec<String> = document.methods().iter().map(ToString::to_string).collect();
        assert_eq!(methods, ["get_pet(petId: Id) -> Pet", "list() -> any", "odd(a?: a.json)", "bare()"]);
        let pet = document.method("get_pet").unwrap();
        assert_eq!(
            (&*pet.description, pet.errors[0].code, &*pet.errors[0].message),
            ("Info for a pet", 7, "no such pet")
        );
        let id = pet.arguments().next().unwrap();
        assert_eq!((id.description(), id.constraints()), ("The id of the pet.", vec!["at least 0".to_owned()]));
        assert_eq!(pet.example(), json!({ "petId": 1 }));
        assert_eq!(pet.result["$defs"].as_object().unwrap().len(), 2, "each type once, also one that holds itself");
    }

    #[test]
    fn their_methods_are_checked_as_far_as_they_are_told() {
        let document = of_others();
        document.check("get_pet", &json!({ "petId": 3 })).unwrap();
        document.check("get_pet", &[3]).unwrap();
        assert_eq!(document.check("get_pet", &[-3]).unwrap_err().faults()[0].keyword, "minimum");
        assert_eq!(document.check("get_pet", &json!({ "petid": 3 })).unwrap_err().faults().len(), 2);
        // What can't be compiled, and what is not told, is the server's to judge.
        document.check("odd", &json!({ "b": 1 })).unwrap();
        document.check("bare", &[1, 2, 3]).unwrap();
        document.check("rpc.discover", &()).unwrap();
        assert!(document.check("get_pets", &()).unwrap_err().message().ends_with("did you mean `get_pet`?"));
        // Of events these documents know nothing.
        document.check_event("tick", None).unwrap();
        assert!(document.check_call("tick", None).is_err());
    }

    #[test]
    fn what_is_no_document_is_refused_with_the_reason() {
        for (json, why) in [
            (json!({ "openrpc": "1.4.1" }), "the member `methods` is no list"),
            (json!({ "methods": [{ "params": [] }] }), "a method has no `name`"),
            (json!({ "methods": [], "x-events": [{}] }), "an event has no `name`"),
            (json!({ "methods": [], "x-sent-events": [{}] }), "an event has no `name`"),
            (json!([]), "the member `methods` is no list"),
        ] {
            let error = OpenRpc::try_from(json).unwrap_err();
            assert_eq!(error.to_string(), format!("this is no OpenRPC document: {why}"));
        }
    }

    #[test]
    fn a_document_is_written_as_it_was_read() {
        let document = of_others();
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(serde_json::from_str::<OpenRpc>(&text).unwrap().json(), document.json());
    }
}
