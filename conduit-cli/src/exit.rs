//! How the program ends, as a number for scripts.

use std::process::ExitCode;

use conduit::{ErrorCode, ErrorKind};

/// What `--help` says of the codes. The README says the same.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  done
    1  the method answered with an error, or a measured call did
    2  the command line is wrong, or a file that it names can't be read
    3  no connection came about
    4  a login is needed, or was refused, or does not allow the call
    5  there is no such method, or the arguments don't fit it
    6  no answer came in time
    7  the connection was lost, or closed by the server
    8  anything else: the server can't listen, the output can't be written
  130  interrupted with Ctrl-C before the end (listen and serve have no other end: 0)";

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Answered = 1,
    Usage = 2,
    Connect = 3,
    Login = 4,
    Refused = 5,
    Timeout = 6,
    Closed = 7,
    Failed = 8,
    Interrupted = 130,
}

impl Exit {
    /// How an error of the client ends the program.
    pub(crate) fn of(error: &conduit::Error) -> Self {
        match error.kind() {
            _ if error.is_unauthorized() => Self::Login,
            ErrorKind::Rpc => error.code().map_or(Self::Answered, Self::of_code),
            ErrorKind::Connect | ErrorKind::Version => Self::Connect,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Closed => Self::Closed,
            _ => Self::Failed,
        }
    }

    fn of_code(code: i64) -> Self {
        match ErrorCode::from_code(code) {
            Some(ErrorCode::Forbidden) => Self::Login,
            Some(ErrorCode::MethodNotFound | ErrorCode::InvalidParams) => Self::Refused,
            Some(ErrorCode::Timeout) => Self::Timeout,
            _ => Self::Answered,
        }
    }

    /// The case as one word, for `--json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Answered => "answered",
            Self::Usage => "usage",
            Self::Connect => "connect",
            Self::Login => "login",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_code() {
        let codes: Vec<u8> = TABLE.lines().skip(1).map(|line| line[..5].trim().parse().expect("a code")).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
    }

    #[test]
    fn errors_of_a_server_are_told_apart() {
        let exit = |code| Exit::of(&conduit::Error::from(conduit::ErrorObject::new(code, "no")));
        assert_eq!([404, -32601, -32602].map(exit), [Exit::Answered, Exit::Refused, Exit::Refused]);
        assert_eq!([-32001, -32006, -32003].map(exit), [Exit::Login, Exit::Login, Exit::Timeout]);
    }
}
