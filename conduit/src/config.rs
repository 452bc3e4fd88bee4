//! The settings of a server and their defaults.

mod faults;
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

/// How deep the JSON parser goes.
const MAX_DEPTH: usize = 128;

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
