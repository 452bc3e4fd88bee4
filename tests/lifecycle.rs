//! Hooks, the heartbeat, and logins of the application's own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use conduit::{
    Client, Connection, Credentials, Disconnected, ErrorKind, Identity, RunningServer, Server, methods, rpc,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::support::{PATIENCE, Peer, builder, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().expect("nobody panics with the lock").push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with the lock").clone()
    }

    /// Waits until something is noted that starts like this.
    async fn wait_for(&self, start: &str) -> String {
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| line.starts_with(start)) {
                return line;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// A server that notes every hook.
fn noting(log: &Log) -> conduit::ServerBuilder {
    let [started, joined, left, stopped] = [(); 4].map(|()| log.clone());
    builder(methods![add])
        .password("p")
        .on_startup(move |server: Server| {
            started.note(format!("started {}", server.address().is_some_and(|address| address.port() > 0)));
            async {}
        })
        .on_client_connect(move |client: Connection| {
            joined.note(format!("connected {}", client.is_logged_in()));
            client.send("welcome", &json!({}));
            async {}
        })
        .on_client_disconnect(move |client: Connection, end: Disconnected| {
            left.note(format!("disconnected {} {} {}", end.code, end.reason, client.identity().is_some()));
            async {}
        })
        .on_shutdown(move |server: Server| {
            stopped.note(format!("stopping {}", server.broadcast("bye", &json!({})).send()));
            async {}
        })
}

#[tokio::test]
async fn hooks_run_in_order_from_start_to_stop() {
    let log = Log::default();
    let server = start(noting(&log)).await;
    assert_eq!(log.lines(), ["started true"]);
    let mut peer = Peer::connect_with(&server, "p").await;
    assert_eq!(peer.receive().await["method"], "welcome");
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    let stopping = tokio::spawn(server.stop());
    assert_eq!(peer.receive().await["method"], "bye");
    assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(1001));
    stopping.await.expect("no panic").expect("stopped");
    assert_eq!(
        log.lines(),
        ["started true", "connected true", "stopping 1", "disconnected 1001 the server is shutting down true"]
    );
}

#[tokio::test]
async fn a_client_that_logs_in_by_call_is_welcomed_before_its_next_call() {
    let log = Log::default();
    let server = start(noting(&log)).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(log.lines(), ["started true"]);
    peer.send(r#"{"jsonrpc":"2.0","method":"rpc.login","params":["p"],"id":1}"#).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":2}"#).await;
    assert_eq!(peer.receive().await["method"], "welcome");
    assert_eq!(peer.receive().await["id"], 1);
    assert_eq!(peer.receive().await["result"], 3);
}

#[tokio::test]
async fn the_disconnect_hook_runs_once_whatever_ends_the_connection() {
    async fn ended(how: impl AsyncFnOnce(&RunningServer, Peer)) -> String {
        let log = Log::default();
        let server = start(noting(&log)).await;
        let mut peer = Peer::connect_with(&server, "p").await;
        assert_eq!(peer.receive().await["method"], "welcome");
        how(&server, peer).await;
        let line = log.wait_for("disconnected").await;
        server.stop().await.expect("stopped");
        assert_eq!(log.lines().iter().filter(|line| line.starts_with("disconnected")).count(), 1);
        line
    }
    let goodbye = ended(async |_, mut peer| {
        let frame = CloseFrame { code: 4000.into(), reason: "bye".into() };
        peer.send_message(Message::Close(Some(frame))).await;
        peer.closed().await;
    });
    assert_eq!(goodbye.await, "disconnected 4000 bye true");
    assert!(ended(async |_, peer| drop(peer)).await.starts_with("disconnected 1006"));
    let kicked = ended(async |server, mut peer| {
        server.server().connections()[0].disconnect(4444, "out");
        peer.closed().await;
    });
    assert_eq!(kicked.await, "disconnected 4444 out true");
}

#[tokio::test]
async fn who_never_logs_in_is_neither_welcomed_nor_missed() {
    let log = Log::default();
    let server = start(noting(&log)).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    drop(peer);
    server.stop().await.expect("stopped");
    assert_eq!(log.lines(), ["started true", "stopping 0"]);
}

#[tokio::test]
async fn a_connect_hook_may_refuse() {
    let refuse = |_: Connection| async { Err("we are full") };
    let server = start(builder(methods![add]).password("p").on_client_connect(refuse)).await;
    let mut peer = Peer::connect_with(&server, "p").await;
    let frame = peer.closed().await.expect("a close frame with a code");
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4003, "we are full"));
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.error("rpc.login", json!(["p"])).await,
        json!({ "code": -32001, "message": "login failed: we are full" })
    );
    assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(4003));
}

#[rpc(public)]
async fn forever() {
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_client_that_is_refused_is_closed_whatever_it_has_running() {
    let refuse = |_: Connection| async { Err("banned") };
    let banned = start(builder(methods![forever]).password("p").on_client_connect(refuse)).await;
    let full = start(builder(methods![forever]).password("p").max_connections(1)).await;
    let _first = Peer::connect_with(&full, "p").await;
    for (server, reason, code) in [(banned, "banned", 4003), (full, "the server is full: it holds 1 connections", 1013)]
    {
        let mut peer = Peer::connect(&server).await;
        peer.send(r#"{"jsonrpc":"2.0","method":"forever","id":7}"#).await;
        assert_eq!(peer.error("rpc.login", json!(["p"])).await["message"], format!("login failed: {reason}"));
        let mut connections = server.server().connections();
        connections.retain(|connection| connection.identity().is_none() || code == 4003);
        assert_eq!(connections.len(), 1);
        assert!(!connections[0].is_logged_in());
        assert_eq!(server.server().broadcast("news", &json!({})).include([connections[0].id()]).send(), 0);
        let frame = peer.closed().await.expect("a close frame");
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, reason));
    }
}

#[tokio::test]
async fn a_broadcast_to_all_passes_over_those_whose_connect_hook_has_not_decided() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let hook = move |client: Connection| {
        let gate = Arc::clone(&opened);
        async move {
            client.join("lobby");
            client.send("checking", &json!({}));
            gate.notified().await;
        }
    };
    let server = start(builder(methods![]).password("p").on_client_connect(hook)).await;
    let mut peer = Peer::connect_with(&server, "p").await;
    assert_eq!(peer.receive().await["method"], "checking");
    let hub = server.server();
    assert_eq!(hub.broadcast("news", &json!({})).send(), 0);
    assert_eq!(hub.broadcast("lobby", &json!({})).room("lobby").send(), 1, "the hook put it there");
    assert_eq!(peer.receive().await["method"], "lobby");
    gate.notify_one();
    peer.expect_silence().await;
    assert_eq!(hub.broadcast("news", &json!({})).send(), 1);
}

/// What a batch has done to a server whose connect hook has not decided.
#[derive(Default)]
struct Undecided {
    hook_runs: std::sync::Condvar,
    running: Mutex<bool>,
    end: tokio::sync::Notify,
    secrets_told: std::sync::atomic::AtomicUsize,
}

/// Holds the batch up where it is until the hook runs, on another thread.
#[rpc(public)]
async fn await_hook(state: &Arc<Undecided>) {
    tokio::task::block_in_place(|| {
        let running = state.running.lock().expect("nobody panics with the lock");
        let wait = state.hook_runs.wait_timeout_while(running, PATIENCE, |running| !*running);
        assert!(!wait.expect("nobody panics with the lock").1.timed_out(), "the hook does not run");
    });
}

#[rpc]
async fn secret(state: &Arc<Undecided>) -> &'static str {
    state.secrets_told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    "secret"
}

#[rpc(public)]
async fn end_hook(state: &Arc<Undecided>) {
    state.end.notify_one();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_calls_nothing_before_the_connect_hook_has_let_the_client_in() {
    let state = Arc::new(Undecided::default());
    let of_hook = Arc::clone(&state);
    let hook = move |_: Connection| {
        let state = Arc::clone(&of_hook);
        async move {
            *state.running.lock().expect("nobody panics with the lock") = true;
            state.hook_runs.notify_all();
            state.end.notified().await;
            Err("banned")
        }
    };
    let methods = methods![await_hook, secret, end_hook];
    let server = start(builder(methods).password("p").state(Arc::clone(&state)).on_client_connect(hook)).await;
    let mut peer = Peer::connect(&server).await;
    let call = |id: u32, method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id });
    let batch = json!([
        call(1, "rpc.login", json!(["p"])),
        call(2, "await_hook", json!([])),
        call(3, "secret", json!([])),
        call(4, "end_hook", json!([])),
    ]);
    let answers = peer.ask(&batch.to_string()).await;
    assert_eq!(answers[0]["error"]["message"], "login failed: banned", "{answers}");
    assert_eq!(answers[2]["error"]["code"], -32001, "{answers}");
    assert_eq!(state.secrets_told.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(peer.closed().await.map(|frame| u16::from(frame.code)), Some(4003));
}

#[tokio::test]
async fn a_startup_hook_that_fails_aborts_the_start() {
    let server = builder(methods![]).open().on_startup(|_: Server| async { Err("no database") }).build();
    let error = server.expect("the server builds").start().await.expect_err("not started");
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Startup, "a startup hook failed: no database"));
    let server =
        builder(methods![]).open().on_startup(|_: Server| async { assert!(std::env::args().count() > 1000) }).build();
    let error = server.expect("the server builds").start().await.expect_err("not started");
    assert!(error.to_string().contains("panicked"), "{error}");
}

#[tokio::test]
async fn panics_in_other_hooks_harm_nobody() {
    fn bug() {
        assert!(std::env::args().count() > 1000, "on purpose");
    }
    let server = start(
        builder(methods![add])
            .open()
            .on_client_disconnect(|_: Connection, _: Disconnected| async { bug() })
            .on_shutdown(|_: Server| async { bug() }),
    )
    .await;
    drop(Peer::connect(&server).await);
    assert_eq!(Peer::connect(&server).await.result("add", json!([1, 2])).await, 3);
    server.stop().await.expect("stopped");
}

#[tokio::test]
async fn hooks_run_for_a_nested_router_too() {
    let log = Log::default();
    let server = noting(&log).build().expect("the server builds");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().nest("/rpc", server.router()).merge(server.router());
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    let mut peer = Peer::upgrade(address, Some("p")).await.expect("upgraded");
    assert_eq!(peer.receive().await["method"], "welcome");
    let stopping = tokio::spawn(async move { server.stop().await });
    assert_eq!(peer.receive().await["method"], "bye");
    peer.closed().await;
    stopping.await.expect("no panic");
    assert!(Peer::upgrade(address, Some("p")).await.is_err(), "a stopped server takes no connection");
    serving.abort();
    let lines = log.lines();
    assert_eq!(lines[..3], ["started false", "connected true", "stopping 1"]);
    assert_eq!(lines.len(), 4, "{lines:?}");
}

/// A server behind its router, until the task that serves it is aborted.
async fn nested(server: &Server) -> (std::net::SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = server.router();
    (address, tokio::spawn(async { axum::serve(listener, router).await }))
}

#[tokio::test]
async fn behind_a_router_a_startup_hook_that_fails_is_tried_again_and_those_before_it_are_not() {
    let log = Log::default();
    let [first, second] = [(); 2].map(|()| log.clone());
    let server = builder(methods![add])
        .open()
        .on_startup(move |_: Server| {
            first.note("first");
            async {}
        })
        .on_startup(move |_: Server| {
            second.note("second");
            let tries = second.lines().iter().filter(|line| *line == "second").count();
            async move { if tries < 3 { Err("no database") } else { Ok(()) } }
        })
        .build()
        .expect("the server builds");
    let (address, serving) = nested(&server).await;
    for _ in 0..2 {
        assert_eq!(crate::support::http(address, "GET", &[], "").await.0, 426, "not asked to start");
        assert!(Peer::upgrade(address, None).await.is_err());
    }
    let mut peer = Peer::upgrade(address, None).await.expect("started");
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    Peer::upgrade(address, None).await.expect("started");
    assert_eq!(log.lines(), ["first", "second", "second", "second"]);
    serving.abort();
}

#[tokio::test]
async fn behind_a_router_a_startup_hook_goes_on_when_the_client_that_began_it_goes_away() {
    let log = Log::default();
    let gate = Arc::new(tokio::sync::Notify::new());
    let (noting, opens) = (log.clone(), Arc::clone(&gate));
    let server = builder(methods![add])
        .open()
        .on_startup(move |_: Server| {
            let (log, gate) = (noting.clone(), Arc::clone(&opens));
            async move {
                log.note("begun");
                gate.notified().await;
                log.note("ended");
            }
        })
        .build()
        .expect("the server builds");
    let (address, serving) = nested(&server).await;
    let impatient = tokio::spawn(async move { Peer::upgrade(address, None).await.map(drop) });
    log.wait_for("begun").await;
    impatient.abort();
    assert!(impatient.await.expect_err("aborted").is_cancelled());
    let mut waiting = tokio::spawn(async move { Peer::upgrade(address, None).await });
    // The request of the first is dropped once its end is seen; what is asked after it would begin the hook anew.
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut waiting).await.is_err());
    gate.notify_one();
    let mut peer = waiting.await.expect("no panic").expect("started");
    assert_eq!(peer.result("add", json!([1, 2])).await, 3);
    assert_eq!(log.lines(), ["begun", "ended"]);
    serving.abort();
}

#[rpc]
async fn whoami(client: &Connection) -> Value {
    let identity = client.identity();
    json!(identity.map(|identity| (identity.name(), identity.roles().collect::<Vec<_>>())))
}

#[tokio::test]
async fn a_login_hook_decides_who_it_is() {
    let hook = |_: Server, credentials: Credentials| async move {
        assert!(credentials.peer_addr.is_some());
        match credentials.token.as_str() {
            "root" => Ok(Identity::new("root").with_role("admin")),
            "versioned" => Ok(Identity::new(credentials.version.unwrap_or_default())),
            "bug" => panic!("on purpose"),
            _ => Err("nobody has this token"),
        }
    };
    let server = start(builder(methods![whoami]).login(hook)).await;
    let mut peer = Peer::connect_with(&server, "root").await;
    assert_eq!(peer.result("whoami", json!([])).await, json!(["root", ["admin"]]));
    assert!(Peer::upgrade(server.address(), Some("other")).await.is_err());
    let mut peer = Peer::connect(&server).await;
    let error = peer.error("rpc.login", json!(["other"])).await;
    assert_eq!(error["message"], "login failed: nobody has this token");
    assert_eq!(peer.error("rpc.login", json!(["bug"])).await["message"], "login failed: the server failed");
    peer.result("rpc.login", json!({ "token": "versioned", "version": "1.2.0" })).await;
    assert_eq!(peer.result("whoami", json!([])).await, json!(["1.2.0", []]));
    // The first login stays. Another one is told what it is worth.
    peer.result("rpc.login", json!({ "token": "versioned", "version": "1.2.0" })).await;
    for token in ["root", "other"] {
        assert_eq!(peer.error("rpc.login", json!([token])).await["code"], -32001, "{token}");
    }
    assert_eq!(peer.result("whoami", json!([])).await, json!(["1.2.0", []]));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_too_often_has_to_wait() {
    let server = start(builder(methods![add]).password("p").auth_timeout(Duration::from_secs(3600))).await;
    let mut peer = Peer::connect(&server).await;
    for _ in 0..10 {
        assert_eq!(peer.error("rpc.login", json!(["wrong"])).await["message"], "login failed: the token is wrong");
    }
    let error = peer.error("rpc.login", json!(["p"])).await;
    assert!(error["message"].as_str().is_some_and(|text| text.contains("too many failed logins")), "{error}");
    assert!(error["data"]["retry_after_ms"].as_u64().is_some_and(|wait| wait <= 60_000), "{error}");
    assert_eq!(error["code"], -32007, "it says nothing of the token");
    let url = format!("ws://{}", server.address());
    let error =
        Client::connect(url).password("p").connect_timeout(Duration::from_secs(3600)).await.expect_err("refused");
    assert!(
        !error.is_unauthorized() && error.to_string().contains("status 429 Too Many Requests: login failed"),
        "{error}"
    );
    tokio::time::advance(Duration::from_secs(61)).await;
    peer.result("rpc.login", json!(["p"])).await;
}

#[tokio::test]
async fn how_often_a_login_may_fail_is_a_setting() {
    for (setting, is_refused_unheard) in [(3, true), (0, false)] {
        let server = start(builder(methods![add]).password("p").max_failed_logins(setting)).await;
        let mut peer = Peer::connect(&server).await;
        for _ in 0..3 {
            assert_eq!(peer.error("rpc.login", json!(["wrong"])).await["message"], "login failed: the token is wrong");
        }
        let answer = peer.call("rpc.login", json!(["p"])).await;
        assert_eq!(answer["error"]["message"].is_string(), is_refused_unheard, "{answer}");
    }
}

#[tokio::test]
async fn a_login_that_fails_is_answered_late() {
    let server = start(builder(methods![add]).password("p")).await;
    let mut peer = Peer::connect(&server).await;
    let start = std::time::Instant::now();
    peer.error("rpc.login", json!(["wrong"])).await;
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    let start = std::time::Instant::now();
    assert!(Peer::upgrade(server.address(), Some("wrong")).await.is_err());
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_silent_peer_is_pinged_and_a_dead_one_closed() {
    let server = builder(methods![add])
        .open()
        .heartbeat_interval(Duration::from_millis(20))
        .heartbeat_timeout(Duration::from_millis(200));
    let server = start(server).await;
    let mut alive = Peer::connect(&server).await;
    let mut dead = Peer::connect(&server).await;
    // A peer answers pings as long as somebody reads; this one is not read while the other one is.
    for _ in 0..15 {
        assert!(matches!(alive.next().await, Some(Ok(Message::Ping(_)))));
    }
    let connection = server.server().connections().into_iter().find(|connection| connection.latency().is_some());
    assert!(connection.is_some(), "the pings were timed");
    assert_eq!(dead.closed().await.map(|frame| u16::from(frame.code)), Some(4004));
    assert_eq!(alive.result("add", json!([1, 2])).await, 3);
}

#[tokio::test]
async fn a_heartbeat_that_can_not_work_is_refused() {
    let server = builder(methods![])
        .open()
        .heartbeat_interval(Duration::from_secs(90))
        .heartbeat_timeout(Duration::from_secs(90))
        .build();
    let message = server.expect_err("the server does not build").to_string();
    assert!(message.contains("`heartbeat_interval` is 90s"), "{message}");
}

#[tokio::test]
async fn a_client_that_is_too_old_is_refused_with_what_is_needed() {
    let server = start(builder(methods![add]).password("p").minimum_version("1.2.0")).await;
    let mut peer = Peer::connect(&server).await;
    for (version, reason) in [
        (json!("1.1.9"), "login failed: version 1.2.0 or later is needed, not 1.1.9"),
        (json!(null), "login failed: version 1.2.0 or later is needed, and none was told"),
    ] {
        let error = peer.error("rpc.login", json!({ "token": "p", "version": version })).await;
        let data = json!({ "needed": "1.2.0", "got": version });
        assert_eq!(error, json!({ "code": -32001, "message": reason, "data": data }));
    }
    let error = peer.error("rpc.login", json!({ "token": "p", "version": "newest" })).await;
    assert!(error["message"].as_str().is_some_and(|text| text.contains("no semantic version")), "{error}");
    peer.result("rpc.login", json!({ "token": "p", "version": "1.2.0" })).await;
    assert!(Peer::upgrade(server.address(), Some("p")).await.is_err(), "no version in the header");
    let message = builder(methods![]).open().minimum_version("one").build().expect_err("no version").to_string();
    assert!(message.contains("`minimum_version` is `one`"), "{message}");
}

#[rpc(allow = "admin, editor")]
async fn publish() -> bool {
    true
}

#[tokio::test]
async fn methods_for_a_role_are_for_nobody_else_and_discovery_does_not_tell_of_them() {
    let hook = |_: Server, credentials: Credentials| async move {
        let identity = Identity::new(credentials.token.clone());
        Ok::<_, String>(if credentials.token == "ed" { identity.with_role("editor") } else { identity })
    };
    let server =
        start(builder(methods![add, publish]).login(hook).on("admin.event", |_: Connection, _: Value| async {})).await;
    let names = async |peer: &mut Peer| {
        let list = peer.result("listall", json!([])).await;
        let document = peer.result("rpc.discover", json!([])).await;
        let names = |methods: &Value| -> Vec<String> {
            let methods = methods.as_array().expect("a list").iter();
            methods.map(|method| method["name"].as_str().expect("a name").to_owned()).collect()
        };
        assert_eq!(names(&list), names(&document["methods"]));
        names(&list)
    };
    let mut editor = Peer::connect_with(&server, "ed").await;
    assert_eq!(editor.result("publish", json!([])).await, true);
    assert!(names(&mut editor).await.contains(&"publish".to_owned()));
    let mut reader = Peer::connect_with(&server, "joe").await;
    let error = reader.error("publish", json!([])).await;
    assert_eq!(error, json!({ "code": -32006, "message": "forbidden: `publish` is for the role admin or editor" }));
    assert!(!names(&mut reader).await.contains(&"publish".to_owned()));
    let mut stranger = Peer::connect(&server).await;
    assert_eq!(stranger.error("publish", json!([])).await["code"], -32001);
}

#[tokio::test]
async fn a_login_that_is_cancelled_can_be_tried_again() {
    let hook = |_: Server, credentials: Credentials| async move {
        if credentials.token == "slow" {
            std::future::pending::<()>().await;
        }
        Ok::<_, String>(Identity::new(credentials.token))
    };
    let server = start(builder(methods![whoami]).login(hook).call_timeout(Duration::from_millis(30))).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.error("rpc.login", json!(["slow"])).await["code"], -32003);
    peer.result("rpc.login", json!(["ann"])).await;
    assert_eq!(peer.result("whoami", json!([])).await[0], "ann");
}

#[tokio::test]
async fn a_login_over_http_is_no_client_that_comes_or_goes() {
    let log = Log::default();
    let server = start(noting(&log)).await;
    let body = r#"{"jsonrpc":"2.0","method":"rpc.login","params":["p"],"id":1}"#;
    let headers = [("content-type", "application/json")];
    assert_eq!(crate::support::http(server.address(), "POST", &headers, body).await.0, 200);
    assert_eq!(log.lines(), ["started true"]);
}

#[tokio::test]
async fn a_hook_that_hangs_does_not_hang_the_stop() {
    let hang = |_: Connection, _: Disconnected| std::future::pending::<()>();
    let server = builder(methods![]).open().on_client_disconnect(hang).shutdown_deadline(Duration::from_millis(50));
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    server.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_connect_hook_that_hangs_is_cut_off_when_the_server_stops() {
    let held = Arc::new(());
    let of_hook = Arc::clone(&held);
    let hang = move |client: Connection| {
        let held = Arc::clone(&of_hook);
        async move {
            client.send("held", &json!({}));
            std::future::pending::<()>().await;
            drop(held);
        }
    };
    let server = builder(methods![]).open().on_client_connect(hang).shutdown_deadline(Duration::from_millis(50));
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.receive().await["method"], "held");
    assert_eq!(Arc::strong_count(&held), 3);
    server.stop().await.expect("stopped");
    let cut_off = async {
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, cut_off).await.expect("the hook is dropped");
}

#[tokio::test]
async fn hooks_and_closures_reach_the_state() {
    let log = Log::default();
    let server = builder(methods![add])
        .open()
        .state(log.clone())
        .on_startup(|server: Server| async move { server.state::<Log>().expect("state").note("startup") })
        .on_client_connect(|client: Connection| async move { client.state::<Log>().expect("state").note("connect") })
        .on("chat", |client: Connection, text: String| async move {
            client.state::<Log>().expect("state").note(text);
            client.server().state::<Vec<u8>>().is_none()
        });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.result("chat", json!(["hello"])).await, true);
    assert_eq!(log.lines(), ["startup", "connect", "hello"]);
}
