//! What the handles of a client and its task share, and the way of a message from a handle to the queue.

use std::{
    fmt,
    ops::Range,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use semver::Version;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    WeakClient,
    backoff::MAX_REFUSALS,
    dial::Dial,
    ending::Ending,
    handlers::Handlers,
    pending::{Failure, Gate, Login, Outcome, Pending},
    supervise::{self, Plan},
};
use crate::{
    error::Error,
    in_flight::InFlight,
    protocol::{ErrorCode, request_text},
};

/// How many messages may wait for the socket; whoever sends the next one waits for a place.
pub(super) const QUEUE: usize = 256;

/// The handles' side of a client. Dropping it closes the connection, for good.
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
    pub(super) max_in_flight: usize,
    /// The places of the queue.
    slots: Arc<Semaphore>,
    /// The places of those that wait for a connection.
    waiting: Semaphore,
    max_waiting: usize,
    /// The least version of a server that tells its own when somebody logs in.
    needed: Option<Version>,
    /// A connection came, opened, or fell.
    changed: Notify,
    /// The logins in a row, of those that prepare a connection, that were refused.
    refusals: AtomicU32,
    /// From here on nothing new is sent, and the task is about to end.
    pub(super) closing: CancellationToken,
    /// The task is gone, and with it the socket.
    pub(super) ended: CancellationToken,
}

/// The limits of a client.
pub(super) struct Limits {
    pub(super) max_in_flight: usize,
    pub(super) max_waiting: usize,
    pub(super) needed: Option<Version>,
}

/// A message on its way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) text: String,
    pub(super) route: Route,
    /// The connection that was there when it was let in.
    pub(super) connection: u64,
    /// Its place in the queue, free again when the message is with the socket.
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

/// What becomes of a message when its connection falls.
#[derive(Debug)]
pub(super) enum Route {
    /// Calls. When none of them waits any more, it is not sent.
    Calls(Range<u64>),
    /// Of use on its own connection alone.
    Bound,
    /// A notification: it goes out over the next.
    Free,
    /// None: the hook that prepared the connection is done, and what is left of an earlier one may follow its messages.
    Opened,
}

/// A place in the queue, and the connection that the message is for.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) connection: u64,
    /// Whether it is had before the connection is open, for what goes ahead.
    pub(super) early: bool,
    slot: OwnedSemaphorePermit,
}

impl Place {
    /// The way of a notification. What prepares a connection is for that one alone: the next is prepared anew.
    pub(super) fn route(&self) -> Route {
        if self.early { Route::Bound } else { Route::Free }
    }
}

/// Why there is no place for a message.
#[derive(Debug)]
pub(super) enum NoPlace {
    /// The connection is down, and the client does not wait.
    Down(Ending),
    /// So many wait already.
    Full(Ending, usize),
    Ended(Ending),
}

impl NoPlace {
    pub(super) fn not_sent(&self, what: impl fmt::Display) -> Error {
        let error = match self {
            Self::Down(ending) => ending.error(format!("{what} was not sent: the connection is down: {ending}")),
            Self::Full(ending, count) => ending.error(format!(
                "{what} was not sent: the connection is down ({ending}), and {count} wait for the next one already, the \
                 most that may"
            )),
            Self::Ended(ending) => ending.not_sent(what),
        };
        error.unsent()
    }

    /// The error of a call that was sent over an earlier connection.
    pub(super) fn not_answered(&self, what: impl fmt::Display) -> Error {
        let (Self::Down(ending) | Self::Full(ending, _) | Self::Ended(ending)) = self;
        ending.not_answered(what)
    }
}

impl Link {
    /// A client without its task: what is sent waits for [`run`](Self::run).
    pub(super) fn new(handlers: Arc<Handlers>, limits: Limits) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            pending: Pending::default(),
            handlers,
            in_flight: Arc::new(InFlight::new(limits.max_in_flight, usize::MAX)),
            max_in_flight: limits.max_in_flight,
            slots: Arc::new(Semaphore::new(QUEUE)),
            waiting: Semaphore::new(limits.max_waiting.min(Semaphore::MAX_PERMITS)),
            max_waiting: limits.max_waiting,
            needed: limits.needed,
            changed: Notify::new(),
            refusals: AtomicU32::new(0),
            closing: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        (Self { shared, outgoing, next_id: AtomicU64::new(1) }, queue)
    }

    /// Starts the task over the first connection; `client` is what it lends to handlers.
    pub(super) fn run<D: Dial>(
        &self,
        transport: D::Transport,
        plan: Plan<D>,
        queue: mpsc::UnboundedReceiver<Outgoing>,
        client: WeakClient,
    ) {
        supervise::start(transport, plan, queue, Arc::clone(&self.shared), self.outgoing.downgrade(), client);
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

    /// The least version of a server that tells its own when somebody logs in.
    pub(super) fn needed_version(&self) -> Option<&Version> {
        self.shared.needed.as_ref()
    }

    /// Ids for so many calls.
    pub(super) fn next_ids(&self, count: u64) -> Range<u64> {
        let first = self.next_id.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Whether what was in the queue when the connection fell waits for the next.
    pub(super) fn waits(&self) -> bool {
        self.shared.max_waiting > 0
    }

    /// A place among those that wait for the next connection, if one is free.
    pub(super) fn waiting(&self) -> Option<SemaphorePermit<'_>> {
        self.shared.waiting.try_acquire().ok()
    }

    /// Waits until a connection is no longer there.
    pub(super) async fn gone(&self, connection: u64) {
        self.shared.gone(connection).await;
    }

    /// Waits for a connection, and for a place in its queue. What is `taken` already needs no place among those that
    /// wait. Cancel safe: a place that nobody takes is free again.
    pub(super) async fn place(&self, ahead: Option<u64>, taken: bool) -> Result<Place, NoPlace> {
        let shared = &*self.shared;
        loop {
            let (connection, early) = match shared.pending.gate(ahead) {
                Gate::Open { connection, early } => (connection, early),
                _ => shared.gate(ahead, taken).await?,
            };
            if let Ok(slot) = Arc::clone(&shared.slots).try_acquire_owned() {
                return Ok(Place { connection, early, slot });
            }
            let slot = tokio::select! {
                slot = Arc::clone(&shared.slots).acquire_owned() => slot,
                () = shared.gone(connection) => continue,
            };
            // Closed slots mean that the client has ended: the gate says how.
            if let Ok(slot) = slot {
                return Ok(Place { connection, early, slot });
            }
        }
    }

    /// Puts a message in the queue. After the end of the client it goes nowhere.
    pub(super) fn send(&self, text: String, route: Route, place: Place) {
        let Place { connection, slot, .. } = place;
        let _ = self.outgoing.send(Outgoing { text, route, connection, slot: Some(slot) });
    }

    /// Forgets calls, and asks the server to cancel those that it may be working on; says whether there are such.
    pub(super) fn withdraw(&self, ids: &Range<u64>) -> bool {
        let (connection, sent) = self.shared.pending.withdraw(ids);
        for id in &sent {
            let params = serde_json::json!({ "id": id });
            let text = request_text("rpc.cancel", Some(&params), None).expect("a number in an object is JSON");
            // No slot: `Drop` can't wait for one. There are never more of these than calls that were written.
            let _ = self.outgoing.send(Outgoing { text, route: Route::Bound, connection, slot: None });
        }
        !sent.is_empty()
    }

    /// Waits until the task is gone.
    pub(super) async fn ended(&self) -> Ending {
        self.shared.ended.cancelled().await;
        self.shared.pending.ending().expect("a task that goes leaves an ending")
    }

    #[cfg(test)]
    pub(super) fn ended_token(&self) -> CancellationToken {
        self.shared.ended.clone()
    }

    /// Ends the client for a reason of its own.
    pub(super) fn end(&self, ending: &Ending) {
        self.shared.end(ending);
    }

    /// Closes the connection; returns when the server has done its part, or has not in time.
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
    /// Waits until a message may pass: the number of the connection that it may pass over, and whether it goes ahead.
    async fn gate(&self, ahead: Option<u64>, taken: bool) -> Result<(u64, bool), NoPlace> {
        let mut place: Option<SemaphorePermit<'_>> = None;
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on a change is not missed.
            changed.as_mut().enable();
            match self.pending.gate(ahead) {
                Gate::Open { connection, early } => return Ok((connection, early)),
                Gate::Ended(ending) => return Err(NoPlace::Ended(ending)),
                Gate::Shut => {}
                Gate::Down(ending) if !taken && place.is_none() => match self.waiting.try_acquire() {
                    Ok(free) => place = Some(free),
                    Err(_) if self.max_waiting == 0 => return Err(NoPlace::Down(ending)),
                    Err(_) => return Err(NoPlace::Full(ending, self.max_waiting)),
                },
                Gate::Down(_) => {}
            }
            changed.await;
        }
    }

    /// Waits until a connection is no longer there.
    async fn gone(&self, connection: u64) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if !matches!(self.pending.gate(Some(connection)), Gate::Open { connection: there, .. } if there == connection)
            {
                return;
            }
            changed.await;
        }
    }

    /// Notes a new connection; returns its number.
    pub(super) fn up(&self, open: bool) -> u64 {
        let connection = self.pending.up(open);
        self.changed.notify_waiters();
        connection
    }

    /// Lets what waited pass over the connection that is there.
    pub(super) fn open(&self) {
        self.pending.open();
        self.changed.notify_waiters();
    }

    /// Ends the calls of a connection that fell and is to be followed by another. Only its first ending counts.
    pub(super) fn fall(&self, ending: &Ending) {
        self.pending.fall(ending);
        self.changed.notify_waiters();
    }

    /// Notes the answer to a login. When those that prepare a connection were refused several times in
    /// a row the client ends.
    pub(super) fn note_login(&self, login: Login, outcome: &Outcome) {
        match (outcome, login) {
            (Ok(_), _) => self.refusals.store(0, Ordering::Relaxed),
            (Err(Failure::Answered(refusal)), Login::Early) if refusal.code() == ErrorCode::Unauthorized.code() => {
                let refusals = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
                if refusals >= MAX_REFUSALS {
                    let why =
                        format!("the server refused the login of `on_connect` {refusals} times in a row: {refusal}");
                    self.end(&Ending::GaveUp { why, failure: Some(refusal.clone().into()) });
                }
            }
            (Err(_), _) => {}
        }
    }

    /// Ends all calls, at once and for good, and lets the task finish. Only the first ending counts.
    pub(super) fn end(&self, ending: &Ending) {
        self.pending.close(ending);
        self.slots.close();
        self.changed.notify_waiters();
        self.closing.cancel();
        // What they hold goes now: a handler may hold a client, which else would keep what is left of itself.
        self.handlers.close();
    }
}
