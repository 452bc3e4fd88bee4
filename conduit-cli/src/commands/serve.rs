//! `conduit serve`: a server to try clients against.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use conduit::{Connection, Event, RpcError, Server, ServerBuilder, methods, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing_subscriber::{filter::Targets, prelude::*};

use crate::{
    args::Serve,
    exit::Exit,
    failure::{Failure, Result},
    output::{
        self,
        style::{self, paint},
    },
};

pub(crate) async fn run(args: Serve) -> Result {
    log(args.verbose);
    let builder = Server::builder()
        .name("conduit serve")
        .host(&args.host)
        .port(args.port)
        .explicit()
        .methods(methods![echo, add, time, sleep, chat])
        .on_startup(move |server: Server| async move { announce(&server, args.tick) });
    let server = with_token(builder, args.token, &args.host)?;
    let served = async { server.build()?.run().await };
    served.await.map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// Without a token, only programs of this machine may come.
fn with_token(builder: ServerBuilder, token: Option<String>, host: &str) -> Result<ServerBuilder> {
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match token {
        Some(token) => Ok(builder.password(token)),
        None if is_local => Ok(builder.open()),
        None => Err(Failure::usage(format!("others can reach the address `{host}`, and no token is given"))
            .help("give one with --token or CONDUIT_TOKEN")),
    }
}

fn log(is_verbose: bool) {
    let level = if is_verbose { tracing::Level::DEBUG } else { tracing::Level::WARN };
    let calls = Targets::new().with_default(tracing::Level::WARN).with_target("conduit::call", level);
    let spans = tracing_subscriber::fmt::format::FmtSpan::CLOSE;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
        .with_span_events(if is_verbose { spans } else { tracing_subscriber::fmt::format::FmtSpan::NONE })
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(calls)).init();
}

/// Says where the server is, and lets it tick.
fn announce(server: &Server, tick: Duration) -> Result<(), String> {
    let address = server.address().ok_or("the server has no address")?;
    let hints = format!(
        "{}\n",
        paint(style::FAINT, &format!("try `conduit list {address}` or `conduit repl {address}`; Ctrl-C ends it"))
    );
    anstream::eprint!("{hints}");
    output::line(&format!("serving on ws://{address}")).map_err(|_| "the output is closed".to_owned())?;
    tokio::spawn(ticking(server.clone(), tick));
    Ok(())
}

/// One of the events that the server sends.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("tick")]
struct Tick {
    n: u64,
    time: String,
}

async fn ticking(server: Server, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    for n in 1.. {
        ticks.tick().await;
        server.broadcast_event(&Tick { n, time: now() }).send();
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Answer with what was sent.
#[rpc]
async fn echo(
    /// Anything.
    value: Box<RawValue>,
) -> Box<RawValue> {
    value
}

#[derive(Debug, thiserror::Error, RpcError)]
enum AddError {
    #[error("{a} + {b} is more than 64 bits hold")]
    #[rpc(code = 1)]
    Overflow { a: i64, b: i64 },
}

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> Result<i64, AddError> {
    a.checked_add(b).ok_or(AddError::Overflow { a, b })
}

/// Tell the time of the server, in UTC.
#[rpc(public)]
async fn time() -> String {
    now()
}

/// Answer after a while. To be tried: time limits, cancellation, a server that ends meanwhile.
#[rpc]
async fn sleep(
    /// How long, in seconds.
    #[schemars(range(min = 0.0, max = 3600.0))]
    seconds: f64,
) -> f64 {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    seconds
}

/// Something said.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
struct Chat {
    /// Who says it.
    #[serde(default = "somebody")]
    #[schemars(length(min = 1, max = 30))]
    name: String,
    /// What is said.
    #[schemars(length(min = 1, max = 500))]
    text: String,
}

fn somebody() -> String {
    "somebody".into()
}

/// Say something to everybody else, and learn how many they are.
#[on("chat")]
async fn chat(client: &Connection, data: Chat) -> usize {
    client.server().broadcast_event(&data).exclude([client.id()]).send()
}
