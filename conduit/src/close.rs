//! Why connections are closed: the codes of the WebSocket close frame.

use std::fmt;

#[cfg(feature = "client")]
use tokio_tungstenite::tungstenite::{Error as WsError, error::ProtocolError};

/// The code of a close frame (RFC 6455, 7.4).
///
/// Codes below 4000 are the protocol's own and those of libraries; "status codes in the range 4000-4999 are reserved for
/// private use" (7.4.2): of these, 4000 to 4099 are conduit's, and 4100 to 4999 the application's.
///
/// Codes that no close frame may have are 0 to 999, 1004 to 1006, 1014 to 2999 (many peers take no 1014), and 5000 and more. Where one of them is
/// given to be sent, 1011 is sent, and the fault is logged.
///
/// Whether to come back is what [`is_worth_a_retry`](Self::is_worth_a_retry) says. A [`Client`](crate::Client) does so
/// too, and in addition as the table says for 1002, 1007 and 4001. One that the server closed with a code of the application's does not come back: it was sent away.
///
/// | code | meaning | come back? |
/// |---|---|---|
/// | 1000 | normal end | no, unless there is more to do |
/// | 1001 | the server shuts down | yes, after a while |
/// | 1002 | a frame broke the WebSocket protocol | once, as it may have been damaged on its way; else it is a fault of the client |
/// | 1007 | a text frame was not UTF-8 | likewise |
/// | 1008 | more was sent on a raw route than `max_messages_per_second` or `max_bytes_per_second` | yes, more slowly |
/// | 1009 | a message was over `max_message_size` | not with that message |
/// | 1011 | the handler of a raw route failed, or a connect hook panicked; the server's log says how | yes |
/// | 1013 | the server is full | yes, after a while |
/// | 3000 | never sent: how a client ends whose login is refused when it comes back | no |
/// | 4001 | no login within `auth_timeout` | with credentials, or an `on_connect` hook that logs in |
/// | 4002 | the client read too slowly and its queue was full | yes |
/// | 4003 | the server's application refused the client | no |
/// | 4004 | not a byte came from the client within `heartbeat_timeout` | yes |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The connection has served its purpose.
    pub const NORMAL: Self = Self(1000);
    /// The server shuts down.
    pub const GOING_AWAY: Self = Self(1001);
    /// A frame broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A close frame without a code arrived. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// The connection was lost without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// A text frame was not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// What the peer does is against the rules.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message was too large.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server has as many connections as it may have.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// The login was refused (registered as "Unauthorized"). Never sent by conduit: a client
    /// [ends](crate::Client::closed) so that lost its connection and may not come back.
    pub const UNAUTHORIZED: Self = Self(3000);
    /// The client did not log in within `auth_timeout`.
    pub const LOGIN_TIMEOUT: Self = Self(4001);
    /// The client read more slowly than it was sent to, until its queue was full.
    pub const SLOW_CLIENT: Self = Self(4002);
    /// The application refused the client.
    pub const REFUSED: Self = Self(4003);
    /// Not a byte came from the client for too long.
    pub const DEAD: Self = Self(4004);

    /// The code as a number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether a client that was closed with this code may expect to fare better on another connection.
    ///
    /// Not so with 1000, the codes for which the client is to blame, and those of the application. With 1002, 1007 and
    /// 4001 it depends on more than the code: the table above says on what.
    #[must_use]
    pub const fn is_worth_a_retry(self) -> bool {
        // 1012 is "service restart", 1014 "bad gateway", 3008 "timeout": the registry of RFC 6455, 11.7.
        matches!(self.0, 1001 | 1005 | 1006 | 1008 | 1009 | 1011..=1015 | 3008 | 4002 | 4004)
    }

    /// The code as the application may have it sent: itself, if a close frame can have it (RFC 6455, 7.4.2).
    pub(crate) fn to_send(self) -> Self {
        if matches!(self.0, 1000..=1003 | 1007..=1013 | 3000..=4999) {
            return self;
        }
        tracing::error!(code = self.0, "no close frame can have this code: 1011 is sent in its place");
        Self::INTERNAL_ERROR
    }
}

#[cfg(feature = "client")]
impl CloseCode {
    /// What a peer should read that caused this error, if it is still there. RFC 6455, 7.4.1 names a code for each way
    /// to break the protocol.
    pub(crate) fn of(error: &WsError) -> Option<Self> {
        match error {
            WsError::Capacity(_) => Some(Self::MESSAGE_TOO_BIG),
            WsError::Utf8(_) => Some(Self::INVALID_PAYLOAD),
            // The peer is gone already, so that there is nobody to tell.
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing) => None,
            WsError::Protocol(_) => Some(Self::PROTOCOL_ERROR),
            _ => None,
        }
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a connection ended, or is to end: the code and the reason of a close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnected {
    /// The code of the close frame: the peer's, or the one it was sent; 1006 when the connection was lost without
    /// one, 1005 when the peer's had none.
    pub code: CloseCode,
    /// The reason that came with it.
    pub reason: String,
}

impl Disconnected {
    /// To be sent: of the reason, as much as the 125 bytes of a control frame hold beside the code (RFC 6455, 5.5).
    pub(crate) fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        const LIMIT: usize = 123;
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(LIMIT));
        Self { code, reason }
    }
}

/// As in ``code 4003, reason `the lobby is full` ``.
impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            CloseCode::NO_STATUS => f.write_str("no code")?,
            code => write!(f, "code {code}")?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ", reason `{}`", self.reason) }
    }
}
