//! One call of a client by its server: a future that sends at its first poll.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    connection::Connection,
    error::{Error, ErrorKind, Result},
    outbox::Text,
    params,
    payload::within,
    protocol::request_text,
};

/// How long a client has to answer, unless the call says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call of a client by its server, made by [`Connection::call`]: await it for the answer.
///
/// Nothing is sent before the first poll. It resolves to what the client answered, as a `T`.
///
/// # Errors
/// By [`kind`](Error::kind): `Rpc` when the client answers with an error; `Encode` when the params are neither an
/// object, an array nor nothing, or make a message over `max_message_size`; `Decode` when the answer is no `T`;
/// `Timeout` when there is none in time; `Closed`, at once, when the connection ends before it or has ended, or is not
/// logged in. [`close_code`](Error::close_code) says why, if this side closed it.
///
/// # Cancel safety
/// Dropping it gives the call up, and so does its timeout: if it was sent, the client is told by `rpc.cancel`. It may
/// still have run.
#[must_use = "a call is sent when it is awaited"]
pub struct ClientCall<T> {
    stage: Stage,
    output: PhantomData<fn() -> T>,
}

enum Stage {
    Unsent(Option<Draft>),
    Sent(Pin<Box<dyn Future<Output = Result<Answer>> + Send>>),
}

struct Draft {
    client: Connection,
    method: Box<str>,
    params: Result<Option<Box<RawValue>>>,
    timeout: Duration,
}

struct Answer {
    method: Box<str>,
    result: Box<RawValue>,
}

impl<T> ClientCall<T> {
    pub(crate) fn new(client: Connection, method: &str, params: &impl Serialize) -> Self {
        let params = params::encode(method, params);
        let draft = Draft { client, method: method.into(), params, timeout: PATIENCE };
        Self { stage: Stage::Unsent(Some(draft)), output: PhantomData }
    }

    /// How long to wait for the answer, counted from the first poll; 30 s otherwise.
    ///
    /// Without effect on a call that was polled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Stage::Unsent(Some(draft)) = &mut self.stage {
            draft.timeout = timeout;
        }
        self
    }
}

impl<T: DeserializeOwned> Future for ClientCall<T> {
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

impl<T> fmt::Debug for ClientCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ClientCall");
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
        let id = client.id();
        tokio::time::timeout(timeout, exchange(&client, &method, params.as_deref()))
            .await
            .unwrap_or_else(|_| {
                let message = format!("`{method}` was not answered by connection {id} within {timeout:?}");
                Err(Error::new(ErrorKind::Timeout, message))
            })
            .map(|result| Answer { method, result })
    }
}

async fn exchange(client: &Connection, method: &str, params: Option<&RawValue>) -> Result<Box<RawValue>> {
    let id = client.id();
    if !client.is_logged_in() {
        let message = format!("`{method}` was not sent: connection {id} is not logged in, or has ended");
        return Err(closed(client, message).unsent());
    }
    let mut waiting = client.asked().register();
    let text = request_text(method, params, Some(&waiting.id.into()))
        .map_err(|error| Error::new(ErrorKind::Encode, error.to_string()))?;
    let text = within(text, method, client.max_message_size())?;
    if !client.outbox().push(Text::Own(text)) {
        return Err(closed(client, format!("`{method}` was not sent: connection {id} is closed")).unsent());
    }
    let mut given_up = GivenUp(Some((client, waiting.id)));
    let answer = waiting.answer().await;
    given_up.0 = None;
    let unanswered = || format!("connection {id} closed before `{method}` was answered; the call may have run");
    Ok(answer.ok_or_else(|| closed(client, unanswered()))??)
}

/// A call that was sent. Dropped before its end, it is cancelled at the client.
struct GivenUp<'a>(Option<(&'a Connection, u64)>);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let Some((client, id)) = self.0 else { return };
        let params = serde_json::json!({ "id": id });
        let text = request_text("rpc.cancel", Some(&params), None).expect("a number in an object is JSON");
        client.outbox().push(Text::Own(text));
    }
}

/// The error of a call that the end of the connection leaves without an answer, with how it ended as far as is known.
fn closed(client: &Connection, message: String) -> Error {
    let error = Error::new(ErrorKind::Closed, message);
    match client.outbox().closing() {
        Some(close) => error.with_close(close),
        None => error,
    }
}

impl Answer {
    fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.result.get()).map_err(|error| {
            let message = format!("the answer to `{}` is of another type: {error}", self.method);
            Error::new(ErrorKind::Decode, message).with_source(error)
        })
    }
}
