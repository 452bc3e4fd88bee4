//! Sockets on which no request runs: of those that are new, half shaken, or kept, there are so many and no more.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

/// The idle sockets of a server, in the order in which they became so.
#[derive(Debug)]
pub(crate) struct IdleSockets {
    limit: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, Arc<Eviction>>,
}

/// How a socket is told to make room.
#[derive(Debug, Default)]
struct Eviction {
    is_due: AtomicBool,
    waker: AtomicWaker,
}

/// An idle socket, until it is dropped.
#[derive(Debug)]
pub(super) struct Idle {
    sockets: Arc<IdleSockets>,
    number: u64,
    eviction: Arc<Eviction>,
}

impl IdleSockets {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, queue: Mutex::default() }
    }

    /// Adds a socket. When there are too many, the one that has been idle for longest makes room: who means to send
    /// something does so at once, so a flood of others keeps nobody out.
    pub(super) fn add(self: &Arc<Self>) -> Idle {
        let eviction = Arc::<Eviction>::default();
        let mut queue = self.lock();
        let oldest = if queue.waiting.len() >= self.limit { queue.waiting.pop_first() } else { None };
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, Arc::clone(&eviction));
        drop(queue);
        if let Some((_, oldest)) = oldest {
            oldest.is_due.store(true, Ordering::Release);
            oldest.waker.wake();
        }
        Idle { sockets: Arc::clone(self), number, eviction }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    /// Ready when the socket is to end.
    pub(super) fn poll_evicted(&self, cx: &Context<'_>) -> Poll<()> {
        self.eviction.waker.register(cx.waker());
        if self.eviction.is_due.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.sockets.lock().waiting.remove(&self.number);
    }
}
