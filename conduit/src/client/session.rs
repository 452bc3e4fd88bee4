//! One connection: what is read from it, and what is written to it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{pending, poll_fn},
    sync::Mutex,
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt, poll};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    ending::Ending,
    half::Half,
    incoming::Incoming,
    known::Known,
    link::{Outgoing, QUEUE, Route, Shared},
    supervise::Course,
    transport::{CLOSE_TIMEOUT, Frame, Lost, Transport},
};
use crate::close::{CloseCode, Disconnected};

/// How long a connection that the server closed, or that can't be written to, keeps the next one waiting.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection needs to know of its client.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) shared: &'a Shared,
    pub(super) known: &'a Known,
    pub(super) connection: u64,
    pub(super) course: &'a Course,
}

/// What is left of a connection.
pub(super) struct Past {
    pub(super) ending: Ending,
    /// Whether anything came over it.
    pub(super) was_of_use: bool,
}

/// The messages that wait for a connection.
pub(super) struct Queue {
    messages: mpsc::UnboundedReceiver<Outgoing>,
    /// Those that were meant for an earlier connection and wait until this one is open.
    left: VecDeque<Outgoing>,
    /// The last connection that was.
    opened: u64,
}

/// Reads and writes until the connection has ended, and says how to those who wait.
///
/// Reading and writing are polled side by side, so neither waits for the other: a server that sends while this side
/// sends finds a reader.
pub(super) async fn run(
    transport: impl Transport,
    queue: &mut Queue,
    incoming: Incoming,
    context: Context<'_>,
) -> Past {
    let transport = Mutex::new(transport);
    let (sink, stream) = (Half(&transport), Half(&transport));
    let session = Session { closing: context.shared.closing.child_token(), context };
    let mut reader = Reader { incoming, was_of_use: false };
    // The branches take turns in going first: under a flood each of them could use up the task's budget.
    let ending = tokio::select! {
        ending = session.read(stream, &mut reader) => ending,
        ending = session.time_to_leave() => ending,
        never = session.write(sink, queue) => match never {},
    };
    session.lose(&ending, reader.was_of_use);
    // The first ending is the one that counts.
    Past { ending: context.shared.pending.lost().unwrap_or(ending), was_of_use: reader.was_of_use }
}

struct Session<'a> {
    context: Context<'a>,
    /// From here on nothing new is sent, and the connection is about to end.
    closing: CancellationToken,
}

struct Reader {
    incoming: Incoming,
    was_of_use: bool,
}

impl Session<'_> {
    /// Notes how the connection ended. Only its first ending counts.
    fn lose(&self, ending: &Ending, was_of_use: bool) {
        let Context { shared, known, course, .. } = self.context;
        known.doubt();
        if course.ends_with(ending, was_of_use) {
            shared.end(ending)
        } else {
            shared.fall(ending)
        }
        self.closing.cancel();
    }

    /// The end of a connection whose server does not do its part of the end.
    async fn time_to_leave(&self) -> Ending {
        self.closing.cancelled().await;
        let is_last = self.context.shared.closing.is_cancelled();
        let patience = if is_last { CLOSE_TIMEOUT } else { LEAVE_TIMEOUT };
        tokio::time::sleep(patience).await;
        Ending::lost(format!("the server did not close within {patience:?}"))
    }

    async fn read(
        &self,
        mut stream: impl Stream<Item = Result<Frame, Lost>> + Unpin,
        Reader { incoming, was_of_use }: &mut Reader,
    ) -> Ending {
        loop {
            incoming.make_room().await;
            match stream.next().await {
                Some(Ok(Frame::Text(text))) => {
                    *was_of_use = true;
                    incoming.receive(&text);
                }
                Some(Ok(Frame::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                    Ok(text) => {
                        *was_of_use = true;
                        incoming.receive(text);
                    }
                    Err(error) => tracing::warn!(%error, "the server sent a binary frame that is not UTF-8"),
                },
                Some(Ok(Frame::Close(close))) => {
                    self.lose(&Ending::ByServer(close), *was_of_use);
                    // The reads that follow answer the close. A close that is an answer itself was waited for long
                    // enough; one more read is for the two that crossed, where a reply is still owed.
                    if let Some(Ending::ByUs) = self.context.shared.pending.ending() {
                        let _ = poll!(stream.next());
                        return Ending::ByUs;
                    }
                }
                Some(Err(lost)) => return lost.into(),
                None => return Ending::lost("end of stream"),
            }
        }
    }

    /// Writes until the connection closes. Never returns: how a connection ended is for the reader to say, who may
    /// still find the server's Close frame.
    async fn write(&self, sink: impl Sink<Frame, Error = Lost> + Unpin, queue: &mut Queue) -> Infallible {
        if let Err(Lost { why, .. }) = self.write_all(sink, queue).await {
            tracing::debug!(why, "can't write to the connection");
            self.closing.cancel();
        }
        pending().await
    }

    async fn write_all(&self, mut sink: impl Sink<Frame, Error = Lost> + Unpin, queue: &mut Queue) -> Result<(), Lost> {
        loop {
            // A message is taken when it can be written at once: what this connection does not take is for the next.
            self.room(&mut sink).await?;
            let Some(first) = self.next(queue).await else { break };
            self.start_send(&mut sink, first)?;
            // What is ready together leaves together; the bound keeps a fast sender from putting off the flush.
            for _ in 1..QUEUE {
                self.room(&mut sink).await?;
                let Some(message) = self.ready(queue) else { break };
                self.start_send(&mut sink, message)?;
            }
            sink.flush().await?;
        }
        sink.send(Frame::Close(Disconnected::new(CloseCode::NORMAL, ""))).await
    }

    async fn room(&self, sink: &mut (impl Sink<Frame, Error = Lost> + Unpin)) -> Result<(), Lost> {
        poll_fn(|cx| sink.poll_ready_unpin(cx)).await
    }

    /// A message that can be written now. When the client goes on, a connection that closes leaves them to the next;
    /// when it ends, there is no next, and nothing waits for a hook any more.
    fn ready(&self, queue: &mut Queue) -> Option<Outgoing> {
        let connection = self.context.connection;
        match (self.closing.is_cancelled(), self.context.shared.closing.is_cancelled()) {
            (true, false) => None,
            (_, false) => queue.ready(connection),
            (_, true) => queue.ready(connection).or_else(|| {
                queue.open(connection);
                queue.ready(connection)
            }),
        }
    }

    /// The next message; `None` when the connection is to close, and of the queue nothing is for it any more.
    async fn next(&self, queue: &mut Queue) -> Option<Outgoing> {
        let connection = self.context.connection;
        loop {
            if let Some(message) = self.ready(queue) {
                return Some(message);
            }
            let message = tokio::select! {
                biased;
                // What came just before still goes out, if this is the end of the client.
                () = self.closing.cancelled() => return self.ready(queue),
                message = queue.messages.recv() => message?,
            };
            if let Some(message) = queue.sort(message, connection) {
                return Some(message);
            }
        }
    }

    fn start_send(&self, sink: &mut (impl Sink<Frame, Error = Lost> + Unpin), message: Outgoing) -> Result<(), Lost> {
        let Outgoing { text, route, connection, slot } = message;
        let is_wanted = match route {
            Route::Calls(ids) => self.context.shared.pending.mark_sent(&ids),
            Route::Bound => connection == self.context.connection,
            Route::Free => true,
            Route::Opened => false,
        };
        if is_wanted {
            sink.start_send_unpin(Frame::Text(text.into()))?;
        }
        drop(slot);
        Ok(())
    }
}

impl Queue {
    pub(super) fn new(messages: mpsc::UnboundedReceiver<Outgoing>) -> Self {
        Self { messages, left: VecDeque::new(), opened: 0 }
    }

    /// Lets what is left of earlier connections follow over this one.
    pub(super) fn open(&mut self, connection: u64) {
        self.opened = connection;
    }

    /// A message that can be written now.
    fn ready(&mut self, connection: u64) -> Option<Outgoing> {
        loop {
            if self.opened == connection
                && let Some(message) = self.left.pop_front()
            {
                return Some(message);
            }
            let message = self.messages.try_recv().ok()?;
            if let Some(message) = self.sort(message, connection) {
                return Some(message);
            }
        }
    }

    /// Puts a message aside that was meant for an earlier connection, as long as a hook prepares this one.
    fn sort(&mut self, mut message: Outgoing, connection: u64) -> Option<Outgoing> {
        let is_early = message.connection != connection;
        match message.route {
            // What the hook sent stands before it in the queue, and goes first.
            Route::Opened if !is_early => self.open(connection),
            Route::Opened => {}
            Route::Free if is_early && self.opened != connection => {
                // The hook needs places too. There are never more of these than places: what comes now waits for it.
                message.slot = None;
                self.left.push_back(message);
            }
            _ => return Some(message),
        }
        None
    }
}
