//! A WebSocket as a stream and a sink of texts: the only place of the client that knows what carries them.

mod carrier;
mod handshake;
#[cfg_attr(not(feature = "tls"), path = "transport/no_tls.rs")]
mod tls;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

#[cfg(feature = "server")]
pub(crate) use self::carrier::ByteStream;
use self::carrier::Carrier;
pub(crate) use self::carrier::Pipe;
pub(super) use self::handshake::Target;
use crate::{
    close::{self, CloseCode, Disconnected},
    error::Result,
};

/// What carries the messages of one connection.
///
/// It answers pings by itself. After a [`Frame::Close`], received or sent, it is read on until it ends, which
/// completes the close.
pub(super) trait Transport:
    Stream<Item = Result<Frame, Lost>> + Sink<Frame, Error = Lost> + Send + Unpin + 'static
{
}

impl<T> Transport for T where T: Stream<Item = Result<Frame, Lost>> + Sink<Frame, Error = Lost> + Send + Unpin + 'static {}

/// One message, either way.
#[derive(Debug)]
pub(super) enum Frame {
    Text(Text),
    Binary(Bytes),
    Close(Close),
}

/// A text that is cheap to pass on; it derefs to `str`.
pub(super) type Text = Utf8Bytes;

/// Why a connection is closed.
#[derive(Debug, Clone)]
pub(super) struct Close {
    code: Option<u16>,
    reason: String,
}

/// Why a connection broke.
#[derive(Debug)]
pub(super) struct Lost(pub(super) String);

/// The buffer that is filled from the socket. One of the default size, 128 KiB, would be the most of what an idle
/// connection takes.
const READ_BUFFER: usize = 8 * 1024;

/// How much is collected before it is written without waiting for the flush.
const WRITE_BUFFER: usize = 64 * 1024;

/// Connects and logs in. Beside the connection, the version that the server told, if it told one.
pub(super) async fn connect(target: &Target) -> Result<(WebSocket, Option<String>)> {
    let socket = carrier::open(target).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(target.max_message_size()))
        .max_frame_size(Some(target.max_message_size()));
    match client_async_with_config(target.request(), socket, Some(config)).await {
        Ok((socket, response)) => Ok((WebSocket(socket), handshake::version(&response))),
        Err(error) => Err(target.refused(error)),
    }
}

/// A WebSocket over what carries it.
pub(super) struct WebSocket(WebSocketStream<Carrier>);

impl Stream for WebSocket {
    type Item = Result<Frame, Lost>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // The read that follows a ping flushes the pong, so this must go on until nothing is left to read.
            match ready!(self.0.poll_next_unpin(cx)) {
                Some(Ok(message)) => {
                    if let Some(frame) = frame(message) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Some(Err(error)) => {
                    self.tell(&error, cx);
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl WebSocket {
    /// Says what was wrong with what the server sent, before the connection is given up: "the client MUST Fail the
    /// WebSocket Connection" with a close frame (RFC 6455, 7.1.7).
    fn tell(&mut self, error: &tungstenite::Error, cx: &mut Context<'_>) {
        let Some(code) = CloseCode::of(error) else { return };
        let close = Close::new(code, error.to_string());
        if self.0.start_send_unpin(Frame::Close(close).into()).is_ok() {
            let _ = self.0.poll_flush_unpin(cx);
        }
    }
}

/// What a received message says, if it is for more than the transport.
fn frame(message: Message) -> Option<Frame> {
    match message {
        Message::Text(text) => Some(Frame::Text(text)),
        Message::Binary(bytes) => Some(Frame::Binary(bytes)),
        Message::Close(close) => Some(Frame::Close(close.into())),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
    }
}

impl Sink<Frame> for WebSocket {
    type Error = Lost;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.0.poll_ready_unpin(cx).map_err(Lost::from)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Lost> {
        self.0.start_send_unpin(frame.into()).map_err(Lost::from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.0.poll_flush_unpin(cx).map_err(Lost::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.0.poll_close_unpin(cx).map_err(Lost::from)
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text),
            Frame::Binary(bytes) => Self::Binary(bytes),
            Frame::Close(Close { code, reason }) => {
                Self::Close(code.map(|code| CloseFrame { code: code.into(), reason: reason.into() }))
            }
        }
    }
}

impl From<Option<CloseFrame>> for Close {
    fn from(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(CloseFrame { code, reason }) => Self { code: Some(code.into()), reason: reason.as_str().into() },
            None => Self { code: None, reason: String::new() },
        }
    }
}

impl From<tungstenite::Error> for Lost {
    fn from(error: tungstenite::Error) -> Self {
        Self(error.to_string())
    }
}

impl Close {
    /// The close of a connection that did what it was for.
    pub(super) fn normal() -> Self {
        Self::new(CloseCode::NORMAL, "")
    }

    pub(super) fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        // Of the reason, as much as fits into a control frame.
        let close::Close { code, reason } = close::Close::new(code, reason.into());
        Self { code: Some(code.as_u16()), reason: reason.into_owned() }
    }

    /// How the connection ended.
    pub(super) fn into_disconnected(self) -> Disconnected {
        Disconnected { code: self.code.map_or(CloseCode::NO_STATUS, CloseCode::from), reason: self.reason }
    }

    pub(super) fn code(&self) -> Option<u16> {
        self.code
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "code {code}")?,
            None => f.write_str("no code")?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ", reason `{}`", self.reason) }
    }
}
