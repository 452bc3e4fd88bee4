//! `conduit completions`: what a shell needs to complete this program's arguments.

use std::io;

use clap::CommandFactory;

use crate::{
    args::{Cli, Completions},
    failure::Result,
};

pub(crate) fn run(args: &Completions) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "conduit", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(())
}
