//! cargo run --example chat
//!
//! A complete chat: names, rooms, joins and leaves that the room is told of, and a history in SQLite that survives a
//! restart. Run alone it serves from a database in memory and plays a short conversation.
//! `cargo run --example chat serve 8080 chat.db` serves until Ctrl-C;
//! `cargo run --example chat join ws://127.0.0.1:8080 NAME ROOM` is a terminal client: it says what you type.

mod history;
mod names;
mod room;
mod terminal;

use std::{future::ready, time::Duration};

use conduit::{Connection, Credentials, Identity, Server, on_client_connect, on_client_disconnect};
use history::History;
use names::Names;
use room::{Joined, Left, Said};
use terminal::Terminal;

/// What a line takes to arrive at most.
const PATIENCE: Duration = Duration::from_secs(10);

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => conversation().await,
        ["serve", port, file] => serve(port.parse()?, History::open(file)?).await,
        ["join", url, name, room] => terminal::run(url, name, room).await,
        _ => Err("usage: chat | chat serve PORT FILE | chat join URL NAME ROOM".into()),
    }
}

/// Who logs in gives a name, and has it for as long as the connection lasts. As in IRC a name is all it takes; a
/// service with accounts looks them up in the login hook.
fn server(port: u16, history: History) -> conduit::Result<Server> {
    Server::builder()
        .host("127.0.0.1")
        .port(port)
        .name("Chat")
        .version("1.0.0")
        .state(history)
        .state(Names::default())
        .sends::<Said>()
        .sends::<Joined>()
        .sends::<Left>()
        .login(|_server: Server, credentials: Credentials| {
            ready(names::check(&credentials.token).map(|()| Identity::new(credentials.token)))
        })
        .build()
}

/// What fails here refuses the client, and is the reason that it reads.
#[on_client_connect]
async fn arrive(client: &Connection, names: &Names) -> std::result::Result<(), String> {
    names.take(room::name(client))
}

#[on_client_disconnect]
async fn depart(client: &Connection, names: &Names) {
    room::leave_all(client);
    names.free(room::name(client));
}

async fn serve(port: u16, history: History) -> Result {
    let server = server(port, history)?.start().await?;
    println!("serving on ws://{}", server.address());
    tokio::signal::ctrl_c().await?;
    Ok(server.stop().await?)
}

/// A server and two clients that talk; a third comes later, and reads what was said.
async fn conversation() -> Result {
    let server = server(0, History::in_memory()?)?.start().await?;
    let url = format!("ws://{}", server.address());

    let mut ada = Terminal::join(&url, "ada", "lobby").await?;
    show("ada", &mut ada, 1).await?;
    let mut bob = Terminal::join(&url, "bob", "lobby").await?;
    show("bob", &mut bob, 1).await?;
    show("ada", &mut ada, 1).await?;

    ada.enter("hello bob").await?;
    show("bob", &mut bob, 1).await?;
    bob.enter("hello ada, and goodbye").await?;
    show("ada", &mut ada, 1).await?;
    bob.close().await;
    show("ada", &mut ada, 1).await?;

    let mut cleo = Terminal::join(&url, "cleo", "lobby").await?;
    show("cleo", &mut cleo, 3).await?;
    if let Err(refusal) = Terminal::join(&url, "ada", "lobby").await {
        println!("a second ada: {refusal}");
    }
    cleo.close().await;
    ada.close().await;
    Ok(server.stop().await?)
}

/// Prints the next lines that somebody reads.
async fn show(who: &str, terminal: &mut Terminal, lines: usize) -> Result {
    for _ in 0..lines {
        let line = tokio::time::timeout(PATIENCE, terminal.read()).await?;
        println!("{who:>4} reads  {line}");
    }
    Ok(())
}
