//! How a client connects.

use std::{fmt, future::IntoFuture, ops::RangeInclusive, path::PathBuf, pin::Pin, time::Duration};

use super::{
    Client, ClientHandler,
    backoff::Backoff,
    credentials::{Credentials, Token},
    dial::{self, Dialer, parse_version},
    handler,
    handlers::{Given, Handlers, Kind},
    hooks::Hooks,
    known::Known,
    link::Limits,
    served::Offer,
    supervise::Plan,
    transport::{Heartbeat, Pipe, Target, WebSocket},
};
use crate::{
    close::Disconnected,
    error::{Error, ErrorKind, Result},
    event_failed::EventFailed,
    events::{Event, EventNames},
    handshake::VERSION_HEADER,
    hook_result::{HookResult, hook},
    pending_call::Patience,
};

/// A connection to be made: await it to connect.
///
/// A client stays connected: when its connection is lost it makes another one, and logs in again. It does not come back
/// from a close that says so (see [`CloseCode`](crate::CloseCode)), nor when the server refuses the login (HTTP status 401
/// or 403; of [`credentials`](Self::credentials), three times in a row) or is too old; [`reconnect`](Self::reconnect) turns
/// it off.
///
/// # Errors
/// `Connect` when the URL, the password, a version, a header or the root certificate can't be used, or the server is
/// not reached, not in time, or no WebSocket; `Build` when its [methods](Self::methods) and their state don't fit together,
/// or an event is called by no name or by one that starts with `rpc.`, which JSON-RPC 2.0 keeps for itself;
/// `Unauthorized` when it refuses the login; `Version` when it is older than
/// [`minimum_version`](Self::minimum_version).
///
/// A server's [connect hook](crate::ServerBuilder::on_client_connect) runs when the connection is there: a client that it
/// refuses connects, and is closed with 4003 right after. [`Client::closed`] tells, and so does the error of the first
/// call, by its [`close_code`](Error::close_code) and [`close_reason`](Error::close_reason).
///
/// # Cancel safety
/// Dropping the future while it connects leaves nothing behind.
#[must_use = "a connection is made when it is awaited"]
#[derive(Clone)]
pub struct Connect {
    url: String,
    /// The way there, if it is none of the network.
    pipe: Option<Pipe>,
    credentials: Credentials,
    version: Option<String>,
    minimum_version: Option<String>,
    headers: Vec<(String, String)>,
    root_certificate: Option<PathBuf>,
    patience: Patience,
    connect_timeout: Duration,
    reconnect: bool,
    retry_first_connect: bool,
    reconnect_delay: RangeInclusive<Duration>,
    max_attempts: Option<u32>,
    max_waiting: usize,
    heartbeat: Heartbeat,
    max_message_size: usize,
    max_in_flight: usize,
    handlers: Vec<Given>,
    discover: bool,
    trust_server: bool,
    pub(super) offer: Offer,
    hooks: Hooks,
}

impl Connect {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            pipe: None,
            credentials: Credentials::None,
            version: None,
            minimum_version: None,
            headers: Vec::new(),
            root_certificate: None,
            patience: Patience::DEFAULT,
            connect_timeout: Duration::from_secs(10),
            reconnect: true,
            retry_first_connect: false,
            reconnect_delay: Duration::from_millis(500)..=Duration::from_secs(30),
            max_attempts: None,
            max_waiting: 1024,
            heartbeat: Heartbeat { interval: Duration::from_secs(30), timeout: Duration::from_secs(90) },
            max_message_size: 64 << 20,
            max_in_flight: 1024,
            handlers: Vec::new(),
            discover: false,
            trust_server: false,
            offer: Offer::default(),
            hooks: Hooks::default(),
        }
    }

    /// A connection to a server of the same program. Its URL is for messages and for the request.
    #[cfg(feature = "server")]
    pub(crate) fn over(pipe: Pipe) -> Self {
        Self { pipe: Some(pipe), ..Self::new("ws://in-memory".into()) }
    }

    /// The password of the server, sent as `Authorization: Bearer`; visible ASCII. None by default.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.credentials = Credentials::Password(password.into());
        self
    }

    /// Asks for the password, or token, whenever the client connects, in place of [`password`](Self::password): for
    /// tokens that expire.
    ///
    /// The hook returns it, or a `Result`: an error fails the attempt, and so does a token that the server refuses. The
    /// next one asks again, up to the third token in a row that is refused: then the client ends, and
    /// [`is_unauthorized`](Error::is_unauthorized) tells its errors from others. The hook is part of an attempt, so that
    /// [`connect_timeout`](Self::connect_timeout) holds for it.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # async fn fresh_token() -> std::io::Result<String> { Ok(String::new()) }
    /// # async fn example() -> conduit::Result<()> {
    /// let client = Client::connect("ws://127.0.0.1:8080").credentials(|| async { fresh_token().await }).await?;
    /// # Ok(()) }
    /// ```
    pub fn credentials<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Token> + Send + 'static,
    {
        self.credentials = Credentials::hook(hook);
        self
    }

    /// The version that this client is of, as a semantic version such as `"1.2.0"`, for servers that ask for a
    /// [`minimum_version`](crate::ServerBuilder::minimum_version). None by default.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The least version that the server may be of, as a semantic version such as `"1.2.0"`; any by default.
    ///
    /// A server that is older, or whose version is none, is refused with an error of kind
    /// [`Version`](ErrorKind::Version), and the connection closed. A server tells its
    /// [version](crate::ServerBuilder::version) to who logs in while connecting: with a [password](Self::password) or an
    /// `Authorization` header, or on a server that is open. One that tells none is refused as well.
    ///
    /// A client that connects with neither is told when it calls `rpc.login`: if the server is too old, that call fails
    /// with the same error, and the client is closed.
    pub fn minimum_version(mut self, version: impl Into<String>) -> Self {
        self.minimum_version = Some(version.into());
        self
    }

    /// A header of the request that opens the connection. A second one of the same name replaces the first.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The PEM file with the root certificate that signed the server's, for a `wss://` URL. It is trusted in place of
    /// those that the system trusts, which count without it. Needs conduit's cargo feature `tls`.
    pub fn root_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.root_certificate = Some(file.into());
        self
    }

    /// How long each call waits for its answer, if it does not say otherwise; 30 seconds by default. Unless it is the
    /// default, the server is [told](crate::PendingCall::timeout) with each call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience = Patience::chosen(timeout);
        self
    }

    /// How long connecting may take, login included; 10 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Whether the client makes another connection when it loses the one that it has; it does by default.
    ///
    /// Without, the first connection is the last: when it is lost, every call fails.
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// Whether to go on trying when the first connection can't be made; by default the first error is the answer.
    ///
    /// Settings that can't be used, and a server that refuses the login or is too old, are errors at once all the same.
    pub fn retry_first_connect(mut self, retry: bool) -> Self {
        self.retry_first_connect = retry;
        self
    }

    /// How long to wait before an attempt to connect anew: the least at first, and twice as long each time, up to the
    /// most; 500 ms to 30 s by default. Each wait is a random time between its half and its whole, so that not all
    /// clients of a server come back at once.
    ///
    /// It starts anew when a message came over a connection, or it lasted for longer than the most.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # use std::time::Duration;
    /// # async fn example() -> conduit::Result<()> {
    /// let delay = Duration::from_millis(100)..=Duration::from_secs(5);
    /// let client = Client::connect("ws://127.0.0.1:8080").reconnect_delay(delay).max_attempts(20).await?;
    /// # Ok(()) }
    /// ```
    pub fn reconnect_delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.reconnect_delay = delay;
        self
    }

    /// How many attempts to connect may be made in a row; any number by default. Then the client ends: its calls fail,
    /// and [`Client::closed`] says why. Connections count as attempts until they are of use, as for
    /// [`reconnect_delay`](Self::reconnect_delay).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// How many calls, notifications and events that are made while the connection is down may wait for the next, each
    /// up to its own timeout; 1024 by default. More fail at once, with an error of kind `Closed`; with 0, all do.
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.max_waiting = calls;
        self
    }

    /// How often the server is pinged; every 30 seconds by default, and never with 0.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat.interval = interval;
        self
    }

    /// For how long not a byte may come from the server until the connection counts as lost; 90 seconds by default. It
    /// is looked at whenever the server is pinged, so it must be longer than that takes.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.heartbeat.timeout = timeout;
        self
    }

    /// Runs when there is a connection, the first and each that follows, before the calls that wait are sent over it:
    /// to log in with `rpc.login`, or to join rooms again.
    ///
    /// The client that it is lent goes ahead of the others, whose messages wait until the hook has ended; so does that of a
    /// [method](Self::methods), or a handler with an ack, which the server calls meanwhile. What they send is for this
    /// connection alone. The hook is dropped when the connection falls before it has ended. Several run one after the
    /// other. A failure is logged; a login by `rpc.login` that is refused three times in a row ends the client.
    ///
    /// Handlers of events that are not answered are lent a client of the others: a hook must not wait for what they do.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # async fn example() -> conduit::Result<()> {
    /// let client = Client::connect("ws://127.0.0.1:8080")
    ///     .password("secret")
    ///     .on_connect(|client: Client| async move { client.call::<()>("room.join", ("red",)).await })
    ///     .on_disconnect(|end: conduit::Disconnected| async move { eprintln!("offline: {} {}", end.code, end.reason) })
    ///     .on_reconnect(|attempt: u32| async move { eprintln!("back after {attempt} attempts") })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn on_connect<F, Fut>(mut self, hook_fn: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.connect.push(hook(hook_fn));
        self
    }

    /// Runs when a connection has ended, whether another one follows or not, with the code and reason that
    /// [`Client::closed`] would tell. The hooks of the next connection wait for it; the attempts to make one do not. The
    /// end of the client waits for that of the last connection, for up to 5 seconds.
    pub fn on_disconnect<F, Fut>(mut self, hook_fn: F) -> Self
    where
        F: Fn(Disconnected) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.disconnect.push(hook(hook_fn));
        self
    }

    /// Runs when a connection has taken the place of one that was lost, after [`on_connect`](Self::on_connect), with the
    /// number of attempts that it took: 1 or more.
    pub fn on_reconnect<F, Fut>(mut self, hook_fn: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.reconnect.push(hook(hook_fn));
        self
    }

    /// The largest message to take from the server, in bytes; 64 MiB by default. A larger one ends the connection.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// How many methods and handlers may run at a time; 1024 by default. An event that comes when so many run is dropped
    /// with a warning, and a request of the server is answered with an error.
    pub fn max_in_flight(mut self, handlers: usize) -> Self {
        self.max_in_flight = handlers;
        self
    }

    /// Asks for the server's document as soon as the connection is there, as [`Client::discover`] does, so that the first
    /// call is checked already. Not done by default.
    ///
    /// The document is asked for within the [`timeout`](Self::timeout) of calls, and connecting fails where
    /// [`discover`](Client::discover) fails.
    pub fn discover(mut self) -> Self {
        self.discover = true;
        self
    }

    /// Sends calls as they are, whatever is [known](Client::discover) of the server: what is wrong with them, the server
    /// says. Without it, calls are checked before they are sent once the server's document is known.
    pub fn trust_server(mut self) -> Self {
        self.trust_server = true;
        self
    }

    /// Handles an event of the server as [`Client::on`] does, from the first that the server sends.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # async fn example() -> conduit::Result<()> {
    /// let client = Client::connect("ws://127.0.0.1:8080")
    ///     .password("secret")
    ///     .on("tick", |n: u64| async move { println!("{n}") })
    ///     .on("question", |client: Client, n: u64| async move { client.call::<u64>("double", (n,)).await.unwrap_or(0) })
    ///     .on("*", |event: String, data: serde_json::Value| async move { println!("{event}: {data}") })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// When the schema of `T` is none.
    #[track_caller]
    pub fn on<P: 'static, H: ClientHandler<P>>(mut self, events: impl EventNames, handler: H) -> Self {
        let handler = handler::registered(handler);
        self.handlers.push(Given { events: events.names(), kind: Kind::Handler, handler });
        self
    }

    /// Handles one event as [`Client::once`] does, the first that the server sends.
    ///
    /// # Panics
    /// When the schema of `T` is none.
    #[track_caller]
    pub fn once<P: 'static, H: ClientHandler<P>>(mut self, events: impl EventNames, handler: H) -> Self {
        let handler = handler::registered(handler);
        self.handlers.push(Given { events: events.names(), kind: Kind::Once, handler });
        self
    }

    /// Handles the event that the payload's type [names](Event); otherwise as [`on`](Self::on).
    ///
    /// # Panics
    /// When the schema of `T` is none.
    #[track_caller]
    pub fn on_event<P: 'static, H>(self, handler: H) -> Self
    where
        H: ClientHandler<P, Payload: Event>,
    {
        self.on(H::Payload::NAME, handler)
    }

    /// Learns of events of this client that the server could not handle, as [`Client::on_error`] does.
    #[track_caller]
    pub fn on_error<P: 'static, H>(self, handler: H) -> Self
    where
        H: ClientHandler<P, Payload = EventFailed>,
    {
        self.on_event(handler)
    }

    async fn run(mut self) -> Result<Client> {
        let served = std::mem::take(&mut self.offer).check(&mut self.handlers, self.version.as_deref())?;
        let heartbeat = self.heartbeat()?;
        let dialer = self.dialer(heartbeat, true)?;
        let backoff = Backoff::new(self.reconnect_delay.clone(), self.max_attempts);
        let first = dial::first(&dialer, backoff.clone(), self.retry_first_connect).await?;
        let limits =
            Limits { max_in_flight: self.max_in_flight, max_waiting: self.max_waiting, needed: dialer.needed.clone() };
        let plan = Plan { again: self.reconnect.then_some((dialer, backoff)), hooks: self.hooks };
        let known = Known::new(!self.trust_server);
        let handlers = Handlers::new(self.handlers, served);
        let client = Client::start(first, plan, known, self.patience, handlers, limits);
        if self.discover {
            client.discover().await?;
        }
        Ok(client)
    }

    /// The connection without what calls need, to a server that is new enough.
    pub(super) async fn socket(&self) -> Result<WebSocket> {
        let backoff = Backoff::new(self.reconnect_delay.clone(), None);
        dial::first(&self.dialer(None, false)?, backoff, false).await
    }

    fn heartbeat(&self) -> Result<Option<Heartbeat>> {
        let Heartbeat { interval, timeout } = self.heartbeat;
        if interval.is_zero() {
            return Ok(None);
        }
        if interval >= timeout {
            let message = format!(
                "`heartbeat_interval` is {interval:?} and `heartbeat_timeout` is {timeout:?}: the timeout must be longer, \
                 or a ping could not be answered in time"
            );
            return Err(Error::new(ErrorKind::Connect, message));
        }
        Ok(Some(self.heartbeat))
    }

    fn dialer(&self, heartbeat: Option<Heartbeat>, may_log_in_later: bool) -> Result<Dialer> {
        let needed =
            self.minimum_version.as_deref().map(|version| parse_version("minimum_version", version)).transpose()?;
        let root_certificate = self.root_certificate.as_deref();
        let target = Target::new(&self.url, &self.all_headers()?, root_certificate, self.max_message_size)?;
        let target = target.over(self.pipe.clone());
        if let Credentials::Password(password) = &self.credentials {
            target.with_token(password)?;
        }
        let (credentials, connect_timeout) = (self.credentials.clone(), self.connect_timeout);
        Ok(Dialer { target, credentials, needed, may_log_in_later, connect_timeout, heartbeat })
    }

    /// The headers that were given, which win, behind those that other settings make.
    fn all_headers(&self) -> Result<Vec<(String, String)>> {
        let version = self.version.as_deref().map(|version| parse_version("version", version)).transpose()?;
        let version = version.map(|version| (VERSION_HEADER.to_owned(), version.to_string()));
        Ok(version.into_iter().chain(self.headers.iter().cloned()).collect())
    }
}

impl IntoFuture for Connect {
    type Output = Result<Client>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Client>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Without the password and the headers' values.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Connect")
            .field("url", &self.url)
            .field("credentials", &self.credentials)
            .field("version", &self.version)
            .field("minimum_version", &self.minimum_version)
            .field("headers", &headers)
            .field("root_certificate", &self.root_certificate)
            .field("timeout", &self.patience.limit)
            .field("connect_timeout", &self.connect_timeout)
            .field("reconnect", &self.reconnect)
            .field("retry_first_connect", &self.retry_first_connect)
            .field("reconnect_delay", &self.reconnect_delay)
            .field("max_attempts", &self.max_attempts)
            .field("max_waiting", &self.max_waiting)
            .field("heartbeat", &self.heartbeat)
            .field("max_message_size", &self.max_message_size)
            .field("max_in_flight", &self.max_in_flight)
            .field("discover", &self.discover)
            .field("trust_server", &self.trust_server)
            .field("methods", &self.offer.methods.iter().map(|method| method.meta.name).collect::<Vec<_>>())
            .field("events", &self.handlers.iter().flat_map(|given| &given.events).collect::<Vec<_>>())
            .field("hooks", &self.hooks)
            .finish()
    }
}
