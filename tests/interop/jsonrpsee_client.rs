//! The WebSocket client of `jsonrpsee`.

use futures_util::future::join_all;
use jsonrpsee::{
    core::{
        ClientError,
        client::{ClientT, IdKind},
        params::{ArrayParams, BatchRequestBuilder, ObjectParams},
    },
    rpc_params,
    types::ErrorObjectOwned,
    ws_client::{HeaderMap, HeaderValue, WsClient, WsClientBuilder},
};
use serde_json::{Value, json};

use super::{TOKEN, directory};
use crate::examples::Users;

async fn connect(users: &Users, ids: IdKind) -> WsClient {
    let bearer = HeaderValue::from_str(&format!("Bearer {TOKEN}")).expect("a token of visible characters");
    let headers = HeaderMap::from_iter([("authorization".parse().expect("a header"), bearer)]);
    WsClientBuilder::default().set_headers(headers).id_format(ids).build(&users.url).await.expect("connected")
}

fn by_name(params: Value) -> ObjectParams {
    let mut object = ObjectParams::new();
    for (name, value) in params.as_object().expect("an object") {
        object.insert(name, value).expect("a value that serialises");
    }
    object
}

fn user(name: &str) -> ObjectParams {
    by_name(json!({ "username": name, "email": format!("{name}@example.org"), "age": 36 }))
}

/// The error of a call that must fail: its code, and its data.
fn refusal(outcome: Result<Value, ClientError>) -> (i32, Value) {
    match outcome {
        Err(ClientError::Call(error)) => code_and_data(&error),
        other => panic!("an error of the call was expected, this came: {other:?}"),
    }
}

fn code_and_data(error: &ErrorObjectOwned) -> (i32, Value) {
    let data = error.data().map(|data| serde_json::from_str(data.get()).expect("JSON"));
    (error.code(), data.unwrap_or_default())
}

fn paths(data: &Value) -> Vec<&str> {
    let errors = data["errors"].as_array().expect("a list of errors");
    errors.iter().map(|error| error["path"].as_str().expect("a path")).collect()
}

#[tokio::test]
async fn crates_jsonrpsee() {
    let directory = directory("jsonrpsee");
    let users = Users::serve(&directory.database(), TOKEN).await;
    let client = connect(&users, IdKind::Number).await;
    calls(&client).await;
    errors(&client).await;
    notification(&client).await;
    batch(&client).await;
    many_at_once(&client).await;
    drop(client);
    string_ids(&users).await;
}

async fn calls(client: &WsClient) {
    let ada: Value = client.request("user.create", user("ada")).await.expect("created");
    assert_eq!((&ada["username"], &ada["role"], &ada["active"]), (&json!("ada"), &json!("member"), &json!(true)));
    let position = rpc_params!["grace", "grace@example.org", 85, false, "admin"];
    let grace: Value = client.request("user.create", position).await.expect("created");
    assert_eq!((&grace["age"], &grace["role"]), (&json!(85), &json!("admin")));
    // No parameters are left out of the message.
    let list: Vec<Value> = client.request("user.list", ArrayParams::new()).await.expect("listed");
    assert_eq!(list, [ada, grace.clone()]);
    client.request::<(), _>("user.delete", rpc_params![&grace["id"]]).await.expect("deleted");
}

async fn errors(client: &WsClient) {
    let missing = client.request("user.get", rpc_params![404_404]).await;
    assert_eq!(refusal(missing), (404, json!({ "id": 404_404 })));
    let taken = client.request("user.create", user("ada")).await;
    assert_eq!(refusal(taken), (409, json!({ "username": "ada" })));
    let bad = by_name(json!({ "username": "x", "email": "nobody", "age": 200 }));
    let (code, data) = refusal(client.request("user.create", bad).await);
    assert_eq!((code, paths(&data)), (-32602, vec!["/username", "/email", "/age"]));
    assert_eq!(refusal(client.request("user.creat", user("ada")).await).0, -32601);
}

async fn notification(client: &WsClient) {
    client.notification("user.create", user("lovelace")).await.expect("sent");
    loop {
        let list: Vec<Value> = client.request("user.list", rpc_params![]).await.expect("listed");
        if list.iter().any(|user| user["username"] == "lovelace") {
            break;
        }
    }
}

async fn batch(client: &WsClient) {
    let mut batch = BatchRequestBuilder::new();
    batch.insert("user.get", rpc_params![1]).expect("a value that serialises");
    batch.insert("user.get", rpc_params![404_404]).expect("a value that serialises");
    batch.insert("user.create", rpc_params![]).expect("a value that serialises");
    let answers = client.batch_request::<Value>(batch).await.expect("answered");
    assert_eq!((answers.num_successful_calls(), answers.num_failed_calls()), (1, 2));
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|error| code_and_data(&error).0)).collect();
    assert_eq!(answers[0].as_ref().expect("found")["username"], "ada");
    assert_eq!((&answers[1], &answers[2]), (&Err(404), &Err(-32602)));
}

async fn many_at_once(client: &WsClient) {
    let names: Vec<String> = (0..50).map(|n| format!("user{n}")).collect();
    let calls = names.iter().map(|name| client.request::<Value, _>("user.create", user(name)));
    let users: Vec<Value> = join_all(calls).await.into_iter().map(|user| user.expect("created")).collect();
    assert!(users.iter().zip(&names).all(|(user, name)| user["username"] == **name));
    // The client itself takes 256 at once.
    let calls = (0..250).map(|n| client.request::<Value, _>("user.get", rpc_params![&users[n % 50]["id"]]));
    let found = join_all(calls).await;
    assert!(found.into_iter().enumerate().all(|(n, user)| user.expect("found") == users[n % 50]));
}

async fn string_ids(users: &Users) {
    let client = connect(users, IdKind::String).await;
    let list: Vec<Value> = client.request("user.list", rpc_params![0, 1]).await.expect("listed");
    assert_eq!(list.len(), 1);
}
