//! How busy this machine is.

use std::fmt;

use conduit::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sysinfo::{Error, System};

/// The machine at one moment.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("sample")]
pub struct Sample {
    /// How busy the processors were since the last sample, in percent.
    pub cpu: f32,
    /// How many tasks wanted to run in the last minute, on average; nothing where the system does not count them.
    pub load: Option<f64>,
    /// Bytes in use.
    pub memory: u64,
    /// Bytes that there are.
    pub memory_total: u64,
    /// How many connections the server has.
    pub watchers: usize,
}

/// Reads statistics of this machine. They come from memory, so a task may wait for them.
pub struct Machine(System);

impl Machine {
    /// The use of the processors is counted from here on.
    pub fn new() -> Result<Self, Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        Ok(Self(system))
    }

    pub fn sample(&mut self, watchers: usize) -> Sample {
        let Self(system) = self;
        system.refresh_cpu_usage();
        system.refresh_memory();
        Sample {
            cpu: system.global_cpu_usage(),
            load: System::load_average().ok().map(|load| load.one),
            memory: system.used_memory(),
            memory_total: system.total_memory(),
            watchers,
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, load, memory, memory_total, watchers } = self;
        let load = load.map_or("unknown".into(), |load| format!("{load:.2}"));
        let (memory, total) = (memory >> 20, memory_total >> 20);
        write!(f, "cpu {cpu:.1} %, load {load}, memory {memory} of {total} MiB, {watchers} watching")
    }
}
