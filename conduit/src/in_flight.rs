//! The calls that run on a connection: how many there may be and how much they may hold, cancelling them, waiting for them to end.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use crate::{
    context::Call,
    order::{Lines, Turn},
    protocol::{ErrorCode, ErrorObject, Id},
};

/// The calls of one connection that did not end at their first poll.
///
/// A call that is ready at once never gets in here: it costs one look at the count and no more.
#[derive(Debug)]
pub(crate) struct InFlight {
    limit: usize,
    /// How many bytes of params they may hold together.
    max_bytes: usize,
    bytes: AtomicUsize,
    closed: AtomicBool,
    next: AtomicU64,
    /// Held for an insert, a removal or a search, never across an await. Ids of calls need not be distinct:
    /// some clients use one twice, so the key is our own.
    calls: Mutex<HashMap<u64, Call>>,
    /// How many they are: asked at every call.
    count: AtomicUsize,
    lines: Lines,
}

/// The place of one running call; dropping it ends the call's time in the table.
#[derive(Debug)]
pub(crate) struct Slot {
    table: Arc<InFlight>,
    key: u64,
    /// The size of its params.
    bytes: usize,
}

impl InFlight {
    /// A table of at most `limit` calls, which hold at most `max_bytes` of params together.
    pub(crate) fn new(limit: usize, max_bytes: usize) -> Self {
        Self {
            limit,
            max_bytes,
            bytes: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            next: AtomicU64::new(0),
            calls: Mutex::default(),
            count: AtomicUsize::new(0),
            lines: Lines::default(),
        }
    }

    /// Says why a further call, with so many bytes of params, may not start, if it may not.
    pub(crate) fn admit(&self, bytes: usize) -> Result<(), ErrorObject> {
        if self.is_closed() {
            let error = ErrorObject::with_code(ErrorCode::ShuttingDown, "the server is shutting down");
            return Err(error.with_data(&serde_json::json!({ "closing": true })));
        }
        if self.len() >= self.limit {
            let message = format!("too many calls: this connection has {} in flight, the most it may have", self.limit);
            return Err(ErrorObject::with_code(ErrorCode::TooManyCalls, message));
        }
        let held = self.bytes.load(Ordering::Relaxed);
        // Alone, a call may have params of any size that a message can have.
        if held > 0 && held.saturating_add(bytes) > self.max_bytes {
            let message = format!(
                "too many bytes in calls: those in flight hold {held} bytes of params, and with the {bytes} of this one \
                 it would be over {}; call again when some are answered",
                self.max_bytes
            );
            return Err(ErrorObject::with_code(ErrorCode::TooManyCalls, message));
        }
        Ok(())
    }

    /// Says when the next call of an ordered name may start.
    pub(crate) fn line_up(&self, name: &'static str) -> Turn {
        self.lines.join(name)
    }

    /// Takes a call in that goes on past its first poll, with so many bytes of params.
    pub(crate) fn enter(self: &Arc<Self>, call: Call, bytes: usize) -> Slot {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(key, call);
        Slot { table: Arc::clone(self), key, bytes }
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Cancels the calls with this id; says whether there was one.
    pub(crate) fn cancel(&self, id: &Id) -> bool {
        let calls = self.lock();
        let mut found = calls.values().filter(|call| call.id() == Some(id)).peekable();
        let any = found.peek().is_some();
        found.for_each(Call::cancel);
        any
    }

    /// Cancels every call: the peer is gone.
    pub(crate) fn cancel_all(&self) {
        self.lock().values().for_each(Call::cancel);
    }

    /// Admits no further call.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Call>> {
        // No code that can panic runs under the lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let call = self.table.lock().remove(&self.key);
        self.table.count.fetch_sub(1, Ordering::Relaxed);
        self.table.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        // Dropped outside the lock: it may hold the last handle of a connection.
        drop(call);
    }
}
