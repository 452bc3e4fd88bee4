//! Raw routes within a server: its start and stop, its other connections, an application around it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use conduit::{Connection, Disconnected, ErrorKind, raw};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

use super::{closed_with, connect, echo, peer, with_echo};
use crate::support::{Peer, builder, start};

#[tokio::test]
async fn stop_has_what_arrived_before_it_handled_and_closes_with_1001() {
    let (arrived, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = start(with_echo(builder([]).open()).raw("/slow", {
        let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
        move |conn, message| {
            let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
            async move {
                arrived.notify_one();
                gate.notified().await;
                conn.send(message);
            }
        }
    }))
    .await;
    let (mut busy, mut idle) = (peer(&server, "/slow").await, connect(&server, "/echo").await);
    busy.send("taken").await;
    busy.send("waiting").await;
    arrived.notified().await;
    busy.send_message(Message::Ping("read?".into())).await;
    assert!(matches!(busy.next().await, Some(Ok(Message::Pong(_)))));
    let stopping = tokio::spawn(server.stop());
    assert_eq!(closed_with(&mut idle).await, 1001);
    busy.send("too late").await;
    for text in ["taken", "waiting"] {
        gate.notify_one();
        assert_eq!(busy.receive_text().await, text);
    }
    assert_eq!(busy.closed().await.map(|frame| u16::from(frame.code)), Some(1001));
    stopping.await.expect("no panic").expect("stopped");
}

#[tokio::test]
async fn stop_waits_for_no_handler_longer_than_the_deadline() {
    /// Says that it was dropped.
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let arrived = Arc::new(Notify::new());
    let server = builder([]).open().shutdown_deadline(Duration::from_millis(50)).raw("/forever", {
        let (dropped, arrived) = (Arc::clone(&dropped), Arc::clone(&arrived));
        move |_, _| {
            let (held, arrived) = (Dropped(Arc::clone(&dropped)), Arc::clone(&arrived));
            async move {
                let _held = held;
                arrived.notify_one();
                std::future::pending::<()>().await;
            }
        }
    });
    let server = start(server).await;
    let mut client = connect(&server, "/forever").await;
    client.send("go").await.expect("sent");
    arrived.notified().await;
    server.stop().await.expect("stopped");
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(closed_with(&mut client).await, 1001);
}

#[tokio::test]
async fn dropping_a_running_server_closes_with_1001() {
    let server = echo(builder([]).open()).await;
    let mut client = connect(&server, "/echo").await;
    drop(server);
    assert_eq!(closed_with(&mut client).await, 1001);
}

#[tokio::test]
async fn json_rpc_connections_hooks_and_broadcasts_pass_raw_connections_over() {
    let hooks = Arc::new(AtomicUsize::new(0));
    let (connect_hooks, disconnect_hooks) = (Arc::clone(&hooks), Arc::clone(&hooks));
    let server = with_echo(builder([]).open())
        .on_client_connect(move |_: Connection| {
            connect_hooks.fetch_add(1, Ordering::SeqCst);
            async {}
        })
        .on_client_disconnect(move |_: Connection, _: Disconnected| {
            disconnect_hooks.fetch_add(1, Ordering::SeqCst);
            async {}
        });
    let server = start(server).await;
    let mut raw = connect(&server, "/echo").await;
    raw.send("hello").await.expect("sent");
    assert_eq!(raw.recv().await.expect("a message"), Some("hello".into()));
    assert_eq!(server.server().connection_count(), 0);
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    assert_eq!(server.server().connections().len(), 1);
    assert_eq!(server.server().broadcast("news", &1).send(), 1);
    assert_eq!(peer.receive().await["method"], "news");
    raw.send("again").await.expect("sent");
    assert_eq!(raw.recv().await.expect("a message"), Some("again".into()), "and no event");
    raw.close(1000, "").await;
    server.stop().await.expect("stopped");
    assert_eq!(hooks.load(Ordering::SeqCst), 2, "one connect and one disconnect, of the JSON-RPC connection");
}

#[tokio::test]
async fn raw_routes_nest_in_an_application_with_the_router() {
    let server = with_echo(builder([]).open()).build().expect("the server builds");
    let app = axum::Router::new().nest("/ws", server.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    let mut client = raw::connect(format!("ws://{address}/ws/echo")).await.expect("connected");
    client.send("hello").await.expect("sent");
    assert_eq!(client.recv().await.expect("a message"), Some("hello".into()));
    let stopping = tokio::spawn(async move { server.stop().await });
    assert_eq!(closed_with(&mut client).await, 1001);
    stopping.await.expect("no panic");
    serving.abort();
}

#[tokio::test]
async fn paths_that_can_not_be_served_are_faults_of_the_build() {
    let nothing = |_: raw::Connection, _: raw::Message| async {};
    let mut server = builder([]).open().raw("/same", nothing).raw("/same", nothing);
    for path in ["/", "", "echo", "/a b", "/{id}", "/:id", "/*rest", "/a?b", "/ä"] {
        server = server.raw(path, nothing);
    }
    let error = server.build().expect_err("the server does not build");
    assert_eq!(error.kind(), ErrorKind::Build);
    let message = error.to_string();
    for fault in [
        "the raw route `/same` is given twice",
        "the raw route `/` can't be served: JSON-RPC is served at `/`",
        "the raw route `` can't be served: a path starts with `/`",
        "the raw route `echo` can't be served: a path starts with `/`",
        "the raw route `/a b` can't be served: a path is made of letters",
        "the raw route `/{id}` can't",
        "the raw route `/:id` can't",
        "the raw route `/*rest` can't",
        "the raw route `/a?b` can't",
        "the raw route `/ä` can't",
    ] {
        assert!(message.contains(fault), "{fault}\n{message}");
    }
    assert_eq!(message.matches("raw route").count(), 10, "{message}");
    for path in ["/echo", "/a/b.c", "/v1/echo/", "/~me/a:b@c,d;e=f"] {
        let _ = builder([]).open().raw(path, nothing).build().expect(path).router();
    }
}
