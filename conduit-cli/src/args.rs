//! The command line.

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use anstream::ColorChoice;
use clap::{
    Args, Parser, Subcommand, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{address::Address, exit};

/// List, call, listen to, measure and serve JSON-RPC 2.0 over WebSocket
#[derive(Debug, Parser)]
#[command(name = "conduit", version, after_help = AFTER_HELP.as_str())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Write results, and on standard error all else, as one line of JSON each
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// When to use colours: auto is on a terminal where NO_COLOR is not set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: Color,
}

static AFTER_HELP: LazyLock<String> = LazyLock::new(|| {
    format!(
        "\
A URL is ws://HOST:PORT, wss://HOST, http://, https://, just HOST:PORT, or :PORT on this machine; a path may follow.

Examples:
  conduit serve
  conduit list :8080
  conduit call :8080 add a=2 b=3

{}",
        exit::TABLE
    )
});

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Describe(Describe),
    Call(Call),
    Listen(Listen),
    Send(Send),
    Repl(Repl),
    Bench(Bench),
    Openrpc(Openrpc),
    Generate(Generate),
    Serve(Serve),
    Completions(Completions),
}

/// List the methods and events of a server
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Show one method or event: arguments, constraints, errors, and a call to start from
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The method or event
    #[arg(value_name = "METHOD")]
    pub(crate) name: String,
}

/// Call a method and print its result
#[derive(Debug, Args)]
#[command(after_help = "\
How arguments are written:
  name=value         what the schema wants: age=7 is a number, and a text where one is wanted
  name=a name=b      the items of a list
  name.member=value  a member of an object
  name:=json         JSON, whatever the schema says
  name=@file         the text of a file
  name:=@file        the JSON of a file
  '{..}' '[..]'      all arguments as JSON, by name or in order; also @file, - for standard input

Those that don't fit the schema are shown, and nothing is called. Where the server tells no schema, a value is \
JSON if it is any, else a text; names that hold = or : and members then need JSON.

Examples:
  conduit call :8080 add a=2 b=3
  conduit call :8080 add '[2, 3]'
  conduit call :8080 user.create username=ada address.city=London tags=new tags=vip photo=@ada.svg
  echo '{\"a\": 2, \"b\": 3}' | conduit call :8080 add -")]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The method
    pub(crate) method: String,

    /// Its arguments, as told below
    #[arg(value_name = "ARGUMENT", allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,
}

/// Print events as they come, until Ctrl-C
#[derive(Debug, Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The events to print; all of them if none is named
    #[arg(value_name = "EVENT")]
    pub(crate) events: Vec<String>,

    /// End after so many events
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End when the connection is lost, instead of connecting again
    #[arg(long)]
    pub(crate) no_reconnect: bool,
}

/// Send an event and print what its handler returns
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  conduit send :8080 chat text='hello everybody'
  conduit send :8080 chat '{\"text\": \"hello everybody\"}'")]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The event
    pub(crate) event: String,

    /// The payload: JSON, name=value as `conduit call` takes them, @file, or - for standard input
    #[arg(value_name = "PAYLOAD", allow_negative_numbers = true)]
    pub(crate) payload: Vec<String>,

    /// Ask for no answer; a failure is told all the same if the server tells it at once
    #[arg(long)]
    pub(crate) no_ack: bool,
}

/// Call methods and hear events in a shell with completion and history
#[derive(Debug, Args)]
#[command(after_help = "\
:help says what can be typed. Lines from a pipe are run one after the other, up to the first that fails:
  printf 'add a=2 b=3\\nadd a=3 b=4\\n' | conduit repl :8080")]
pub(crate) struct Repl {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The file of the history, in place of the usual one
    #[arg(long, env = "CONDUIT_HISTORY", hide_env_values = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) history: Option<PathBuf>,
}

/// Measure how many calls of a method a server answers, and how fast
#[derive(Debug, Args)]
#[command(after_help = "\
The method is called once before, to see that it can be. Calls that still run when the time is up are waited for and \
counted. Ctrl-C takes them back, shows what was measured until then, and ends with code 130.

Examples:
  conduit bench :8080 add a=2 b=3
  conduit bench :8080 add a=2 b=3 --connections 50 --in-flight 10 --duration 30s
  conduit bench :8080 echo value=x --count 100000 --json")]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The method
    pub(crate) method: String,

    /// Its arguments, as `conduit call` takes them
    #[arg(value_name = "ARGUMENT", allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,

    /// How many connections to call on
    #[arg(long, short, default_value = "1", value_parser = at_least_one, value_name = "N")]
    pub(crate) connections: usize,

    /// How many calls to keep running on each connection
    #[arg(long, short, default_value = "16", value_parser = at_least_one, value_name = "N")]
    pub(crate) in_flight: usize,

    /// How long to measure, such as 500ms, 30s or 5m
    #[arg(long, short, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub(crate) duration: Duration,

    /// Measure so many calls, however long that takes
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// Print the server's OpenRPC document
#[derive(Debug, Args)]
pub(crate) struct Openrpc {
    #[command(flatten)]
    pub(crate) server: Server,
}

/// Print code that calls a server, made from its OpenRPC document
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  conduit generate rust :8080 > src/api.rs
  conduit openrpc :8080 > api.json && conduit generate rust api.json

The macro conduit::import!(\"api.json\") makes the same when a program is compiled.")]
pub(crate) struct Generate {
    /// The language of the code
    #[arg(value_enum)]
    pub(crate) language: Language,

    /// The server, or the file of its document; - for standard input
    #[arg(value_name = "URL|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) source: String,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    Rust,
}

/// Serve a demonstration to try any client against
#[derive(Debug, Args)]
#[command(after_help = "\
Its methods are echo, add, time and sleep. It handles the event chat, which everybody else hears, and sends the event tick.")]
pub(crate) struct Serve {
    /// The token that clients log in with; none is asked for without it
    #[arg(long, env = "CONDUIT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// The address to listen on; one that others can reach needs a token
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// The port to listen on; 0 picks one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,

    /// The time between two `tick` events, such as 1s or 250ms
    #[arg(long, default_value = "1s", value_parser = duration, value_name = "TIME")]
    pub(crate) tick: Duration,

    /// Log each call
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  conduit completions bash > ~/.local/share/bash-completion/completions/conduit
  conduit completions zsh > ~/.zfunc/_conduit
  conduit completions fish > ~/.config/fish/completions/conduit.fish")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Which server, and how to reach it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The server: ws://HOST:PORT, wss://HOST, HOST:PORT or :PORT
    #[arg(value_hint = ValueHint::Url)]
    pub(crate) url: Address,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// How to reach a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// The token to log in with; asked for on a terminal if the server wants one
    #[arg(help_heading = "Connection", long, env = "CONDUIT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// A header of the request that opens the connection; may be given several times
    #[arg(help_heading = "Connection", long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,

    /// Trust servers that this root certificate (PEM) signed, instead of those that the system trusts
    #[arg(help_heading = "Connection", long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) root_certificate: Option<PathBuf>,

    /// How long an answer may take, such as 500ms, 30s or 5m; the server is told [default: 30s, not told]
    #[arg(help_heading = "Connection", long, value_parser = duration, value_name = "TIME")]
    pub(crate) timeout: Option<Duration>,

    /// How long connecting may take
    #[arg(help_heading = "Connection", long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub(crate) connect_timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("wanted more than no time".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write 500ms, 30s or 5m")),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("wanted 1 or more".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("wanted `name: value`")?;
    let (name, value) = (name.trim(), value.trim());
    http::HeaderName::try_from(name).map_err(|_| format!("`{name}` can't be the name of a header"))?;
    http::HeaderValue::try_from(value).map_err(|_| "the value holds a character that a header can't")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Says how arguments of a method are written where they look like options.
pub(crate) fn explain(error: &mut clap::Error) {
    let takes_arguments = error.get(ContextKind::Usage).is_some_and(|usage| usage.to_string().contains("[ARGUMENT]"));
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return };
    if error.kind() == ErrorKind::UnknownArgument && takes_arguments && option.starts_with("--") {
        let tip = format!("an argument of the method is written '{}=VALUE'", option.trim_start_matches('-'));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
