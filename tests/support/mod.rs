//! A server on a free port, and a peer that speaks plain text over a WebSocket.

pub mod gate;
pub mod proxy;

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use conduit::{MethodDescriptor, OpenRpc, RunningServer, Server, ServerBuilder};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue, protocol::CloseFrame},
};

/// A builder with the settings that every test wants: loopback, a free port, no methods but its own.
pub fn builder(methods: impl IntoIterator<Item = MethodDescriptor>) -> ServerBuilder {
    Server::builder().host("127.0.0.1").port(0).explicit().methods(methods)
}

/// Serves `methods` without login.
pub async fn serve(methods: impl IntoIterator<Item = MethodDescriptor>) -> RunningServer {
    start(builder(methods).open()).await
}

pub async fn start(builder: ServerBuilder) -> RunningServer {
    builder.build().expect("the server builds").start().await.expect("the server starts")
}

/// What a test waits for at most. Nothing waits this long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A peer that sends and receives text, and knows nothing of JSON-RPC.
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    pub async fn connect(server: &RunningServer) -> Self {
        Self::upgrade(server.address(), None).await.expect("the upgrade succeeds")
    }

    pub async fn connect_with(server: &RunningServer, token: &str) -> Self {
        Self::upgrade(server.address(), Some(token)).await.expect("the upgrade succeeds")
    }

    pub async fn upgrade(
        address: SocketAddr,
        token: Option<&str>,
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        Self::upgrade_at(address, "/", token).await
    }

    pub async fn upgrade_at(
        address: SocketAddr,
        path: &str,
        token: Option<&str>,
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let header = authorization.as_deref().map(|value| ("authorization", value));
        Self::upgrade_with_headers(address, path, header.as_slice()).await
    }

    /// Connects with headers of the test's own.
    pub async fn upgrade_with(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        Self::upgrade_with_headers(address, "/", headers).await
    }

    async fn upgrade_with_headers(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("visible characters");
            request.headers_mut().insert(*name, value);
        }
        let stream = TcpStream::connect(address).await?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self { socket })
    }

    pub async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.expect("the server takes the message");
    }

    /// The next text.
    pub async fn receive_text(&mut self) -> String {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a text was expected, this came: {other:?}"),
            }
        }
    }

    /// The next text, as JSON.
    pub async fn receive(&mut self) -> Value {
        let text = self.receive_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    pub async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.receive().await
    }

    /// Calls a method under id 1 and gives the whole response.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.ask(&json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 }).to_string()).await
    }

    /// The result of a call that must succeed.
    pub async fn result(&mut self, method: &str, params: Value) -> Value {
        let response = self.call(method, params).await;
        assert_eq!(response["error"], Value::Null, "{method} failed");
        response["result"].clone()
    }

    /// The error of a call that must fail.
    pub async fn error(&mut self, method: &str, params: Value) -> Value {
        let response = self.call(method, params).await;
        assert_eq!(response.get("result"), None, "{method} succeeded");
        response["error"].clone()
    }

    /// The error of a call whose params are wrong. Whoever has the server's document finds the same without asking.
    pub async fn refusal(&mut self, method: &str, params: Value) -> Value {
        let error = self.error(method, params.clone()).await;
        let document = self.result("rpc.discover", json!([])).await;
        let document: OpenRpc = serde_json::from_value(document).expect("a document");
        let told = document.check(method, &params).expect_err("the params are wrong");
        assert_eq!(serde_json::to_value(told).expect("JSON"), error, "{method} {params}");
        error
    }

    /// Shows that nothing is on its way: the next thing to arrive answers a call made now.
    pub async fn expect_silence(&mut self) {
        let answer = self.ask(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":["nobody"],"id":"silence"}"#).await;
        assert_eq!(answer, json!({ "jsonrpc": "2.0", "result": false, "id": "silence" }));
    }

    /// The close frame with which the server ends the connection.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => {
                    // Reading on sends the answer, which the server waits for.
                    while self.next().await.is_some_and(|message| message.is_ok()) {}
                    return frame;
                }
                Some(Ok(_)) => {}
                other => panic!("a close frame was expected, this came: {other:?}"),
            }
        }
    }

    /// The two directions, for a test that uses both at a time.
    pub fn split(self) -> (SplitSink<WebSocketStream<TcpStream>, Message>, SplitStream<WebSocketStream<TcpStream>>) {
        self.socket.split()
    }

    pub async fn next(&mut self) -> Option<Result<Message, tokio_tungstenite::tungstenite::Error>> {
        tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something arrives in time")
    }
}

/// An HTTP request, written by hand, and its status and body.
pub async fn http(address: SocketAddr, method: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let response = http_response(address, method, headers, body).await;
    let status = response.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    let body = response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

/// An HTTP request, written by hand, and its whole response.
pub async fn http_response(address: SocketAddr, method: &str, headers: &[(&str, &str)], body: &str) -> String {
    http_response_at(address, &format!("{method} /"), headers, body).await
}

/// As [`http_response`], with the method and the path.
pub async fn http_response_at(address: SocketAddr, what: &str, headers: &[(&str, &str)], body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let mut request = format!("{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).await.expect("the server takes the request");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("the server answers");
    response
}

/// A log that can be read.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panics in a write").clone()).expect("a text")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics in a write").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
