//! What hooks are told, and when.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{Peer, accepted, coming_back, cut, listen};
use crate::{Client, Disconnected};

#[tokio::test]
async fn notifications_in_the_queue_follow_the_hook_of_the_next_connection_in_order() {
    let (listener, url) = listen().await;
    let hook = |client: Client| async move { client.notify("hello", ()).await };
    let (client, mut peer) = accepted(coming_back(&url).on_connect(hook), &listener).await;
    assert_eq!(peer.json().await["method"], "hello");
    flood(&client, "n").await;
    assert_eq!(peer.json().await["params"][0], 0);
    cut(peer);
    let mut peer = Peer::accept(&listener).await;
    assert_eq!(peer.json().await["method"], "hello");
    let mut seen = vec![peer.json().await["params"][0].as_u64().unwrap()];
    while seen.last() != Some(&(MANY - 1)) {
        seen.push(peer.json().await["params"][0].as_u64().unwrap());
    }
    assert!(seen[0] > 0 && seen.windows(2).all(|two| two[0] + 1 == two[1]), "{seen:?}");
}

#[tokio::test]
async fn hooks_run_in_order_and_what_waits_comes_after_them() {
    let (listener, url) = listen().await;
    let (told, mut seen) = mpsc::unbounded_channel();
    let (of_connect, of_disconnect, of_reconnect) = (told.clone(), told.clone(), told);
    let connect = coming_back(&url)
        .on_connect(move |client: Client| {
            of_connect.send("connect".to_owned()).unwrap();
            async move { client.call::<()>("hello", ()).await }
        })
        .on_disconnect(move |end: Disconnected| {
            of_disconnect.send(format!("disconnect {}", end.code)).unwrap();
            async {}
        })
        .on_reconnect(move |attempt: u32| {
            of_reconnect.send(format!("reconnect {attempt}")).unwrap();
            async {}
        });
    let (client, mut peer) = accepted(connect, &listener).await;
    for round in 0..3 {
        let (call, ()) = tokio::join!(client.call::<u64>("next", [round]), async {
            let hello = peer.json().await;
            assert_eq!(hello["method"], "hello", "the hook goes first");
            peer.send(&json!({"jsonrpc": "2.0", "result": null, "id": hello["id"]})).await;
            peer.answer(json!(round)).await;
        });
        assert_eq!(call.unwrap(), round);
        peer.close(1001, "").await;
        drop(peer);
        peer = Peer::accept(&listener).await;
    }
    assert_eq!(peer.json().await["method"], "hello");
    drop(client);
    cut(peer);
    let mut lines = Vec::new();
    while let Some(line) = seen.recv().await {
        lines.push(line);
    }
    let again = ["disconnect 1001", "connect", "reconnect 1"];
    assert_eq!(lines[0], "connect");
    assert_eq!((&lines[1..4], &lines[4..7]), (&again.map(String::from)[..], &again.map(String::from)[..]));
    assert_eq!(lines[7..], ["disconnect 1001", "connect", "disconnect 1006"], "a hook is dropped with its connection");
}

#[tokio::test]
async fn a_hook_that_panics_is_logged_and_opens_the_way() {
    let (listener, url) = listen().await;
    let hook = |client: Client| async move { assert!(client.is_closed(), "what now") };
    let (client, mut peer) = accepted(coming_back(&url).on_connect(hook), &listener).await;
    let (answer, ()) = tokio::join!(client.call::<i64>("add", ()), peer.answer(json!(1)));
    assert_eq!(answer.unwrap(), 1);
}

#[tokio::test]
async fn hooks_of_connections_that_fall_one_after_the_other_do_not_overlap() {
    let (listener, url) = listen().await;
    let (told, mut seen) = mpsc::unbounded_channel();
    let (gate, again) = (Arc::new(Semaphore::new(0)), told.clone());
    let opened = Arc::clone(&gate);
    let connect = coming_back(&url)
        .on_disconnect(move |end: Disconnected| {
            let (told, gate) = (told.clone(), Arc::clone(&opened));
            async move {
                told.send(format!("begin {}", end.code)).unwrap();
                gate.acquire().await.unwrap().forget();
                told.send(format!("end {}", end.code)).unwrap();
            }
        })
        .on_reconnect(move |_: u32| {
            again.send("reconnect".to_owned()).unwrap();
            async {}
        });
    let (client, mut peer) = accepted(connect, &listener).await;
    for code in [1001, 1011, 1012] {
        peer.close(code, "").await;
        drop(peer);
        peer = Peer::accept(&listener).await;
    }
    // Over this connection, so that all that fell before are done with.
    let (answer, ()) = tokio::join!(client.call::<u8>("a", ()), peer.answer(json!(1)));
    answer.unwrap();
    gate.add_permits(3);
    for line in ["begin 1001", "end 1001", "begin 1011", "end 1011", "begin 1012", "end 1012", "reconnect"] {
        assert_eq!(seen.recv().await.unwrap(), line);
    }
}

#[tokio::test]
async fn closing_waits_for_the_hook_of_the_last_connection() {
    let (listener, url) = listen().await;
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let hook = move |end: Disconnected| {
        let done = Arc::clone(&done);
        async move {
            assert_eq!(end.code.as_u16(), 1000);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            done.store(true, Ordering::Relaxed);
        }
    };
    let (client, mut peer) = accepted(coming_back(&url).on_disconnect(hook), &listener).await;
    tokio::join!(client.close(), peer.closed());
    assert!(is_done.load(Ordering::Relaxed));
}

#[tokio::test]
async fn closing_does_not_wait_for_ever_for_a_hook() {
    let (listener, url) = listen().await;
    let connect = coming_back(&url).on_disconnect(|_: Disconnected| pending::<()>());
    let (client, mut peer) = accepted(connect, &listener).await;
    tokio::time::pause();
    let start = Instant::now();
    tokio::join!(client.close(), peer.closed());
    assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());
}

/// More than the sockets take.
const MANY: u64 = 100;

/// Sends notifications, numbered, that are more than the sockets take: the rest waits in the queue.
async fn flood(client: &Client, method: &str) {
    let large = "x".repeat(256 * 1024);
    for n in 0..MANY {
        client.notify(method, (n, &large)).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_hook_sent_is_for_its_connection_alone() {
    let (listener, url) = listen().await;
    let hook = |client: Client| async move { flood(&client, "hello").await };
    let (client, mut peer) = accepted(coming_back(&url).on_connect(hook), &listener).await;
    client.notify("mine", ()).await.unwrap();
    assert_eq!(peer.json().await["params"][0], 0);
    cut(peer);
    let mut peer = Peer::accept(&listener).await;
    for n in 0..MANY {
        assert_eq!(peer.json().await["params"][0], n);
    }
    assert_eq!(peer.json().await["method"], "mine", "nothing of the hook's comes twice");
}

#[tokio::test]
async fn what_waits_for_a_hook_goes_out_when_the_client_is_closed() {
    let (listener, url) = listen().await;
    let connections = AtomicU32::new(0);
    let hook = move |client: Client| {
        let is_first = connections.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            match is_first {
                true => flood(&client, "hello").await,
                false => {
                    client.notify("again", ()).await.unwrap();
                    pending().await
                }
            }
        }
    };
    let (client, peer) = accepted(coming_back(&url).on_connect(hook), &listener).await;
    for n in 0..10 {
        client.notify("mine", [n]).await.unwrap();
    }
    cut(peer);
    let mut peer = Peer::accept(&listener).await;
    assert_eq!(peer.json().await["method"], "again");
    let ((), ()) = tokio::join!(client.close(), async {
        for n in 0..10 {
            assert_eq!(peer.json().await["params"], json!([n]));
        }
        assert_eq!(peer.closed().await, CloseCode::Normal);
    });
}

#[tokio::test]
async fn what_the_server_asks_meanwhile_may_call_it_and_its_events_wait_for_the_hook() {
    let (listener, url) = listen().await;
    let connect = coming_back(&url)
        .on_connect(|client: Client| async move { client.call::<u64>("login", ()).await.map(drop) })
        .on("ask", |client: Client, _: u8| async move { client.call::<Value>("more", ()).await.unwrap() })
        .on("event", |client: Client, _: u8| async move { client.call::<Value>("late", ()).await.map(drop).unwrap() });
    let (client, mut peer) = accepted(connect, &listener).await;
    let login = peer.json().await;
    assert_eq!(login["method"], "login");
    peer.send(&json!({ "jsonrpc": "2.0", "method": "event", "params": [1] })).await;
    peer.send(&json!({ "jsonrpc": "2.0", "method": "ask", "params": [1], "id": "q" })).await;
    let more = peer.json().await;
    assert_eq!(more["method"], "more");
    peer.send(&json!({ "jsonrpc": "2.0", "result": 7, "id": more["id"] })).await;
    assert_eq!(peer.json().await, json!({ "jsonrpc": "2.0", "result": 7, "id": "q" }));
    peer.send(&json!({ "jsonrpc": "2.0", "result": 1, "id": login["id"] })).await;
    assert_eq!(peer.json().await["method"], "late");
    drop(client);
}

#[tokio::test]
async fn a_client_that_outlives_its_hook_waits_for_the_next_as_any_other() {
    let (listener, url) = listen().await;
    let (lent, mut kept) = mpsc::unbounded_channel();
    let hook = move |client: Client| {
        let lent = lent.clone();
        async move {
            client.call::<u64>("hello", ()).await.unwrap();
            lent.send(client).unwrap();
        }
    };
    let (_client, mut peer) = accepted(coming_back(&url).on_connect(hook), &listener).await;
    peer.answer(json!(1)).await;
    let client = kept.recv().await.unwrap();
    cut(peer);
    let mut peer = Peer::accept(&listener).await;
    let hello = peer.json().await;
    let sent = tokio::spawn(async move { client.notify("mine", ()).await });
    tokio::task::yield_now().await;
    peer.send(&json!({ "jsonrpc": "2.0", "method": "noise" })).await;
    assert!(!sent.is_finished());
    peer.send(&json!({ "jsonrpc": "2.0", "result": 1, "id": hello["id"] })).await;
    assert!(matches!(peer.next().await, Message::Text(text) if text.contains("mine")));
    sent.await.unwrap().unwrap();
}
