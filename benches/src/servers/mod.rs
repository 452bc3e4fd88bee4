//! The servers that are compared: the same methods, each as its library wants them written.

mod bare;
mod by_hand;
mod conduit;
mod jsonrpsee;
mod socketioxide;

use std::{
    fmt,
    io::Read,
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{
    extract::ws::WebSocketUpgrade,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    serve::ListenerExt,
};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use crate::process;

/// What every connection logs in with.
pub(crate) const TOKEN: &str = "a-token-of-the-benchmark";

/// The largest message of any work.
const MAX_MESSAGE: usize = 64 << 20;

/// How many connections a server must take.
const MAX_CONNECTIONS: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Name {
    /// conduit, with everything on
    Conduit,
    /// JSON-RPC on axum and serde_json, as little of it as will do
    ByHand,
    /// an axum WebSocket that sends back what it gets
    Bare,
    Jsonrpsee,
    /// socketioxide, with acks
    Socketioxide,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no server is hidden").get_name())
    }
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct Serve {
    /// Which server
    pub(crate) name: Name,
    /// The port; 0 for one that is free
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Threads of the runtime; one is a `current_thread` runtime
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Cores to stay on; all by default
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,
    /// Further methods that nobody calls, `m0`, `m1`, .. (conduit only)
    #[arg(long, default_value_t = 0)]
    pub(crate) methods: usize,
}

impl Serve {
    /// On a free port of the loopback, one thread on the first core.
    pub(crate) fn pinned(name: Name) -> Self {
        Self { name, port: 0, host: "127.0.0.1".into(), threads: 1, cores: vec![0], methods: 0 }
    }

    /// The command line that says this.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["serve".into(), self.name.to_string()];
        let cores: Vec<String> = self.cores.iter().map(usize::to_string).collect();
        for (flag, value) in [
            ("--port", self.port.to_string()),
            ("--host", self.host.clone()),
            ("--threads", self.threads.to_string()),
            ("--methods", self.methods.to_string()),
            ("--cores", cores.join(",")),
        ] {
            if !value.is_empty() {
                arguments.extend([flag.into(), value]);
            }
        }
        arguments
    }

    /// Serves until standard input ends, which it does with whoever started this.
    pub(crate) fn run(self) -> Result<()> {
        if !self.cores.is_empty() {
            process::pin(self.cores.iter().copied())?;
        }
        process::raise_open_files();
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
        let mut runtime = match self.threads {
            1 => tokio::runtime::Builder::new_current_thread(),
            threads => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(threads);
                builder
            }
        };
        // A task of the runtime, not the thread that waits for it: else the socket of a multi-threaded runtime's
        // first task would be served from outside of its workers.
        runtime.enable_all().build()?.block_on(async move { tokio::spawn(self.serve()).await? })
    }

    async fn serve(self) -> Result<()> {
        let begun = Instant::now();
        if self.name == Name::Conduit {
            return conduit::serve(&self, begun).await;
        }
        let listener = TcpListener::bind((self.host.as_str(), self.port)).await?;
        match self.name {
            Name::ByHand => by_hand::serve(listener, begun).await,
            Name::Bare => bare::serve(listener, begun).await,
            Name::Jsonrpsee => jsonrpsee::serve(listener, begun).await,
            Name::Socketioxide => socketioxide::serve(listener, begun).await,
            Name::Conduit => unreachable!("it binds its address itself"),
        }
    }
}

/// Tells whoever started the server where it is.
fn announce(port: u16, begun: Instant) {
    println!("{port} {}", begun.elapsed().as_nanos());
}

/// Serves a router with TCP_NODELAY, which axum does not set.
async fn serve_router(listener: TcpListener, router: axum::Router, begun: Instant) -> Result<()> {
    announce(listener.local_addr()?.port(), begun);
    let listener = listener.tap_io(|stream: &mut TcpStream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

/// The login of the servers that have none of their own.
fn logs_in(headers: &HeaderMap) -> Result<(), StatusCode> {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if token == Some(TOKEN.as_bytes()) { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

/// An upgrade with small buffers: with those of axum's default an idle connection holds 135 KiB.
fn small_buffers(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(4096).max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE)
}

/// How long the slow method takes.
const SLOW: Duration = Duration::from_millis(1);

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
struct CreateUser {
    username: String,
    email: String,
    age: u8,
    nickname: Option<String>,
}

impl CreateUser {
    /// What a created user is answered with.
    fn letters(&self) -> usize {
        letters(&self.username, &self.email, self.nickname.as_deref()) + usize::from(self.age)
    }
}

fn letters(username: &str, email: &str, nickname: Option<&str>) -> usize {
    username.len() + email.len() + nickname.map_or(0, str::len)
}

#[derive(Deserialize)]
struct Emit {
    count: usize,
    bytes: usize,
}

/// The payload of an event.
fn event(bytes: usize) -> String {
    "e".repeat(bytes)
}
