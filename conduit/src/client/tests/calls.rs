//! Calls: what goes out, what comes back, and what a dropped one leaves behind.

use std::time::Duration;

use futures_util::poll;
use serde::Serialize;
use serde_json::{Value, json};

use super::connected;
use crate::{
    error::ErrorKind,
    protocol::ErrorObject,
    rpc_error::{ErrorDescription, RpcError},
};

#[tokio::test]
async fn a_call_is_one_request_and_gives_the_result() {
    let (client, mut peer) = connected().await;
    let (five, ()) = tokio::join!(client.call::<i64>("add", json!({"a": 2, "b": 3})), async {
        assert_eq!(peer.text().await, r#"{"jsonrpc":"2.0","method":"add","params":{"a":2,"b":3},"id":1}"#);
        peer.send(&json!({"jsonrpc": "2.0", "result": 5, "id": 1})).await;
    });
    assert_eq!(five.unwrap(), 5);
}

#[tokio::test]
async fn params_are_a_struct_a_tuple_or_nothing() {
    #[derive(Serialize)]
    struct Add {
        a: i64,
    }
    let (client, mut peer) = connected().await;
    let add = Add { a: 1 };
    let calls = async {
        client.call::<()>("m", &add).await.unwrap();
        client.call::<()>("m", (1, "x")).await.unwrap();
        client.call::<()>("m", ()).await.unwrap();
    };
    let server = async {
        let mut seen = Vec::new();
        for _ in 0..3 {
            let request = peer.json().await;
            peer.send(&json!({"jsonrpc": "2.0", "result": null, "id": request["id"]})).await;
            seen.push(request.get("params").cloned());
        }
        seen
    };
    let ((), seen) = tokio::join!(calls, server);
    assert_eq!(seen, [Some(json!({"a": 1})), Some(json!([1, "x"])), None]);
}

#[tokio::test]
async fn params_of_another_kind_are_refused_before_anything_is_sent() {
    let (client, mut peer) = connected().await;
    let error = client.call::<i64>("add", 5).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    client.notify("tick", ()).await.unwrap();
    assert_eq!(peer.json().await["method"], "tick");
}

#[derive(Debug, PartialEq)]
struct NotFound {
    id: u64,
}

impl RpcError for NotFound {
    fn to_error_object(&self) -> ErrorObject {
        ErrorObject::new(404, "not found").with_data(&self.id)
    }

    fn describe() -> Vec<ErrorDescription> {
        Vec::new()
    }

    fn from_error_object(object: &ErrorObject) -> Option<Self> {
        (object.code() == 404).then_some(Self { id: object.data_as()? })
    }
}

#[tokio::test]
async fn an_error_answer_comes_back_with_code_data_and_type() {
    let (client, mut peer) = connected().await;
    let answer = peer.answer_error(json!({"code": 404, "message": "not found", "data": 7}));
    let (result, ()) = tokio::join!(client.call::<i64>("find", [7]), answer);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rpc, Some(404)));
    assert_eq!(error.decode::<NotFound>(), Some(NotFound { id: 7 }));
    assert_eq!(error.to_string(), "not found (code 404)");
}

#[tokio::test]
async fn an_answer_of_another_type_is_a_decode_error() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), peer.answer(json!("five")));
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().starts_with("`add` answered with what is no `i64`: invalid type"), "{error}");
}

#[tokio::test]
async fn answers_in_any_order_find_their_calls() {
    let (client, mut peer) = connected().await;
    let calls = async { tokio::join!(client.call::<u64>("a", ()), client.call::<u64>("b", ())) };
    let ((a, b), ()) = tokio::join!(calls, async {
        let (first, second) = (peer.json().await, peer.json().await);
        assert_eq!((&first["method"], &second["method"]), (&json!("a"), &json!("b")));
        peer.send(&json!({"jsonrpc": "2.0", "result": 2, "id": second["id"]})).await;
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": first["id"]})).await;
    });
    assert_eq!((a.unwrap(), b.unwrap()), (1, 2));
}

#[tokio::test]
async fn a_call_that_was_not_polled_sends_nothing() {
    let (client, mut peer) = connected().await;
    drop(client.call::<i64>("add", ()));
    client.notify("tick", ()).await.unwrap();
    assert_eq!(peer.json().await, json!({"jsonrpc": "2.0", "method": "tick"}));
}

#[tokio::test]
async fn a_call_dropped_before_it_was_written_sends_nothing() {
    let (client, mut peer) = connected().await;
    let mut call = client.call::<i64>("add", ());
    // The connection's task can't run before this one waits: the runtime has one thread.
    assert!(poll!(&mut call).is_pending());
    drop(call);
    client.notify("tick", ()).await.unwrap();
    assert_eq!(peer.json().await["method"], "tick");
}

#[tokio::test]
async fn dropping_a_call_cancels_it_on_the_server() {
    let (client, mut peer) = connected().await;
    let mut call = client.call::<i64>("slow", ());
    assert!(poll!(&mut call).is_pending());
    assert_eq!(peer.json().await["id"], 1);
    drop(call);
    assert_eq!(peer.text().await, r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}"#);
}

#[tokio::test]
async fn a_call_that_was_answered_is_not_cancelled() {
    let (client, mut peer) = connected().await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), peer.answer(json!(1)));
    assert_eq!(result.unwrap(), 1);
    client.notify("tick", ()).await.unwrap();
    assert_eq!(peer.json().await["method"], "tick");
}

#[tokio::test]
async fn a_call_that_times_out_is_cancelled_and_its_late_answer_ignored() {
    let (client, mut peer) = connected().await;
    tokio::time::pause();
    let call = client.call::<i64>("slow", ()).timeout(Duration::from_secs(5));
    let (result, ()) = tokio::join!(call, async {
        assert_eq!(peer.json().await["method"], "slow");
        assert_eq!(peer.json().await["method"], "rpc.cancel");
    });
    tokio::time::resume();
    let error = result.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "`slow` was not answered within 5s; the call may have run");

    peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": 1})).await;
    let (result, ()) = tokio::join!(client.call::<i64>("add", ()), peer.answer(json!(2)));
    assert_eq!(result.unwrap(), 2);
}

#[tokio::test]
async fn listall_gives_descriptions() {
    let (client, mut peer) = connected().await;
    let answer = peer.answer(json!([{"name": "tick", "params": {"properties": {}}, "result": {"type": "boolean"}}]));
    let (methods, ()) = tokio::join!(client.listall(), answer);
    assert_eq!(methods.unwrap()[0].to_string(), "tick() -> boolean");
}

#[tokio::test]
async fn a_timeout_that_was_chosen_travels_with_the_call() {
    let told = |request: Value| request["timeout_ms"].clone();
    let (client, mut peer) = connected().await;
    let (_, ()) = tokio::join!(client.call::<u8>("a", ()), async {
        let request = peer.json().await;
        assert_eq!(request, json!({"jsonrpc": "2.0", "method": "a", "id": 1}), "nobody chose the default");
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": 1})).await;
    });
    let (_, time) = tokio::join!(client.call::<u8>("a", ()).timeout(Duration::from_secs(5)), async {
        let request = peer.json().await;
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": 2})).await;
        told(request).as_u64().unwrap()
    });
    assert!((1..=5000).contains(&time), "{time}");
    let mut batch = client.batch().timeout(Duration::from_secs(5));
    batch.call::<u8>("a", ());
    batch.notify("b", ());
    let (_, ()) = tokio::join!(batch.send(), async {
        let requests = peer.json().await;
        assert!(told(requests[0].clone()).is_u64(), "{requests}");
        assert!(told(requests[1].clone()).is_null(), "nobody waits for a notification");
        peer.send(&json!([{"jsonrpc": "2.0", "result": 1, "id": 3}])).await;
    });
}

#[tokio::test]
async fn the_timeout_of_a_client_travels_with_its_calls() {
    let (listener, url) = super::listen().await;
    let connect = crate::Client::connect(url).timeout(Duration::from_secs(2));
    let (client, mut peer) = tokio::join!(async { connect.await.unwrap() }, super::Peer::accept(&listener));
    let (answer, time) = tokio::join!(client.call::<u8>("a", ()), async {
        let request = peer.json().await;
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": request["id"]})).await;
        request["timeout_ms"].as_u64().unwrap()
    });
    assert!(answer.is_ok() && (1..=2000).contains(&time), "{time}");
}
