//! How the cost of conduit grows. Anything worse than linear is a defect.
//!
//! The tables of the last run are in `benches/GROWTH.md`; they go to standard output.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::{
    idle,
    load::{
        calls::{self, Load},
        dialect::Call,
        events,
        peers::Peers,
    },
    machine,
    process::{self, Server},
    report::figure,
    servers::{Name, Serve},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Short and small: it shows that everything works, and no figure counts
    #[arg(long)]
    quick: bool,
    /// Only the growth with these
    #[arg(long, value_delimiter = ',', value_name = "WHAT,..")]
    only: Vec<What>,
    /// Seconds of each sample
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// server threads, 1 and 2
    Threads,
    /// connections, 1 to 20,000, `add` one at a time
    Connections,
    /// methods, 1 to 10,000: start-up and look-up
    Methods,
    /// rooms, 1 to 100,000: joining and an event to one of them
    Rooms,
    /// payloads, 16 B to 16 MiB, there and back
    Payload,
    /// 50,000 idle connections, and an event to all
    Idle,
}

impl Options {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(self.seconds > 0.0, "`--seconds` is {}: it must be more than 0", self.seconds);
        let growth = Growth {
            time: Duration::from_secs_f64(if self.quick { 0.05 } else { self.seconds }),
            quick: self.quick,
            open_files: process::raise_open_files().saturating_sub(100) as usize,
        };
        let about = "The server is on one core and the load generator on the other, but for the threads: there both share both.";
        print!("{}", machine::head("How the cost of conduit grows", about));
        for &what in What::value_variants() {
            if !self.only.is_empty() && !self.only.contains(&what) {
                continue;
            }
            let help = what.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
            println!("\n## {}\n", help.unwrap_or_default());
            if what != What::Threads && !self.quick {
                process::pin([1])?;
            }
            growth.of(what)?;
        }
        Ok(())
    }
}

/// Has glibc keep memory that was freed.
const KEEP_MEMORY: [(&str, &str); 2] =
    [("MALLOC_TRIM_THRESHOLD_", "2000000000"), ("MALLOC_MMAP_THRESHOLD_", "1000000000")];

struct Growth {
    time: Duration,
    quick: bool,
    /// How many connections either end can have.
    open_files: usize,
}

impl Growth {
    fn of(&self, what: What) -> Result<()> {
        match what {
            What::Threads => self.threads(),
            What::Connections => self.connections(),
            What::Methods => self.methods(),
            What::Rooms => self.rooms(),
            What::Payload => self.payload(),
            What::Idle => self.idle(),
        }
    }

    fn server(&self) -> Serve {
        let mut serve = Serve::pinned(Name::Conduit);
        if self.quick {
            serve.cores.clear();
        }
        serve
    }

    /// The steps, without the large ones when it has to be quick.
    fn steps<const N: usize>(&self, steps: [usize; N]) -> impl Iterator<Item = usize> {
        let most = if self.quick { 1000 } else { usize::MAX };
        steps.into_iter().filter(move |&step| step <= most)
    }

    /// On two cores that the generator shares, so that the processor time says more than the calls.
    fn threads(&self) -> Result<()> {
        println!("| threads | calls/s | CPU, µs/call | cores busy |\n|---:|---:|---:|---:|");
        for threads in [1, 2] {
            let serve = Serve { threads, cores: vec![], ..self.server() };
            let load = Load { call: Call::Add, connections: 16, depth: 64 };
            let spent = load.run(&Server::start(&serve)?, self.time)?;
            let cores = spent.busy().0 / 100.0;
            println!("| {threads} | {} | {} | {cores:.2} |", figure(spent.per_second()), figure(spent.cpu()));
        }
        Ok(())
    }

    fn connections(&self) -> Result<()> {
        println!("| connections | calls/s | CPU, µs/call |\n|---:|---:|---:|");
        for connections in self.steps([1, 10, 100, 1_000, 5_000, 10_000, 20_000]) {
            let connections = connections.min(self.open_files);
            let load = Load { call: Call::Add, connections, depth: 1 };
            let spent = load.run(&Server::start(&self.server())?, self.time)?;
            println!("| {connections} | {} | {} |", figure(spent.per_second()), figure(spent.cpu()));
        }
        Ok(())
    }

    fn methods(&self) -> Result<()> {
        println!("| methods | start, ms | CPU, µs/call | answer to an unknown name, µs |\n|---:|---:|---:|---:|");
        for methods in self.steps([1, 10, 100, 1_000, 10_000]) {
            let server = Server::start(&Serve { methods, ..self.server() })?;
            let load = Load { call: Call::Numbered(methods - 1), connections: 16, depth: 64 };
            let cpu = load.run(&server, self.time)?.cpu();
            // Not found: the nearest of all names is looked for.
            let unknown = cpu_of(&server, 20, &Call::Numbered(methods))?;
            let start = server.build.as_secs_f64() * 1e3;
            println!("| {methods} | {} | {} | {} |", figure(start), figure(cpu), figure(unknown));
        }
        Ok(())
    }

    fn rooms(&self) -> Result<()> {
        println!("| rooms | CPU, µs/join | CPU, µs/event to one | CPU to leave all, ms |\n|---:|---:|---:|---:|");
        for rooms in self.steps([1, 10, 100, 1_000, 10_000, 100_000]) {
            let server = Server::start(&self.server())?;
            let mut peers = Peers::connect(&server, 1)?;
            let before = server.cpu_at_rest()?;
            calls::once(&server, &mut peers, &Call::Join { rooms })?;
            let joined = server.cpu_at_rest()?;
            let emit = Call::EmitTo { room: rooms - 1, bytes: 200 };
            for _ in 0..100 {
                events::deliver(&server, &mut peers, &emit, 1)?;
            }
            let sent = server.cpu_at_rest()?;
            drop(peers);
            let left = server.cpu_at_rest()?;
            let micros = |cpu: Duration| cpu.as_secs_f64() * 1e6;
            let (join, event) = (micros(joined - before) / rooms as f64, micros(sent - joined) / 100.0);
            println!("| {rooms} | {} | {} | {} |", figure(join), figure(event), figure(micros(left - sent) / 1e3));
        }
        Ok(())
    }

    fn payload(&self) -> Result<()> {
        println!("| bytes | CPU, µs/call | ns/byte | ns/byte, memory kept |\n|---:|---:|---:|---:|");
        for bytes in self.steps([16, 256, 4 << 10, 64 << 10, 1 << 20, 16 << 20]) {
            let load = Load { call: Call::Echo(bytes), connections: 4, depth: 1 };
            let cpu = load.run(&Server::start(&self.server())?, self.time)?.cpu();
            let kept = load.run(&Server::start_with(&self.server(), KEEP_MEMORY)?, self.time)?.cpu();
            let per_byte = |cpu: f64| figure(cpu * 1e3 / bytes as f64);
            println!("| {bytes} | {} | {} | {} |", figure(cpu), per_byte(cpu), per_byte(kept));
        }
        println!(
            "\nThe system's allocator gives the memory of large messages back after each: from about 1 MiB on most of the time \
             goes into page faults. In the last column it keeps what it has (`MALLOC_TRIM_THRESHOLD_`)."
        );
        Ok(())
    }

    fn idle(&self) -> Result<()> {
        let wanted = if self.quick { 500 } else { 50_000 };
        // Two parts at least of a quick run, so that it shows that parts work.
        let open_files = if self.quick { 300 } else { self.open_files };
        idle::idle(wanted, open_files, &self.server().cores)
    }
}

/// The processor time of a call in microseconds, whatever its answer.
fn cpu_of(server: &Server, times: u32, call: &Call) -> Result<f64> {
    let mut peers = Peers::connect(server, 1)?;
    let before = server.cpu_at_rest()?;
    for _ in 0..times {
        calls::once(server, &mut peers, call)?;
    }
    Ok((server.cpu_at_rest()? - before).as_secs_f64() * 1e6 / f64::from(times))
}
