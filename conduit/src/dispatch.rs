//! One message in, zero or one reply out. Knows no socket.
//!
//! A call takes this way: [`Dispatcher::dispatch`] parses the text, [`Dispatcher::start`] finds the method,
//! asks whether the peer may call it, has the arguments read and validated, and makes the call's future. The
//! future is polled once where it stands. Most are ready then and their answer goes out with the next write;
//! the others come back as [`Pending`], which the caller of `dispatch` runs beside its reads.

use std::{
    any::Any,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{
    context::{Call, Lend},
    in_flight::{InFlight, Place},
    method::{MethodMeta, Running},
    protocol::{ErrorCode, ErrorObject, Id, Incoming, Invalid, Message, Request, batch_text, error_text, parse},
    registry::Registry,
};

/// What dispatch must know of whoever sent a message.
pub(crate) trait Peer: Lend {
    /// Its running calls.
    fn in_flight(&self) -> &Arc<InFlight>;

    /// Says why it may not call this method, if it may not.
    fn may_call(&self, method: &MethodMeta) -> Result<(), ErrorObject>;
}

/// Runs messages against a table of methods.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pub(crate) registry: Registry,
    pub(crate) max_batch: usize,
    /// The limit of calls whose method names none.
    pub(crate) call_timeout: Option<Duration>,
}

/// What comes of a message.
pub(crate) enum Reply {
    /// Nothing to send: a notification, or a batch of them.
    None,
    /// The text of the answer.
    Ready(String),
    /// An answer that takes time.
    Pending(Pending),
}

/// Calls that were not ready at their first poll, with the answers of a batch that are there already.
pub(crate) enum Pending {
    One(PendingCall),
    Batch(Vec<Entry>),
}

/// One entry of a batch.
pub(crate) enum Entry {
    Ended(Option<String>),
    Running(PendingCall),
}

/// A call that goes on.
pub(crate) struct PendingCall {
    running: Running,
    call: Call,
    deadline: Option<Instant>,
    place: Place,
}

impl Dispatcher {
    /// Takes one text of a peer.
    pub(crate) fn dispatch<P: Peer + 'static>(&self, text: &str, peer: &Arc<P>) -> Reply {
        match parse(text) {
            Incoming::Single(message) => match self.message(message, peer) {
                Entry::Ended(None) => Reply::None,
                Entry::Ended(Some(text)) => Reply::Ready(text),
                Entry::Running(call) => Reply::Pending(Pending::One(call)),
            },
            Incoming::Batch(messages) => self.batch(messages, peer),
        }
    }

    /// "The Server MAY process a batch rpc call as a set of concurrent tasks" (JSON-RPC 2.0, 6): every entry
    /// is polled once here, and those that take time go on side by side. Answers keep the order of the calls.
    fn batch<P: Peer + 'static>(&self, messages: Vec<Result<Message<'_>, Invalid>>, peer: &Arc<P>) -> Reply {
        if messages.len() > self.max_batch {
            let message =
                format!("invalid request: a batch of {} is over the limit of {}", messages.len(), self.max_batch);
            return Reply::Ready(error_text(&Id::NULL, &ErrorObject::with_code(ErrorCode::InvalidRequest, message)));
        }
        let entries: Vec<Entry> = messages.into_iter().map(|message| self.message(message, peer)).collect();
        if entries.iter().any(|entry| matches!(entry, Entry::Running(_))) {
            return Reply::Pending(Pending::Batch(entries));
        }
        match batch_text(entries.into_iter().filter_map(Entry::into_ended)) {
            Some(text) => Reply::Ready(text),
            None => Reply::None,
        }
    }

    fn message<P: Peer + 'static>(&self, message: Result<Message<'_>, Invalid>, peer: &Arc<P>) -> Entry {
        match message {
            Ok(Message::Request(request)) => self.request(request, peer),
            Ok(Message::Response(response)) => {
                tracing::debug!(id = %response.id, "response to no call of this server, ignored");
                Entry::Ended(None)
            }
            Err(Invalid { id, error }) => Entry::Ended(Some(error_text(&id, &error))),
        }
    }

    fn request<P: Peer + 'static>(&self, request: Request<'_>, peer: &Arc<P>) -> Entry {
        let id = request.id.clone();
        let (mut running, call, deadline) = match self.start(request, peer) {
            Ok(started) => started,
            Err(error) => return Entry::Ended(answer(id.as_ref(), Err(error))),
        };
        // The waker is nobody's: a future that is not ready is polled again at once by whoever runs it.
        match poll_caught(&mut running, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Entry::Ended(answer(call.id(), logged(&call, result))),
            Poll::Pending => {
                let place = peer.in_flight().enter(call.clone());
                Entry::Running(PendingCall { running, call, deadline, place })
            }
        }
    }

    /// Makes a call's future, or says why there is none. No code of the method has run when it returns.
    fn start<P: Peer + 'static>(
        &self,
        request: Request<'_>,
        peer: &Arc<P>,
    ) -> Result<(Running, Call, Option<Instant>), ErrorObject> {
        let method = self.registry.find(&request.method)?;
        let meta = method.descriptor.meta;
        peer.may_call(meta)?;
        if !method.is_control() {
            peer.in_flight().admit()?;
        }
        let deadline = meta.timeout.or(self.call_timeout).map(|limit| Instant::now() + limit);
        let lender: Arc<dyn Lend> = Arc::<P>::clone(peer);
        let call = Call::new(request.id, meta.name, deadline.map(Instant::into_std), lender);
        let running = (method.descriptor.start)(&method.arguments, request.params, call.clone())?;
        Ok((running, call, deadline))
    }
}

impl Entry {
    fn into_ended(self) -> Option<String> {
        match self {
            Self::Ended(text) => text,
            Self::Running(_) => None,
        }
    }

    async fn finish(self) -> Option<String> {
        match self {
            Self::Ended(text) => text,
            Self::Running(call) => call.finish().await,
        }
    }
}

impl Pending {
    /// Runs to the end and gives the text to send, if there is one to send.
    pub(crate) async fn finish(self) -> Option<String> {
        match self {
            Self::One(call) => call.finish().await,
            Self::Batch(entries) => {
                batch_text(join_all(entries.into_iter().map(Entry::finish)).await.into_iter().flatten())
            }
        }
    }
}

impl PendingCall {
    async fn finish(self) -> Option<String> {
        let Self { mut running, call, deadline, place } = self;
        let cancellation = call.cancellation();
        let result = tokio::select! {
            result = poll_fn(|cx| poll_caught(&mut running, cx)) => result,
            () = cancellation.cancelled() => Err(ErrorObject::with_code(ErrorCode::Cancelled, "the call was cancelled")),
            error = out_of_time(&call, deadline) => Err(error),
        };
        // Whatever the method still holds goes before the answer does, and the place in the table before both.
        drop((running, place));
        answer(call.id(), logged(&call, result))
    }
}

/// Waits for the deadline, cancels the call and says so. Never ends for a call without one.
async fn out_of_time(call: &Call, deadline: Option<Instant>) -> ErrorObject {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
    call.cancel();
    ErrorObject::with_code(ErrorCode::Timeout, format!("`{}` took longer than it may", call.method()))
}

/// Polls a call. A panic in it is an internal error of that call alone.
fn poll_caught(running: &mut Running, cx: &mut Context<'_>) -> Poll<Result<String, ErrorObject>> {
    let poll = AssertUnwindSafe(|| Pin::new(&mut *running).poll(cx));
    std::panic::catch_unwind(poll).unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
}

fn panicked(panic: &(dyn Any + Send)) -> ErrorObject {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ErrorObject::internal(format_args!("panicked: {}", message.unwrap_or("with a value that is no text")))
}

/// Writes what the caller must not learn to the log.
fn logged(call: &Call, result: Result<String, ErrorObject>) -> Result<String, ErrorObject> {
    if let Err(error) = &result
        && let Some(detail) = error.detail()
    {
        let (method, id) = (call.method(), call.id().map(tracing::field::display));
        tracing::error!(method, id, "internal error: {detail}");
    }
    result
}

/// The text to send; none for a notification: "the Server MUST NOT reply to a Notification, including those
/// that are within a batch request." (JSON-RPC 2.0, 4.1)
fn answer(id: Option<&Id>, result: Result<String, ErrorObject>) -> Option<String> {
    match (id, result) {
        (Some(_), Ok(text)) => Some(text),
        (Some(id), Err(error)) => Some(error_text(id, &error)),
        (None, Ok(_)) => None,
        (None, Err(error)) => {
            tracing::debug!(%error, "a notification failed");
            None
        }
    }
}
