//! WebSocket on hyper's upgrade: the handshake.

use std::sync::Arc;

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

use super::{ServerState, VERSION, WANTED, handshake, login, refused, socket::WsSocket, turned_away, unavailable};
use crate::{
    config::ServerConfig,
    connection::Connection,
    identity::{Identity, Refusal},
    metrics::Cause,
    raw::Route,
    server::Server,
};

/// Subprotocols under which JSON-RPC is known. Some clients offer one and give up when it is not taken.
const SUBPROTOCOLS: [&str; 2] = ["jsonrpc", "jsonrpc-2.0"];

/// What is asked for where JSON-RPC is served.
pub(super) async fn upgrade(State(server): ServerState, request: Request) -> Response {
    const HINT: &str =
        "this is a JSON-RPC 2.0 service: connect with WebSocket, or POST a request as application/json\n";
    let subprotocol = subprotocol(request.headers());
    match shake_hands(&server, request, HINT, Ok).await {
        Ok((mut response, newcomer, identity)) => {
            if let Some(offered) = subprotocol {
                response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offered));
            }
            newcomer.serve(|connection, socket| connection.server().accept(connection, identity, socket));
            response
        }
        Err(refusal) => *refusal,
    }
}

/// The same at a raw route, which lets in only whom the upgrade logs in.
pub(super) async fn upgrade_raw(server: Server, route: Arc<Route>, request: Request) -> Response {
    const HINT: &str = "messages are taken here over WebSocket: connect with one\n";
    let logged_in = |identity: Option<Identity>| identity.ok_or_else(|| WANTED.into());
    match shake_hands(&server, request, HINT, logged_in).await {
        Ok((response, newcomer, identity)) => {
            newcomer.serve(move |connection, socket| async move {
                connection.server().accept_raw(&route, connection, identity, socket).await;
            });
            response
        }
        Err(refusal) => *refusal,
    }
}

/// Looks at a request for a WebSocket: gives the answer that grants it, and who comes then. `admit` has the last word about
/// whom the request logs in.
///
/// # Errors
/// The answer that refuses it; `hint` is that to a request which does not ask for a WebSocket.
async fn shake_hands<I>(
    server: &Server,
    mut request: Request,
    hint: &'static str,
    admit: impl FnOnce(Option<Identity>) -> Result<I, Refusal>,
) -> Result<(Response, Newcomer, I), Box<Response>> {
    if !request.headers().contains_key(UPGRADE) {
        return Err(Box::new((StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")], hint).into_response()));
    }
    if let Some(refusal) = turned_away(server, request.headers()).await {
        return Err(Box::new(refusal));
    }
    let mut response = create_response_with_body(&request, Body::empty).map_err(|error| {
        server.metrics().refused(Cause::Handshake);
        Box::new((StatusCode::BAD_REQUEST, format!("not a WebSocket handshake: {error}\n")).into_response())
    })?;
    let handshake = handshake(request.headers(), request.extensions());
    let identity = login(server, request.headers(), &handshake).await.map_err(|refusal| Box::new(refused(&refusal)))?;
    let is_logged_in = identity.is_some();
    let identity = admit(identity).map_err(|refusal| {
        server.metrics().refused(Cause::BadToken);
        Box::new(refused(&refusal))
    })?;
    // Only to those who are logged in: which version runs is nobody else's business.
    if is_logged_in && let Ok(version) = HeaderValue::from_str(&server.config().version) {
        response.headers_mut().insert(VERSION, version);
    }
    let Some(seat) = server.seat(is_logged_in) else {
        return Err(Box::new(unavailable("the server has as many connections as it may have")));
    };
    let newcomer = Newcomer { upgrade: hyper::upgrade::on(&mut request), connection: server.newcomer(handshake, seat) };
    Ok((response, newcomer, identity))
}

/// A connection whose socket comes when the answer to its handshake is written.
struct Newcomer {
    upgrade: OnUpgrade,
    connection: Connection,
}

impl Newcomer {
    /// Has the connection accepted when its socket is there, in a task that the server's stop waits for.
    fn serve<F>(self, accept: impl FnOnce(Connection, Box<Socket>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, connection } = self;
        let sessions = connection.server().0.sessions.clone();
        sessions.spawn(async move {
            // In a box of its own, so that a connection does not hold the memory that its beginning takes.
            if let Some(socket) = Box::pin(socket(upgrade, connection.server())).await {
                accept(connection, socket).await;
            }
        });
    }
}

type Socket = WsSocket<TokioIo<Upgraded>>;

async fn socket(upgrade: OnUpgrade, server: Server) -> Option<Box<Socket>> {
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
