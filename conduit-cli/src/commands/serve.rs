//! `conduit serve`: a server to try clients against.

mod log;

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use conduit::{Connection, Event, RpcError, Server, ServerBuilder, methods, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use crate::{
    args::Serve,
    exit::Exit,
    failure::{Failure, Result},
    output::{self, Output},
};

pub(crate) async fn run(args: Serve, output: Output) -> Result {
    log::start(args.verbose, output);
    let builder = Server::builder()
        .name("conduit serve")
        .host(&args.host)
        .port(args.port)
        .explicit()
        .methods(methods![echo, add, time, sleep, chat])
        .sends::<Chat>()
        .sends::<Tick>()
        .on_startup(move |server: Server| async move { announce(&server, args.tick, output) });
    let server = with_token(builder, args.token, &args.host)?;
    let served = async { server.build()?.run().await };
    served.await.map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// Without a token, only programs of this machine may come.
fn with_token(builder: ServerBuilder, token: Option<String>, host: &str) -> Result<ServerBuilder> {
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match token {
        Some(token) if token.is_empty() => Err(Failure::usage("the token is empty").help("leave it out for no login")),
        Some(token) => Ok(builder.password(token)),
        None if is_local => Ok(builder.open()),
        None => Err(Failure::usage(format!("others can reach the address `{host}`, and no token is given"))
            .help("give one with --token or CONDUIT_TOKEN")),
    }
}

/// Says where the server is, and lets it tick.
fn announce(server: &Server, tick: Duration, output: Output) -> Result<(), String> {
    let address = server.address().ok_or("the server has no address")?;
    let url = format!("ws://{address}");
    let said = match output.json {
        true => output.json(&json!({ "url": url })),
        false => output::line(&format!("serving on {url}")),
    };
    said.map_err(|_| "the output is closed".to_owned())?;
    if !output.json {
        output.inform(format!("try `conduit list {address}` or `conduit repl {address}`; Ctrl-C ends it"));
    }
    tokio::spawn(ticking(server.clone(), tick));
    Ok(())
}

/// The server is there still.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("tick")]
struct Tick {
    /// How many came before it.
    n: u64,
    /// The time of the server, in UTC.
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
