//! The client: calls, batches and events over one connection.
//!
//! | file | what it holds |
//! |---|---|
//! | `connect.rs`, `settings.rs`, `credentials.rs`, `hooks.rs` | how to connect, with which times and limits, as whom, and what to do then |
//! | `call.rs`, `batch.rs`, `exchange.rs` | one call and several, as futures, and how they are made |
//! | `known.rs` | what the server told of itself, and what is not sent for that |
//! | `pending.rs` | the calls that wait for their answers |
//! | `incoming.rs` | what the server sends, and where it goes |
//! | `handlers.rs`, `handler.rs`, `host.rs` | the handlers of events by name, what one is, and what runs them |
//! | `served.rs` | the methods that the server may call |
//! | `stream.rs` | an event as a stream |
//! | `link.rs`, `ending.rs` | what the handles and the task share, and how a connection ends |
//! | `supervise.rs`, `dial.rs`, `backoff.rs`, `session.rs`, `half.rs` | the task: connections, one after the other |
//! | `raw.rs` | a connection without JSON-RPC |
//! | `transport.rs` | the WebSocket beneath |

mod backoff;
mod batch;
mod call;
mod connect;
mod credentials;
mod dial;
mod ending;
mod exchange;
mod half;
mod handler;
mod handlers;
mod hooks;
mod host;
mod incoming;
mod known;
mod link;
mod pending;
pub(crate) mod raw;
mod served;
mod session;
mod settings;
mod stream;
mod supervise;
#[cfg(test)]
mod tests;
mod transport;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "server")]
pub(crate) use self::transport::{ByteStream, Pipe};
pub use self::{
    batch::{Answers, Batch, Entry},
    connect::Connect,
    credentials::Token,
    handlers::Subscription,
    stream::Events,
};
use self::{
    dial::Dial,
    handlers::{Given, Handlers, Kind},
    known::Known,
    link::{Limits, Link},
    supervise::Plan,
};
use crate::{
    close::Disconnected,
    event_failed::EventFailed,
    event_handler::EventHandler,
    events::{Event, EventNames},
    params,
    pending_call::{Callee, Patience, PendingCall},
};

/// A client of a server, and its connection; a cheap handle.
///
/// Clones share the connection, and calls on it run side by side. It closes when the last clone, call and batch
/// of it is dropped.
///
/// When the connection is lost, the client makes another one, with the same handlers and streams:
/// [`Connect::reconnect`] says when it does not. Calls that were sent and not answered fail at once and say that they
/// may have run, those that are [idempotent](PendingCall::idempotent) apart, and calls that are made meanwhile wait.
///
/// ```no_run
/// # use conduit::Client;
/// use serde_json::json;
///
/// # async fn example() -> conduit::Result<()> {
/// let client = Client::connect("ws://127.0.0.1:8080").password("secret").await?;
/// let five: i64 = client.call("add", json!({"a": 2, "b": 3})).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    link: Arc<Link>,
    known: Arc<Known>,
    /// Of a call that does not say otherwise.
    patience: Patience,
    /// The connection on which its messages go ahead of those that wait for a hook: it was lent to one.
    ahead: Option<u64>,
}

impl Client {
    /// A connection to `url`, such as `ws://127.0.0.1:8080`; await it to connect, in a tokio runtime.
    pub fn connect(url: impl Into<String>) -> Connect {
        Connect::new(url.into())
    }

    /// A client over its first connection.
    fn start<D: Dial>(
        transport: D::Transport,
        plan: Plan<D>,
        known: Known,
        patience: Patience,
        handlers: Arc<Handlers>,
        limits: Limits,
    ) -> Self {
        let (link, queue) = Link::new(handlers, limits);
        let client = Self { link: Arc::new(link), known: Arc::new(known), patience, ahead: None };
        // Last, so that the first event finds a client.
        client.link.run(transport, plan, queue, client.downgrade());
        client
    }

    fn downgrade(&self) -> WeakClient {
        WeakClient { link: Arc::downgrade(&self.link), known: Arc::clone(&self.known), patience: self.patience }
    }

    /// The client for a hook that prepares this connection, and for what the server asks meanwhile.
    fn going_ahead(self, connection: u64) -> Self {
        Self { ahead: Some(connection), ..self }
    }

    /// Calls a method: await the call for the answer, as a `T`.
    ///
    /// `params` is anything that serialises to an object (arguments by name) or to an array (by position), by
    /// value or by reference: `json!({..})`, a struct, a tuple; `()` for none.
    pub fn call<T>(&self, method: &str, params: impl Serialize) -> PendingCall<T> {
        PendingCall::new(Callee::Server(self.clone()), method, &params, self.patience)
    }

    /// Handles an event of the server: `client.on("chat", |data: Chat| async move { .. })`.
    ///
    /// [`EventHandler`] says what else a handler may take, and what it may return. The name may be several
    /// (`["a", "b"]`), or `"*"` for every event that nothing else handles, those apart whose names start with
    /// `rpc.`. Several handlers of an event all run, one after the other in the order in which they were given. Events
    /// that come before this is called are not seen; [`Connect::on`] sees all.
    ///
    /// Handlers start in the order in which events come. They start in the task that reads from the connection, and go
    /// on beside it once they wait, so that they may call the server, and so that one that waits long does not hold up
    /// the next. What must be done in turn is for a [stream](Self::events). A handler that blocks holds up the
    /// whole connection. Those that run when the connection ends go on to their end.
    ///
    /// An event that the server sent as a request is answered with what the handler returns: the first value that
    /// is not null, or else the first failure. Of other events, a payload that is no `T` (checked against its schema, as
    /// the server checks arguments), a failure and a panic are logged as warnings with the name of the event and the
    /// reason, and cost no other handler anything.
    ///
    /// A handler that holds a clone of the client keeps the connection open until it is removed, or the
    /// client closed: let it take the client as a parameter instead.
    ///
    /// # Panics
    /// When the schema of `T` is none, such as one with a pattern that is no regular expression, and when a name is
    /// empty or starts with `rpc.`, which JSON-RPC 2.0 keeps for itself.
    #[track_caller]
    pub fn on<P: 'static, H: EventHandler<Self, P>>(&self, events: impl EventNames, handler: H) -> Subscription {
        let handler = handler::registered(handler);
        self.link.handlers().add(Given { events: handlers::checked(events), kind: Kind::Handler, handler })
    }

    /// Handles one event, the next of this name or names; otherwise as [`on`](Self::on).
    ///
    /// # Panics
    /// As [`on`](Self::on).
    #[track_caller]
    pub fn once<P: 'static, H: EventHandler<Self, P>>(&self, events: impl EventNames, handler: H) -> Subscription {
        let handler = handler::registered(handler);
        self.link.handlers().add(Given { events: handlers::checked(events), kind: Kind::Once, handler })
    }

    /// Handles the event that the payload's type [names](Event); otherwise as [`on`](Self::on).
    ///
    /// # Panics
    /// As [`on`](Self::on).
    #[track_caller]
    pub fn on_event<P: 'static, H>(&self, handler: H) -> Subscription
    where
        H: EventHandler<Self, P, Payload: Event>,
    {
        self.on(H::Payload::NAME, handler)
    }

    /// Learns of events of this client that the server could not handle, and why. Without it they are logged as
    /// warnings.
    ///
    /// The server tells of them in the event `rpc.error`, so that this is short for [`on_event`](Self::on_event) with a
    /// handler of [`EventFailed`].
    #[track_caller]
    pub fn on_error<P: 'static, H>(&self, handler: H) -> Subscription
    where
        H: EventHandler<Self, P, Payload = EventFailed>,
    {
        self.on_event(handler)
    }

    /// An event of the server, or several, as a stream: each item is the payload of one, or says why there is none.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # use futures_util::StreamExt;
    /// # async fn example(client: Client) -> conduit::Result<()> {
    /// let mut ticks = client.events::<u64>("tick");
    /// while let Some(tick) = ticks.next().await {
    ///     println!("{}", tick?);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// [`Events`] says what becomes of events that are not read in time. An event that the server asks an answer to is
    /// answered with `null`, but not by a stream of `"*"`. The names are those of [`on`](Self::on), and
    /// handlers of the same event run as well.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    #[track_caller]
    pub fn events<T: DeserializeOwned + JsonSchema>(&self, events: impl EventNames) -> Events<T> {
        Events::new(self.clone(), handlers::checked(events))
    }

    /// Starts a [`Batch`]: several calls in one message.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// The same connection, with another [timeout](Connect::timeout) of calls.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { patience: Patience::chosen(timeout), ..self.clone() }
    }

    /// Closes the connection, for all clones and for good; returns when the server has closed its side, or after 5
    /// seconds, and all hooks [`on_disconnect`](Connect::on_disconnect) that are left have run, or after 5 more.
    ///
    /// Notifications that were handed over before still go out, if there is a connection, also those that wait for a hook.
    /// Calls that wait end with an
    /// error of kind `Closed`: await them first.
    ///
    /// # Cancel safety
    /// Once polled, the client closes also when the future is dropped.
    pub async fn close(&self) {
        self.link.close().await;
    }

    /// Waits until the client has ended for good and its hooks [`on_disconnect`](Connect::on_disconnect) have run, as
    /// [`close`](Self::close) does, and says how its last connection did: by the code and the reason
    /// of the server's close frame, 1000 when this side closed it, 3000 when it was lost and the server refuses the login,
    /// 1006 when it was lost without a close frame, could not be made again, or led to a server that is too old; the
    /// reason says which.
    ///
    /// A connection that is lost, and followed by another, does not end the client: [`Connect::on_disconnect`] tells of
    /// those.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn closed(&self) -> Disconnected {
        self.link.ended().await.disconnected()
    }

    /// Whether the client has ended for good, or is being closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.pending().ending().is_some()
    }

    /// Whether there is a connection now, as far as this side knows.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.pending().lost().is_none()
    }
}

/// A client that does not keep its connection open.
#[derive(Clone)]
struct WeakClient {
    link: Weak<Link>,
    known: Arc<Known>,
    patience: Patience,
}

impl WeakClient {
    fn upgrade(&self) -> Option<Client> {
        let (known, patience) = (Arc::clone(&self.known), self.patience);
        Some(Client { link: self.link.upgrade()?, known, patience, ahead: None })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Client");
        match self.link.pending().ending() {
            Some(ending) => debug.field("closed", &format_args!("{ending}")),
            None => debug.field("connected", &self.is_connected()),
        };
        debug.field("timeout", &self.patience.limit).finish()
    }
}
