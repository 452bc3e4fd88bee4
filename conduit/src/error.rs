//! What goes wrong with a server or a client. What goes wrong with a call travels as an
//! [`ErrorObject`]; a client wraps it in an [`Error`].

use std::{error::Error as StdError, fmt};

use crate::{
    protocol::{ErrorCode, ErrorObject},
    rpc_error::RpcError,
};

/// The result of what a server or a client does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server could not be built or run, or why a client's call did not succeed.
///
/// [`kind`](Self::kind) tells the cases apart, `Display` says what happened and what to do, and
/// [`source`](StdError::source) leads to the error beneath, if there is one.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    object: Option<ErrorObject>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The cases of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server's methods, state or configuration don't fit together.
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
    /// The server refused the login.
    Unauthorized,
    /// The connection was closed, or lost, before the answer came.
    Closed,
    /// The answer did not come in time.
    Timeout,
    /// The server answered with an error: see [`Error::object`].
    Rpc,
    /// The arguments can't be written as JSON.
    Encode,
    /// The answer, or the payload of an event, is not of the type that was asked for.
    Decode,
    /// Events were dropped because their stream was not read in time.
    Lagged,
    /// The runtime or the operating system failed.
    Io,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), object: None, source: None }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Which case it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
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

    /// Whether the connection was gone before the answer came; the call may have run.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Whether the answer did not come in time, or the server gave the call up for taking too long; it may have run.
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
        let mut error = Self::new(ErrorKind::Rpc, object.to_string());
        error.0.object = Some(object);
        error
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
        if let Some(data) = self.object().and_then(ErrorObject::data) {
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
