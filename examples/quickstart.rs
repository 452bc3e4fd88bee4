//! cargo run --example quickstart
//!
//! One function becomes a method; a client lists it and calls it. Both run here in one program. To see them
//! apart, run `cargo run --example quickstart serve` and, beside it, `cargo run --example quickstart call`.

use conduit::{Client, Server, rpc};
use serde_json::json;

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::main]
async fn main() -> conduit::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match std::env::args().nth(1).as_deref() {
        None => both().await,
        Some("serve") => Server::builder().password("secret").build()?.run().await,
        Some("call") => call("ws://127.0.0.1:8080").await,
        Some(other) => {
            eprintln!("`{other}` is not known: say `serve`, `call`, or nothing for both");
            std::process::exit(2);
        }
    }
}

async fn both() -> conduit::Result<()> {
    let server = Server::builder().host("127.0.0.1").port(0).password("secret").build()?.start().await?;
    println!("serving on ws://{}\n", server.address());
    call(&format!("ws://{}", server.address())).await?;
    server.stop().await
}

async fn call(url: &str) -> conduit::Result<()> {
    let client = Client::connect(url).password("secret").await?;

    println!("methods:");
    for method in client.listall().await? {
        println!("  {method}");
    }

    println!("\ncalls:");
    let five: i64 = client.call("add", json!({"a": 2, "b": 3})).await?;
    println!("  add by name: 2 + 3 = {five}");
    let five = add::call(&client, 2, 3).await?;
    println!("  add, typed:  2 + 3 = {five}");
    if let Err(error) = client.call::<i64>("add", json!({"a": 2, "b": "three"})).await {
        println!("  add with a text: {error}");
    }

    client.close().await;
    Ok(())
}
