//! How a connection ended, and what that says to its calls.

use std::fmt;

use super::transport::Close;
use crate::{
    close::{self, CloseCode},
    error::{Error, ErrorKind},
};

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
        self.error(format!("{what} was not sent: the connection is closed: {self}")).unsent()
    }

    /// The error of what was sent and will not be answered.
    pub(super) fn not_answered(&self, what: impl fmt::Display) -> Error {
        self.error(format!("the connection closed before {what} was answered: {self}; the call may have run"))
    }

    fn error(&self, message: String) -> Error {
        Error::new(ErrorKind::Closed, message).with_close(self.close())
    }

    /// Code and reason, as a server's disconnect hook would read them.
    pub(super) fn close(&self) -> close::Close {
        match self {
            Self::ByUs => close::Close::new(CloseCode::NORMAL, self.to_string()),
            Self::ByServer(close) => {
                close::Close::new(close.code().map_or(CloseCode::NO_STATUS, CloseCode::from), close.reason().to_owned())
            }
            Self::Lost(why) => close::Close::new(CloseCode::ABNORMAL, why.clone()),
        }
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
