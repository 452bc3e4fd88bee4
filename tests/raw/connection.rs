//! The two handles of a connection, and what its handler may do.

use std::sync::Arc;

use conduit::{Credentials, ErrorKind, Identity, Server, raw};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;

use super::{closed_with, connect, echo, url, with_echo};
use crate::support::{Log, builder, start};

#[tokio::test]
async fn the_handle_knows_who_and_where_the_peer_is() {
    let server = builder([])
        .login(|_: Server, credentials: Credentials| async move {
            (credentials.token == "a").then(|| Identity::new("alice").with_role("admin")).ok_or("unknown")
        })
        .name("home")
        .raw("/who", |conn, _| async move {
            let (identity, server) = (conn.identity(), conn.server());
            let roles: Vec<_> = identity.roles().collect();
            let peer = conn.peer_addr().expect("the peer's address");
            conn.send(format!("{} {} {roles:?} {peer} {}", conn.id(), identity.name(), server.name()));
        });
    let server = start(server).await;
    let mut client = raw::connect(url(&server, "/who")).password("a").await.expect("logged in");
    client.send("?").await.expect("sent");
    let text = client.recv().await.expect("no error").expect("a message");
    let text = text.as_text().expect("a text");
    assert!(text.starts_with("1 alice [\"admin\"] 127.0.0.1:") && text.ends_with(" home"), "{text}");
}

#[tokio::test]
async fn a_handle_sends_from_anywhere_and_waits_for_the_end() {
    let (told, mut handles) = mpsc::unbounded_channel();
    let server = start(builder([]).open().raw("/subscribe", move |conn, _| {
        let told = told.clone();
        async move {
            let _ = told.send(conn);
        }
    }))
    .await;
    let mut client = connect(&server, "/subscribe").await;
    client.send("me").await.expect("sent");
    let handle: raw::Connection = handles.recv().await.expect("a handle");
    assert!(handle.send("news") && handle.send(vec![1]) && !handle.is_closed());
    assert_eq!(client.recv().await.expect("a message"), Some("news".into()));
    assert_eq!(client.recv().await.expect("a message"), Some(vec![1].into()));
    let ended = tokio::spawn({
        let handle = handle.clone();
        async move { handle.closed().await }
    });
    handle.close(1000, "that was all");
    assert_eq!(closed_with(&mut client).await, 1000);
    let end = ended.await.expect("no panic");
    assert_eq!((end.code.as_u16(), end.reason.as_str()), (1000, "that was all"));
    assert_eq!(handle.closed().await, end);
}

/// Handlers that fail in both ways.
async fn failing() -> (conduit::RunningServer, Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let server = with_echo(builder([]).open())
        .raw("/error", |conn, message| async move {
            conn.send(message);
            Err::<(), _>("the disk of /secret is full")
        })
        .raw("/panic", |conn, message: raw::Message| async move {
            conn.send("before");
            assert_eq!(message.as_text(), Some("never"), "a bug");
        });
    (start(server).await, log, guard)
}

#[tokio::test]
async fn a_handler_that_fails_closes_its_connection_with_1011_and_the_log_says_why() {
    let (server, log, _guard) = failing().await;
    let mut other = connect(&server, "/echo").await;
    for (path, answer, why) in [("/error", "x", "the disk of /secret is full"), ("/panic", "before", "a bug")] {
        let mut client = connect(&server, path).await;
        client.send("x").await.expect("sent");
        assert_eq!(client.recv().await.expect("a message"), Some(answer.into()));
        assert_eq!(closed_with(&mut client).await, 1011);
        assert_eq!(client.end().map(|end| end.reason.as_str()), Some("the server failed"), "no detail");
        let text = log.text();
        assert!(text.contains(why) && text.contains(&format!("route=\"{path}\"")), "{text}");
    }
    other.send("alive").await.expect("sent");
    assert_eq!(other.recv().await.expect("a message"), Some("alive".into()));
}

#[tokio::test]
async fn the_client_says_how_the_connection_ended() {
    let server = echo(builder([]).open()).await;
    let mut client = connect(&server, "/echo").await;
    assert_eq!(client.end(), None);
    client.close(4000, "done").await;
    let end = client.end().expect("it has ended").clone();
    assert_eq!((end.code.as_u16(), end.reason.as_str()), (4000, "done"));
    assert_eq!(client.send("more").await.expect_err("closed").kind(), ErrorKind::Closed);
    assert_eq!(client.recv().await.expect("the end in order"), None);
}

#[tokio::test]
async fn a_connection_that_is_lost_is_an_error_once_and_the_end_then() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let accept = async {
        let (stream, _) = listener.accept().await.expect("a client");
        drop(tokio_tungstenite::accept_async(stream).await.expect("a handshake"));
    };
    let (client, ()) = tokio::join!(async { raw::connect(url).await }, accept);
    let mut client = client.expect("connected");
    assert_eq!(client.recv().await.expect_err("lost").kind(), ErrorKind::Closed);
    assert_eq!(client.recv().await.expect("the end"), None);
    assert_eq!(client.end().map(|end| end.code.as_u16()), Some(1006));
}

#[tokio::test]
async fn the_client_tells_a_server_what_was_wrong_with_its_frames() {
    use tokio_tungstenite::tungstenite::{
        Message,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    for (bytes, code) in [(vec![0xFF], 1007), (vec![b'x'; 101], 1009)] {
        let serve = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
            let frame = Frame::message(bytes, OpCode::Data(Data::Text), true);
            socket.send(Message::Frame(frame)).await.expect("sent");
            socket.next().await
        };
        let connect = async {
            let mut client = raw::connect(url.as_str()).max_message_size(100).await.expect("connected");
            assert_eq!(client.recv().await.expect_err("a bad frame").kind(), ErrorKind::Closed);
            client
        };
        let (told, _client) = tokio::join!(serve, connect);
        assert!(matches!(&told, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == code), "{told:?}");
    }
}

#[tokio::test]
async fn the_client_both_sends_and_receives_when_it_is_split() {
    let server = echo(builder([]).open()).await;
    let (mut write, read) = connect(&server, "/echo").await.split();
    let sending = tokio::spawn(async move {
        for _ in 0..32 {
            write.send("x".repeat(1 << 20).into()).await.expect("sent");
        }
    });
    let echoed = read.take(32).map(|message| message.expect("no error").as_bytes().len()).fold(0, async |a, b| a + b);
    assert_eq!(echoed.await, 32 << 20);
    sending.await.expect("no panic");
}

#[tokio::test]
async fn a_handler_owns_what_it_captures_and_may_return_a_result() {
    let prefix = Arc::new("> ".to_owned());
    let server = start(builder([]).open().raw("/quote", move |conn, message| {
        let prefix = Arc::clone(&prefix);
        async move {
            tokio::task::yield_now().await;
            let text = message.as_text().ok_or("texts alone are quoted")?;
            conn.send(format!("{prefix}{text}"));
            Ok::<(), &str>(())
        }
    }))
    .await;
    let mut client = connect(&server, "/quote").await;
    client.send("hello").await.expect("sent");
    assert_eq!(client.recv().await.expect("a message"), Some("> hello".into()));
}
