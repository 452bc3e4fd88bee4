//! An `impl` block as a service: `&self` is its state.

use std::sync::Mutex;

use conduit::{Client, Connection, methods, rpc};
use serde_json::json;

use crate::support::{Peer, builder, start};

#[derive(Default)]
struct Chat {
    said: Mutex<Vec<String>>,
}

/// Talk to each other.
#[rpc(namespace = "chat")]
impl Chat {
    /// Say something.
    pub async fn say(&self, client: &Connection, text: String) -> usize {
        let _ = client;
        let mut said = self.said.lock().expect("nobody panics with the lock");
        said.push(text);
        said.len()
    }

    /// What was said.
    #[rpc(name = "history", public)]
    fn all(&self, #[arg(default = 10)] last: usize) -> Vec<String> {
        let said = self.said.lock().expect("nobody panics with the lock");
        said.iter().rev().take(last).cloned().collect()
    }

    #[rpc(skip)]
    fn forget(&self) {
        self.said.lock().expect("nobody panics with the lock").clear();
    }
}

#[tokio::test]
async fn the_functions_of_a_service_are_methods_of_its_namespace() {
    let server = start(builder(methods![]).open().service(Chat::default())).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("chat.say", json!(["hello"])).await, 1);
    assert_eq!(peer.result("chat.say", json!({ "text": "there" })).await, 2);
    assert_eq!(peer.result("chat.history", json!([])).await, json!(["there", "hello"]));
    assert_eq!(peer.error("chat.forget", json!([])).await["code"], -32601);
}

#[tokio::test]
async fn a_service_has_a_typed_client() {
    let server = start(builder(methods![]).open().service(Chat::default())).await;
    let client = Client::connect(format!("ws://{}", server.address())).await.expect("connected");
    let chat = ChatClient::new(&client);
    assert_eq!(chat.say("hello".into()).await.expect("said"), 1);
    assert_eq!(chat.all(1).await.expect("listed"), ["hello"]);
}

#[test]
fn the_functions_stay_as_they_are() {
    let chat = Chat::default();
    chat.said.lock().expect("nobody panics with the lock").push("hello".into());
    assert_eq!(chat.all(5), ["hello"]);
    chat.forget();
    assert_eq!(chat.all(5), Vec::<String>::new());
}
