//! How messages reach a server: the files that know axum, of which `server.rs` shows the router, and WebSocket frames.
//!
//! One URL serves both: `GET` with an upgrade is a WebSocket (`websocket.rs`), `POST` is a call over HTTP
//! (`http.rs`). Raw routes have URLs of their own.

mod frame;
mod http;
mod idle;
mod listen;
mod origin;
mod output;
mod progress;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
mod socket;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod websocket;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{
        Extensions, HeaderMap, HeaderName, StatusCode,
        header::AUTHORIZATION,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

#[cfg(feature = "client")]
pub(crate) use self::listen::serve_stream;
pub(crate) use self::{idle::IdleSockets, listen::serve, tls::Tls};
use crate::{
    capacity::COME_BACK_AFTER,
    handshake::{Handshake, Headers, VERSION_HEADER},
    identity::{Credentials, Identity, Refusal, bearer},
    metrics::Cause,
    protocol::{ErrorCode, Id, error_text},
    server::Server,
};

/// The routes of a server, to serve or to nest.
pub(crate) fn router(server: Server) -> Router {
    let cors = origin::cors(server.config());
    let waited_for = from_fn_with_state(server.clone(), waited_for);
    let routes: MethodRouter<Server> = get(websocket::upgrade).merge(post(http::call));
    let raw = server.0.raw_routes.iter().fold(Router::new(), |router, route| {
        let (server, path, route) = (server.clone(), &route.path, Arc::new(route.clone()));
        router.route(path, get(move |request| websocket::upgrade_raw(server, route, request)))
    });
    raw.route("/", routes.layer(cors)).layer(waited_for).with_state(server)
}

/// Has the server's stop wait for a request, also where the server is nested and others serve the connection.
async fn waited_for(State(server): ServerState, request: Request, next: Next) -> Response {
    let _in_progress = server.0.sessions.token();
    tokio::select! {
        response = next.run(request) => response,
        () = server.0.terms.kill.cancelled() => unavailable("the server is shutting down"),
    }
}

/// Who a request's headers log in: nobody when there is no token, nor another header that the server asks for.
///
/// # Errors
/// Why the login is refused.
async fn login(server: &Server, headers: &HeaderMap, handshake: &Handshake) -> Result<Option<Identity>, Refusal> {
    let config = server.config();
    let header = headers.get(AUTHORIZATION);
    let shows_another = config.login_headers.iter().any(|name| headers.contains_key(name.as_str()));
    let token = match header.and_then(|header| bearer(header.to_str().ok()?)) {
        Some(token) => token.to_owned(),
        None if shows_another || server.auth().is_open() => String::new(),
        None if header.is_some() => {
            server.metrics().refused(Cause::BadToken);
            return Err(WANTED.into());
        }
        None => return Ok(None),
    };
    let version = headers.get(VERSION).and_then(|version| version.to_str().ok()).map(str::to_owned);
    let found = server.authenticate(Credentials::new(token, version, handshake));
    match tokio::time::timeout(config.auth_timeout, found).await {
        Ok(found) => found.map(Some),
        Err(_) => Err(Refusal::unheard(format!("it took longer than {:?}", config.auth_timeout))),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let body = error_text(&Id::NULL, &refusal.to_error_object());
    let status = match refusal.code {
        ErrorCode::Unauthorized => return unauthorized(body),
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, retry_after(refusal.wait().unwrap_or(COME_BACK_AFTER)), http::json(body)).into_response()
}

fn unauthorized(body: String) -> Response {
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], http::json(body)).into_response()
}

/// Why a request is not served, if it is not. A server that is nested starts with its first request.
async fn turned_away(server: &Server, headers: &HeaderMap) -> Option<Response> {
    if let Some(origin) = origin::refused(headers, &server.config().allowed_origins) {
        let message = format!("pages of {origin} may not call this server; its `allowed_origins` do not list it\n");
        server.metrics().refused(Cause::Origin);
        return Some((StatusCode::FORBIDDEN, message).into_response());
    }
    if server.is_closing() {
        server.metrics().refused(Cause::ShuttingDown);
        return Some(unavailable("the server is shutting down"));
    }
    let error = server.start_up().await.err()?;
    server.metrics().refused(Cause::NotStarted);
    tracing::error!(%error, "not started");
    Some(unavailable("the server has not started"))
}

/// What a request is told that shows no token.
const WANTED: &str = "wanted is `Authorization: Bearer TOKEN`";

/// The header in which a client tells its version.
const VERSION: HeaderName = HeaderName::from_static(VERSION_HEADER);

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, retry_after(COME_BACK_AFTER), format!("{why}\n")).into_response()
}

/// The header counts whole seconds; who comes before the time is over comes in vain.
fn retry_after(wait: Duration) -> [(HeaderName, u64); 1] {
    [(RETRY_AFTER, wait.as_secs() + u64::from(wait.subsec_nanos() > 0))]
}

fn handshake(headers: &HeaderMap, extensions: &Extensions) -> Handshake {
    let peer_addr = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    Handshake {
        peer_addr,
        headers: Headers::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))),
    }
}

type ServerState = State<Server>;
