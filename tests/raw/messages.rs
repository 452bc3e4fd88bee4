//! What is handed over, and in which order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use conduit::raw::Message;
use futures_util::{SinkExt, StreamExt, stream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_tungstenite::tungstenite::{self, protocol::frame};

use super::{closed_with, connect, echo, peer};
use crate::support::{builder, start};

#[tokio::test]
async fn texts_come_as_texts_and_bytes_as_bytes() {
    let server = echo(builder([]).open()).await;
    let mut client = connect(&server, "/echo").await;
    let large = "x".repeat(1 << 20);
    let not_utf8 = Message::from(vec![0xFF, 0, 0xFE]);
    for message in ["".into(), "Grüße".into(), large.into(), Message::from(vec![]), not_utf8] {
        client.send(message.clone()).await.expect("sent");
        assert_eq!(client.recv().await.expect("a message"), Some(message));
    }
}

#[tokio::test]
async fn a_message_in_fragments_is_handed_over_whole_and_pings_between_them_are_answered() {
    use frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let server = echo(builder([]).open()).await;
    let mut peer = peer(&server, "/echo").await;
    let part = |text: &'static str, code, is_last| {
        tungstenite::Message::Frame(Frame::message(text.as_bytes(), OpCode::Data(code), is_last))
    };
    peer.send_message(part("one ", Data::Text, false)).await;
    peer.send_message(tungstenite::Message::Ping("still there?".into())).await;
    peer.send_message(part("two", Data::Continue, true)).await;
    assert!(matches!(peer.next().await, Some(Ok(tungstenite::Message::Pong(payload))) if payload == "still there?"));
    assert_eq!(peer.receive_text().await, "one two");
}

#[tokio::test]
async fn a_text_that_is_not_utf8_closes_with_1007() {
    use frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let server = echo(builder([]).open()).await;
    let mut peer = peer(&server, "/echo").await;
    let frame = Frame::message(vec![0xFF, 0xFE], OpCode::Data(Data::Text), true);
    peer.send_message(tungstenite::Message::Frame(frame)).await;
    assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(1007));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_connection_are_handled_one_at_a_time_and_in_order() {
    let running = Arc::new(AtomicUsize::new(0));
    let server = start(builder([]).open().raw("/turns", {
        let running = Arc::clone(&running);
        move |conn, message| {
            let running = Arc::clone(&running);
            async move {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "a handler runs already");
                // Later ones are quicker, so that they would overtake.
                let number: usize = message.as_text().expect("a text").parse().expect("a number");
                for _ in number % 7..7 {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(1, Ordering::SeqCst);
                conn.send(message);
            }
        }
    }))
    .await;
    let (mut write, mut read) = connect(&server, "/turns").await.split();
    let numbers = || (0..1000).map(|number| Message::from(number.to_string()));
    let sending = tokio::spawn(async move { write.send_all(&mut stream::iter(numbers()).map(Ok)).await });
    for number in numbers() {
        assert_eq!(read.next().await.expect("a message").expect("no error"), number);
    }
    sending.await.expect("no panic").expect("sent");
}

#[tokio::test]
async fn connections_do_not_wait_for_each_other() {
    let gate = Arc::new(Notify::new());
    let server = start(builder([]).open().raw("/gate", {
        let gate = Arc::clone(&gate);
        move |conn, message| {
            let gate = Arc::clone(&gate);
            async move {
                if message.as_text() == Some("wait") {
                    gate.notified().await;
                }
                conn.send(message);
            }
        }
    }))
    .await;
    let (mut slow, mut quick) = (connect(&server, "/gate").await, connect(&server, "/gate").await);
    slow.send("wait").await.expect("sent");
    quick.send("go").await.expect("sent");
    assert_eq!(quick.recv().await.expect("a message"), Some("go".into()));
    gate.notify_one();
    assert_eq!(slow.recv().await.expect("a message"), Some("wait".into()));
}

#[tokio::test]
async fn pings_and_closes_are_seen_while_a_handler_runs() {
    let gate = Arc::new(Notify::new());
    let (told, mut ends) = mpsc::unbounded_channel();
    let server = start(builder([]).open().raw("/gate", {
        let gate = Arc::clone(&gate);
        move |conn, _| {
            let (gate, told) = (Arc::clone(&gate), told.clone());
            async move {
                let _ = told.send(None);
                let end = conn.closed().await;
                gate.notified().await;
                let _ = told.send(Some((end, conn.is_closed(), conn.send("too late"))));
            }
        }
    }))
    .await;
    let mut peer = peer(&server, "/gate").await;
    peer.send("start").await;
    assert_eq!(ends.recv().await, Some(None), "the handler runs");
    peer.send_message(tungstenite::Message::Ping("are you there".into())).await;
    assert!(matches!(peer.next().await, Some(Ok(tungstenite::Message::Pong(payload))) if payload == "are you there"));
    let close = frame::CloseFrame { code: 4321.into(), reason: "enough".into() };
    peer.send_message(tungstenite::Message::Close(Some(close))).await;
    assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(4321));
    gate.notify_one();
    let (end, is_closed, sent) = ends.recv().await.flatten().expect("the handler goes on");
    assert_eq!((end.code.as_u16(), end.reason.as_str()), (4321, "enough"));
    assert!(is_closed && !sent);
}

#[tokio::test]
async fn what_a_peer_sent_before_it_closed_is_handled() {
    let (told, mut seen) = mpsc::unbounded_channel();
    let server = start(builder([]).open().raw("/upload", move |_, message| {
        let told = told.clone();
        async move {
            tokio::task::yield_now().await;
            let _ = told.send(message.as_text().map(str::to_owned));
        }
    }))
    .await;
    let mut client = connect(&server, "/upload").await;
    for number in 0..500 {
        client.feed(Message::from(number.to_string())).await.expect("sent");
    }
    client.close(1000, "").await;
    for number in 0..500 {
        assert_eq!(seen.recv().await.flatten(), Some(number.to_string()));
    }
}

#[tokio::test]
async fn what_still_waits_when_the_handler_closes_is_dropped() {
    let handled = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let server = start(builder([]).open().raw("/once", {
        let (handled, gate) = (Arc::clone(&handled), Arc::clone(&gate));
        move |conn, message| {
            let (handled, gate) = (Arc::clone(&handled), Arc::clone(&gate));
            async move {
                handled.fetch_add(1, Ordering::SeqCst);
                let _open = gate.acquire().await;
                conn.send(message);
                conn.close(4000, "one is enough");
                assert!(conn.is_closed() && !conn.send("more"));
            }
        }
    }))
    .await;
    let mut client = connect(&server, "/once").await;
    for text in ["one", "two", "three"] {
        client.send(text).await.expect("sent");
    }
    gate.add_permits(10);
    assert_eq!(client.recv().await.expect("a message"), Some("one".into()));
    assert_eq!(closed_with(&mut client).await, 4000);
    assert_eq!(client.end().map(|end| end.reason.as_str()), Some("one is enough"));
    server.stop().await.expect("stopped");
    assert_eq!(handled.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_faster_than_the_handler_is_slowed_down_and_loses_nothing() {
    const MESSAGES: usize = 64;
    let gate = Arc::new(Semaphore::new(0));
    let server = builder([])
        .open()
        .heartbeat_interval(Duration::from_millis(20))
        .heartbeat_timeout(Duration::from_millis(100))
        .raw("/slow", {
            let gate = Arc::clone(&gate);
            move |conn, message| {
                let gate = Arc::clone(&gate);
                async move {
                    let _open = gate.acquire().await;
                    conn.send(message.as_bytes().len().to_string());
                }
            }
        });
    let server = start(server).await;
    let (mut write, mut read) = connect(&server, "/slow").await.split();
    let mut sending = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            write.send(Message::from(vec![7; 1 << 20])).await.expect("sent");
        }
        write
    });
    // Longer than the peer may be silent: what it sends is not read, which is no fault of its own.
    let patience = tokio::time::timeout(Duration::from_millis(500), &mut sending).await;
    assert!(patience.is_err(), "64 MiB were read while the handler had not seen the first of them");
    gate.add_permits(1);
    for _ in 0..MESSAGES {
        assert_eq!(read.next().await.expect("a message").expect("no error"), "1048576".into());
    }
    drop(sending.await.expect("no panic"));
}
