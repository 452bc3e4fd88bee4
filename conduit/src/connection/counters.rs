//! What has passed over a connection.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Connection;

impl Connection {
    /// What has passed over the connection so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Traffic { messages_in, messages_out, bytes_in, bytes_out } = &self.0.counters;
        Counters {
            messages_in: of(messages_in),
            messages_out: of(messages_out),
            bytes_in: of(bytes_in),
            bytes_out: of(bytes_out),
            events_dropped: self.0.outbox.dropped(),
        }
    }

    pub(crate) fn count_message_in(&self) {
        // The session alone counts.
        let count = &self.0.counters.messages_in;
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn count_messages_out(&self, more: u64) {
        let count = &self.0.counters.messages_out;
        count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    pub(crate) fn set_traffic(&self, (bytes_in, bytes_out): (u64, u64)) {
        self.0.counters.bytes_in.store(bytes_in, Ordering::Relaxed);
        self.0.counters.bytes_out.store(bytes_out, Ordering::Relaxed);
    }
}

/// What has passed over a connection: messages of JSON-RPC, and bytes of the socket with frames, pings and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that the peer sent.
    pub messages_in: u64,
    /// Messages that the peer was sent.
    pub messages_out: u64,
    /// Bytes that the peer sent.
    pub bytes_in: u64,
    /// Bytes that the peer was sent.
    pub bytes_out: u64,
    /// Events that were dropped because the peer read too slowly; see [`SlowClients`](crate::SlowClients).
    pub events_dropped: u64,
}

#[derive(Default)]
pub(super) struct Traffic {
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}
