//! What those learn of a call who watch the server: in its span, in the log, and by its metrics.

use std::fmt;

use tokio::time::Instant;
use tracing::{Span, field};

use crate::{
    context::Call,
    metrics::{CallMetrics, Outcome},
    protocol::{ErrorObject, Id},
};

/// The target of spans and lines of calls.
const TARGET: &str = "conduit::call";

/// What is shown of a name or an id that a peer chose.
const SHOWN: usize = 100;

/// A call that is being watched.
#[derive(Debug)]
pub(crate) struct Watch {
    span: Span,
    /// When it came, if anybody wants to know how long it took.
    came: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(call: &Call, metrics: &CallMetrics) -> Self {
        let span = tracing::debug_span!(
            target: TARGET,
            "call",
            method = short(call.method()),
            id = call.id().map(|id| field::display(Short(id))),
            outcome = field::Empty,
            code = field::Empty,
            duration = field::Empty,
        );
        let is_timed = metrics.is_timed() || !span.is_disabled();
        Self { span, came: is_timed.then(Instant::now) }
    }

    /// The span in which the method runs.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Tells what became of the call, the log also what the caller must not learn.
    pub(crate) fn ended(&self, call: &Call, result: &Result<String, ErrorObject>, metrics: &CallMetrics) {
        let (outcome, took) = (Outcome::of(result), self.came.map(|came| came.elapsed()));
        metrics.ended(outcome, took);
        let error = result.as_ref().err();
        let detail = error.and_then(ErrorObject::detail);
        if took.is_none() && detail.is_none() {
            return;
        }
        let (method, id) = (short(call.method()), call.id().map(|id| field::display(Short(id))));
        if let Some(detail) = detail {
            tracing::error!(target: TARGET, method, id, "internal error: {detail}");
        }
        if let Some(took) = took {
            let (outcome, code) = (outcome.name(), error.map(ErrorObject::code));
            self.span.record("outcome", outcome).record("code", code).record("duration", field::debug(took));
            tracing::debug!(target: TARGET, method, id, outcome, code, ?took, "call ended");
        }
    }
}

fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN)]
}

/// An id as it is shown: a peer may choose a very long one.
struct Short<'a>(&'a Id);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_u64() {
            Some(number) => number.fmt(f),
            None => f.write_str(short(&self.0.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_in_part_when_they_are_long() {
        let shown = |json: &str| Short(&Id::parse(json).unwrap()).to_string();
        assert_eq!((shown("7"), shown("\"a\""), shown("null")), ("7".into(), "\"a\"".into(), "null".into()));
        assert_eq!(shown(&"9".repeat(500)), "9".repeat(SHOWN));
        assert!(shown(&format!("\"{}\"", "ü".repeat(500))).len() <= SHOWN);
    }
}
