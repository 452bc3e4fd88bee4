//! Connections that are lost, and those that take their place.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, poll};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};
use tokio_tungstenite::tungstenite::Message;

use super::{MS, Peer, accepted, coming_back, cut, listen};
use crate::{
    Client, Connect, Disconnected,
    close::CloseCode,
    error::{Error, ErrorKind},
};

#[tokio::test]
async fn a_call_that_is_made_while_the_connection_is_down_waits_for_the_next() {
    let (listener, url) = listen().await;
    let (client, peer) = accepted(coming_back(&url), &listener).await;
    cut(peer);
    while client.is_connected() {
        tokio::task::yield_now().await;
    }
    assert!(!client.is_closed());
    let (answer, ()) = tokio::join!(client.call::<i64>("add", ()), async {
        Peer::accept(&listener).await.answer(json!(5)).await;
    });
    assert_eq!(answer.unwrap(), 5);
}

#[tokio::test]
async fn a_call_in_flight_fails_at_once_and_an_idempotent_one_is_sent_again() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    let calls = async { tokio::join!(client.call::<i64>("once", ()), client.call::<i64>("again", ()).idempotent()) };
    let ((once, again), ()) = tokio::join!(calls, async {
        assert_eq!([peer.json().await["method"].clone(), peer.json().await["method"].clone()], ["once", "again"]);
        cut(peer);
        let mut peer = Peer::accept(&listener).await;
        let request = peer.json().await;
        assert_eq!(request["method"], "again");
        peer.send(&json!({"jsonrpc": "2.0", "result": 1, "id": request["id"]})).await;
    });
    let error = once.unwrap_err();
    assert!(error.is_closed() && error.may_have_run() && error.to_string().contains("may have run"), "{error}");
    assert_eq!(again.unwrap(), 1);
}

#[tokio::test]
async fn a_batch_is_sent_again_when_it_says_that_it_may_be() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    let mut batch = client.batch().idempotent();
    let entry = batch.call::<i64>("a", ());
    let (answers, ()) = tokio::join!(batch.send(), async {
        peer.json().await;
        cut(peer);
        let mut peer = Peer::accept(&listener).await;
        let id = peer.json().await[0]["id"].clone();
        peer.send(&json!([{"jsonrpc": "2.0", "result": 7, "id": id}])).await;
    });
    assert_eq!(answers.unwrap().take(entry).unwrap(), 7);
}

#[tokio::test]
async fn handlers_and_streams_live_on() {
    let (listener, url) = listen().await;
    let (told, mut seen) = mpsc::unbounded_channel();
    let handler = move |n: u64| {
        told.send(n).unwrap();
        async {}
    };
    let (client, mut peer) = accepted(coming_back(&url).on("tick", handler), &listener).await;
    let mut ticks = client.events::<u64>("tick");
    for n in 1..4 {
        peer.send(&json!({"jsonrpc": "2.0", "method": "tick", "params": [n]})).await;
        assert_eq!((seen.recv().await, ticks.next().await.unwrap().unwrap()), (Some(n), n));
        cut(peer);
        peer = Peer::accept(&listener).await;
    }
    while !client.is_connected() {
        tokio::task::yield_now().await;
    }
    tokio::join!(client.close(), peer.closed());
    assert!(ticks.next().await.is_none());
}

/// How a client ends, or does not, after its connection was closed with this code.
async fn after(code: u16) -> Option<Disconnected> {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    peer.close(code, "so").await;
    while peer.0.next().await.is_some_and(|message| message.is_ok()) {}
    drop(peer);
    tokio::select! {
        end = client.closed() => Some(end),
        _ = Peer::accept(&listener) => {
            assert!(!client.is_closed());
            None
        }
    }
}

#[tokio::test]
async fn close_codes_that_say_do_not_retry_are_obeyed() {
    for code in [1000, 4001, 4003, 4100, 4321] {
        let end = after(code).await.unwrap_or_else(|| panic!("came back after {code}"));
        assert_eq!((end.code.as_u16(), end.reason.as_str()), (code, "so"));
    }
    for code in [1001, 1011, 1012, 1013, 4002, 4004] {
        assert_eq!(after(code).await, None, "{code}");
    }
}

#[tokio::test]
async fn a_frame_that_broke_the_protocol_is_forgiven_once() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    peer.close(1002, "what?").await;
    drop(peer);
    let mut peer = Peer::accept(&listener).await;
    peer.close(1002, "again?").await;
    drop(peer);
    assert_eq!(client.closed().await.code, CloseCode::PROTOCOL_ERROR);
}

#[tokio::test]
async fn a_call_too_large_for_the_server_is_not_sent_for_ever() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    let (answer, ()) = tokio::join!(client.call::<i64>("big", ()).idempotent(), async {
        peer.json().await;
        peer.close(1009, "").await;
    });
    assert_eq!(answer.unwrap_err().close_code(), Some(CloseCode::MESSAGE_TOO_BIG));
    drop(peer);
    let (answer, ()) =
        tokio::join!(client.call::<i64>("small", ()), async { Peer::accept(&listener).await.answer(json!(1)).await });
    assert_eq!(answer.unwrap(), 1);
}

#[tokio::test]
async fn an_answer_too_large_for_the_client_is_not_asked_for_again() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url).max_message_size(1000), &listener).await;
    let big = client.call::<String>("big", ()).idempotent();
    let (answer, ()) = tokio::join!(big, peer.answer(json!("x".repeat(1000))));
    assert!(answer.unwrap_err().may_have_run());
    drop(peer);
    let (answer, ()) =
        tokio::join!(client.call::<i64>("small", ()), async { Peer::accept(&listener).await.answer(json!(1)).await });
    assert_eq!(answer.unwrap(), 1);
}

#[tokio::test]
async fn a_method_that_is_discovered_to_be_idempotent_is_called_again() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    let method = |name: &str, idempotent: bool| json!({"name": name, "params": [], "x-idempotent": idempotent});
    let document = json!({"openrpc": "1.4.1", "methods": [method("again", true), method("once", false)]});
    let (discovered, ()) = tokio::join!(client.discover(), peer.answer(document));
    discovered.unwrap();
    let mut batch = client.batch();
    let entry = batch.call::<u64>("again", ());
    let calls = async { tokio::join!(client.call::<u64>("once", ()), client.call::<u64>("again", ()), batch.send()) };
    let ((once, again, answers), ()) = tokio::join!(calls, async {
        for _ in 0..3 {
            peer.json().await;
        }
        cut(peer);
        let mut peer = Peer::accept(&listener).await;
        // The client asks for the document of this server too.
        for _ in 0..3 {
            let asked = peer.json().await;
            let answer = |id: &serde_json::Value| json!({"jsonrpc": "2.0", "result": 1, "id": id});
            match asked["method"].as_str() {
                Some("rpc.discover") => {}
                Some(method) => {
                    assert_eq!(method, "again");
                    peer.send(&answer(&asked["id"])).await;
                }
                None => peer.send(&json!([answer(&asked[0]["id"])])).await,
            }
        }
    });
    assert!(once.unwrap_err().may_have_run());
    assert_eq!((again.unwrap(), answers.unwrap().take(entry).unwrap()), (1, 1));
}

#[tokio::test]
async fn no_notification_is_lost_when_the_server_closes_while_they_are_written() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    // More than sockets hold, so that the writer waits when the close comes.
    let padding = "x".repeat(32 * 1024);
    for number in 0..250 {
        client.notify("note", json!({ "number": number, "padding": padding })).await.unwrap();
    }
    peer.close(1001, "").await;
    let mut numbers = Vec::new();
    while let Some(Ok(Message::Text(text))) = peer.0.next().await {
        numbers.push(number(&text));
    }
    drop(peer);
    let mut peer = Peer::accept(&listener).await;
    let rest = async {
        while numbers.len() < 250 {
            numbers.push(number(&peer.text().await));
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(10), rest).await;
    assert_eq!(numbers, (0..250).collect::<Vec<_>>());
    came.expect("all came");
}

fn number(text: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(text).unwrap()["params"]["number"].as_u64().unwrap()
}

#[tokio::test]
async fn what_waits_is_limited_and_with_no_place_fails_at_once() {
    for places in [0, 2] {
        let (listener, url) = listen().await;
        let (client, peer) = accepted(coming_back(&url).max_waiting(places), &listener).await;
        drop(listener);
        cut(peer);
        while client.is_connected() {
            tokio::task::yield_now().await;
        }
        let mut waiting: Vec<_> = (0..places).map(|_| Box::pin(client.call::<()>("a", ()))).collect();
        for call in &mut waiting {
            assert!(poll!(call).is_pending());
        }
        let refusals: [Error; 2] =
            [client.call::<()>("a", ()).await.unwrap_err(), client.send("event", "x").await.unwrap_err()];
        for error in refusals {
            assert!(error.is_closed() && !error.may_have_run() && !client.is_closed(), "{error}");
            assert!(error.to_string().contains("was not sent: the connection is down"), "{error}");
        }
        drop(waiting.pop());
        if places > 0 {
            assert!(poll!(Box::pin(client.call::<()>("a", ()))).is_pending(), "the place is free again");
        }
    }
}

#[tokio::test]
async fn a_call_that_waits_ends_within_its_time_and_says_that_it_was_not_sent() {
    let (listener, url) = listen().await;
    let (client, peer) = accepted(coming_back(&url).timeout(Duration::from_secs(7)), &listener).await;
    drop(listener);
    cut(peer);
    while client.is_connected() {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let start = Instant::now();
    let (call, event) = tokio::join!(client.call::<()>("a", ()), client.notify("b", ()));
    assert_eq!(start.elapsed().as_secs(), 7);
    for error in [call.unwrap_err(), event.unwrap_err()] {
        assert!(error.is_timeout() && !error.may_have_run(), "{error}");
        assert!(error.to_string().contains("was not sent within 7s: the connection is down: lost"), "{error}");
    }
}

#[tokio::test]
async fn attempts_wait_longer_each_time_and_end_at_their_limit() {
    let (listener, url) = listen().await;
    let seconds = Duration::from_secs;
    let connect = Client::connect(&url).reconnect_delay(seconds(1)..=seconds(4)).max_attempts(5);
    let (client, peer) = accepted(connect, &listener).await;
    drop(listener);
    cut(peer);
    tokio::time::pause();
    let start = Instant::now();
    let end = client.closed().await;
    assert!(end.reason.contains("gave up after 5 attempts"), "{}", end.reason);
    // 1 + 2 + 4 + 4 + 4, or half of it.
    let waited = start.elapsed();
    assert!(waited >= seconds(7) && waited <= seconds(16), "{waited:?}");
    assert!(client.call::<()>("a", ()).await.unwrap_err().to_string().contains("gave up"));
}

#[tokio::test]
async fn the_first_connection_is_tried_again_when_asked() {
    let (listener, url) = listen().await;
    drop(listener);
    tokio::time::pause();
    let start = Instant::now();
    let error =
        coming_back(&url).reconnect_delay(1000 * MS..=1000 * MS).max_attempts(3).retry_first_connect(true).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Connect);
    assert!(start.elapsed() >= 1000 * MS, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_silent_server_is_pinged_and_left() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    tokio::time::pause();
    let start = Instant::now();
    // It is read from with the first ping, which is answered, and no more.
    assert!(matches!(peer.next().await, Message::Ping(_)));
    assert_eq!(start.elapsed().as_secs(), 30);
    let (error, next) = tokio::join!(client.call::<()>("a", ()).timeout(600_000 * MS), Peer::accept(&listener));
    let error = error.unwrap_err();
    assert!(error.may_have_run() && error.to_string().contains("not a byte came from the server for"), "{error}");
    assert!(start.elapsed().as_secs() >= 90, "{:?}", start.elapsed());
    drop(next);
    assert!(
        coming_back(&url).heartbeat_interval(90_000 * MS).await.unwrap_err().to_string().contains("must be longer")
    );
}

#[tokio::test]
async fn events_that_come_with_the_handshake_are_not_lost() {
    let (listener, url) = listen().await;
    let (told, mut seen) = mpsc::unbounded_channel();
    let handler = move |n: u64| {
        told.send(n).unwrap();
        async {}
    };
    let connect = coming_back(&url).on("tick", handler);
    let serve = async {
        for n in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let key = String::from_utf8(head).unwrap();
            let key = key.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap().to_owned();
            let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.trim().as_bytes());
            let text = format!(r#"{{"jsonrpc":"2.0","method":"tick","params":[{n}]}}"#);
            let mut answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n"
            )
            .into_bytes();
            answer.extend([0x81, u8::try_from(text.len()).unwrap()]);
            answer.extend(text.as_bytes());
            socket.write_all(&answer).await.unwrap();
            assert_eq!(seen.recv().await, Some(n));
        }
    };
    let (client, ()) = tokio::join!(async { connect.await.unwrap() }, serve);
    drop(client);
}

#[tokio::test]
async fn an_answer_to_the_servers_own_request_does_not_reach_the_next_connection() {
    let (listener, url) = listen().await;
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let slow = move || {
        let gate = Arc::clone(&opened);
        async move {
            gate.notified().await;
            "late"
        }
    };
    let (client, mut peer) = accepted(coming_back(&url).on("ask", slow), &listener).await;
    peer.send(&json!({"jsonrpc": "2.0", "method": "ask", "id": 1})).await;
    while client.link.in_flight().len() == 0 {
        tokio::task::yield_now().await;
    }
    cut(peer);
    let mut peer = Peer::accept(&listener).await;
    gate.notify_one();
    while client.link.in_flight().len() > 0 {
        tokio::task::yield_now().await;
    }
    client.notify("tick", ()).await.unwrap();
    assert_eq!(peer.json().await["method"], "tick");
}

#[tokio::test]
async fn dropping_the_client_ends_its_attempts() {
    let (listener, url) = listen().await;
    let (client, peer) = accepted(coming_back(&url), &listener).await;
    drop(listener);
    cut(peer);
    while client.is_connected() {
        tokio::task::yield_now().await;
    }
    let ended = client.link.ended_token();
    drop(client);
    ended.cancelled().await;
}

#[tokio::test]
async fn a_version_told_at_a_later_login_is_checked_too() {
    for (version, fits) in [(json!("1.2.0"), true), (json!("1.1.9"), false), (json!(null), false)] {
        let (listener, url) = listen().await;
        let (client, mut peer) = accepted(coming_back(&url).minimum_version("1.2.0"), &listener).await;
        let login = client.call::<serde_json::Value>("rpc.login", json!({"token": "t"}));
        let (answer, ()) = tokio::join!(login, peer.answer(json!({"server": "s", "version": version})));
        match answer {
            Ok(_) => assert!(fits && !client.is_closed()),
            Err(error) => {
                assert!(!fits && client.is_closed());
                assert_eq!(error.kind(), ErrorKind::Version);
                assert_eq!(error.version_mismatch().unwrap().got.as_deref(), version.as_str());
                assert!(client.call::<()>("a", ()).await.unwrap_err().version_mismatch().is_some());
            }
        }
    }
}

/// What a server answers that stops.
fn stopping() -> serde_json::Value {
    json!({ "code": -32005, "message": "the server is shutting down", "data": { "closing": true } })
}

#[tokio::test]
async fn a_call_that_a_server_does_not_take_as_it_stops_is_made_on_the_next_connection() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url), &listener).await;
    let mut batch = client.batch();
    let entry = batch.call::<u8>("c", ());
    let calls = async { tokio::join!(client.call::<u8>("a", ()), batch.send()) };
    let ((answer, answers), ()) = tokio::join!(calls, async {
        peer.answer_error(stopping()).await;
        let id = peer.json().await[0]["id"].clone();
        peer.send(&json!([{ "jsonrpc": "2.0", "error": stopping(), "id": id }])).await;
        peer.close(1001, "").await;
        drop(peer);
        // This one stops too.
        let mut peer = Peer::accept(&listener).await;
        let mut second = Vec::new();
        for _ in 0..2 {
            let asked = peer.json().await;
            match &asked["id"] {
                serde_json::Value::Null => second.push(asked),
                id => peer.send(&json!({ "jsonrpc": "2.0", "error": stopping(), "id": id })).await,
            }
        }
        let id = &second[0][0]["id"];
        peer.send(&json!([{ "jsonrpc": "2.0", "result": 2, "id": id }])).await;
        peer.close(1001, "").await;
        drop(peer);
        Peer::accept(&listener).await.answer(json!(1)).await;
    });
    assert_eq!((answer.unwrap(), answers.unwrap().take(entry).unwrap()), (1, 2));
}

#[tokio::test]
async fn a_batch_whose_notification_may_have_run_is_made_again_only_when_it_is_idempotent() {
    for is_idempotent in [false, true] {
        let (listener, url) = listen().await;
        let (client, mut peer) = accepted(coming_back(&url), &listener).await;
        let start = Instant::now();
        let mut batch = client.batch();
        batch.notify("tick", ());
        let entry = batch.call::<u8>("c", ());
        let batch = if is_idempotent { batch.idempotent() } else { batch };
        let (answers, ()) = tokio::join!(batch.send(), async {
            let id = peer.json().await[1]["id"].clone();
            peer.send(&json!([{ "jsonrpc": "2.0", "error": stopping(), "id": id }])).await;
            if is_idempotent {
                peer.close(1001, "").await;
                drop(peer);
                let mut peer = Peer::accept(&listener).await;
                let id = peer.json().await[1]["id"].clone();
                peer.send(&json!([{ "jsonrpc": "2.0", "result": 1, "id": id }])).await;
            }
        });
        match answers.unwrap().take(entry) {
            Ok(answer) => assert!(is_idempotent && answer == 1),
            Err(error) => assert!(!is_idempotent && error.code() == Some(-32005), "{error}"),
        }
        assert!(start.elapsed().as_secs() < 30, "it was answered, not given up");
    }
}

#[tokio::test]
async fn who_does_not_wait_and_whom_another_kind_of_server_refuses_reads_the_answer_at_once() {
    let other = json!({ "code": -32005, "message": "daily request count exceeded" });
    type Change = fn(Connect) -> Connect;
    let ways: [(Change, _); 3] = [
        (|connect| connect.max_waiting(0), stopping()),
        (|connect| connect.reconnect(false), stopping()),
        (|connect| connect, other),
    ];
    for (way, answer) in ways {
        let (listener, url) = listen().await;
        let (client, mut peer) = accepted(way(coming_back(&url)), &listener).await;
        let (error, ()) = tokio::join!(client.call::<u8>("a", ()), peer.answer_error(answer));
        assert_eq!(error.unwrap_err().code(), Some(-32005));
        assert!(client.is_connected());
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_server_to_stop_takes_a_place_and_ends_in_its_time() {
    let (listener, url) = listen().await;
    let (client, mut peer) = accepted(coming_back(&url).max_waiting(1), &listener).await;
    let start = Instant::now();
    let mut first = Box::pin(client.call::<u8>("a", ()).timeout(Duration::from_secs(7)));
    assert!(poll!(&mut first).is_pending());
    peer.answer_error(stopping()).await;
    while client.link.waiting().is_some() {
        tokio::task::yield_now().await;
        assert!(poll!(&mut first).is_pending());
    }
    let (second, ()) = tokio::join!(client.call::<u8>("b", ()), peer.answer_error(stopping()));
    assert_eq!(second.unwrap_err().code(), Some(-32005));
    tokio::time::pause();
    let error = first.await.unwrap_err();
    assert!(error.code() == Some(-32005) && !error.may_have_run(), "{error}");
    assert_eq!(start.elapsed().as_secs(), 7);
}
