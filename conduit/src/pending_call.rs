//! One call of the other side: a future that sends at its first poll.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

#[cfg(feature = "client")]
use crate::client::Client;
#[cfg(feature = "server")]
use crate::connection::Connection;
use crate::{
    error::{Error, ErrorKind, Result},
    params,
};

/// A call of the other side, of a server by [`Client::call`] or of a client by [`Connection::call`]: await it for the
/// answer.
///
/// Nothing is sent before the first poll. It resolves to what was answered, as a `T`.
///
/// While a client's connection is down its calls wait for the next, up to their timeout; [`Connect::max_waiting`] says
/// how many may. So do those that a server which stops does not take any more (-32005): they have not run. Those that are
/// made with the client which a method, a handler with an ack or `on_connect` is lent fail with that error at once: the
/// server may wait for them. When the connection falls on which a call was sent, it may have run: it fails at once, unless
/// it is [idempotent](Self::idempotent), and is sent again over the next connection then. An answer that comes too late is
/// ignored.
///
/// # Errors
/// By [`kind`](Error::kind): `Rpc` when the other side answers with an error, or would to go by what a server
/// [tells](Client::discover) of itself; `Encode` when the arguments are neither an object, an array nor nothing, or, of a
/// call by a server, make a message over `max_message_size`; `Decode` when the answer is no `T`; `Timeout` when there is
/// none in time ([`is_timeout`](Error::is_timeout) asks too whether the other side gave it up for that); `Closed`, at
/// once, when the connection ends before it, or has ended. Of the last two, [`may_have_run`](Error::may_have_run) says
/// whether the call was sent.
///
/// [`Client::call`]: crate::Client::call
/// [`Client::discover`]: crate::Client::discover
/// [`Connection::call`]: crate::Connection::call
/// [`Connect::max_waiting`]: crate::Connect::max_waiting
///
/// # Cancel safety
/// Dropping it gives the call up, and so does its timeout: if it was sent, the other side is told by `rpc.cancel`. It may
/// still have run.
#[must_use = "a call is sent when it is awaited"]
pub struct PendingCall<T> {
    stage: Stage,
    output: PhantomData<fn() -> T>,
}

enum Stage {
    Unsent(Option<Draft>),
    Sent(Pin<Box<dyn Future<Output = Result<Answer>> + Send>>),
}

struct Draft {
    callee: Callee,
    method: Box<str>,
    params: Result<Option<Box<RawValue>>>,
    patience: Patience,
    idempotent: bool,
}

/// The other side, by the handle of the connection to it.
#[derive(Clone)]
pub(crate) enum Callee {
    #[cfg(feature = "client")]
    Server(Client),
    #[cfg(feature = "server")]
    Client(Connection),
}

/// A call on its way.
pub(crate) struct Question<'a> {
    pub(crate) method: &'a str,
    pub(crate) params: Option<&'a RawValue>,
    pub(crate) patience: Patience,
    /// Whether it may be sent again when it may have run.
    pub(crate) idempotent: bool,
}

/// How long answers are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) limit: Duration,
    /// Whether somebody chose it, so that the other side is told: of what nobody chose it need not hear with each call.
    is_chosen: bool,
}

impl Patience {
    /// That of calls which say nothing.
    pub(crate) const DEFAULT: Self = Self { limit: Duration::from_secs(30), is_chosen: false };

    pub(crate) fn chosen(limit: Duration) -> Self {
        Self { limit, is_chosen: true }
    }

    /// What the other side is told when so much of it is over.
    pub(crate) fn told(&self, over: Duration) -> Option<Duration> {
        self.is_chosen.then(|| self.limit.saturating_sub(over))
    }
}

struct Answer {
    method: Box<str>,
    result: Box<RawValue>,
}

impl<T> PendingCall<T> {
    pub(crate) fn new(callee: Callee, method: &str, params: &impl Serialize, patience: Patience) -> Self {
        let params = params::encode(method, params);
        let draft = Draft { callee, method: method.into(), params, patience, idempotent: false };
        Self { stage: Stage::Unsent(Some(draft)), output: PhantomData }
    }

    /// How long to wait for the answer, counted from the first poll, with the time until there is a connection. Otherwise
    /// 30 seconds, or what the client was [told](crate::Connect::timeout).
    ///
    /// A time that is chosen, here or for the client, travels with the call, in the member `timeout_ms` of the request:
    /// the other side gives the call up when it is over, and the method sees it as its
    /// [deadline](crate::Call::deadline). JSON-RPC has no such member, and nearly all servers ignore what they do not
    /// know; for calls of one that does not, use [`tokio::time::timeout`].
    ///
    /// Without effect on a call that was polled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Stage::Unsent(Some(draft)) = &mut self.stage {
            draft.patience = Patience::chosen(timeout);
        }
        self
    }

    /// Says that running it twice is as good as once: when the connection falls before the answer, a client sends it
    /// again over the next. Calls of a method that is declared `#[rpc(idempotent)]` are so from the start when they are
    /// made by its own `call` function, or the client has [discovered](crate::Client::discover) that it is.
    ///
    /// One whose message, or answer, was too large for the connection is not sent again. A call by a server never is: its
    /// client may come back, and is then a new connection.
    ///
    /// Without effect on a call that was polled.
    pub fn idempotent(mut self) -> Self {
        if let Stage::Unsent(Some(draft)) = &mut self.stage {
            draft.idempotent = true;
        }
        self
    }
}

impl<T: DeserializeOwned> Future for PendingCall<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Unsent(draft) = &mut self.stage {
            let draft = draft.take().expect("a draft is taken only where it is replaced by its call");
            self.stage = Stage::Sent(Box::pin(draft.run()));
        }
        let Stage::Sent(call) = &mut self.stage else { unreachable!("the stage was set above") };
        call.as_mut().poll(cx).map(|answer| answer.and_then(|Answer { method, result }| decode(&method, &result)))
    }
}

impl<T> fmt::Debug for PendingCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PendingCall");
        if let Stage::Unsent(Some(draft)) = &self.stage {
            debug
                .field("method", &draft.method)
                .field("timeout", &draft.patience.limit)
                .field("idempotent", &draft.idempotent);
        }
        debug.finish_non_exhaustive()
    }
}

impl Draft {
    async fn run(self) -> Result<Answer> {
        let Self { callee, method, params, patience, idempotent } = self;
        let params = params?;
        let question = Question { method: &method, params: params.as_deref(), patience, idempotent };
        let result = match callee {
            #[cfg(feature = "client")]
            Callee::Server(client) => client.ask(question).await?,
            #[cfg(feature = "server")]
            Callee::Client(connection) => connection.ask(question).await?,
        };
        Ok(Answer { method, result })
    }
}

/// The result of a method as a `T`.
pub(crate) fn decode<T: DeserializeOwned>(method: &str, result: &RawValue) -> Result<T> {
    serde_json::from_str(result.get()).map_err(|error| {
        let wanted = std::any::type_name::<T>();
        let message = format!("`{method}` answered with what is no `{wanted}`: {error}");
        Error::new(ErrorKind::Decode, message).with_source(error)
    })
}
