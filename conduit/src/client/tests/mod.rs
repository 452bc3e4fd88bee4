//! The client against a server that each test scripts, text by text.

mod batches;
mod calls;
mod connecting;
mod endings;
mod hooks;
mod known;
mod load;
mod messages;
mod reconnecting;
mod refused;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::{Client, Connect};

/// The server's end of one connection.
struct Peer(WebSocketStream<TcpStream>);

/// A listener and its URL.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A client of one connection, and the server's end of it.
async fn connected() -> (Client, Peer) {
    let (listener, url) = listen().await;
    let connect = async { Client::connect(url).reconnect(false).await.unwrap() };
    tokio::join!(connect, Peer::accept(&listener))
}

const MS: Duration = Duration::from_millis(1);

/// A connection that is made again without much ado.
fn coming_back(url: &str) -> Connect {
    Client::connect(url).reconnect_delay(MS..=MS)
}

async fn accepted(connect: Connect, listener: &TcpListener) -> (Client, Peer) {
    tokio::join!(async { connect.await.unwrap() }, Peer::accept(listener))
}

/// Ends a connection without a close frame.
fn cut(peer: Peer) {
    drop(peer);
}

/// Answers a request to connect with a text; returns the head of the request.
async fn respond(listener: &TcpListener, answer: &str) -> String {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    socket.write_all(answer.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    String::from_utf8(head).unwrap()
}

impl Peer {
    async fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().await.unwrap();
        Self(accept_async(socket).await.unwrap())
    }

    async fn next(&mut self) -> Message {
        self.0.next().await.expect("the connection ended").expect("the connection broke")
    }

    /// The next message, as its text.
    async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The next message, as JSON.
    async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Reads a request and answers it.
    async fn answer(&mut self, result: Value) {
        let id = self.json().await["id"].clone();
        self.send(&json!({"jsonrpc": "2.0", "result": result, "id": id})).await;
    }

    /// Reads a request and answers it with an error object.
    async fn answer_error(&mut self, error: Value) {
        let id = self.json().await["id"].clone();
        self.send(&json!({"jsonrpc": "2.0", "error": error, "id": id})).await;
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        self.0.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await.unwrap();
    }

    /// Reads the Close frame that must come next, and the end of the stream.
    async fn closed(&mut self) -> CloseCode {
        let Message::Close(Some(frame)) = self.next().await else { panic!("not a close frame") };
        assert!(self.0.next().await.is_none());
        frame.code
    }
}
