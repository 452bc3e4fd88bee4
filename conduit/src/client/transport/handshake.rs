//! What is asked of a server before it talks, and what its refusals mean.

use std::{fmt, io, path::Path};

use tokio_tungstenite::tungstenite::{
    self,
    client::IntoClientRequest,
    handshake::client::{Request, Response},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header::AUTHORIZATION},
};

use super::{carrier::Pipe, tls::Tls};
use crate::{
    error::{Error, ErrorKind, Result, VersionMismatch},
    handshake::VERSION_HEADER,
    protocol::ErrorObject,
};

/// Where to connect to, as whom, and with which limits; checked.
#[derive(Clone)]
pub(in crate::client) struct Target {
    url: Uri,
    request: Request,
    tls: Option<Tls>,
    pipe: Option<Pipe>,
    max_message_size: usize,
}

impl Target {
    pub(in crate::client) fn new(
        url: &str,
        headers: &[(String, String)],
        root_certificate: Option<&Path>,
        max_message_size: usize,
    ) -> Result<Self> {
        let url = parse_url(url)?;
        let mut request = url.clone().into_client_request().map_err(|error| bad_url(&url, &error))?;
        for (name, value) in headers {
            let (name, value) = header(name, value)?;
            request.headers_mut().insert(name, value);
        }
        let tls = tls(&url, root_certificate)?;
        Ok(Self { url, request, tls, pipe: None, max_message_size })
    }

    /// The same, with a token to log in with. An `Authorization` header that was given wins.
    pub(in crate::client) fn with_token(&self, token: &str) -> Result<Self> {
        let (bearer, mut target) = (bearer(token)?, self.clone());
        target.request.headers_mut().entry(AUTHORIZATION).or_insert(bearer);
        Ok(target)
    }

    /// Whether it logs in while it connects.
    pub(in crate::client) fn logs_in(&self) -> bool {
        self.request.headers().contains_key(AUTHORIZATION)
    }

    /// Host and port, to be resolved.
    pub(super) fn address(&self) -> String {
        let host = self.url.host().unwrap_or_default();
        format!("{host}:{}", port(&self.url))
    }

    /// What secures the connection, of a `wss://` URL.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The same server, by a pipe, if there is one.
    pub(in crate::client) fn over(self, pipe: Option<Pipe>) -> Self {
        Self { pipe, ..self }
    }

    pub(super) fn pipe(&self) -> Option<&Pipe> {
        self.pipe.as_ref()
    }

    pub(super) fn request(&self) -> Request {
        self.request.clone()
    }

    pub(super) fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    /// The error of a server that can't be reached.
    pub(super) fn unreachable(&self, error: io::Error) -> Error {
        connect_error(format!("can't connect to {}: {error}", self.url)).with_source(error)
    }

    /// The error of a server that was reached and with which no TLS came about.
    pub(super) fn insecure(&self, why: &str) -> Error {
        connect_error(format!("can't connect to {}: {why}", self.url))
    }

    /// The error of a server that was reached and did not become a WebSocket.
    pub(super) fn refused(&self, error: tungstenite::Error) -> Error {
        match error {
            tungstenite::Error::Http(response) => match response.status() {
                StatusCode::UNAUTHORIZED => self.unauthorized(refusal(&response)),
                StatusCode::FORBIDDEN => {
                    let message = format!("{} refused this client: {}", self.url, status(&response));
                    Error::new(ErrorKind::Unauthorized, message)
                }
                _ => connect_error(format!("{} answered {}", self.url, status(&response))),
            },
            error => connect_error(format!("{} is no WebSocket: {error}", self.url)).with_source(error),
        }
    }

    fn unauthorized(&self, refusal: Option<ErrorObject>) -> Error {
        let what_to_do = match self.logs_in() {
            true => "the password, or the `Authorization` header, is not the server's",
            false => "give the password: `Client::connect(url).password(..)`",
        };
        let why = refusal.as_ref().map_or(what_to_do, ErrorObject::message);
        let message = format!("{} refused the login (status 401): {why}", self.url);
        let error = Error::new(ErrorKind::Unauthorized, message);
        let Some(refusal) = refusal else { return error };
        match refusal.data_as::<VersionMismatch>() {
            Some(versions) => error.with_source(versions).with_object(refusal),
            None => error.with_object(refusal),
        }
    }
}

/// The address and nothing secret.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Why a server of this kind refuses a client: its answer is a response of JSON-RPC.
fn refusal(response: &Response) -> Option<ErrorObject> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: ErrorObject,
    }
    let Refusal { error } = serde_json::from_slice(response.body().as_deref()?).ok()?;
    Some(error)
}

/// The version that the server told. One that is no text counts as told: it is refused where a version is needed.
pub(super) fn version(response: &Response) -> Option<String> {
    Some(String::from_utf8_lossy(response.headers().get(VERSION_HEADER)?.as_bytes()).into_owned())
}

fn connect_error(message: String) -> Error {
    Error::new(ErrorKind::Connect, message)
}

fn bad_url(seen: impl fmt::Display, why: impl fmt::Display) -> Error {
    connect_error(format!("bad URL: wanted `ws://host:port`, seen `{seen}`: {why}"))
}

fn parse_url(url: &str) -> Result<Uri> {
    let parsed: Uri = url.parse().map_err(|error| bad_url(url, error))?;
    match parsed.scheme_str() {
        Some("ws" | "wss") => {}
        Some(scheme) => return Err(bad_url(url, format_args!("the scheme is `{scheme}`, not `ws` or `wss`"))),
        None => return Err(bad_url(url, "the scheme `ws://` is missing")),
    }
    match parsed.authority() {
        // Not shown: the URL holds a secret.
        Some(authority) if authority.as_str().contains('@') => {
            Err(connect_error("bad URL: it holds a user or a password; give it with `.password(..)`".into()))
        }
        // A port beyond 16 bits is read as none, and the default is another service.
        Some(authority)
            if authority.port().is_none() && authority.as_str().trim_end_matches(':') != authority.host() =>
        {
            let port = authority.as_str().rsplit(':').next().unwrap_or_default();
            Err(bad_url(url, format_args!("`{port}` is no port: wanted 1 to 65535")))
        }
        _ => Ok(parsed),
    }
}

fn port(url: &Uri) -> u16 {
    url.port_u16().unwrap_or(if url.scheme_str() == Some("wss") { 443 } else { 80 })
}

/// What secures the connection to a `wss://` URL.
fn tls(url: &Uri, root_certificate: Option<&Path>) -> Result<Option<Tls>> {
    if url.scheme_str() == Some("wss") {
        let tls = Tls::new(url.host().unwrap_or_default(), root_certificate);
        return tls.map(Some).map_err(|why| connect_error(format!("no TLS with {url}: {why}")));
    }
    match root_certificate {
        None => Ok(None),
        Some(_) => Err(bad_url(url, "a root certificate is given, which is of use with `wss://` alone")),
    }
}

fn bearer(password: &str) -> Result<HeaderValue> {
    // A header may hold other bytes, but servers read it as ASCII, and without the spaces at its end.
    let is_visible = password.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !password.ends_with(' ');
    match HeaderValue::from_str(&format!("Bearer {password}")) {
        Ok(mut value) if is_visible => {
            value.set_sensitive(true);
            Ok(value)
        }
        _ => Err(connect_error("the password can't be sent: it must be visible ASCII characters".into())),
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|error| connect_error(format!("`{name}` can't be the name of a header: {error}")))?;
    // The value is not shown: it may be a secret.
    let value = HeaderValue::from_str(value)
        .map_err(|_| connect_error(format!("the value of header `{name}` holds a control character")))?;
    Ok((parsed, value))
}

/// The status and what the server says of it: the start of the body, as far as it came with the head.
fn status(response: &Response) -> String {
    const SHOWN: usize = 200;
    let body = refusal(response).map_or_else(
        || String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()),
        |refusal| refusal.message().to_owned().into(),
    );
    let body: String = body.trim().chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    match body.is_empty() {
        true => format!("status {}", response.status()),
        false => format!("status {}: {body}", response.status()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, password: Option<&str>, headers: &[(String, String)]) -> String {
        let target = Target::new(url, headers, None, 1);
        let target = target.and_then(|target| password.map_or(Ok(target.clone()), |token| target.with_token(token)));
        match target {
            Ok(target) => panic!("{target} was taken"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Connect);
                error.to_string()
            }
        }
    }

    #[test]
    fn a_bad_url_says_what_was_wanted_and_seen() {
        let wanted = |seen: &str, why: &str| format!("bad URL: wanted `ws://host:port`, seen `{seen}`: {why}");
        let cases = [
            ("http://a", "the scheme is `http`, not `ws` or `wss`"),
            ("127.0.0.1:80", "the scheme `ws://` is missing"),
            ("localhost", "the scheme `ws://` is missing"),
            ("", "empty string"),
            ("ws://", "empty string"),
            ("ws://a b", "invalid uri character"),
        ];
        for (url, why) in cases {
            assert_eq!(refusal(url, None, &[]), wanted(url, why));
        }
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn tls_is_refused_with_what_to_do() {
        let error = refusal("wss://a", None, &[]);
        assert!(error.contains("enable the feature `tls` of `conduit`"), "{error}");
    }

    #[test]
    fn a_root_certificate_without_tls_is_a_mistake() {
        let error = Target::new("ws://a", &[], Some(Path::new("root.pem")), 1).err().unwrap().to_string();
        assert!(error.contains("of use with `wss://` alone"), "{error}");
    }

    #[test]
    fn secrets_are_not_repeated() {
        for error in [
            refusal("ws://me:hunter2@a", None, &[]),
            refusal("ws://a", Some("hunter2\n"), &[]),
            refusal("ws://a", Some("hunter2é"), &[]),
            refusal("ws://a", None, &[("token".into(), "hunter2\r\n".into())]),
        ] {
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(refusal("ws://a", None, &[("a b".into(), String::new())]).contains("`a b`"));
    }

    #[test]
    fn the_port_is_the_schemes_own_when_none_is_given() {
        let address = |url| Target::new(url, &[], None, 1).map(|target| target.address()).unwrap();
        assert_eq!(address("ws://example.org/path"), "example.org:80");
        assert_eq!(address("ws://[::1]:8080"), "[::1]:8080");
        assert_eq!(port(&Uri::from_static("wss://[::1]/path")), 443);
    }
}
