//! The task that serves one socket: it reads, dispatches, and writes.
//!
//! The task owns the socket whole. It reads what has arrived, dispatches each message, gathers the answers that
//! are there at once, and writes them and the queue out in one flush when nothing more is to be read. Calls that take
//! time run in tasks of their own and put their answers on the queue, so the reads never wait for a call.

use std::{
    future::poll_fn,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    close::{CloseCode, Disconnected},
    connection::{Connection, Debt},
    dispatch::{Dispatcher, Reply, Sender},
    heartbeat::{Attention, Due, Heartbeat},
    metrics::Reported,
    outbox::{Message, Outbox, Text},
    protocol::{ErrorCode, ErrorObject, Id, error_text},
    raw::Inbox,
};

/// What a socket gives, borrowed from what it has read.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// The peer closes; nothing comes behind it.
    Close(Option<Disconnected>),
    /// The answer to a ping.
    Pong,
}

/// What a socket takes.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Message(Message),
    Ping,
    Close(Disconnected),
}

/// A socket that can't go on: what happened, and the code that the peer should read, if it can still read.
#[derive(Debug)]
pub(crate) struct SocketError {
    pub(crate) message: String,
    pub(crate) tell: Option<CloseCode>,
}

/// What takes things to be written to a peer.
pub(crate) trait Writer {
    /// Whether there is room for one thing more to [`send`](Self::send).
    fn has_room(&self) -> bool;

    /// Takes something to be written, by the next flush at the latest. Nothing is taken behind a close frame.
    fn send(&mut self, outgoing: Outgoing);
}

/// A connection's socket, as every transport gives it.
pub(crate) trait Socket: Writer + Send + Unpin {
    /// Reads what is there, and hands each message to `take` until that breaks, with what takes answers. `Pending` says
    /// that there is no more. What the transport deals with by itself, such as a ping of the peer, is not handed out.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut dyn FnMut(Received<'_>, &mut dyn Writer) -> ControlFlow<()>,
    ) -> Poll<Result<(), SocketError>>;

    /// Waits until there is room.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>>;

    /// Writes everything that was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>>;

    /// Says that nothing more is to be written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>>;

    /// The bytes that arrived, and that were written, since the connection was made.
    fn traffic(&self) -> (u64, u64);
}

/// What becomes of a peer's messages: the two kinds of connections.
pub(crate) enum Handler {
    JsonRpc(Arc<Dispatcher>),
    Raw(Arc<Inbox>),
}

impl Handler {
    /// Whether so much waits to be handled that the peer is not read from.
    fn is_full(&self) -> bool {
        match self {
            Self::JsonRpc(_) => false,
            Self::Raw(inbox) => inbox.is_full(),
        }
    }
}

impl Handler {
    fn text(&self, peer: &Arc<Connection>, text: &str, writer: &mut dyn Writer) {
        peer.count_message_in();
        match self {
            Self::JsonRpc(dispatcher) => dispatch(dispatcher, peer, text, writer),
            Self::Raw(inbox) => inbox.push(text),
        }
    }

    /// Binary frames with UTF-8 JSON are taken as text is.
    fn binary(&self, peer: &Arc<Connection>, bytes: &[u8], writer: &mut dyn Writer) {
        peer.count_message_in();
        match self {
            Self::JsonRpc(dispatcher) => match std::str::from_utf8(bytes) {
                Ok(text) => dispatch(dispatcher, peer, text, writer),
                Err(error) => {
                    let error = peer.may_send(1, bytes.len()).err().unwrap_or_else(|| not_utf8(error));
                    answer(peer, error_text(&Id::NULL, &error), writer);
                }
            },
            Self::Raw(inbox) => inbox.push(Bytes::copy_from_slice(bytes)),
        }
    }
}

fn dispatch(dispatcher: &Dispatcher, peer: &Arc<Connection>, text: &str, writer: &mut dyn Writer) {
    match dispatcher.dispatch(text, peer) {
        Reply::None => {}
        Reply::Ready(text) => answer(peer, text, writer),
        Reply::Pending(pending) => {
            let debt = Debt::new(peer);
            let call = async move {
                let (text, turn) = pending.finish().await;
                if let Some(text) = text {
                    debt.pay(text);
                }
                // The next of an ordered method may start now that this answer is on its way before.
                drop(turn);
            };
            tokio::spawn(call.in_current_span());
        }
    }
}

/// Sends an answer that was ready at once. It goes past the queue when there is nothing that it would overtake.
fn answer(peer: &Connection, text: String, writer: &mut dyn Writer) {
    if peer.outbox().is_idle() && writer.has_room() {
        writer.send(Outgoing::Message(Text::Own(text).into()));
        peer.count_messages_out(1);
    } else {
        peer.outbox().push(Text::Own(text));
    }
}

/// When a connection must end.
#[derive(Debug)]
pub(crate) struct Terms {
    /// How long a peer may stay without logging in.
    pub(crate) auth_timeout: Duration,
    /// How often a peer is pinged.
    pub(crate) heartbeat_interval: Duration,
    /// How long a peer may be silent.
    pub(crate) heartbeat_timeout: Duration,
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
pub(crate) async fn serve<S: Socket>(
    connection: Connection,
    socket: Box<S>,
    handler: Handler,
    terms: Arc<Terms>,
) -> Disconnected {
    let mut session = Session::new(connection, socket, handler, terms);
    let end = poll_fn(|cx| session.poll(cx)).await;
    // In a box of its own: an idle connection does not hold the memory that its end takes.
    Box::pin(session.end(end)).await
}

/// Gives calls that are about to end the time to: the one that closes its own connection, say.
async fn wait_for_answers(peer: &Connection, kill: &CancellationToken) {
    peer.drain();
    tokio::select! {
        _ = tokio::time::timeout(ANSWER_TIMEOUT, all_answered(peer)) => {}
        () = kill.cancelled() => {}
    }
}

/// Waits for the tasks that work for a peer. For whoever owns its socket, or the session that has ended.
pub(crate) async fn all_answered(peer: &Connection) {
    poll_fn(|cx| {
        peer.outbox().register(cx.waker());
        if peer.owes_answers() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

struct Session<S> {
    socket: Box<S>,
    peer: Arc<Connection>,
    handler: Handler,
    terms: Arc<Terms>,
    heartbeat: Heartbeat,
    /// What the metrics know of its traffic.
    reported: Reported,
    /// Whether a ping is to be written.
    ping_due: bool,
    /// When the last ping that has not been answered was written.
    pinged: Option<Instant>,
}

/// Why a session has stopped.
enum End {
    /// The peer said goodbye.
    Peer(Option<Disconnected>),
    /// The socket failed.
    Failed(SocketError),
    /// A close frame is in the outbox.
    Closing,
}

impl End {
    /// Whether this side says that it is the end, and may say other things before.
    fn is_told(&self) -> bool {
        matches!(self, Self::Closing | Self::Failed(SocketError { tell: Some(_), .. }))
    }
}

impl<S: Socket> Session<S> {
    fn new(connection: Connection, socket: Box<S>, handler: Handler, terms: Arc<Terms>) -> Self {
        let login = (!connection.is_logged_in()).then_some(terms.auth_timeout);
        let heartbeat = Heartbeat::new(terms.heartbeat_interval, terms.heartbeat_timeout, login);
        let reported = connection.server().metrics().reported();
        let peer = Arc::new(connection);
        Self { socket, peer, handler, terms, heartbeat, reported, ping_due: false, pinged: None }
    }

    /// Does everything that there is to do. Loses nothing when it is not polled again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // First: a peer that floods uses up what tokio lets a task do at a time, and timers are part of that.
        while let Poll::Ready(due) = self.heartbeat.poll(cx) {
            if let Some(end) = self.strike(due) {
                return Poll::Ready(end);
            }
        }
        self.exchange(cx)
    }

    /// Does what is due; says why the session must end, if it must.
    fn strike(&mut self, due: Due) -> Option<End> {
        if due == Due::Login {
            if !self.peer.is_logged_in() {
                let reason = format!("no login within {:?}", self.terms.auth_timeout);
                self.outbox().close(Disconnected::new(CloseCode::LOGIN_TIMEOUT, reason));
            }
            return None;
        }
        let attention = self.attention();
        let Some(silence) = self.heartbeat.silence(attention, self.socket.traffic()) else {
            self.ping_due = true;
            return None;
        };
        if attention == Attention::Writing {
            self.outbox().close_slow(format!("took not a byte of what waits for it for {silence:?}"));
            return None;
        }
        let message = format!("not a byte from the peer for {silence:?}");
        Some(End::Failed(SocketError { message, tell: Some(CloseCode::DEAD) }))
    }

    fn attention(&self) -> Attention {
        if self.outbox().is_filling() {
            Attention::Writing
        } else if self.peer.is_logging_in() || self.handler.is_full() {
            Attention::Elsewhere
        } else {
            Attention::Reading
        }
    }

    /// Reads, dispatches and writes for as long as any of it goes on.
    fn exchange(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.outbox().register(cx.waker());
        loop {
            self.outbox().attend();
            let (end, is_blocked) = self.exchange_once(cx);
            if self.outbox().rest(is_blocked || end.is_ready()) {
                return end;
            }
        }
    }

    /// Says also whether the peer takes nothing more now.
    fn exchange_once(&mut self, cx: &mut Context<'_>) -> (Poll<End>, bool) {
        loop {
            if self.outbox().closing().is_some() {
                return (Poll::Ready(End::Closing), false);
            }
            let reading = self.poll_read(cx);
            let writing = self.poll_write(cx);
            self.account();
            let is_blocked = match writing {
                Poll::Ready(Err(error)) => return (Poll::Ready(End::Failed(error)), false),
                Poll::Ready(Ok(())) => false,
                Poll::Pending => true,
            };
            match reading {
                Reading::Ended(end) => return (Poll::Ready(end), is_blocked),
                Reading::More if !self.outbox().is_filling() => {}
                Reading::More | Reading::Waiting => {
                    if self.outbox().closing().is_some() {
                        return (Poll::Ready(End::Closing), is_blocked);
                    }
                    if self.peer.is_draining() && self.owes_nothing() {
                        self.outbox().close(shutting_down());
                        return (Poll::Ready(End::Closing), is_blocked);
                    }
                    return (Poll::Pending, is_blocked);
                }
            }
        }
    }

    /// Takes what has arrived.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Reading {
        if let Some(pause) = pause(&self.peer, &self.handler) {
            return pause;
        }
        let Self { socket, peer, handler, pinged, .. } = self;
        let (mut left, mut end) = (BURST, None);
        let read = socket.poll_read(cx, &mut |received, writer| {
            match received {
                Received::Text(text) => handler.text(peer, text, writer),
                Received::Binary(bytes) => handler.binary(peer, bytes, writer),
                Received::Pong => {
                    if let Some(pinged) = pinged.take() {
                        peer.set_latency(pinged.elapsed());
                    }
                }
                Received::Close(close) => {
                    end = Some(End::Peer(close));
                    return ControlFlow::Break(());
                }
            }
            left -= 1;
            let stops = left == 0 || pause(peer, handler).is_some();
            if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match (end, read) {
            (Some(end), _) => Reading::Ended(end),
            (None, Poll::Ready(Err(error))) => Reading::Ended(End::Failed(error)),
            (None, Poll::Ready(Ok(()))) => pause(peer, handler).unwrap_or(Reading::More),
            (None, Poll::Pending) => Reading::Waiting,
        }
    }

    /// Writes what is queued and flushes once: a flush costs a system call, a message in the buffer does not.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        if self.ping_due {
            ready!(self.socket.poll_ready(cx))?;
            self.socket.send(Outgoing::Ping);
            self.ping_due = false;
            self.pinged = Some(Instant::now());
        }
        while self.outbox().bytes() > 0 {
            ready!(self.socket.poll_ready(cx))?;
            self.send_queued();
        }
        self.socket.poll_flush(cx)
    }

    /// Sends what is queued for as long as there is room.
    fn send_queued(&mut self) {
        let Self { socket, peer, .. } = self;
        let sent = peer.outbox().drain(|message| {
            socket.send(Outgoing::Message(message));
            if socket.has_room() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        peer.count_messages_out(sent);
    }

    /// Notes what has passed, for those who count.
    fn account(&mut self) {
        self.peer.set_traffic(self.socket.traffic());
        self.reported.report(self.peer.counters(), self.peer.outbox().bytes());
    }

    fn owes_nothing(&self) -> bool {
        !self.peer.owes_answers() && self.outbox().is_empty()
    }

    fn outbox(&self) -> &Outbox {
        self.peer.outbox()
    }

    /// Ends what runs for the peer, and closes the socket.
    async fn end(mut self, end: End) -> Disconnected {
        if end.is_told() {
            wait_for_answers(&self.peer, &self.terms.kill).await;
        }
        self.peer.abandon();
        let close = self.close_socket(end).await;
        self.outbox().clear();
        self.account();
        close
    }

    /// Closes the socket in order, within a bounded time.
    async fn close_socket(&mut self, end: End) -> Disconnected {
        let is_fault = matches!(end, End::Failed(_));
        let close = match end {
            End::Peer(close) => {
                // The transport answers a close frame by itself; it is sent with this flush.
                let flushed = poll_fn(|cx| self.socket.poll_flush(cx));
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, flushed).await;
                return close.unwrap_or(Disconnected::new(CloseCode::NO_STATUS, "closed by the peer"));
            }
            End::Failed(SocketError { message, tell: None }) => return Disconnected::new(CloseCode::ABNORMAL, message),
            End::Failed(SocketError { message, tell: Some(code) }) => Disconnected::new(code, message),
            End::Closing => self.outbox().closing().unwrap_or_else(shutting_down),
        };
        let kill = self.terms.kill.clone();
        tokio::select! {
            _ = tokio::time::timeout(CLOSE_TIMEOUT, self.say_goodbye(&close, is_fault)) => {}
            // What hangs at the very end of a shutdown is not waited for.
            () = async { kill.cancelled().await; tokio::task::yield_now().await } => {}
        }
        close
    }

    /// Sends what is queued and the close frame, and waits for the peer's: after a fault of the peer for its end alone, as
    /// "the server MUST close the WebSocket connection" by itself then (RFC 6455, 7.1.7). What the peer still sends is
    /// read, or the system would reset the connection and the close frame be lost.
    async fn say_goodbye(&mut self, close: &Disconnected, is_fault: bool) -> Result<(), SocketError> {
        while !self.outbox().is_empty() {
            poll_fn(|cx| self.socket.poll_ready(cx)).await?;
            self.send_queued();
        }
        self.socket.send(Outgoing::Close(close.clone()));
        poll_fn(|cx| self.socket.poll_flush(cx)).await?;
        if is_fault {
            poll_fn(|cx| self.socket.poll_shutdown(cx)).await?;
        }
        let mut is_closed = false;
        while !is_closed {
            let mut take = |received: Received<'_>, _: &mut dyn Writer| {
                is_closed = matches!(received, Received::Close(_));
                if is_closed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            poll_fn(|cx| self.socket.poll_read(cx, &mut take)).await?;
        }
        Ok(())
    }
}

/// Why a peer is not read from now, if it is not.
fn pause(peer: &Connection, handler: &Handler) -> Option<Reading> {
    // A peer that does not read its answers is not read from either.
    if peer.outbox().is_filling() {
        return Some(Reading::More);
    }
    // What was sent behind a login waits for it, and messages of a raw route for those before. Whoever ends the login, or
    // takes messages out of a full inbox, wakes this task.
    (peer.is_logging_in() || handler.is_full()).then_some(Reading::Waiting)
}

enum Reading {
    /// There may be more to read at once.
    More,
    /// The socket will wake the task.
    Waiting,
    Ended(End),
}

pub(crate) fn shutting_down() -> Disconnected {
    Disconnected::new(CloseCode::GOING_AWAY, "the server is shutting down")
}

/// What bytes that are no text are answered with.
pub(crate) fn not_utf8(error: std::str::Utf8Error) -> ErrorObject {
    let message = format!("invalid JSON: not UTF-8 at byte {}", error.valid_up_to());
    ErrorObject::with_code(ErrorCode::ParseError, message)
}
