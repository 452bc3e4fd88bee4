//! What goes wrong with a server or a client. What goes wrong with a call travels as an
//! [`ErrorObject`]; a client wraps it in an [`Error`].

use std::{error::Error as StdError, fmt, sync::Arc};

use serde::Deserialize;

use crate::{
    close::{CloseCode, Disconnected},
    protocol::{ErrorCode, ErrorObject, Fault},
    rpc_error::RpcError,
};

/// The result of what a server or a client does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server could not be built or run, or why a client's call did not succeed.
///
/// [`kind`](Self::kind) tells the cases apart, `Display` says what happened and what to do, and
/// [`source`](StdError::source) leads to the error beneath, if there is one.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    object: Option<ErrorObject>,
    close: Option<Disconnected>,
    is_unsent: bool,
    may_have_run: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The cases of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Methods, state or configuration of a server, or of a client, don't fit together.
    Build,
    /// The settings of a file or of the environment are wrong.
    Config,
    /// Another program listens on the address.
    AddressInUse,
    /// The address can't be listened on for another reason.
    Bind,
    /// A startup hook failed, or the server was started before.
    Startup,
    /// The connection could not be made.
    Connect,
    /// The server refused the login, or the client (HTTP status 401 or 403).
    Unauthorized,
    /// The server is older than this client takes, or did not tell its version: see [`Error::version_mismatch`].
    Version,
    /// The connection was closed, or lost, before the answer came.
    Closed,
    /// The answer did not come in time. Where the server gives a call up that takes too long, it is `Rpc` with -32003:
    /// [`Error::is_timeout`] asks for both.
    Timeout,
    /// The server answered with an error, or the client knows that it would: see [`Error::object`].
    Rpc,
    /// The arguments can't be written as JSON.
    Encode,
    /// The answer, or the payload of an event, is not of the type that was asked for.
    Decode,
    /// Events were dropped because their stream was not read in time.
    Lagged,
    /// A [blocking](crate::blocking) client was used inside an async runtime, where it may not wait.
    InRuntime,
    /// The runtime or the operating system failed.
    Io,
}

/// One side is older than the other takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VersionMismatch {
    /// The least version that is taken.
    pub needed: String,
    /// The version that was told, which may be no version at all; `None` when none was told.
    pub got: Option<String>,
}

impl fmt::Display for VersionMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, got } = self;
        match got {
            Some(got) => write!(f, "version {needed} or later is needed, not `{got}`"),
            None => write!(f, "version {needed} or later is needed, and none was told"),
        }
    }
}

impl StdError for VersionMismatch {}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            object: None,
            close: None,
            is_unsent: false,
            may_have_run: false,
            source: None,
        }))
    }

    /// The error of a server or client that can't be built, with everything that is wrong with it; none where nothing is.
    pub(crate) fn unless_fit(what: &str, faults: &[String]) -> Result<()> {
        let message = match faults {
            [] => return Ok(()),
            [fault] => format!("{what} can't be built: {fault}"),
            faults => format!("{what} can't be built:\n- {}", faults.join("\n- ")),
        };
        Err(Self::new(ErrorKind::Build, message))
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    pub(crate) fn with_object(mut self, object: ErrorObject) -> Self {
        self.0.object = Some(object);
        self
    }

    pub(crate) fn with_close(mut self, close: Disconnected) -> Self {
        self.0.close = Some(close);
        self
    }

    /// The same error, of something that was not sent.
    pub(crate) fn unsent(mut self) -> Self {
        self.0.is_unsent = true;
        self
    }

    /// Of a call that was sent and has no answer.
    pub(crate) fn that_may_have_run(mut self) -> Self {
        self.0.may_have_run = true;
        self
    }

    /// Which case it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether it is the error of a call, a batch or an event of which nothing was sent, so that it has not run: its
    /// params can't be written, a [discovered](crate::Client::discover) schema refuses them, or there was no connection
    /// for it.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.0.is_unsent
    }

    /// The error that the server answered with, if it answered.
    #[must_use]
    pub fn object(&self) -> Option<&ErrorObject> {
        self.0.object.as_ref()
    }

    /// The code that the server answered with, if it answered with an error.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.object().map(ErrorObject::code)
    }

    /// What is wrong with the arguments, each fault with its place, where that is the error; nothing otherwise.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.object().map_or_else(Vec::new, ErrorObject::faults)
    }

    /// The method's own error back as its type; `None` when it is none of that type's.
    ///
    /// ```
    /// # use conduit::{ErrorObject, RpcError};
    /// #[derive(Debug, thiserror::Error, RpcError, PartialEq)]
    /// enum UserError {
    ///     #[error("user {id} not found")]
    ///     #[rpc(code = 404)]
    ///     NotFound { id: u64 },
    /// }
    /// # let sent = UserError::NotFound { id: 7 }.to_error_object();
    /// # let error = conduit::Error::from(sent);
    /// assert_eq!(error.decode::<UserError>(), Some(UserError::NotFound { id: 7 }));
    /// ```
    #[must_use]
    pub fn decode<E: RpcError>(&self) -> Option<E> {
        E::from_error_object(self.object()?)
    }

    /// Whether a call was sent and its outcome is not known, so that it may have run: the connection fell, or the time was
    /// up, by this side's clock or by the other's (-32003, -32004). A call that failed otherwise did not run, or was
    /// answered.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        let gave_up = [ErrorCode::Timeout, ErrorCode::Cancelled].map(ErrorCode::code);
        self.0.may_have_run || !self.is_unsent() && self.code().is_some_and(|code| gave_up.contains(&code))
    }

    /// Whether the connection was gone before the answer came; [`may_have_run`](Self::may_have_run) says whether the
    /// call was sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Of an error of kind [`Closed`](ErrorKind::Closed) that a client met, the code that the connection was closed
    /// with: the server's, 1000 when this client closed it, 1006 when it was lost without a close frame. A
    /// [`CloseCode`] says which of them are worth a new attempt.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.0.close.as_ref().map(|close| close.code)
    }

    /// The reason that came with [`close_code`](Self::close_code); empty when none did.
    #[must_use]
    pub fn close_reason(&self) -> Option<&str> {
        self.0.close.as_ref().map(|close| close.reason.as_str())
    }

    /// The versions, when one side is older than the other takes: the server than
    /// [`Connect::minimum_version`](crate::Connect::minimum_version), or this client than
    /// [`ServerBuilder::minimum_version`](crate::ServerBuilder::minimum_version).
    #[must_use]
    pub fn version_mismatch(&self) -> Option<&VersionMismatch> {
        let source = self.0.source.as_ref()?;
        source.downcast_ref().or_else(|| source.downcast_ref::<Self>()?.version_mismatch())
    }

    /// Whether a login is what is missing: the server refused that of the client, or answered that the call asks for one
    /// (-32001).
    ///
    /// It holds for calls too whose client lost its connection and is refused when it comes back. What the server said
    /// is in the message.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        let of_source = || self.0.source.as_ref()?.downcast_ref::<Self>().map(Self::is_unauthorized);
        self.kind() == ErrorKind::Unauthorized
            || self.code() == Some(ErrorCode::Unauthorized.code())
            || of_source().unwrap_or_default()
    }

    /// Whether the answer did not come in time, or the server gave the call up for taking too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout || self.code() == Some(ErrorCode::Timeout.code())
    }

    /// Whether another program listens on the server's address.
    #[must_use]
    pub fn is_address_in_use(&self) -> bool {
        self.kind() == ErrorKind::AddressInUse
    }
}

/// A server's answer as a client's error.
impl From<ErrorObject> for Error {
    fn from(object: ErrorObject) -> Self {
        Self::new(ErrorKind::Rpc, object.to_string()).with_object(object)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `fn main() -> conduit::Result<()>` prints this: a sentence serves better there than a struct.
        write!(f, "{} ({:?})", self.0.message, self.0.kind)?;
        // What is wrong with params is in the message.
        if let Some(object) = self.object()
            && object.faults().is_empty()
            && let Some(data) = object.data()
        {
            write!(f, ", data: {}", data.get())?;
        }
        match &self.0.source {
            Some(source) => write!(f, ", caused by: {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_the_other_side_gave_up_may_have_run() {
        let may_have_run = |code| Error::from(ErrorObject::with_code(code, "")).may_have_run();
        assert!(may_have_run(ErrorCode::Timeout) && may_have_run(ErrorCode::Cancelled));
        assert!(!may_have_run(ErrorCode::InvalidParams) && !may_have_run(ErrorCode::ShuttingDown));
        assert!(!Error::from(ErrorObject::with_code(ErrorCode::Timeout, "")).unsent().may_have_run());
    }
}
