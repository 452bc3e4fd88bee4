//! What the request told with which a connection began: where the peer is, and the headers.

use std::{fmt, net::SocketAddr, sync::Arc};

/// The header in which either side tells its version at login.
pub(crate) const VERSION_HEADER: &str = "conduit-version";

/// The request with which a connection began: the upgrade, or the one request over HTTP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handshake {
    /// Where the peer is, if that is known.
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) headers: Headers,
}

/// The headers of a request, as one text: a connection keeps them for as long as it lives.
#[derive(Clone, Default)]
pub(crate) struct Headers(Arc<str>);

/// Headers that are not kept: the secret of a login, and what the upgrade alone is about.
const LEFT_OUT: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "connection",
    "upgrade",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
];

impl Headers {
    /// Keeps those whose value is a text.
    pub(crate) fn new<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut lines = String::new();
        for (name, value) in headers {
            let Ok(value) = std::str::from_utf8(value) else { continue };
            if !LEFT_OUT.contains(&name) {
                // HTTP lets no name hold a colon, and no value the end of a line.
                lines.extend([name, ":", value, "\n"]);
            }
        }
        Self(lines.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.lines().filter_map(|line| line.split_once(':'))
    }

    /// The first of this name; case does not matter.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The names alone: a value may be a secret.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_but_for_secrets_and_what_is_no_text() {
        let headers: [(&str, &[u8]); 6] = [
            ("host", b"a:80"),
            ("authorization", b"Bearer secret"),
            ("x-empty", b""),
            ("x-binary", b"\xff"),
            ("cookie", b"a=1; b=2"),
            ("cookie", "c=ü".as_bytes()),
        ];
        let headers = Headers::new(headers);
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("host", "a:80"), ("x-empty", ""), ("cookie", "a=1; b=2"), ("cookie", "c=ü")]);
        assert_eq!((headers.find("Cookie"), headers.find("authorization")), (Some("a=1; b=2"), None));
        assert_eq!(format!("{headers:?}"), r#"["host", "x-empty", "cookie", "cookie"]"#);
    }
}
