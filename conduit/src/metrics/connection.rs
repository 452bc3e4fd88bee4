//! What is counted of connections.

use std::sync::Arc;

use ::metrics::{Counter, counter};

use super::{CLOSES, Metrics};
use crate::{close::CloseCode, connection::Counters};

/// Codes that are counted by themselves. A peer can close with any of 65536.
const CODES: [(CloseCode, &str); 14] = [
    (CloseCode::NORMAL, "1000"),
    (CloseCode::GOING_AWAY, "1001"),
    (CloseCode::PROTOCOL_ERROR, "1002"),
    (CloseCode::NO_STATUS, "1005"),
    (CloseCode::ABNORMAL, "1006"),
    (CloseCode::INVALID_PAYLOAD, "1007"),
    (CloseCode::POLICY_VIOLATION, "1008"),
    (CloseCode::MESSAGE_TOO_BIG, "1009"),
    (CloseCode::INTERNAL_ERROR, "1011"),
    (CloseCode::TRY_AGAIN_LATER, "1013"),
    (CloseCode::LOGIN_TIMEOUT, "4001"),
    (CloseCode::SLOW_CLIENT, "4002"),
    (CloseCode::REFUSED, "4003"),
    (CloseCode::DEAD, "4004"),
];

/// Connections that ended, by code.
#[derive(Debug)]
pub(super) struct Closes {
    known: [Counter; CODES.len()],
    other: Counter,
}

impl Closes {
    pub(super) fn new() -> Self {
        let of = |code: &'static str| counter!(CLOSES, "code" => code);
        Self { known: CODES.map(|(_, label)| of(label)), other: of("other") }
    }

    fn of(&self, code: CloseCode) -> &Counter {
        let known = CODES.iter().position(|(known, _)| *known == code);
        known.map_or(&self.other, |index| &self.known[index])
    }
}

/// A connection that is open; dropping it is its end.
#[derive(Debug)]
pub(crate) struct Open {
    metrics: Arc<Metrics>,
    code: CloseCode,
    is_slow: bool,
}

impl Open {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let handles = metrics.handles();
        handles.connections.increment(1);
        handles.connections_total.increment(1);
        // What a task that is dropped in the middle leaves behind.
        Self { metrics, code: CloseCode::ABNORMAL, is_slow: false }
    }

    /// Notes what it is going to end with, and whether because its peer read too slowly: the code may be the peer's.
    pub(crate) fn closes_with(&mut self, code: CloseCode, is_slow: bool) {
        self.code = code;
        self.is_slow = is_slow;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let handles = self.metrics.handles();
        handles.connections.decrement(1);
        handles.closes.of(self.code).increment(1);
        if self.is_slow {
            handles.slow_clients.increment(1);
        }
    }
}

/// What was told of a connection's traffic so far. It is told in steps, so that the counters which all connections
/// share are not written for every message.
#[derive(Debug)]
pub(crate) struct Reported {
    metrics: Arc<Metrics>,
    counters: Counters,
    queued: usize,
}

impl Reported {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, counters: Counters::default(), queued: 0 }
    }

    /// Tells what has changed.
    pub(crate) fn report(&mut self, counters: Counters, queued: usize) {
        let (handles, before) = (self.metrics.handles(), self.counters);
        let tell = |counter: &Counter, now: u64, before: u64| {
            if now > before {
                counter.increment(now - before);
            }
        };
        tell(&handles.messages.r#in, counters.messages_in, before.messages_in);
        tell(&handles.messages.out, counters.messages_out, before.messages_out);
        tell(&handles.bytes.r#in, counters.bytes_in, before.bytes_in);
        tell(&handles.bytes.out, counters.bytes_out, before.bytes_out);
        tell(&handles.events_dropped, counters.events_dropped, before.events_dropped);
        self.counters = counters;
        self.set_queued(queued);
    }

    fn set_queued(&mut self, queued: usize) {
        if queued != self.queued {
            // Exact up to 2^53 bytes.
            self.metrics.handles().queue_bytes.increment(queued as f64 - self.queued as f64);
            self.queued = queued;
        }
    }
}

impl Drop for Reported {
    fn drop(&mut self) {
        self.set_queued(0);
    }
}
