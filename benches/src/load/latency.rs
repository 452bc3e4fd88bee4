//! How long answers take.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{
    calls::Ring,
    dialect::{Call, Dialect, FIRST_ID},
    peers::Peers,
};
use crate::process::Server;

/// Latencies, sorted.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    fn new(mut nanoseconds: Vec<u32>) -> Self {
        nanoseconds.sort_unstable();
        Self(nanoseconds)
    }

    /// The latency, in microseconds, that this share of the answers does not exceed.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let at = ((self.0.len() as f64 * share).ceil() as usize).clamp(1, self.0.len().max(1)) - 1;
        self.0.get(at).map_or(f64::NAN, |&nanoseconds| f64::from(nanoseconds) / 1e3)
    }
}

/// Calls that are due at a fixed rate, spread over connections, whether or not earlier ones were answered. A call that
/// is sent late is late: its time runs from when it was due.
pub(crate) fn at_rate(server: &Server, connections: usize, rate: f64, time: Duration) -> Result<Latencies> {
    /// More calls than are ever waiting on a connection.
    const RING: usize = 4096;
    let dialect = Dialect::of(server.name);
    let ring = Ring::new(dialect, &Call::Add, RING);
    let mut peers = Peers::connect(server, connections)?;
    let mut due_at = vec![Duration::ZERO; connections * RING];
    let mut sent = vec![0; connections];
    let (mut calls, mut answers) = (0_u64, 0_u64);
    let mut latencies = Vec::with_capacity((rate * time.as_secs_f64()) as usize + 1);
    let warm_up = time / 4;
    let begun = Instant::now();
    loop {
        let now = begun.elapsed();
        if now < warm_up + time {
            while calls < (now.as_secs_f64() * rate) as u64 {
                let peer = calls as usize % connections;
                let slot = sent[peer] % RING;
                due_at[peer * RING + slot] = Duration::from_secs_f64(calls as f64 / rate);
                peers.send(peer, ring.requests(slot, 1))?;
                sent[peer] += 1;
                calls += 1;
            }
        } else if answers == calls {
            return Ok(Latencies::new(latencies));
        }
        peers.turn(Duration::ZERO, |peer, payload| {
            answers += 1;
            let Some(id) = dialect.id(payload) else { return };
            let due = due_at[peer * RING + (id - FIRST_ID) as usize];
            if due >= warm_up {
                latencies.push((begun.elapsed() - due).as_nanos().min(u128::from(u32::MAX)) as u32);
            }
        })?;
    }
}

/// A call that takes a millisecond and a fast one behind it, on each connection, again when both are answered: how long
/// the fast ones take.
pub(crate) fn beside_slow(server: &Server, connections: usize, time: Duration) -> Result<Latencies> {
    let dialect = Dialect::of(server.name);
    let pair = [dialect.frame(&Call::Slow, FIRST_ID), dialect.frame(&Call::Add, FIRST_ID + 1)].concat();
    let mut peers = Peers::connect(server, connections)?;
    let mut begun = vec![Instant::now(); connections];
    let mut answered = vec![0; connections];
    let mut latencies = Vec::new();
    let start = Instant::now();
    for peer in 0..connections {
        begun[peer] = Instant::now();
        peers.send(peer, &pair)?;
    }
    while start.elapsed() < time {
        peers.turn(Duration::from_millis(10), |peer, payload| {
            answered[peer] += 1;
            if dialect.id(payload) == Some(FIRST_ID + 1) {
                latencies.push(begun[peer].elapsed().as_nanos().min(u128::from(u32::MAX)) as u32);
            }
        })?;
        for peer in 0..connections {
            if answered[peer] == 2 {
                answered[peer] = 0;
                begun[peer] = Instant::now();
                peers.send(peer, &pair)?;
            }
        }
    }
    Ok(Latencies::new(latencies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_least_latency_that_so_many_do_not_exceed() {
        let latencies = Latencies::new((1..=1000).rev().map(|n| n * 1000).collect());
        assert_eq!([0.5, 0.99, 0.999, 1.0].map(|share| latencies.percentile(share)), [500.0, 990.0, 999.0, 1000.0]);
    }
}
