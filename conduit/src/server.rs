//! A server: built from methods and settings, run until it is told to stop.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use serde::Serialize;
#[cfg(feature = "prometheus")]
use tokio::sync::OnceCell;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    broadcast::Broadcast,
    builder::ServerBuilder,
    capacity::Capacity,
    config::ServerConfig,
    connection::{Connection, ConnectionId},
    context::{Lend, State},
    discovery::{Discovery, Documents},
    dispatch::Dispatcher,
    events::Event,
    hub::Hub,
    lifecycle::Hooks,
    login::Auth,
    metrics::Metrics,
    payload::shared_event_text,
    protocol::ErrorObject,
    rate::RatesByAddress,
    raw::Route,
    session::Terms,
    startup::Startup,
    throttle::Throttle,
    transport::{self, IdleSockets, Tls},
};

/// A JSON-RPC server; a cheap handle that methods borrow as `&Server`.
///
/// ```no_run
/// use conduit::{Server, rpc};
///
/// /// Add two numbers.
/// #[rpc]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// #[tokio::main]
/// async fn main() -> conduit::Result<()> {
///     Server::builder().password("secret").build()?.run().await
/// }
/// ```
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: ServerConfig,
    pub(crate) auth: Auth,
    /// What connections are secured with where the server listens by itself.
    pub(crate) tls: Option<Tls>,
    pub(crate) states: States,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) discovery: Discovery,
    pub(crate) hub: Hub,
    pub(crate) capacity: Arc<Capacity>,
    pub(crate) idle_sockets: Arc<IdleSockets>,
    pub(crate) hooks: Hooks,
    pub(crate) raw_routes: Vec<Route>,
    /// The connections of raw routes, which are in no list that the application sees.
    pub(crate) raw_hub: Hub,
    pub(crate) throttle: Throttle,
    pub(crate) http_rates: RatesByAddress,
    pub(crate) metrics: Arc<Metrics>,
    #[cfg(feature = "prometheus")]
    pub(crate) endpoint: OnceCell<transport::prometheus::Endpoint>,
    /// Where the server listens, once it does so by itself.
    pub(crate) address: OnceLock<SocketAddr>,
    pub(crate) startup: Startup,
    /// Whether the shutdown hooks have had their turn; held while they run.
    pub(crate) stopped: tokio::sync::Mutex<bool>,
    pub(crate) next_connection: AtomicU64,
    pub(crate) sessions: TaskTracker,
    /// Fires when the server takes no new connections.
    pub(crate) closing: CancellationToken,
    /// Fires when connections are to end as soon as they owe nothing.
    pub(crate) shutdown: CancellationToken,
    /// When connections must end.
    pub(crate) terms: Arc<Terms>,
}

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) config: ServerConfig,
    pub(crate) auth: Auth,
    pub(crate) tls: Option<Tls>,
    pub(crate) states: States,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) discovery: Discovery,
    pub(crate) hooks: Hooks,
    pub(crate) raw_routes: Vec<Route>,
}

/// State by its type.
pub(crate) type States = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

impl Server {
    /// Starts to describe a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The name that the server was given; `"Server"` by default.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Where the server listens, once [`start`](Self::start) or [`run`](Self::run) has bound it; `None` for one that
    /// is served by its router.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address.get().copied()
    }

    /// The server's routes, to nest in an axum application of one's own.
    ///
    /// Nested at `/rpc` it answers at `/rpc`, not at `/rpc/`.
    ///
    /// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that connections know the
    /// address of their peer. How long a peer may take for the head of a request is the application's to limit there;
    /// everything behind it is the server's.
    ///
    /// ```no_run
    /// # async fn run(server: conduit::Server) -> std::io::Result<()> {
    /// let app = axum::Router::new().nest("/rpc", server.router());
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    /// axum::serve(listener, app).await
    /// # }
    /// ```
    pub fn router(&self) -> axum::Router {
        transport::router(self.clone())
    }

    /// The state of type `T` that was given to the builder with [`.state(..)`](ServerBuilder::state), if there is any.
    ///
    /// It is for closures, which borrow nothing: hooks, handlers of events, and tasks that hold the server. A function
    /// takes a `&T` instead, which [`build`](ServerBuilder::build) checks.
    ///
    /// ```
    /// use conduit::{Connection, Server};
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// #[derive(Default)]
    /// struct Visits(AtomicU64);
    ///
    /// let server = Server::builder()
    ///     .explicit()
    ///     .open()
    ///     .state(Visits::default())
    ///     .on_client_connect(|client: Connection| async move {
    ///         if let Some(visits) = client.state::<Visits>() {
    ///             visits.0.fetch_add(1, Ordering::Relaxed);
    ///         }
    ///     })
    ///     .build()?;
    /// assert!(server.state::<Visits>().is_some());
    /// # Ok::<(), conduit::Error>(())
    /// ```
    #[must_use]
    pub fn state<T: State>(&self) -> Option<&T> {
        self.0.states.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The connection with this number, if it is there.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<Connection> {
        self.0.hub.get(id)
    }

    /// All connections, in no order, those that have not logged in too.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.0.hub.all()
    }

    /// How many connections there are, those that have not logged in too. For a limit on clients set
    /// [`max_connections`](ServerBuilder::max_connections).
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.0.hub.len()
    }

    /// The connections in a room, in no order. One that has ended is still there while its disconnect hooks run.
    #[must_use]
    pub fn members(&self, room: &str) -> Vec<Connection> {
        self.0.hub.members(room)
    }

    /// An event for many connections: `server.broadcast("chat", &data).room("red").send()`.
    ///
    /// The payload is written once, here, however many receive it.
    pub fn broadcast<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> Broadcast<'_> {
        Broadcast::new(&self.0.hub, shared_event_text(event, payload, self.0.config.max_message_size))
    }

    /// [Broadcasts](Self::broadcast) the event that the payload's type [names](Event).
    /// [`ServerBuilder::sends`] has the document tell of it.
    ///
    /// ```no_run
    /// use conduit::{Event, Server};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema, Event)]
    /// #[event("news")]
    /// struct News {
    ///     headline: String,
    /// }
    ///
    /// fn tell(server: &Server, headline: &str) -> usize {
    ///     server.broadcast_event(&News { headline: headline.into() }).room("readers").send()
    /// }
    /// ```
    pub fn broadcast_event<E: Event>(&self, event: &E) -> Broadcast<'_> {
        self.broadcast(E::NAME, event)
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// What discovery tells this caller.
    pub(crate) fn documents(&self, caller: &Connection) -> Result<Arc<Documents>, ErrorObject> {
        let has_role = |role: &str| caller.identity().is_some_and(|identity| identity.has_role(role));
        self.0.discovery.documents(&self.0.dispatcher.registry, has_role)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// A server lends itself and the state that it was given.
impl Lend for Server {
    fn lend(&self, wanted: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        if wanted == TypeId::of::<Self>() {
            return Some(self);
        }
        self.0.states.get(&wanted).map(|state| &**state)
    }
}

impl Server {
    /// A server of parts that were checked to fit together.
    pub(crate) fn assemble(parts: Parts) -> Self {
        let Parts { config, auth, tls, states, dispatcher, discovery, hooks, raw_routes } = parts;
        let metrics = Arc::clone(&dispatcher.metrics);
        let capacity = Arc::new(Capacity::new(config.max_connections, config.max_unauthenticated));
        let idle_sockets = Arc::new(IdleSockets::new(config.max_idle_sockets));
        let http_rates = RatesByAddress::new(&config);
        let throttle = Throttle::new(config.max_failed_logins);
        let terms = Arc::new(Terms {
            auth_timeout: config.auth_timeout,
            heartbeat_interval: config.heartbeat_interval,
            heartbeat_timeout: config.heartbeat_timeout,
            kill: CancellationToken::new(),
        });
        Self(Arc::new(Inner {
            config,
            auth,
            tls,
            states,
            dispatcher: Arc::new(dispatcher),
            discovery,
            next_connection: AtomicU64::new(1),
            hub: Hub::default(),
            capacity,
            idle_sockets,
            hooks,
            raw_routes,
            raw_hub: Hub::default(),
            throttle,
            http_rates,
            metrics,
            #[cfg(feature = "prometheus")]
            endpoint: OnceCell::new(),
            address: OnceLock::new(),
            startup: Startup::default(),
            stopped: tokio::sync::Mutex::default(),
            sessions: TaskTracker::new(),
            closing: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            terms,
        }))
    }
}

impl Connection {
    /// The server that the connection belongs to.
    #[must_use]
    pub fn server(&self) -> Server {
        self.home_server().clone()
    }

    fn home_server(&self) -> &Server {
        let server = self.home().lend(TypeId::of::<Server>()).and_then(|server| server.downcast_ref::<Server>());
        server.expect("a connection is made by a server, which lends itself")
    }

    /// The state of type `T` that the server was given, if there is any; see [`Server::state`].
    #[must_use]
    pub fn state<T: State>(&self) -> Option<&T> {
        self.home_server().state()
    }

    /// Puts the connection in a room, which is made if it is not there. Says whether it was not in it before.
    ///
    /// A connection leaves its rooms by itself when it ends.
    pub fn join(&self, room: &str) -> bool {
        self.home_server().hub().join(self.id(), room)
    }

    /// Takes the connection out of a room; says whether it was in it.
    pub fn leave(&self, room: &str) -> bool {
        self.home_server().hub().leave(self.id(), room)
    }

    /// The rooms that the connection is in, by name.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.home_server().hub().rooms_of(self.id())
    }
}
