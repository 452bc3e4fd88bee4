//! The Error object of a response.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

/// The codes that this implementation answers with on its own account.
///
/// JSON-RPC 2.0, 5.1: "The error codes from and including -32768 to -32000 are reserved for pre-defined
/// errors." The first five are the specification's; `-32000` to `-32099` are "reserved for
/// implementation-defined server-errors" and the rest of this list is taken from there. Codes of an
/// application's own errors lie outside the reserved range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// "Invalid JSON was received by the server."
    ParseError,
    /// "The JSON sent is not a valid Request object."
    InvalidRequest,
    /// "The method does not exist / is not available."
    MethodNotFound,
    /// "Invalid method parameter(s)."
    InvalidParams,
    /// "Internal JSON-RPC error": a panic, or a result that can't be written as JSON.
    InternalError,
    /// The method asks for a login that the connection has not made, or a login was refused.
    Unauthorized,
    /// The connection has as many calls in flight as it may have.
    TooManyCalls,
    /// The call ran longer than its method, or the server, allows.
    Timeout,
    /// The caller took the call back with `rpc.cancel`.
    Cancelled,
    /// The server is shutting down and takes no new calls: this one has not run. `data.closing` is true: the connection
    /// closes when the calls before it are answered.
    ShuttingDown,
    /// The caller is known and has none of the roles that may call the method.
    Forbidden,
    /// The connection sends more than it may, too many logins from its address failed, or it logs in to a server that is
    /// full; `data.retry_after_ms` says when to try again.
    RateLimited,
    /// The call has run, and its answer is larger than a message may be.
    AnswerTooLarge,
}

/// One thing that is wrong with the params of a call: an item of `data.errors` of an error -32602.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fault {
    /// Where: a JSON pointer into the params, empty for the whole.
    pub path: String,
    /// The keyword of the schema that is not followed, such as `minLength`.
    #[serde(default)]
    pub keyword: String,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl ErrorCode {
    /// Every code of the list.
    pub const ALL: [Self; 13] = [
        Self::ParseError,
        Self::InvalidRequest,
        Self::MethodNotFound,
        Self::InvalidParams,
        Self::InternalError,
        Self::Unauthorized,
        Self::TooManyCalls,
        Self::Timeout,
        Self::Cancelled,
        Self::ShuttingDown,
        Self::Forbidden,
        Self::RateLimited,
        Self::AnswerTooLarge,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::ParseError => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::InternalError => -32603,
            Self::Unauthorized => -32001,
            Self::TooManyCalls => -32002,
            Self::Timeout => -32003,
            Self::Cancelled => -32004,
            Self::ShuttingDown => -32005,
            Self::Forbidden => -32006,
            Self::RateLimited => -32007,
            Self::AnswerTooLarge => -32008,
        }
    }

    /// The code with this number, if it is one of the list.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

/// Why a call failed, as it travels: `code`, `message` and optional `data`.
///
/// A method that returns `Result<T, ErrorObject>` says exactly what the caller gets. Most methods return an
/// enum with `#[derive(RpcError)]` instead, which becomes one of these and can be decoded back on the
/// client's side.
///
/// ```
/// use conduit::ErrorObject;
///
/// let error = ErrorObject::new(404, "no such user").with_data(&serde_json::json!({"id": 7}));
/// assert_eq!(error.to_string(), "no such user (code 404)");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorObject {
    code: i64,
    message: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    /// For the log of this program alone; never on the wire.
    #[serde(skip)]
    detail: Option<Box<str>>,
    #[serde(skip)]
    is_panic: bool,
}

impl ErrorObject {
    /// An error with a code and message of the application's own.
    ///
    /// "The message SHOULD be limited to a concise single sentence." (JSON-RPC 2.0, 5.1)
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None, detail: None, is_panic: false }
    }

    /// An error with one of conduit's own codes.
    pub fn with_code(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code.code(), message)
    }

    /// A fault of the server: the caller reads "internal error", the log reads `detail`.
    ///
    /// ```
    /// use conduit::ErrorObject;
    ///
    /// fn read() -> Result<String, ErrorObject> {
    ///     std::fs::read_to_string("/no/such/file").map_err(ErrorObject::internal)
    /// }
    /// let error = read().unwrap_err();
    /// assert_eq!((error.code(), error.message()), (-32603, "internal error"));
    /// ```
    pub fn internal(detail: impl fmt::Display) -> Self {
        let error = Self::with_code(ErrorCode::InternalError, "internal error");
        Self { detail: Some(detail.to_string().into()), ..error }
    }

    /// An internal error that is a bug of the application's.
    pub(crate) fn panicked(text: &str) -> Self {
        Self { is_panic: true, ..Self::internal(format_args!("panicked: {text}")) }
    }

    /// The same error with `data`, which any value that serialises can be.
    ///
    /// Data that can't be written as JSON makes it an internal error that says so in the log.
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(self, data: &T) -> Self {
        match to_raw_value(data) {
            Ok(data) => Self { data: Some(data), ..self },
            Err(error) => Self::internal(format!("data of error `{}` can't be serialised: {error}", self.code)),
        }
    }

    /// The number that says what kind of error it is.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.code
    }

    /// A short description.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The JSON text of `data`, if the error carries any.
    #[must_use]
    pub fn data(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// `data` as a `T`; `None` when there is none or it has another shape.
    #[must_use]
    pub fn data_as<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.data()?.get()).ok()
    }

    /// What is wrong with the params of the call, of an error -32602 by conduit; nothing of any other error.
    ///
    /// ```
    /// # use conduit::ErrorObject;
    /// # let error = ErrorObject::new(-32602, "invalid params for `add`").with_data(&serde_json::json!({"errors": [
    /// #     {"path": "/b", "keyword": "type", "message": "expected an integer, got \"three\""}]}));
    /// assert_eq!(error.faults()[0].path, "/b");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid params for `add` (code -32602): /b: expected an integer, got \"three\""
    /// );
    /// ```
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        #[derive(Deserialize)]
        struct Faults {
            errors: Vec<Fault>,
        }
        if self.code != ErrorCode::InvalidParams.code() {
            return Vec::new();
        }
        self.data_as().map_or_else(Vec::new, |Faults { errors }| errors)
    }

    /// What only this program's log may say of the error.
    pub(crate) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Whether a panic was caught.
    pub(crate) fn is_panic(&self) -> bool {
        self.is_panic
    }
}

impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)?;
        for (index, fault) in self.faults().iter().enumerate() {
            write!(f, "{} {fault}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ErrorObject {}

impl PartialEq for ErrorObject {
    fn eq(&self, other: &Self) -> bool {
        let data = |error: &Self| error.data().map(|raw| raw.get().to_owned());
        self.code == other.code && self.message == other.message && data(self) == data(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_reserved() {
        let mut codes: Vec<i64> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(codes.iter().all(|code| (-32768..=-32000).contains(code)));
        assert!(ErrorCode::ALL.iter().all(|&code| ErrorCode::from_code(code.code()) == Some(code)));
    }

    #[test]
    fn detail_of_an_internal_error_stays_at_home() {
        let error = ErrorObject::internal("password is hunter2");
        assert_eq!(serde_json::to_string(&error).unwrap(), r#"{"code":-32603,"message":"internal error"}"#);
        assert_eq!(error.detail(), Some("password is hunter2"));
    }
}
