//! Plain WebSocket at a path of its own.

mod connection;
mod limits;
mod messages;
mod serving;

use conduit::{RunningServer, ServerBuilder, raw};

use crate::support::{Peer, start};

/// Adds a route that sends back what it gets.
fn with_echo(builder: ServerBuilder) -> ServerBuilder {
    builder.raw("/echo", |conn, message| async move {
        conn.send(message);
    })
}

async fn echo(builder: ServerBuilder) -> RunningServer {
    start(with_echo(builder)).await
}

fn url(server: &RunningServer, path: &str) -> String {
    format!("ws://{}{path}", server.address())
}

async fn connect(server: &RunningServer, path: &str) -> raw::Client {
    raw::connect(url(server, path)).await.expect("the server takes the client")
}

/// A peer that shows every frame.
async fn peer(server: &RunningServer, path: &str) -> Peer {
    Peer::upgrade_at(server.address(), path, None).await.expect("the upgrade succeeds")
}

/// The code with which the server ends a connection that it has nothing more to send on.
async fn closed_with(client: &mut raw::Client) -> u16 {
    let message = client.recv().await.expect("the connection ends in order");
    assert_eq!(message, None);
    client.end().expect("it has ended").code.as_u16()
}
