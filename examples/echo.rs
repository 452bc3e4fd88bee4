//! cargo run --example echo
//!
//! Plain WebSocket without JSON-RPC: a raw route that sends back what it gets, and a client of it. Both run here in one
//! program. To serve alone, run `cargo run --example echo serve`; any WebSocket client will do then.

use conduit::{Server, ServerBuilder, raw};

fn server() -> ServerBuilder {
    Server::builder().host("127.0.0.1").open().raw("/echo", |conn, message| async move {
        conn.send(message);
    })
}

#[tokio::main]
async fn main() -> conduit::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match std::env::args().nth(1).as_deref() {
        None => both().await,
        Some("serve") => server().build()?.run().await,
        Some(other) => {
            eprintln!("`{other}` is not known: say `serve`, or nothing for a client too");
            std::process::exit(2);
        }
    }
}

async fn both() -> conduit::Result<()> {
    let server = server().port(0).build()?.start().await?;
    let mut client = raw::connect(format!("ws://{}/echo", server.address())).await?;

    client.send("hello").await?;
    println!("{:?}", client.recv().await?);
    client.send(vec![1, 2, 3]).await?;
    println!("{:?}", client.recv().await?);

    client.close(1000, "").await;
    server.stop().await
}
