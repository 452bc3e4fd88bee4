//! One peer: what methods and the server know of it.

use std::{
    any::{Any, TypeId},
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    asked::Asked,
    capacity::Seat,
    close::{Close, CloseCode},
    config::ServerConfig,
    context::Lend,
    dispatch::Peer,
    error::Result,
    event_failed::EventFailed,
    events::Event,
    handshake::Handshake,
    identity::Identity,
    in_flight::InFlight,
    method::MethodMeta,
    outbox::{Outbox, Text},
    payload::shared_event_text,
    pending_call::{Callee, Patience, PendingCall},
    protocol::{ErrorCode, ErrorObject, Id, Response},
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
            stage: Stage(AtomicU8::new(Stage::NEW)),
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

    /// Whether the peer has shown who it is, and was not refused. On a server without login, everybody has.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        matches!(self.0.stage.load(), Stage::WELCOMED | Stage::LIVE)
    }

    /// Whether the hooks have let the peer in, after its login.
    pub(crate) fn is_live(&self) -> bool {
        self.0.stage.load() == Stage::LIVE
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

    /// What has passed over the connection so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Traffic { messages_in, messages_out, bytes_in, bytes_out } = &self.0.counters;
        Counters {
            messages_in: of(messages_in),
            messages_out: of(messages_out),
            bytes_in: of(bytes_in),
            bytes_out: of(bytes_out),
            events_dropped: self.0.outbox.dropped(),
        }
    }

    pub(crate) fn count_message_in(&self) {
        // The session alone counts.
        let count = &self.0.counters.messages_in;
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn count_messages_out(&self, more: u64) {
        let count = &self.0.counters.messages_out;
        count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    pub(crate) fn set_traffic(&self, (bytes_in, bytes_out): (u64, u64)) {
        self.0.counters.bytes_in.store(bytes_in, Ordering::Relaxed);
        self.0.counters.bytes_out.store(bytes_out, Ordering::Relaxed);
    }

    /// How long the peer took to answer the last ping; `None` before the first.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.0.latency.load(Ordering::Relaxed))).filter(|latency| !latency.is_zero())
    }

    /// Whether the peer has logged in as far as the method asks for it.
    fn is_let_in_to(&self, method: &MethodMeta) -> bool {
        method.public || self.is_live()
    }

    /// Whether the peer's roles let it call the method.
    fn has_role_for(&self, method: &MethodMeta) -> bool {
        let has = |role: &&str| self.identity().is_some_and(|identity| identity.has_role(role));
        method.allow.is_empty() || method.allow.iter().any(has)
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
        self.0.outbox.close(Close::new(code.into().to_send(), reason.into()));
    }

    /// Turns the peer away: it is sent nothing but what it is owed, and closed. For whoever logs it in.
    pub(crate) fn refuse(&self, code: CloseCode, reason: &str) {
        self.0.stage.leave();
        self.0.outbox.close(Close::new(code, reason.to_owned()));
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

    /// Starts a login; `false` when there is one already, made or under way.
    pub(crate) fn begin_login(&self) -> bool {
        self.0.stage.advance(Stage::NEW, Stage::LOGGING_IN)
    }

    /// Ends a login that did not succeed; the peer may try again.
    pub(crate) fn give_up_login(&self) {
        self.0.stage.advance(Stage::LOGGING_IN, Stage::NEW);
        self.0.outbox.wake();
    }

    /// Takes a place among those that have logged in; says whether one was free.
    pub(crate) fn take_place(&self) -> bool {
        self.0.seat.lock().unwrap_or_else(PoisonError::into_inner).as_mut().is_none_or(Seat::promote)
    }

    /// Logs the peer in; `false` when it is gone. The hooks come next.
    pub(crate) fn enter(&self, identity: Identity) -> bool {
        if !self.0.stage.advance(Stage::LOGGING_IN, Stage::ENTERING) {
            return false;
        }
        // The stage lets one login in. Whoever sees it logged in finds who it is.
        let _ = self.0.identity.set(identity);
        self.0.stage.advance(Stage::ENTERING, Stage::WELCOMED)
    }

    /// Lets the peer's calls through: the hooks have run.
    pub(crate) fn go_live(&self) {
        self.0.stage.advance(Stage::WELCOMED, Stage::LIVE);
        self.0.outbox.wake();
    }

    /// Notes that the peer is gone; says whether its hooks had run.
    pub(crate) fn leave_stage(&self) -> bool {
        // The application may keep the handle for as long as it likes; the place is free now.
        drop(self.0.seat.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.0.stage.leave() == Stage::LIVE
    }

    /// Whether what the peer sends has to wait for its login, so that calls sent right behind it find it made.
    pub(crate) fn is_logging_in(&self) -> bool {
        matches!(self.0.stage.load(), Stage::LOGGING_IN | Stage::ENTERING | Stage::WELCOMED)
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

impl Peer for Connection {
    fn in_flight(&self) -> &Arc<InFlight> {
        &self.0.in_flight
    }

    fn may_send(&self, messages: usize, bytes: usize) -> Result<(), ErrorObject> {
        self.0.rates.as_ref().map_or(Ok(()), |rates| rates.admit(messages, bytes))
    }

    fn settle(&self, response: Response<'_>) -> bool {
        self.0.asked.settle(response)
    }

    fn event_failed(event: &str, error: &ErrorObject) -> Option<String> {
        Some(EventFailed::text(event, error))
    }

    fn may_see(&self, method: &MethodMeta) -> bool {
        self.is_let_in_to(method) && self.has_role_for(method)
    }

    fn may_call(&self, method: &MethodMeta, name: &str) -> Result<(), ErrorObject> {
        if !self.is_let_in_to(method) {
            let message = if self.is_logging_in() {
                format!(
                    "login required: `{name}` came in one batch with the login, which is not done yet; call it behind the batch"
                )
            } else {
                format!(
                    "login required: `{name}` is not public; call `rpc.login` first, or connect with an `Authorization: Bearer` header"
                )
            };
            return Err(ErrorObject::with_code(ErrorCode::Unauthorized, message));
        }
        if !self.has_role_for(method) {
            let message = format!("forbidden: `{name}` is for the role {}", method.allow.join(" or "));
            return Err(ErrorObject::with_code(ErrorCode::Forbidden, message));
        }
        Ok(())
    }
}

/// What has passed over a connection: messages of JSON-RPC, and bytes of the socket with frames, pings and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that the peer sent.
    pub messages_in: u64,
    /// Messages that the peer was sent.
    pub messages_out: u64,
    /// Bytes that the peer sent.
    pub bytes_in: u64,
    /// Bytes that the peer was sent.
    pub bytes_out: u64,
    /// Events that were dropped because the peer read too slowly; see [`SlowClients`](crate::SlowClients).
    pub events_dropped: u64,
}

#[derive(Default)]
struct Traffic {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// How far a connection has come.
struct Stage(AtomicU8);

impl Stage {
    const NEW: u8 = 0;
    /// Credentials are being looked at.
    const LOGGING_IN: u8 = 1;
    /// They are good; who it is is being noted.
    const ENTERING: u8 = 2;
    /// Logged in; the hooks run.
    const WELCOMED: u8 = 3;
    /// The hooks have let it in.
    const LIVE: u8 = 4;
    /// It has ended, or was refused.
    const GONE: u8 = 5;

    fn load(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    /// Says whether it was at `from`, and is at `to` now.
    fn advance(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends it, and says at what it was.
    fn leave(&self) -> u8 {
        self.0.swap(Self::GONE, Ordering::AcqRel)
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
