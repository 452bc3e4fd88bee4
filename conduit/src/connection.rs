//! One peer: what methods and the server know of it.

use std::{
    any::{Any, TypeId},
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    asked::Asked,
    close::{Close, CloseCode},
    context::Lend,
    dispatch::Peer,
    error::{Error, ErrorKind, Result},
    events::Event,
    in_flight::InFlight,
    method::MethodMeta,
    outbox::{Outbox, Text},
    params,
    payload::event_text,
    protocol::{ErrorCode, ErrorObject, Id, Response, request_text},
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
    peer_addr: Option<SocketAddr>,
    logged_in: AtomicBool,
    in_flight: Arc<InFlight>,
    outbox: Outbox,
    /// The server's own calls that the peer has not answered yet.
    asked: Asked,
    connected_at: SystemTime,
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
        peer_addr: Option<SocketAddr>,
        home: Arc<dyn Lend>,
        max_in_flight: usize,
        max_queue_bytes: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            peer_addr,
            logged_in: AtomicBool::new(false),
            in_flight: Arc::new(InFlight::new(max_in_flight)),
            outbox: Outbox::new(max_queue_bytes),
            asked: Asked::default(),
            connected_at: SystemTime::now(),
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
        self.0.peer_addr
    }

    /// Whether the peer has shown who it is. On a server without login, everybody has.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.0.logged_in.load(Ordering::Acquire)
    }

    /// When the connection was made.
    #[must_use]
    pub fn connected_at(&self) -> SystemTime {
        self.0.connected_at
    }

    /// Sends an event to this peer; says whether it was queued. A connection that is not logged in, or is
    /// closing, takes none.
    ///
    /// A payload that can't be written as JSON is logged and not sent.
    pub fn send<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> bool {
        match event_text(event, payload) {
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

    /// Calls a method that the client serves, and waits for its answer for at most 30 s.
    ///
    /// `params` is anything that serialises to an object or an array, or `()` for none. A method may call the
    /// client that calls it.
    ///
    /// # Errors
    /// Of kind `Rpc` when the client answers with an error, `Closed` when it goes away before it answers,
    /// `Timeout`, `Encode` and `Decode`.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the call; the client may still run it.
    pub async fn call<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<T> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let params = params::encode(method, &params)?;
        let mut waiting = self.0.asked.register();
        let closed = || {
            let message =
                format!("connection {} closed before `{method}` was answered; the call may have run", self.0.id);
            Error::new(ErrorKind::Closed, message)
        };
        let text = request_text(method, params.as_deref(), Some(&waiting.id.into()))
            .map_err(|error| Error::new(ErrorKind::Encode, error.to_string()))?;
        if !self.0.outbox.push(Text::Own(text)) {
            return Err(closed());
        }
        let answer = tokio::time::timeout(PATIENCE, waiting.answer()).await.map_err(|_| {
            Error::new(ErrorKind::Timeout, format!("`{method}` was not answered by connection {} in 30 s", self.0.id))
        })?;
        let raw = answer.ok_or_else(closed)??;
        serde_json::from_str(raw.get()).map_err(|error| {
            Error::new(ErrorKind::Decode, format!("the answer to `{method}` is of another type: {error}"))
                .with_source(error)
        })
    }

    /// Closes the connection once what is queued has been sent. Code 1000 is the normal end; the application's
    /// own codes lie from 4000 to 4999. Of the reason, the first 123 bytes are sent.
    pub fn disconnect(&self, code: impl Into<CloseCode>, reason: impl Into<String>) {
        self.0.outbox.close(Close::new(code.into(), reason.into()));
    }

    /// Keeps a value of the application's own with the connection, in place of the one before.
    pub fn set_data<T: Send + Sync + 'static>(&self, data: T) {
        *self.0.data.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(data));
    }

    /// The value that [`set_data`](Self::set_data) kept; `None` when there is none, or it is of another type.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.data.lock().unwrap_or_else(PoisonError::into_inner).clone()?.downcast().ok()
    }

    pub(crate) fn log_in(&self) {
        self.0.logged_in.store(true, Ordering::Release);
    }

    pub(crate) fn cancel(&self, id: &Id) -> bool {
        self.0.in_flight.cancel(id)
    }

    pub(crate) fn cancel_all(&self) {
        self.0.in_flight.cancel_all();
    }

    /// Takes no further call.
    pub(crate) fn stop_calls(&self) {
        self.0.in_flight.close();
    }

    /// Ends everything that waits for the peer or works for it: it is gone.
    pub(crate) fn end(&self) {
        self.0.in_flight.close();
        self.0.in_flight.cancel_all();
        self.0.asked.close();
    }

    /// Whether tasks of running calls still have answers to queue.
    pub(crate) fn owes_answers(&self) -> bool {
        self.0.due.load(Ordering::Acquire) > 0
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
            .field("peer_addr", &self.0.peer_addr)
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

    fn settle(&self, response: Response<'_>) -> bool {
        self.0.asked.settle(response)
    }

    fn may_call(&self, method: &MethodMeta, name: &str) -> Result<(), ErrorObject> {
        if method.public || self.is_logged_in() {
            return Ok(());
        }
        let message = format!(
            "login required: `{name}` is not public; call `rpc.login` first, or connect with an `Authorization: Bearer` header"
        );
        Err(ErrorObject::with_code(ErrorCode::Unauthorized, message))
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
