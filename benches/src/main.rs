//! conduit and its peers side by side on the same work.
//!
//!     cargo run --release -p conduit-benches
//!
//! Each server runs in a process of its own on the first core, the load generator on the second. Every workload goes
//! round all servers, several times over; the medians are printed as one table.

mod compile;
mod goals;
mod grow;
mod idle;
mod load;
mod machine;
mod process;
mod report;
mod run;
mod servers;
mod workload;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "conduit and its peers side by side on the same work", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What methods cost at compile time
    Compile(compile::Options),
    /// How the cost of conduit grows with threads, connections, methods, rooms and payloads
    Grow(grow::Options),
    /// Hold idle connections: a part of `grow`
    #[command(hide = true)]
    Idle(idle::Idle),
    /// Serve until standard input ends; prints the port, and the nanoseconds that the start took
    Serve(servers::Serve),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        None => cli.run.run(),
        Some(Command::Compile(options)) => options.run(),
        Some(Command::Grow(options)) => options.run(),
        Some(Command::Idle(options)) => options.run(),
        Some(Command::Serve(options)) => options.run(),
    }
}
