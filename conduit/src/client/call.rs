//! One call: a future that sends at its first poll.

use std::{
    fmt,
    marker::PhantomData,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{Client, ending::Ending, link::Link, params, pending::Outcome};
use crate::{
    error::{Error, ErrorKind, Result},
    protocol::{Id, request_text},
};

/// A call to a server: await it for the answer.
///
/// Nothing is sent before the first poll. It resolves to what the server answered, as a `T`.
///
/// # Errors
/// By [`kind`](Error::kind): `Rpc` when the server answers with an error, or would to go by what it
/// [tells](Client::discover) of itself; `Encode` when the arguments are neither
/// an object, an array nor nothing; `Decode` when the answer is no `T`; `Timeout` when there is none in time;
/// `Closed`, at once, when the connection ends before it or has ended.
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
        let draft = Draft { client, method: method.into(), params, timeout };
        Self { stage: Stage::Unsent(Some(draft)), output: PhantomData }
    }

    /// How long to wait for the answer, counted from the first poll; the client's own timeout otherwise.
    ///
    /// Without effect on a call that was polled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Stage::Unsent(Some(draft)) = &mut self.stage {
            draft.timeout = timeout;
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
        call.as_mut().poll(cx).map(|answer| answer?.decode())
    }
}

impl<T> fmt::Debug for PendingCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PendingCall");
        if let Stage::Unsent(Some(draft)) = &self.stage {
            debug.field("method", &draft.method).field("timeout", &draft.timeout);
        }
        debug.finish_non_exhaustive()
    }
}

impl Draft {
    async fn run(self) -> Result<Answer> {
        let Self { client, method, params, timeout } = self;
        let params = params?;
        client.known.check_call(&method, params.as_deref())?;
        let what = format!("`{method}`");
        let result = within(timeout, &what, exchange(&client.link, &method, &what, params.as_deref())).await?;
        Ok(Answer { method, result })
    }
}

async fn exchange(link: &Link, method: &str, what: &str, params: Option<&RawValue>) -> Result<Box<RawValue>> {
    let not_sent = |ending: Ending| ending.not_sent(what);
    let slot = link.slot().await.map_err(not_sent)?;
    let ids = link.next_ids(1);
    let text = request(method, params, Some(ids.start));
    let answer = link.pending().register(ids.start).map_err(not_sent)?;
    let _ticket = Ticket { link, ids: ids.clone() };
    link.send(text, Some(ids), slot);
    outcome(answer).await.map_err(|failure| failure.into_error(what))
}

/// Ends `exchange` with an error when it is not done in time.
pub(super) async fn within<T>(timeout: Duration, what: &str, exchange: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| {
        let message = format!("{what} was not answered within {timeout:?}; the call may have run");
        Err(Error::new(ErrorKind::Timeout, message))
    })
}

pub(super) async fn outcome(answer: oneshot::Receiver<Outcome>) -> Outcome {
    answer.await.expect("every call that leaves the table is answered, and the ticket holds it there until then")
}

/// The text of a request; without an id, of a notification.
pub(super) fn request(method: &str, params: Option<&RawValue>, id: Option<u64>) -> String {
    request_text(method, params, id.map(Id::from).as_ref()).expect("a string, JSON and a number are JSON")
}

/// Calls in the table. Dropping it takes them out, and cancels on the server those that were not answered.
pub(super) struct Ticket<'a> {
    pub(super) link: &'a Link,
    pub(super) ids: Range<u64>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.link.withdraw(&self.ids);
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
