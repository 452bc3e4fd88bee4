//! How a client connects.

use std::{fmt, future::IntoFuture, path::PathBuf, pin::Pin};

use super::{
    Client,
    credentials::{Credentials, Token},
    dial::{self, Dialer, parse_version},
    handler,
    handlers::{Given, Handlers, Kind},
    hooks::Hooks,
    known::Known,
    link::Limits,
    served::Offer,
    settings::Settings,
    supervise::Plan,
    transport::{Heartbeat, Pipe, Target, WebSocket},
};
use crate::{
    error::{Error, Result},
    event_failed::EventFailed,
    event_handler::EventHandler,
    events::{Event, EventNames},
    handshake::VERSION_HEADER,
};

/// A connection to be made: await it to connect.
///
/// A client stays connected: when its connection is lost it makes another one, and logs in again. It does not come back
/// from a close that says so (see [`CloseCode`](crate::CloseCode)), nor when the server refuses the login (HTTP status 401
/// or 403; of [`credentials`](Self::credentials), three times in a row) or is too old; [`reconnect`](Self::reconnect) turns
/// it off.
///
/// # Errors
/// `Build` when a setting makes no sense, such as a time or a number of attempts of 0, when its [methods](Self::methods)
/// and their state don't fit together, or an event is called by no name or by one that starts with `rpc.`, which JSON-RPC
/// 2.0 keeps for itself: the error tells all of it. `Connect` when the URL, the password, a version, a header or the root
/// certificate can't be used, or the server is not reached, not in time, or no WebSocket;
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
    pub(super) settings: Settings,
    handlers: Vec<Given>,
    discover: bool,
    trust_server: bool,
    pub(super) offer: Offer,
    pub(super) hooks: Hooks,
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
            settings: Settings::default(),
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
    /// [`Version`](crate::ErrorKind::Version), and the connection closed. A server tells its
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
    pub fn on<P: 'static, H: EventHandler<Client, P>>(mut self, events: impl EventNames, handler: H) -> Self {
        let handler = handler::registered(handler);
        self.handlers.push(Given { events: events.names(), kind: Kind::Handler, handler });
        self
    }

    /// Handles one event as [`Client::once`] does, the first that the server sends.
    ///
    /// # Panics
    /// When the schema of `T` is none.
    #[track_caller]
    pub fn once<P: 'static, H: EventHandler<Client, P>>(mut self, events: impl EventNames, handler: H) -> Self {
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
        H: EventHandler<Client, P, Payload: Event>,
    {
        self.on(H::Payload::NAME, handler)
    }

    /// Learns of events of this client that the server could not handle, as [`Client::on_error`] does.
    #[track_caller]
    pub fn on_error<P: 'static, H>(self, handler: H) -> Self
    where
        H: EventHandler<Client, P, Payload = EventFailed>,
    {
        self.on_event(handler)
    }

    async fn run(mut self) -> Result<Client> {
        let faults = self.settings.faults();
        let served = std::mem::take(&mut self.offer).check(&mut self.handlers, self.version.as_deref(), faults)?;
        let dialer = self.dialer(self.settings.heartbeat(), true)?;
        let Settings { reconnect, patience, max_in_flight, max_waiting, .. } = self.settings;
        let backoff = self.settings.backoff();
        let first = dial::first(&dialer, backoff.clone(), self.settings.retry_first_connect).await?;
        let max_waiting = if reconnect { max_waiting } else { 0 };
        let limits = Limits { max_in_flight, max_waiting, needed: dialer.needed.clone() };
        let plan = Plan { again: reconnect.then_some((dialer, backoff)), hooks: self.hooks };
        let known = Known::new(!self.trust_server);
        let client = Client::start(first, plan, known, patience, Handlers::new(self.handlers, served), limits);
        if self.discover {
            client.discover().await?;
        }
        Ok(client)
    }

    /// The connection without what calls need, to a server that is new enough.
    pub(super) async fn socket(&self) -> Result<WebSocket> {
        Error::unless_fit("the client", &self.settings.faults())?;
        dial::first(&self.dialer(None, false)?, self.settings.backoff(), false).await
    }

    fn dialer(&self, heartbeat: Option<Heartbeat>, may_log_in_later: bool) -> Result<Dialer> {
        let needed =
            self.minimum_version.as_deref().map(|version| parse_version("minimum_version", version)).transpose()?;
        let root_certificate = self.root_certificate.as_deref();
        let target = Target::new(&self.url, &self.all_headers()?, root_certificate, self.settings.max_message_size)?;
        let target = target.over(self.pipe.clone());
        if let Credentials::Password(password) = &self.credentials {
            target.with_token(password)?;
        }
        let (credentials, connect_timeout) = (self.credentials.clone(), self.settings.connect_timeout);
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
            .field("settings", &self.settings)
            .field("discover", &self.discover)
            .field("trust_server", &self.trust_server)
            .field("methods", &self.offer.methods.iter().map(|method| method.meta.name).collect::<Vec<_>>())
            .field("events", &self.handlers.iter().flat_map(|given| &given.events).collect::<Vec<_>>())
            .field("hooks", &self.hooks)
            .finish()
    }
}
