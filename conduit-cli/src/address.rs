//! Where a server is, as it may be typed.

use std::{fmt, str::FromStr};

/// The URL of a server, of the scheme `ws` or `wss`.
///
/// `http://` and `https://` stand for them, `host:port` alone for `ws://host:port`, and `:port` for a port of this
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The host with its port, for a prompt.
    pub(crate) fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or(rest)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let (scheme, rest) = match typed.split_once("://") {
            Some((scheme, rest)) => (known(scheme)?, rest),
            None => ("ws", typed),
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match host {
            "" => Err("wanted a host, such as ws://127.0.0.1:8080 or just 127.0.0.1:8080".into()),
            _ if host.contains('@') => Err("it holds a user or a password; give a token with --token".into()),
            _ if host.contains(char::is_whitespace) => Err("a host has no spaces".into()),
            _ if host.starts_with(':') => Ok(Self(format!("{scheme}://127.0.0.1{rest}"))),
            _ => Ok(Self(format!("{scheme}://{rest}"))),
        }
    }
}

fn known(scheme: &str) -> Result<&'static str, String> {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => Ok("ws"),
        "wss" | "https" => Ok("wss"),
        _ => Err(format!("the scheme is `{scheme}`; wanted ws, wss, http or https")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_be_named_in_short() {
        let cases = [
            ("ws://a:1/rpc", "ws://a:1/rpc"),
            ("wss://a", "wss://a"),
            ("http://a:1", "ws://a:1"),
            ("HTTPS://a/x?y=1", "wss://a/x?y=1"),
            ("localhost:8080", "ws://localhost:8080"),
            ("[::1]:8080", "ws://[::1]:8080"),
            (":8080/rpc", "ws://127.0.0.1:8080/rpc"),
        ];
        for (typed, url) in cases {
            assert_eq!(typed.parse::<Address>().map(|address| address.0), Ok(url.to_owned()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_and_no_secret_repeated() {
        let refusal = |typed: &str| typed.parse::<Address>().expect_err("refused");
        assert!(refusal("").contains("wanted a host"));
        assert!(refusal("ws:///rpc").contains("wanted a host"));
        assert!(refusal("ftp://a").contains("the scheme is `ftp`"));
        assert!(refusal("a b").contains("no spaces"));
        let secret = refusal("ws://me:hunter2@a");
        assert!(secret.contains("--token") && !secret.contains("hunter2"));
    }
}
