//! Events of a server to all of its connections.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{
    Spent,
    calls::Mark,
    dialect::{Call, Dialect, FIRST_ID},
    frame,
    peers::Peers,
};
use crate::{process::Server, servers::Name};

/// A load of events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Events that are sent at once.
    pub(crate) burst: usize,
    pub(crate) bytes: usize,
}

impl Load {
    /// Has bursts sent for so long, one after the other has arrived whole, but at least one.
    pub(crate) fn run(&self, server: &Server, time: Duration) -> Result<Spent> {
        let mut peers = Peers::connect(server, self.connections)?;
        subscribe(server, &mut peers)?;
        let emit = Call::Emit { count: self.burst, bytes: self.bytes };
        let expected = (self.connections * self.burst) as u64;
        deliver(server, &mut peers, &emit, expected)?;
        server.cpu_at_rest()?;
        let (before, begun) = (Mark::now(server, 0)?, Instant::now());
        let mut done = 0;
        while done == 0 || begun.elapsed() < time {
            done += deliver(server, &mut peers, &emit, expected)?;
        }
        Ok(before.until(&Mark::now(server, done)?))
    }
}

/// jsonrpsee sends events to those who asked for them.
fn subscribe(server: &Server, peers: &mut Peers) -> Result<()> {
    if server.name != Name::Jsonrpsee {
        return Ok(());
    }
    let mut request = Vec::new();
    let text = format!(r#"{{"jsonrpc":"2.0","method":"subscribe","params":[],"id":{FIRST_ID}}}"#);
    frame::write_masked(&mut request, frame::TEXT, text.as_bytes());
    peers.expect_more();
    for peer in 0..peers.len() {
        peers.send(peer, &request)?;
    }
    let mut subscribed = 0;
    while subscribed < peers.len() {
        peers.turn(Duration::from_millis(10), |_, _| subscribed += 1)?;
    }
    Ok(())
}

/// Has events sent by a call of the first connection, and waits until all have arrived, and the answer too.
pub(crate) fn deliver(server: &Server, peers: &mut Peers, emit: &Call, expected: u64) -> Result<u64> {
    peers.expect_more();
    peers.send(0, &Dialect::of(server.name).frame(emit, FIRST_ID))?;
    let mut arrived = 0;
    while arrived < expected + 1 {
        peers.turn(Duration::from_millis(10), |_, _| arrived += 1)?;
    }
    ensure!(arrived == expected + 1, "{expected} events and an answer were due, and {arrived} came");
    Ok(expected)
}
