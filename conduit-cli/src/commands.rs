//! The subcommands.

mod bench;
mod call;
mod completions;
mod describe;
mod generate;
mod list;
mod listen;
mod openrpc;
mod repl;
mod send;
mod serve;

use crate::{args::Command, failure::Result, interrupts::Interrupts, output::Output};

pub(crate) async fn run(command: Command, output: Output) -> Result {
    match command {
        Command::List(args) => Interrupts::new()?.guard(list::run(args, output)).await,
        Command::Describe(args) => Interrupts::new()?.guard(describe::run(args, output)).await,
        Command::Call(args) => Interrupts::new()?.guard(call::run(args, output)).await,
        Command::Listen(args) => listen::run(args, output, Interrupts::new()?).await,
        Command::Send(args) => Interrupts::new()?.guard(send::run(args, output)).await,
        Command::Repl(args) => repl::run(args, output, Interrupts::new()?).await,
        Command::Bench(args) => bench::run(args, output, Interrupts::new()?).await,
        Command::Openrpc(args) => Interrupts::new()?.guard(openrpc::run(args, output)).await,
        Command::Generate(args) => Interrupts::new()?.guard(generate::run(args)).await,
        Command::Serve(args) => serve::run(args, output).await,
        Command::Completions(args) => completions::run(&args),
    }
}
