//! `conduit`: list, call, listen to, measure and serve JSON-RPC 2.0 over WebSocket.
//!
//! | file | what it holds |
//! |---|---|
//! | `args.rs`, `address.rs` | the command line |
//! | `commands/` | a file for each subcommand |
//! | `session.rs`, `token.rs`, `reach.rs` | the connection: login, discovery, calls, and why there is none |
//! | `api.rs`, `schema.rs` | what the server tells of itself |
//! | `arguments/` | `name=value` as JSON |
//! | `faults.rs`, `place.rs` | what is wrong with arguments, and where |
//! | `news.rs` | events, and connections that are lost and made again |
//! | `output.rs`, `pretty.rs` | results |
//! | `failure.rs`, `exit.rs`, `interrupts.rs` | errors, and how the program ends |

mod address;
mod api;
mod args;
mod arguments;
mod commands;
mod exit;
mod failure;
mod faults;
mod interrupts;
mod news;
mod output;
mod place;
mod pretty;
mod reach;
mod schema;
mod session;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, exit::Exit, failure::Failure, output::Output};

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| wrong(error));
    output::set_colors(cli.color.into());
    let exit = match run(cli.command, Output { json: cli.json }) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            failure.report(cli.json);
            failure.exit()
        }
    };
    exit.into()
}

/// Ends the program with what is wrong with the command line, or with its help.
fn wrong(mut error: clap::Error) -> ! {
    args::explain(&mut error);
    // Whether it was asked for is only known once a command line is right.
    let as_json = std::env::args_os().any(|word| word == "--json");
    if !as_json || !error.use_stderr() {
        error.exit();
    }
    let text = error.to_string();
    let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    Failure::usage(message).report(true);
    std::process::exit(Exit::Usage as i32)
}

fn run(command: args::Command, output: Output) -> failure::Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Failed, format!("the runtime does not start: {error}")))?;
    let result = runtime.block_on(commands::run(command, output));
    // A thread may wait for input that never comes.
    runtime.shutdown_background();
    result
}
