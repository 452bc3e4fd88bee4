//! What a document tells is true: examples are taken, and no schema loses something on its way.

use serde_json::{Value, json};

use super::OpenRpc;
use crate::{
    MethodDescription,
    discovery::document_of,
    schema::{
        Arguments, of_arguments, of_payload,
        tests::shapes::{Add, Collections, CreateUser, Everything, Flattened, FlattenedMap, Formats, Numbers, Strict},
    },
};

/// The schemas of the arguments of all the types that the tests know.
fn all() -> Vec<Value> {
    vec![
        of_arguments::<Add>(),
        of_arguments::<Collections>(),
        of_arguments::<CreateUser>(),
        of_arguments::<Everything>(),
        of_arguments::<Flattened>(),
        of_arguments::<FlattenedMap>(),
        of_arguments::<Formats>(),
        of_arguments::<Numbers>(),
        of_arguments::<Strict>(),
    ]
}

fn described(params: &Value) -> MethodDescription {
    serde_json::from_value(json!({ "name": "m", "params": params })).unwrap()
}

/// What the schema has against an example.
fn faults(schema: &Value, example: &Value) -> Option<String> {
    let params = example.to_string();
    let refused = Arguments::compile(schema).unwrap().check("m", Some(&params)).err();
    refused.map(|error| format!("{error} in {example:#}"))
}

#[test]
fn the_example_of_every_method_is_valid() {
    for schema in all() {
        assert_eq!(faults(&schema, &described(&schema).example()), None);
    }
}

#[test]
fn the_example_of_every_argument_is_taken_in_its_place() {
    for schema in all() {
        let method = described(&schema);
        // A default stands for itself; that it is valid is asked where a server is built.
        for argument in method.arguments().filter(|argument| argument.default().is_none()) {
            let mut example = method.example();
            example[argument.name()] = argument.example();
            assert_eq!(faults(&schema, &example), None, "{}", argument.name());
        }
    }
}

/// So that whoever reads it finds the faults that the server finds, in the same order.
#[test]
fn a_document_tells_the_schemas_as_they_are_and_the_order_of_the_arguments() {
    for (schema, payload) in
        all().into_iter().zip([of_payload::<Everything>(), of_payload::<Vec<Option<Add>>>()].iter().cycle())
    {
        let document = OpenRpc::try_from(document_of(&schema, payload)).unwrap();
        let told = &document.method("m").unwrap().params;
        assert_eq!((told, &document.event("e").unwrap().payload), (&schema, payload));
        assert_eq!(told["properties"].to_string(), schema["properties"].to_string());
    }
}
