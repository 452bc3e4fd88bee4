//! How messages reach a server: the only files that name axum.
//!
//! One URL serves both: `GET` with an upgrade is a WebSocket (`websocket.rs`), `POST` is a call over HTTP
//! (`http.rs`).

mod http;
mod websocket;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, State},
    http::{Extensions, HeaderMap, StatusCode, header::AUTHORIZATION, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::bearer,
    protocol::{ErrorCode, ErrorObject, Id, error_text},
    server::Server,
};

/// The routes of a server, to serve or to nest.
pub(crate) fn router(server: Server) -> Router {
    Router::new().route("/", get(websocket::upgrade).merge(post(http::call))).with_state(server)
}

/// Serves until `shutdown` fires and the HTTP requests that run then have ended.
pub(crate) async fn serve(listener: TcpListener, server: Server, shutdown: CancellationToken) -> std::io::Result<()> {
    // axum leaves Nagle's algorithm on, which holds small answers back for 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let service = router(server).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// What a request's headers say of who sends it.
enum Login {
    /// The token is right, or the server asks for none.
    Done,
    /// There is no token.
    None,
    /// There is a token and it is wrong.
    Wrong,
}

fn login(server: &Server, headers: &HeaderMap) -> Login {
    if server.auth().is_open() {
        return Login::Done;
    }
    let Some(header) = headers.get(AUTHORIZATION) else { return Login::None };
    match header.to_str().ok().and_then(bearer) {
        Some(token) if server.auth().accepts(token) => Login::Done,
        _ => Login::Wrong,
    }
}

fn wrong_token() -> Response {
    let error = ErrorObject::with_code(ErrorCode::Unauthorized, "login failed: the bearer token is wrong");
    unauthorized(error_text(&Id::NULL, &error))
}

fn unauthorized(body: String) -> Response {
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], http::json(body)).into_response()
}

fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

type ServerState = State<Server>;
