//! One message in, zero or one reply out. Knows no socket.
//!
//! A call takes this way: [`Dispatcher::dispatch`] parses the text, [`Dispatcher::request`] finds the method,
//! asks whether the peer may call it, has the arguments read and validated, and makes the call's future. The
//! future is polled once where it stands. Most are ready then and their answer goes out with the next write;
//! the others come back as [`Pending`], which the caller of `dispatch` runs beside its reads.

use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    context::{Call, Lend},
    in_flight::{InFlight, Slot},
    meant::not_found,
    method::{MethodMeta, Running},
    metrics::{CallMetrics, Metrics},
    order::Turn,
    panics::panicked,
    protocol::{
        BatchText, ErrorCode, ErrorObject, Id, Incoming, Invalid, Limits, Message, Request, Response, error_text,
        parse_within,
    },
    registry::{Registry, Target},
    watch::Watch,
};

/// What dispatch must know of whoever sent a message.
pub(crate) trait Peer: Lend {
    /// Its running calls.
    fn in_flight(&self) -> &Arc<InFlight>;

    /// Says why it may not call this method, or send this event, if it may not.
    fn may_call(&self, method: &MethodMeta, name: &str) -> Result<(), ErrorObject>;

    /// Says why a further call, with so many bytes of params, may not start, if it may not.
    fn admit(&self, bytes: usize) -> Result<(), ErrorObject> {
        self.in_flight().admit(bytes)
    }

    /// An event came to nothing whose sender asked for no answer: the text that tells the sender, if one does.
    fn event_failed(event: &str, error: &ErrorObject) -> Option<String>;
}

/// What more a [`Dispatcher`] must know of it.
pub(crate) trait Sender: Peer {
    /// Whether it may learn that there is this method: it is one that it may call.
    fn may_see(&self, method: &MethodMeta) -> bool;

    /// Says why it may not send so many messages, of so many bytes together, now, if it may not.
    fn may_send(&self, messages: usize, bytes: usize) -> Result<(), ErrorObject>;

    /// Gives a response to the call that waits for it; says whether one does.
    fn settle(&self, response: Response<'_>) -> bool;
}

/// Runs messages against a table of methods.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    /// The size in bytes that an answer may have.
    pub(crate) max_answer: usize,
    /// The limit of calls whose method names none.
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) metrics: Arc<Metrics>,
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
    One(Box<PendingCall>),
    /// The answers that come first, and the entries from the first on that takes time.
    Batch(BatchText, Vec<Entry>),
}

/// What the text says that a message came in.
struct Arrival {
    budget: Budget,
    /// Why no request in it is served, if none is.
    refusal: Option<ErrorObject>,
}

/// How many bytes an answer may have.
#[derive(Clone)]
pub(crate) enum Budget {
    One(usize),
    /// The answers of a batch together: they leave in one message. What is left is here.
    Shared(Arc<AtomicUsize>),
}

impl Budget {
    /// Whether an answer fits; its size is taken off then.
    fn take(&self, bytes: usize) -> bool {
        match self {
            Self::One(budget) => bytes <= *budget,
            Self::Shared(budget) => {
                // With the comma or bracket behind it.
                let left = budget.load(Ordering::Relaxed).checked_sub(bytes + 1);
                // The entries of a batch are polled by one task, so that nothing comes between.
                left.inspect(|left| budget.store(*left, Ordering::Relaxed)).is_some()
            }
        }
    }
}

/// One entry of a batch.
pub(crate) enum Entry {
    Ended(Option<String>),
    Running(Box<PendingCall>),
}

/// A call that goes on.
pub(crate) struct PendingCall {
    running: Running,
    owed: Owed,
    budget: Budget,
    metrics: Arc<CallMetrics>,
    deadline: Option<Instant>,
    slot: Slot,
    turn: Turn,
}

impl Dispatcher {
    /// Takes one text of a peer.
    pub(crate) fn dispatch<P: Sender + 'static>(&self, text: &str, peer: &Arc<P>) -> Reply {
        match parse_within(text, &self.limits) {
            Incoming::Single(message) => {
                let arrival =
                    Arrival { budget: Budget::One(self.max_answer), refusal: peer.may_send(1, text.len()).err() };
                Reply::to_single(self.message(message, peer, &arrival))
            }
            Incoming::Batch(messages) => {
                let refusal = peer.may_send(messages.len(), text.len()).err();
                let budget = Budget::Shared(Arc::new(AtomicUsize::new(self.max_answer)));
                let arrival = Arrival { budget, refusal };
                Reply::to_batch(messages.into_iter().map(|message| self.message(message, peer, &arrival)))
            }
        }
    }

    fn message<P: Sender + 'static>(
        &self,
        message: Result<Message<'_>, Invalid>,
        peer: &Arc<P>,
        arrival: &Arrival,
    ) -> Entry {
        match message {
            Ok(Message::Request(request)) => match &arrival.refusal {
                None => self.request(request, peer, &arrival.budget),
                Some(error) => Entry::Ended(self.refuse::<P>(&request, error)),
            },
            Ok(Message::Response(response)) => {
                if !peer.settle(response) {
                    tracing::debug!("a response to no call that waits, ignored");
                }
                Entry::Ended(None)
            }
            Err(Invalid { id, error }) => {
                self.metrics.invalid_message();
                Entry::Ended(Some(error_text(&id, &error)))
            }
        }
    }

    /// The answer to a request that is not even looked up.
    fn refuse<P: Sender>(&self, request: &Request<'_>, error: &ErrorObject) -> Option<String> {
        self.metrics.rate_limited();
        if request.id.is_none() && self.registry.is_event(&request.method) {
            return P::event_failed(&request.method, error);
        }
        refusal(request.id.as_ref(), error)
    }

    fn request<P: Sender + 'static>(&self, request: Request<'_>, peer: &Arc<P>, budget: &Budget) -> Entry {
        match self.registry.find(&request.method) {
            Some(target) => begin(target, request, peer, self.call_timeout, budget, target.metrics()),
            None => {
                self.metrics.unknown(request.id.is_none());
                let names = self.registry.names(|method| peer.may_see(method));
                Entry::Ended(refusal(request.id.as_ref(), &not_found(&request.method, names)))
            }
        }
    }
}

/// Starts what a request names, and polls it once. `call_timeout` is the limit of what sets itself none; a caller that
/// waits for less sets its own.
pub(crate) fn begin<P: Peer + 'static>(
    target: Target<'_>,
    request: Request<'_>,
    peer: &Arc<P>,
    call_timeout: Option<Duration>,
    budget: &Budget,
    metrics: &Arc<CallMetrics>,
) -> Entry {
    let limits = [target.timeout().or(call_timeout), request.timeout];
    let deadline = limits.into_iter().flatten().min().and_then(|limit| Instant::now().checked_add(limit));
    let lender: Arc<dyn Lend> = Arc::<P>::clone(peer);
    let call = Call::new(request.id, target.name(&request.method), deadline.map(Instant::into_std), lender);
    let watch = Watch::new(&call, metrics);
    let event_failed = target.is_event().then_some(P::event_failed as TellSender);
    let owed = Owed { call, event_failed, watch };
    let entered = owed.watch.span().enter();
    let bytes = size(request.params);
    let mut running = match start(target, request.params, peer, &owed.call) {
        Ok(running) => running,
        Err(error) => return Entry::Ended(owed.answer(Err(error), budget, metrics)),
    };
    let turn = target.line().map_or(Turn::Free, |name| peer.in_flight().line_up(name));
    turn.head().into_iter().for_each(|head| owed.call.lead(head));
    let first = match turn {
        Turn::Waiting(_) => Poll::Pending,
        // The waker is nobody's: a future that is not ready is polled again at once by whoever runs it.
        Turn::Free | Turn::Here(_) => poll_caught(&mut running, &mut Context::from_waker(Waker::noop())),
    };
    match first {
        Poll::Ready(result) => Entry::Ended(owed.answer(result, budget, metrics)),
        Poll::Pending => {
            let slot = peer.in_flight().enter(owed.call.clone(), bytes);
            drop(entered);
            Entry::Running(PendingCall::new(running, owed, budget, metrics, deadline, slot, turn))
        }
    }
}

/// How much a call holds for as long as it runs, to go by its text.
pub(crate) fn size(params: Option<&str>) -> usize {
    params.map_or(0, |params| params.len())
}

/// Makes a call's future, or says why there is none. Of the application's code, what reads arguments runs here.
fn start<P: Peer>(
    target: Target<'_>,
    params: Option<&str>,
    peer: &Arc<P>,
    call: &Call,
) -> Result<Running, ErrorObject> {
    target.metas().try_for_each(|meta| peer.may_call(meta, call.method()))?;
    if !target.is_control() {
        peer.admit(size(params))?;
    }
    let start = AssertUnwindSafe(|| target.start(params, call));
    std::panic::catch_unwind(start).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

impl Reply {
    /// What comes of a message that stood alone.
    pub(crate) fn to_single(entry: Entry) -> Self {
        match entry {
            Entry::Ended(text) => text.map_or(Self::None, Self::Ready),
            Entry::Running(call) => Self::Pending(Pending::One(call)),
        }
    }

    /// "The Server MAY process a batch rpc call as a set of concurrent tasks" (JSON-RPC 2.0, 6): every entry was
    /// polled once, and those that take time go on side by side. Answers keep the order of the calls.
    pub(crate) fn to_batch(mut entries: impl Iterator<Item = Entry>) -> Self {
        let mut text = BatchText::with_room_for(entries.size_hint().0);
        while let Some(entry) = entries.next() {
            match entry {
                Entry::Ended(answer) => answer.into_iter().for_each(|answer| text.push(&answer)),
                Entry::Running(_) => {
                    return Self::Pending(Pending::Batch(text, [entry].into_iter().chain(entries).collect()));
                }
            }
        }
        text.finish().map_or(Self::None, Self::Ready)
    }
}

impl Entry {
    async fn finish(self) -> Option<String> {
        match self {
            Self::Ended(text) => text,
            // Within a batch the next need not wait until the answer is sent: the batch has one text.
            Self::Running(call) => call.finish().await.0,
        }
    }
}

impl Pending {
    /// Runs to the end and gives the text to send, if there is one to send, with the turn that ends when it is sent.
    pub(crate) async fn finish(self) -> (Option<String>, Turn) {
        match self {
            Self::One(call) => call.finish().await,
            Self::Batch(mut text, entries) => {
                let ended = join_all(entries.into_iter().map(Entry::finish)).await;
                ended.into_iter().flatten().for_each(|answer| text.push(&answer));
                (text.finish(), Turn::Free)
            }
        }
    }
}

impl PendingCall {
    /// Out of line, as most calls do without: the way of those is a tenth shorter.
    #[inline(never)]
    fn new(
        running: Running,
        owed: Owed,
        budget: &Budget,
        metrics: &Arc<CallMetrics>,
        deadline: Option<Instant>,
        slot: Slot,
        turn: Turn,
    ) -> Box<Self> {
        Box::new(Self { running, owed, budget: budget.clone(), metrics: Arc::clone(metrics), deadline, slot, turn })
    }

    async fn finish(self) -> (Option<String>, Turn) {
        let span = self.owed.watch.span().clone();
        self.run().instrument(span).await
    }

    async fn run(self) -> (Option<String>, Turn) {
        let Self { mut running, owed, budget, metrics, deadline, slot, mut turn } = self;
        let mut unended = Unended(Some((&owed, &metrics)));
        let cancellation = owed.call.cancellation();
        let result = tokio::select! {
            result = run(&mut running, &mut turn, &owed.call) => result,
            () = cancellation.cancelled() => Err(cancelled()),
            error = out_of_time(&owed.call, deadline) => Err(error),
        };
        // Whatever the method still holds goes before the answer does, and the slot in the table before both.
        drop((running, slot));
        unended.0 = None;
        (owed.answer(result, &budget, &metrics), turn)
    }
}

/// A call that runs. One that is dropped in the middle, with the request that made it, has ended too.
struct Unended<'a>(Option<(&'a Owed, &'a CallMetrics)>);

impl Drop for Unended<'_> {
    fn drop(&mut self) {
        if let Some((owed, metrics)) = self.0 {
            owed.watch.ended(&owed.call, &Err(cancelled()), metrics);
        }
    }
}

/// Runs a call to its end when its turn has come.
async fn run(running: &mut Running, turn: &mut Turn, call: &Call) -> Result<String, ErrorObject> {
    if turn.is_waiting() {
        turn.come().await;
        // When the peer goes, those that wait lose the one before them and are cancelled at the same moment.
        if call.is_cancelled() {
            return Err(cancelled());
        }
        turn.head().into_iter().for_each(|head| call.lead(head));
    }
    poll_fn(|cx| poll_caught(running, cx)).await
}

fn cancelled() -> ErrorObject {
    ErrorObject::with_code(ErrorCode::Cancelled, "the call was cancelled")
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

type TellSender = fn(&str, &ErrorObject) -> Option<String>;

/// A call that must be answered, if its kind is answered at all.
struct Owed {
    call: Call,
    /// Of an event: what its sender is told of a failure.
    event_failed: Option<TellSender>,
    watch: Watch,
}

impl Owed {
    /// The text to send.
    fn answer(&self, result: Result<String, ErrorObject>, budget: &Budget, metrics: &CallMetrics) -> Option<String> {
        let result = match result {
            Ok(text) if self.call.id().is_some() && !budget.take(text.len()) => Err(self.too_large(text.len(), budget)),
            result => result,
        };
        self.watch.ended(&self.call, &result, metrics);
        match (self.call.id(), result, self.event_failed) {
            (Some(_), Ok(text), _) => Some(text),
            (None, Err(error), Some(event_failed)) => event_failed(self.call.method(), &error),
            (None, Ok(_), _) => None,
            (id, Err(error), _) => refusal(id, &error),
        }
    }
}

impl Owed {
    #[cold]
    fn too_large(&self, bytes: usize, budget: &Budget) -> ErrorObject {
        let method = self.call.method();
        let message = match budget {
            Budget::One(budget) => format!(
                "`{method}` has run, and its answer of {bytes} bytes is over the {budget} that a message may have"
            ),
            Budget::Shared(_) => format!(
                "`{method}` has run, and its answer of {bytes} bytes does not fit into one message with the others of \
                 the batch"
            ),
        };
        ErrorObject::with_code(ErrorCode::AnswerTooLarge, message)
    }
}

/// The error as a response; nothing for a notification: "the Server MUST NOT reply to a Notification, including
/// those that are within a batch request." (JSON-RPC 2.0, 4.1)
fn refusal(id: Option<&Id>, error: &ErrorObject) -> Option<String> {
    if id.is_none() {
        // Not the faults of its params, which may be private.
        tracing::debug!(code = error.code(), "a notification failed: {}", error.message());
    }
    Some(error_text(id?, error))
}
