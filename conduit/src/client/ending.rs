//! How a connection ended, and what that says to its calls.

use std::fmt;

use super::transport::Lost;
use crate::{
    close::{CloseCode, Disconnected},
    error::{Error, ErrorKind},
};

/// How a connection ended, or the client.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// By [`Client::close`](super::Client::close), or because the last handle was dropped.
    ByUs,
    /// By a Close frame of the server.
    ByServer(Disconnected),
    /// Without a Close frame of the server. The code is that which this side closed it with, if it did.
    Lost { why: String, told: Option<CloseCode> },
    /// It was lost, and the attempt of this number to make another one failed. The next follows.
    NotBack { lost: Box<Self>, attempt: u32, failure: Error },
    /// It was lost, and no other comes, by this failure if there was one.
    GaveUp { why: String, failure: Option<Error> },
}

impl Ending {
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self::Lost { why: why.into(), told: None }
    }

    /// The error of what was not sent any more.
    pub(super) fn not_sent(&self, what: impl fmt::Display) -> Error {
        self.error(format!("{what} was not sent: the connection is closed: {self}")).unsent()
    }

    /// The error of what was sent and will not be answered.
    pub(super) fn not_answered(&self, what: impl fmt::Display) -> Error {
        let message = format!("the connection closed before {what} was answered: {self}; the call may have run");
        self.error(message).that_may_have_run()
    }

    pub(super) fn error(&self, message: String) -> Error {
        self.explain(Error::new(ErrorKind::Closed, message).with_close(self.disconnected()))
    }

    /// The same error, with the failure that is behind it.
    pub(super) fn explain(&self, error: Error) -> Error {
        match self {
            Self::NotBack { failure, .. } | Self::GaveUp { failure: Some(failure), .. } => {
                error.with_source(failure.clone())
            }
            _ => error,
        }
    }

    /// Code and reason, as a server's disconnect hook would read them.
    pub(super) fn disconnected(&self) -> Disconnected {
        match self {
            Self::ByUs => Disconnected::new(CloseCode::NORMAL, self.to_string()),
            Self::ByServer(close) => close.clone(),
            Self::NotBack { lost, .. } => lost.disconnected(),
            Self::Lost { why, .. } => told_nobody(CloseCode::ABNORMAL, why),
            Self::GaveUp { why, failure } => {
                let is_login = failure.as_ref().is_some_and(Error::is_unauthorized);
                told_nobody(if is_login { CloseCode::UNAUTHORIZED } else { CloseCode::ABNORMAL }, why)
            }
        }
    }

    /// Whether a call that is sent again would likely meet the same end.
    pub(super) fn is_of_size(&self) -> bool {
        let (Self::ByServer(_) | Self::Lost { .. }) = self else { return false };
        self.code() == Some(CloseCode::MESSAGE_TOO_BIG)
    }

    /// The code of the close frame, whosoever it was.
    pub(super) fn code(&self) -> Option<CloseCode> {
        match self {
            Self::ByUs => Some(CloseCode::NORMAL),
            Self::ByServer(close) => Some(close.code),
            Self::Lost { told, .. } => *told,
            Self::NotBack { lost, .. } => lost.code(),
            Self::GaveUp { .. } => None,
        }
    }
}

/// Goes into no frame, so that the reason may be long.
fn told_nobody(code: CloseCode, reason: &str) -> Disconnected {
    Disconnected { code, reason: reason.to_owned() }
}

impl From<Lost> for Ending {
    fn from(Lost { why, told }: Lost) -> Self {
        Self::Lost { why, told }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUs => f.write_str("this client closed it"),
            Self::ByServer(close) => close.fmt(f),
            Self::Lost { why, .. } => write!(f, "lost without a close frame: {why}"),
            Self::NotBack { lost, attempt, failure } => {
                write!(f, "{lost}; attempt {attempt} to reconnect failed: {failure}")
            }
            Self::GaveUp { why, .. } => f.write_str(why),
        }
    }
}
