//! How messages reach a server: the only files that name axum.
//!
//! One URL serves both: `GET` with an upgrade is a WebSocket (`websocket.rs`), `POST` is a call over HTTP
//! (`http.rs`).

mod buffered;
mod http;
mod origin;
mod websocket;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, State},
    http::{
        Extensions, HeaderMap, StatusCode,
        header::AUTHORIZATION,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::{ListenerExt, TapIo},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Credentials, Identity, Refusal, bearer},
    protocol::{Id, error_text},
    server::Server,
};

/// The routes of a server, to serve or to nest.
pub(crate) fn router(server: Server) -> Router {
    let cors = origin::cors(server.config().allowed_origins.clone());
    Router::new().route("/", get(websocket::upgrade).merge(post(http::call)).layer(cors)).with_state(server)
}

/// Serves until `shutdown` fires and the HTTP requests that run then have ended.
pub(crate) async fn serve(listener: TcpListener, server: Server, shutdown: CancellationToken) -> std::io::Result<()> {
    let listener = without_delay(listener);
    let service = router(server).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// The listener with TCP_NODELAY on what it accepts: axum leaves Nagle's algorithm on, which holds small answers back
/// for 40 ms.
fn without_delay(listener: TcpListener) -> TapIo<TcpListener, fn(&mut TcpStream)> {
    listener.tap_io(|stream: &mut TcpStream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    })
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

#[cfg(test)]
mod tests {
    use axum::serve::Listener;

    use super::*;

    #[tokio::test]
    async fn accepted_sockets_send_small_answers_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = without_delay(listener);
        let (_client, (stream, _)) = tokio::join!(TcpStream::connect(address), listener.accept());
        assert!(stream.nodelay().unwrap());
    }
}
