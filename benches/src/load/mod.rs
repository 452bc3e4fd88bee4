//! The load generator: one thread, no runtime, requests that were written before the clock starts.
//!
//! `frame.rs` writes and cuts frames, `dialect.rs` knows what each server is asked and answers, `peers.rs` holds the
//! connections, and the other files are one way to load a server each.

pub(crate) mod arrivals;
pub(crate) mod calls;
pub(crate) mod dialect;
pub(crate) mod events;
mod frame;
pub(crate) mod latency;
pub(crate) mod peers;

use std::time::Duration;

/// A stretch of work, as both ends saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// What was done: calls, deliveries, connections.
    pub(crate) done: u64,
    pub(crate) wall: Duration,
    /// The server's processor time.
    pub(crate) server: Duration,
    /// The generator's.
    pub(crate) own: Duration,
}

impl Spent {
    /// Both stretches together.
    fn and(&self, other: &Self) -> Self {
        Self {
            done: self.done + other.done,
            wall: self.wall + other.wall,
            server: self.server + other.server,
            own: self.own + other.own,
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.wall.as_secs_f64()
    }

    /// The server's processor time for each, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / self.done as f64
    }

    /// How much of the time the server, and the generator, had work, in percent.
    pub(crate) fn busy(&self) -> (f64, f64) {
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / self.wall.as_secs_f64();
        (share(self.server), share(self.own))
    }
}

/// How long nothing may arrive before a server counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);
