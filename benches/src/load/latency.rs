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
    let mut peers = Peers::connect(server, connections)?;
    let mut schedule = Schedule::new(Dialect::of(server.name), connections, rate, time / 4);
    let end = schedule.warm_up + time;
    let begun = Instant::now();
    loop {
        let now = begun.elapsed();
        let is_all_sent = schedule.send_what_is_due(&mut peers, now.min(end))?;
        if now >= end && is_all_sent && schedule.answers == schedule.calls {
            return Ok(Latencies::new(schedule.latencies));
        }
        peers.turn(Duration::ZERO, |peer, payload| schedule.answered(peer, payload, begun.elapsed()))?;
    }
}

/// Ids of a connection: twice as many as calls may wait on it.
const RING: usize = 32 * 1024;

struct Schedule {
    dialect: Dialect,
    ring: Ring,
    connections: u64,
    rate: f64,
    /// Answers to what is due before that do not count.
    warm_up: Duration,
    /// Made so far, the n-th on connection n modulo their number.
    calls: u64,
    answers: u64,
    latencies: Vec<u32>,
}

impl Schedule {
    fn new(dialect: Dialect, connections: usize, rate: f64, warm_up: Duration) -> Self {
        let ring = Ring::new(dialect, &Call::Add, RING);
        let connections = connections as u64;
        Self { dialect, ring, connections, rate, warm_up, calls: 0, answers: 0, latencies: Vec::new() }
    }

    /// One write for each connection that has calls due. Says whether all are sent: when very many wait for answers,
    /// the others are sent later, and are late.
    fn send_what_is_due(&mut self, peers: &mut Peers, now: Duration) -> Result<bool> {
        let all = (now.as_secs_f64() * self.rate) as u64;
        let due = all.min(self.answers + RING as u64 / 2 * self.connections).max(self.calls);
        for peer in 0..self.connections {
            let (first, end) = (self.on_connection(peer, self.calls), self.on_connection(peer, due));
            if first < end {
                peers.send(peer as usize, self.ring.requests(first as usize, (end - first) as usize))?;
            }
        }
        self.calls = due;
        Ok(due >= all)
    }

    /// How many of the first `calls` are on a connection.
    fn on_connection(&self, peer: u64, calls: u64) -> u64 {
        (calls + self.connections - 1 - peer) / self.connections
    }

    fn answered(&mut self, peer: usize, answer: &[u8], now: Duration) {
        self.answers += 1;
        let Some(id) = self.dialect.id(answer) else { return };
        // The last call on the connection that had this id.
        let (peer, slot, ring) = (peer as u64, u64::from(id - FIRST_ID), RING as u64);
        let sent = self.on_connection(peer, self.calls);
        let nth = sent - 1 - (sent - 1 + ring - slot) % ring;
        let due = Duration::from_secs_f64((nth * self.connections + peer) as f64 / self.rate);
        if due >= self.warm_up {
            self.latencies.push(now.saturating_sub(due).as_nanos().min(u128::from(u32::MAX)) as u32);
        }
    }
}

/// A call that takes a millisecond and a fast one behind it, on each connection, again when both are answered: how long
/// the fast ones take.
pub(crate) fn beside_slow(server: &Server, connections: usize, time: Duration) -> Result<Latencies> {
    let dialect = Dialect::of(server.name);
    let pair = [dialect.frame(&Call::Slow, FIRST_ID), dialect.frame(&Call::Add, FIRST_ID + 1)].concat();
    let mut peers = Peers::connect(server, connections)?;
    let mut begun = vec![Instant::now(); connections];
    // As if those before had been answered.
    let mut answers = vec![2; connections];
    let mut latencies = Vec::new();
    let start = Instant::now();
    while start.elapsed() < time {
        for (peer, (answers, begun)) in answers.iter_mut().zip(&mut begun).enumerate() {
            if *answers == 2 {
                (*answers, *begun) = (0, Instant::now());
                peers.send(peer, &pair)?;
            }
        }
        peers.turn(Duration::from_millis(10), |peer, payload| {
            answers[peer] += 1;
            if dialect.id(payload) == Some(FIRST_ID + 1) {
                latencies.push(begun[peer].elapsed().as_nanos().min(u128::from(u32::MAX)) as u32);
            }
        })?;
    }
    Ok(Latencies::new(latencies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_runs_from_when_the_call_was_due() {
        // A call each millisecond, on three connections in turn: the fifth is due after 4 ms, on the second.
        let mut schedule = Schedule::new(Dialect::JsonRpc, 3, 1000.0, Duration::ZERO);
        schedule.calls = 7;
        assert_eq!([0, 1, 2].map(|peer| schedule.on_connection(peer, 7)), [3, 2, 2]);
        let answer = format!(r#"{{"jsonrpc":"2.0","result":3,"id":{}}}"#, FIRST_ID + 1);
        schedule.answered(1, answer.as_bytes(), Duration::from_millis(6));
        assert_eq!(schedule.latencies, [2_000_000]);
    }

    #[test]
    fn an_id_stands_for_its_last_call() {
        let mut schedule = Schedule::new(Dialect::JsonRpc, 1, 1000.0, Duration::ZERO);
        schedule.calls = RING as u64 + 3;
        let answer = format!(r#"{{"jsonrpc":"2.0","result":3,"id":{}}}"#, FIRST_ID + 2);
        schedule.answered(0, answer.as_bytes(), Duration::from_millis(RING as u64 + 2 + 5));
        assert_eq!(schedule.latencies, [5_000_000]);
    }

    #[test]
    fn percentiles_are_the_least_latency_that_so_many_do_not_exceed() {
        let latencies = Latencies::new((1..=1000).rev().map(|n| n * 1000).collect());
        assert_eq!([0.5, 0.99, 0.999, 1.0].map(|share| latencies.percentile(share)), [500.0, 990.0, 999.0, 1000.0]);
    }
}
