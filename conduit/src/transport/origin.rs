//! Which pages in browsers may talk to the server.
//!
//! A browser lets any page open a WebSocket to anywhere and tells only where the page is from (RFC 6455, 10.2), so
//! the server has to look. Programs other than browsers send no `Origin` and are not asked for one.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN},
    request::Parts,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::VERSION;
use crate::config::ServerConfig;

/// Tells browsers what they ask before they let an allowed page of another origin post (the Fetch standard's CORS).
pub(super) fn cors(config: &ServerConfig) -> CorsLayer {
    let allowed = config.allowed_origins.clone();
    let of_logins = config.login_headers.iter().filter_map(|name| name.parse().ok());
    let headers = [AUTHORIZATION, CONTENT_TYPE, VERSION].into_iter().chain(of_logins);
    let may_call = move |_: &HeaderValue, request: &Parts| refused(&request.headers, &allowed).is_none();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(may_call))
        .allow_methods([Method::POST])
        .allow_headers(headers.collect::<Vec<HeaderName>>())
}

/// Says which origin is refused, if the request's is.
///
/// Taken are pages of the server's own host, pages of this machine, and the origins that the configuration lists
/// (`"*"` for all).
pub(super) fn refused(headers: &HeaderMap, allowed: &[String]) -> Option<String> {
    let origin = headers.get(ORIGIN)?;
    let Ok(origin) = origin.to_str() else { return Some("an origin that is no text".into()) };
    let is_listed = allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin));
    if is_listed || is_own(origin, headers) {
        return None;
    }
    Some(origin.chars().take(200).collect())
}

fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    // A page without an origin (a file, a sandboxed frame) says `null`, and could be anybody's.
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let (Some(host), Some(authority)) = (origin.host(), origin.authority()) else { return false };
    let asked = headers.get(HOST).and_then(|host| host.to_str().ok());
    is_this_machine(host) || asked.is_some_and(|asked| asked.eq_ignore_ascii_case(authority.as_str()))
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: &str, allowed: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "api.example.org:8080".parse().unwrap());
        headers.insert(ORIGIN, origin.parse().unwrap());
        let allowed: Vec<String> = allowed.iter().map(|&origin| origin.into()).collect();
        refused(&headers, &allowed).is_none()
    }

    #[test]
    fn pages_of_the_same_host_and_of_this_machine_are_taken() {
        assert!(check("http://api.example.org:8080", &[]));
        assert!(check("http://localhost:3000", &[]));
        assert!(check("http://127.0.0.1", &[]));
        assert!(check("http://[::1]:5173", &[]));
        assert!(check("https://app.localhost", &[]));
    }

    #[test]
    fn other_pages_are_refused_unless_they_are_listed() {
        for origin in [
            "https://evil.example",
            "http://api.example.org:9090",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "null",
        ] {
            assert!(!check(origin, &[]), "{origin}");
        }
        assert!(check("https://app.example.org", &["https://app.example.org"]));
        assert!(!check("https://app.example.org", &["https://other.example.org"]));
        assert!(check("https://anything.example", &["*"]));
    }

    #[test]
    fn programs_that_are_no_browsers_send_no_origin() {
        assert_eq!(refused(&HeaderMap::new(), &[]), None);
    }
}
