//! What is counted of calls and events.

use std::{cell::Cell, time::Duration};

use ::metrics::{Counter, Histogram, IntoF64, counter, histogram};

use super::{CALL_DURATION, CALLS, EVENT_DURATION, EVENTS, Outcome, PANICS, outcome::OUTCOMES};

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
}
