//! A connection to a server, and what is known of it.

use std::time::{Duration, Instant};

use conduit::{Client, Connect, ErrorCode, ErrorKind, OpenRpc};
use serde_json::value::RawValue;

use crate::{
    api::Api,
    args::{Connection, Server},
    arguments::Arguments,
    exit::Exit,
    failure::{self, Failure, Result},
    faults::Faults,
    output, reach, token,
};

/// A client that is logged in where it has to be.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) api: Api,
    /// What the server told of itself, or why that is not known.
    told: Result<Told, Untold>,
    /// Which server it is, with the token that was asked for.
    pub(crate) server: Server,
    /// Whether a token may be asked for: none was given, and somebody is there.
    may_ask: bool,
}

/// The document of a server.
#[derive(Debug)]
struct Told {
    /// As it came.
    text: Box<RawValue>,
    document: OpenRpc,
}

/// Why it is not known what a server can do.
#[derive(Debug)]
enum Untold {
    /// It has no method that says so.
    MethodMissing,
    /// That is for those who are logged in.
    LoginMissing,
    /// It told something else.
    Unreadable(String),
}

/// Whether a command can do without a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Needed,
    /// Public methods can be called without, and then the server tells nothing of what it can do.
    Optional,
}

/// The method that a server tells of itself with.
const DISCOVER: &str = "rpc.discover";

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How much earlier than the caller's limit a server may give a call up that goes by it: it is told whole milliseconds.
const EARLY: Duration = Duration::from_millis(10);

/// How often somebody is asked for a token.
const ATTEMPTS: usize = 3;

impl Session {
    pub(crate) async fn open(server: &Server, login: Login) -> Result<Self> {
        Self::open_with(server, login, |connect| connect).await
    }

    /// A session whose connection has more settings.
    pub(crate) async fn open_with(
        server: &Server,
        login: Login,
        settings: impl Fn(Connect) -> Connect,
    ) -> Result<Self> {
        let mut server = server.clone();
        // A variable of the environment that is empty is none.
        server.connection.token.take_if(|token| token.is_empty());
        let may_ask = server.connection.token.is_none() && output::is_interactive();
        Self::open_or_ask(server, login, settings, may_ask).await
    }

    /// Another one with the same server. A token that was asked for is asked for again where it is refused.
    pub(crate) async fn open_again(&self, login: Login, settings: impl Fn(Connect) -> Connect) -> Result<Self> {
        Self::open_or_ask(self.server.clone(), login, settings, self.may_ask).await
    }

    async fn open_or_ask(
        mut server: Server,
        login: Login,
        settings: impl Fn(Connect) -> Connect,
        may_ask: bool,
    ) -> Result<Self> {
        let mut attempts = if may_ask { ATTEMPTS } else { 0 };
        loop {
            let failure = match attempt(&server, &settings).await {
                Ok(session) => return Ok(Self { may_ask, ..session }),
                Err(Refusal { failure, client: Some(client) }) if attempts == 0 && login == Login::Optional => {
                    drop(failure);
                    return Ok(Self { may_ask, ..Self::unseen(client, &server, Untold::LoginMissing) });
                }
                Err(Refusal { failure, .. }) => failure,
            };
            if failure.exit() != Exit::Login || attempts == 0 {
                return Err(failure);
            }
            if server.connection.token.is_some() {
                failure.report(false);
            }
            let token = token::ask(server.url.as_str()).await?;
            // Who has none goes without.
            attempts = if token.is_empty() { 0 } else { attempts - 1 };
            server.connection.token = Some(token).filter(|token| !token.is_empty());
        }
    }

    /// A session with a server that told nothing of itself.
    fn unseen(client: Client, server: &Server, why: Untold) -> Self {
        Self { client, api: Api::unknown(), told: Err(why), server: server.clone(), may_ask: false }
    }

    /// The server's document, as it came to the last digit; fails where it told none.
    pub(crate) fn document(&self) -> Result<&RawValue> {
        let url = &self.server.url;
        let message = match &self.told {
            Ok(told) => return Ok(&told.text),
            Err(Untold::MethodMissing) => format!("{url} does not say what it can do: it has no `{DISCOVER}`"),
            Err(Untold::LoginMissing) => format!("{url} does not say what it can do without a login"),
            Err(Untold::Unreadable(why)) => format!("what {url} says of itself can't be read: {why}"),
        };
        Err(Failure::refused(message).help("`conduit call` calls its methods unseen"))
    }

    /// Fails where the server is known to have neither a method nor an event of this name. `noun` is what it was taken
    /// for.
    pub(crate) fn check_name(&self, name: &str, noun: &str) -> Result {
        match self.told {
            Ok(_) => self.api.refusal(name, noun).map_or(Ok(()), Err),
            Err(_) => Ok(()),
        }
    }

    /// Fails where the server is known to refuse this; faults of the arguments are shown beneath them.
    pub(crate) fn check(&self, name: &str, arguments: &Arguments) -> Result {
        let Ok(told) = &self.told else { return Ok(()) };
        let checked = told.document.check(name, &arguments.params);
        checked.map_err(|refusal| self.explain(name, refusal.into(), arguments))
    }

    /// Calls a method.
    pub(crate) async fn call(&self, name: &str, arguments: &Arguments) -> Result<Box<RawValue>> {
        self.check(name, arguments)?;
        let start = Instant::now();
        let called = match &arguments.params {
            Some(params) => self.client.call(name, params).await,
            None => self.client.call(name, ()).await,
        };
        called.map_err(|error| match self.limit_passed(name, &error, start.elapsed()) {
            Some(limit) => unanswered(name, limit),
            None => self.explain(name, error, arguments),
        })
    }

    /// The caller's own limit, if it is for that that the server gave a call up after this time.
    fn limit_passed(&self, name: &str, error: &conduit::Error, took: Duration) -> Option<Duration> {
        let limit = self.server.connection.timeout.filter(|_| error.code() == Some(ErrorCode::Timeout.code()))?;
        let is_before_the_methods = self.api.timeout(name).is_none_or(|methods| limit.as_secs_f64() < methods);
        (is_before_the_methods && took + EARLY >= limit).then_some(limit)
    }

    /// The error of a call, with what is known of the method.
    pub(crate) fn explain(&self, name: &str, error: conduit::Error, arguments: &Arguments) -> Failure {
        let code = error.code().and_then(ErrorCode::from_code);
        let failure = Failure::from(error);
        match code {
            Some(ErrorCode::InvalidParams) => {
                let faults = failure.object().and_then(|refusal| Faults::of(refusal, &arguments.source));
                let failure = match faults {
                    Some(faults) => failure.faults(faults),
                    None => failure,
                };
                failure.help(format!("`conduit describe {} {name}` shows what it takes", self.server.url))
            }
            Some(ErrorCode::Unauthorized) => no_token(failure),
            Some(ErrorCode::Timeout) => {
                let after = self.api.timeout(name).map(|limit| format!(" after {limit} s")).unwrap_or_default();
                failure.help(format!("the server gives `{name}` up{after}, and --timeout can't put that off"))
            }
            _ => failure,
        }
    }

    /// Asks again what the server can do, if it said so before.
    pub(crate) async fn refresh(&mut self) -> Result {
        if self.told.is_ok() {
            (self.api, self.told) = read(self.client.call(DISCOVER, ()).await?);
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        close(&self.client).await;
    }
}

/// Says goodbye, and waits for that of the server, but not for long.
pub(crate) async fn close(client: &Client) {
    // All that was to be done is done: a server that does not answer is no reason to wait.
    let _ = tokio::time::timeout(GOODBYE, client.close()).await;
}

/// Why there is no session. The client is there if the server only wants a login.
struct Refusal {
    failure: Failure,
    client: Option<Client>,
}

async fn attempt(server: &Server, settings: impl Fn(Connect) -> Connect) -> Result<Session, Refusal> {
    let refusal = |failure| Refusal { failure, client: None };
    reach::check(server).map_err(refusal)?;
    let client = settings(connect(server)).await.map_err(|error| match error.kind() {
        ErrorKind::Unauthorized => refusal(login_refused(&error, server)),
        _ => refusal(reach::failure(error, server)),
    })?;
    match client.call(DISCOVER, ()).await {
        Ok(text) => {
            let (api, told) = read(text);
            Ok(Session { client, api, told, server: server.clone(), may_ask: false })
        }
        Err(error) if error.kind() == ErrorKind::Timeout => {
            let message = format!("{} did not answer `{DISCOVER}` in time", server.url);
            let help = format!("does it speak JSON-RPC? {}", failure::WAIT_LONGER);
            Err(refusal(Failure::new(Exit::Timeout, message).help(help)))
        }
        Err(error) => match error.code().and_then(ErrorCode::from_code) {
            // A server of another kind.
            Some(ErrorCode::MethodNotFound) => Ok(Session::unseen(client, server, Untold::MethodMissing)),
            Some(ErrorCode::Unauthorized) => {
                let failure = no_token(Failure::new(Exit::Login, format!("{} wants a login", server.url)));
                Err(Refusal { failure, client: Some(client) })
            }
            _ => Err(refusal(error.into())),
        },
    }
}

/// What a server tells of itself.
fn read(text: Box<RawValue>) -> (Api, Result<Told, Untold>) {
    match serde_json::from_str::<OpenRpc>(text.get()) {
        Ok(document) => (Api::new(&document), Ok(Told { text, document })),
        Err(error) => (Api::unknown(), Err(Untold::Unreadable(output::safe(&error.to_string())))),
    }
}

/// A connection that is not made yet, to the server that was asked for. It is not made again when it is lost.
pub(crate) fn connect(server: &Server) -> Connect {
    let Connection { token, headers, root_certificate, timeout, connect_timeout } = &server.connection;
    let mut connect = Client::connect(server.url.as_str()).connect_timeout(*connect_timeout).reconnect(false);
    if let Some(timeout) = timeout {
        connect = connect.timeout(*timeout);
    }
    if let Some(token) = token {
        connect = connect.password(token);
    }
    if let Some(file) = root_certificate {
        connect = connect.root_certificate(file);
    }
    for (name, value) in headers {
        connect = connect.header(name, value);
    }
    connect
}

fn login_refused(error: &conduit::Error, server: &Server) -> Failure {
    let why = error.object().map_or("the token is not the server's", |refusal| refusal.message());
    let failure = Failure::new(Exit::Login, format!("{} refused the login: {why}", server.url));
    match server.connection.token {
        Some(_) => failure,
        None => no_token(failure),
    }
}

/// As it is told where this side is the first to give a call up.
fn unanswered(name: &str, limit: Duration) -> Failure {
    let message = format!("`{name}` was not answered within {limit:?}; the call may have run");
    Failure::new(Exit::Timeout, message).help(failure::WAIT_LONGER)
}

fn no_token(failure: Failure) -> Failure {
    failure.help("give the token with --token or CONDUIT_TOKEN")
}
