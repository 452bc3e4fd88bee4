//! Plain WebSocket: the handshake of a raw route, which lets in only whom it logs in.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderValue, header::UPGRADE},
    response::Response,
};

use super::{
    VERSION, handshake, login, refused, turned_away, unavailable,
    websocket::{must_upgrade, socket, switch_protocols},
};
use crate::{metrics::Cause, raw::Route, server::Server};

pub(super) async fn upgrade(server: Server, route: Arc<Route>, mut request: Request) -> Response {
    if !request.headers().contains_key(UPGRADE) {
        return must_upgrade("messages are taken here over WebSocket: connect with one\n");
    }
    if let Some(refusal) = turned_away(&server, request.headers()).await {
        return refusal;
    }
    let mut response = match switch_protocols(&server, &request) {
        Ok(response) => response,
        Err(refusal) => return *refusal,
    };
    let handshake = handshake(request.headers(), request.extensions());
    let identity = match login(&server, request.headers(), &handshake).await {
        Ok(Some(identity)) => identity,
        Ok(None) => {
            server.metrics().refused(Cause::BadToken);
            return refused(&"wanted is `Authorization: Bearer TOKEN`".into());
        }
        Err(refusal) => return refused(&refusal),
    };
    if let Ok(version) = HeaderValue::from_str(&server.config().version) {
        response.headers_mut().insert(VERSION, version);
    }
    let Some(seat) = server.seat(true) else {
        return unavailable("the server has as many connections as it may have");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let sessions = server.0.sessions.clone();
    let connection = server.newcomer(handshake, seat);
    sessions.spawn(async move {
        if let Some(socket) = Box::pin(socket(upgrade, connection.server())).await {
            connection.server().accept_raw(&route, connection, identity, socket).await;
        }
    });
    response
}
