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

    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("wss://")
    }

    /// Whether a port was typed; without one it is 80, or 443 of `wss`.
    pub(crate) fn has_port(&self) -> bool {
        self.host().rsplit(']').next().is_some_and(|end| end.contains(':'))
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
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = halves(authority).map_err(|why| without_slashes(typed).unwrap_or(why))?;
        match (host, port) {
            ("", None) => return Err("wanted a host, such as ws://127.0.0.1:8080 or just 127.0.0.1:8080".into()),
            (number, None) if number.parse::<u16>().is_ok() => {
                return Err(format!("`{number}` is read as a host; a port of this machine is `:{number}`"));
            }
            _ => {}
        }
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{scheme}://{host}{port}{path}");
        url.parse::<http::Uri>().map_err(|error| format!("{error}"))?;
        Ok(Self(url))
    }
}

/// What is wrong with `http:localhost` and `ws:/localhost`.
fn without_slashes(typed: &str) -> Option<String> {
    let (scheme, rest) = typed.split_once(':')?;
    known(scheme).ok().filter(|_| !rest.starts_with("//"))?;
    Some(format!("wanted {scheme}://{}", rest.trim_start_matches('/')))
}

/// Host and port.
fn halves(authority: &str) -> Result<(&str, Option<u16>), String> {
    if authority.contains('@') {
        return Err("it holds a user or a password; give a token with --token".into());
    }
    if authority.contains(char::is_whitespace) {
        return Err("a host has no spaces".into());
    }
    let is_bracketed = authority.ends_with(']');
    let Some((host, port)) = authority.rsplit_once(':').filter(|_| !is_bracketed) else {
        return Ok((authority, None));
    };
    if host.contains(':') && !host.ends_with(']') {
        let hint = "an IPv6 address is written in brackets, as in [::1]:8080";
        return Err(format!("`{authority}` is no host with its port; {hint}"));
    }
    match port.parse() {
        _ if port.is_empty() => Err("the port after the colon is missing".into()),
        Ok(0) | Err(_) => Err(format!("`{port}` is no port: wanted 1 to 65535")),
        Ok(port) => Ok((host, Some(port))),
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
            ("[::1]", "ws://[::1]"),
            ("localhost", "ws://localhost"),
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
        assert!(refusal("http://").contains("wanted a host"));
        assert!(refusal(":").contains("the port after the colon is missing"));
        assert!(refusal("wss://a:").contains("the port after the colon is missing"));
        assert!(refusal(":99999").contains("`99999` is no port"));
        assert!(refusal("a:0").contains("`0` is no port"));
        assert!(refusal("8080").contains("a port of this machine is `:8080`"));
        assert!(refusal("::1").contains("as in [::1]:8080"));
        assert!(refusal("ws:/localhost").contains("wanted ws://localhost"));
        assert!(refusal("http:localhost:1").contains("wanted http://localhost:1"));
        assert!(refusal("a\"b:1").contains("invalid"));
        assert!(refusal("ws:///rpc").contains("wanted a host"));
        assert!(refusal("ftp://a").contains("the scheme is `ftp`"));
        assert!(refusal("a b").contains("no spaces"));
        let address = |typed: &str| typed.parse::<Address>().expect("an address");
        assert_eq!(["a", "a:1", "[::1]", "[::1]:1"].map(|typed| address(typed).has_port()), [false, true, false, true]);
        let secret = refusal("ws://me:hunter2@a");
        assert!(secret.contains("--token") && !secret.contains("hunter2"));
    }
}
