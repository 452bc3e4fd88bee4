//! A server: built from methods and settings, run until it is told to stop.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::Auth,
    broadcast::Broadcast,
    builder::ServerBuilder,
    close::Close,
    config::Config,
    connection::{Connection, ConnectionId},
    context::Lend,
    discovery::Discovery,
    dispatch::{Dispatcher, Reply},
    error::{Error, ErrorKind, Result},
    events::Event,
    hub::Hub,
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
    config: Config,
    auth: Auth,
    states: States,
    dispatcher: Arc<Dispatcher>,
    discovery: Discovery,
    hub: Hub,
    next_connection: AtomicU64,
    sessions: TaskTracker,
    shutdown: CancellationToken,
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
        tracing::info!(%address, name = self.name(), "listening");
        let serving = tokio::spawn(transport::serve(listener, self.clone(), self.0.shutdown.clone()));
        Ok(RunningServer { server: self, address, serving: Some(serving) })
    }

    async fn bind(&self) -> Result<TcpListener> {
        let Config { host, port, .. } = &self.0.config;
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
        let Inner { shutdown, kill, sessions, config, .. } = &*self.0;
        shutdown.cancel();
        sessions.close();
        if tokio::time::timeout(config.shutdown_deadline, sessions.wait()).await.is_err() {
            tracing::warn!(left = sessions.len(), "shutdown deadline passed, closing what is left");
            kill.cancel();
            sessions.wait().await;
        }
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

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn discovery(&self) -> &Discovery {
        &self.0.discovery
    }

    /// Serves a socket until it ends.
    pub(crate) async fn accept<T, S>(self, peer: Option<SocketAddr>, logged_in: bool, socket: S)
    where
        T: Deref<Target = str>,
        S: Socket<T>,
    {
        let connection = self.make_connection(peer, logged_in);
        let id = connection.id();
        let Inner { hub, sessions, shutdown, kill, config, dispatcher, .. } = &*self.0;
        let terms = Terms { auth_timeout: config.auth_timeout, shutdown: shutdown.clone(), kill: kill.clone() };
        tracing::debug!(%id, ?peer, "connected");
        hub.add(connection.clone());
        let _leaves = LeaveOnDrop(&self, id);
        let served = session::serve(connection, socket, Arc::clone(dispatcher), terms);
        let close: Close = sessions.track_future(served).await;
        tracing::debug!(%id, %close, "disconnected");
    }

    /// Answers one text of a peer that has no lasting connection.
    pub(crate) async fn call_once(&self, peer: Option<SocketAddr>, logged_in: bool, text: &str) -> Option<String> {
        let connection = self.make_connection(peer, logged_in);
        let peer = Arc::new(connection);
        let _gone = CancelOnDrop(&peer);
        match self.0.dispatcher.dispatch(text, &peer) {
            Reply::None => None,
            Reply::Ready(answer) => Some(answer),
            Reply::Pending(pending) => pending.finish().await,
        }
    }

    fn make_connection(&self, peer: Option<SocketAddr>, logged_in: bool) -> Connection {
        let id = ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed));
        let Config { max_in_flight, max_queue_bytes, .. } = self.0.config;
        let connection = Connection::new(id, peer, Arc::new(self.clone()), max_in_flight, max_queue_bytes);
        if logged_in {
            connection.log_in();
        }
        connection
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
        config: Config,
        auth: Auth,
        states: States,
        dispatcher: Dispatcher,
        discovery: Discovery,
    ) -> Self {
        Self(Arc::new(Inner {
            config,
            auth,
            states,
            dispatcher: Arc::new(dispatcher),
            discovery,
            next_connection: AtomicU64::new(1),
            hub: Hub::default(),
            sessions: TaskTracker::new(),
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

/// A server that serves in the background; dropping it stops the server at once.
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
        self.server.0.shutdown.cancel();
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

fn bind_error(config: &Config, error: std::io::Error) -> Error {
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
