//! Who a client is: what it shows, and whom a login found.

use std::{collections::BTreeSet, fmt, net::SocketAddr, time::Duration};

use semver::Version;
use serde_json::{Value, json};

use crate::{
    handshake::{Handshake, Headers},
    protocol::{ErrorCode, ErrorObject},
};

/// Who a login found.
///
/// A login by password finds one without name and roles; a [login hook](crate::ServerBuilder::login) finds whom it
/// will.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    name: String,
    roles: BTreeSet<String>,
}

impl Identity {
    /// An identity of this name, without roles.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), roles: BTreeSet::new() }
    }

    /// The same identity with one role more.
    #[must_use]
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.roles.insert(role.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(String::as_str)
    }

    /// Whether it has this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}

/// What a client shows to log in.
#[derive(Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// The token, of the `Authorization: Bearer` header or of `rpc.login`; empty when the client logs in by another of
    /// the [`login_headers`](crate::ServerBuilder::login_headers).
    pub token: String,
    /// The version that the client claims to be.
    pub version: Option<String>,
    /// Where the client is, if that is known.
    pub peer_addr: Option<SocketAddr>,
    headers: Headers,
}

impl Credentials {
    pub(crate) fn new(token: String, version: Option<String>, handshake: &Handshake) -> Self {
        Self { token, version, peer_addr: handshake.peer_addr, headers: handshake.headers.clone() }
    }

    /// The first header of this name, of the request with which the connection began; case does not matter.
    ///
    /// `Authorization` is not among them: its token is [`token`](Self::token). Nor are those that the upgrade alone is
    /// about, and values that are not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.find(name)
    }

    /// All headers that [`header`](Self::header) finds: names in lower case, and values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }
}

/// Without the token and the headers' values.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &"..")
            .field("version", &self.version)
            .field("peer_addr", &self.peer_addr)
            .field("headers", &self.headers)
            .finish()
    }
}

/// Why credentials are refused: a sentence, and the same for programs.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// `Unauthorized` is a verdict on the credentials. The others say nothing of them: they may do another time.
    pub(crate) code: ErrorCode,
    pub(crate) reason: String,
    pub(crate) data: Option<Value>,
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(reason: T) -> Self {
        Self { code: ErrorCode::Unauthorized, reason: reason.into(), data: None }
    }
}

impl Refusal {
    /// The client must wait so long.
    pub(crate) fn for_now(reason: String, wait: Duration) -> Self {
        let data = json!({ "retry_after_ms": u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) });
        Self { code: ErrorCode::RateLimited, reason, data: Some(data) }
    }

    /// The credentials could not be looked at.
    pub(crate) fn unheard(reason: impl Into<String>) -> Self {
        Self { code: ErrorCode::InternalError, ..reason.into().into() }
    }

    /// The server stops, and closes the connection.
    pub(crate) fn shutting_down() -> Self {
        let data = Some(json!({ "closing": true }));
        Self { code: ErrorCode::ShuttingDown, data, ..Self::from("the server is shutting down") }
    }

    /// How long the client must wait, if that is why.
    pub(crate) fn wait(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.data.as_ref()?.get("retry_after_ms")?.as_u64()?))
    }

    /// What the client reads.
    pub(crate) fn to_error_object(&self) -> ErrorObject {
        let error = ErrorObject::with_code(self.code, format!("login failed: {}", self.reason));
        match &self.data {
            Some(data) => error.with_data(data),
            None => error,
        }
    }
}

/// Checks the version that a client claims to be of against the least that is served.
pub(crate) fn check_version(needed: &Version, claimed: Option<&str>) -> Result<(), Refusal> {
    let refuse = |reason: String| Refusal { data: Some(json!({ "needed": needed, "got": claimed })), ..reason.into() };
    let Some(claimed) = claimed else {
        return Err(refuse(format!("version {needed} or later is needed, and none was told")));
    };
    match Version::parse(claimed) {
        Ok(version) if version >= *needed => Ok(()),
        Ok(_) => Err(refuse(format!("version {needed} or later is needed, not {claimed}"))),
        Err(error) => {
            let shown: String = claimed.chars().take(60).collect();
            Err(refuse(format!("`{shown}` is no semantic version such as 1.2.0: {error}")))
        }
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, 2.1); the scheme's case does not matter.
pub(crate) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_semantic_versions() {
        let needed = Version::new(1, 10, 0);
        let check = |claimed| check_version(&needed, claimed).map_err(|refusal| refusal.reason);
        assert_eq!((check(Some("1.10.0")), check(Some("2.0.0"))), (Ok(()), Ok(())));
        assert_eq!(check(Some("1.9.0")).unwrap_err(), "version 1.10.0 or later is needed, not 1.9.0");
        assert_eq!(check(Some("1.10.0-rc.1")).unwrap_err(), "version 1.10.0 or later is needed, not 1.10.0-rc.1");
        assert_eq!(check(None).unwrap_err(), "version 1.10.0 or later is needed, and none was told");
        assert!(check(Some("new")).unwrap_err().starts_with("`new` is no semantic version such as 1.2.0"));
    }

    #[test]
    fn bearer_tokens_are_found() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
    }
}
