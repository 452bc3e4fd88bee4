//! Servers that can't be reached, that want a login, and that go away.

use std::time::{Duration, Instant};

use conduit::RunningServer;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Running, builder, finish, program, run, serve, start};

async fn with_login() -> RunningServer {
    start(builder().password("secret")).await
}

/// A server that answers calls with their params, and has none of conduit's methods.
pub(crate) async fn bare_server() -> String {
    server_that_tells(json!({ "error": { "code": -32601, "message": "no such method" } })).await
}

/// The same, with another answer to who asks what it can do.
pub(crate) async fn server_that_tells(told: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a WebSocket");
            let told = told.clone();
            tokio::spawn(async move {
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    socket.send(answer(&text, told.clone())).await.expect("sent");
                }
            });
        }
    });
    address
}

fn answer(request: &str, told: Value) -> Message {
    let request: Value = serde_json::from_str(request).expect("JSON");
    let mut answer = match request["method"] == "rpc.discover" {
        true => told,
        false => json!({ "result": request["params"] }),
    };
    answer["id"] = request["id"].clone();
    answer["jsonrpc"] = json!("2.0");
    Message::text(answer.to_string())
}

/// A server that does not say goodbye, and how long each client waits for it.
async fn server_without_goodbye() -> (String, mpsc::UnboundedReceiver<Duration>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (waited, waits) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a WebSocket");
            let waited = waited.clone();
            tokio::spawn(async move {
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let told = json!({ "error": { "code": -32601, "message": "no such method" } });
                    socket.send(answer(&text, told)).await.expect("sent");
                }
                let start = Instant::now();
                // Its own close frame goes out with the next message, which there is none of.
                let _ = socket.get_mut().read_to_end(&mut Vec::new()).await;
                let _ = waited.send(start.elapsed());
            });
        }
    });
    (address, waits)
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
async fn scripts_get_one_line_of_json_from_every_command() {
    let server = serve().await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").to_string();
    let address = server.address().to_string();
    for command in COMMANDS {
        if command[0] != "listen" && command[0] != "repl" && command[0] != "generate" {
            let more: &[&str] = if command[0] == "bench" { &["-n", "10"] } else { &[] };
            let done = run(&[&["--json"], &with_url(command, &address)[..], more].concat()).await;
            assert_eq!(done.stderr, "", "{command:?}");
            done.json();
        }
        let error = run(&[&["--json"], &with_url(command, &free)[..]].concat()).await.error();
        assert_eq!((&error["kind"], &error["exit"]), (&json!("connect"), &json!(3)), "{command:?}");
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
    let cases = [
        ("", "wanted a host"),
        ("ftp://a", "the scheme is `ftp`; wanted ws, wss, http or https"),
        ("ws://", "wanted a host, such as ws://127.0.0.1:8080"),
        ("http://", "wanted a host"),
        ("https://", "wanted a host"),
        ("http:localhost:8080", "wanted http://localhost:8080"),
        ("a b", "no spaces"),
        ("8080", "a port of this machine is `:8080`"),
        (":99999", "`99999` is no port: wanted 1 to 65535"),
        ("localhost:http", "`http` is no port"),
        ("::1", "as in [::1]:8080"),
        ("ws://me:hunter2@127.0.0.1", "give a token with --token"),
    ];
    for (url, why) in cases {
        let done = run(&["list", url]).await;
        assert!(done.failed(2).contains(why), "{url}: {done:?}");
    }
}

#[tokio::test]
async fn what_no_connection_can_be_made_with_is_refused_and_no_token_repeated() {
    let cases: [(&[&str], &str); 5] = [
        (&["--token", "hünter2"], "the token can't be sent: it must be visible ASCII characters"),
        (&["--header", "a b: c"], "`a b` can't be the name of a header"),
        (&["--header", "a: \u{1}"], "the value holds a character that a header can't"),
        (&["--root-certificate", "x.pem"], "--root-certificate is of use with wss:// alone"),
        (&["wss://localhost", "--root-certificate", "/no/such.pem"], "/no/such.pem, which can't be read: "),
    ];
    for (words, why) in cases {
        let url: &[&str] = if words[0].starts_with("wss") { &[] } else { &["127.0.0.1:1"] };
        let done = run(&[&["list"], url, words].concat()).await;
        assert!(done.failed(2).contains(why) && !done.stderr.contains("nter2"), "{done:?}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_ends_when_its_time_is_up() {
    let server = serve().await;
    let done = run(&["call", &server.address().to_string(), "hang", "--timeout", "50ms"]).await;
    let stderr = done.failed(6);
    assert!(stderr.contains("`hang`") && stderr.contains("50ms"), "{stderr}");
    assert!(stderr.contains("help: `--timeout 5m` waits longer"), "{stderr}");
    let done = run(&["call", &server.address().to_string(), "impatient"]).await;
    let stderr = done.failed(6);
    assert!(stderr.contains("help: the server gives `impatient` up after 0.05 s"), "{stderr}");
}

#[tokio::test]
async fn a_call_that_the_server_gives_up_before_its_time_is_up_is_told_in_words_of_the_server() {
    let server = start(builder().open().call_timeout(Duration::from_millis(50))).await;
    let url = server.address().to_string();
    for options in [&["--timeout", "1m"][..], &[]] {
        let done = run(&[&["call", &url, "hang"], options].concat()).await;
        let expected = "\
error: `hang` took longer than it may
help: the server gives `hang` up, and --timeout can't put that off
";
        assert_eq!(done.failed(6), expected);
    }
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

/// A server that answers whatever comes first with this text, and nothing more.
async fn answering(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_websocket_is_told_with_what_may_be_meant() {
    let cases = [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone", "404 Not Found", "is the path right?"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "200 OK", "something is there that is no WebSocket"),
        ("HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "301", "it sends elsewhere"),
        ("SSH-2.0-OpenSSH\r\n", "is no WebSocket", "if it speaks TLS, it is wss://127.0.0.1:"),
    ];
    for (text, seen, help) in cases {
        let done = run(&["list", &answering(text).await]).await;
        let stderr = done.failed(3);
        assert!(stderr.contains(seen) && stderr.contains("help: ") && stderr.contains(help), "{stderr}");
    }
    let plain = run(&["list", &format!("wss://{}", answering("HTTP/1.1 200 OK\r\n\r\n").await)]).await;
    assert!(plain.failed(3).contains("help: without TLS it is ws://127.0.0.1:"), "{plain:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_when_its_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let done = run(&["list", &address, "--connect-timeout", "50ms"]).await;
    assert!(done.failed(3).contains("help: `--connect-timeout 1m` waits longer"), "{done:?}");
    tokio::spawn(async move {
        let mut sockets = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                sockets.push(socket);
            }
        }
    });
    let done = run(&["list", &address, "--timeout", "50ms"]).await;
    assert!(
        done.failed(6).contains("did not answer `rpc.discover` in time\nhelp: does it speak JSON-RPC?"),
        "{done:?}"
    );
}

#[tokio::test]
async fn a_server_that_says_no_goodbye_holds_nobody_up() {
    let (address, mut waits) = server_without_goodbye().await;
    run(&["call", &address, "x", "[1]"]).await.ok();
    // One that calls once, and two that are measured.
    run(&["bench", &address, "x", "[1]", "-n", "5", "-c", "2"]).await.ok();
    for _ in 0..4 {
        let waited = waits.recv().await.expect("a client left");
        assert!(waited < Duration::from_secs(4), "{waited:?}");
    }
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
    // A comment in the character set of its author.
    let commented = [b"# caf\xe9\n", made.cert.pem().as_bytes()].concat();
    std::fs::write(file("commented.pem"), commented).expect("written");
    assert_eq!(run(&["call", &url, "ping", "--root-certificate", &file("commented.pem")]).await.ok(), "\"pong\"\n");
    #[cfg(unix)]
    {
        // What a shell's `<(..)` gives can be read once.
        let piped =
            crate::support::pipe(&["call", &url, "ping", "--root-certificate", "/dev/stdin"], &made.cert.pem()).await;
        assert_eq!(piped.ok(), "\"pong\"\n");
    }
    let done = run(&["call", &url, "ping"]).await;
    assert!(done.failed(3).starts_with("error: can't connect to wss://localhost"), "{done:?}");
    assert!(done.stderr.contains("with `--root-certificate FILE`"), "{done:?}");
    let done = run(&["call", &url, "ping", "--root-certificate", &file("key.pem")]).await;
    assert!(done.failed(2).contains("holds no certificate"), "{done:?}");
    std::fs::remove_dir_all(&directory).expect("gone");
}
