//! The Rust client against the Rust server.

use std::sync::Arc;

use conduit::{Client, CloseCode, ErrorKind, RpcError, RunningServer, methods, rpc};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{builder, serve, start};

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum BankError {
    #[error("{wanted} is more than {there}")]
    #[rpc(code = 1)]
    Overdrawn { wanted: u64, there: u64 },
    #[error("no account {0}")]
    #[rpc(code = 2)]
    NoAccount(String),
    #[error("closed")]
    #[rpc(code = 3)]
    Closed,
}

#[rpc]
async fn withdraw(account: String, amount: u64) -> Result<u64, BankError> {
    match (account.as_str(), amount) {
        ("mine", 0..=100) => Ok(100 - amount),
        ("mine", wanted) => Err(BankError::Overdrawn { wanted, there: 100 }),
        ("shut", _) => Err(BankError::Closed),
        _ => Err(BankError::NoAccount(account)),
    }
}

#[derive(Default)]
struct Gate {
    arrived: Notify,
    left: Arc<Notify>,
}

struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[rpc]
async fn forever(gate: &Arc<Gate>) {
    let _gone = Gone(Arc::clone(&gate.left));
    gate.arrived.notify_one();
    std::future::pending::<()>().await;
}

async fn connect(server: &RunningServer) -> Client {
    Client::connect(format!("ws://{}", server.address())).await.expect("connected")
}

#[tokio::test]
async fn calls_by_name_by_position_and_typed() {
    let server = serve(methods![add]).await;
    let client = connect(&server).await;
    let five: i64 = client.call("add", json!({ "a": 2, "b": 3 })).await.expect("answered");
    assert_eq!(five, 5);
    assert_eq!(client.call::<i64>("add", (2, 3)).await.expect("answered"), 5);
    assert_eq!(add::call(&client, 2, 3).await.expect("answered"), 5);
}

#[tokio::test]
async fn a_thousand_calls_at_once_find_their_answers() {
    let server = serve(methods![add]).await;
    let client = connect(&server).await;
    let calls = (0..1000).map(|n| add::call(&client, n, 1));
    let sums = futures_util::future::join_all(calls).await;
    assert!(sums.into_iter().zip(1..).all(|(sum, expected)| sum.expect("answered") == expected));
}

#[tokio::test]
async fn errors_come_back_as_the_type_that_the_function_returned() {
    let server = serve(methods![withdraw]).await;
    let client = connect(&server).await;
    assert_eq!(withdraw::call(&client, "mine".into(), 30).await.expect("answered"), 70);
    let cases = [
        (("mine", 101), BankError::Overdrawn { wanted: 101, there: 100 }),
        (("shut", 1), BankError::Closed),
        (("yours", 1), BankError::NoAccount("yours".into())),
    ];
    for ((account, amount), expected) in cases {
        let error = withdraw::call(&client, account.into(), amount).await.expect_err("refused");
        assert_eq!((error.kind(), error.code().is_some()), (ErrorKind::Rpc, true));
        assert_eq!(error.object().expect("an error object").message(), expected.to_string());
        assert_eq!(error.decode::<BankError>(), Some(expected));
    }
    let error = client.call::<Value>("no.such.method", ()).await.expect_err("refused");
    assert_eq!((error.code(), error.decode::<BankError>()), (Some(-32601), None));
}

#[tokio::test]
async fn a_lost_connection_fails_pending_calls_at_once() {
    let gate = Arc::new(Gate::default());
    let server = start(builder(methods![add, forever]).open().state(Arc::clone(&gate))).await;
    let client = Client::connect(format!("ws://{}", server.address())).reconnect(false).await.expect("connected");
    let pending = tokio::spawn({
        let client = client.clone();
        async move { forever::call(&client).await }
    });
    gate.arrived.notified().await;
    drop(server);
    let error = pending.await.expect("no panic").expect_err("the connection is gone");
    assert!(error.is_closed(), "{error:?}");
    assert!(error.to_string().contains("1001"), "{error}");
    assert!(add::call(&client, 1, 2).await.expect_err("the connection is gone").is_closed());
}

#[tokio::test]
async fn dropping_a_call_cancels_it_on_the_server() {
    let gate = Arc::new(Gate::default());
    let server = start(builder(methods![add, forever]).open().state(Arc::clone(&gate))).await;
    let client = connect(&server).await;
    tokio::select! {
        answer = forever::call(&client) => panic!("answered: {answer:?}"),
        () = gate.arrived.notified() => {}
    }
    gate.left.notified().await;
    assert_eq!(add::call(&client, 1, 2).await.expect("answered"), 3);
}

#[tokio::test]
async fn a_wrong_password_is_an_error_of_its_own() {
    let server = start(builder(methods![add]).password("right")).await;
    let url = format!("ws://{}", server.address());
    let error = Client::connect(&url).password("wrong").await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let client = Client::connect(&url).password("right").await.expect("connected");
    assert_eq!(add::call(&client, 1, 2).await.expect("answered"), 3);
    let stranger = Client::connect(&url).await.expect("connected, and not logged in");
    assert_eq!(add::call(&stranger, 1, 2).await.expect_err("refused").code(), Some(-32001));
    stranger.call::<Value>("rpc.login", json!({ "token": "right" })).await.expect("logged in");
    assert_eq!(add::call(&stranger, 1, 2).await.expect("answered"), 3);
}

#[tokio::test]
async fn listall_gives_methods_that_print_well() {
    let server = serve(methods![add, withdraw]).await;
    let methods = connect(&server).await.listall().await.expect("listed");
    let lines: Vec<String> = methods.iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "add(a: integer, b: integer) -> integer");
    assert_eq!(methods[0].description, "Add two numbers.");
    assert_eq!(lines.last().map(String::as_str), Some("withdraw(account: string, amount: integer) -> integer"));
}

#[tokio::test]
async fn a_port_beyond_16_bits_is_refused_and_not_another_one_tried() {
    for url in ["ws://127.0.0.1:99999", "ws://127.0.0.1:-1", "ws://127.0.0.1:x"] {
        let error = Client::connect(url).password("p").await.expect_err("no such port");
        assert!(error.to_string().starts_with("bad URL"), "{error}");
    }
}

#[rpc(timeout = "20ms")]
async fn too_slow() {
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_call_that_the_server_gives_up_is_a_timeout_too() {
    let server = serve(methods![too_slow]).await;
    let error = too_slow::call(&connect(&server).await).await.expect_err("given up");
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn the_reason_of_a_refused_login_is_told() {
    let hook =
        |_: conduit::Server, _: conduit::Credentials| async { Err::<conduit::Identity, _>("suspended until Friday") };
    let server = start(builder(methods![add]).login(hook)).await;
    let error = Client::connect(format!("ws://{}", server.address())).password("p").await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("suspended until Friday"), "{error}");
}

async fn refused(connect: conduit::Connect) -> conduit::Error {
    connect.await.expect_err("refused")
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_and_left_in_order() {
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let server = builder(methods![add]).password("p").version("1.10.0").on_client_disconnect(
        move |_: conduit::Connection, end: conduit::Disconnected| {
            ended.send(end.code.as_u16()).expect("the test listens");
            async {}
        },
    );
    let server = start(server).await;
    let connect = || Client::connect(format!("ws://{}", server.address())).password("p");
    for taken in ["1.10.0", "1.9.3", "1.10.0-rc.1"] {
        let client = connect().minimum_version(taken).await.expect("new enough");
        assert_eq!(add::call(&client, 1, 2).await.expect("answered"), 3);
        client.close().await;
        assert_eq!(ends.recv().await, Some(1000));
    }
    let error = refused(connect().minimum_version("1.11.0")).await;
    assert_eq!(error.kind(), ErrorKind::Version);
    let versions = error.version_mismatch().expect("the versions");
    assert_eq!((versions.needed.as_str(), versions.got.as_deref()), ("1.11.0", Some("1.10.0")));
    assert!(error.to_string().ends_with("version 1.11.0 or later is needed, not `1.10.0`"), "{error}");
    assert_eq!(ends.recv().await, Some(1000));
}

#[tokio::test]
async fn a_version_that_is_none_is_an_error_on_either_side() {
    let server = start(builder(methods![add]).open().version("next \"release\"")).await;
    let connect = || Client::connect(format!("ws://{}", server.address()));
    let error = refused(connect().minimum_version("0.1.0")).await;
    assert_eq!(error.kind(), ErrorKind::Version);
    assert_eq!(error.version_mismatch().expect("the versions").got.as_deref(), Some("next \"release\""));
    for (connect, setting) in [
        (connect().minimum_version("one"), "`minimum_version` is `one`"),
        (connect().version("1.0"), "`version` is `1.0`"),
    ] {
        let error = refused(connect).await;
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().starts_with(setting), "{error}");
    }
    let error = builder(methods![]).open().version("1.0\n").build().expect_err("no header holds it");
    assert!(error.to_string().contains("`version` is `1.0\\n`: wanted is visible ASCII"), "{error}");
}

#[tokio::test]
async fn a_server_tells_its_version_to_nobody_but_those_who_are_logged_in() {
    let server = start(builder(methods![add]).password("p").version("2.0.0")).await;
    let connect = || Client::connect(format!("ws://{}", server.address()));
    let stranger = connect().minimum_version("1.10.0").await.expect("nothing was told yet");
    let told: Value = stranger.call("rpc.login", json!({ "token": "p" })).await.expect("logged in");
    assert_eq!(told["version"], "2.0.0");
    for batch in [false, true] {
        let stranger = connect().minimum_version("2.0.1").await.expect("nothing was told yet");
        let error = if batch {
            let mut batch = stranger.batch();
            batch.call::<Value>("rpc.login", json!({ "token": "p" }));
            batch.send().await.expect_err("too old")
        } else {
            stranger.call::<Value>("rpc.login", json!({ "token": "p" })).await.expect_err("too old")
        };
        assert_eq!(error.kind(), ErrorKind::Version);
        assert_eq!(error.version_mismatch().expect("the versions").got.as_deref(), Some("2.0.0"));
        let end = stranger.closed().await;
        assert!(end.code == CloseCode::ABNORMAL && end.reason.contains("the server is refused"), "{end:?}");
    }
}

#[tokio::test]
async fn a_client_tells_its_version_and_learns_which_one_is_needed() {
    let server = start(builder(methods![add]).password("p").minimum_version("1.2.0")).await;
    let connect = || Client::connect(format!("ws://{}", server.address())).password("p");
    let client = connect().version("1.3.0").await.expect("new enough");
    assert_eq!(add::call(&client, 1, 2).await.expect("answered"), 3);
    for (connect, got) in [(connect().version("1.1.0"), Some("1.1.0")), (connect(), None)] {
        let error = refused(connect).await;
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let versions = error.version_mismatch().expect("the versions");
        assert_eq!((versions.needed.as_str(), versions.got.as_deref()), ("1.2.0", got));
    }
}

#[tokio::test]
async fn a_version_told_in_the_upgrade_holds_for_a_login_by_call() {
    let server = start(builder(methods![add]).password("p").minimum_version("1.2.0")).await;
    let client = Client::connect(format!("ws://{}", server.address())).version("1.3.0").await.expect("a stranger");
    client.call::<serde_json::Value>("rpc.login", json!({ "token": "p" })).await.expect("new enough");
    assert_eq!(add::call(&client, 1, 2).await.expect("answered"), 3);
}

#[tokio::test]
async fn a_client_that_a_hook_refuses_learns_why() {
    let hook = |_: conduit::Connection| async { Err::<(), _>("the shop is closed") };
    let server = start(builder(methods![add]).password("p").on_client_connect(hook)).await;
    let client = Client::connect(format!("ws://{}", server.address())).password("p").await.expect("connected");
    let end = client.closed().await;
    assert_eq!((end.code, end.reason.as_str()), (CloseCode::REFUSED, "the shop is closed"));
    for error in [
        add::call(&client, 1, 2).await.expect_err("closed"),
        client.send("chat", "hello").await.expect_err("closed"),
        client.notify("add", (1, 2)).await.expect_err("closed"),
    ] {
        assert!(error.is_closed());
        assert_eq!((error.close_code(), error.close_reason()), (Some(CloseCode::REFUSED), Some("the shop is closed")));
        assert!(error.to_string().contains("4003") && error.to_string().contains("the shop is closed"), "{error}");
    }
}

#[tokio::test]
async fn calls_that_wait_learn_how_the_connection_ended() {
    let gate = Arc::new(Gate::default());
    let server = start(builder(methods![forever]).open().state(Arc::clone(&gate))).await;
    let client = connect(&server).await;
    let mut batch = client.batch();
    batch.call::<()>("forever", ());
    let call = tokio::spawn({
        let client = client.clone();
        async move { forever::call(&client).await }
    });
    let batch = tokio::spawn(batch.send());
    gate.arrived.notified().await;
    gate.arrived.notified().await;
    let peer = server.server().connections().pop().expect("connected");
    peer.disconnect(4321, "enough");
    let errors =
        [call.await.expect("no panic").expect_err("closed"), batch.await.expect("no panic").expect_err("closed")];
    for error in errors {
        assert_eq!((error.close_code(), error.close_reason()), (Some(4321.into()), Some("enough")), "{error}");
    }
    let own = connect(&server).await;
    own.close().await;
    assert_eq!(add::call(&own, 1, 2).await.expect_err("closed").close_code(), Some(CloseCode::NORMAL));
    assert_eq!(own.closed().await.code, CloseCode::NORMAL);
}
