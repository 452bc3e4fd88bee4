//! An axum WebSocket that sends every text back: what the transport costs without a protocol on it.

use std::time::Instant;

use anyhow::Result;
use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use tokio::net::TcpListener;

use super::{logs_in, serve_router, small_buffers};

pub(super) async fn serve(listener: TcpListener, begun: Instant) -> Result<()> {
    serve_router(listener, Router::new().route("/", get(upgrade)), begun).await
}

async fn upgrade(headers: HeaderMap, upgrade: WebSocketUpgrade) -> Result<Response, StatusCode> {
    logs_in(&headers)?;
    Ok(small_buffers(upgrade).on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(_) = &message
                && socket.send(message).await.is_err()
            {
                return;
            }
        }
    }))
}
