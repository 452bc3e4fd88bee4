//! How many connections there may be, and what passed over one.

use std::time::Duration;

use conduit::{Connection, Counters, RunningServer, ServerBuilder, SlowClients, methods, rpc};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Error as WsError;

use crate::support::{PATIENCE, Peer, builder, http, http_response, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// The status and the `Retry-After` that an upgrade is refused with.
fn refusal(outcome: Result<Peer, WsError>) -> (u16, String) {
    match outcome {
        Err(WsError::Http(response)) => {
            let retry = response.headers()["retry-after"].to_str().expect("a text").to_owned();
            (response.status().as_u16(), retry)
        }
        other => panic!("not refused: {:?}", other.map(drop)),
    }
}

#[tokio::test]
async fn one_connection_too_many_is_refused_with_503_and_has_room_afterwards() {
    let server = start(builder(methods![add]).password("p").max_connections(2)).await;
    let mut one = Peer::connect_with(&server, "p").await;
    let two = Peer::connect_with(&server, "p").await;
    assert_eq!(refusal(Peer::upgrade(server.address(), Some("p")).await), (503, "5".into()));
    // HTTP requests are no connections, and a stranger has a place of its own until it logs in.
    let headers = [("content-type", "application/json"), ("authorization", "Bearer p")];
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    assert_eq!(http(server.address(), "POST", &headers, body).await.0, 200);
    let mut stranger = Peer::connect(&server).await;
    let error = stranger.error("rpc.login", json!(["p"])).await;
    let message = "login failed: the server is full: it holds 2 connections";
    assert_eq!(error, json!({ "code": -32007, "message": message, "data": { "retry_after_ms": 5000 } }));
    assert_eq!(stranger.closed().await.map(|frame| u16::from(frame.code)), Some(1013));
    drop(two);
    while server.server().connection_count() > 1 {
        one.expect_silence().await;
    }
    let mut three = Peer::connect_with(&server, "p").await;
    assert_eq!(three.result("add", json!([1, 2])).await, 3);
}

#[tokio::test]
async fn strangers_can_not_take_the_places_of_clients() {
    let server = start(builder(methods![add]).password("p").max_unauthenticated(1)).await;
    let mut stranger = Peer::connect(&server).await;
    assert_eq!(refusal(Peer::upgrade(server.address(), None).await).0, 503);
    let mut client = Peer::connect_with(&server, "p").await;
    assert_eq!(client.result("add", json!([1, 2])).await, 3);
    stranger.result("rpc.login", json!(["p"])).await;
    let mut next = Peer::connect(&server).await;
    next.expect_silence().await;
}

/// Begins a `POST` and gives what the server says before it has the body.
async fn begin_post(server: &RunningServer, header: &str, length: usize) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n{header}\
         expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut first = vec![0; "HTTP/1.1 100".len()];
    stream.read_exact(&mut first).await.expect("an answer");
    (stream, String::from_utf8(first).expect("a text"))
}

#[tokio::test]
async fn a_post_without_a_login_takes_the_place_of_a_stranger_before_its_body_is_read() {
    let server = start(builder(methods![add]).password("p").max_unauthenticated(1)).await;
    let body = r#"{"jsonrpc":"2.0","method":"rpc.login","params":["p"],"id":1}"#;
    for _ in 0..2 {
        let (mut stream, first) = begin_post(&server, "", body.len()).await;
        assert_eq!(first, "HTTP/1.1 100", "the body is wanted");
        assert_eq!(begin_post(&server, "", 16 * 1024 * 1024).await.1, "HTTP/1.1 503");
        assert!(Peer::upgrade(server.address(), None).await.is_err(), "a stranger over WebSocket needs a place too");
        let (_stream, first) = begin_post(&server, "authorization: Bearer p\r\n", body.len()).await;
        assert_eq!(first, "HTTP/1.1 100", "who logs in is no stranger");
        stream.write_all(body.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.contains("200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn the_socket_that_was_idle_for_longest_makes_room_for_a_new_one() {
    let server = start(builder(methods![add]).open().max_idle_sockets(2).auth_timeout(2 * PATIENCE)).await;
    let connect = async || TcpStream::connect(server.address()).await.expect("the server listens");
    let (mut first, mut second) = (connect().await, connect().await);
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length:";
    let request = format!("{head} {}\r\n\r\n{body}", body.len());
    // Who has made a request is behind who has not.
    for _ in 0..2 {
        first.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            answer.push(first.read_u8().await.expect("an answer"));
        }
    }
    // Neither does a WebSocket count.
    let mut peers = Vec::new();
    for _ in 0..3 {
        peers.push(Peer::connect(&server).await);
    }
    let end = tokio::time::timeout(PATIENCE, second.read_u8()).await.expect("it ends long before its time is over");
    assert!(end.is_err(), "{end:?}");
    first.write_all(request.as_bytes()).await.expect("sent");
    assert_eq!(first.read_u8().await.expect("an answer"), b'H');
    for peer in &mut peers {
        assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    }
}

#[tokio::test]
async fn messages_and_bytes_are_counted_both_ways() {
    let server = start(builder(methods![add]).open()).await;
    let mut peer = Peer::connect(&server).await;
    let connection = server.server().connections().pop();
    for _ in 0..10 {
        peer.result("add", json!([1, 2])).await;
    }
    let connection = connection.unwrap_or_else(|| server.server().connections().remove(0));
    peer.expect_silence().await;
    let Counters { messages_in, messages_out, bytes_in, bytes_out, .. } = connection.counters();
    assert_eq!((messages_in, messages_out), (11, 11));
    assert!(bytes_in > 11 * 60 && bytes_out > 11 * 30, "{bytes_in} in, {bytes_out} out");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let server = start(builder(methods![add]).open().allowed_origins(["https://app.example.org"])).await;
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    for (origin, status) in
        [("https://evil.example", 403), ("null", 403), ("https://app.example.org", 200), ("http://localhost:3000", 200)]
    {
        let headers = [("content-type", "application/json"), ("origin", origin)];
        assert_eq!(http(server.address(), "POST", &headers, body).await.0, status, "{origin}");
    }
    let upgrade = [
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("origin", "https://evil.example"),
    ];
    let (status, message) = http(server.address(), "GET", &upgrade, "").await;
    assert_eq!(status, 403);
    assert!(message.contains("https://evil.example") && message.contains("allowed_origins"), "{message}");
}

#[test]
fn settings_that_could_not_work_are_refused_all_at_once_whether_built_or_read() {
    let build = |builder: ServerBuilder| builder.build().expect_err("refused").to_string();
    let built = build(
        builder(methods![add])
            .open()
            .buffer_size(usize::MAX)
            .heartbeat_interval(Duration::from_nanos(1))
            .call_timeout(Duration::ZERO)
            .max_queue_bytes(0)
            .allowed_origins(["app.example.org"]),
    );
    let largest = format!("`buffer_size` is {}: it must not be over 16777216", usize::MAX);
    for part in [
        &largest,
        "`heartbeat_interval` is 1ns: it must be at least 1ms",
        "`call_timeout` is 0ns: it must be at least 1ms; leave it out for no limit",
        "`max_queue_bytes` is 0: it must be at least 1",
        "`allowed_origins` holds `app.example.org`, which no browser sends",
    ] {
        assert!(built.contains(part), "{part:?} is not in {built}");
    }
    let file = "open = true\nbuffer_size = 1\nheartbeat_interval = '1ns'";
    let read = build(builder(methods![add]).config(toml::from_str(file).expect("the kinds are right")));
    assert!(read.contains("`buffer_size` is 1: it must be at least 512"), "{read}");
    assert!(read.contains("`heartbeat_interval` is 1ns: it must be at least 1ms"), "{read}");
}

#[tokio::test]
async fn browsers_are_told_which_pages_may_post() {
    let server = start(builder(methods![add]).open().allowed_origins(["https://app.example.org"])).await;
    let ask = async |method: &str, origin: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
        http_response(server.address(), method, &headers, if method == "POST" { body } else { "" }).await.to_lowercase()
    };
    for method in ["OPTIONS", "POST"] {
        let told = ask(method, "https://app.example.org").await;
        assert!(told.starts_with("http/1.1 200"), "{told}");
        assert!(told.contains("access-control-allow-origin: https://app.example.org\r\n"), "{told}");
        assert!(!ask(method, "https://evil.example").await.contains("access-control-allow-origin"));
    }
    let told = ask("OPTIONS", "https://app.example.org").await;
    assert!(told.contains("access-control-allow-headers: authorization,content-type,conduit-version\r\n"), "{told}");
}

/// Give a text of so many characters back.
#[rpc]
async fn letters(count: usize) -> String {
    "x".repeat(count)
}

/// As `letters`, but not ready at once.
#[rpc]
async fn letters_later(count: usize) -> String {
    tokio::task::yield_now().await;
    "x".repeat(count)
}

#[tokio::test]
async fn an_answer_over_the_message_size_is_an_error_of_that_call_alone() {
    let server = start(builder(methods![letters, letters_later]).open().max_message_size(1000)).await;
    let mut peer = Peer::connect(&server).await;
    for method in ["letters", "letters_later"] {
        let error = peer.error(method, json!([2000])).await;
        let message =
            format!("`{method}` has run, and its answer of 2036 bytes is over the 1000 that a message may have");
        assert_eq!(error, json!({ "code": -32008, "message": message }));
        assert_eq!(peer.result(method, json!([500])).await, "x".repeat(500));
    }
    let headers = [("content-type", "application/json")];
    let body = r#"{"jsonrpc":"2.0","method":"letters","params":[2000],"id":1}"#;
    assert!(http(server.address(), "POST", &headers, body).await.1.contains("-32008"));
}

#[tokio::test]
async fn the_answers_of_a_batch_fit_into_one_message_together() {
    let server = start(builder(methods![letters, letters_later]).open().max_message_size(1000)).await;
    let mut peer = Peer::connect(&server).await;
    let entry = |id: usize, method: &str| json!({ "jsonrpc": "2.0", "method": method, "params": [300], "id": id });
    for method in ["letters", "letters_later"] {
        let batch = Value::Array((0..5).map(|id| entry(id, method)).collect());
        let answers = peer.ask(&batch.to_string()).await;
        let codes: Vec<Value> =
            answers.as_array().unwrap().iter().map(|answer| answer["error"]["code"].clone()).collect();
        assert_eq!(codes, [json!(null), json!(null), json!(-32008), json!(-32008), json!(-32008)], "{answers}");
    }
}

#[tokio::test]
async fn an_event_over_the_message_size_is_not_sent() {
    let server = start(builder(methods![letters]).open().max_message_size(1000)).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    let connection: Connection = server.server().connections().remove(0);
    assert!(!connection.send("news", &"x".repeat(1000)));
    assert_eq!(server.server().broadcast("news", &"x".repeat(1000)).send(), 0);
    let error = connection.call::<()>("ask", ("x".repeat(1000),)).await.unwrap_err().to_string();
    assert!(error.contains("over `max_message_size`, which is 1000"), "{error}");
    assert_eq!(server.server().broadcast("news", &"short").send(), 1);
    assert_eq!(peer.receive().await["params"], json!(["short"]));
}

#[tokio::test]
async fn a_message_that_is_nested_too_deep_is_refused_and_its_neighbours_are_not() {
    let server = start(builder(methods![add]).open().max_depth(5)).await;
    let mut peer = Peer::connect(&server).await;
    let nested = |depth: usize| {
        format!(r#"{{"jsonrpc":"2.0","method":"nix","params":{}{},"id":1}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    assert_eq!(peer.ask(&nested(4)).await["error"]["code"], -32601);
    let error = peer.ask(&nested(5)).await;
    let message = "invalid request: arrays and objects lie inside one another more than 5 deep";
    assert_eq!(
        error,
        json!({ "jsonrpc": "2.0", "error": { "code": -32600, "message": message }, "id": 1 }),
        "the caller waits for it"
    );
    assert_eq!(peer.ask(&"[".repeat(100)).await["error"]["code"], -32700, "what is no JSON is told so");
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    // Also where nobody set a limit, a stack is not what a peer can use up.
    let server = start(builder(methods![add]).open()).await;
    assert_eq!(Peer::connect(&server).await.ask(&nested(100_000)).await["error"]["code"], -32600);
}

/// Asks again and again until it is too fast, and gives the error: on a machine that is busy the first may be in time.
async fn too_fast(peer: &mut Peer, request: &str) -> Value {
    for _ in 0..1000 {
        let answer = peer.ask(request).await;
        let one = answer.get(0).unwrap_or(&answer);
        if !one["error"].is_null() {
            return one["error"].clone();
        }
    }
    panic!("never too fast: {request}")
}

/// Has the clock go on by as long as a refusal says.
async fn wait_as_told(error: &Value) {
    let wait = error["data"]["retry_after_ms"].as_u64().expect("a time");
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(wait)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn who_sends_too_many_messages_is_told_when_to_come_back() {
    let builder = builder(methods![add]).open().max_messages_per_second(1).on("ping", async |_: Connection| {});
    let server = start(builder).await;
    let mut peer = Peer::connect(&server).await;
    let call = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    let error = too_fast(&mut peer, call).await;
    assert_eq!(error["code"], -32007);
    let message = error["message"].as_str().expect("a text");
    assert!(message.starts_with("over `max_messages_per_second`, which is 1: try again in "), "{message}");
    wait_as_told(&error).await;
    assert_eq!(peer.ask(call).await["result"], 3);
    // Another connection has a rate of its own.
    assert_eq!(Peer::connect(&server).await.ask(call).await["result"], 3);
}

#[tokio::test]
async fn over_http_the_rates_count_by_address() {
    let server = start(builder(methods![add]).open().max_messages_per_second(2)).await;
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}"#;
    let post = async || http(server.address(), "POST", &[("content-type", "application/json")], body).await.1;
    let mut refused = 0;
    // Far more than the rate allows in the time that these take.
    for _ in 0..20 {
        let answer = post().await;
        refused += usize::from(answer.contains("-32007"));
    }
    assert!(refused >= 10, "{refused} were refused");
    assert_eq!(Peer::connect(&server).await.result("add", json!([1, 2])).await, 3, "a connection has its own");
}

#[tokio::test]
async fn an_event_that_comes_too_fast_is_told_of_and_a_notification_is_not() {
    let builder = builder(methods![add]).open().max_messages_per_second(1).on("ping", async |_: Connection| {});
    let server = start(builder).await;
    let mut peer = Peer::connect(&server).await;
    for _ in 0..3 {
        peer.send(r#"{"jsonrpc":"2.0","method":"add","params":[1,2]}"#).await;
    }
    for _ in 0..3 {
        peer.send(r#"{"jsonrpc":"2.0","method":"ping"}"#).await;
    }
    let refused = peer.receive().await;
    assert_eq!((&refused["method"], &refused["params"]["error"]["code"]), (&json!("rpc.error"), &json!(-32007)));
    assert_eq!(refused["params"]["event"], "ping");
}

#[tokio::test]
async fn a_batch_counts_as_many_messages_as_it_holds() {
    let server = start(builder(methods![add]).open().max_messages_per_second(10)).await;
    let mut peer = Peer::connect(&server).await;
    let batch = |count: usize| {
        let entry = |id| json!({ "jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": id });
        Value::Array((0..count).map(entry).collect()).to_string()
    };
    let error = too_fast(&mut peer, &batch(10)).await;
    let wait = error["data"]["retry_after_ms"].as_u64().expect("a time");
    assert!((1..=1000).contains(&wait), "ten take a second: {error}");
    wait_as_told(&error).await;
    let answers = peer.ask(&batch(10)).await;
    assert_eq!((answers.as_array().unwrap().len(), &answers[9]["result"]), (10, &json!(3)));
    let never = peer.ask(&batch(11)).await[0]["error"].clone();
    let message = "11 at once are over `max_messages_per_second`, of which 10 may come at once";
    assert_eq!(never, json!({ "code": -32007, "message": message }), "waiting would not help");
}

#[tokio::test]
async fn who_sends_too_many_bytes_is_told_when_to_come_back() {
    let server = start(builder(methods![letters]).open().max_message_size(2000).max_bytes_per_second(1000)).await;
    let mut peer = Peer::connect(&server).await;
    let large = json!({ "jsonrpc": "2.0", "method": "letters", "params": [1], "id": 1, "fill": "x".repeat(1800) });
    let large = large.to_string();
    let error = too_fast(&mut peer, &large).await;
    assert!(error["message"].as_str().expect("a text").starts_with("over `max_bytes_per_second`, which is 1000: "));
    wait_as_told(&error).await;
    assert_eq!(peer.ask(&large).await["result"], "x");
}

#[tokio::test]
async fn a_slow_client_loses_its_oldest_events_if_that_is_the_policy() {
    let builder = builder(methods![add]).open().max_queue_bytes(100_000).slow_clients(SlowClients::DropOldestEvents);
    let server = start(builder).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    let connection = server.server().connections().remove(0);
    // More than the system's own buffers hold, all of it before the connection's task has its turn.
    for number in 0..20_000 {
        assert!(connection.send("news", &json!([number, "x".repeat(1000)])));
    }
    let dropped = connection.counters().events_dropped;
    assert!((19_800..20_000).contains(&dropped), "{dropped}");
    let mut last = dropped as i64 - 1;
    while last < 19_999 {
        let number = peer.receive().await["params"][0].as_i64().expect("a number");
        assert_eq!(number, last + 1, "the newest are left, in order");
        last = number;
    }
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
}

#[tokio::test]
async fn a_message_of_many_pieces_is_read_whole_whatever_the_buffer_size() {
    for buffer_size in [512, 1000, 1 << 20] {
        let server = start(builder(methods![letters, length]).open().buffer_size(buffer_size)).await;
        let mut peer = Peer::connect(&server).await;
        for length in [10, 5_000, 200_000] {
            assert_eq!(peer.result("length", json!(["x".repeat(length)])).await, length);
        }
    }
}

/// How long a text is.
#[rpc]
async fn length(text: String) -> usize {
    text.len()
}
