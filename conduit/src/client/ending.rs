//! How a connection ended, and what that says to its calls.

use std::fmt;

use super::transport::Close;
use crate::error::{Error, ErrorKind};

/// How a connection ended.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// By [`Client::close`](super::Client::close), or because the last handle was dropped.
    ByUs,
    /// By a Close frame of the server.
    ByServer(Close),
    /// Without a Close frame.
    Lost(String),
}

impl Ending {
    /// The error of what was not sent any more.
    pub(super) fn not_sent(&self, what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Closed, format!("{what} was not sent: the connection is closed: {self}"))
    }

    /// The error of what was sent and will not be answered.
    pub(super) fn not_answered(&self, what: impl fmt::Display) -> Error {
        let message = format!("the connection closed before {what} was answered: {self}; the call may have run");
        Error::new(ErrorKind::Closed, message)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUs => f.write_str("this client closed it"),
            Self::ByServer(close) => close.fmt(f),
            Self::Lost(why) => write!(f, "lost without a close frame: {why}"),
        }
    }
}
