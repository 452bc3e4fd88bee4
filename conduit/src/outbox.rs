//! What waits to be sent to one peer: a queue bounded in bytes.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use crate::{
    close::{CloseCode, Disconnected},
    config::SlowClients,
};

/// Filled by whoever has something for the peer, emptied by the task that owns the socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    /// How much is waiting, as it was when the queue was let go of last.
    bytes: AtomicUsize,
    /// Whether nothing is taken any more.
    sealed: AtomicBool,
    waker: AtomicWaker,
    limit: usize,
    policy: SlowClients,
}

/// A text on its way out.
#[derive(Debug)]
pub(crate) enum Text {
    /// For this peer alone.
    Own(String),
    /// An event: the same bytes for many peers, written once; they are UTF-8.
    Shared(Bytes),
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) enum Message {
    Text(Text),
    Binary(Bytes),
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl Message {
    /// The text whose buffer is far larger than it is, if it is one: a large text grew its buffer by doubling it, and may
    /// wait for long.
    fn spacious(&mut self) -> Option<&mut String> {
        const SPARE: usize = 4096;
        match self {
            Self::Text(Text::Own(text)) if text.capacity() - text.len() > SPARE => Some(text),
            _ => None,
        }
    }

    fn is_event(&self) -> bool {
        matches!(self, Self::Text(Text::Shared(_)))
    }

    /// What it counts for: an empty one takes room too.
    fn size(&self) -> usize {
        let content = match self {
            Self::Text(text) => text.size(),
            Self::Binary(bytes) => bytes.len(),
        };
        size_of::<Self>() + content
    }
}

impl Text {
    /// The memory that it holds.
    fn size(&self) -> usize {
        match self {
            Self::Own(text) => text.capacity(),
            Self::Shared(text) => text.len(),
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    /// How many of the bytes are events.
    events: usize,
    /// Events that were dropped.
    dropped: u64,
    /// Sent after what is queued.
    close: Option<Disconnected>,
    /// Whether that is because the peer reads too slowly.
    slow: bool,
    /// Whether the task that owns the socket will look into the queue again before it sleeps.
    attended: bool,
}

impl Outbox {
    /// A queue of at most `limit` bytes of messages.
    pub(crate) fn new(limit: usize, policy: SlowClients) -> Self {
        Self {
            queue: Mutex::default(),
            bytes: AtomicUsize::new(0),
            sealed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            limit,
            policy,
        }
    }

    /// Queues a message. Says whether it was taken: a connection that is closing takes no more.
    ///
    /// A peer whose queue runs over is disconnected, and what it had not read is dropped, unless the policy is to drop
    /// events alone: bounding messages instead of bytes lets one client that never reads fill the memory.
    pub(crate) fn push(&self, message: impl Into<Message>) -> bool {
        let mut message = message.into();
        if let Some(text) = message.spacious() {
            // Not for a message that nobody takes, and not under the lock.
            if self.is_sealed() {
                return false;
            }
            text.shrink_to_fit();
        }
        let mut queue = self.lock();
        if self.is_sealed() {
            return false;
        }
        let mut taken = true;
        // An empty queue takes a message of any size, or an answer over the limit could never be sent.
        if queue.bytes > 0 && queue.bytes + message.size() > self.limit && !self.make_room(&mut queue, message.size()) {
            taken = false;
            if self.policy == SlowClients::DropOldestEvents && message.is_event() {
                queue.dropped += 1;
            } else {
                queue.overflow(message.size(), self.limit);
                self.sealed.store(true, Ordering::Release);
            }
        } else {
            queue.push(message);
        }
        let is_seen = queue.attended && queue.close.is_none();
        self.release(queue);
        if !is_seen {
            self.waker.wake();
        }
        taken
    }

    /// Drops the oldest events until there is room for so many bytes, if the policy is to; says whether there is.
    fn make_room(&self, queue: &mut Queue, wanted: usize) -> bool {
        let keep = self.limit.saturating_sub(wanted);
        if self.policy != SlowClients::DropOldestEvents || queue.bytes - queue.events > keep {
            return false;
        }
        // More than is needed, so that not every event of a flood looks through the queue.
        queue.drop_events_down_to(keep - keep / 8);
        true
    }

    /// Closes the connection once what is queued has been sent: what is queued until the connection's task sees to
    /// it, the answer of the very method that closes among it. The first reason given stays.
    pub(crate) fn close(&self, close: Disconnected) {
        self.lock().close.get_or_insert(close);
        self.waker.wake();
    }

    /// [Closes](Self::close) the connection because the peer reads too slowly.
    pub(crate) fn close_slow(&self, reason: String) {
        self.lock().close_slow(reason);
        self.waker.wake();
    }

    /// Whether the connection closes because the peer reads too slowly: this side says so, and not the peer.
    pub(crate) fn is_slow(&self) -> bool {
        self.lock().slow
    }

    /// Lets go of what is queued: there is nobody to read it.
    pub(crate) fn clear(&self) {
        let mut queue = self.lock();
        let messages = std::mem::take(&mut queue.messages);
        (queue.bytes, queue.events) = (0, 0);
        self.release(queue);
        drop(messages);
    }

    /// Takes nothing any more.
    pub(crate) fn seal(&self) {
        let queue = self.lock();
        self.sealed.store(true, Ordering::Release);
        drop(queue);
    }

    pub(crate) fn closing(&self) -> Option<Disconnected> {
        self.lock().close.clone()
    }

    /// Whether a message may still reach the peer: nothing closes, or has closed, the connection.
    pub(crate) fn is_open(&self) -> bool {
        let queue = self.lock();
        !self.is_sealed() && queue.close.is_none()
    }

    /// Says that the task which owns the socket is at work: until it [rests](Self::rest), what is queued need not wake it.
    pub(crate) fn attend(&self) {
        self.lock().attended = true;
    }

    /// Says that the task sleeps. False, and it is not said, when something waits that was queued since it looked.
    pub(crate) fn rest(&self, is_blocked: bool) -> bool {
        let mut queue = self.lock();
        queue.attended &= !is_blocked && !queue.messages.is_empty();
        !queue.attended
    }

    /// Hands the oldest messages over until `take` has enough; says how many.
    pub(crate) fn drain(&self, mut take: impl FnMut(Message) -> ControlFlow<()>) -> u64 {
        let (mut queue, mut count) = (self.lock(), 0);
        while let Some(message) = queue.pop() {
            count += 1;
            if take(message).is_break() {
                break;
            }
        }
        self.release(queue);
        count
    }

    /// Whether nothing waits and more would be taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.bytes() == 0 && !self.is_sealed()
    }

    fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// How many events were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// How much is waiting.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether so much is waiting that the peer should get rid of that before it may ask for more.
    pub(crate) fn is_filling(&self) -> bool {
        self.bytes() > self.limit / 2
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    fn release(&self, queue: MutexGuard<'_, Queue>) {
        self.bytes.store(queue.bytes, Ordering::Relaxed);
        drop(queue);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, message: Message) {
        self.count(&message, usize::wrapping_add);
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.count(&message, usize::wrapping_sub);
        Some(message)
    }

    fn count(&mut self, message: &Message, change: fn(usize, usize) -> usize) {
        self.bytes = change(self.bytes, message.size());
        if message.is_event() {
            self.events = change(self.events, message.size());
        }
    }

    fn drop_events_down_to(&mut self, bytes: usize) {
        let mut excess = self.bytes.saturating_sub(bytes);
        let mut messages = std::mem::take(&mut self.messages);
        messages.retain(|message| {
            let drops = excess > 0 && message.is_event();
            if drops {
                excess = excess.saturating_sub(message.size());
                self.count(message, usize::wrapping_sub);
                self.dropped += 1;
            }
            !drops
        });
        self.messages = messages;
    }

    /// Lets everything go, and has the connection closed.
    fn overflow(&mut self, wanted: usize, limit: usize) {
        let reason = format!("reads too slowly: {} bytes are waiting, {limit} may", self.bytes + wanted);
        self.close_slow(reason);
        let Self { close, slow, dropped, attended, .. } = std::mem::take(self);
        *self = Self { close, slow, dropped, attended, ..Self::default() };
    }

    fn close_slow(&mut self, reason: String) {
        if self.close.is_none() {
            self.close = Some(Disconnected::new(CloseCode::SLOW_CLIENT, reason));
            self.slow = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Wake};

    use super::*;

    /// What each message counts for beside its bytes.
    const EACH: usize = size_of::<Message>();

    fn text(text: &str) -> Text {
        Text::Own(text.into())
    }

    /// How often a task was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What waits, events by their first byte.
    fn waiting(outbox: &Outbox) -> Vec<String> {
        let mut waiting = Vec::new();
        outbox.drain(|message| {
            waiting.push(match message {
                Message::Text(Text::Own(text)) => text,
                Message::Text(Text::Shared(event)) | Message::Binary(event) => event[0].to_string(),
            });
            ControlFlow::Continue(())
        });
        waiting
    }

    #[test]
    fn texts_leave_in_the_order_in_which_they_came() {
        let outbox = Outbox::new(3 * EACH, SlowClients::Disconnect);
        assert!(outbox.push(text("a")) && outbox.push(text("b")));
        assert_eq!(outbox.drain(|_| ControlFlow::Break(())), 1);
        assert_eq!(waiting(&outbox), ["b"]);
        assert_eq!((outbox.bytes(), outbox.is_empty()), (0, true));
    }

    #[test]
    fn a_task_at_work_is_not_woken_and_does_not_rest_while_something_waits() {
        let outbox = Outbox::new(1000, SlowClients::Disconnect);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        outbox.register(&waker);
        outbox.attend();
        outbox.push(text("a"));
        assert!(!outbox.rest(false), "it has to look again");
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        assert!(outbox.rest(true), "there is nothing that it can do");
        outbox.push(text("b"));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        outbox.register(&waker);
        outbox.attend();
        outbox.push(text(&"c".repeat(2000)));
        assert_eq!(woken.0.load(Ordering::Relaxed), 2, "it must close");
        assert!(outbox.rest(false));
    }

    #[test]
    fn a_queue_that_runs_over_closes_the_connection_and_lets_go_of_the_memory() {
        let outbox = Outbox::new(EACH + 10, SlowClients::Disconnect);
        assert!(outbox.push(text("12345678")));
        assert!(!outbox.push(text("9012345")));
        assert_eq!(outbox.closing().unwrap().code, CloseCode::SLOW_CLIENT);
        assert!(outbox.is_empty());
        assert!(!outbox.push(text("x")), "nothing more is taken");
    }

    #[test]
    fn empty_messages_take_room_too() {
        for empty in [|| Message::from(text("")), || Message::Binary(Bytes::new())] {
            let outbox = Outbox::new(10 * EACH, SlowClients::Disconnect);
            assert!((0..10).all(|_| outbox.push(empty())));
            assert!(!outbox.push(empty()));
            assert_eq!(outbox.closing().unwrap().code, CloseCode::SLOW_CLIENT);
        }
    }

    #[test]
    fn an_answer_over_the_limit_can_be_sent_alone() {
        let outbox = Outbox::new(10, SlowClients::Disconnect);
        assert!(outbox.push(text("12345678901234567890")));
        assert_eq!(outbox.closing(), None);
    }

    #[test]
    fn the_oldest_events_make_room_and_answers_stay() {
        let outbox = Outbox::new(6 * EACH + 100, SlowClients::DropOldestEvents);
        let event = |n: u8| Text::Shared(Bytes::from(vec![n; 20]));
        assert!(outbox.push(text("answer 1")));
        assert!((1..=20).all(|n| outbox.push(event(n))), "each is taken");
        assert!(outbox.push(text("answer 2")));
        let left = waiting(&outbox);
        assert_eq!(left.first().map(String::as_str), Some("answer 1"));
        assert_eq!(left.last().map(String::as_str), Some("answer 2"));
        let events: Vec<u64> = left.iter().filter_map(|text| text.parse().ok()).collect();
        assert!(events.is_sorted() && events.last() == Some(&20), "{events:?}");
        assert_eq!(outbox.dropped() + events.len() as u64, 20);
        assert_eq!(outbox.closing(), None);
    }

    #[test]
    fn a_queue_full_of_answers_takes_no_event_and_an_answer_more_closes_it() {
        let outbox = Outbox::new(EACH + 10, SlowClients::DropOldestEvents);
        assert!(outbox.push(text("12345678")));
        assert!(!outbox.push(Text::Shared(Bytes::from_static(b"12345678"))));
        assert_eq!((outbox.dropped(), outbox.closing()), (1, None));
        assert!(!outbox.push(text("12345678")));
        assert_eq!(outbox.closing().unwrap().code, CloseCode::SLOW_CLIENT);
    }

    #[test]
    fn the_first_reason_to_close_stays() {
        let outbox = Outbox::new(10, SlowClients::Disconnect);
        outbox.close(Disconnected::new(CloseCode::GOING_AWAY, "bye"));
        outbox.close(Disconnected::new(CloseCode::NORMAL, "again"));
        assert_eq!(outbox.closing().unwrap().code, CloseCode::GOING_AWAY);
    }
}
