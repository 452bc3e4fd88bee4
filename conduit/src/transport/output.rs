//! The writing half of a WebSocket: frames are gathered, and leave in one system call.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::{
    frame::{Kind, write_close, write_header},
    socket::lost,
};
use crate::{
    close::Disconnected,
    outbox::{Message, Text},
    session::{Outgoing, SocketError, Writer},
};

thread_local! {
    /// What is written is gathered here. A socket that can't write all of it at once keeps what is left in a buffer of its
    /// own size.
    static GATHERING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How much is gathered before it is written although more is to come.
pub(super) const GATHERED: usize = 64 * 1024;

/// From this size on a payload is written from where it is.
const LARGE: usize = 8 * 1024;

/// What is on its way out of a socket.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Frames, of which the first `sent` bytes are gone. Without room when there are none.
    frames: Vec<u8>,
    sent: usize,
    /// A payload that follows the frames, of which the first `large_sent` bytes are gone.
    large: Bytes,
    large_sent: usize,
    /// How many bytes of answers to pings are among what is not sent.
    pongs: usize,
    /// Whether a close frame was sent, or is on its way.
    is_closed: bool,
    written: u64,
}

impl Output {
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if !self.is_closed {
            self.write(Kind::Pong, payload);
            self.pongs += payload.len() + 2;
        }
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a Close
    /// frame in response." (RFC 6455, 5.5.1)
    pub(super) fn echo_close(&mut self, close: Option<&Disconnected>) {
        if !mem::replace(&mut self.is_closed, true) {
            match close {
                Some(close) => write_close(close, self.frames()),
                None => self.write(Kind::Close, &[]),
            }
        }
    }

    /// Whether so many answers to pings wait that no more should be asked for.
    pub(super) fn is_full_of_pongs(&self) -> bool {
        self.pongs > GATHERED
    }

    /// The bytes that were written since the connection was made.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes everything that is there.
    pub(super) fn poll_write_out(
        &mut self,
        io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SocketError>> {
        let all = self.poll_write_all(io, cx);
        if all.is_pending() {
            self.keep_unsent();
            return Poll::Pending;
        }
        if mem::take(&mut self.pongs) > GATHERED {
            cx.waker().wake_by_ref();
        }
        self.let_go_of_sent();
        all
    }

    fn poll_write_all(
        &mut self,
        mut io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SocketError>> {
        while self.unsent() > 0 {
            let (head, tail) = (&self.frames[self.sent..], &self.large[self.large_sent..]);
            let io = io.as_mut();
            let written = match (head, tail) {
                (head, []) => ready!(io.poll_write(cx, head)),
                ([], tail) => ready!(io.poll_write(cx, tail)),
                (head, tail) => ready!(io.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(tail)])),
            };
            let written = written.map_err(|error| lost(&error))?;
            if written == 0 {
                return Poll::Ready(Err(lost(&io::ErrorKind::WriteZero.into())));
            }
            self.written += written as u64;
            let of_head = written.min(head.len());
            self.sent += of_head;
            self.large_sent += written - of_head;
        }
        Poll::Ready(Ok(()))
    }

    fn unsent(&self) -> usize {
        self.frames.len() - self.sent + self.large.len() - self.large_sent
    }

    fn let_go_of_sent(&mut self) {
        (self.large, self.large_sent, self.sent) = (Bytes::new(), 0, 0);
        give_back(mem::take(&mut self.frames));
    }

    /// Leaves the room of the thread to others: this socket may have to wait for long.
    fn keep_unsent(&mut self) {
        let unsent = &self.frames[self.sent..];
        if self.frames.capacity() > 2 * unsent.len() {
            let unsent = unsent.to_vec();
            give_back(mem::replace(&mut self.frames, unsent));
            self.sent = 0;
        }
    }

    fn write(&mut self, kind: Kind, payload: &[u8]) {
        let frames = self.frames();
        write_header(kind, payload.len(), frames);
        frames.extend_from_slice(payload);
    }

    /// The buffer to write to: that of the thread, when there is none. What a large payload still lacks goes before.
    fn frames(&mut self) -> &mut Vec<u8> {
        if !self.large.is_empty() {
            let large = mem::take(&mut self.large);
            self.frames.extend_from_slice(&large[mem::take(&mut self.large_sent)..]);
        }
        if self.frames.capacity() == 0 {
            self.frames = GATHERING.take();
        }
        &mut self.frames
    }

    fn write_message(&mut self, message: Message) {
        let (kind, payload) = match message {
            Message::Text(Text::Own(text)) if text.len() < LARGE => return self.write(Kind::Text, text.as_bytes()),
            Message::Text(Text::Own(text)) => (Kind::Text, Bytes::from(text)),
            Message::Text(Text::Shared(text)) => (Kind::Text, text),
            Message::Binary(bytes) => (Kind::Binary, bytes),
        };
        if payload.len() < LARGE {
            self.write(kind, &payload);
        } else {
            write_header(kind, payload.len(), self.frames());
            self.large = payload;
        }
    }
}

impl Writer for Output {
    fn has_room(&self) -> bool {
        self.large.is_empty() && self.unsent() < GATHERED
    }

    fn send(&mut self, outgoing: Outgoing) {
        if self.is_closed {
            return;
        }
        match outgoing {
            Outgoing::Message(message) => self.write_message(message),
            Outgoing::Ping => self.write(Kind::Ping, &[]),
            Outgoing::Close(close) => {
                write_close(&close, self.frames());
                self.is_closed = true;
            }
        }
    }
}

fn give_back(mut buffer: Vec<u8>) {
    if (1..=2 * GATHERED).contains(&buffer.capacity()) {
        buffer.clear();
        GATHERING.set(buffer);
    }
}

#[cfg(test)]
impl Output {
    /// The memory that is held.
    pub(super) fn held(&self) -> usize {
        self.frames.capacity() + self.large.len()
    }
}
