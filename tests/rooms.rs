//! Rooms and broadcasts: who receives, who does not, and how many.

use conduit::{Connection, RunningServer, methods, rpc};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Peer, builder, start};

#[rpc]
async fn join(client: &Connection, room: String) -> bool {
    client.join(&room)
}

#[rpc]
async fn leave(client: &Connection, room: String) -> bool {
    client.leave(&room)
}

#[rpc]
async fn rooms(client: &Connection) -> Vec<String> {
    client.rooms()
}

#[rpc]
async fn id(client: &Connection) -> u64 {
    client.id().to_string().parse().expect("a number")
}

#[rpc]
async fn gone(client: &Connection) {
    client.disconnect(1000, "");
}

async fn server() -> RunningServer {
    start(builder(methods![join, leave, rooms, id, gone]).password("p")).await
}

async fn peers<const N: usize>(server: &RunningServer) -> [Peer; N] {
    let mut peers = Vec::new();
    for _ in 0..N {
        peers.push(Peer::connect_with(server, "p").await);
    }
    peers.try_into().ok().expect("as many as were made")
}

async fn expect_event(peer: &mut Peer, params: Value) {
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "method": "news", "params": params }));
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_who_is_logged_in() {
    let server = server().await;
    let [mut a, mut b] = peers(&server).await;
    let mut stranger = Peer::connect(&server).await;
    stranger.expect_silence().await;
    assert_eq!(server.server().connection_count(), 3);
    assert_eq!(server.server().broadcast("news", &json!({ "n": 1 })).send(), 2);
    expect_event(&mut a, json!({ "n": 1 })).await;
    expect_event(&mut b, json!({ "n": 1 })).await;
    stranger.expect_silence().await;
}

#[tokio::test]
async fn rooms_include_and_exclude_choose_who_receives() {
    let server = server().await;
    let [mut a, mut b, mut c] = peers(&server).await;
    for (peer, rooms) in [(&mut a, vec!["red"]), (&mut b, vec!["red", "blue"]), (&mut c, vec!["blue"])] {
        for room in rooms {
            assert_eq!(peer.result("join", json!([room])).await, true);
        }
    }
    assert_eq!(a.result("join", json!(["red"])).await, false, "it was in the room already");
    assert_eq!(b.result("rooms", json!([])).await, json!(["blue", "red"]));
    let connections = server.server().members("red");
    let b_id = b.result("id", json!([])).await;
    let b_id = connections.iter().map(Connection::id).find(|id| json!(id) == b_id).expect("b is in the room");
    let news = |n: u8| json!({ "n": n });
    let hub = server.server();
    assert_eq!(hub.broadcast("news", &news(1)).room("red").send(), 2);
    assert_eq!(hub.broadcast("news", &news(2)).room("red").room("blue").send(), 3);
    assert_eq!(hub.broadcast("news", &news(3)).room("red").exclude([b_id]).send(), 1);
    assert_eq!(hub.broadcast("news", &news(4)).include([b_id]).send(), 1);
    assert_eq!(hub.broadcast("news", &news(5)).room("green").send(), 0);
    for n in [1, 2, 3] {
        expect_event(&mut a, news(n)).await;
    }
    for n in [1, 2, 4] {
        expect_event(&mut b, news(n)).await;
    }
    expect_event(&mut c, news(2)).await;
    for peer in [&mut a, &mut b, &mut c] {
        peer.expect_silence().await;
    }
}

#[tokio::test]
async fn who_leaves_or_disconnects_is_in_no_room() {
    let server = server().await;
    let [mut a, mut b] = peers(&server).await;
    for peer in [&mut a, &mut b] {
        peer.result("join", json!(["red"])).await;
    }
    assert_eq!(a.result("leave", json!(["red"])).await, true);
    assert_eq!(a.result("leave", json!(["red"])).await, false);
    assert_eq!(server.server().members("red").len(), 1);
    b.send(r#"{"jsonrpc":"2.0","method":"gone"}"#).await;
    b.closed().await;
    // The close frame arrives before the server has cleared its tables; its own answer comes behind that.
    while server.server().connection_count() > 1 {
        a.expect_silence().await;
    }
    assert!(server.server().members("red").is_empty());
    assert_eq!(server.server().broadcast("news", &json!({})).room("red").send(), 0);
}

#[tokio::test]
async fn a_connection_keeps_data_of_the_application() {
    let server = server().await;
    let [mut a] = peers(&server).await;
    a.expect_silence().await;
    let connection = server.server().connections().remove(0);
    assert_eq!(server.server().connection(connection.id()).map(|found| found.id()), Some(connection.id()));
    connection.set_data(String::from("ann"));
    assert_eq!(connection.data::<String>().as_deref().map(String::as_str), Some("ann"));
    assert!(connection.data::<u8>().is_none());
    assert!(connection.connected_at() <= std::time::SystemTime::now());
}

/// Looks at the connection that it is kept with when it is dropped.
struct Nosy(Connection);

impl Drop for Nosy {
    fn drop(&mut self) {
        assert!(self.0.data::<Self>().is_none());
    }
}

#[tokio::test]
async fn data_that_is_replaced_may_use_its_connection_when_it_is_dropped() {
    let server = server().await;
    let [mut a] = peers(&server).await;
    a.expect_silence().await;
    let connection = server.server().connections().remove(0);
    let (done, replaced) = std::sync::mpsc::channel();
    // A thread of its own: one that waits for itself would take the test with it.
    std::thread::spawn(move || {
        connection.set_data(Nosy(connection.clone()));
        connection.set_data(());
        done.send(()).expect("the test waits");
    });
    replaced.recv_timeout(PATIENCE).expect("it is replaced");
}
