//! The times and limits of a client, their defaults, and what is no sense.

use std::{ops::RangeInclusive, time::Duration};

use super::{Connect, backoff::Backoff, transport::Heartbeat};
use crate::{
    bounds::{MIN_TIME, outside},
    heartbeat,
    pending_call::Patience,
};

/// What [`Connect`] is told in numbers.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) patience: Patience,
    pub(super) connect_timeout: Duration,
    pub(super) reconnect: bool,
    pub(super) retry_first_connect: bool,
    reconnect_delay: RangeInclusive<Duration>,
    max_attempts: Option<u32>,
    pub(super) max_waiting: usize,
    heartbeat: Heartbeat,
    pub(super) max_message_size: usize,
    pub(super) max_in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            patience: Patience::DEFAULT,
            connect_timeout: Duration::from_secs(10),
            reconnect: true,
            retry_first_connect: false,
            reconnect_delay: Duration::from_millis(500)..=Duration::from_secs(30),
            max_attempts: None,
            max_waiting: 1024,
            heartbeat: Heartbeat { interval: Duration::from_secs(30), timeout: Duration::from_secs(90) },
            max_message_size: 64 << 20,
            max_in_flight: 1024,
        }
    }
}

impl Connect {
    /// How long each call waits for its answer, if it does not say otherwise; 30 seconds by default. Unless it is the
    /// default, the server is [told](crate::PendingCall::timeout) with each call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.patience = Patience::chosen(timeout);
        self
    }

    /// How long connecting may take, login included; 10 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Whether the client makes another connection when it loses the one that it has; it does by default.
    ///
    /// Without, the first connection is the last: when it is lost, every call fails.
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.settings.reconnect = reconnect;
        self
    }

    /// Whether to go on trying when the first connection can't be made; by default the first error is the answer.
    ///
    /// Settings that can't be used, and a server that refuses the login or is too old, are errors at once all the same.
    pub fn retry_first_connect(mut self, retry: bool) -> Self {
        self.settings.retry_first_connect = retry;
        self
    }

    /// How long to wait before an attempt to connect anew: the least, of 1 ms or more, at first, and twice as long each
    /// time, up to the most; 500 ms to 30 s by default. Each wait is a random time between its half and its whole, so that not all
    /// clients of a server come back at once.
    ///
    /// It starts anew when a message came over a connection, or it lasted for longer than the most.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # use std::time::Duration;
    /// # async fn example() -> conduit::Result<()> {
    /// let delay = Duration::from_millis(100)..=Duration::from_secs(5);
    /// let client = Client::connect("ws://127.0.0.1:8080").reconnect_delay(delay).max_attempts(20).await?;
    /// # Ok(()) }
    /// ```
    pub fn reconnect_delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.settings.reconnect_delay = delay;
        self
    }

    /// How many attempts to connect may be made in a row, 1 or more; any number by default. Then the client ends: its calls fail,
    /// and [`Client::closed`](crate::Client::closed) says why. Connections count as attempts until they are of use, as for
    /// [`reconnect_delay`](Self::reconnect_delay).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = Some(attempts);
        self
    }

    /// How many calls, notifications and events that are made while the connection is down may wait for the next, each
    /// up to its own timeout; 1024 by default. More fail at once, with an error of kind `Closed`; with 0, all do.
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.settings.max_waiting = calls;
        self
    }

    /// How often the server is pinged; every 30 seconds by default, and never with 0.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.settings.heartbeat.interval = interval;
        self
    }

    /// For how long not a byte may come from the server until the connection counts as lost; 90 seconds by default. It
    /// is looked at whenever the server is pinged, so it must be longer than that takes.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.settings.heartbeat.timeout = timeout;
        self
    }

    /// The largest message to take from the server, in bytes; 64 MiB by default. A larger one ends the connection.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.max_message_size = bytes;
        self
    }

    /// How many methods and handlers may run at a time; 1024 by default. An event that comes when so many run is dropped
    /// with a warning, and a request of the server is answered with an error.
    pub fn max_in_flight(mut self, handlers: usize) -> Self {
        self.settings.max_in_flight = handlers;
        self
    }
}

impl Settings {
    /// Everything in it that can't work, one sentence each.
    pub(super) fn faults(&self) -> Vec<String> {
        let Heartbeat { interval, timeout } = self.heartbeat;
        let (times, sizes) = (MIN_TIME..=Duration::MAX, 1..=usize::MAX);
        let attempts = self.max_attempts.and_then(|attempts| outside("max_attempts", &attempts, &(1..=u32::MAX)));
        let faults = [
            outside("timeout", &self.patience.limit, &times),
            outside("connect_timeout", &self.connect_timeout, &times),
            self.delay_fault(),
            attempts.map(|fault| format!("{fault}; `.reconnect(false)` makes no other connection")),
            self.heartbeat().and_then(|_| outside("heartbeat_interval", &interval, &times)),
            self.heartbeat().and_then(|_| heartbeat::misfit(interval, timeout)),
            outside("max_message_size", &self.max_message_size, &sizes),
            outside("max_in_flight", &self.max_in_flight, &sizes),
        ];
        faults.into_iter().flatten().collect()
    }

    fn delay_fault(&self) -> Option<String> {
        let (least, most) = (self.reconnect_delay.start(), self.reconnect_delay.end());
        if least > most {
            return Some(format!(
                "`reconnect_delay` is {least:?}..={most:?}: the least goes first, the most behind it"
            ));
        }
        outside("reconnect_delay", least, &(MIN_TIME..=Duration::MAX))
    }

    /// None is a client that does not ping.
    pub(super) fn heartbeat(&self) -> Option<Heartbeat> {
        (!self.heartbeat.interval.is_zero()).then_some(self.heartbeat)
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.reconnect_delay.clone(), self.max_attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, ErrorKind};

    type Change = fn(Connect) -> Connect;

    const MS: Duration = Duration::from_millis(1);

    fn faults(connect: impl FnOnce(Connect) -> Connect) -> Vec<String> {
        connect(Client::connect("ws://a")).settings.faults()
    }

    #[test]
    fn what_makes_no_sense_is_told_with_what_is_wanted() {
        let cases: [(Change, &str); 12] = [
            (|c| c.timeout(Duration::ZERO), "`timeout` is 0ns: it must be at least 1ms"),
            (|c| c.connect_timeout(Duration::ZERO), "`connect_timeout` is 0ns: it must be at least 1ms"),
            (
                |c| c.reconnect_delay(Duration::ZERO..=Duration::ZERO),
                "`reconnect_delay` is 0ns: it must be at least 1ms",
            ),
            (|c| c.reconnect_delay(Duration::ZERO..=MS), "`reconnect_delay` is 0ns: it must be at least 1ms"),
            (|c| c.reconnect_delay(MS / 2..=MS), "`reconnect_delay` is 500µs: it must be at least 1ms"),
            (
                |c| c.reconnect_delay(2 * MS..=MS),
                "`reconnect_delay` is 2ms..=1ms: the least goes first, the most behind it",
            ),
            (
                |c| c.max_attempts(0),
                "`max_attempts` is 0: it must be at least 1; `.reconnect(false)` makes no other connection",
            ),
            (|c| c.heartbeat_interval(MS / 1000), "`heartbeat_interval` is 1µs: it must be at least 1ms"),
            (
                |c| c.heartbeat_timeout(Duration::ZERO),
                "`heartbeat_interval` is 30s and `heartbeat_timeout` is 0ns: the timeout must be longer, or a ping could \
                 not be answered in time",
            ),
            (
                |c| c.heartbeat_interval(MS).heartbeat_timeout(MS),
                "`heartbeat_interval` is 1ms and `heartbeat_timeout` is 1ms: the timeout must be longer, or a ping could \
                 not be answered in time",
            ),
            (|c| c.max_message_size(0), "`max_message_size` is 0: it must be at least 1"),
            (|c| c.max_in_flight(0), "`max_in_flight` is 0: it must be at least 1"),
        ];
        for (wrong, fault) in cases {
            assert_eq!(faults(wrong), [fault]);
        }
    }

    #[test]
    fn what_is_at_the_edge_of_sense_is_taken() {
        let edges: [Change; 6] = [
            |c| c.timeout(MS).connect_timeout(MS).reconnect_delay(MS..=MS),
            |c| c.timeout(Duration::MAX).connect_timeout(Duration::MAX).reconnect_delay(MS..=Duration::MAX),
            |c| c.max_attempts(1).max_waiting(0).max_message_size(1).max_in_flight(1),
            |c| c.max_waiting(usize::MAX).max_message_size(usize::MAX).max_in_flight(usize::MAX),
            |c| c.heartbeat_interval(Duration::ZERO).heartbeat_timeout(Duration::ZERO),
            |c| c.heartbeat_interval(MS).heartbeat_timeout(2 * MS),
        ];
        for edge in edges {
            assert_eq!(faults(edge), Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn all_faults_of_a_client_are_told_in_one_error_before_it_connects() {
        let error = Client::connect("ws://a").max_attempts(0).timeout(Duration::ZERO).on("", |_: u8| async {}).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Build);
        let text = error.to_string();
        assert!(
            ["`timeout`", "`max_attempts`", "an event is called ``"].iter().all(|part| text.contains(part)),
            "{text}"
        );
        let error = crate::raw::connect("ws://a").connect_timeout(Duration::ZERO).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Build && error.to_string().contains("`connect_timeout`"), "{error}");
    }
}
