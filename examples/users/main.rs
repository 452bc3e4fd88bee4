//! cargo run --example users
//!
//! A user directory: validated structs, typed errors, and an SQLite database as state, so that the data is
//! real and survives a restart. Run alone it serves from a database in memory and plays the client as well.
//! `cargo run --example users serve 8080 users.db` serves until Ctrl-C or SIGTERM, with the token in `CONDUIT_TOKEN` if it
//! is set; `cargo run --example users call ws://127.0.0.1:8080` is the client side.

mod client;
mod methods;
mod store;

use conduit::{Server, ServerBuilder};
use store::Store;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => both().await,
        ["serve", port, file] => serve(port.parse()?, Store::open(file)?).await,
        ["call", url] => Ok(client::run(url, token().as_deref()).await?),
        _ => Err("usage: users | users serve PORT FILE | users call URL".into()),
    }
}

fn token() -> Option<String> {
    std::env::var("CONDUIT_TOKEN").ok()
}

fn server(port: u16, store: Store) -> ServerBuilder {
    let builder = Server::builder().host("127.0.0.1").port(port).name("Users").version("1.0.0").state(store);
    match token() {
        Some(token) => builder.password(token),
        None => builder.open(),
    }
}

async fn serve(port: u16, store: Store) -> Result<(), Box<dyn std::error::Error>> {
    let server = server(port, store).on_startup(|server: Server| async move {
        if let Some(address) = server.address() {
            println!("serving on ws://{address}");
        }
    });
    Ok(server.build()?.run().await?)
}

async fn both() -> Result<(), Box<dyn std::error::Error>> {
    let server = server(0, Store::in_memory()?).build()?.start().await?;
    client::run(&format!("ws://{}", server.address()), token().as_deref()).await?;
    Ok(server.stop().await?)
}
