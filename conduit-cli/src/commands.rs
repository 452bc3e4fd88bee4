//! The subcommands.

mod bench;
mod call;
mod completions;
mod describe;
mod list;
mod listen;
mod openrpc;
mod repl;
mod send;
mod serve;

use crate::{
    args::Command,
    exit::Exit,
    failure::{Failure, Result},
    output::Output,
};

pub(crate) async fn run(command: Command, output: Output) -> Result {
    match command {
        Command::List(args) => interruptible(list::run(args, output)).await,
        Command::Describe(args) => interruptible(describe::run(args, output)).await,
        Command::Call(args) => interruptible(call::run(args, output)).await,
        Command::Listen(args) => listen::run(args, output).await,
        Command::Send(args) => interruptible(send::run(args, output)).await,
        Command::Repl(args) => repl::run(args, output).await,
        Command::Bench(args) => bench::run(args, output).await,
        Command::Openrpc(args) => interruptible(openrpc::run(args, output)).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Completions(args) => completions::run(&args),
    }
}

/// Ctrl-C ends what runs, without a word.
async fn interruptible(command: impl Future<Output = Result>) -> Result {
    tokio::select! {
        result = command => result,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(Exit::Interrupted)),
    }
}
