//! TLS of the server's own, and clients that connect to it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use conduit::{Client, Error, ErrorKind, RunningServer, Server, ServerConfig, methods, raw, rpc};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::support::{PATIENCE, builder, serve, start};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[rpc]
async fn echo(text: String) -> String {
    text
}

/// Files of a certificate for the loopback network, its key, and the root that signed it; gone when this is dropped.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let files = Self(std::env::temp_dir().join(format!("conduit-tls-{}-{number}", std::process::id())));
        fs::create_dir_all(&files.0).expect("a folder");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost".into(), "127.0.0.1".into()];
        let leaf = CertificateParams::new(names).expect("names").signed_by(&key, &root).expect("a certificate");
        files.write("root.pem", &root.pem());
        files.write("server.pem", &leaf.pem());
        files.write("server.key", &key.serialize_pem());
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    async fn serve(&self) -> RunningServer {
        start(builder(methods![add, echo]).password("p").tls(self.path("server.pem"), self.path("server.key"))).await
    }

    async fn connect(&self, server: &RunningServer) -> Result<Client, Error> {
        let url = format!("wss://localhost:{}", server.port());
        Client::connect(url).password("p").root_certificate(self.path("root.pem")).await
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refusal<T>(outcome: Result<T, Error>, kind: ErrorKind) -> String {
    let error = outcome.err().expect("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

#[tokio::test]
async fn calls_go_over_wss() {
    let files = Files::new();
    let server = files.serve().await;
    let client = files.connect(&server).await.expect("connected");
    assert_eq!(add::call(&client, 2, 3).await.expect("an answer"), 5);
    // More than the buffers of TLS and of the sockets hold.
    let text = "x".repeat(5_000_000);
    assert_eq!(echo::call(&client, text.clone()).await.expect("an answer"), text);
    // A client that loses its connection makes the next one as it made the first.
    for peer in server.server().connections() {
        peer.disconnect(1012, "");
    }
    while client.is_connected() {
        tokio::task::yield_now().await;
    }
    assert_eq!(add::call(&client, 2, 3).await.expect("an answer"), 5);
    server.stop().await.expect("stopped");
    assert!(add::call(&client, 2, 3).timeout(Duration::from_millis(100)).await.is_err());
}

#[tokio::test]
async fn calls_are_posted_over_https() {
    let files = Files::new();
    let server = files.serve().await;
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(files.path("root.pem")).expect("a certificate");
    roots.add(root).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(server.address()).await.expect("the server listens");
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let body = r#"{"jsonrpc":"2.0","method":"add","params":[2,3],"id":1}"#;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
                authorization: Bearer p\r\ncontent-length:";
    stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer, and the end that TLS wants");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#""result":5,"id":1}"#), "{answer}");
}

#[tokio::test]
async fn a_server_whose_root_is_another_is_refused() {
    let (files, other) = (Files::new(), Files::new());
    let server = files.serve().await;
    let error = refusal(other.connect(&server).await, ErrorKind::Connect);
    assert!(error.contains("certificate is not trusted") && error.contains(".root_certificate("), "{error}");
    // The roots of this system, if it has any, did not sign it either.
    let url = format!("wss://localhost:{}", server.port());
    refusal(Client::connect(url).password("p").await, ErrorKind::Connect);
    assert!(files.connect(&server).await.is_ok());
}

#[tokio::test]
async fn a_server_that_shows_the_certificate_of_an_authority_is_told_what_to_change() {
    let files = Files::new();
    let mut params = CertificateParams::new(["localhost".into()]).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    files.write("server.key", &key.serialize_pem());
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    files.write("server.pem", &certificate);
    files.write("root.pem", &certificate);
    let server = files.serve().await;
    let error = refusal(files.connect(&server).await, ErrorKind::Connect);
    assert!(error.contains("CA:FALSE"), "{error}");
}

#[tokio::test]
async fn a_root_that_can_not_be_read_is_named() {
    let files = Files::new();
    let server = files.serve().await;
    let url = format!("wss://localhost:{}", server.port());
    files.write("empty.pem", "no certificate");
    for (file, why) in [("none.pem", "can't be read"), ("empty.pem", "holds no certificate: wanted is PEM")] {
        let connecting = Client::connect(url.clone()).password("p").root_certificate(files.path(file));
        let error = refusal(connecting.await, ErrorKind::Connect);
        assert!(error.contains(why) && error.contains(file), "{error}");
    }
}

#[tokio::test]
async fn who_speaks_tls_to_a_port_without_or_the_other_way_round_learns_it() {
    let files = Files::new();
    let plain = serve(methods![add]).await;
    let error = refusal(files.connect(&plain).await, ErrorKind::Connect);
    assert!(error.contains("does not speak TLS at this port"), "{error}");
    let secure = files.serve().await;
    refusal(Client::connect(format!("ws://localhost:{}", secure.port())).await, ErrorKind::Connect);
}

#[tokio::test]
async fn half_tls_handshakes_are_ended_and_keep_nobody_out() {
    let files = Files::new();
    let tls = builder(methods![add]).password("p").tls(files.path("server.pem"), files.path("server.key"));
    let server = start(tls.auth_timeout(Duration::from_millis(300))).await;
    let mut half = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
        stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.expect("the server takes the bytes");
        half.push(stream);
    }
    assert!(files.connect(&server).await.is_ok());
    for mut stream in half {
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.expect("it is ended");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}

#[tokio::test]
async fn a_server_that_stops_waits_for_no_half_tls_handshake() {
    let files = Files::new();
    let server = files.serve().await;
    let mut half = TcpStream::connect(server.address()).await.expect("the server listens");
    half.write_all(&[0x16, 0x03]).await.expect("the server takes the bytes");
    assert!(files.connect(&server).await.is_ok());
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("it stops in time").expect("stopped");
}

#[test]
fn files_that_can_not_be_used_are_named_with_what_was_wanted() {
    let (files, other) = (Files::new(), Files::new());
    files.write("empty", "nothing");
    let built = |certificate: &Path, key: &Path| {
        refusal(builder(methods![add]).open().tls(certificate, key).build(), ErrorKind::Build)
    };
    let (certificate, key) = (files.path("server.pem"), files.path("server.key"));
    let error = built(&files.path("none"), &files.path("empty"));
    for part in
        ["`tls_certificate` is ", "/none, which can't be read", "`tls_key` is ", "/empty, which holds no private key"]
    {
        assert!(error.contains(part), "{error}");
    }
    let error = built(&key, &key);
    assert!(error.contains("server.key, which holds no certificate: wanted is PEM"), "{error}");
    let error = built(&certificate, &other.path("server.key"));
    assert!(error.contains("server.key, which is the key of another certificate than "), "{error}");
}

#[tokio::test]
async fn tls_is_a_setting_of_two_files() {
    let files = Files::new();
    let path = |name| files.path(name).display().to_string();
    let text =
        format!("host = \"127.0.0.1\"\nport = 0\npassword = \"p\"\ntls_certificate = {:?}\n", path("server.pem"));
    let half: ServerConfig = toml::from_str(&text).expect("settings");
    let error = refusal(Server::builder().explicit().config(half).build(), ErrorKind::Build);
    assert!(error.contains("`tls_certificate` is given and `tls_key` is not: TLS needs both"), "{error}");
    let whole: ServerConfig = toml::from_str(&format!("{text}tls_key = {:?}\n", path("server.key"))).expect("settings");
    let server = start(Server::builder().explicit().methods(methods![add]).config(whole)).await;
    assert_eq!(add::call(&files.connect(&server).await.expect("connected"), 2, 3).await.expect("an answer"), 5);
}

#[tokio::test]
async fn a_raw_client_trusts_a_root_of_its_own() {
    let files = Files::new();
    let server = builder(methods![]).open().tls(files.path("server.pem"), files.path("server.key"));
    let server = start(server.raw("/echo", |conn, message| async move { assert!(conn.send(message)) })).await;
    let url = format!("wss://localhost:{}/echo", server.port());
    let mut client = raw::connect(url).root_certificate(files.path("root.pem")).await.expect("trusted");
    client.send("hello").await.expect("sent");
    assert_eq!(client.recv().await.expect("a message"), Some("hello".into()));
}
