//! WebSocket on hyper's upgrade: the handshake.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::{ServerState, VERSION, handshake, login, refused, socket::WsSocket, turned_away, unavailable};
use crate::{config::ServerConfig, metrics::Cause, server::Server};

/// Subprotocols under which JSON-RPC is known. Some clients offer one and give up when it is not taken.
const SUBPROTOCOLS: [&str; 2] = ["jsonrpc", "jsonrpc-2.0"];

pub(super) async fn upgrade(State(server): ServerState, mut request: Request) -> Response {
    if !request.headers().contains_key(UPGRADE) {
        return must_upgrade(
            "this is a JSON-RPC 2.0 service: connect with WebSocket, or POST a request as application/json\n",
        );
    }
    if let Some(refusal) = turned_away(&server, request.headers()).await {
        return refusal;
    }
    let mut response = match switch_protocols(&server, &request) {
        Ok(response) => response,
        Err(refusal) => return *refusal,
    };
    if let Some(offered) = subprotocol(request.headers()) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered.parse().expect("a constant of letters"));
    }
    let handshake = handshake(request.headers(), request.extensions());
    let identity = match login(&server, request.headers(), &handshake).await {
        Ok(identity) => identity,
        Err(refusal) => return refused(&refusal),
    };
    // Only to those who are logged in: which version runs is nobody else's business.
    if identity.is_some()
        && let Ok(version) = HeaderValue::from_str(&server.config().version)
    {
        response.headers_mut().insert(VERSION, version);
    }
    let Some(seat) = server.seat(identity.is_some()) else {
        return unavailable("the server has as many connections as it may have");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let sessions = server.0.sessions.clone();
    let connection = server.newcomer(handshake, seat);
    sessions.spawn(async move {
        // In a box of its own, so that a connection does not hold the memory that its beginning takes.
        if let Some(socket) = Box::pin(socket(upgrade, connection.server())).await {
            connection.server().accept(connection, identity, socket).await;
        }
    });
    response
}

/// The answer to a request that asks for a WebSocket as it should.
///
/// # Errors
/// The answer to one that does not.
pub(super) fn switch_protocols(server: &Server, request: &Request) -> Result<Response, Box<Response>> {
    create_response_with_body(request, Body::empty).map_err(|error| {
        server.metrics().refused(Cause::Handshake);
        Box::new((StatusCode::BAD_REQUEST, format!("not a WebSocket handshake: {error}\n")).into_response())
    })
}

pub(super) async fn socket(upgrade: OnUpgrade, server: Server) -> Option<Box<WsSocket<TokioIo<Upgraded>>>> {
    // The answer to the handshake may still have to be taken by the peer.
    let upgraded = match server.0.terms.kill.run_until_cancelled(upgrade).await? {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "a WebSocket upgrade failed");
            return None;
        }
    };
    let ServerConfig { max_message_size, buffer_size, .. } = *server.config();
    Some(Box::new(WsSocket::new(TokioIo::new(upgraded), max_message_size, buffer_size)))
}

fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(',')).map(str::trim);
    offered.find_map(|offered| SUBPROTOCOLS.into_iter().find(|known| *known == offered))
}

pub(super) fn must_upgrade(message: &'static str) -> Response {
    (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")], message).into_response()
}
