//! WebSocket on axum: the upgrade, and its socket as a connection's socket.

use std::{
    error::Error as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{Extensions, HeaderMap, StatusCode, header::UPGRADE},
    response::{IntoResponse, Response},
};
use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::Error as WsError;

use super::{Login, ServerState, login, peer_addr, wrong_token};
use crate::{
    close::{Close, CloseCode},
    outbox::Text,
    session::{Outgoing, Received, SocketError},
};

/// What a connection's buffer holds at rest. The read buffer of tungstenite's default is 128 KiB for each.
const READ_BUFFER: usize = 4096;

/// How much is gathered before it is written although more is to come.
const WRITE_BUFFER: usize = 64 * 1024;

/// Subprotocols under which JSON-RPC is known. Some clients offer one and give up when it is not taken.
const SUBPROTOCOLS: [&str; 2] = ["jsonrpc", "jsonrpc-2.0"];

pub(super) async fn upgrade(
    State(server): ServerState,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) if !headers.contains_key(UPGRADE) => return not_a_websocket(),
        Err(rejection) => return rejection.into_response(),
    };
    let logged_in = match login(&server, &headers) {
        Login::Done => true,
        Login::None => false,
        Login::Wrong => return wrong_token(),
    };
    let peer = peer_addr(&extensions);
    let limit = server.config().max_message_size;
    upgrade
        .protocols(SUBPROTOCOLS)
        .max_message_size(limit)
        .max_frame_size(limit)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .on_failed_upgrade(|error| tracing::debug!(%error, "a WebSocket upgrade failed"))
        .on_upgrade(move |socket| async move { server.accept(peer, logged_in, AxumSocket(socket)).await })
}

fn not_a_websocket() -> Response {
    let message = "this is a JSON-RPC 2.0 service: connect with WebSocket, or POST a request as application/json\n";
    (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")], message).into_response()
}

/// axum's WebSocket as a connection's socket.
struct AxumSocket(WebSocket);

impl Stream for AxumSocket {
    type Item = Result<Received<Utf8Bytes>, SocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll_next(cx)) {
            Some(Ok(message)) => Some(Ok(received(message))),
            Some(Err(error)) => Some(Err(socket_error(&error))),
            None => None,
        })
    }
}

impl Sink<Outgoing> for AxumSocket {
    type Error = SocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.0).poll_ready(cx).map_err(|error| socket_error(&error))
    }

    fn start_send(mut self: Pin<&mut Self>, item: Outgoing) -> Result<(), SocketError> {
        let message = match item {
            Outgoing::Text(Text::Own(text)) => Message::Text(text.into()),
            Outgoing::Text(Text::Shared(bytes)) => {
                Message::Text(Utf8Bytes::try_from(bytes).expect("what is queued was written as UTF-8"))
            }
            Outgoing::Close(Close { code, reason }) => {
                Message::Close(Some(CloseFrame { code: code.as_u16(), reason: reason.into_owned().into() }))
            }
        };
        Pin::new(&mut self.0).start_send(message).map_err(|error| socket_error(&error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(|error| socket_error(&error))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.0).poll_close(cx).map_err(|error| socket_error(&error))
    }
}

fn received(message: Message) -> Received<Utf8Bytes> {
    match message {
        Message::Text(text) => Received::Text(text),
        Message::Binary(bytes) => Received::Binary(bytes),
        Message::Ping(_) | Message::Pong(_) => Received::Handled,
        Message::Close(frame) => Received::Close(
            frame.map(|frame| Close::new(CloseCode::from(frame.code), frame.reason.as_str().to_owned())),
        ),
    }
}

/// Finds the code that the peer should read. RFC 6455, 7.4.1 names one for each way to break the protocol.
fn socket_error(error: &axum::Error) -> SocketError {
    let tell = match error.source().and_then(|source| source.downcast_ref::<WsError>()) {
        Some(WsError::Capacity(_)) => Some(CloseCode::MESSAGE_TOO_BIG),
        Some(WsError::Utf8(_)) => Some(CloseCode::INVALID_PAYLOAD),
        Some(WsError::Protocol(fault)) if !is_over(fault) => Some(CloseCode::PROTOCOL_ERROR),
        _ => None,
    };
    SocketError { message: error.to_string(), tell }
}

/// Whether the peer is gone already, so that there is nobody to tell.
fn is_over(fault: &tokio_tungstenite::tungstenite::error::ProtocolError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError::{ResetWithoutClosingHandshake, SendAfterClosing};
    matches!(fault, ResetWithoutClosingHandshake | SendAfterClosing)
}
