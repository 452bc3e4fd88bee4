//! How a server is described: what it serves, and to whom. The limits and times are in `settings.rs`.

mod build;
mod hooks;
mod sends;
mod settings;

use std::{
    any::{TypeId, type_name},
    fmt::Display,
    panic::Location as Caller,
    sync::Arc,
};

use futures_util::FutureExt;

use self::{build::is_always_there, sends::Sends};
use crate::{
    config::{Password, ServerConfig},
    connection::Connection,
    context::State,
    event_handler::{self, EventHandler},
    events::{Event, EventNames},
    hook::HookDescriptor,
    hook_result::{HookResult, hook},
    identity::{Credentials, Identity},
    lifecycle::Hooks,
    login::LoginHook,
    method::{Location, MethodDescriptor, MethodMeta, Service},
    raw::{self, Route},
    rpc_error::RpcError,
    server::{Server, States},
};

/// Describes a server: its methods, their state, its settings. Made by [`Server::builder`].
///
/// Each setting has a default, and is checked by [`build`](Self::build), which names everything that is wrong
/// at once.
#[must_use = "nothing is served until `build()` is called, and the server run"]
#[derive(Default)]
pub struct ServerBuilder {
    config: ServerConfig,
    login: Option<LoginHook>,
    explicit: bool,
    methods: Vec<MethodDescriptor>,
    ordered: Vec<String>,
    sends: Vec<Sends>,
    states: States,
    hooks: Hooks,
    /// Those among the hooks that are functions with attributes.
    hook_functions: Vec<HookDescriptor>,
    raw_routes: Vec<Route>,
    faults: Vec<String>,
}

impl ServerBuilder {
    /// Takes all settings from a [`ServerConfig`], in place of those before.
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// The address or host name to listen on; `"0.0.0.0"`, all IPv4 addresses, by default.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.config.host = host.into();
        self
    }

    /// The port to listen on; 8080 by default, 0 has the system find a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.config.port = port;
        self
    }

    /// The name that discovery tells; `"Server"` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// The version of the service, yours to choose, in visible ASCII; `"0.0.0"` by default.
    ///
    /// Discovery tells it, and so does the login: in the header `Conduit-Version` of the answer to an upgrade that
    /// logged in, and as `version` in the answer of `rpc.login`. Clients that ask for a
    /// [`minimum_version`](crate::Connect::minimum_version) need it to be a semantic version such as `1.2.0`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.config.version = version.into();
        self
    }

    /// The least version that a client may be of, as a semantic version such as `"1.2.0"`; any by default.
    ///
    /// A client tells its version in the header `Conduit-Version` or as `version` of `rpc.login`. One that is older, or
    /// tells none, is refused with `{needed, got}` as the error's data.
    pub fn minimum_version(mut self, version: &str) -> Self {
        match version.parse() {
            Ok(version) => self.config.minimum_version = Some(version),
            Err(error) => self
                .faults
                .push(format!("`minimum_version` is `{version}`, which is no semantic version such as 1.2.0: {error}")),
        }
        self
    }

    /// The token that clients log in with. Without one, and without [`open`](Self::open), a random token is
    /// made and logged once, or written to stderr when the program has no `tracing` subscriber. Visible ASCII.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.config.password = Some(Password::from(password));
        self
    }

    /// Lets everybody call every method, without login.
    pub fn open(mut self) -> Self {
        self.config.open = true;
        self
    }

    /// Lets in whom the hook lets in: it gets the credentials that a client shows, and answers with an
    /// [`Identity`] or with the reason of a refusal.
    ///
    /// It is asked when a client connects, or posts, with an `Authorization: Bearer` header or one of the
    /// [`login_headers`](Self::login_headers); and when a client that came without calls `rpc.login`. The credentials
    /// hold the headers either way. How many logins of an address it looks at at a time is
    /// [`max_failed_logins`](Self::max_failed_logins).
    ///
    /// | the hook | status, or error of `rpc.login` | the client |
    /// |---|---|---|
    /// | returns `Err` | 401, -32001 | reads the reason; one whose password is fixed does not come back |
    /// | panics | 503, -32603 | comes back later |
    /// | takes longer than [`auth_timeout`](Self::auth_timeout) | 503; the connection closes with 4001 | comes back later |
    /// | is not asked: too many logins of the address failed | 429, -32007 | comes back after `retry_after_ms` |
    ///
    /// So `Err` is a verdict on the credentials, and it alone counts as a failed login. A hook that can't tell now,
    /// because its database is down, panics (`.expect("the database answers")`): the log has the text, the client does
    /// not.
    ///
    /// ```
    /// use conduit::{Credentials, Identity, Server};
    ///
    /// let server = Server::builder().explicit().login(|_server: Server, credentials: Credentials| async move {
    ///     match credentials.token.as_str() {
    ///         "root" => Ok(Identity::new("root").with_role("admin")),
    ///         _ => Err("nobody has this token"),
    ///     }
    /// });
    /// # server.build()?;
    /// # Ok::<(), conduit::Error>(())
    /// ```
    pub fn login<F, Fut, E>(mut self, hook: F) -> Self
    where
        F: Fn(Server, Credentials) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, E>> + Send + 'static,
        E: Display,
    {
        self.login = Some(Arc::new(move |server, credentials| {
            let found = hook(server, credentials);
            async move { found.await.map_err(|refusal| refusal.to_string()) }.boxed()
        }));
        self
    }

    /// The headers, beside `Authorization`, by which a client may log in when it connects or posts; none by default.
    /// What they hold is for the [login hook](Self::login) to look at. Headers that every client sends, such as
    /// `connection`, are refused.
    ///
    /// ```
    /// use conduit::{Credentials, Identity, Server};
    ///
    /// let server = Server::builder().explicit().login_headers(["x-api-key"]).login(
    ///     |_server: Server, credentials: Credentials| async move {
    ///         match credentials.header("x-api-key") {
    ///             Some("k1") => Ok(Identity::new("the robot")),
    ///             _ => Err("nobody has this key"),
    ///         }
    ///     },
    /// );
    /// # server.build()?;
    /// # Ok::<(), conduit::Error>(())
    /// ```
    pub fn login_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.config.login_headers.extend(names.into_iter().map(Into::into));
        self
    }

    /// Leaves the methods, handlers and hooks out that are linked into the program: only those given by hand are there.
    pub fn explicit(mut self) -> Self {
        self.explicit = true;
        self
    }

    /// Adds methods by hand: `.methods(conduit::methods![add, users::create])`.
    pub fn methods(mut self, methods: impl IntoIterator<Item = MethodDescriptor>) -> Self {
        self.methods.extend(methods);
        self
    }

    /// Handles an event of clients: `.on("chat", |client: Connection, data: Chat| async move { .. })`.
    ///
    /// [`EventHandler`] says what else a handler may take, and what it may return.
    /// The name may be several (`["a", "b"]`), or `"*"` for every event that nothing else handles. Several handlers
    /// of an event all run, in the order in which they were given, and before those with `#[on]` that are
    /// linked into the program; the first value that is not null is the ack of an event that was sent as a request.
    #[track_caller]
    pub fn on<P: 'static, H: EventHandler<Connection, P>>(mut self, events: impl EventNames, handler: H) -> Self {
        let caller = Caller::caller();
        let descriptor = descriptor(events, handler, caller);
        if descriptor.meta.events.is_empty() {
            self.faults.push(format!(
                "a handler is given for no event ({}:{}): name one at least",
                caller.file(),
                caller.line()
            ));
        } else {
            self.methods.push(descriptor);
        }
        self
    }

    /// Handles the event that the payload's type [names](crate::Event); otherwise as [`on`](Self::on).
    ///
    /// ```
    /// use conduit::{Connection, Event, Server};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema, Event)]
    /// #[event("chat")]
    /// struct Chat {
    ///     text: String,
    /// }
    ///
    /// let server = Server::builder().explicit().open().on_event(|client: Connection, chat: Chat| async move {
    ///     client.server().broadcast_event(&chat).exclude([client.id()]).send()
    /// });
    /// # server.build()?;
    /// # Ok::<(), conduit::Error>(())
    /// ```
    #[track_caller]
    pub fn on_event<P, H>(mut self, handler: H) -> Self
    where
        P: 'static,
        H: EventHandler<Connection, P, Payload: Event>,
    {
        let caller = Caller::caller();
        self.methods.push(descriptor(H::Payload::NAME, handler, caller));
        self
    }

    /// Declares an event that the server sends: discovery tells its name and the schema of its payload, so that clients
    /// without the server's code know what comes ([`import!`](macro@crate::import), the command line).
    ///
    /// Sending needs no declaration, and is not changed by one. The description is the type's. Everybody who may read the
    /// document reads of it, whatever the roles: what nobody may know of stays undeclared. An event may be handled and
    /// sent, with a payload of one type or of two.
    ///
    /// ```
    /// use conduit::{Event, Server};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// /// A second went by.
    /// #[derive(Serialize, Deserialize, JsonSchema, Event)]
    /// #[event("tick")]
    /// struct Tick {
    ///     n: u64,
    /// }
    ///
    /// let server = Server::builder().explicit().open().sends::<Tick>().build()?;
    /// server.broadcast_event(&Tick { n: 1 }).send();
    /// # Ok::<(), conduit::Error>(())
    /// ```
    ///
    /// A type that is given twice counts once. Two types that name one event are a fault that [`build`](Self::build)
    /// tells.
    ///
    /// Of an event that is handled and sent, the schemas say whether its payload is one type. Two types of one name,
    /// description and shape pass for one if what is sent always has the members that a handler requires: the document
    /// then tells the handler's schema both ways, which may require less than what is sent always has. Types of different
    /// names are told apart.
    #[track_caller]
    pub fn sends<E: Event>(mut self) -> Self {
        self.sends.push(Sends::of::<E>());
        self
    }

    /// Makes the calls of a method, or the events of a name, run one after the other on each connection: the next
    /// starts when the one before has ended, and their answers leave in that order. Others are not held up.
    ///
    /// It is the option `ordered` of [`#[rpc]`](macro@crate::rpc), which says more, and of [`#[on]`](macro@crate::on),
    /// for handlers that are closures. The name may be several (`["a", "b"]`, each with an order of its own). `"*"` is
    /// one order for all the events that the fallback takes.
    ///
    /// ```
    /// use conduit::{Connection, Server};
    ///
    /// let server = Server::builder()
    ///     .explicit()
    ///     .open()
    ///     .on("move", |_client: Connection, (x, y): (f64, f64)| async move { println!("{x} {y}") })
    ///     .ordered("move")
    ///     .build()?;
    /// # Ok::<(), conduit::Error>(())
    /// ```
    ///
    /// A name that is neither a method nor an event of the server is a fault that [`build`](Self::build) tells.
    pub fn ordered(mut self, names: impl EventNames) -> Self {
        self.ordered.extend(names.names());
        self
    }

    /// Serves plain WebSocket at a path of its own: the handler gets each message as it came, a text or bytes, and
    /// whom it came from. [`raw`](crate::raw) says what holds for these connections.
    ///
    /// Messages of one connection are handled one at a time and in order. A handler that fails, or panics, closes its
    /// connection with 1011; what went wrong is logged. The path starts with `/` and is not `/` itself, where JSON-RPC
    /// is served.
    ///
    /// ```
    /// use conduit::{Server, raw::Message};
    ///
    /// let server = Server::builder().explicit().open().raw("/sum", |conn, message| async move {
    ///     let Message::Text(text) = message else {
    ///         conn.close(1003, "numbers are sent as text");
    ///         return Ok(());
    ///     };
    ///     let numbers: Vec<i64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    ///     conn.send(numbers.iter().sum::<i64>().to_string());
    ///     Ok::<(), std::num::ParseIntError>(())
    /// });
    /// # server.build()?;
    /// # Ok::<(), conduit::Error>(())
    /// ```
    pub fn raw<F, Fut>(mut self, path: impl Into<String>, handler: F) -> Self
    where
        F: Fn(raw::Connection, raw::Message) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        let handler = hook(move |(connection, message)| handler(connection, message));
        self.raw_routes.push(Route { path: path.into(), handler });
        self
    }

    /// Adds the methods of an `impl` block with `#[rpc]`; `service` is what they borrow as `&self`.
    pub fn service<S: Service>(mut self, service: S) -> Self {
        self.methods.extend_from_slice(S::METHODS);
        self.state(service)
    }

    /// Lends `state` to every method that takes a `&T`.
    pub fn state<T: State>(mut self, state: T) -> Self {
        if is_always_there(TypeId::of::<T>()) {
            self.faults.push(format!("state of type `{}` is the server's own to lend", type_name::<T>()));
        } else if self.states.insert(TypeId::of::<T>(), Box::new(state)).is_some() {
            self.faults.push(format!("state of type `{}` was given twice", type_name::<T>()));
        }
        self
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("config", &self.config)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

/// A closure as a handler in the table of methods.
fn descriptor<P: 'static, H: EventHandler<Connection, P>>(
    names: impl EventNames,
    handler: H,
    caller: &Caller<'static>,
) -> MethodDescriptor {
    let handler = Arc::new(handler);
    // The table holds what the macros make at compile time. A handler is given once in a program's life, so
    // what it leaves behind is bounded by the program's text.
    let events: Vec<&'static str> = names.names().into_iter().map(|name| &*name.leak()).collect();
    let name = events.first().copied().unwrap_or_default();
    let location = Location { file: caller.file(), line: caller.line() };
    let meta = Box::leak(Box::new(MethodMeta { events: events.leak(), location, ..MethodMeta::new(name) }));
    MethodDescriptor::of_closure::<H::Payload, H::Value>(meta, H::Error::describe, move |arguments, params, call| {
        event_handler::start(&handler, arguments, params, call)
    })
}
