//! How a call ended, as metrics and the log name it.

use crate::protocol::{ErrorCode, ErrorObject};

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
pub(super) const OUTCOMES: [&str; 12] = [
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

#[cfg(test)]
mod tests {
    use super::*;

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
