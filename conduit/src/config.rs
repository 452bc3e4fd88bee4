//! The settings of a server, their defaults and what is no sense.

mod load;

use std::{fmt, num::NonZeroU32, path::PathBuf, time::Duration};

use semver::Version;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};

/// The settings of a server, for programs that take them from a file or from the environment.
///
/// Each has the default and the meaning of the [`ServerBuilder`](crate::ServerBuilder) method of its name. Times are
/// written with their unit (`"30s"`, `"500ms"`), sizes in bytes. A key that there is not is an error.
///
/// ```
/// use conduit::{Server, ServerConfig};
///
/// let config: ServerConfig = toml::from_str(
///     r#"
///     port = 0
///     password = "secret"
///     heartbeat_interval = "10s"
///     "#,
/// )?;
/// let server = Server::builder().explicit().config(config).build()?;
/// assert!(toml::from_str::<ServerConfig>("prot = 8080").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the builder's methods of the same names say what they are")]
pub struct ServerConfig {
    pub host: String,
    pub port: u16,
    pub name: String,
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_version: Option<Version>,
    /// The token of the login; without it, and without `open`, a random one is made and logged once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    pub open: bool,
    pub login_headers: Vec<String>,
    #[serde(with = "humantime_serde")]
    pub auth_timeout: Duration,
    pub max_failed_logins: u32,
    pub max_connections: usize,
    pub max_unauthenticated: usize,
    pub max_idle_sockets: usize,
    pub buffer_size: usize,
    #[serde(with = "humantime_serde")]
    pub heartbeat_interval: Duration,
    #[serde(with = "humantime_serde")]
    pub heartbeat_timeout: Duration,
    pub allowed_origins: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    pub max_message_size: usize,
    pub max_batch: usize,
    pub max_depth: usize,
    pub max_in_flight: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_messages_per_second: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes_per_second: Option<NonZeroU32>,
    pub max_queue_bytes: usize,
    pub slow_clients: SlowClients,
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub call_timeout: Option<Duration>,
    #[serde(with = "humantime_serde")]
    pub shutdown_deadline: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
}

/// What becomes of a client whose queue of `max_queue_bytes` is full because it reads too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlowClients {
    /// It is disconnected with 4002.
    #[default]
    Disconnect,
    /// The oldest events that wait for it are dropped, and [counted](crate::Counters::events_dropped). Answers and calls
    /// are never dropped: a client whose queue is full of these is disconnected.
    DropOldestEvents,
}

/// The frames that a WebSocket is controlled with must fit.
const MIN_BUFFER: usize = 512;

/// How deep the JSON parser goes.
const MAX_DEPTH: usize = 128;

/// Beyond a byte each nanosecond the clock can't tell.
const MAX_BYTES_PER_SECOND: u32 = 1_000_000_000;

/// The largest buffer that a thread reads into.
const MAX_BUFFER: usize = 16 * 1024 * 1024;

/// The clock of a runtime counts milliseconds.
const MIN_HEARTBEAT_INTERVAL: Duration = Duration::from_millis(1);

/// Headers that say nothing of who a client is. Whoever sent them would be taken to log in.
const OF_EVERY_REQUEST: [&str; 13] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "conduit-version",
    "host",
    "origin",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "upgrade",
    "user-agent",
];

/// A secret that logs don't show.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl<T: Into<String>> From<T> for Password {
    fn from(password: T) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"..\"")
    }
}

/// Serde's own errors would show what stands in place of a text.
impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Secret;

        impl Visitor<'_> for Secret {
            type Value = Password;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a password in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Password, E> {
                Ok(text.into())
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Password, E> {
                Err(no_text())
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Password, E> {
                Err(no_text())
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Password, E> {
                Err(no_text())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Password, E> {
                Err(no_text())
            }
        }

        fn no_text<E: de::Error>() -> E {
            E::custom("a password is a text: put it in quotes")
        }

        deserializer.deserialize_str(Secret)
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 8080,
            name: "Server".into(),
            version: "0.0.0".into(),
            minimum_version: None,
            password: None,
            open: false,
            login_headers: Vec::new(),
            auth_timeout: Duration::from_secs(30),
            max_failed_logins: 10,
            max_connections: 1000,
            max_unauthenticated: 100,
            max_idle_sockets: 4096,
            buffer_size: 64 * 1024,
            heartbeat_interval: Duration::from_secs(30),
            heartbeat_timeout: Duration::from_secs(90),
            allowed_origins: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            max_message_size: 16 * 1024 * 1024,
            max_batch: 1000,
            max_depth: MAX_DEPTH,
            max_in_flight: 1024,
            max_messages_per_second: None,
            max_bytes_per_second: None,
            max_queue_bytes: 64 * 1024 * 1024,
            slow_clients: SlowClients::Disconnect,
            call_timeout: None,
            shutdown_deadline: Duration::from_secs(30),
            prometheus: None,
        }
    }
}

impl ServerConfig {
    /// Everything in it that can't work, one sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let sizes = [
            ("max_connections", self.max_connections),
            ("max_unauthenticated", self.max_unauthenticated),
            ("max_idle_sockets", self.max_idle_sockets),
            ("max_message_size", self.max_message_size),
            ("max_batch", self.max_batch),
            ("max_depth", self.max_depth),
            ("max_in_flight", self.max_in_flight),
            ("max_queue_bytes", self.max_queue_bytes),
        ];
        for (key, _) in sizes.iter().filter(|(_, size)| *size == 0) {
            faults.push(format!("`{key}` is 0: it must be at least 1"));
        }
        if self.buffer_size < MIN_BUFFER {
            faults.push(format!("`buffer_size` is {}: it must be at least {MIN_BUFFER}", self.buffer_size));
        }
        if self.max_depth > MAX_DEPTH {
            faults.push(format!("`max_depth` is {}: it can be at most {MAX_DEPTH}", self.max_depth));
        }
        if self.max_bytes_per_second.is_some_and(|rate| rate.get() > MAX_BYTES_PER_SECOND) {
            let rate = self.max_bytes_per_second.map_or(0, NonZeroU32::get);
            faults.push(format!("`max_bytes_per_second` is {rate}: it can be at most {MAX_BYTES_PER_SECOND}"));
        }
        let times = [
            ("auth_timeout", Some(self.auth_timeout)),
            ("heartbeat_interval", Some(self.heartbeat_interval)),
            ("heartbeat_timeout", Some(self.heartbeat_timeout)),
            ("call_timeout", self.call_timeout),
        ];
        for (key, _) in times.iter().filter(|(_, time)| *time == Some(Duration::ZERO)) {
            faults.push(format!("`{key}` is 0 s: it must be longer"));
        }
        if self.heartbeat_interval >= self.heartbeat_timeout {
            faults.push(format!(
                "`heartbeat_interval` is {:?} and `heartbeat_timeout` is {:?}: the timeout must be longer, or a ping \
                 could not be answered in time",
                self.heartbeat_interval, self.heartbeat_timeout
            ));
        }
        if self.password.as_ref().is_some_and(|Password(password)| password.is_empty()) {
            faults.push("`password` is empty: give one, or say `open` for a server without login".into());
        }
        if self.password.as_ref().is_some_and(|Password(password)| !fits_a_header(password)) {
            faults.push(
                "`password` holds other characters than visible ASCII, or spaces at its ends, which a header can't \
                 carry: choose another"
                    .into(),
            );
        }
        if !fits_a_header(&self.version) {
            faults.push(
                "`version` holds other characters than visible ASCII, or spaces at its ends, which a header can't \
                 carry: choose another, such as \"1.2.0\""
                    .into(),
            );
        }
        if self.open && self.password.is_some() {
            faults.push("`open` is true and a `password` is given: a server without login has no use for it".into());
        }
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => faults.push("`tls_certificate` is given and `tls_key` is not: TLS needs both".into()),
            (None, Some(_)) => faults.push("`tls_key` is given and `tls_certificate` is not: TLS needs both".into()),
            _ => {}
        }
        if self.buffer_size > MAX_BUFFER {
            faults.push(format!("`buffer_size` is {}: it can be at most {MAX_BUFFER}", self.buffer_size));
        }
        if !self.heartbeat_interval.is_zero() && self.heartbeat_interval < MIN_HEARTBEAT_INTERVAL {
            faults.push(format!(
                "`heartbeat_interval` is {:?}: it must be at least {MIN_HEARTBEAT_INTERVAL:?}",
                self.heartbeat_interval
            ));
        }
        faults.extend(self.allowed_origins.iter().filter(|origin| !is_origin(origin)).map(|origin| {
            format!(
                "`allowed_origins` holds `{origin}`, which no browser sends: give scheme and host as in \
                 \"https://app.example.org\", with the port if it has one and without a slash at the end, or \"*\" for all"
            )
        }));
        for name in &self.login_headers {
            if !is_header_name(name) {
                faults
                    .push(format!("`login_headers` holds `{name}`, which is no name of a header such as `x-api-key`"));
            } else if OF_EVERY_REQUEST.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                faults.push(format!(
                    "`login_headers` holds `{name}`, which clients send that don't log in: give the name of a header \
                     such as `x-api-key`"
                ));
            } else if name.eq_ignore_ascii_case("authorization") {
                faults.push(
                    "`login_headers` holds `authorization`, by which every client may log in: leave it out".into(),
                );
            }
        }
        if self.host.is_empty() {
            faults.push("`host` is empty: give an address such as \"127.0.0.1\", or \"0.0.0.0\" for all".into());
        }
        faults.extend(self.prometheus.as_deref().and_then(prometheus_fault));
        faults
    }
}

fn prometheus_fault(address: &str) -> Option<String> {
    if !cfg!(feature = "prometheus") {
        return Some(
            "`prometheus` is set, and this program's conduit is built without it: add the feature `prometheus` to \
             conduit in Cargo.toml, or leave the setting out"
                .into(),
        );
    }
    let parts = address.rsplit_once(':');
    let is_address = parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    (!is_address)
        .then(|| format!("`prometheus` is `{address}`: give an address with a port, such as \"127.0.0.1:9000\""))
}

fn fits_a_header(password: &str) -> bool {
    password.trim() == password && password.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Whether a browser could send it as where a page is from: a scheme and a host with or without a port (RFC 6454, 7).
fn is_origin(text: &str) -> bool {
    // `null` is what pages without an origin send.
    matches!(text, "*" | "null")
        || text.split_once("://").is_some_and(|(scheme, host)| {
            is_header_name(scheme) && !host.is_empty() && !host.contains(['/', '?', '#', '@', ',', ' '])
        })
}

/// Whether a text is a token, as names of headers are (RFC 9110, 5.1).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(all(test, not(feature = "prometheus")))]
mod tests {
    use super::*;

    #[test]
    fn a_setting_whose_feature_is_not_built_in_is_a_fault_that_names_the_feature() {
        let config = ServerConfig { prometheus: Some("127.0.0.1:9000".into()), ..ServerConfig::default() };
        let faults = config.faults();
        assert!(faults.len() == 1 && faults[0].contains("add the feature `prometheus`"), "{faults:?}");
    }
}
