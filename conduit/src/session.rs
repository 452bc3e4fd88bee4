//! The task that serves one socket: it reads, dispatches, and writes.
//!
//! The task owns the socket whole. It reads what has arrived, dispatches each message, queues the answers that
//! are there at once, and writes the queue out in one flush when nothing more is to be read. Calls that take
//! time run in tasks of their own and put their answers on the same queue, so the reads never wait for a call.

use std::{
    ops::Deref,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    close::{Close, CloseCode},
    connection::{Connection, Debt},
    dispatch::{Dispatcher, Reply},
    outbox::{Outbox, Text},
    protocol::{ErrorCode, ErrorObject, Id, error_text},
};

/// What a socket gives. `T` is the transport's own kind of text.
#[derive(Debug)]
pub(crate) enum Received<T> {
    Text(T),
    Binary(Bytes),
    /// The peer closes; the stream ends behind it.
    Close(Option<Close>),
    /// The answer to a ping.
    Pong,
    /// Something that the transport has dealt with, such as a ping of the peer.
    Handled,
}

/// What a socket takes.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(Text),
    Ping,
    Close(Close),
}

/// A socket that can't go on: what happened, and the code that the peer should read, if it can still read.
#[derive(Debug)]
pub(crate) struct SocketError {
    pub(crate) message: String,
    pub(crate) tell: Option<CloseCode>,
}

/// A connection's socket, as every transport gives it.
pub(crate) trait Socket<T>:
    Stream<Item = Result<Received<T>, SocketError>> + Sink<Outgoing, Error = SocketError> + Send + Unpin
{
    /// How long ago the last byte of the peer arrived, be it in the middle of a message.
    fn silence(&self) -> Duration;

    /// The bytes that arrived, and that were written, since the connection was made.
    fn traffic(&self) -> (u64, u64);
}

/// When a connection must end.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// How long a peer may stay without logging in.
    pub(crate) auth_timeout: Duration,
    /// How often a peer is pinged.
    pub(crate) heartbeat_interval: Duration,
    /// How long a peer may be silent.
    pub(crate) heartbeat_timeout: Duration,
    /// Fires when the server wants to stop: calls in flight are still answered.
    pub(crate) shutdown: CancellationToken,
    /// Fires when the server can't wait any longer.
    pub(crate) kill: CancellationToken,
}

/// How long a peer has to take what is queued for it and to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection that is closed by the application waits for calls in flight to be answered.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// Messages that are read before what they led to is written.
const BURST: usize = 256;

/// Serves a connection until it ends, and says why it ended.
pub(crate) async fn serve<T, S>(connection: Connection, socket: S, dispatcher: Arc<Dispatcher>, terms: Terms) -> Close
where
    T: Deref<Target = str>,
    S: Socket<T>,
{
    let peer = Arc::new(connection);
    let mut session =
        Session { socket, peer: Arc::clone(&peer), dispatcher, draining: false, ping_due: false, pinged: None };
    let end = session.run(&terms).await;
    if matches!(end, End::Closing) {
        wait_for_answers(&peer, &terms.kill).await;
    }
    peer.abandon();
    let close = session.finish(end, &terms.kill).await;
    peer.outbox().clear();
    close
}

/// Gives calls that are about to end the time to: the one that closes its own connection, say.
async fn wait_for_answers(peer: &Connection, kill: &CancellationToken) {
    peer.stop_calls();
    let answered = std::future::poll_fn(|cx| {
        peer.outbox().register(cx.waker());
        if peer.owes_answers() { Poll::Pending } else { Poll::Ready(()) }
    });
    tokio::select! {
        _ = tokio::time::timeout(ANSWER_TIMEOUT, answered) => {}
        () = kill.cancelled() => {}
    }
}

struct Session<S> {
    socket: S,
    peer: Arc<Connection>,
    dispatcher: Arc<Dispatcher>,
    /// Whether the connection is to close as soon as it owes nothing.
    draining: bool,
    /// Whether a ping is to be written.
    ping_due: bool,
    /// When the last ping that has not been answered was written.
    pinged: Option<Instant>,
}

/// Why a session has stopped.
enum End {
    /// The peer said goodbye.
    Peer(Option<Close>),
    /// The socket failed.
    Failed(SocketError),
    /// A close frame is in the outbox.
    Closing,
}

impl<S> Session<S> {
    async fn run<T>(&mut self, terms: &Terms) -> End
    where
        T: Deref<Target = str>,
        S: Socket<T>,
    {
        let login = tokio::time::sleep(terms.auth_timeout);
        tokio::pin!(login);
        let mut waiting_for_login = !self.peer.is_logged_in();
        let mut heartbeat = tokio::time::interval(terms.heartbeat_interval);
        heartbeat.reset();
        loop {
            tokio::select! {
                biased;
                () = &mut login, if waiting_for_login => {
                    waiting_for_login = false;
                    if !self.peer.is_logged_in() {
                        let reason = format!("no login within {:?}", terms.auth_timeout);
                        self.outbox().close(Close::new(CloseCode::LOGIN_TIMEOUT, reason));
                    }
                }
                _ = heartbeat.tick() => {
                    let silence = self.socket.silence();
                    if silence >= terms.heartbeat_timeout {
                        return End::Failed(SocketError {
                            message: format!("not a byte from the peer for {silence:?}"),
                            tell: Some(CloseCode::DEAD),
                        });
                    }
                    self.ping_due = true;
                }
                () = terms.shutdown.cancelled(), if !self.draining => {
                    self.draining = true;
                    self.peer.stop_calls();
                }
                () = terms.kill.cancelled() => {
                    self.outbox().close(shutting_down());
                    return End::Closing;
                }
                // Last: a peer that floods uses up what tokio lets a task do at a time, and timers are part of that.
                end = std::future::poll_fn(|cx| self.poll(cx)) => return end,
            }
        }
    }

    /// Reads, dispatches and writes for as long as any of it goes on. Loses nothing when it is dropped.
    fn poll<T>(&mut self, cx: &mut Context<'_>) -> Poll<End>
    where
        T: Deref<Target = str>,
        S: Socket<T>,
    {
        self.outbox().register(cx.waker());
        loop {
            if self.outbox().closing().is_some() {
                return Poll::Ready(End::Closing);
            }
            let reading = self.poll_read(cx);
            let writing = self.poll_write(cx);
            self.peer.set_traffic(self.socket.traffic());
            if let Poll::Ready(Err(error)) = writing {
                return Poll::Ready(End::Failed(error));
            }
            match reading {
                Reading::Ended(end) => return Poll::Ready(end),
                Reading::More if !self.outbox().is_filling() => {}
                Reading::More | Reading::Waiting => {
                    if self.outbox().closing().is_some() {
                        return Poll::Ready(End::Closing);
                    }
                    if self.owes_nothing()
                        && let Some(close) = self.peer.refusal().cloned().or(self.draining.then(shutting_down))
                    {
                        self.outbox().close(close);
                        return Poll::Ready(End::Closing);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Takes what has arrived. A peer that does not read its answers is not read from either.
    fn poll_read<T>(&mut self, cx: &mut Context<'_>) -> Reading
    where
        T: Deref<Target = str>,
        S: Socket<T>,
    {
        for _ in 0..BURST {
            if self.outbox().is_filling() {
                return Reading::More;
            }
            // What was sent behind a login waits for it. Whoever ends the login wakes this task.
            if self.peer.is_logging_in() {
                return Reading::Waiting;
            }
            match self.socket.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(Received::Text(text)))) => self.message(&text),
                Poll::Ready(Some(Ok(Received::Binary(bytes)))) => self.binary(&bytes),
                Poll::Ready(Some(Ok(Received::Pong))) => {
                    if let Some(pinged) = self.pinged.take() {
                        self.peer.set_latency(pinged.elapsed());
                    }
                }
                Poll::Ready(Some(Ok(Received::Handled))) => {}
                Poll::Ready(Some(Ok(Received::Close(close)))) => return Reading::Ended(End::Peer(close)),
                Poll::Ready(Some(Err(error))) => return Reading::Ended(End::Failed(error)),
                Poll::Ready(None) => return Reading::Ended(End::Peer(None)),
                Poll::Pending => return Reading::Waiting,
            }
        }
        Reading::More
    }

    /// Writes what is queued and flushes once: a flush costs a system call, a message in the buffer does not.
    fn poll_write<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>>
    where
        S: Socket<T>,
    {
        if self.ping_due {
            ready!(self.socket.poll_ready_unpin(cx))?;
            self.socket.start_send_unpin(Outgoing::Ping)?;
            self.ping_due = false;
            self.pinged = Some(Instant::now());
        }
        while !self.outbox().is_empty() {
            ready!(self.socket.poll_ready_unpin(cx))?;
            if let Some(text) = self.outbox().pop() {
                self.peer.count_message_out();
                self.socket.start_send_unpin(Outgoing::Text(text))?;
            }
        }
        self.socket.poll_flush_unpin(cx)
    }

    fn message(&self, text: &str) {
        self.peer.count_message_in();
        match self.dispatcher.dispatch(text, &self.peer) {
            Reply::None => {}
            Reply::Ready(text) => drop(self.outbox().push(Text::Own(text))),
            Reply::Pending(pending) => {
                let debt = Debt::new(&self.peer);
                let call = async move {
                    if let Some(text) = pending.finish().await {
                        debt.pay(text);
                    }
                };
                tokio::spawn(call.in_current_span());
            }
        }
    }

    /// Binary frames with UTF-8 JSON are taken as text is.
    fn binary(&self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.message(text),
            Err(error) => drop(self.outbox().push(Text::Own(error_text(&Id::NULL, &not_utf8(error))))),
        }
    }

    fn owes_nothing(&self) -> bool {
        !self.peer.owes_answers() && self.outbox().is_empty()
    }

    fn outbox(&self) -> &Outbox {
        self.peer.outbox()
    }

    /// Closes the socket in order, within a bounded time.
    async fn finish<T>(mut self, end: End, kill: &CancellationToken) -> Close
    where
        S: Socket<T>,
    {
        let close = match end {
            End::Peer(close) => {
                // The transport answers a close frame by itself; it is sent with this flush.
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.socket.flush()).await;
                return close.unwrap_or(Close::new(CloseCode::NO_STATUS, "closed by the peer"));
            }
            End::Failed(SocketError { message, tell: None }) => return Close::new(CloseCode::ABNORMAL, message),
            End::Failed(SocketError { message, tell: Some(code) }) => Close::new(code, message),
            End::Closing => self.outbox().closing().unwrap_or_else(shutting_down),
        };
        tokio::select! {
            _ = tokio::time::timeout(CLOSE_TIMEOUT, self.say_goodbye(&close)) => {}
            // What hangs at the very end of a shutdown is not waited for.
            () = async { kill.cancelled().await; tokio::task::yield_now().await } => {}
        }
        close
    }

    /// Sends what is queued and the close frame, and waits for the peer's.
    async fn say_goodbye<T>(&mut self, close: &Close)
    where
        S: Socket<T>,
    {
        while let Some(text) = self.outbox().pop() {
            if self.socket.feed(Outgoing::Text(text)).await.is_err() {
                return;
            }
        }
        if self.socket.send(Outgoing::Close(close.clone())).await.is_err() {
            return;
        }
        while let Some(Ok(received)) = self.socket.next().await {
            if matches!(received, Received::Close(_)) {
                return;
            }
        }
    }
}

enum Reading {
    /// There may be more to read at once.
    More,
    /// The socket will wake the task.
    Waiting,
    Ended(End),
}

fn shutting_down() -> Close {
    Close::new(CloseCode::GOING_AWAY, "the server is shutting down")
}

/// What bytes that are no text are answered with.
pub(crate) fn not_utf8(error: std::str::Utf8Error) -> ErrorObject {
    let message = format!("invalid JSON: not UTF-8 at byte {}", error.valid_up_to());
    ErrorObject::with_code(ErrorCode::ParseError, message)
}
