//! JSON-RPC on axum and serde_json by hand: the practical limit.
//!
//! Nothing is validated and no panic contained. Calls are polled in place, and the answers to what arrived together
//! leave together.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Instant,
};

use anyhow::Result;
use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{Add, CreateUser, Emit, SLOW, event, logs_in, serve_router, small_buffers};

/// The queues of all connections.
type Hub = Arc<Mutex<Vec<UnboundedSender<Utf8Bytes>>>>;

/// Messages that are read before what they led to is written.
const BURST: usize = 256;

pub(super) async fn serve(listener: TcpListener, begun: Instant) -> Result<()> {
    let router = Router::new().route("/", get(upgrade)).with_state(Hub::default());
    serve_router(listener, router, begun).await
}

async fn upgrade(
    State(hub): State<Hub>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, StatusCode> {
    logs_in(&headers)?;
    Ok(small_buffers(upgrade).on_upgrade(|socket| session(socket, hub)))
}

async fn session(mut socket: WebSocket, hub: Hub) {
    let (sender, mut queue) = unbounded_channel();
    hub.lock().expect("nothing panics under the lock").push(sender.clone());
    let peer = Peer { hub, sender };
    while turn(&mut socket, &mut queue, &peer).await.is_some() {}
}

/// Waits for something to do, does all that is there, and flushes once.
async fn turn(socket: &mut WebSocket, queue: &mut UnboundedReceiver<Utf8Bytes>, peer: &Peer) -> Option<()> {
    tokio::select! {
        biased;
        message = socket.next() => answer(socket, message?.ok()?, peer).await?,
        text = queue.recv() => socket.feed(Message::Text(text?)).await.ok()?,
    }
    for _ in 1..BURST {
        match socket.next().now_or_never() {
            Some(message) => answer(socket, message?.ok()?, peer).await?,
            None => break,
        }
    }
    while let Ok(text) = queue.try_recv() {
        socket.feed(Message::Text(text)).await.ok()?;
    }
    socket.flush().await.ok()
}

async fn answer(socket: &mut WebSocket, message: Message, peer: &Peer) -> Option<()> {
    let Message::Text(text) = message else { return Some(()) };
    match peer.message(&text) {
        Some(answer) => socket.feed(Message::Text(answer.into())).await.ok(),
        None => Some(()),
    }
}

struct Peer {
    hub: Hub,
    sender: UnboundedSender<Utf8Bytes>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: &'a RawValue,
    #[serde(borrow)]
    id: &'a RawValue,
}

#[derive(Deserialize)]
struct Echo<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl Peer {
    fn message(&self, text: &str) -> Option<String> {
        if !text.starts_with('[') {
            return self.call(&serde_json::from_str(text).ok()?);
        }
        let requests: Vec<Request<'_>> = serde_json::from_str(text).ok()?;
        let mut answers = String::from("[");
        for answer in requests.iter().filter_map(|request| self.call(request)) {
            if answers.len() > 1 {
                answers.push(',');
            }
            answers.push_str(&answer);
        }
        answers.push(']');
        Some(answers)
    }

    /// The answer, if it is there at once.
    fn call(&self, request: &Request<'_>) -> Option<String> {
        let (params, id) = (request.params.get(), request.id);
        match &*request.method {
            "add" => {
                let Add { a, b } = serde_json::from_str(params).ok()?;
                Some(result(id, &(a + b)))
            }
            "echo" => {
                let Echo { text } = serde_json::from_str(params).ok()?;
                Some(result(id, &text))
            }
            "create_user" | "create_user_unchecked" => {
                let user: CreateUser = serde_json::from_str(params).ok()?;
                Some(result(id, &user.letters()))
            }
            "slow" => {
                let (id, sender) = (id.to_owned(), self.sender.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(SLOW).await;
                    let _ = sender.send(result(&id, &true).into());
                });
                None
            }
            "emit" => {
                let emit = serde_json::from_str(params).ok()?;
                Some(result(id, &self.emit(&emit)))
            }
            _ => None,
        }
    }

    /// Serialises each event once.
    fn emit(&self, emit: &Emit) -> usize {
        let payload = event(emit.bytes);
        let hub = self.hub.lock().expect("nothing panics under the lock");
        for _ in 0..emit.count {
            let text: Utf8Bytes =
                serde_json::to_string(&Notification { jsonrpc: "2.0", method: "tick", params: [&payload] })
                    .expect("a string is JSON")
                    .into();
            for sender in &*hub {
                let _ = sender.send(text.clone());
            }
        }
        hub.len() * emit.count
    }
}

#[derive(Serialize)]
struct Notification<'a> {
    jsonrpc: &'a str,
    method: &'a str,
    params: [&'a str; 1],
}

fn result<T: Serialize>(id: &RawValue, result: &T) -> String {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        jsonrpc: &'a str,
        result: &'a T,
        id: &'a RawValue,
    }
    serde_json::to_string(&Answer { jsonrpc: "2.0", result, id }).expect("results are JSON")
}
