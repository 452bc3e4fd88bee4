//! How long to wait before the next attempt to connect, and how many there may be.

use std::{ops::RangeInclusive, time::Duration};

/// The attempts in a row that brought no connection of use.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    delay: RangeInclusive<Duration>,
    limit: Option<u32>,
    attempts: u32,
    waits: u32,
    /// The logins in a row that were refused.
    refusals: u32,
}

/// How many logins in a row may be refused until the client gives up: a token may expire on its way, but a client that
/// is not wanted must not use up the failed logins that its address may have.
pub(super) const MAX_REFUSALS: u32 = 3;

impl Backoff {
    pub(super) fn new(delay: RangeInclusive<Duration>, limit: Option<u32>) -> Self {
        Self { delay, limit, attempts: 0, waits: 0, refusals: 0 }
    }

    /// Notes an attempt; returns its number, from 1.
    pub(super) fn attempt(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// How long to wait now: from a half of a time to the whole of it, which is twice as long with each wait, so that
    /// the clients of a server that comes back don't all come at once.
    pub(super) fn wait(&mut self) -> Duration {
        let (least, most) = (*self.delay.start(), *self.delay.end());
        let longest = least.saturating_mul(2_u32.saturating_pow(self.waits)).min(most);
        self.waits = self.waits.saturating_add(1);
        // Halved first: the longest time there is has no double.
        longest / 2 + (longest / 2).mul_f64(fraction())
    }

    /// Starts anew: the connection that there was has been of use.
    pub(super) fn reset(&mut self) {
        (self.attempts, self.waits) = (0, 0);
    }

    /// Notes that a login was refused; says whether that was the last one.
    pub(super) fn refuse(&mut self) -> bool {
        self.refusals += 1;
        self.refusals >= MAX_REFUSALS
    }

    /// Notes that a login was accepted.
    pub(super) fn accept(&mut self) {
        self.refusals = 0;
    }

    /// Whether there may be another attempt.
    pub(super) fn may_go_on(&self) -> bool {
        self.limit.is_none_or(|limit| self.attempts < limit)
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn longest(&self) -> Duration {
        *self.delay.end()
    }
}

/// A random number from 0 to 1.
fn fraction() -> f64 {
    // A system without randomness still reconnects, without jitter.
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn waits_double_up_to_the_longest_and_are_jittered() {
        let mut backoff = Backoff::new(100 * MS..=1000 * MS, None);
        for round in 0..50 {
            for longest in [100, 200, 400, 800, 1000, 1000, 1000] {
                let wait = backoff.wait();
                assert!(wait >= longest * MS / 2 && wait <= longest * MS, "round {round}: {wait:?} of {longest} ms");
            }
            backoff.reset();
        }
        let waits: Vec<_> = (0..50).map(|_| backoff.wait()).collect();
        assert!(waits[10..].windows(2).any(|two| two[0] != two[1]), "{waits:?}");
    }

    #[test]
    fn very_many_waits_overflow_nothing() {
        for least in [Duration::from_secs(1), Duration::MAX] {
            let mut backoff = Backoff::new(least..=Duration::MAX, None);
            assert!((0..200).all(|_| backoff.wait() >= least / 2));
        }
    }

    #[test]
    fn attempts_are_limited_and_count_from_anew_after_a_connection_of_use() {
        let mut backoff = Backoff::new(MS..=MS, Some(2));
        assert_eq!((backoff.attempt(), backoff.may_go_on()), (1, true));
        assert_eq!((backoff.attempt(), backoff.may_go_on()), (2, false));
        backoff.reset();
        assert_eq!((backoff.attempts(), backoff.may_go_on()), (0, true));
    }
}
