//! Servers as child processes, and what the operating system says of them.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};

use crate::servers::{Name, Serve};

/// A server that runs in a process of its own, and ends with this.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) name: Name,
    pub(crate) port: u16,
    /// What the server says it took to be made.
    pub(crate) build: Duration,
}

impl Server {
    /// Starts this program again as a server.
    pub(crate) fn start(options: &Serve) -> Result<Self> {
        Self::start_with(options, [])
    }

    /// [`start`](Self::start) with variables of the environment.
    pub(crate) fn start_with<const N: usize>(options: &Serve, variables: [(&str, &str); N]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(options.arguments()).envs(variables).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the server's process could not be started")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the server's output is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (Some(port), Some(build)) = (words.next(), words.next()) else {
            let _ = child.kill();
            bail!("`{}` did not start: {}", options.name, child.wait()?);
        };
        Ok(Self { child, name: options.name, port: port.parse()?, build: Duration::from_nanos(build.parse()?) })
    }

    /// The processor time that its threads have used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).context("the server has died")?;
        // A thread may end between the listing and the look at it.
        Ok(tasks.flatten().filter_map(|task| used(&format!("{}/schedstat", task.path().display()))).sum())
    }

    /// The processor time when the server has nothing left to do.
    pub(crate) fn cpu_at_rest(&self) -> Result<Duration> {
        let mut last = self.cpu()?;
        let mut still_since = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(2));
            let now = self.cpu()?;
            if now != last {
                (last, still_since) = (now, Instant::now());
            } else if still_since.elapsed() > Duration::from_millis(30) {
                return Ok(now);
            }
        }
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no `VmRSS` in its status")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time of the calling thread.
pub(crate) fn own_cpu() -> Duration {
    used("/proc/thread-self/schedstat").unwrap_or_default()
}

/// The processor time of the processes that were started and have ended, and of theirs.
pub(crate) fn cpu_of_children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // After the program's name, which may hold anything: cutime and cstime, the 16th and 17th of proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat holds no name")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

fn used(schedstat: &str) -> Option<Duration> {
    let text = fs::read_to_string(schedstat).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// Keeps the calling thread, and those that it starts, on these cores.
pub(crate) fn pin(cores: impl IntoIterator<Item = usize>) -> Result<()> {
    let mut set = CpuSet::new();
    cores.into_iter().for_each(|core| set.set(core));
    sched_setaffinity(None, &set).context("the process could not be pinned to its core: are there two?")
}

/// Raises the limit of open files as far as it goes, and says how far.
pub(crate) fn raise_open_files() -> u64 {
    const WANTED: u64 = 120_000;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(WANTED), maximum: Some(WANTED) });
    let limit = getrlimit(Resource::Nofile);
    if let (Some(current), Some(maximum)) = (limit.current, limit.maximum)
        && current < maximum
    {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
