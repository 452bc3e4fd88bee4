//! What waits to be sent to one peer: a queue bounded in bytes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use crate::close::{Close, CloseCode};

/// Filled by whoever has something for the peer, emptied by the task that owns the socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    limit: usize,
}

/// A text on its way out.
#[derive(Debug)]
pub(crate) enum Text {
    /// For this peer alone.
    Own(String),
    /// The same bytes for many peers, written once; they are UTF-8.
    Shared(Bytes),
}

impl Text {
    /// A large text grew its buffer by doubling it, and may wait for long.
    fn without_spare_room(self) -> Self {
        const SPARE: usize = 4096;
        match self {
            Self::Own(mut text) if text.capacity() - text.len() > SPARE => {
                text.shrink_to_fit();
                Self::Own(text)
            }
            text => text,
        }
    }

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
    texts: VecDeque<Text>,
    bytes: usize,
    /// Sent after what is queued.
    close: Option<Close>,
    /// Whether nothing is taken any more.
    sealed: bool,
}

impl Outbox {
    /// A queue of at most `limit` bytes of text.
    pub(crate) fn new(limit: usize) -> Self {
        Self { queue: Mutex::default(), waker: AtomicWaker::new(), limit }
    }

    /// Queues a text. Says whether it was taken: a connection that is closing takes no more.
    ///
    /// A peer whose queue runs over is disconnected, and what it had not read is dropped: bounding messages
    /// instead of bytes lets one client that never reads fill the memory.
    pub(crate) fn push(&self, text: Text) -> bool {
        let text = text.without_spare_room();
        let mut queue = self.lock();
        if queue.sealed {
            return false;
        }
        // An empty queue takes a text of any size, or an answer over the limit could never be sent.
        if queue.bytes > 0 && queue.bytes + text.size() > self.limit {
            let reason =
                format!("reads too slowly: {} bytes are waiting, {} may", queue.bytes + text.size(), self.limit);
            let close = queue.close.take().unwrap_or_else(|| Close::new(CloseCode::SLOW_CLIENT, reason));
            *queue = Queue { close: Some(close), sealed: true, ..Queue::default() };
        } else {
            queue.bytes += text.size();
            queue.texts.push_back(text);
        }
        let taken = !queue.sealed;
        drop(queue);
        self.waker.wake();
        taken
    }

    /// Closes the connection once what is queued has been sent: what is queued until the connection's task sees to
    /// it, the answer of the very method that closes among it. The first reason given stays.
    pub(crate) fn close(&self, close: Close) {
        self.lock().close.get_or_insert(close);
        self.waker.wake();
    }

    /// Lets go of what is queued: there is nobody to read it.
    pub(crate) fn clear(&self) {
        let mut queue = self.lock();
        let texts = std::mem::take(&mut queue.texts);
        queue.bytes = 0;
        drop(queue);
        drop(texts);
    }

    /// Takes nothing any more.
    pub(crate) fn seal(&self) {
        self.lock().sealed = true;
    }

    pub(crate) fn closing(&self) -> Option<Close> {
        self.lock().close.clone()
    }

    pub(crate) fn pop(&self) -> Option<Text> {
        let mut queue = self.lock();
        let text = queue.texts.pop_front()?;
        queue.bytes -= text.size();
        Some(text)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().texts.is_empty()
    }

    /// Whether so much is waiting that the peer should get rid of that before it may ask for more.
    pub(crate) fn is_filling(&self) -> bool {
        self.lock().bytes > self.limit / 2
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::Own(text.into())
    }

    #[test]
    fn texts_leave_in_the_order_in_which_they_came() {
        let outbox = Outbox::new(100);
        assert!(outbox.push(text("a")) && outbox.push(text("b")));
        assert!(matches!(outbox.pop(), Some(Text::Own(text)) if text == "a"));
        assert!(matches!(outbox.pop(), Some(Text::Own(text)) if text == "b"));
        assert!(outbox.pop().is_none());
    }

    #[test]
    fn a_queue_that_runs_over_closes_the_connection_and_lets_go_of_the_memory() {
        let outbox = Outbox::new(10);
        assert!(outbox.push(text("12345678")));
        assert!(!outbox.push(text("9012345")));
        assert_eq!(outbox.closing().unwrap().code, CloseCode::SLOW_CLIENT);
        assert!(outbox.is_empty());
        assert!(!outbox.push(text("x")), "nothing more is taken");
    }

    #[test]
    fn an_answer_over_the_limit_can_be_sent_alone() {
        let outbox = Outbox::new(10);
        assert!(outbox.push(text("12345678901234567890")));
        assert_eq!(outbox.closing(), None);
    }

    #[test]
    fn the_first_reason_to_close_stays() {
        let outbox = Outbox::new(10);
        outbox.close(Close::new(CloseCode::GOING_AWAY, "bye"));
        outbox.close(Close::new(CloseCode::NORMAL, "again"));
        assert_eq!(outbox.closing().unwrap().code, CloseCode::GOING_AWAY);
    }
}
