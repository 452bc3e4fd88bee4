//! One peer: what methods and the server know of it.

use std::{
    any::{Any, TypeId},
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde::Serialize;

use crate::{
    context::Lend,
    dispatch::Peer,
    in_flight::InFlight,
    method::MethodMeta,
    outbox::Outbox,
    protocol::{ErrorCode, ErrorObject, Id},
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

    fn may_call(&self, method: &MethodMeta) -> Result<(), ErrorObject> {
        if method.public || self.is_logged_in() {
            return Ok(());
        }
        let message = format!(
            "login required: `{}` is not public; call `rpc.login` first, or connect with an `Authorization: Bearer` header",
            method.name
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
        self.0.0.outbox.push(text);
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.0.0.due.fetch_sub(1, Ordering::AcqRel);
        self.0.0.outbox.wake();
    }
}
