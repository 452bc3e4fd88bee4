//! A WebSocket as a stream and a sink of texts: the only place of the client that knows what carries them.

mod carrier;
mod handshake;
mod pulse;
#[cfg_attr(not(feature = "tls"), path = "transport/no_tls.rs")]
mod tls;

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        error::CapacityError,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

#[cfg(feature = "server")]
pub(crate) use self::carrier::ByteStream;
pub(crate) use self::carrier::Pipe;
use self::{
    carrier::Carrier,
    pulse::{Counted, Pulse},
};
pub(super) use self::{handshake::Target, pulse::Heartbeat};
use crate::{
    close::{CloseCode, Disconnected},
    error::Result,
};

/// What carries the messages of one connection.
///
/// It answers pings by itself, and breaks when the peer is silent for too long. After a [`Frame::Close`], received or sent, it is read on until it ends, which
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
    Close(Disconnected),
}

/// A text that is cheap to pass on; it derefs to `str`.
pub(super) type Text = Utf8Bytes;

/// Why a connection broke.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) why: String,
    /// The code of the Close frame with which the server is told so, if it is.
    pub(super) told: Option<CloseCode>,
}

/// The buffer that is filled from the socket. One of the default size, 128 KiB, would be the most of what an idle
/// connection takes.
const READ_BUFFER: usize = 8 * 1024;

/// How much is collected before it is written without waiting for the flush.
const WRITE_BUFFER: usize = 64 * 1024;

/// How long a connection that is being closed is kept for the server's part of it.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects and logs in. Beside the connection, the version that the server told, if it told one.
pub(super) async fn connect(target: &Target, heartbeat: Option<Heartbeat>) -> Result<(WebSocket, Option<String>)> {
    let socket = carrier::open(target).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(target.max_message_size()))
        .max_frame_size(Some(target.max_message_size()));
    let pulse = Pulse::default();
    match client_async_with_config(target.request(), Counted::new(socket, &pulse), Some(config)).await {
        Ok((socket, response)) => {
            let heartbeat = heartbeat.map(|heartbeat| heartbeat.start(pulse));
            Ok((WebSocket { socket, heartbeat }, handshake::version(&response)))
        }
        Err(error) => Err(target.refused(error)),
    }
}

/// A WebSocket over what carries it.
pub(super) struct WebSocket {
    socket: WebSocketStream<Counted<Carrier>>,
    heartbeat: Option<pulse::Beating>,
}

impl Stream for WebSocket {
    type Item = Result<Frame, Lost>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // The read that follows a ping flushes the pong, so this must go on until nothing is left to read.
            match self.socket.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    if let Some(frame) = frame(message) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let lost = Lost::from(error);
                    self.tell(&lost, cx);
                    return Poll::Ready(Some(Err(lost)));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    let lost = ready!(self.beat(cx));
                    self.tell(&lost, cx);
                    return Poll::Ready(Some(Err(lost)));
                }
            }
        }
    }
}

impl WebSocket {
    /// Says what was wrong with what the server sent, before the connection is given up: "the client MUST Fail the
    /// WebSocket Connection" with a close frame (RFC 6455, 7.1.7).
    fn tell(&mut self, lost: &Lost, cx: &mut Context<'_>) {
        let Some(code) = lost.told else { return };
        let close = Disconnected::new(code, &*lost.why);
        if self.socket.start_send_unpin(Frame::Close(close).into()).is_ok() {
            let _ = self.socket.poll_flush_unpin(cx);
        }
    }

    /// Pings the server when it is time to, and breaks the connection when it has been silent for too long.
    fn beat(&mut self, cx: &mut Context<'_>) -> Poll<Lost> {
        let Some(heartbeat) = &mut self.heartbeat else { return Poll::Pending };
        while let Poll::Ready(silence) = heartbeat.poll(cx) {
            if let Some(silence) = silence {
                let why = format!("not a byte came from the server for {silence:?}");
                return Poll::Ready(Lost { why, told: Some(CloseCode::DEAD) });
            }
            // One that can't be written any more is for the reads to tell.
            if self.socket.start_send_unpin(Message::Ping(Bytes::new())).is_ok() {
                let _ = self.socket.poll_flush_unpin(cx);
            }
        }
        Poll::Pending
    }
}

/// Closes a connection that is of no use, in order.
pub(super) async fn leave(mut transport: impl Transport) {
    let leaving = async {
        if transport.send(Frame::Close(Disconnected::new(CloseCode::NORMAL, ""))).await.is_ok() {
            while let Some(Ok(_)) = transport.next().await {}
        }
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, leaving).await;
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
        self.socket.poll_ready_unpin(cx).map_err(Lost::from)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Lost> {
        self.socket.start_send_unpin(frame.into()).map_err(Lost::from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.socket.poll_flush_unpin(cx).map_err(Lost::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.socket.poll_close_unpin(cx).map_err(Lost::from)
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text),
            Frame::Binary(bytes) => Self::Binary(bytes),
            Frame::Close(Disconnected { code, reason }) => {
                Self::Close(Some(CloseFrame { code: code.as_u16().into(), reason: reason.into() }))
            }
        }
    }
}

impl From<Option<CloseFrame>> for Disconnected {
    fn from(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(CloseFrame { code, reason }) => Self { code: u16::from(code).into(), reason: reason.as_str().into() },
            None => Self { code: CloseCode::NO_STATUS, reason: String::new() },
        }
    }
}

impl From<tungstenite::Error> for Lost {
    fn from(error: tungstenite::Error) -> Self {
        let why = match &error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => format!(
                "the server sent a message of {size} bytes or more: `max_message_size` of this client is {max_size}"
            ),
            _ => error.to_string(),
        };
        Self { why, told: CloseCode::of(&error) }
    }
}
