//! A WebSocket over a byte stream, as a session's socket.
//!
//! What is read goes to a buffer of the thread, and messages are handed out where they lie in it; what is written is
//! gathered and leaves in one system call. A connection that is idle holds no buffer at all.

use std::{
    cell::Cell,
    io, mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::{
    frame::{Decoder, Event, Step},
    output::Output,
};
use crate::session::{Outgoing, Received, Socket, SocketError, Writer};

thread_local! {
    /// What is read goes here first. It is taken out while messages are handed out: what they lead to may read too.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The server's side of a WebSocket.
#[derive(Debug)]
pub(super) struct WsSocket<S> {
    io: S,
    decoder: Decoder,
    /// How much is read at a time.
    limit: usize,
    /// What was read and not handed out: a part of a frame, or what came behind a message that was enough for now.
    input: Vec<u8>,
    /// How long `input` must be before there is a frame in it; 0 when that is not known.
    wanted: usize,
    /// Whether the peer broke the protocol: what it sends on makes no sense any more.
    is_broken: bool,
    read: u64,
    output: Output,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WsSocket<S> {
    /// A socket that takes messages of at most `max` bytes, and reads at most `limit` bytes at a time.
    pub(super) fn new(io: S, max: usize, limit: usize) -> Self {
        Self {
            io,
            decoder: Decoder::new(max),
            limit,
            input: Vec::new(),
            wanted: 0,
            is_broken: false,
            read: 0,
            output: Output::default(),
        }
    }

    /// Reads once, and hands out what is complete.
    fn read_once(&mut self, cx: &mut Context<'_>, take: &mut Take<'_>) -> Poll<Result<ControlFlow<()>, SocketError>> {
        if self.wanted > self.limit {
            return self.read_large(cx, take);
        }
        let mut scratch = SCRATCH.take();
        if scratch.len() < self.limit {
            scratch.resize(self.limit, 0);
        }
        let handed = self.read_small(cx, &mut scratch, take);
        SCRATCH.set(scratch);
        handed
    }

    fn read_small(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        take: &mut Take<'_>,
    ) -> Poll<Result<ControlFlow<()>, SocketError>> {
        let before = self.input.len();
        let mut free = ReadBuf::new(&mut scratch[before..self.limit]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut free)).map_err(|error| lost(&error))?;
        let read = free.filled().len();
        self.count(read)?;
        scratch[..before].copy_from_slice(&self.input);
        self.input = Vec::new();
        let bytes = &mut scratch[..before + read];
        let (used, flow) = self.hand_out(bytes, take)?;
        let rest = &bytes[used..];
        if !rest.is_empty() {
            // Room for the frame that it is the beginning of, unless that only says that it is long.
            self.input.reserve_exact(self.wanted.clamp(rest.len(), 2 * self.limit));
            self.input.extend_from_slice(rest);
        }
        Poll::Ready(Ok(flow))
    }

    /// Reads on in a frame that is larger than what is read at a time, and nothing behind it.
    fn read_large(&mut self, cx: &mut Context<'_>, take: &mut Take<'_>) -> Poll<Result<ControlFlow<()>, SocketError>> {
        // It has as much room again as it has filled: memory is for what was sent, not for what was announced.
        let missing = self.wanted - self.input.len();
        let room = missing.min(self.input.len().max(self.limit));
        self.input.reserve_exact(room);
        let mut free = (&mut self.input).limit(room);
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut free)).map_err(|error| lost(&error))?;
        self.count(read)?;
        if read < missing {
            return Poll::Ready(Ok(ControlFlow::Continue(())));
        }
        Poll::Ready(self.hand_out_input(take))
    }

    /// Hands out what was read before.
    fn hand_out_input(&mut self, take: &mut Take<'_>) -> Result<ControlFlow<()>, SocketError> {
        let mut input = mem::take(&mut self.input);
        let (used, flow) = self.hand_out(&mut input, take)?;
        if used < input.len() {
            input.drain(..used);
            self.input = input;
        }
        Ok(flow)
    }

    /// Hands messages out until one is enough, or the rest is none; says how many bytes they took.
    fn hand_out(&mut self, bytes: &mut [u8], take: &mut Take<'_>) -> Result<(usize, ControlFlow<()>), SocketError> {
        if self.is_broken {
            return Ok((bytes.len(), ControlFlow::Continue(())));
        }
        let mut used = 0;
        loop {
            let event = match self.decoder.decode(&mut bytes[used..]) {
                Ok(Step::Event(size, event)) => {
                    used += size;
                    event
                }
                Ok(Step::Nothing(size)) => {
                    used += size;
                    continue;
                }
                Ok(Step::Incomplete(wanted)) => {
                    self.wanted = wanted;
                    return Ok((used, ControlFlow::Continue(())));
                }
                Err(error) => {
                    (self.is_broken, self.wanted) = (true, 0);
                    return Err(error);
                }
            };
            let received = match event {
                Event::Text(text) => Received::Text(text),
                Event::Binary(bytes) => Received::Binary(bytes),
                Event::Pong => Received::Pong,
                Event::Ping(payload) => {
                    // "Application data" of the answer is that of the ping (RFC 6455, 5.5.3).
                    self.output.pong(payload);
                    continue;
                }
                Event::Close(close) => {
                    self.output.echo_close(close.as_ref());
                    Received::Close(close)
                }
            };
            if take(received, &mut self.output).is_break() {
                self.wanted = 0;
                return Ok((used, ControlFlow::Break(())));
            }
        }
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        self.output.poll_write_out(Pin::new(&mut self.io), cx)
    }

    fn count(&mut self, read: usize) -> Result<(), SocketError> {
        self.read += read as u64;
        if read == 0 {
            return Err(SocketError { message: "the peer hung up without a close frame".into(), tell: None });
        }
        Ok(())
    }
}

type Take<'a> = dyn FnMut(Received<'_>, &mut dyn Writer) -> ControlFlow<()> + 'a;

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for WsSocket<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, take: &mut Take<'_>) -> Poll<Result<(), SocketError>> {
        if !self.input.is_empty() && self.wanted == 0 && self.hand_out_input(take)?.is_break() {
            return Poll::Ready(Ok(()));
        }
        // Who pings and does not take the answers is not read from any more. The flush wakes the task.
        while !self.output.is_full_of_pongs() {
            if ready!(self.read_once(cx, take))?.is_break() {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        if self.output.has_room() { Poll::Ready(Ok(())) } else { self.poll_write_out(cx) }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        ready!(self.poll_write_out(cx))?;
        Pin::new(&mut self.io).poll_flush(cx).map_err(|error| lost(&error))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Pin::new(&mut self.io).poll_shutdown(cx).map_err(|error| lost(&error))
    }

    fn traffic(&self) -> (u64, u64) {
        (self.read, self.output.written())
    }
}

impl<S: Send + Unpin> Writer for WsSocket<S> {
    fn has_room(&self) -> bool {
        self.output.has_room()
    }

    fn send(&mut self, outgoing: Outgoing) {
        self.output.send(outgoing);
    }
}

pub(super) fn lost(error: &io::Error) -> SocketError {
    SocketError { message: format!("the connection was lost: {error}"), tell: None }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::DuplexStream;
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{self, protocol::Role},
    };

    use super::*;
    use crate::{
        close::{CloseCode, Disconnected},
        outbox::Text,
        transport::output::GATHERED,
    };

    type Peer = WebSocketStream<DuplexStream>;

    async fn pair(limit: usize, pipe: usize) -> (WsSocket<DuplexStream>, Peer) {
        let (ours, theirs) = tokio::io::duplex(pipe);
        let peer = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        (WsSocket::new(ours, 1 << 24, limit), peer)
    }

    /// What arrives next, as a text of its own.
    async fn receive(socket: &mut WsSocket<DuplexStream>) -> Result<String, SocketError> {
        let mut received = None;
        let mut take = |what: Received<'_>, _: &mut dyn Writer| {
            received = Some(match what {
                Received::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            });
            ControlFlow::Break(())
        };
        poll_fn(|cx| {
            // Answers to pings go out as a session would have them.
            let _ = socket.poll_flush(cx)?;
            socket.poll_read(cx, &mut take)
        })
        .await?;
        Ok(received.expect("it broke at something"))
    }

    async fn send(socket: &mut WsSocket<DuplexStream>, text: String) {
        poll_fn(|cx| socket.poll_ready(cx)).await.unwrap();
        socket.send(Outgoing::Message(Text::Own(text).into()));
    }

    async fn flush(socket: &mut WsSocket<DuplexStream>) {
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
    }

    #[tokio::test]
    async fn messages_of_every_size_arrive_whole_and_in_order_both_ways() {
        const SIZES: [usize; 12] = [0, 1, 125, 126, 127, 500, 8191, 8192, 65_535, 65_536, 200_000, 3_000_000];
        for (limit, pipe) in [(512, 100), (512, 1 << 20), (1 << 16, 1000), (1 << 16, 1 << 24)] {
            let (mut socket, peer) = pair(limit, pipe).await;
            let (mut sink, mut stream) = peer.split();
            let theirs = async {
                for size in SIZES {
                    sink.send(tungstenite::Message::text("x".repeat(size))).await.unwrap();
                }
                for size in SIZES {
                    assert_eq!(stream.next().await.unwrap().unwrap().into_text().unwrap().len(), size);
                }
            };
            let ours = async {
                for size in SIZES {
                    assert_eq!(receive(&mut socket).await.unwrap().len(), size);
                }
                for size in SIZES {
                    send(&mut socket, "x".repeat(size)).await;
                }
                flush(&mut socket).await;
            };
            tokio::join!(ours, theirs);
            assert_eq!((socket.input.capacity(), socket.output.held()), (0, 0), "nothing is held of what has passed");
            let (read, written) = socket.traffic();
            assert!(read > 3_000_000 && written > 3_000_000 && read > written, "{read} read, {written} written");
        }
    }

    #[tokio::test]
    async fn a_break_loses_nothing_of_what_was_read() {
        let (mut socket, mut peer) = pair(1 << 16, 1 << 20).await;
        for n in 0..1000 {
            peer.feed(tungstenite::Message::text(n.to_string())).await.unwrap();
        }
        peer.flush().await.unwrap();
        for n in 0..1000 {
            assert_eq!(receive(&mut socket).await.unwrap(), n.to_string());
        }
    }

    #[tokio::test]
    async fn pings_are_answered_with_their_payload_and_in_the_middle_of_a_message() {
        let (mut socket, mut peer) = pair(1 << 16, 1 << 20).await;
        peer.feed(tungstenite::Message::Ping(Bytes::from_static(b"one"))).await.unwrap();
        peer.feed(tungstenite::Message::Ping(Bytes::from_static(b"two"))).await.unwrap();
        peer.send(tungstenite::Message::text("text")).await.unwrap();
        assert_eq!(receive(&mut socket).await.unwrap(), "text");
        flush(&mut socket).await;
        for payload in [&b"one"[..], b"two"] {
            assert_eq!(peer.next().await.unwrap().unwrap(), tungstenite::Message::Pong(payload.to_vec().into()));
        }
    }

    #[tokio::test]
    async fn nothing_gets_into_the_middle_of_a_large_message() {
        let large = "x".repeat(100_000);
        let (mut socket, mut peer) = pair(1 << 16, 1 << 10).await;
        send(&mut socket, large.clone()).await;
        // A part of it is gone when the ping is answered.
        assert!(poll_fn(|cx| Poll::Ready(socket.poll_flush(cx))).await.is_pending());
        peer.send(tungstenite::Message::Ping(Bytes::from_static(b"ping"))).await.unwrap();
        let mut take = |_: Received<'_>, _: &mut dyn Writer| ControlFlow::Continue(());
        assert!(poll_fn(|cx| Poll::Ready(socket.poll_read(cx, &mut take))).await.is_pending());
        let theirs = async {
            assert_eq!(peer.next().await.unwrap().unwrap().into_text().unwrap().as_str(), large);
            assert_eq!(peer.next().await.unwrap().unwrap(), tungstenite::Message::Pong("ping".into()));
            assert_eq!(peer.next().await.unwrap().unwrap().into_text().unwrap().as_str(), large);
            assert!(matches!(peer.next().await.unwrap().unwrap(), tungstenite::Message::Close(Some(_))));
        };
        let ours = async {
            flush(&mut socket).await;
            send(&mut socket, large.clone()).await;
            socket.send(Outgoing::Close(Disconnected::new(CloseCode::GOING_AWAY, "bye")));
            flush(&mut socket).await;
        };
        tokio::join!(ours, theirs);
    }

    #[tokio::test]
    async fn who_pings_and_takes_no_answer_is_not_read_from() {
        let (mut socket, mut peer) = pair(1 << 16, 1 << 24).await;
        let ping = tungstenite::Message::Ping(Bytes::from_static(&[0; 125]));
        for _ in 0..10_000 {
            peer.feed(ping.clone()).await.unwrap();
        }
        peer.flush().await.unwrap();
        let mut take = |_: Received<'_>, _: &mut dyn Writer| ControlFlow::Continue(());
        for _ in 0..100 {
            assert!(poll_fn(|cx| Poll::Ready(socket.poll_read(cx, &mut take))).await.is_pending());
        }
        let held = socket.output.held();
        assert!((GATHERED..3 * GATHERED).contains(&held), "{held} bytes of answers");
    }

    #[tokio::test]
    async fn a_close_frame_is_answered_with_its_code_and_nothing_is_sent_behind_it() {
        let (mut socket, mut peer) = pair(1 << 16, 1 << 20).await;
        peer.close(Some(tungstenite::protocol::CloseFrame { code: 4321.into(), reason: "bye".into() })).await.unwrap();
        let expected = Received::Close(Some(Disconnected::new(CloseCode::from(4321), "bye")));
        assert_eq!(receive(&mut socket).await.unwrap(), format!("{expected:?}"));
        send(&mut socket, "late".into()).await;
        flush(&mut socket).await;
        let answer = peer.next().await.unwrap().unwrap();
        assert!(matches!(answer, tungstenite::Message::Close(Some(frame)) if u16::from(frame.code) == 4321));
        drop(socket);
        assert!(peer.next().await.is_none());
    }

    #[tokio::test]
    async fn what_follows_a_broken_frame_is_not_looked_at_and_a_close_frame_can_still_be_sent() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut socket = WsSocket::new(ours, 1000, 512);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, &[0xff; 5000]).await.unwrap();
        let error = receive(&mut socket).await.unwrap_err();
        assert_eq!(error.tell, Some(CloseCode::PROTOCOL_ERROR));
        socket.send(Outgoing::Close(Disconnected::new(CloseCode::PROTOCOL_ERROR, "")));
        flush(&mut socket).await;
        let mut take = |_: Received<'_>, _: &mut dyn Writer| panic!("nothing is handed out");
        assert!(poll_fn(|cx| Poll::Ready(socket.poll_read(cx, &mut take))).await.is_pending());
        assert_eq!(socket.traffic().0, 5000, "all of it was taken, so that the close frame is not lost by a reset");
        drop(theirs);
        assert!(receive(&mut socket).await.unwrap_err().tell.is_none());
    }
}
