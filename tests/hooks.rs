//! Hooks that are functions: `#[on_startup]` and its like.

use std::sync::{Arc, Mutex};

use conduit::{
    Connection, Disconnected, ErrorKind, Server, hooks, methods, on_client_connect, on_client_disconnect, on_shutdown,
    on_startup,
};

use crate::support::{Peer, builder, start};

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
}

#[on_startup]
async fn started(log: &Log, server: &Server) {
    log.note(format!("started {}", server.address().is_some()));
}

#[on_client_connect]
async fn came(client: &Connection, log: &Log) -> Result<(), String> {
    log.note(format!("came {}", client.is_logged_in()));
    if client.server().connection_count() > 1 { Err("one is enough".to_owned()) } else { Ok(()) }
}

#[on_client_disconnect]
fn left(log: &Log, end: Disconnected, client: &Connection, server: &Server) {
    assert_eq!(server.name(), client.server().name());
    log.note(format!("left {} {}", end.code, end.reason));
}

#[on_shutdown]
async fn stopped(log: &Log) -> Result<(), std::fmt::Error> {
    log.note("stopped");
    Err(std::fmt::Error)
}

#[tokio::test]
async fn functions_are_hooks_with_what_they_borrow() {
    let log = Log::default();
    let server = builder(methods![]).open().state(log.clone()).hooks(hooks![started, came, left, stopped]);
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    peer.expect_silence().await;
    let refused = Peer::connect(&server).await.closed().await.expect("a close frame");
    assert_eq!((u16::from(refused.code), refused.reason.as_str()), (4003, "one is enough"));
    server.stop().await.expect("stopped");
    assert_eq!(
        log.lines(),
        ["started true", "came true", "came true", "stopped", "left 1001 the server is shutting down"]
    );
}

#[tokio::test]
async fn closures_and_functions_run_in_the_order_in_which_they_were_given_and_one_given_twice_runs_once() {
    let log = Log::default();
    let noting = |line: &'static str| {
        let log = log.clone();
        move |_: Server| {
            log.note(line);
            async {}
        }
    };
    let server = builder(methods![])
        .open()
        .state(log.clone())
        .on_startup(noting("before"))
        .hooks(hooks![started, started])
        .on_startup(noting("after"))
        .hooks(hooks![started]);
    start(server).await.stop().await.expect("stopped");
    assert_eq!(log.lines(), ["before", "started true", "after"]);
}

#[on_startup]
async fn fails() -> Result<(), &'static str> {
    Err("no database")
}

#[on_startup]
fn panics() {
    assert!(std::env::args().count() > 1000, "on purpose");
}

#[tokio::test]
async fn a_function_that_fails_or_panics_at_startup_aborts_the_start() {
    for (hook, told) in [(hooks![fails], "no database"), (hooks![panics], "panicked: on purpose")] {
        let server = builder(methods![]).open().hooks(hook).build().expect("built");
        let error = server.start().await.expect_err("not started");
        assert_eq!(error.kind(), ErrorKind::Startup);
        assert_eq!(error.to_string(), format!("a startup hook failed: {told}"));
    }
}

struct Nowhere;

#[on_startup]
async fn first(_nowhere: &Nowhere) {}

/// The line of the function beneath.
const SECOND: u32 = line!() + 3;

#[on_shutdown]
async fn second(_nowhere: &Nowhere, _client: &Connection, _call: &conduit::Call) {}

#[test]
fn what_a_hook_borrows_and_nobody_lends_is_refused_with_name_and_type() {
    let error = builder(methods![]).open().hooks(hooks![second]).build().expect_err("not built").to_string();
    let place = |name, line| format!("- hook `{name}` ({}:{line}) borrows ", file!());
    let second_place = place("second", SECOND);
    let lines: Vec<&str> = error.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            format!(
                "{second_place}`&{}` in `#[on_shutdown]`, and the server has no such state: give it with `.state(..)`",
                std::any::type_name::<Nowhere>()
            ),
            format!(
                "{second_place}`&conduit::connection::Connection` in `#[on_shutdown]`, which runs for no connection: borrow `&Server`"
            ),
            format!(
                "{second_place}`&conduit::context::Call` in `#[on_shutdown]`, which runs for no call: borrow something else"
            ),
        ]
    );
}

#[test]
fn hooks_that_are_linked_in_are_there_in_the_order_of_the_source() {
    let error = Server::builder().open().build().expect_err("not built").to_string();
    let at = |name: &str| error.find(&format!("hook `{name}` (")).unwrap_or_else(|| panic!("{name} in {error}"));
    let names = ["started", "came", "left", "stopped", "first", "second"].map(at);
    assert!(names.is_sorted(), "{error}");
}

#[tokio::test]
async fn the_function_can_be_called_as_before() {
    assert_eq!(fails().await, Err("no database"));
    assert!(format!("{:?}", hooks![fails]).contains("name: \"fails\""));
}
