//! An event as a stream.

use std::{
    collections::VecDeque,
    fmt,
    future::ready,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::{Stream, task::AtomicWaker};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{
    Client,
    handler::entry,
    handlers::{Given, Kind, Subscription},
};
use crate::{
    context::Call,
    error::{Error, ErrorKind, Result},
    events::NoPayload,
    method::Running,
    registry::Registered,
    schema::{self, Arguments},
};

/// The events of a name, or of several, as they come: what [`Client::events`] returns.
///
/// It keeps the connection open, as a clone of the client does, and ends with it.
///
/// Events wait in it, up to 1 MiB of them, for whoever reads it; it never holds up the connection. When more would
/// wait, the oldest are dropped, and the next item is an error of kind [`Lagged`](ErrorKind::Lagged) that says how
/// many. A payload that is no `T` is an error of kind [`Decode`](ErrorKind::Decode) that says where it is none.
/// The stream goes on after either.
#[must_use = "events are read from the stream"]
pub struct Events<T> {
    queue: Arc<Queue>,
    subscription: Subscription,
    /// The schema of `T`, compiled.
    arguments: Arguments,
    payload: PhantomData<fn() -> T>,
    _client: Client,
}

impl<T: DeserializeOwned + JsonSchema> Events<T> {
    #[track_caller]
    pub(super) fn new(client: Client, events: Vec<String>) -> Self {
        let schema = schema::of_payload::<T>();
        let arguments = Arguments::compile_payload(&schema)
            .unwrap_or_else(|why| panic!("the schema of `{}` is none: {why}", std::any::type_name::<T>()));
        let queue = Arc::new(Queue::default());
        let handler = feed(Feed(Arc::clone(&queue)));
        let subscription = client.link.handlers().add(Given { events, kind: Kind::Feed, handler });
        Self { queue, subscription, arguments, payload: PhantomData, _client: client }
    }

    /// How many bytes of events may wait to be read; 1 MiB by default. A larger event waits alone.
    pub fn max_queue_bytes(self, bytes: usize) -> Self {
        self.queue.lock().limit = bytes;
        self
    }
}

impl<T> Drop for Events<T> {
    fn drop(&mut self) {
        self.subscription.take_away();
    }
}

impl<T: DeserializeOwned + JsonSchema> Stream for Events<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.waker.register(cx.waker());
        let next = self.queue.lock().next();
        match next {
            Next::Event(event) => Poll::Ready(Some(event.read(&self.arguments))),
            Next::Missed(count) => Poll::Ready(Some(Err(lagged(count)))),
            Next::Nothing => Poll::Pending,
            Next::End => Poll::Ready(None),
        }
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.queue.lock();
        f.debug_struct("Events").field("waiting", &state.waiting.len()).field("bytes", &state.bytes).finish()
    }
}

/// The entry of the table that fills a stream. It takes every payload: what does not fit is for the reader to see.
fn feed(feed: Feed) -> Arc<Registered> {
    let start = move |_: &Arguments, params: Option<&str>, call: Call| {
        feed.0.push(Event { name: call.method().into(), params: params.map(Box::from) });
        Ok(Box::pin(ready(Ok("null".into()))) as Running)
    };
    entry::<NoPayload, ()>(Vec::new, start)
}

/// The table's end of a stream. When it is dropped, nothing more comes.
struct Feed(Arc<Queue>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.waker.wake();
    }
}

/// Events between the connection's reader and the stream's.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    waker: AtomicWaker,
}

struct State {
    waiting: VecDeque<Event>,
    bytes: usize,
    limit: usize,
    /// Events that were dropped and that the reader does not know of.
    missed: u64,
    ended: bool,
}

/// What the reader gets.
enum Next {
    Event(Event),
    Missed(u64),
    Nothing,
    End,
}

struct Event {
    name: Box<str>,
    params: Option<Box<str>>,
}

impl Event {
    /// The memory that it holds.
    fn size(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.params.as_ref().map_or(0, |params| params.len())
    }

    fn read<T: DeserializeOwned>(&self, arguments: &Arguments) -> Result<T> {
        arguments.read(&self.name, self.params.as_deref()).map_err(|error| {
            let (event, wanted) = (&self.name, std::any::type_name::<T>());
            let message = format!("the payload of event `{event}` is no `{wanted}`: {error}");
            Error::new(ErrorKind::Decode, message)
        })
    }
}

impl Queue {
    fn push(&self, event: Event) {
        self.lock().push(event);
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, limit: 1 << 20, missed: 0, ended: false }
    }
}

impl State {
    fn push(&mut self, event: Event) {
        let size = event.size();
        while self.bytes.saturating_add(size) > self.limit
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.bytes -= oldest.size();
            self.missed += 1;
        }
        self.bytes += size;
        self.waiting.push_back(event);
    }

    fn next(&mut self) -> Next {
        if self.missed > 0 {
            return Next::Missed(std::mem::take(&mut self.missed));
        }
        match self.waiting.pop_front() {
            Some(event) => {
                self.bytes -= event.size();
                Next::Event(event)
            }
            None if self.ended => Next::End,
            None => Next::Nothing,
        }
    }
}

fn lagged(count: u64) -> Error {
    let message = format!("{count} events were dropped: the stream is read more slowly than they come");
    Error::new(ErrorKind::Lagged, message)
}
