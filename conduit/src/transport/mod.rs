//! How messages reach a server: the only files that name axum.
//!
//! One URL serves both: `GET` with an upgrade is a WebSocket (`websocket.rs`), `POST` is a call over HTTP
//! (`http.rs`).

mod buffered;
mod http;
mod listen;
mod origin;
mod watch;
mod websocket;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{
        Extensions, HeaderMap, StatusCode,
        header::AUTHORIZATION,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

pub(crate) use self::listen::serve;
use crate::{
    auth::{Credentials, Identity, Refusal, bearer},
    protocol::{Id, error_text},
    server::Server,
};

/// The routes of a server, to serve or to nest.
pub(crate) fn router(server: Server) -> Router {
    let cors = origin::cors(server.config().allowed_origins.clone());
    let waited_for = from_fn_with_state(server.clone(), waited_for);
    let routes: MethodRouter<Server> = get(websocket::upgrade).merge(post(http::call)).layer(waited_for);
    Router::new().route("/", routes.layer(cors)).with_state(server)
}

/// Has the server's stop wait for a request, also where the server is nested and others serve the connection.
async fn waited_for(State(server): ServerState, request: Request, next: Next) -> Response {
    let _in_progress = server.0.sessions.token();
    tokio::select! {
        response = next.run(request) => response,
        () = server.0.terms.kill.cancelled() => unavailable("the server is shutting down"),
    }
}

/// Who a request's headers log in: nobody when there is no token and the server asks for one.
///
/// # Errors
/// Why the token is refused.
async fn login(
    server: &Server,
    headers: &HeaderMap,
    peer_addr: Option<SocketAddr>,
) -> Result<Option<Identity>, Refusal> {
    let header = headers.get(AUTHORIZATION);
    if header.is_none() && !server.auth().is_open() {
        return Ok(None);
    }
    let token = match header.map(|header| header.to_str().ok().and_then(bearer)) {
        Some(Some(token)) => token.to_owned(),
        Some(None) if !server.auth().is_open() => return Err("wanted is `Authorization: Bearer TOKEN`".into()),
        _ => String::new(),
    };
    let version = headers.get("conduit-version").and_then(|version| version.to_str().ok()).map(str::to_owned);
    server.authenticate(Credentials { token, version, peer_addr }).await.map(Some)
}

fn refused(refusal: &Refusal) -> Response {
    unauthorized(error_text(&Id::NULL, &refusal.to_error_object()))
}

fn unauthorized(body: String) -> Response {
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], http::json(body)).into_response()
}

/// Why a request is not served, if it is not. A server that is nested starts with its first request.
async fn turned_away(server: &Server, headers: &HeaderMap) -> Option<Response> {
    if let Some(origin) = origin::refused(headers, &server.config().allowed_origins) {
        let message = format!("pages of {origin} may not call this server; its `allowed_origins` do not list it\n");
        return Some((StatusCode::FORBIDDEN, message).into_response());
    }
    if server.is_closing() {
        return Some(unavailable("the server is shutting down"));
    }
    let error = server.run_startup_hooks().await.err()?;
    tracing::error!(%error, "not started");
    Some(unavailable("the server has not started"))
}

/// How many seconds a client should stay away from a server that can't take it.
const COME_BACK_AFTER: &str = "5";

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, COME_BACK_AFTER)], format!("{why}\n")).into_response()
}

fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

type ServerState = State<Server>;
