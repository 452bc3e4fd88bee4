//! What a server counts, and under which names.
//!
//! A server counts through the [`metrics`](https://docs.rs/metrics) facade: it counts into the recorder that the
//! program has installed, and into nothing when there is none. Install it before the server starts; one that comes
//! later sees nothing of that server. The [`prometheus`](crate::ServerBuilder::prometheus) setting installs one and
//! serves what it holds. Servers of one program count into the same metrics.
//!
//! | metric | kind | labels | what it says |
//! |---|---|---|---|
//! | `conduit_connections` | gauge | | WebSocket connections that are open, logged in or not |
//! | `conduit_connections_total` | counter | | connections that were made |
//! | `conduit_closes_total` | counter | `code` | connections that ended, by [close code](crate::CloseCode); `other` for codes that conduit has no name for |
//! | `conduit_refusals_total` | counter | `cause` | connections and requests that were not let in, see below |
//! | `conduit_slow_clients_total` | counter | | connections that were closed for reading too slowly |
//! | `conduit_events_dropped_total` | counter | | events that [slow clients](crate::SlowClients) lost |
//! | `conduit_rate_limited_total` | counter | | calls and events that were refused for coming too fast |
//! | `conduit_queue_bytes` | gauge | | bytes that wait to be sent, over all connections |
//! | `conduit_messages_total` | counter | `direction` | messages that came `in` and went `out`; a batch is one |
//! | `conduit_bytes_total` | counter | `direction` | bytes of the sockets, with frames and pings, and of HTTP bodies |
//! | `conduit_invalid_messages_total` | counter | | messages, or entries of a batch, that were no JSON-RPC |
//! | `conduit_calls_total` | counter | `method`, `outcome` | calls that ended |
//! | `conduit_call_duration_seconds` | histogram | `method` | how long they took, from reading the arguments to the answer |
//! | `conduit_events_total` | counter | `event`, `outcome` | events of clients that were handled |
//! | `conduit_event_duration_seconds` | histogram | `event` | how long that took |
//! | `conduit_hook_failures_total` | counter | `hook` | hooks that failed: `startup`, `connect`, `disconnect`, `shutdown`, `login`, and `raw`, the handler of a raw route |
//! | `conduit_panics_total` | counter | | panics of methods, handlers and hooks, each caught |
//!
//! An `outcome` is `ok`; `error`, an error of the method's own; `invalid_params`; `unauthorized`; `forbidden`;
//! `too_many_calls`; `timeout`; `cancelled`; `shutting_down`; `answer_too_large`; `internal`, a fault of the server; or
//! `panic`. A call of a method that there is not counts as `method="unknown"`, `outcome="not_found"`, and a notification of that kind as
//! `event="unknown"`, `outcome="ignored"`. Events that only the `"*"` handler takes are `event="*"`.
//!
//! A refusal's `cause` is `full` (`max_connections`), `strangers_full` (`max_unauthenticated`), `origin`, `handshake` (an
//! upgrade that is no WebSocket's), `bad_token`, `version`, `throttled`, `hook` (`on_client_connect` said no),
//! `not_started` (a startup hook failed) or `shutting_down`.
//!
//! No label holds what a peer wrote, so that no peer can make metrics without end. All counters are there from the
//! start, at 0.
//!
//! # Spans
//!
//! Traces hold the same calls one by one. A connection is a span `connection` with `id` and `peer`. In it, a call or
//! event is a span `call` of target `conduit::call`, level `DEBUG`, with `method`, `id`, and at its end `outcome` (as
//! above), `code` (of the error) and `duration`. What a method logs lies in it. To see these spans and no other of that
//! level, filter with `info,conduit::call=debug`.

// What it costs, measured on the dispatch of one call of `add`, text in, text out, one core, best of 40 rounds: the call
// takes 335 ns. Counting it with no recorder there takes 4.4 ns of them (1.3 %), so it is no feature that one has to
// switch on; with the check whether anybody wants its span, 12.6 ns (3.8 %). A recorder (Prometheus) makes it 1.25 times
// as long, two looks at the clock among that. A subscriber that formats its span makes it 5 to 15 times as long: hence
// the level `DEBUG`, at which nobody pays for it who did not ask.

mod call;
mod connection;
mod outcome;

use std::sync::{Arc, OnceLock};

use ::metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

pub(crate) use self::{
    call::{CallMetrics, Kind},
    connection::{Open, Reported},
    outcome::Outcome,
};
use crate::hook_result::Failure;

/// `conduit_connections`
pub const CONNECTIONS: &str = "conduit_connections";
/// `conduit_connections_total`
pub const CONNECTIONS_TOTAL: &str = "conduit_connections_total";
/// `conduit_closes_total`
pub const CLOSES: &str = "conduit_closes_total";
/// `conduit_refusals_total`
pub const REFUSALS: &str = "conduit_refusals_total";
/// `conduit_slow_clients_total`
pub const SLOW_CLIENTS: &str = "conduit_slow_clients_total";
/// `conduit_events_dropped_total`
pub const EVENTS_DROPPED: &str = "conduit_events_dropped_total";
/// `conduit_rate_limited_total`
pub const RATE_LIMITED: &str = "conduit_rate_limited_total";
/// `conduit_queue_bytes`
pub const QUEUE_BYTES: &str = "conduit_queue_bytes";
/// `conduit_messages_total`
pub const MESSAGES: &str = "conduit_messages_total";
/// `conduit_bytes_total`
pub const BYTES: &str = "conduit_bytes_total";
/// `conduit_invalid_messages_total`
pub const INVALID_MESSAGES: &str = "conduit_invalid_messages_total";
/// `conduit_calls_total`
pub const CALLS: &str = "conduit_calls_total";
/// `conduit_call_duration_seconds`
pub const CALL_DURATION: &str = "conduit_call_duration_seconds";
/// `conduit_events_total`
pub const EVENTS: &str = "conduit_events_total";
/// `conduit_event_duration_seconds`
pub const EVENT_DURATION: &str = "conduit_event_duration_seconds";
/// `conduit_hook_failures_total`
pub const HOOK_FAILURES: &str = "conduit_hook_failures_total";
/// `conduit_panics_total`
pub const PANICS: &str = "conduit_panics_total";

/// What a server counts, but for its calls.
#[derive(Debug, Default)]
pub(crate) struct Metrics(OnceLock<Handles>);

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    Full,
    StrangersFull,
    Origin,
    Handshake,
    BadToken,
    Version,
    Throttled,
    Hook,
    NotStarted,
    ShuttingDown,
}

/// In the order of [`Cause`].
const CAUSES: [&str; 10] = [
    "full",
    "strangers_full",
    "origin",
    "handshake",
    "bad_token",
    "version",
    "throttled",
    "hook",
    "not_started",
    "shutting_down",
];

const HOOKS: [&str; 6] = ["startup", "connect", "disconnect", "shutdown", "login", "raw"];

/// A handle is bound to the recorder that was there when it was made, and costs no look-up after that.
#[derive(Debug)]
struct Handles {
    connections: Gauge,
    connections_total: Counter,
    closes: connection::Closes,
    refusals: [Counter; CAUSES.len()],
    slow_clients: Counter,
    events_dropped: Counter,
    rate_limited: Counter,
    queue_bytes: Gauge,
    messages: Directions,
    bytes: Directions,
    invalid_messages: Counter,
    unknown_calls: Counter,
    unknown_events: Counter,
    hook_failures: [Counter; HOOKS.len()],
    panics: Counter,
}

#[derive(Debug)]
struct Directions {
    r#in: Counter,
    out: Counter,
}

impl Directions {
    fn new(name: &'static str) -> Self {
        let of = |direction: &'static str| counter!(name, "direction" => direction);
        Self { r#in: of("in"), out: of("out") }
    }
}

impl Metrics {
    /// Binds what is counted to the recorder that is installed now.
    pub(crate) fn start(&self) {
        self.handles();
    }

    pub(crate) fn refused(&self, cause: Cause) {
        self.handles().refusals[cause as usize].increment(1);
    }

    pub(crate) fn hook_failed(&self, hook: &'static str, failure: &Failure) {
        let handles = self.handles();
        let of_hook = HOOKS.iter().zip(&handles.hook_failures).find(|(name, _)| **name == hook);
        if let Some((_, failures)) = of_hook {
            failures.increment(1);
        }
        if matches!(failure, Failure::Panicked(_)) {
            handles.panics.increment(1);
        }
    }

    /// A connect hook did not let a client in, or failed.
    pub(crate) fn connect_refused(&self, failure: &Failure) {
        self.refused(Cause::Hook);
        if matches!(failure, Failure::Panicked(_)) {
            self.hook_failed("connect", failure);
        }
    }

    pub(crate) fn rate_limited(&self) {
        self.handles().rate_limited.increment(1);
    }

    pub(crate) fn invalid_message(&self) {
        self.handles().invalid_messages.increment(1);
    }

    /// A request names no method and no event.
    pub(crate) fn unknown(&self, is_notification: bool) {
        let handles = self.handles();
        if is_notification { &handles.unknown_events } else { &handles.unknown_calls }.increment(1);
    }

    /// A message came over HTTP, and perhaps an answer went back.
    pub(crate) fn over_http(&self, text: &str, answer: Option<&str>) {
        let Handles { messages, bytes, .. } = self.handles();
        messages.r#in.increment(1);
        bytes.r#in.increment(text.len() as u64);
        if let Some(answer) = answer {
            messages.out.increment(1);
            bytes.out.increment(answer.len() as u64);
        }
    }

    /// A connection is open until what this gives is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        Open::new(Arc::clone(self))
    }

    /// What a connection's traffic is told to.
    pub(crate) fn reported(self: &Arc<Self>) -> Reported {
        Reported::new(Arc::clone(self))
    }

    fn handles(&self) -> &Handles {
        self.0.get_or_init(Handles::new)
    }
}

impl Handles {
    fn new() -> Self {
        describe();
        Self {
            connections: gauge!(CONNECTIONS),
            connections_total: counter!(CONNECTIONS_TOTAL),
            closes: connection::Closes::new(),
            refusals: CAUSES.map(|cause| counter!(REFUSALS, "cause" => cause)),
            slow_clients: counter!(SLOW_CLIENTS),
            events_dropped: counter!(EVENTS_DROPPED),
            rate_limited: counter!(RATE_LIMITED),
            queue_bytes: gauge!(QUEUE_BYTES),
            messages: Directions::new(MESSAGES),
            bytes: Directions::new(BYTES),
            invalid_messages: counter!(INVALID_MESSAGES),
            unknown_calls: counter!(CALLS, "method" => "unknown", "outcome" => "not_found"),
            unknown_events: counter!(EVENTS, "event" => "unknown", "outcome" => "ignored"),
            hook_failures: HOOKS.map(|hook| counter!(HOOK_FAILURES, "hook" => hook)),
            panics: counter!(PANICS),
        }
    }
}

fn describe() {
    describe_gauge!(CONNECTIONS, Unit::Count, "WebSocket connections that are open");
    describe_counter!(CONNECTIONS_TOTAL, Unit::Count, "WebSocket connections that were made");
    describe_counter!(CLOSES, Unit::Count, "Connections that ended, by close code");
    describe_counter!(REFUSALS, Unit::Count, "Connections and requests that were not let in, by cause");
    describe_counter!(SLOW_CLIENTS, Unit::Count, "Connections that were closed for reading too slowly");
    describe_counter!(EVENTS_DROPPED, Unit::Count, "Events that slow clients lost");
    describe_counter!(RATE_LIMITED, Unit::Count, "Requests that were refused for coming too fast");
    describe_gauge!(QUEUE_BYTES, Unit::Bytes, "Bytes that wait to be sent, over all connections");
    describe_counter!(MESSAGES, Unit::Count, "Messages that came in and went out");
    describe_counter!(BYTES, Unit::Bytes, "Bytes that came in and went out");
    describe_counter!(INVALID_MESSAGES, Unit::Count, "Messages that were no JSON-RPC");
    describe_counter!(CALLS, Unit::Count, "Calls that ended, by method and outcome");
    describe_histogram!(CALL_DURATION, Unit::Seconds, "How long calls took, by method");
    describe_counter!(EVENTS, Unit::Count, "Events of clients that were handled, by event and outcome");
    describe_histogram!(EVENT_DURATION, Unit::Seconds, "How long handling events took, by event");
    describe_counter!(HOOK_FAILURES, Unit::Count, "Hooks that failed");
    describe_counter!(PANICS, Unit::Count, "Panics of methods, handlers and hooks");
}
