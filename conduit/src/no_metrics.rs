//! Stands in for what a server counts in a build without the feature `server`: nothing is counted.

#[path = "metrics/outcome.rs"]
mod outcome;

use std::time::Duration;

pub(crate) use self::outcome::Outcome;

/// What is counted of one method, or of one event.
#[derive(Debug)]
pub(crate) struct CallMetrics;

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Method,
    Event,
}

impl CallMetrics {
    pub(crate) fn new(_: Kind, _: &'static str) -> Self {
        Self
    }

    pub(crate) fn of_nobody() -> Self {
        Self
    }

    pub(crate) fn is_timed(&self) -> bool {
        false
    }

    pub(crate) fn ended(&self, _: Outcome, _: Option<Duration>) {}
}

/// What a server counts, but for its calls.
#[derive(Debug, Default)]
pub(crate) struct Metrics;

impl Metrics {
    pub(crate) fn rate_limited(&self) {}

    pub(crate) fn invalid_message(&self) {}

    pub(crate) fn unknown(&self, _: bool) {}
}
