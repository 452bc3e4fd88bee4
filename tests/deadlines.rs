//! How long a caller waits travels with its call: the server gives the call up then.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use conduit::{Call, Client, Connection, methods, rpc};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Peer, builder, http, serve, start};

/// How long the call may still run, in seconds.
#[rpc]
async fn left(call: &Call) -> Option<f64> {
    call.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs_f64())
}

#[rpc(timeout = "1h")]
async fn left_of_an_hour(call: &Call) -> Option<f64> {
    left(call).await
}

#[rpc(timeout = "100ms")]
async fn left_of_a_moment(call: &Call) -> Option<f64> {
    left(call).await
}

#[derive(Default)]
struct Given {
    up: Notify,
}

struct Up(Arc<Given>);

impl Drop for Up {
    fn drop(&mut self) {
        self.0.up.notify_one();
    }
}

#[rpc]
async fn forever(given: &Arc<Given>) {
    let _up = Up(Arc::clone(given));
    std::future::pending::<()>().await;
}

/// Runs until nobody waits.
#[rpc]
fn stubborn(call: &Call, given: &Arc<Given>) {
    while !call.is_cancelled() {
        std::thread::yield_now();
    }
    given.up.notify_one();
}

fn request(method: &str, id: u64, timeout: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "id": id, "timeout_ms": timeout })
}

#[tokio::test]
async fn the_deadline_of_a_call_is_the_earlier_one_of_its_caller_and_its_method() {
    let server = serve(methods![left, left_of_an_hour, left_of_a_moment]).await;
    let mut peer = Peer::connect(&server).await;
    for (method, timeout, most) in [
        ("left", json!(5000), 5.0),
        ("left_of_an_hour", json!(5000), 5.0),
        ("left_of_a_moment", json!(5000), 0.1),
        ("left_of_an_hour", Value::Null, 3600.0),
        ("left_of_an_hour", json!(1e300), 3600.0),
    ] {
        let left = peer.ask(&request(method, 1, &timeout).to_string()).await["result"].as_f64().expect("a deadline");
        assert!(left <= most && left > most / 2.0, "{method} {timeout}: {left}");
    }
    assert_eq!(peer.ask(&request("left", 1, &Value::Null).to_string()).await["result"], Value::Null);
}

#[tokio::test]
async fn a_call_whose_caller_waits_no_longer_is_dropped_and_answered() {
    let given = Arc::new(Given::default());
    let server = start(builder(methods![forever, stubborn]).open().state(Arc::clone(&given))).await;
    let mut peer = Peer::connect(&server).await;
    for method in ["forever", "stubborn"] {
        let answer = peer.ask(&request(method, 7, &json!(20)).to_string()).await;
        assert_eq!(
            answer["error"],
            json!({ "code": -32003, "message": format!("`{method}` took longer than it may") })
        );
        given.up.notified().await;
    }
}

#[tokio::test]
async fn each_call_of_a_batch_has_its_own() {
    let server = start(builder(methods![forever, left]).open().state(Arc::new(Given::default()))).await;
    let mut peer = Peer::connect(&server).await;
    let batch =
        json!([request("forever", 1, &json!(10)), request("left", 2, &json!(60_000)), request("left", 3, &json!(0))]);
    let answers = peer.ask(&batch.to_string()).await;
    assert_eq!(answers[0]["error"]["code"], -32003);
    assert!(answers[1]["result"].as_f64().expect("a deadline") > 30.0);
    // What is ready at once is answered, however short the time.
    assert_eq!(answers[2]["result"], 0.0);
}

#[tokio::test]
async fn it_counts_over_http_too() {
    let server = start(builder(methods![forever]).open().state(Arc::new(Given::default()))).await;
    let body = request("forever", 1, &json!(10)).to_string();
    let json = [("content-type", "application/json")];
    let (status, answer) = http(server.address(), "POST", &json, &body).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-32003)));
}

#[tokio::test]
async fn what_is_no_time_is_an_invalid_request() {
    let server = serve(methods![left]).await;
    let mut peer = Peer::connect(&server).await;
    for timeout in [json!("5s"), json!(-1), json!([1])] {
        let answer = peer.ask(&request("left", 1, &timeout).to_string()).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &json!(1)), "{timeout}");
        let wanted = "invalid request: `timeout_ms` must be a number of milliseconds that is not negative, not ";
        assert!(answer["error"]["message"].as_str().expect("a text").starts_with(wanted), "{answer}");
    }
}

#[tokio::test]
async fn what_a_client_waits_for_is_the_deadline_of_its_method() {
    let given = Arc::new(Given::default());
    let server = start(builder(methods![left, forever]).open().state(Arc::clone(&given))).await;
    let client = Client::connect(format!("ws://{}", server.address())).await.expect("connected");
    assert_eq!(left::call(&client).await.expect("answered"), None, "the default is not told");
    let seconds = left::call(&client).timeout(Duration::from_secs(5)).await.expect("answered").expect("a deadline");
    assert!((2.5..=5.0).contains(&seconds), "{seconds}");
    let error = forever::call(&client).timeout(Duration::from_millis(20)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    given.up.notified().await;
}

/// What the caller's own method has left when it is called in turn.
#[rpc]
async fn asked_back(client: &Connection) -> Option<f64> {
    left::call(client).timeout(Duration::from_secs(7)).await.expect("answered")
}

#[tokio::test]
async fn it_travels_to_the_methods_of_a_client_too() {
    let server = serve(methods![asked_back]).await;
    let url = format!("ws://{}", server.address());
    let client = Client::connect(url).methods(methods![left]).await.expect("connected");
    let seconds = asked_back::call(&client).await.expect("answered").expect("a deadline");
    assert!((3.5..=7.0).contains(&seconds), "{seconds}");
}
