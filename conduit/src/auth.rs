//! Who a client is: what it shows, whom a login found, and how often it may fail.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use semver::Version;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::protocol::{ErrorCode, ErrorObject};

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
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// The token, of the `Authorization: Bearer` header or of `rpc.login`.
    pub token: String,
    /// The version that the client claims to be.
    pub version: Option<String>,
    /// Where the client is, if that is known.
    pub peer_addr: Option<SocketAddr>,
}

/// Why credentials are refused: a sentence, and the same for programs.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) data: Option<Value>,
}

impl<T: Into<String>> From<T> for Refusal {
    fn from(reason: T) -> Self {
        Self { reason: reason.into(), data: None }
    }
}

impl Refusal {
    /// What the client reads.
    pub(crate) fn to_error_object(&self) -> ErrorObject {
        let error = ErrorObject::with_code(ErrorCode::Unauthorized, format!("login failed: {}", self.reason));
        match &self.data {
            Some(data) => error.with_data(data),
            None => error,
        }
    }
}

/// Checks the version that a client claims to be of against the least that is served.
pub(crate) fn check_version(needed: &Version, claimed: Option<&str>) -> Result<(), Refusal> {
    let refuse = |reason: String| Refusal { reason, data: Some(json!({ "needed": needed, "got": claimed })) };
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

/// Failed logins by address: each takes its time, and after several the address has to wait.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// What a failed login costs whoever made it.
    const DELAY: Duration = Duration::from_millis(100);
    /// Failures in a row that an address may have.
    const ALLOWED: u32 = 10;
    /// How long they count.
    const MEMORY: Duration = Duration::from_secs(60);
    /// Addresses that are remembered; beyond it, those are let go whose time is over.
    const ADDRESSES: usize = 10_000;

    /// Says why an address may not try now, if it may not.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<(), String> {
        let Some(address) = address.map(network) else { return Ok(()) };
        let failures = self.lock();
        let Some(Failures { count, last }) = failures.get(&address) else { return Ok(()) };
        let rest = Self::MEMORY.saturating_sub(last.elapsed());
        if *count < Self::ALLOWED || rest.is_zero() {
            return Ok(());
        }
        Err(format!("too many failed logins from this address: try again in {} s", rest.as_secs() + 1))
    }

    /// Notes a failure, and holds its answer back.
    pub(crate) async fn failed(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.note(network(address));
        }
        tokio::time::sleep(Self::DELAY).await;
    }

    fn note(&self, address: IpAddr) {
        let mut failures = self.lock();
        if failures.len() >= Self::ADDRESSES {
            failures.retain(|_, failures| failures.last.elapsed() < Self::MEMORY);
        }
        if failures.len() >= Self::ADDRESSES && !failures.contains_key(&address) {
            return;
        }
        let now = Instant::now();
        let failures = failures.entry(address).or_insert(Failures { count: 0, last: now });
        if failures.last.elapsed() >= Self::MEMORY {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one address: of IPv6, where a client has as many as it likes, the network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => {
            Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()
        }
        address => address,
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
