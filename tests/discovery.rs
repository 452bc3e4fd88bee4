//! `listall` and the OpenRPC document tell the schemas that calls are checked against.

use conduit::{RpcError, methods, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Peer, builder, serve, start};

#[derive(Serialize, Deserialize, JsonSchema)]
struct User {
    /// The user's number.
    #[serde(skip_deserializing)]
    id: u64,
    name: String,
}

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("user {id} not found")]
    #[rpc(code = 404)]
    NotFound { id: u64 },
}

/// Create a user.
///
/// The name is free to choose.
#[rpc(name = "user.create", public, timeout = "5s", deprecated)]
async fn create(
    user: User,
    /// How often.
    #[schemars(range(min = 1, max = 9))]
    #[arg(default = 1)]
    times: u8,
    note: Option<String>,
) -> Result<Vec<User>, UserError> {
    let _ = (times, note);
    if user.id > 0 { Err(UserError::NotFound { id: user.id }) } else { Ok(vec![user]) }
}

#[rpc]
async fn later_first(note: Option<String>, name: String) {
    let _ = (note, name);
}

async fn listed() -> Vec<Value> {
    let server = serve(methods![create, later_first]).await;
    let list = Peer::connect(&server).await.result("listall", json!([])).await;
    list.as_array().expect("a list").clone()
}

async fn document() -> Value {
    let server = start(builder(methods![create, later_first]).open().name("Users").version("1.2.3")).await;
    Peer::connect(&server).await.result("rpc.discover", json!([])).await
}

fn method<'a>(methods: &'a [Value], name: &str) -> &'a Value {
    methods.iter().find(|method| method["name"] == name).expect("the method is listed")
}

#[tokio::test]
async fn methods_are_listed_by_name_built_in_ones_too() {
    let names: Vec<String> =
        listed().await.iter().map(|method| method["name"].as_str().expect("a name").into()).collect();
    assert_eq!(names, ["later_first", "listall", "rpc.cancel", "rpc.discover", "rpc.login", "user.create"]);
}

#[tokio::test]
async fn a_method_is_listed_with_everything_that_its_caller_needs() {
    let methods = listed().await;
    let create = method(&methods, "user.create");
    assert_eq!(create["description"], "Create a user.\n\nThe name is free to choose.");
    assert_eq!(
        (&create["public"], &create["deprecated"], &create["timeout"]),
        (&json!(true), &json!(true), &json!(5.0))
    );
    let params = &create["params"];
    assert_eq!(params["required"], json!(["user"]));
    assert_eq!(params["additionalProperties"], false);
    let names: Vec<&String> = params["properties"].as_object().expect("an object").keys().collect();
    assert_eq!(names, ["user", "times", "note"]);
    assert_eq!(
        params["properties"]["times"],
        json!({
            "description": "How often.", "type": "integer", "minimum": 1, "maximum": 9, "default": 1
        })
    );
    assert_eq!(params["properties"]["note"]["type"], json!(["string", "null"]));
    assert_eq!(create["result"]["type"], "array");
    assert_eq!(
        create["errors"],
        json!([{ "code": 404, "message": "user {id} not found", "data": create["errors"][0]["data"] }])
    );
    let id = &create["errors"][0]["data"]["properties"]["id"];
    assert_eq!((&id["type"], &id["minimum"]), (&json!("integer"), &json!(0)));
}

#[tokio::test]
async fn what_is_read_and_what_is_written_have_schemas_of_their_own() {
    let methods = listed().await;
    let create = method(&methods, "user.create");
    assert_eq!(create["params"]["$defs"]["User"]["required"], json!(["name"]));
    assert_eq!(create["result"]["$defs"]["User"]["required"], json!(["id", "name"]));
}

#[tokio::test]
async fn every_schema_in_the_list_is_valid_by_the_meta_schema() {
    for method in listed().await {
        let data = method["errors"].as_array().expect("a list").iter().filter_map(|error| error.get("data"));
        for schema in [&method["params"], &method["result"]].into_iter().chain(data) {
            assert!(jsonschema::meta::is_valid(schema), "{} has {schema}", method["name"]);
        }
    }
}

#[tokio::test]
async fn the_openrpc_document_has_all_methods_and_shares_their_types() {
    let document = document().await;
    assert_eq!(document["info"], json!({ "title": "Users", "version": "1.2.3" }));
    assert!(document["openrpc"].as_str().is_some_and(|version| version.starts_with("1.4.")));
    let methods = document["methods"].as_array().expect("a list");
    let create = method(methods, "user.create");
    assert_eq!(create["summary"], "Create a user.");
    assert_eq!(create["params"][0]["schema"], json!({ "$ref": "#/components/schemas/User" }));
    assert_eq!(create["params"][0]["required"], true);
    assert_eq!(create["result"]["schema"]["items"], json!({ "$ref": "#/components/schemas/User2" }));
    assert_eq!(create["errors"][0]["code"], 404);
    assert_eq!(create["paramStructure"], "either");
    assert_eq!(document["components"]["schemas"]["User"]["required"], json!(["name"]));
}

#[tokio::test]
async fn arguments_whose_order_openrpc_forbids_are_told_by_name() {
    let document = document().await;
    let later = method(document["methods"].as_array().expect("a list"), "later_first");
    assert_eq!(later["paramStructure"], "by-name");
    let names: Vec<&Value> = later["params"].as_array().expect("a list").iter().map(|param| &param["name"]).collect();
    assert_eq!(names, ["name", "note"]);
}

#[tokio::test]
async fn every_reference_of_the_openrpc_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_schema_that_is_published_decides_what_is_taken() {
    let server = serve(methods![create, later_first]).await;
    let mut peer = Peer::connect(&server).await;
    let methods = peer.result("listall", json!([])).await;
    let methods = methods.as_array().expect("a list").clone();
    let validator = jsonschema::validator_for(&method(&methods, "user.create")["params"]).expect("a schema");
    for params in [
        json!({ "user": { "name": "ann" } }),
        json!({ "user": { "name": "ann" }, "times": 9, "note": null }),
        json!({ "user": { "name": "ann" }, "times": 2.0 }),
        json!({ "user": { "name": "ann" }, "times": 10 }),
        json!({ "user": { "name": 1 } }),
        json!({ "user": ["ann"] }),
        json!({ "user": null }),
        json!({ "user": { "name": "ann" }, "more": 1 }),
        json!({}),
    ] {
        let taken = peer.call("user.create", params.clone()).await["error"].is_null();
        assert_eq!(taken, validator.is_valid(&params), "{params}");
    }
}
