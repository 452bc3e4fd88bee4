//! One connection: what its handles and its task share, and the task that reads and writes.

use std::{
    convert::Infallible,
    future::pending,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt, poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    WeakClient,
    ending::Ending,
    handlers::Handlers,
    incoming::Incoming,
    pending::Pending,
    transport::{Close, Frame, Lost, Transport},
};
use crate::{in_flight::InFlight, protocol::request_text};

/// How many messages may wait for the socket; whoever sends the next one waits for a place.
const QUEUE: usize = 256;

/// How long a connection that is being closed is kept for the server's part of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The handles' side of a connection. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    next_id: AtomicU64,
}

/// What the handles and the task both need.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pending: Pending,
    pub(super) handlers: Arc<Handlers>,
    pub(super) in_flight: Arc<InFlight>,
    slots: Arc<Semaphore>,
    /// From here on nothing new is sent, and the task has `CLOSE_TIMEOUT` to end.
    closing: CancellationToken,
    /// The task is gone, and with it the socket.
    ended: CancellationToken,
}

/// A message on its way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) text: String,
    /// The calls it makes. When none of them waits any more, it is not sent.
    pub(super) calls: Option<Range<u64>>,
    /// Its place in the queue, free again when the message is with the socket.
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

impl Link {
    /// A connection without its task: what is sent waits for [`run`](Self::run).
    pub(super) fn new(handlers: Arc<Handlers>, max_in_flight: usize) -> (Self, Queue) {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            pending: Pending::default(),
            handlers,
            in_flight: Arc::new(InFlight::new(max_in_flight, usize::MAX)),
            slots: Arc::new(Semaphore::new(QUEUE)),
            closing: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        (Self { shared, outgoing, next_id: AtomicU64::new(1) }, queue)
    }

    /// Starts the task; `client` is what it lends to handlers.
    pub(super) fn run(&self, transport: impl Transport, queue: Queue, client: WeakClient) {
        let incoming = Incoming::new(Arc::clone(&self.shared), self.outgoing.downgrade(), client);
        tokio::spawn(run(transport, queue, incoming, Task(Arc::clone(&self.shared))));
    }

    pub(super) fn handlers(&self) -> &Arc<Handlers> {
        &self.shared.handlers
    }

    /// The handlers that run.
    pub(super) fn in_flight(&self) -> &Arc<InFlight> {
        &self.shared.in_flight
    }

    pub(super) fn pending(&self) -> &Pending {
        &self.shared.pending
    }

    /// Ids for so many calls.
    pub(super) fn next_ids(&self, count: u64) -> Range<u64> {
        let first = self.next_id.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Waits for a place in the queue. Cancel safe: a place that nobody takes is free again.
    pub(super) async fn slot(&self) -> Result<OwnedSemaphorePermit, Ending> {
        let slot = Arc::clone(&self.shared.slots).acquire_owned().await;
        match self.shared.pending.ending() {
            Some(ending) => Err(ending),
            None => Ok(slot.expect("the slots are closed only after the ending is set")),
        }
    }

    /// Puts a message in the queue. After the end of the connection it goes nowhere.
    pub(super) fn send(&self, text: String, calls: Option<Range<u64>>, slot: OwnedSemaphorePermit) {
        let _ = self.outgoing.send(Outgoing { text, calls, slot: Some(slot) });
    }

    /// Forgets calls, and asks the server to cancel those that it may be working on.
    pub(super) fn withdraw(&self, ids: &Range<u64>) {
        for id in self.shared.pending.withdraw(ids) {
            let params = serde_json::json!({ "id": id });
            let text = request_text("rpc.cancel", Some(&params), None).expect("a number in an object is JSON");
            // No slot: `Drop` can't wait for one. There are never more of these than calls that were written.
            let _ = self.outgoing.send(Outgoing { text, calls: None, slot: None });
        }
    }

    /// Waits until the task is gone.
    pub(super) async fn ended(&self) -> Ending {
        self.shared.ended.cancelled().await;
        self.shared.pending.ending().expect("a task that goes leaves an ending")
    }

    /// Closes the connection; returns when the server has done its part, or has not in `CLOSE_TIMEOUT`.
    pub(super) async fn close(&self) {
        self.shared.end(&Ending::ByUs);
        self.shared.ended.cancelled().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.end(&Ending::ByUs);
    }
}

impl Shared {
    /// Ends all calls, at once, and lets the task finish. Only the first ending counts.
    fn end(&self, ending: &Ending) {
        self.pending.close(ending);
        self.slots.close();
        self.closing.cancel();
        // What they hold goes now: a handler may hold a client, which else would keep what is left of itself.
        self.handlers.close();
    }

    async fn close_timeout(&self) -> Ending {
        self.closing.cancelled().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
        Ending::Lost(format!("the server did not close within {CLOSE_TIMEOUT:?}"))
    }
}

/// The connection's task. Reading and writing are polled side by side, so neither waits for the other: a
/// server that sends while this side sends finds a reader.
async fn run(transport: impl Transport, queue: Queue, incoming: Incoming, task: Task) {
    let shared = &*task.0;
    let (sink, stream) = transport.split();
    // The branches take turns in going first: under a flood each of them could use up the task's budget.
    let ending = tokio::select! {
        ending = read(stream, incoming, shared) => ending,
        ending = shared.close_timeout() => ending,
        never = write(sink, queue, shared) => match never {},
    };
    tracing::debug!(%ending, "connection ended");
    shared.end(&ending);
}

pub(super) type Queue = mpsc::UnboundedReceiver<Outgoing>;

/// The task's share. Its drop ends the calls, also when the runtime drops the task before it has run.
struct Task(Arc<Shared>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.end(&Ending::Lost("the runtime of the connection shut down".into()));
        self.0.ended.cancel();
    }
}

async fn read(
    mut stream: impl Stream<Item = Result<Frame, Lost>> + Unpin,
    incoming: Incoming,
    shared: &Shared,
) -> Ending {
    loop {
        match stream.next().await {
            Some(Ok(Frame::Text(text))) => incoming.receive(&text),
            Some(Ok(Frame::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                Ok(text) => incoming.receive(text),
                Err(error) => tracing::warn!(%error, "the server sent a binary frame that is not UTF-8"),
            },
            Some(Ok(Frame::Close(close))) => {
                shared.end(&Ending::ByServer(close));
                // The reads that follow answer the close. A close that is an answer itself was waited for long
                // enough; one more read is for the two that crossed, where a reply is still owed.
                if let Some(Ending::ByUs) = shared.pending.ending() {
                    let _ = poll!(stream.next());
                    return Ending::ByUs;
                }
            }
            Some(Err(Lost(why))) => return Ending::Lost(why),
            None => return Ending::Lost("end of stream".into()),
        }
    }
}

/// Writes until the connection closes. Never returns: how a connection ended is for the reader to say, who may
/// still find the server's Close frame.
async fn write(sink: impl Sink<Frame, Error = Lost> + Unpin, queue: Queue, shared: &Shared) -> Infallible {
    if let Err(Lost(why)) = write_all(sink, queue, shared).await {
        tracing::debug!(why, "can't write to the connection");
        shared.closing.cancel();
    }
    pending().await
}

async fn write_all(
    mut sink: impl Sink<Frame, Error = Lost> + Unpin,
    mut queue: Queue,
    shared: &Shared,
) -> Result<(), Lost> {
    while let Some(first) = next(&mut queue, shared).await {
        feed(&mut sink, first, shared).await?;
        // What is ready together leaves together; the bound keeps a fast sender from putting off the flush.
        for _ in 1..QUEUE {
            let Ok(message) = queue.try_recv() else { break };
            feed(&mut sink, message, shared).await?;
        }
        sink.flush().await?;
    }
    sink.send(Frame::Close(Close::normal())).await
}

/// The next message; `None` when the queue is empty and the connection is to close.
async fn next(queue: &mut Queue, shared: &Shared) -> Option<Outgoing> {
    tokio::select! {
        biased;
        message = queue.recv() => message,
        () = shared.closing.cancelled() => None,
    }
}

async fn feed(
    sink: &mut (impl Sink<Frame, Error = Lost> + Unpin),
    message: Outgoing,
    shared: &Shared,
) -> Result<(), Lost> {
    let Outgoing { text, calls, slot } = message;
    if calls.is_none_or(|calls| shared.pending.mark_sent(&calls)) {
        sink.feed(Frame::Text(text.into())).await?;
    }
    drop(slot);
    Ok(())
}
