//! socketioxide on axum: calls are events that ask for an ack.

use std::time::Instant;

use anyhow::Result;
use axum::Router;
use serde::Deserialize;
use socketioxide::{
    SocketIo, TransportType,
    extract::{AckSender, Data, SocketRef},
};
use tokio::net::TcpListener;

use super::{Add, CreateUser, Emit, MAX_MESSAGE, SLOW, event, logs_in, serve_router};

/// Packets that may wait for a connection; a burst must fit.
const QUEUE: usize = 4096;

#[derive(Deserialize)]
struct Echo {
    text: String,
}

pub(super) async fn serve(listener: TcpListener, begun: Instant) -> Result<()> {
    let (layer, io) = SocketIo::builder()
        .transports([TransportType::Websocket])
        .max_buffer_size(QUEUE)
        .max_payload(MAX_MESSAGE as u64)
        // The generator does not answer pings.
        .build_layer();
    io.ns("/", connected);
    serve_router(listener, Router::new().layer(layer), begun).await
}

async fn connected(socket: SocketRef) {
    if logs_in(&socket.req_parts().headers).is_err() {
        let _ = socket.disconnect();
        return;
    }
    socket.on("add", async |Data(Add { a, b }): Data<Add>, ack: AckSender| {
        let _ = ack.send(&(a + b));
    });
    socket.on("echo", async |Data(Echo { text }): Data<Echo>, ack: AckSender| {
        let _ = ack.send(&text);
    });
    socket.on("create_user_unchecked", async |Data(user): Data<CreateUser>, ack: AckSender| {
        let _ = ack.send(&user.letters());
    });
    socket.on("slow", async |ack: AckSender| {
        tokio::time::sleep(SLOW).await;
        let _ = ack.send(&true);
    });
    socket.on("emit", async |io: SocketIo, Data(Emit { count, bytes }): Data<Emit>, ack: AckSender| {
        let payload = event(bytes);
        for _ in 0..count {
            let _ = io.emit("tick", &payload).await;
        }
        let _ = ack.send(&count);
    });
}
