//! How a client connects.

use std::{fmt, future::IntoFuture, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use semver::Version;

use super::{
    Client, ClientHandler, handler,
    handlers::{Given, Handlers, Kind},
    known::Known,
    served::Offer,
    transport::{self, Pipe, Target, WebSocket},
};
use crate::{
    error::{Error, ErrorKind, Result, VersionMismatch},
    event_failed::EventFailed,
    events::{Event, EventNames},
    handshake::VERSION_HEADER,
};

/// A connection to be made: await it to connect.
///
/// # Errors
/// `Connect` when the URL, the password, a version, a header or the root certificate can't be used, or the server is
/// not reached, not in time, or no WebSocket; `Build` when its [methods](Self::methods) and their state don't fit together;
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
    password: Option<String>,
    version: Option<String>,
    minimum_version: Option<String>,
    headers: Vec<(String, String)>,
    root_certificate: Option<PathBuf>,
    timeout: Duration,
    connect_timeout: Duration,
    max_message_size: usize,
    max_in_flight: usize,
    handlers: Vec<Given>,
    discover: bool,
    trust_server: bool,
    pub(super) offer: Offer,
}

impl Connect {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            pipe: None,
            password: None,
            version: None,
            minimum_version: None,
            headers: Vec::new(),
            root_certificate: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_message_size: 64 << 20,
            max_in_flight: 1024,
            handlers: Vec::new(),
            discover: false,
            trust_server: false,
            offer: Offer::default(),
        }
    }

    /// A connection to a server of the same program. Its URL is for messages and for the request.
    #[cfg(feature = "server")]
    pub(crate) fn over(pipe: Pipe) -> Self {
        Self { pipe: Some(pipe), ..Self::new("ws://in-memory".into()) }
    }

    /// The password of the server, sent as `Authorization: Bearer`; visible ASCII. None by default.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
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

    /// How long each call waits for its answer, if it does not say otherwise; 30 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long connecting may take, login included; 10 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
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
        let served = std::mem::take(&mut self.offer).check(&mut self.handlers)?;
        let socket = self.socket().await?;
        let known = Known::new(!self.trust_server);
        let handlers = Handlers::new(self.handlers, served);
        let client = Client::start(socket, known, self.timeout, handlers, self.max_in_flight);
        if self.discover {
            client.discover().await?;
        }
        Ok(client)
    }

    /// The connection without what calls need, to a server that is new enough.
    pub(super) async fn socket(&self) -> Result<WebSocket> {
        let needed =
            self.minimum_version.as_deref().map(|version| parse_version("minimum_version", version)).transpose()?;
        let target = Target::new(
            &self.url,
            self.password.as_deref(),
            &self.all_headers()?,
            self.root_certificate.as_deref(),
            self.max_message_size,
        )?;
        let target = target.over(self.pipe.clone());
        let (transport, version) = match tokio::time::timeout(self.connect_timeout, transport::connect(&target)).await {
            Ok(connected) => connected?,
            Err(_) => {
                let message = format!("can't connect to {target}: no answer within {:?}", self.connect_timeout);
                return Err(Error::new(ErrorKind::Connect, message));
            }
        };
        match needed.map(|needed| check_version(&needed, version)) {
            Some(Err(mismatch)) => {
                // No handler sees what the server sends until it has taken its leave.
                let (known, handlers) = (Known::new(false), Arc::default());
                Client::start(transport, known, self.timeout, handlers, self.max_in_flight).close().await;
                Err(too_old(&target, mismatch))
            }
            Some(Ok(())) | None => Ok(transport),
        }
    }

    /// The headers that were given, which win, behind those that other settings make.
    fn all_headers(&self) -> Result<Vec<(String, String)>> {
        let version = self.version.as_deref().map(|version| parse_version("version", version)).transpose()?;
        let version = version.map(|version| (VERSION_HEADER.to_owned(), version.to_string()));
        Ok(version.into_iter().chain(self.headers.iter().cloned()).collect())
    }
}

fn parse_version(setting: &str, version: &str) -> Result<Version> {
    version.parse().map_err(|error| {
        let message = format!("`{setting}` is `{version}`, which is no semantic version such as 1.2.0: {error}");
        Error::new(ErrorKind::Connect, message).with_source(error)
    })
}

fn too_old(target: &Target, mismatch: VersionMismatch) -> Error {
    let hint = match mismatch.got {
        Some(_) => "",
        None => "; a server tells it to clients that log in while they connect",
    };
    Error::new(ErrorKind::Version, format!("the server at {target} is refused: {mismatch}{hint}")).with_source(mismatch)
}

/// Checks the version that a server told against the least that is taken.
fn check_version(needed: &Version, told: Option<String>) -> Result<(), VersionMismatch> {
    match told.as_deref().map(Version::parse) {
        Some(Ok(version)) if version >= *needed => Ok(()),
        _ => Err(VersionMismatch { needed: needed.to_string(), got: told }),
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
            .field("password", &self.password.as_ref().map(|_| ".."))
            .field("version", &self.version)
            .field("minimum_version", &self.minimum_version)
            .field("headers", &headers)
            .field("root_certificate", &self.root_certificate)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_message_size", &self.max_message_size)
            .field("max_in_flight", &self.max_in_flight)
            .field("discover", &self.discover)
            .field("trust_server", &self.trust_server)
            .field("methods", &self.offer.methods.iter().map(|method| method.meta.name).collect::<Vec<_>>())
            .field("events", &self.handlers.iter().flat_map(|given| &given.events).collect::<Vec<_>>())
            .finish()
    }
}
