//! conduit as its documentation says to use it: login, validation, panics contained, heartbeats, all of it on.

use std::time::Instant;

use anyhow::Result;
use conduit::{Connection, Server, methods, rpc};

use super::{MAX_CONNECTIONS, MAX_MESSAGE, SLOW, Serve, TOKEN, announce, event, letters};

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Send a text back.
#[rpc]
async fn echo(text: String) -> String {
    text
}

/// Create a user, with every argument under a constraint.
#[rpc]
async fn create_user(
    #[schemars(length(min = 3, max = 30))] username: String,
    #[schemars(email)] email: String,
    #[schemars(range(max = 150))] age: u8,
    #[schemars(length(min = 1, max = 30))] nickname: Option<String>,
) -> usize {
    letters(&username, &email, nickname.as_deref()) + usize::from(age)
}

/// The same without constraints.
#[rpc]
async fn create_user_unchecked(username: String, email: String, age: u8, nickname: Option<String>) -> usize {
    letters(&username, &email, nickname.as_deref()) + usize::from(age)
}

/// Take a millisecond.
#[rpc]
async fn slow() -> bool {
    tokio::time::sleep(SLOW).await;
    true
}

/// Send events to everybody.
#[rpc]
async fn emit(server: &Server, count: usize, bytes: usize) -> usize {
    let payload = [event(bytes)];
    (0..count).map(|_| server.broadcast("tick", &payload).send()).sum()
}

/// Join rooms, `r0`, `r1`, ..
#[rpc]
async fn join(client: &Connection, rooms: usize) -> usize {
    (0..rooms).filter(|room| client.join(&format!("r{room}"))).count()
}

/// Send an event to a room.
#[rpc]
async fn emit_to(server: &Server, room: String, bytes: usize) -> usize {
    server.broadcast("tick", &[event(bytes)]).room(&room).send()
}

pub(super) async fn serve(options: &Serve, begun: Instant) -> Result<()> {
    let methods = methods![add, echo, create_user, create_user_unchecked, slow, emit, join, emit_to];
    let mut builder = Server::builder().explicit().methods(methods).password(TOKEN).host(&*options.host);
    builder = builder.port(options.port).max_connections(MAX_CONNECTIONS).max_message_size(MAX_MESSAGE);
    // Methods have names that the compiler knows; events may be named at run time, and are called the same way.
    for n in 0..options.methods {
        builder = builder.on(format!("m{n}"), |_client: Connection, number: i64| async move { number + 1 });
    }
    let running = builder.build()?.start().await?;
    announce(running.port(), begun);
    std::future::pending().await
}
