//! cargo run --example dashboard
//!
//! A background task that broadcasts statistics of the machine every second, and the web page that shows them. The
//! page is a route of the program's own axum application; the server is nested in it, at `/rpc`.
//! `cargo run --example dashboard 9000` takes another port than 8080; `cargo run --example dashboard once` connects
//! to itself, prints two samples, and ends.

mod machine;

use std::net::SocketAddr;

use axum::{Router, response::Html, routing::get};
use conduit::{
    Event, Server,
    protocol::{Incoming, Message as Rpc, parse},
};
use futures_util::StreamExt;
use machine::{Machine, Sample};
use tokio::{
    net::TcpListener,
    time::{Duration, MissedTickBehavior, interval},
};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve(8080).await,
        ["once"] => once().await,
        [port] => serve(port.parse()?).await,
        _ => Err("usage: dashboard | dashboard PORT | dashboard once".into()),
    }
}

/// Pages can't show a token when they connect, so the server is open; the address lets in this machine alone.
fn server() -> conduit::Result<Server> {
    let server = Server::builder().explicit().name("Dashboard").version("1.0.0").open().sends::<Sample>();
    // A nested server starts with its first request, and so does the task.
    let server = server.on_startup(|server: Server| async move {
        let machine = Machine::new()?;
        tokio::spawn(measure(server, machine));
        Ok::<_, sysinfo::Error>(())
    });
    server.build()
}

/// Tells everybody how the machine is, every second.
async fn measure(server: Server, mut machine: Machine) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    seconds.tick().await;
    loop {
        seconds.tick().await;
        let sample = machine.sample(server.connection_count());
        server.broadcast_event(&sample).send();
    }
}

fn application(server: &Server) -> Router {
    Router::new().route("/", get(Html(include_str!("page.html")))).nest("/rpc", server.router())
}

async fn serve(port: u16) -> Result {
    let server = server()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("serving on http://{}", listener.local_addr()?);
    let service = application(&server).into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        let _ = tokio::signal::ctrl_c().await;
        server.stop().await;
    };
    Ok(axum::serve(listener, service).with_graceful_shutdown(stop).await?)
}

async fn once() -> Result {
    let server = server()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/rpc", listener.local_addr()?);
    let service = application(&server).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());

    let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
    for _ in 0..2 {
        let text = socket.next().await.ok_or("the server closed the connection")??.into_text()?;
        if let Incoming::Single(Ok(Rpc::Request(event))) = parse(&text)
            && event.method == Sample::NAME
            && let Some(params) = event.params
        {
            println!("{}", serde_json::from_str::<Sample>(params)?);
        }
    }
    Ok(socket.close(None).await?)
}
