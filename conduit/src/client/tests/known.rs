//! What is known of a server keeps bad calls from it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Peer, connected, listen};
use crate::{Client, client::Connect, error::ErrorKind};

fn document() -> Value {
    json!({ "methods": [
        { "name": "add", "params": [{ "name": "a", "required": true, "schema": { "type": "integer" } }] },
        { "name": "balance", "params": [], "x-idempotent": true },
    ]})
}

/// A client that was told the document while it connected.
async fn informed(connect: impl FnOnce(Connect) -> Connect) -> (Client, Peer) {
    let (listener, url) = listen().await;
    let server = async {
        let mut peer = Peer::accept(&listener).await;
        peer.answer(document()).await;
        peer
    };
    let (client, peer) = tokio::join!(async { connect(Client::connect(url).discover()).await.unwrap() }, server);
    (client, peer)
}

#[tokio::test]
async fn nothing_is_sent_of_what_the_server_would_refuse() {
    let (client, mut peer) = informed(|connect| connect).await;
    for error in [
        client.call::<Value>("add", json!({ "a": "x" })).await.unwrap_err(),
        client.call::<Value>("ad", json!({ "a": 1 })).await.unwrap_err(),
        client.notify("add", ()).await.unwrap_err(),
        client.send("add", &"x").await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.is_unsent()), (ErrorKind::Rpc, true));
    }
    let (answer, ()) = tokio::join!(client.call::<u8>("add", json!({ "a": 1 })), async {
        let message = peer.json().await;
        // The first of this connection, but for that which asked for the document.
        assert_eq!(message, json!({ "jsonrpc": "2.0", "method": "add", "params": { "a": 1 }, "id": 2 }));
        peer.send(&json!({ "jsonrpc": "2.0", "result": 7, "id": 2 })).await;
    });
    assert_eq!(answer.unwrap(), 7);
}

#[tokio::test]
async fn a_client_that_trusts_its_server_sends_all() {
    let (client, mut peer) = informed(Connect::trust_server).await;
    assert!(client.discovered().is_some());
    client.notify("add", ["x"]).await.unwrap();
    assert_eq!(peer.json().await["params"], json!(["x"]));
}

#[tokio::test]
async fn a_server_that_tells_nothing_of_itself_can_be_called_unchecked() {
    let (client, mut peer) = connected().await;
    let (error, ()) =
        tokio::join!(client.discover(), peer.answer_error(json!({ "code": -32601, "message": "not found" })));
    assert_eq!(error.unwrap_err().code(), Some(-32601));
    client.notify("whatever", [1]).await.unwrap();
    assert_eq!(peer.json().await["method"], "whatever");
}

#[tokio::test]
async fn what_is_no_document_is_an_error_of_decoding_and_changes_nothing() {
    let (client, mut peer) = informed(|connect| connect).await;
    let (error, ()) = tokio::join!(client.discover(), peer.answer(json!({ "openrpc": "1.4.1" })));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("the member `methods` is no list"), "{error}");
    assert!(client.call::<Value>("ad", ()).await.unwrap_err().is_unsent());
}

#[tokio::test]
async fn a_document_that_was_told_later_counts_from_then_on() {
    let (client, mut peer) = informed(|connect| connect).await;
    assert!(client.call::<Value>("new", ()).await.unwrap_err().is_unsent());
    let (told, ()) = tokio::join!(client.discover(), peer.answer(json!({ "methods": [{ "name": "new" }] })));
    assert_eq!(told.unwrap().methods().len(), 1);
    client.notify("new", [1]).await.unwrap();
    assert_eq!(peer.json().await["method"], "new");
}

/// A client that was told the document, and reconnects without much ado.
async fn returning(listener: &TcpListener, url: String) -> (Client, Peer) {
    let moment = Duration::from_millis(1);
    let connect = Client::connect(url).reconnect_delay(moment..=moment).discover();
    tokio::join!(async { connect.await.unwrap() }, async {
        let mut peer = Peer::accept(listener).await;
        peer.answer(document()).await;
        peer
    })
}

#[tokio::test]
async fn a_call_that_the_server_says_may_run_twice_is_sent_again() {
    let (listener, url) = listen().await;
    let (client, mut peer) = returning(&listener, url).await;
    let calls = async { tokio::join!(client.call::<u8>("balance", ()), client.call::<u8>("add", [1])) };
    let ((balance, sum), ()) = tokio::join!(calls, async {
        assert_eq!([peer.json().await["method"].clone(), peer.json().await["method"].clone()], ["balance", "add"]);
        drop(peer);
        let mut peer = Peer::accept(&listener).await;
        // The document is asked for beside it.
        for request in [peer.json().await, peer.json().await] {
            if request["method"] == "balance" {
                peer.send(&json!({ "jsonrpc": "2.0", "result": 7, "id": request["id"] })).await;
            } else {
                assert_eq!(request["method"], "rpc.discover");
            }
        }
    });
    assert_eq!(balance.unwrap(), 7);
    assert!(sum.unwrap_err().may_have_run());
}

#[tokio::test]
async fn after_a_reconnect_calls_are_unchecked_until_the_server_was_asked_again() {
    let (listener, url) = listen().await;
    let (client, peer) = returning(&listener, url).await;
    assert!(client.call::<Value>("new", ()).await.unwrap_err().is_unsent());
    drop(peer);
    let mut peer = Peer::accept(&listener).await;
    let question = peer.json().await;
    assert_eq!(question["method"], "rpc.discover");
    // The server may be another one now: what the last one did not have goes out.
    client.notify("new", [1]).await.unwrap();
    assert_eq!(peer.json().await["method"], "new");
    assert!(client.discovered().is_some());
    peer.send(&json!({ "jsonrpc": "2.0", "result": { "methods": [{ "name": "new" }] }, "id": question["id"] })).await;
    while client.discovered().unwrap().method("new").is_none() {
        tokio::task::yield_now().await;
    }
    assert!(client.call::<Value>("ad", ()).await.unwrap_err().is_unsent());
}

#[tokio::test]
async fn what_waits_for_the_next_connection_is_not_held_against_the_document_of_the_last() {
    let (listener, url) = listen().await;
    let (client, mut peer) = returning(&listener, url).await;
    peer.close(1001, "").await;
    while client.is_connected() {
        tokio::task::yield_now().await;
    }
    let (sent, ()) = tokio::join!(client.notify("new", [1]), async {
        drop(peer);
        let mut peer = Peer::accept(&listener).await;
        let methods = [peer.json().await["method"].clone(), peer.json().await["method"].clone()];
        assert!(methods.contains(&json!("new")), "{methods:?}");
    });
    sent.unwrap();
}

#[tokio::test]
async fn a_document_that_was_asked_for_over_two_connections_is_asked_for_again() {
    let (listener, url) = listen().await;
    let moment = Duration::from_millis(1);
    let connect = Client::connect(url).reconnect_delay(moment..=moment);
    let (client, mut peer) = tokio::join!(async { connect.await.unwrap() }, Peer::accept(&listener));
    let told = |name: &str| json!({ "methods": [{ "name": name }] });
    let (document, ()) = tokio::join!(client.discover(), async {
        assert_eq!(peer.json().await["method"], "rpc.discover");
        drop(peer);
        peer = Peer::accept(&listener).await;
        // Which server told this one is not known: it holds no call back, and is not what the caller gets.
        peer.answer(told("old")).await;
        let question = peer.json().await;
        assert_eq!(question["method"], "rpc.discover");
        client.notify("new", [1]).await.unwrap();
        assert_eq!(peer.json().await["method"], "new");
        peer.send(&json!({ "jsonrpc": "2.0", "result": told("new"), "id": question["id"] })).await;
    });
    assert!(document.unwrap().method("new").is_some());
    assert!(client.discovered().unwrap().method("old").is_none());
    assert!(client.call::<Value>("old", ()).await.unwrap_err().is_unsent());
}
