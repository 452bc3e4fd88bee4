//! The settings of a server, their defaults and what is no sense.

use std::time::Duration;

/// Settings with their defaults; the builder's methods of the same names change them.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) auth_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_unauthenticated: usize,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) heartbeat_timeout: Duration,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) max_message_size: usize,
    pub(crate) max_batch: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) max_queue_bytes: usize,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) shutdown_deadline: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 8080,
            name: "Server".into(),
            version: "0.0.0".into(),
            auth_timeout: Duration::from_secs(30),
            max_connections: 1000,
            max_unauthenticated: 100,
            heartbeat_interval: Duration::from_secs(30),
            heartbeat_timeout: Duration::from_secs(90),
            allowed_origins: Vec::new(),
            max_message_size: 16 * 1024 * 1024,
            max_batch: 1000,
            max_in_flight: 1024,
            max_queue_bytes: 64 * 1024 * 1024,
            call_timeout: None,
            shutdown_deadline: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Everything in it that can't work, one sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let sizes = [
            ("max_connections", self.max_connections),
            ("max_unauthenticated", self.max_unauthenticated),
            ("max_message_size", self.max_message_size),
            ("max_batch", self.max_batch),
            ("max_in_flight", self.max_in_flight),
            ("max_queue_bytes", self.max_queue_bytes),
        ];
        for (key, _) in sizes.iter().filter(|(_, size)| *size == 0) {
            faults.push(format!("`{key}` is 0: it must be at least 1"));
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
        if self.host.is_empty() {
            faults.push("`host` is empty: give an address such as \"127.0.0.1\", or \"0.0.0.0\" for all".into());
        }
        faults
    }
}
