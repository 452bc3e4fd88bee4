//! What can't work among the settings of a server.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    ops::RangeInclusive,
    time::Duration,
};

use super::{MAX_DEPTH, Password, ServerConfig};
use crate::{
    bounds::{MIN_TIME, outside},
    heartbeat,
};

/// The frames that a WebSocket is controlled with must fit into the lesser, and each thread has one buffer.
const BUFFER: RangeInclusive<usize> = 512..=16 * 1024 * 1024;

/// A call takes nearly as much if it has no arguments and a short name.
const MIN_MESSAGE: usize = 64;

/// An object, and one in it: a call with arguments, such as the login.
const MIN_DEPTH: usize = 2;

/// Beyond one each nanosecond the clock can't tell.
const MAX_RATE: u32 = 1_000_000_000;

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

impl ServerConfig {
    /// Everything in it that can't work, one sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let addresses = self.address_faults().into_iter().chain(self.prometheus.as_deref().and_then(prometheus_fault));
        let logins = self.login_faults().into_iter().chain(self.tls_fault());
        let limits = self.size_faults().into_iter().chain(self.rate_faults()).chain(self.time_faults());
        addresses.chain(logins).chain(self.origin_faults()).chain(limits).collect()
    }

    fn address_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.host.is_empty() {
            faults.push("`host` is empty: give an address such as \"127.0.0.1\", or \"0.0.0.0\" for all".into());
        } else if !is_host(&self.host) {
            faults.push(format!(
                "`host` is `{}`, which is neither an address nor a name: give one such as \"127.0.0.1\", \"::1\" or \
                 \"localhost\", and the port as `port`",
                self.host
            ));
        }
        if self.name.trim().is_empty() {
            faults.push("`name` is empty: give the name that clients are to read, or leave it out".into());
        }
        if self.version.is_empty() || !fits_a_header(&self.version) {
            faults.push(format!(
                "`version` is `{}`: wanted is visible ASCII without spaces at its ends, which a header can carry, such \
                 as \"1.2.0\"",
                self.version.escape_default()
            ));
        }
        faults
    }

    fn login_faults(&self) -> Vec<String> {
        let mut faults: Vec<_> = self.login_headers.iter().filter_map(|name| login_header_fault(name)).collect();
        let Some(Password(password)) = &self.password else { return faults };
        if self.open {
            faults.push("`open` is true and a `password` is given: a server without login has no use for it".into());
        }
        if password.is_empty() {
            faults.push("`password` is empty: give one, or say `open` for a server without login".into());
        } else if !fits_a_header(password) {
            faults.push(
                "`password` holds other characters than visible ASCII, or spaces at its ends, which a header can't \
                 carry: choose another"
                    .into(),
            );
        }
        faults
    }

    fn tls_fault(&self) -> Option<String> {
        let (given, lacking) = match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => ("tls_certificate", "tls_key"),
            (None, Some(_)) => ("tls_key", "tls_certificate"),
            _ => return None,
        };
        Some(format!("`{given}` is given and `{lacking}` is not: TLS needs both"))
    }

    fn origin_faults(&self) -> impl Iterator<Item = String> {
        self.allowed_origins.iter().filter(|origin| !is_origin(origin)).map(|origin| {
            format!(
                "`allowed_origins` holds `{origin}`, which no browser sends: give scheme and host as in \
                 \"https://app.example.org\", with the port if it is not the scheme's own and without a slash at the \
                 end, or \"*\" alone for all"
            )
        })
    }

    fn size_faults(&self) -> Vec<String> {
        let sizes = [
            ("max_connections", self.max_connections, 1..=usize::MAX),
            ("max_unauthenticated", self.max_unauthenticated, 1..=usize::MAX),
            ("max_idle_sockets", self.max_idle_sockets, 1..=usize::MAX),
            ("buffer_size", self.buffer_size, BUFFER),
            ("max_message_size", self.max_message_size, MIN_MESSAGE..=usize::MAX),
            ("max_batch", self.max_batch, 1..=usize::MAX),
            ("max_depth", self.max_depth, MIN_DEPTH..=MAX_DEPTH),
            ("max_in_flight", self.max_in_flight, 1..=usize::MAX),
            ("max_queue_bytes", self.max_queue_bytes, 1..=usize::MAX),
        ];
        sizes.iter().filter_map(|(key, size, range)| outside(key, size, range)).collect()
    }

    fn rate_faults(&self) -> impl Iterator<Item = String> {
        let rates = [
            ("max_messages_per_second", self.max_messages_per_second),
            ("max_bytes_per_second", self.max_bytes_per_second),
        ];
        rates.into_iter().filter_map(|(key, rate)| outside(key, &rate.map_or(1, NonZeroU32::get), &(1..=MAX_RATE)))
    }

    /// No time is too long. What calls have when the server stops, `shutdown_deadline`, may be nothing.
    fn time_faults(&self) -> Vec<String> {
        let range = MIN_TIME..=Duration::MAX;
        let too_short = |key, time: &Duration| outside(key, time, &range);
        let mut faults = Vec::new();
        faults.extend(too_short("auth_timeout", &self.auth_timeout));
        faults.extend(too_short("heartbeat_interval", &self.heartbeat_interval));
        let call_timeout = self.call_timeout.as_ref().and_then(|time| too_short("call_timeout", time));
        faults.extend(call_timeout.map(|fault| format!("{fault}; leave it out for no limit")));
        faults.extend(heartbeat::misfit(self.heartbeat_interval, self.heartbeat_timeout));
        faults
    }
}

fn login_header_fault(name: &str) -> Option<String> {
    let why = if !is_header_name(name) {
        "which is no name of a header such as `x-api-key`"
    } else if OF_EVERY_REQUEST.iter().any(|other| name.eq_ignore_ascii_case(other)) {
        "which clients send that don't log in: give the name of a header such as `x-api-key`"
    } else if name.eq_ignore_ascii_case("authorization") {
        "by which every client may log in: leave it out"
    } else {
        return None;
    };
    Some(format!("`login_headers` holds `{name}`, {why}"))
}

fn prometheus_fault(address: &str) -> Option<String> {
    if !cfg!(feature = "prometheus") {
        return Some(
            "`prometheus` is set, and this program's conduit is built without it: add the feature `prometheus` to \
             conduit in Cargo.toml, or leave the setting out"
                .into(),
        );
    }
    let is_address = address.rsplit_once(':').is_some_and(|(host, port)| {
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        is_host(in_brackets.unwrap_or(host)) && port.parse::<u16>().is_ok()
    });
    (!is_address)
        .then(|| format!("`prometheus` is `{address}`: give an address with a port, such as \"127.0.0.1:9000\""))
}

/// Whether it could be an address, of IPv6 with a zone or without, or the name of a host.
fn is_host(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<IpAddr>().is_ok() || is_host_name(text)
}

/// Whether nothing in it parts a host from what stands beside it in a URL.
fn is_host_name(text: &str) -> bool {
    let may_stand = |c: char| !c.is_whitespace() && !c.is_control() && !"/\\:?#@[],*%".contains(c);
    !text.is_empty() && text.chars().all(may_stand)
}

fn fits_a_header(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Whether a browser could send it as where a page is from: a scheme and a host with or without a port (RFC 6454, 7).
fn is_origin(text: &str) -> bool {
    // `null` is what pages without an origin send, `file://` some web views for files.
    matches!(text, "*" | "null" | "file://")
        || text.split_once("://").is_some_and(|(scheme, authority)| {
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                _ => (authority, None),
            };
            let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let is_host = match in_brackets {
                Some(address) => address.parse::<Ipv6Addr>().is_ok(),
                None => host.is_ascii() && is_host_name(host),
            };
            is_scheme(scheme) && is_host && port.is_none_or(|port| is_sent_port(scheme, port))
        })
}

/// Whether a text is a scheme (RFC 3986, 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether it is a port that browsers tell: they leave out that which the scheme has anyway (RFC 6454, 6.2).
fn is_sent_port(scheme: &str, port: &str) -> bool {
    let own = match scheme.to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    port.parse::<u16>().is_ok_and(|number| Some(number) != own && number.to_string() == port)
}

/// Whether a text is a token, as names of headers are (RFC 9110, 5.1).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    /// What each setting can't be, as it stands in a file.
    const NONSENSE: &[(&str, &[&str])] = &[
        ("host", &["''", "' '", "'localhost:8080'", "'http://localhost'", "'[::1]'", "'127.0.0.1, ::1'", "'*'"]),
        ("name", &["''", "' '"]),
        ("version", &["''", "' 1.2.0'", "'1.2.0ß'"]),
        ("password", &["''", "'secret '", "'geheimniß'"]),
        ("login_headers", &["['']", "['x api key']", "['Host']", "['authorization']"]),
        ("auth_timeout", &["'0s'", "'1us'"]),
        ("max_connections", &["0"]),
        ("max_unauthenticated", &["0"]),
        ("max_idle_sockets", &["0"]),
        ("buffer_size", &["0", "511", "16777217"]),
        ("heartbeat_interval", &["'0s'", "'1ns'", "'999us'", "'90s'", "'91s'"]),
        ("heartbeat_timeout", &["'0s'", "'1ns'", "'30s'"]),
        (
            "allowed_origins",
            &[
                "['']",
                "['app.example']",
                "['https://']",
                "['https://app.example/']",
                "['https://*.example']",
                "['https://app.example:']",
                "['https://app.example:443']",
                "['http://app.example:080']",
                "['https://app.example:65536']",
                "['https://a@app.example']",
                "['https://[::1']",
                "['1s://app.example']",
                "['https://bücher.example']",
            ],
        ),
        ("tls_certificate", &["'server.pem'"]),
        ("tls_key", &["'server.key'"]),
        ("max_message_size", &["0", "63"]),
        ("max_batch", &["0"]),
        ("max_depth", &["0", "1", "129"]),
        ("max_in_flight", &["0"]),
        ("max_messages_per_second", &["1000000001"]),
        ("max_bytes_per_second", &["1000000001"]),
        ("max_queue_bytes", &["0"]),
        ("call_timeout", &["'0s'", "'999us'"]),
        ("prometheus", &["''", "'9000'", "'127.0.0.1'", "':9000'", "'http://127.0.0.1:9000'", "'127.0.0.1:65536'"]),
    ];

    /// Of these every value that there is works by itself.
    const ANYTHING: &[&str] =
        &["port", "minimum_version", "open", "max_failed_logins", "slow_clients", "shutdown_deadline"];

    fn faults(file: &str) -> Vec<String> {
        toml::from_str::<ServerConfig>(file).expect("the kinds are right").faults()
    }

    #[test]
    fn nonsense_is_refused_by_the_name_of_its_setting() {
        for (key, values) in NONSENSE {
            for value in *values {
                let faults = faults(&format!("{key} = {value}"));
                assert!(faults.len() == 1 && faults[0].contains(&format!("`{key}`")), "{key} = {value}: {faults:?}");
            }
        }
    }

    #[test]
    fn of_every_setting_it_is_known_what_is_nonsense() {
        let rate = Some(NonZeroU32::MIN);
        let config = ServerConfig {
            minimum_version: Some(semver::Version::new(1, 0, 0)),
            password: Some("p".into()),
            tls_certificate: Some("server.pem".into()),
            tls_key: Some("server.key".into()),
            max_messages_per_second: rate,
            max_bytes_per_second: rate,
            call_timeout: Some(Duration::MAX),
            prometheus: Some("localhost:9000".into()),
            ..ServerConfig::default()
        };
        let settings = Table::try_from(config).expect("it can be written");
        let mut known: Vec<_> = NONSENSE.iter().map(|(key, _)| *key).chain(ANYTHING.iter().copied()).collect();
        known.sort_unstable();
        let mut keys: Vec<_> = settings.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(known, keys);
    }

    #[test]
    fn what_is_at_a_limit_works() {
        for line in [
            "host = 'fe80::1%eth0'",
            "host = '::'",
            "host = 'my_service.internal.'",
            "auth_timeout = '1ms'",
            "heartbeat_interval = '1ms'\nheartbeat_timeout = '2ms'",
            "max_message_size = 64",
            "max_message_size = 104857600",
            "max_queue_bytes = 1",
            "max_depth = 2",
            "max_messages_per_second = 1000000000",
            "shutdown_deadline = '0s'",
            "max_failed_logins = 0",
            "buffer_size = 512",
            "allowed_origins = ['*', 'null', 'file://', 'http://localhost:3000', 'http://[::1]:3000', 'chrome-extension://abc']",
            "allowed_origins = ['https://app.example', 'http://app.example:443', 'HTTPS://App.Example:8443']",
        ] {
            assert_eq!(faults(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_fault_says_what_is_seen_and_wanted() {
        let all = "max_batch = 0\ncall_timeout = '0s'\nbuffer_size = 20000000\nmax_queue_bytes = 0";
        let wanted = [
            "`buffer_size` is 20000000: it must not be over 16777216",
            "`max_batch` is 0: it must be at least 1",
            "`max_queue_bytes` is 0: it must be at least 1",
            "`call_timeout` is 0ns: it must be at least 1ms; leave it out for no limit",
        ];
        assert_eq!(faults(all), wanted);
    }

    #[test]
    #[cfg(not(feature = "prometheus"))]
    fn a_setting_whose_feature_is_not_built_in_is_a_fault_that_names_the_feature() {
        let faults = faults("prometheus = '127.0.0.1:9000'");
        assert!(faults.len() == 1 && faults[0].contains("add the feature `prometheus`"), "{faults:?}");
    }

    #[test]
    #[cfg(feature = "prometheus")]
    fn an_address_of_ipv6_stands_in_brackets_before_its_port() {
        assert_eq!(faults("prometheus = '[::1]:9000'"), Vec::<String>::new());
    }
}
