//! One command: every workload on every server, several times round.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::{
    goals, machine, process,
    process::Server,
    report::Table,
    servers::{Name, Serve},
    workload::{Scale, Workload},
};

const ABOUT: &str = "\
Each server has one thread of its runtime and a core to itself, the load generator the other core; the figures are medians
of interleaved rounds. In brackets: how many times better conduit is. CPU is the server's processor time by the operating
system's accounting; it is the figure that holds on a busy machine. The generator holds a server back only where it is as
busy as the server is. At half of their own peaks servers answer different numbers of calls, so compare latencies there only
where these are alike.";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One short round with few connections: it shows that everything works, and no figure counts
    #[arg(long)]
    quick: bool,
    /// Only these workloads
    #[arg(long, value_delimiter = ',', value_name = "WORKLOAD,..")]
    only: Vec<Workload>,
    /// Only these servers
    #[arg(long, value_delimiter = ',', value_name = "SERVER,..")]
    servers: Vec<Name>,
    /// Rounds; the median of them counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each sample, behind a warm-up of a quarter of that
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Threads of the servers: more than one, and they are on all cores together with the generator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// Where the table goes besides standard output; benches/RESULTS.md when nothing is left out
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Options {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(
            self.seconds > 0.0 && self.seconds <= 3600.0,
            "`--seconds` is {}: it must be more than 0 and at most 3600",
            self.seconds
        );
        let open_files = process::raise_open_files();
        if !self.quick {
            process::pin([1])?;
        }
        let mut table = Table::default();
        let rounds = if self.quick { 1 } else { self.rounds };
        let workloads = or_all(&self.only);
        for (n, &workload) in workloads.iter().enumerate() {
            for round in 1..=rounds {
                for server in or_all(&self.servers).into_iter().filter(|&server| workload.suits(server)) {
                    eprint!("[{}/{}] {workload}, round {round} of {rounds}, {server}", n + 1, workloads.len());
                    let figures = self
                        .sample(workload, server, open_files)
                        .with_context(|| format!("workload `{workload}` on server `{server}`"))?;
                    eprintln!(": {} {:.3}", figures[0].0, figures[0].1);
                    figures.into_iter().for_each(|(measure, value)| table.add(workload, measure, server, value));
                }
            }
        }
        self.tell(&table)
    }

    fn sample(&self, workload: Workload, server: Name, open_files: u64) -> Result<crate::workload::Figures> {
        let mut serve = Serve::pinned(server);
        serve.threads = self.threads as usize;
        if self.threads > 1 || self.quick {
            serve.cores.clear();
        }
        // Both ends have one for each connection, and some for themselves.
        let connections = (open_files.saturating_sub(100) as usize).min(if self.quick { 200 } else { usize::MAX });
        let seconds = if self.quick { 0.05 } else { self.seconds };
        workload.sample(&Server::start(&serve)?, Scale { time: Duration::from_secs_f64(seconds), connections })
    }

    fn tell(&self, table: &Table) -> Result<()> {
        let text = format!("{}\n{}", table.markdown(), goals::markdown(table));
        println!("{text}");
        let is_whole = !self.quick && self.only.is_empty() && self.servers.is_empty();
        let kept = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md"));
        let Some(path) = self.output.clone().or_else(|| is_whole.then(kept)) else { return Ok(()) };
        let page = format!("{}\n{text}", machine::head("conduit and its peers on the same work", ABOUT));
        fs::write(&path, page).with_context(|| format!("`{}` can't be written", path.display()))?;
        eprintln!("written to {}", path.display());
        Ok(())
    }
}

fn or_all<T: ValueEnum + Copy>(chosen: &[T]) -> Vec<T> {
    if chosen.is_empty() { T::value_variants().to_vec() } else { chosen.to_vec() }
}
