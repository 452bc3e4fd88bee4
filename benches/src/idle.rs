//! Idle connections, and one event to all of them: as many servers as the limit of open files makes necessary, each with a
//! load generator of its own, all at the same time.

use std::{
    io::{BufRead, BufReader, Lines, Write, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    load::{dialect::Call, events, peers::Peers},
    process::{self, Server},
    report::figure,
    servers::{Name, Serve},
};

/// What one generator does: it tells the memory of its connections, waits for a line, and tells when the last of them has
/// the event.
#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[arg(long)]
    connections: usize,
    /// The cores of the server; none for all
    #[arg(long, value_delimiter = ',')]
    cores: Vec<usize>,
}

impl Idle {
    pub(crate) fn run(self) -> Result<()> {
        process::raise_open_files();
        let Self { connections, cores } = self;
        // Over several addresses of the loopback: one has not as many ports.
        let server = Server::start(&Serve { host: "0.0.0.0".into(), cores, ..Serve::pinned(Name::Conduit) })?;
        server.cpu_at_rest()?;
        let before = server.resident()?;
        let mut peers = Peers::none()?;
        peers.add(&server, connections, |there| {
            if there.is_multiple_of(256 * 20) {
                eprintln!("{there} of {connections} connections");
            }
        })?;
        server.cpu_at_rest()?;
        println!("{}", server.resident()?.saturating_sub(before));
        stdin().read_line(&mut String::new())?;
        let begun = Instant::now();
        events::deliver(&server, &mut peers, &Call::Emit { count: 1, bytes: 200 }, connections as u64)?;
        println!("{}", begun.elapsed().as_secs_f64() * 1e3);
        Ok(())
    }
}

/// Prints what `wanted` connections take, when a process can have `open_files` of them.
pub(crate) fn idle(wanted: usize, open_files: usize, cores: &[usize]) -> Result<()> {
    let servers = wanted.div_ceil(open_files);
    let each = wanted.div_ceil(servers);
    // One after the other, so that the memory of each is its own.
    let mut parts = (0..servers).map(|_| Part::start(each, cores)).collect::<Result<Vec<_>>>()?;
    let bytes: f64 = parts.iter().map(|part| part.bytes).sum();
    parts.iter_mut().try_for_each(Part::go)?;
    let mut last: f64 = 0.0;
    for part in &mut parts {
        last = last.max(part.read()?);
    }
    let connections = servers * each;
    let memory = bytes / connections as f64 / 1024.0;
    println!(
        "| connections | server processes | resident, KiB each | last delivery after, ms |\n|---:|---:|---:|---:|"
    );
    println!("| {connections} | {servers} | {} | {} |", figure(memory), figure(last));
    if servers > 1 {
        println!("\nA process may have {open_files} open files here; all servers are told to send at the same moment.");
    }
    Ok(())
}

/// A generator and its server.
struct Part {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// The memory of its connections.
    bytes: f64,
}

impl Part {
    fn start(connections: usize, cores: &[usize]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["idle", "--connections", &connections.to_string()]);
        if !cores.is_empty() {
            command.args(["--cores", &cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("the input is piped")?;
        let lines = BufReader::new(child.stdout.take().context("the output is piped")?).lines();
        let mut part = Self { child, stdin, lines, bytes: 0.0 };
        part.bytes = part.read()?;
        Ok(part)
    }

    fn go(&mut self) -> Result<()> {
        Ok(writeln!(self.stdin)?)
    }

    fn read(&mut self) -> Result<f64> {
        match self.lines.next() {
            Some(line) => Ok(line?.parse()?),
            None => bail!("a generator of idle connections has ended: {}", self.child.wait()?),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
