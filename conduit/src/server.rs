//! A server: built from methods and settings, run until it is told to stop.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use tokio::{net::TcpListener, sync::OnceCell, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::{Auth, Credentials, Identity, Throttle},
    broadcast::Broadcast,
    builder::ServerBuilder,
    capacity::{Capacity, Seat},
    close::CloseCode,
    config::ServerConfig,
    connection::{Connection, ConnectionId},
    context::Lend,
    discovery::Discovery,
    dispatch::{Dispatcher, Reply},
    error::{Error, ErrorKind, Result},
    events::Event,
    hub::Hub,
    lifecycle::{self, Disconnected, Hooks},
    payload::event_text,
    session::{self, Socket, Terms},
    transport,
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
pub struct Server(Arc<Inner>);

struct Inner {
    config: ServerConfig,
    auth: Auth,
    states: States,
    dispatcher: Arc<Dispatcher>,
    discovery: Discovery,
    hub: Hub,
    capacity: Arc<Capacity>,
    hooks: Hooks,
    throttle: Throttle,
    /// Where the server listens, once it does so by itself.
    address: OnceLock<SocketAddr>,
    started: OnceCell<()>,
    stopped: OnceCell<()>,
    next_connection: AtomicU64,
    sessions: TaskTracker,
    /// Fires when the server takes no new connections.
    closing: CancellationToken,
    /// Fires when connections are to end as soon as they owe nothing.
    shutdown: CancellationToken,
    /// Fires when the server can't wait any longer.
    kill: CancellationToken,
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

    /// Serves until the process gets SIGINT or SIGTERM, then stops gracefully.
    ///
    /// # Errors
    /// When the address can't be listened on: [`Error::is_address_in_use`] tells the usual case.
    pub async fn run(self) -> Result<()> {
        let signal = signals()?;
        let running = self.start().await?;
        signal.await;
        tracing::info!("stopping");
        running.stop().await
    }

    /// [`run`](Self::run) for a program without a runtime: makes one and blocks the thread.
    ///
    /// # Errors
    /// As `run`, and when the runtime can't be made.
    ///
    /// # Panics
    /// When it is called inside a runtime; `run().await` serves there.
    pub fn run_blocking(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::new(ErrorKind::Io, "no runtime could be made").with_source(error))?;
        runtime.block_on(self.run())
    }

    /// Binds the address and serves in the background.
    ///
    /// # Errors
    /// When the address can't be listened on: [`Error::is_address_in_use`] tells the usual case.
    pub async fn start(self) -> Result<RunningServer> {
        let listener = self.bind().await?;
        let address = listener.local_addr().map_err(|error| bind_error(&self.0.config, error))?;
        // Only a server that is started twice finds an address here: the first one stays.
        let _ = self.0.address.set(address);
        self.run_startup_hooks().await?;
        tracing::info!(%address, name = self.name(), "listening");
        let serving = tokio::spawn(transport::serve(listener, self.clone(), self.0.closing.clone()));
        Ok(RunningServer { server: self, address, serving: Some(serving) })
    }

    /// Where the server listens, once [`start`](Self::start) or [`run`](Self::run) has bound it; `None` for one that
    /// is served by its router.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address.get().copied()
    }

    /// Runs the startup hooks, the first time it is called.
    ///
    /// # Errors
    /// The failure of the first hook that failed. The next call tries again.
    pub(crate) async fn run_startup_hooks(&self) -> Result<()> {
        let start = async || {
            let run = lifecycle::until_failure(&self.0.hooks.startup, self).await;
            run.map_err(|failure| Error::new(ErrorKind::Startup, format!("a startup hook failed: {failure}")))
        };
        self.0.started.get_or_try_init(start).await.copied()
    }

    async fn bind(&self) -> Result<TcpListener> {
        let ServerConfig { host, port, .. } = &self.0.config;
        TcpListener::bind((host.as_str(), *port)).await.map_err(|error| bind_error(&self.0.config, error))
    }

    /// The server's routes, to nest in an axum application of one's own.
    ///
    /// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that connections know the
    /// address of their peer.
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

    /// Stops gracefully: no new connections, calls in flight are answered, connections are closed with 1001.
    ///
    /// What takes longer than the shutdown deadline is cut off. For a server that runs by
    /// [`router`](Self::router); others have [`RunningServer::stop`]. To call it again does no harm.
    pub async fn stop(&self) {
        let Inner { closing, shutdown, kill, sessions, config, hooks, stopped, .. } = &*self.0;
        let deadline = tokio::time::Instant::now() + config.shutdown_deadline;
        closing.cancel();
        // Clients are still there: what a hook broadcasts reaches them before their connections close.
        let hooks = stopped.get_or_init(|| lifecycle::all("shutdown", &hooks.shutdown, self));
        if tokio::time::timeout_at(deadline, hooks).await.is_err() {
            tracing::warn!("the shutdown hooks took longer than the shutdown deadline");
        }
        shutdown.cancel();
        sessions.close();
        if tokio::time::timeout_at(deadline, sessions.wait()).await.is_err() {
            tracing::warn!(left = sessions.len(), "shutdown deadline passed, closing what is left");
            kill.cancel();
            sessions.wait().await;
        }
    }

    /// Whether new connections are refused.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.is_cancelled()
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

    /// How many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.0.hub.len()
    }

    /// The connections in a room, in no order.
    #[must_use]
    pub fn members(&self, room: &str) -> Vec<Connection> {
        self.0.hub.members(room)
    }

    /// An event for many connections: `server.broadcast("chat", &data).room("red").send()`.
    ///
    /// The payload is written once, here, however many receive it.
    pub fn broadcast<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> Broadcast<'_> {
        Broadcast::new(self, event_text(event, payload))
    }

    /// [Broadcasts](Self::broadcast) the event that the payload's type [names](Event).
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

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn discovery(&self) -> &Discovery {
        &self.0.discovery
    }

    /// Looks at credentials: who presents them, or why they are refused.
    ///
    /// A failure takes its time, and an address that fails too often is refused unheard for a while.
    pub(crate) async fn authenticate(&self, credentials: Credentials) -> Result<Identity, String> {
        let address = credentials.peer_addr.map(|address| address.ip());
        self.0.throttle.admit(address)?;
        let found = self.0.auth.identify(self, credentials).await;
        if found.is_err() {
            self.0.throttle.failed(address).await;
        }
        found
    }

    /// Logs a connection in whose login was begun, and runs its hooks.
    ///
    /// # Errors
    /// Why a hook refused it. The connection closes then.
    pub(crate) async fn welcome(&self, connection: &Connection, identity: Identity) -> Result<(), String> {
        if !connection.take_place() {
            let reason = format!("the server is full: it holds {} connections", self.0.config.max_connections);
            connection.refuse(CloseCode::TRY_AGAIN_LATER, &reason);
            return Err(reason);
        }
        if self.0.hooks.connect.is_empty() {
            connection.enter(identity);
            connection.go_live();
            return Ok(());
        }
        let (server, connection) = (self.clone(), connection.clone());
        // In a task of its own: a peer that goes away in the middle does not cut the hooks short.
        let hooks = tokio::spawn(async move { server.run_connect_hooks(&connection, identity).await });
        hooks.await.unwrap_or_else(|_| Err("the server is shutting down".into()))
    }

    async fn run_connect_hooks(&self, connection: &Connection, identity: Identity) -> Result<(), String> {
        let _in_turn = connection.hooks().lock().await;
        if !connection.enter(identity) {
            return Err("the connection is gone".into());
        }
        match lifecycle::until_failure(&self.0.hooks.connect, connection).await {
            Ok(()) => connection.go_live(),
            Err(reason) => {
                connection.refuse(CloseCode::REFUSED, &reason);
                return Err(reason);
            }
        }
        Ok(())
    }

    /// A place for one connection more, if one is free.
    pub(crate) fn seat(&self, logged_in: bool) -> Option<Seat> {
        self.0.capacity.seat(logged_in)
    }

    /// Serves a socket until it ends; `identity` is who its upgrade logged in.
    pub(crate) async fn accept<T, S>(self, peer: Option<SocketAddr>, seat: Seat, identity: Option<Identity>, socket: S)
    where
        T: Deref<Target = str>,
        S: Socket<T>,
    {
        let connection = self.make_connection(peer, Some(seat));
        self.0.sessions.track_future(self.serve(connection, identity, socket)).await;
    }

    async fn serve<T, S>(&self, connection: Connection, identity: Option<Identity>, socket: S)
    where
        T: Deref<Target = str>,
        S: Socket<T>,
    {
        let id = connection.id();
        tracing::debug!(%id, peer = ?connection.peer_addr(), "connected");
        self.0.hub.add(connection.clone());
        let _leaves = LeaveOnDrop(self, id);
        if let Some(identity) = identity {
            connection.begin_login();
            if let Err(reason) = self.welcome(&connection, identity).await {
                tracing::debug!(%id, reason, "refused");
            }
        }
        let close = session::serve(connection.clone(), socket, Arc::clone(&self.0.dispatcher), self.terms()).await;
        tracing::debug!(%id, %close, "disconnected");
        let in_turn = connection.hooks().lock().await;
        if connection.leave_stage() {
            let end = Disconnected { code: close.code, reason: close.reason.into_owned() };
            lifecycle::all("disconnect", &self.0.hooks.disconnect, &(connection.clone(), end)).await;
        }
        drop(in_turn);
    }

    fn terms(&self) -> Terms {
        let Inner { shutdown, kill, config, .. } = &*self.0;
        Terms {
            auth_timeout: config.auth_timeout,
            heartbeat_interval: config.heartbeat_interval,
            heartbeat_timeout: config.heartbeat_timeout,
            shutdown: shutdown.clone(),
            kill: kill.clone(),
        }
    }

    /// Answers one text of a peer that has no lasting connection.
    pub(crate) async fn call_once(
        &self,
        peer: Option<SocketAddr>,
        identity: Option<Identity>,
        text: &str,
    ) -> Option<String> {
        let connection = self.make_connection(peer, None);
        if let Some(identity) = identity {
            connection.begin_login();
            connection.enter(identity);
            connection.go_live();
        }
        let peer = Arc::new(connection);
        let _gone = CancelOnDrop(&peer);
        match self.0.dispatcher.dispatch(text, &peer) {
            Reply::None => None,
            Reply::Ready(answer) => Some(answer),
            Reply::Pending(pending) => pending.finish().await,
        }
    }

    fn make_connection(&self, peer: Option<SocketAddr>, seat: Option<Seat>) -> Connection {
        let id = ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed));
        let ServerConfig { max_in_flight, max_queue_bytes, .. } = self.0.config;
        Connection::new(id, peer, seat, Arc::new(self.clone()), max_in_flight, max_queue_bytes)
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
    pub(crate) fn assemble(
        config: ServerConfig,
        auth: Auth,
        states: States,
        dispatcher: Dispatcher,
        discovery: Discovery,
        hooks: Hooks,
    ) -> Self {
        let capacity = Arc::new(Capacity::new(config.max_connections, config.max_unauthenticated));
        Self(Arc::new(Inner {
            config,
            auth,
            states,
            dispatcher: Arc::new(dispatcher),
            discovery,
            next_connection: AtomicU64::new(1),
            hub: Hub::default(),
            capacity,
            hooks,
            throttle: Throttle::default(),
            address: OnceLock::new(),
            started: OnceCell::new(),
            stopped: OnceCell::new(),
            sessions: TaskTracker::new(),
            closing: CancellationToken::new(),
            shutdown: CancellationToken::new(),
            kill: CancellationToken::new(),
        }))
    }
}

impl Connection {
    /// The server that the connection belongs to.
    #[must_use]
    pub fn server(&self) -> Server {
        let server = self.home().lend(TypeId::of::<Server>()).and_then(|server| server.downcast_ref::<Server>());
        server.expect("a connection is made by a server, which lends itself").clone()
    }

    /// Puts the connection in a room, which is made if it is not there. Says whether it was not in it before.
    ///
    /// A connection leaves its rooms by itself when it ends.
    pub fn join(&self, room: &str) -> bool {
        self.server().hub().join(self.id(), room)
    }

    /// Takes the connection out of a room; says whether it was in it.
    pub fn leave(&self, room: &str) -> bool {
        self.server().hub().leave(self.id(), room)
    }

    /// The rooms that the connection is in, by name.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.server().hub().rooms_of(self.id())
    }
}

/// Takes a connection out of the tables however its session ends.
struct LeaveOnDrop<'a>(&'a Server, ConnectionId);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.0.hub().remove(self.1);
    }
}

/// A server that serves in the background; dropping it stops the server at once, without hooks.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct RunningServer {
    server: Server,
    address: SocketAddr,
    serving: Option<JoinHandle<std::io::Result<()>>>,
}

impl RunningServer {
    /// The address that the server listens on, with the port that was found for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that the server listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops gracefully: no new connections, calls in flight are answered, connections are closed with 1001.
    ///
    /// What takes longer than the shutdown deadline is cut off.
    ///
    /// # Errors
    /// When serving had failed before.
    ///
    /// # Cancel safety
    /// Dropping the future goes on to stop the server, without waiting for calls in flight.
    pub async fn stop(mut self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + self.server.config().shutdown_deadline;
        self.server.stop().await;
        let Some(mut serving) = self.serving.take() else { return Ok(()) };
        // HTTP requests that still run have what is left of the same deadline.
        match tokio::time::timeout_at(deadline, &mut serving).await {
            Ok(Ok(served)) => served.map_err(|error| Error::new(ErrorKind::Io, "serving failed").with_source(error)),
            Ok(Err(error)) => Err(Error::new(ErrorKind::Io, "serving failed").with_source(error)),
            Err(_) => {
                serving.abort();
                Ok(())
            }
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.server.0.closing.cancel();
        self.server.0.shutdown.cancel();
        self.server.0.kill.cancel();
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Cancels what an HTTP request started when its client goes away before the answer.
struct CancelOnDrop<'a>(&'a Connection);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel_all();
    }
}

fn bind_error(config: &ServerConfig, error: std::io::Error) -> Error {
    let address = format!("{}:{}", config.host, config.port);
    if error.kind() == std::io::ErrorKind::AddrInUse {
        let message =
            format!("address {address} is in use: stop the program that listens there, or choose another port");
        return Error::new(ErrorKind::AddressInUse, message).with_source(error);
    }
    Error::new(ErrorKind::Bind, format!("can't listen on {address}: {error}")).with_source(error)
}

/// The signals that end a server. They are caught from the moment this returns.
#[cfg(unix)]
fn signals() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Error::new(ErrorKind::Io, "signals can't be caught").with_source(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
