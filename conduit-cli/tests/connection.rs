//! Servers that can't be reached, that want a login, and that go away.

use conduit::RunningServer;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Running, builder, finish, program, run, serve, start};

async fn with_login() -> RunningServer {
    start(builder().password("secret")).await
}

/// A server that answers calls with their params, and has none of conduit's methods.
pub(crate) async fn bare_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a WebSocket");
            tokio::spawn(async move {
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let request: Value = serde_json::from_str(&text).expect("JSON");
                    let answer = match request["method"] == "rpc.discover" {
                        true => {
                            json!({ "id": request["id"], "error": { "code": -32601, "message": "no such method" } })
                        }
                        false => json!({ "id": request["id"], "result": request["params"] }),
                    };
                    let mut answer = answer;
                    answer["jsonrpc"] = json!("2.0");
                    socket.send(Message::text(answer.to_string())).await.expect("sent");
                }
            });
        }
    });
    address
}

/// Every command that connects, as somebody would write it.
const COMMANDS: [&[&str]; 9] = [
    &["list", "URL"],
    &["describe", "URL", "add"],
    &["call", "URL", "add", "a=1", "b=2"],
    &["listen", "URL", "chat"],
    &["send", "URL", "chat", "text=hello"],
    &["openrpc", "URL"],
    &["bench", "URL", "add", "a=1", "b=2"],
    &["repl", "URL"],
    &["generate", "rust", "URL"],
];

fn with_url<'a>(command: &[&'a str], url: &'a str) -> Vec<&'a str> {
    command.iter().map(|word| if *word == "URL" { url } else { word }).collect()
}

#[tokio::test]
async fn a_server_that_is_down_is_told_by_every_command() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for command in COMMANDS {
        let done = run(&with_url(command, &free.to_string())).await;
        let stderr = done.failed(3);
        assert!(stderr.starts_with(&format!("error: can't connect to ws://{free}/: ")), "{stderr}");
        assert!(stderr.contains("help: is a server there? `conduit serve` starts one"), "{stderr}");
    }
    let error = run(&["--json", "list", &free.to_string()]).await.error();
    assert_eq!((&error["kind"], &error["exit"]), (&json!("connect"), &json!(3)));
}

#[tokio::test]
async fn a_login_that_is_missing_is_told_by_every_command() {
    let server = with_login().await;
    for command in COMMANDS {
        let done = run(&with_url(command, &server.address().to_string())).await;
        assert!(done.failed(4).contains("help: give the token with --token or CONDUIT_TOKEN"), "{done:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_is_told_by_every_command_and_not_repeated() {
    let server = with_login().await;
    for command in COMMANDS {
        let address = server.address().to_string();
        let words = [&with_url(command, &address)[..], &["--token", "hunter2"]].concat();
        let done = run(&words).await;
        let stderr = done.failed(4);
        assert!(stderr.contains("refused the login: login failed: the token is wrong"), "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[tokio::test]
async fn the_token_comes_from_the_option_or_the_environment() {
    let server = with_login().await;
    let url = server.address().to_string();
    assert_eq!(run(&["call", &url, "add", "a=1", "b=2", "--token", "secret"]).await.ok(), "3\n");
    let mut command = program(&["call", &url, "add", "a=1", "b=2"]);
    assert_eq!(finish(command.env("CONDUIT_TOKEN", "secret")).await.ok(), "3\n");
    let mut command = program(&["call", &url, "add", "a=1", "b=2", "--token", "secret"]);
    assert_eq!(finish(command.env("CONDUIT_TOKEN", "wrong")).await.ok(), "3\n");
    let header = run(&["call", &url, "add", "a=1", "b=2", "--header", "Authorization: Bearer secret"]).await;
    assert_eq!(header.ok(), "3\n");
}

#[tokio::test]
async fn a_public_method_needs_no_login() {
    let server = with_login().await;
    assert_eq!(run(&["call", &server.address().to_string(), "ping"]).await.ok(), "\"pong\"\n");
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_before_anything_is_done() {
    for (url, why) in [("ftp://a", "the scheme is `ftp`"), ("ws://", "wanted a host"), ("a b", "no spaces")] {
        let done = run(&["list", url]).await;
        assert!(done.failed(2).contains(why), "{done:?}");
    }
    let done = run(&["list", "ws://me:hunter2@127.0.0.1"]).await;
    assert!(done.failed(2).contains("give a token with --token"), "{done:?}");
}

#[tokio::test]
async fn a_call_without_an_answer_ends_when_its_time_is_up() {
    let server = serve().await;
    let done = run(&["call", &server.address().to_string(), "hang", "--timeout", "50ms"]).await;
    let stderr = done.failed(6);
    assert!(stderr.contains("`hang`") && stderr.contains("50ms"), "{stderr}");
    assert!(stderr.contains("help: `--timeout 5m` waits longer"), "{stderr}");
}

#[tokio::test]
async fn a_connection_that_closes_during_a_call_is_told_with_code_and_reason() {
    let server = serve().await;
    let done = run(&["call", &server.address().to_string(), "leave"]).await;
    let stderr = done.failed(7);
    assert!(stderr.contains("4100") && stderr.contains("come back tomorrow"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_output_that_is_full_is_told() {
    let server = serve().await;
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = program(&["list", &server.address().to_string()]);
    let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let output = child.wait_with_output().await.expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    assert!(stderr.starts_with("error: the output can't be written: No space left"), "{stderr}");
}

#[tokio::test]
async fn what_is_no_websocket_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone").await.expect("sent");
        stream.shutdown().await.expect("closed");
    });
    let done = run(&["list", &address]).await;
    assert!(done.failed(3).contains("404 Not Found") && !done.stderr.contains("help:"), "{done:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_a_call_without_a_word() {
    let server = serve().await;
    let call = Running::start(&["call", &server.address().to_string(), "hang"]);
    crate::support::heard_by(&server, 1).await;
    call.signal("INT").await;
    let done = call.end().await;
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (130, "", ""));
}

#[tokio::test]
async fn tls_is_there_and_trusts_a_root_that_is_given() {
    let directory = std::env::temp_dir().join(format!("conduit-cli-tls-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = |name: &str| directory.join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(file("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).expect("written");
    let server = start(builder().tls(file("cert.pem"), file("key.pem")).open()).await;
    let url = format!("wss://localhost:{}", server.port());
    let done = run(&["call", &url, "ping", "--root-certificate", &file("cert.pem")]).await;
    assert_eq!(done.ok(), "\"pong\"\n");
    let done = run(&["call", &url, "ping"]).await;
    assert!(done.failed(3).starts_with("error: can't connect to wss://localhost"), "{done:?}");
    assert!(done.stderr.contains("help: `--root-certificate FILE` trusts"), "{done:?}");
    std::fs::remove_dir_all(&directory).expect("gone");
}
