//! WebSocket on hyper's upgrade: the handshake, and the socket as a session's socket.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message, Utf8Bytes,
        error::CapacityError,
        handshake::server::create_response_with_body,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{ServerState, VERSION, buffered::Buffered, handshake, login, refused, turned_away, unavailable};
use crate::{
    close::{Close, CloseCode},
    config::ServerConfig,
    metrics::Cause,
    outbox::{self, Text},
    server::Server,
    session::{Outgoing, Received, Socket, SocketError},
};

/// What a connection's buffer holds at rest. The read buffer of tungstenite's default is 128 KiB for each. Larger pieces
/// are read by [`Buffered`].
const READ_BUFFER: usize = 1024;

/// How much is gathered before it is written although more is to come.
const WRITE_BUFFER: usize = 64 * 1024;

/// Subprotocols under which JSON-RPC is known. Some clients offer one and give up when it is not taken.
const SUBPROTOCOLS: [&str; 2] = ["jsonrpc", "jsonrpc-2.0"];

pub(super) async fn upgrade(State(server): ServerState, mut request: Request) -> Response {
    if !request.headers().contains_key(UPGRADE) {
        return must_upgrade(
            "this is a JSON-RPC 2.0 service: connect with WebSocket, or POST a request as application/json\n",
        );
    }
    if let Some(refusal) = turned_away(&server, request.headers()).await {
        return refusal;
    }
    let mut response = match switch_protocols(&server, &request) {
        Ok(response) => response,
        Err(refusal) => return *refusal,
    };
    if let Some(offered) = subprotocol(request.headers()) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered.parse().expect("a constant of letters"));
    }
    let handshake = handshake(request.headers(), request.extensions());
    let identity = match login(&server, request.headers(), &handshake).await {
        Ok(identity) => identity,
        Err(refusal) => return refused(&refusal),
    };
    // Only to those who are logged in: which version runs is nobody else's business.
    if identity.is_some()
        && let Ok(version) = HeaderValue::from_str(&server.config().version)
    {
        response.headers_mut().insert(VERSION, version);
    }
    let Some(seat) = server.seat(identity.is_some()) else {
        return unavailable("the server has as many connections as it may have");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let sessions = server.0.sessions.clone();
    let connection = server.newcomer(handshake, seat);
    sessions.spawn(async move {
        // In a box of its own, so that a connection does not hold the memory that its beginning takes.
        if let Some(socket) = Box::pin(socket(upgrade, connection.server())).await {
            connection.server().accept(connection, identity, socket).await;
        }
    });
    response
}

/// The answer to a request that asks for a WebSocket as it should.
///
/// # Errors
/// The answer to one that does not.
pub(super) fn switch_protocols(server: &Server, request: &Request) -> Result<Response, Box<Response>> {
    create_response_with_body(request, Body::empty).map_err(|error| {
        server.metrics().refused(Cause::Handshake);
        Box::new((StatusCode::BAD_REQUEST, format!("not a WebSocket handshake: {error}\n")).into_response())
    })
}

pub(super) async fn socket(upgrade: OnUpgrade, server: Server) -> Option<Box<WsSocket>> {
    // The answer to the handshake may still have to be taken by the peer.
    let upgraded = match server.0.terms.kill.run_until_cancelled(upgrade).await? {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "a WebSocket upgrade failed");
            return None;
        }
    };
    let ServerConfig { max_message_size: limit, buffer_size, .. } = *server.config();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let stream = Buffered::new(TokioIo::new(upgraded), buffer_size);
    let inner = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    Some(Box::new(WsSocket { inner, held: None }))
}

fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(',')).map(str::trim);
    offered.find_map(|offered| SUBPROTOCOLS.into_iter().find(|known| *known == offered))
}

pub(super) fn must_upgrade(message: &'static str) -> Response {
    (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")], message).into_response()
}

/// A WebSocket as a session's socket.
pub(super) struct WsSocket {
    inner: WebSocketStream<Buffered<TokioIo<Upgraded>>>,
    /// The last message, if it was a large one.
    held: Option<Bytes>,
}

impl Socket<Utf8Bytes> for WsSocket {
    fn traffic(&self) -> (u64, u64) {
        self.inner.get_ref().traffic()
    }
}

impl Stream for WsSocket {
    type Item = Result<Received<Utf8Bytes>, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.inner).poll_next(cx);
        // The socket gives a buffer up that somebody else holds a part of, and takes a small one. Otherwise it would
        // keep that of its largest message for good.
        self.held = None;
        Poll::Ready(match ready!(next) {
            Some(Ok(message)) => {
                if message.len() > READ_BUFFER {
                    self.held = payload(&message);
                }
                Some(Ok(received(message)))
            }
            Some(Err(error)) => Some(Err(socket_error(&error))),
            None => None,
        })
    }
}

/// The bytes of a message; a handle, not a copy.
fn payload(message: &Message) -> Option<Bytes> {
    match message {
        Message::Text(text) => Some(text.clone().into()),
        Message::Binary(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

impl Sink<Outgoing> for WsSocket {
    type Error = SocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.inner).poll_ready(cx).map_err(|error| socket_error(&error))
    }

    fn start_send(mut self: Pin<&mut Self>, item: Outgoing) -> Result<(), SocketError> {
        let message = match item {
            Outgoing::Message(outbox::Message::Text(Text::Own(text))) => Message::Text(text.into()),
            Outgoing::Message(outbox::Message::Text(Text::Shared(bytes))) => {
                Message::Text(Utf8Bytes::try_from(bytes).expect("what is queued was written as UTF-8"))
            }
            Outgoing::Message(outbox::Message::Binary(bytes)) => Message::Binary(bytes),
            Outgoing::Ping => Message::Ping(Bytes::new()),
            Outgoing::Close(Close { code, reason }) => {
                Message::Close(Some(CloseFrame { code: code.as_u16().into(), reason: reason.into_owned().into() }))
            }
        };
        Pin::new(&mut self.inner).start_send(message).map_err(|error| socket_error(&error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(|error| socket_error(&error))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.inner).poll_close(cx).map_err(|error| socket_error(&error))
    }
}

fn received(message: Message) -> Received<Utf8Bytes> {
    match message {
        Message::Text(text) => Received::Text(text),
        Message::Binary(bytes) => Received::Binary(bytes),
        Message::Pong(_) => Received::Pong,
        Message::Ping(_) | Message::Frame(_) => Received::Handled,
        Message::Close(frame) => Received::Close(
            frame.map(|frame| Close::new(CloseCode::from(u16::from(frame.code)), frame.reason.as_str().to_owned())),
        ),
    }
}

fn socket_error(error: &WsError) -> SocketError {
    let message = match error {
        WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            format!("a message of {size} bytes is over max_message_size, which is {max_size}")
        }
        error => error.to_string(),
    };
    SocketError { message, tell: CloseCode::of(error) }
}
