//! One call: a future that sends at its first poll.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Client,
    exchange::{self, Exchange, request},
    params,
};
use crate::error::{Error, ErrorKind, Result};

/// A call to a server: await it for the answer.
///
/// Nothing is sent before the first poll. It resolves to what the server answered, as a `T`.
///
/// While the connection is down the call waits for the next, up to its timeout; [`Connect::max_waiting`] says how many
/// calls may. When the connection falls on which it was sent, it may have run: it fails at once, unless it is
/// [idempotent](Self::idempotent), and is sent again over the next connection then.
///
/// # Errors
/// By [`kind`](Error::kind): `Rpc` when the server answers with an error, or would to go by what it
/// [tells](Client::discover) of itself; `Encode` when the arguments are neither
/// an object, an array nor nothing; `Decode` when the answer is no `T`; `Timeout` when there is none in time;
/// `Closed`, at once, when the connection ends before it, or the client has ended. Of the last two,
/// [`may_have_run`](Error::may_have_run) says whether the call was sent.
///
/// [`Connect::max_waiting`]: super::Connect::max_waiting
///
/// # Cancel safety
/// Dropping it gives the call up: if it was sent, the server is told by `rpc.cancel`. It may still have run.
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
    client: Client,
    method: Box<str>,
    params: Result<Option<Box<RawValue>>>,
    timeout: Duration,
    idempotent: bool,
}

/// A result and the method that it came from.
pub(super) struct Answer {
    pub(super) method: Box<str>,
    pub(super) result: Box<RawValue>,
}

impl<T> PendingCall<T> {
    pub(super) fn new(client: Client, method: &str, params: &impl Serialize) -> Self {
        let params = params::encode(method, params);
        let timeout = client.timeout;
        let draft = Draft { client, method: method.into(), params, timeout, idempotent: false };
        Self { stage: Stage::Unsent(Some(draft)), output: PhantomData }
    }

    /// How long to wait for the answer, counted from the first poll, with the time until there is a connection; the
    /// client's own timeout otherwise.
    ///
    /// Without effect on a call that was polled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Stage::Unsent(Some(draft)) = &mut self.stage {
            draft.timeout = timeout;
        }
        self
    }

    /// Says that running it twice is as good as once: when the connection falls before the answer, it is sent again
    /// over the next. Calls of a method that is declared `#[rpc(idempotent)]` are so from the start when they are made
    /// by its own `call` function, or the client has [discovered](Client::discover) that it is.
    ///
    /// One whose message, or answer, was too large for the connection is not sent again.
    ///
    /// Without effect on a call that was polled.
    pub fn idempotent(mut self) -> Self {
        self.set_idempotent(true);
        self
    }

    pub(crate) fn set_idempotent(&mut self, idempotent: bool) {
        if let Stage::Unsent(Some(draft)) = &mut self.stage {
            draft.idempotent = idempotent;
        }
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
        call.as_mut().poll(cx).map(|answer| answer?.decode())
    }
}

impl<T> fmt::Debug for PendingCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PendingCall");
        if let Stage::Unsent(Some(draft)) = &self.stage {
            debug
                .field("method", &draft.method)
                .field("timeout", &draft.timeout)
                .field("idempotent", &draft.idempotent);
        }
        debug.finish_non_exhaustive()
    }
}

impl Draft {
    async fn run(self) -> Result<Answer> {
        let Self { client, method, params, timeout, idempotent } = self;
        let params = params?;
        client.known.check_call(&method, params.as_deref())?;
        let idempotent = idempotent || client.known.is_idempotent(&method);
        let what = format!("`{method}`");
        let exchange =
            Exchange { link: &client.link, what: &what, timeout, idempotent, ahead: client.ahead, is_batch: false };
        let outcomes = exchange.run(1, |id| request(&method, params.as_deref(), Some(id))).await?;
        let outcome = outcomes.into_iter().next().expect("one call has one outcome");
        let result = outcome.map_err(|failure| failure.into_error(&what))?;
        exchange::inspect(&client.link, &method, &result)?;
        Ok(Answer { method, result })
    }
}

impl Answer {
    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        decode(&self.method, &self.result)
    }
}

/// The result of a method as a `T`.
pub(super) fn decode<T: DeserializeOwned>(method: &str, result: &RawValue) -> Result<T> {
    serde_json::from_str(result.get()).map_err(|error| {
        let wanted = std::any::type_name::<T>();
        let message = format!("`{method}` answered with what is no `{wanted}`: {error}");
        Error::new(ErrorKind::Decode, message).with_source(error)
    })
}
