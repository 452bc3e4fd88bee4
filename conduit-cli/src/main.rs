//! `conduit`: list, call, listen to, measure and serve JSON-RPC 2.0 over WebSocket.
//!
//! | file | what it holds |
//! |---|---|
//! | `args.rs`, `address.rs` | the command line |
//! | `commands/` | a file for each subcommand |
//! | `session.rs`, `token.rs` | the connection: login, discovery, calls |
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
mod schema;
mod session;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, exit::Exit, failure::Failure, output::Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
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

fn run(command: args::Command, output: Output) -> failure::Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Failed, format!("the runtime does not start: {error}")))?;
    let result = runtime.block_on(commands::run(command, output));
    // A thread may wait for input that never comes.
    runtime.shutdown_background();
    result
}
