//! One peer: what methods and the server know of it.

mod counters;
mod peer;
mod stage;

use std::{
    any::{Any, TypeId},
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

pub use self::counters::Counters;
use self::{counters::Traffic, stage::Stage};
use crate::{
    asked::Asked,
    capacity::Seat,
    close::{CloseCode, Disconnected},
    config::ServerConfig,
    context::Lend,
    events::Event,
    handshake::Handshake,
    identity::Identity,
    in_flight::InFlight,
    outbox::{Outbox, Text},
    payload::shared_event_text,
    pending_call::{Callee, Patience, PendingCall},
    protocol::Id,
    rate::Rates,
};

/// The number of a connection, unique within its server for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One peer of a server, whatever the transport; a cheap handle.
///
/// Borrow it as `&Connection` in a method to learn who calls. A call over HTTP has a connection of its own,
/// which ends with it.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    id: ConnectionId,
    handshake: Handshake,
    /// The place that it holds; none over HTTP, and none any more when it is gone.
    seat: Mutex<Option<Seat>>,
    counters: Traffic,
    stage: Stage,
    hooks: tokio::sync::Mutex<()>,
    identity: OnceLock<Identity>,
    in_flight: Arc<InFlight>,
    outbox: Outbox,
    rates: Option<Arc<Rates>>,
    max_message_size: usize,
    /// The server's own calls that the peer has not answered yet.
    asked: Asked,
    connected_at: SystemTime,
    /// Of the last ping that was answered, in nanoseconds; 0 for none.
    latency: AtomicU64,
    /// What the application keeps with the connection.
    data: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    /// Answers that tasks of running calls still have to queue.
    due: AtomicUsize,
    /// The server, which lends its state.
    home: Arc<dyn Lend>,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        handshake: Handshake,
        seat: Option<Seat>,
        rates: Option<Arc<Rates>>,
        home: Arc<dyn Lend>,
        config: &ServerConfig,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            handshake,
            seat: Mutex::new(seat),
            counters: Traffic::default(),
            stage: Stage::default(),
            hooks: tokio::sync::Mutex::default(),
            identity: OnceLock::new(),
            in_flight: Arc::new(InFlight::new(config.max_in_flight, config.max_queue_bytes)),
            outbox: Outbox::new(config.max_queue_bytes, config.slow_clients),
            rates,
            max_message_size: config.max_message_size,
            asked: Asked::default(),
            connected_at: SystemTime::now(),
            latency: AtomicU64::new(0),
            data: Mutex::new(None),
            due: AtomicUsize::new(0),
            home,
        }))
    }

    /// The number of the connection.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.0.id
    }

    /// Where the peer is; `None` when the program that serves the router does not tell (axum's
    /// `into_make_service_with_connect_info` does).
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.handshake.peer_addr
    }

    /// The first header of this name, of the upgrade or the HTTP request; case does not matter.
    ///
    /// `Authorization` is not kept, nor are headers that the upgrade alone is about and values that are not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.handshake.headers.find(name)
    }

    /// All headers that [`header`](Self::header) finds, in their order: names in lower case, and values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.handshake.headers.iter()
    }

    pub(crate) fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// Who the login found; `None` before it. On a server without login, an identity without a name.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.0.identity.get()
    }

    /// When the connection was made.
    #[must_use]
    pub fn connected_at(&self) -> SystemTime {
        self.0.connected_at
    }

    /// How long the peer took to answer the last ping; `None` before the first.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.0.latency.load(Ordering::Relaxed))).filter(|latency| !latency.is_zero())
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.0.latency.store(nanoseconds, Ordering::Relaxed);
    }

    /// Sends an event to this peer; says whether it was queued. A connection that is not logged in, or is
    /// closing, takes none.
    ///
    /// A payload that can't be written as JSON, or is over `max_message_size` when it is, is logged and not sent.
    pub fn send<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> bool {
        match shared_event_text(event, payload, self.0.max_message_size) {
            Ok(text) => self.is_logged_in() && self.push_event(text),
            Err(error) => {
                tracing::error!(%error, "an event can't be sent");
                false
            }
        }
    }

    /// [Sends](Self::send) the event that the payload's type [names](Event).
    ///
    /// ```
    /// use conduit::{Connection, Event, rpc};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema, Event)]
    /// #[event("progress")]
    /// struct Progress {
    ///     percent: u8,
    /// }
    ///
    /// /// Import everything, and say how far it is.
    /// #[rpc]
    /// async fn import(client: &Connection) {
    ///     for percent in 0..=100 {
    ///         client.send_event(&Progress { percent });
    ///     }
    /// }
    /// ```
    pub fn send_event<E: Event>(&self, event: &E) -> bool {
        self.send(E::NAME, event)
    }

    pub(crate) fn push_event(&self, text: Bytes) -> bool {
        self.0.outbox.push(Text::Shared(text))
    }

    /// Calls a method that the client, which is logged in, serves: await it for the answer, of which
    /// [`timeout`](PendingCall::timeout) says how long it may take (30 s otherwise).
    ///
    /// `params` is anything that serialises to an object or an array, or `()` for none. A method may call the
    /// client that calls it.
    ///
    /// ```
    /// use conduit::{Connection, Result};
    /// use std::time::Duration;
    ///
    /// async fn confirm(client: &Connection, question: &str) -> Result<bool> {
    ///     client.call("confirm", [question]).timeout(Duration::from_secs(120)).await
    /// }
    /// ```
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> PendingCall<T> {
        PendingCall::new(Callee::Client(self.clone()), method, &params, Patience::DEFAULT)
    }

    /// Closes the connection once what is queued has been sent, the answer of the method that calls this too; other
    /// calls in flight have a quarter of a second to end. Code 1000 is the normal end; the application's
    /// own codes lie from 4100 to 4999, and [`CloseCode`] says which can't be sent. Of the reason, the first 123 bytes are sent.
    pub fn disconnect(&self, code: impl Into<CloseCode>, reason: impl Into<String>) {
        self.0.outbox.close(Disconnected::new(code.into().to_send(), reason));
    }

    /// Keeps a value of the application's own with the connection, in place of the one before.
    pub fn set_data<T: Send + Sync + 'static>(&self, data: T) {
        let data: Arc<dyn Any + Send + Sync> = Arc::new(data);
        let old = self.0.data.lock().unwrap_or_else(PoisonError::into_inner).replace(data);
        // Outside the lock: what it does when it is dropped is the application's.
        drop(old);
    }

    /// The value that [`set_data`](Self::set_data) kept; `None` when there is none, or it is of another type.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.data.lock().unwrap_or_else(PoisonError::into_inner).clone()?.downcast().ok()
    }

    /// Held while the hooks of the connection run, so that those of its end come after those of its beginning.
    pub(crate) fn hooks(&self) -> &tokio::sync::Mutex<()> {
        &self.0.hooks
    }

    pub(crate) fn cancel(&self, id: &Id) -> bool {
        self.0.in_flight.cancel(id)
    }

    pub(crate) fn cancel_all(&self) {
        self.0.in_flight.cancel_all();
    }

    /// Takes no further call, and closes once those that run are answered.
    pub(crate) fn drain(&self) {
        self.0.in_flight.close();
        self.0.outbox.wake();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.in_flight.is_closed()
    }

    /// Ends everything that waits for the peer or works for it: it is gone.
    pub(crate) fn abandon(&self) {
        self.0.in_flight.close();
        self.0.in_flight.cancel_all();
        // Sealed first: a call to the peer that is queued after this would wait for an answer in vain.
        self.0.outbox.seal();
        self.0.asked.close();
    }

    /// Whether tasks of running calls still have answers to queue.
    pub(crate) fn owes_answers(&self) -> bool {
        self.0.due.load(Ordering::Acquire) > 0
    }

    pub(crate) fn max_message_size(&self) -> usize {
        self.0.max_message_size
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.0.asked
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(crate) fn home(&self) -> &Arc<dyn Lend> {
        &self.0.home
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.0.id.0)
            .field("peer_addr", &self.peer_addr())
            .field("logged_in", &self.is_logged_in())
            .finish_non_exhaustive()
    }
}

impl Lend for Connection {
    fn lend(&self, wanted: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        if wanted == TypeId::of::<Self>() { Some(self) } else { self.0.home.lend(wanted) }
    }
}

/// An answer that a task still has to queue. The connection looks again when it is paid.
pub(crate) struct Debt(Connection);

impl Debt {
    pub(crate) fn new(peer: &Connection) -> Self {
        peer.0.due.fetch_add(1, Ordering::AcqRel);
        Self(peer.clone())
    }

    pub(crate) fn pay(&self, text: String) {
        self.0.0.outbox.push(Text::Own(text));
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.0.0.due.fetch_sub(1, Ordering::AcqRel);
        self.0.0.outbox.wake();
    }
}
