//! What is counted of calls and events.

use std::{cell::Cell, time::Duration};

use ::metrics::{Counter, Histogram, IntoF64, counter, histogram};

use super::{CALL_DURATION, CALLS, EVENT_DURATION, EVENTS, PANICS};
use crate::protocol::{ErrorCode, ErrorObject};

/// What is counted of one method, or of one event.
#[derive(Debug)]
pub(crate) struct CallMetrics {
    outcomes: [Counter; OUTCOMES.len()],
    duration: Histogram,
    is_timed: bool,
    panics: Counter,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Method,
    Event,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Ok,
    Error,
    InvalidParams,
    Unauthorized,
    Forbidden,
    TooManyCalls,
    Timeout,
    Cancelled,
    ShuttingDown,
    AnswerTooLarge,
    Internal,
    Panic,
}

/// In the order of [`Outcome`].
const OUTCOMES: [&str; 12] = [
    "ok",
    "error",
    "invalid_params",
    "unauthorized",
    "forbidden",
    "too_many_calls",
    "timeout",
    "cancelled",
    "shutting_down",
    "answer_too_large",
    "internal",
    "panic",
];

impl Outcome {
    pub(crate) fn of<T>(result: &Result<T, ErrorObject>) -> Self {
        let Err(error) = result else { return Self::Ok };
        match ErrorCode::from_code(error.code()) {
            _ if error.is_panic() => Self::Panic,
            Some(ErrorCode::InvalidParams) => Self::InvalidParams,
            Some(ErrorCode::Unauthorized) => Self::Unauthorized,
            Some(ErrorCode::Forbidden) => Self::Forbidden,
            Some(ErrorCode::TooManyCalls) => Self::TooManyCalls,
            Some(ErrorCode::Timeout) => Self::Timeout,
            Some(ErrorCode::Cancelled) => Self::Cancelled,
            Some(ErrorCode::ShuttingDown) => Self::ShuttingDown,
            Some(ErrorCode::AnswerTooLarge) => Self::AnswerTooLarge,
            Some(ErrorCode::InternalError) => Self::Internal,
            _ => Self::Error,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        OUTCOMES[self as usize]
    }
}

impl CallMetrics {
    /// Binds what is counted to the recorder that is installed now. All outcomes are there from the start: of a
    /// counter that appears with its first error, a rate does not see that error.
    pub(crate) fn new(kind: Kind, name: &'static str) -> Self {
        let (count, label, duration) = match kind {
            Kind::Method => (CALLS, "method", CALL_DURATION),
            Kind::Event => (EVENTS, "event", EVENT_DURATION),
        };
        let duration = histogram!(duration, label => name);
        Self {
            outcomes: OUTCOMES.map(|outcome| counter!(count, label => name, "outcome" => outcome)),
            is_timed: is_recorded(&duration),
            duration,
            panics: counter!(PANICS),
        }
    }

    /// Counts nothing.
    pub(crate) fn of_nobody() -> Self {
        Self {
            outcomes: OUTCOMES.map(|_| Counter::noop()),
            duration: Histogram::noop(),
            is_timed: false,
            panics: Counter::noop(),
        }
    }

    /// Whether anybody wants to know how long calls take: clocks are not read for nobody.
    pub(crate) fn is_timed(&self) -> bool {
        self.is_timed
    }

    pub(crate) fn ended(&self, outcome: Outcome, took: Option<Duration>) {
        self.outcomes[outcome as usize].increment(1);
        if let Some(took) = took {
            self.duration.record(took);
        }
        if matches!(outcome, Outcome::Panic) {
            self.panics.increment(1);
        }
    }
}

/// Whether a recorder is behind the handle. The facade does not say, but turns a value into a number only for one.
fn is_recorded(histogram: &Histogram) -> bool {
    struct Probe<'a>(&'a Cell<bool>);

    impl IntoF64 for Probe<'_> {
        fn into_f64(self) -> f64 {
            self.0.set(true);
            0.0
        }
    }

    let asked = Cell::new(false);
    histogram.record_many(Probe(&asked), 0);
    asked.get()
}

#[cfg(test)]
mod tests {
    use ::metrics::{NoopRecorder, with_local_recorder};
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    #[test]
    fn clocks_are_read_for_a_recorder_alone_and_the_question_leaves_no_trace() {
        let of_nobody = with_local_recorder(&NoopRecorder, || CallMetrics::new(Kind::Method, "add"));
        assert!(!of_nobody.is_timed());
        let recorder = DebuggingRecorder::new();
        let recorded = with_local_recorder(&recorder, || CallMetrics::new(Kind::Method, "add"));
        assert!(recorded.is_timed());
        let is_empty = |value| !matches!(value, DebugValue::Histogram(values) if !values.is_empty());
        assert!(recorder.snapshotter().snapshot().into_vec().into_iter().all(|(.., value)| is_empty(value)));
    }

    #[test]
    fn every_outcome_has_a_name_of_its_own() {
        let by_code = |code| Outcome::of::<()>(&Err(ErrorObject::with_code(code, ""))).name();
        let mut names: Vec<_> = ErrorCode::ALL.into_iter().map(by_code).collect();
        names.extend([Outcome::of(&Ok(())).name(), Outcome::of::<()>(&Err(ErrorObject::panicked("bang"))).name()]);
        names.sort_unstable();
        names.dedup();
        // What never begins as a call (no JSON, no request, no method, over the rate) has no outcome of its own.
        assert_eq!(names.len(), OUTCOMES.len());
        assert_eq!(Outcome::of::<()>(&Err(ErrorObject::new(404, ""))).name(), "error");
    }
}
