//! Who may call what, and how one logs in.

use std::time::Duration;

use conduit::{Connection, Credentials, Identity, Server, ServerBuilder, methods, rpc};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error as WsError;

use crate::support::{Log, PATIENCE, Peer, builder, http, serve, start};

#[rpc]
async fn secret() -> &'static str {
    "treasure"
}

#[rpc(allow = "admin")]
async fn reboot() {}

#[rpc(public)]
async fn motd() -> &'static str {
    "hello"
}

#[tokio::test]
async fn a_token_at_the_upgrade_logs_in() {
    let server = start(builder(methods![secret, motd]).password("open sesame")).await;
    let mut peer = Peer::connect_with(&server, "open sesame").await;
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn a_wrong_token_at_the_upgrade_is_refused_with_401() {
    let server = start(builder(methods![secret]).password("right")).await;
    for wrong in ["wrong", "", "righ", "right!"] {
        match Peer::upgrade(server.address(), Some(wrong)).await {
            Err(WsError::Http(response)) => {
                assert_eq!(response.status(), 401, "{wrong}");
                assert_eq!(response.headers()["www-authenticate"], "Bearer");
            }
            other => panic!("{wrong:?} was not refused: {:?}", other.map(drop)),
        }
    }
}

#[tokio::test]
async fn before_login_only_public_methods_answer_and_the_connection_stays() {
    let server = start(builder(methods![secret, motd]).password("right")).await;
    let mut peer = Peer::connect(&server).await;
    for method in ["secret", "listall", "rpc.discover"] {
        let error = peer.error(method, json!([])).await;
        assert_eq!(error["code"], -32001, "{method}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains("rpc.login")), "{error}");
    }
    assert_eq!(peer.result("motd", json!([])).await, "hello");
    let error = peer.error("rpc.login", json!({ "token": "wrong" })).await;
    assert_eq!(error, json!({ "code": -32001, "message": "login failed: the token is wrong" }));
    assert_eq!(peer.error("secret", json!([])).await["code"], -32001);
    assert_eq!(
        peer.result("rpc.login", json!({ "token": "right" })).await,
        json!({ "server": "Server", "version": "0.0.0" })
    );
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn whoever_misspells_a_name_is_told_only_of_what_it_may_call() {
    let hook = |_: Server, credentials: Credentials| async move {
        let identity = Identity::new(credentials.token.clone());
        Ok::<_, String>(if credentials.token == "root" { identity.with_role("admin") } else { identity })
    };
    let server = builder(methods![secret, motd, reboot]).login(hook).on("chat", |_: Connection, _: Value| async {});
    let server = start(server).await;
    let refused = |name: &str| format!("method `{name}` not found; `listall` lists what there is");
    let meant = |name: &str, near: &str| format!("method `{name}` not found; did you mean `{near}`?");
    let [motd, secret, chat] = [meant("modt", "motd"), meant("secrt", "secret"), meant("chta", "chat")];
    let of_stranger = [motd.clone(), refused("secrt"), refused("chta"), refused("rebot")];
    let of_joe = [motd.clone(), secret.clone(), chat.clone(), refused("rebot")];
    let of_root = [motd, secret, chat, meant("rebot", "reboot")];
    for (token, told) in [(None, of_stranger), (Some("joe"), of_joe), (Some("root"), of_root)] {
        let mut peer = Peer::upgrade(server.address(), token).await.expect("connected");
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_ref().map(|bearer| ("authorization", bearer.as_str())));
        for (name, told) in ["modt", "secrt", "chta", "rebot"].into_iter().zip(told) {
            let error = peer.error(name, json!([])).await;
            assert_eq!(error, json!({ "code": -32601, "message": told }), "{token:?}");
            let body = json!({ "jsonrpc": "2.0", "method": name, "id": 1 }).to_string();
            let (status, answer) = http(server.address(), "POST", &headers, &body).await;
            assert_eq!(status, 200);
            assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON")["error"], error, "{token:?}");
        }
    }
}

#[tokio::test]
async fn calls_sent_right_behind_the_login_are_served() {
    let server = start(builder(methods![secret]).password("right")).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"rpc.login","params":["right"],"id":1}"#).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"secret","id":2}"#).await;
    assert_eq!(peer.receive().await["id"], 1);
    assert_eq!(peer.receive().await, json!({ "jsonrpc": "2.0", "result": "treasure", "id": 2 }));
}

#[tokio::test]
async fn who_does_not_log_in_in_time_is_closed_with_4001() {
    let server = start(builder(methods![secret]).password("right").auth_timeout(Duration::from_millis(50))).await;
    let mut peer = Peer::connect(&server).await;
    let frame = peer.closed().await.expect("a close frame with a code");
    assert_eq!(u16::from(frame.code), 4001);
    assert_eq!(frame.reason.as_str(), "no login within 50ms");
}

#[tokio::test(start_paused = true)]
async fn who_has_logged_in_may_stay() {
    let server = start(builder(methods![secret]).password("right").auth_timeout(Duration::from_secs(30))).await;
    let mut peer = Peer::connect_with(&server, "right").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn an_open_server_asks_nobody() {
    let server = serve(methods![secret]).await;
    assert_eq!(Peer::connect(&server).await.result("secret", json!([])).await, "treasure");
    assert_eq!(Peer::connect_with(&server, "whatever").await.result("secret", json!([])).await, "treasure");
}

#[tokio::test]
async fn without_a_password_a_random_token_is_made_and_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let server = tracing::subscriber::with_default(subscriber, || builder(methods![secret]).build());
    let server = server.expect("the server builds").start().await.expect("the server starts");
    let text = log.text();
    let tokens: Vec<&str> = text.split_whitespace().filter(|word| word.len() == 64).collect();
    assert_eq!(tokens.len(), 1, "{text}");
    let mut peer = Peer::connect_with(&server, tokens[0]).await;
    assert_eq!(peer.result("secret", json!([])).await, "treasure");
    assert_eq!(Peer::connect(&server).await.error("secret", json!([])).await["code"], Value::from(-32001));
}

#[rpc(public)]
async fn header(client: &Connection, name: String) -> Option<String> {
    client.header(&name).map(str::to_owned)
}

#[rpc]
async fn who(client: &Connection) -> Option<String> {
    client.identity().map(|identity| identity.name().to_owned())
}

/// A hook that looks at a header, and at nothing else.
fn with_keys() -> ServerBuilder {
    builder(methods![who, header]).login_headers(["X-Api-Key"]).login(
        |_: Server, credentials: Credentials| async move {
            match credentials.header("x-api-key") {
                Some("k1") => Ok(Identity::new("robot")),
                Some("secret") => panic!("{credentials:?}"),
                key => Err(format!("{key:?} is no key")),
            }
        },
    )
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_client_logs_in_by_a_header_that_the_hook_looks_at() {
    let server = start(with_keys()).await;
    let mut peer = Peer::upgrade_with(server.address(), &[("x-api-key", "k1")]).await.expect("upgraded");
    assert_eq!(peer.result("who", json!([])).await, "robot");
    match Peer::upgrade_with(server.address(), &[("x-api-key", "k2")]).await {
        Err(WsError::Http(response)) => assert_eq!(response.status(), 401),
        other => panic!("it was not refused: {:?}", other.map(drop)),
    }
    let who = r#"{"jsonrpc":"2.0","method":"who","id":1}"#;
    let (status, answer) = http(server.address(), "POST", &[JSON, ("x-api-key", "k1")], who).await;
    assert!(status == 200 && answer.contains("robot"), "{status} {answer}");
    let (status, answer) = http(server.address(), "POST", &[JSON, ("x-api-key", "k2")], who).await;
    assert!(status == 401 && answer.contains("is no key"), "{status} {answer}");
}

#[tokio::test]
async fn the_hook_sees_the_headers_of_the_upgrade_when_a_client_logs_in_by_call_too() {
    let server = start(builder(methods![who]).login(|_: Server, credentials: Credentials| async move {
        let mut cookies = credentials.headers().filter(|(name, _)| *name == "cookie").map(|(_, value)| value);
        assert!(credentials.peer_addr.is_some_and(|address| address.ip().is_loopback()));
        match (cookies.next(), credentials.token.as_str()) {
            (Some("session=7"), "t") => Ok(Identity::new("seven")),
            seen => Err(format!("{seen:?}")),
        }
    }))
    .await;
    // A cookie alone asks for nothing here: it is none of the `login_headers`.
    let mut peer = Peer::upgrade_with(server.address(), &[("cookie", "session=7")]).await.expect("upgraded");
    assert_eq!(peer.error("who", json!([])).await["code"], -32001);
    peer.result("rpc.login", json!(["t"])).await;
    assert_eq!(peer.result("who", json!([])).await, "seven");
}

#[tokio::test]
async fn a_connection_knows_the_headers_it_began_with_but_for_the_secret() {
    let server = start(builder(methods![header]).password("p")).await;
    let headers = [("authorization", "Bearer p"), ("x-tenant", "blue"), ("user-agent", "test/1")];
    let mut peer = Peer::upgrade_with(server.address(), &headers).await.expect("upgraded");
    for (name, value) in [
        ("X-Tenant", json!("blue")),
        ("user-agent", json!("test/1")),
        ("host", json!(server.address().to_string())),
        ("authorization", Value::Null),
        ("sec-websocket-key", Value::Null),
        ("x-other", Value::Null),
    ] {
        assert_eq!(peer.result("header", json!([name])).await, value, "{name}");
    }
    let body = r#"{"jsonrpc":"2.0","method":"header","params":["x-tenant"],"id":1}"#;
    let (_, answer) = http(server.address(), "POST", &[JSON, ("x-tenant", "red")], body).await;
    assert!(answer.contains(r#""result":"red""#), "{answer}");
}

#[tokio::test]
async fn a_hook_that_panics_shows_no_secret_of_the_client() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let server = start(with_keys()).await;
    assert!(Peer::upgrade_with(server.address(), &[("x-api-key", "secret")]).await.is_err());
    let text = log.text();
    assert!(text.contains("x-api-key") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_login_that_takes_longer_than_a_stranger_may_is_refused() {
    let forever = |_: Server, _: Credentials| std::future::pending::<Result<Identity, String>>();
    let server = start(builder(methods![who]).login(forever).auth_timeout(Duration::from_millis(50))).await;
    let refused = tokio::time::timeout(PATIENCE, Peer::upgrade(server.address(), Some("t"))).await;
    assert!(matches!(refused, Ok(Err(WsError::Http(response))) if response.status() == 503));
}

#[tokio::test]
async fn a_login_that_could_not_be_looked_at_is_no_failed_one() {
    let hook = |_: Server, credentials: Credentials| async move {
        assert_ne!(credentials.token, "bug", "a bug in the hook");
        if credentials.token == "right" { Ok(Identity::new("joe")) } else { Err("nobody has this token") }
    };
    let server = start(builder(methods![who]).login(hook).max_failed_logins(2)).await;
    let mut stranger = Peer::connect(&server).await;
    for _ in 0..3 {
        let error = stranger.error("rpc.login", json!(["bug"])).await;
        assert_eq!(error, json!({ "code": -32603, "message": "login failed: the server failed" }));
        match Peer::upgrade(server.address(), Some("bug")).await {
            Err(WsError::Http(response)) => {
                assert_eq!(response.status(), 503);
                assert_eq!(response.headers()["retry-after"], "5");
            }
            other => panic!("it was not refused: {:?}", other.map(drop)),
        }
    }
    assert_eq!(Peer::connect_with(&server, "right").await.result("who", json!([])).await, "joe");
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_told_when_to_come_back() {
    let server = start(builder(methods![who]).password("right").max_failed_logins(1)).await;
    assert!(Peer::upgrade(server.address(), Some("wrong")).await.is_err());
    match Peer::upgrade(server.address(), Some("right")).await {
        Err(WsError::Http(response)) => {
            let wait: u64 = response.headers()["retry-after"].to_str().expect("a text").parse().expect("seconds");
            assert!(response.status() == 429 && (1..=60).contains(&wait), "{response:?}");
        }
        other => panic!("it was not refused: {:?}", other.map(drop)),
    }
}

#[test]
fn headers_to_log_in_by_are_checked() {
    let hook = |_: Server, _: Credentials| async { Err::<Identity, _>("nobody") };
    for (names, part) in [
        (["x key"], "`x key`, which is no name"),
        (["Authorization"], "leave it out"),
        (["Connection"], "`Connection`, which clients send that don't log in"),
        (["sec-websocket-key"], "`sec-websocket-key`, which clients send"),
    ] {
        let error = builder(methods![who]).login_headers(names).login(hook).build().expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = builder(methods![who]).login_headers(["x-api-key"]).open().build().expect_err("refused").to_string();
    assert!(error.contains("no login hook"), "{error}");
}
