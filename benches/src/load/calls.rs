//! Closed loops: every connection has a number of calls in flight, and an answer brings the next call.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Spent,
    dialect::{Call, Dialect, FIRST_ID},
    peers::Peers,
};
use crate::{
    process::{Server, own_cpu},
    servers::Name,
};

/// One answer of so many is read and compared.
const SAMPLE: u64 = 1009;

/// A load of calls.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) call: Call,
    pub(crate) connections: usize,
    /// Calls in flight on each connection.
    pub(crate) depth: usize,
}

impl Load {
    /// Warms the server up for a quarter of the time, then measures for the time.
    pub(crate) fn run(&self, server: &Server, time: Duration) -> Result<Spent> {
        let mut peers = Peers::connect(server, self.connections)?;
        self.run_on(&mut peers, server, time)
    }

    pub(crate) fn run_on(&self, peers: &mut Peers, server: &Server, time: Duration) -> Result<Spent> {
        let mut run = Run::new(self, server.name);
        run.begin(peers)?;
        run.go_on(peers, time / 4)?;
        let before = Mark::now(server, run.answered)?;
        run.go_on(peers, time)?;
        let after = Mark::now(server, run.answered)?;
        run.end(peers)?;
        let per_message = if let Call::Batch(calls) = self.call { calls as u64 } else { 1 };
        let mut spent = before.until(&after);
        spent.done *= per_message;
        Ok(spent)
    }
}

/// Where both ends are at a moment.
pub(super) struct Mark {
    at: Instant,
    pub(super) server: Duration,
    own: Duration,
    done: u64,
}

impl Mark {
    pub(super) fn now(server: &Server, done: u64) -> Result<Self> {
        Ok(Self { at: Instant::now(), server: server.cpu()?, own: own_cpu(), done })
    }

    pub(super) fn until(&self, later: &Self) -> Spent {
        Spent {
            done: later.done - self.done,
            wall: later.at - self.at,
            server: later.server - self.server,
            own: later.own - self.own,
        }
    }
}

/// The requests of a connection, one behind the other and twice over: any number of them, from any on, is one write.
pub(super) struct Ring {
    bytes: Vec<u8>,
    frame: usize,
    pub(super) depth: usize,
}

impl Ring {
    pub(super) fn new(dialect: Dialect, call: &Call, depth: usize) -> Self {
        let frames: Vec<Vec<u8>> = (0..depth).map(|n| dialect.frame(call, FIRST_ID + n as u32)).collect();
        let frame = frames[0].len();
        assert!(frames.iter().all(|other| other.len() == frame), "ids have as many digits");
        Self { bytes: [frames.concat(), frames.concat()].concat(), frame, depth }
    }

    /// `count` requests from the one at `next` on.
    pub(super) fn requests(&self, next: usize, count: usize) -> &[u8] {
        let next = next % self.depth;
        &self.bytes[next * self.frame..(next + count) * self.frame]
    }
}

struct Run<'a> {
    load: &'a Load,
    dialect: Dialect,
    ring: Ring,
    /// How many requests each connection has sent.
    sent: Vec<usize>,
    /// Answers that arrived and brought no call yet, by connection, and the connections that have some.
    due: Vec<usize>,
    answering: Vec<usize>,
    answered: u64,
    wrong: Option<anyhow::Error>,
}

impl<'a> Run<'a> {
    fn new(load: &'a Load, server: Name) -> Self {
        let dialect = Dialect::of(server);
        Self {
            load,
            dialect,
            ring: Ring::new(dialect, &load.call, load.depth),
            sent: vec![0; load.connections],
            due: vec![0; load.connections],
            answering: Vec::with_capacity(load.connections),
            answered: 0,
            wrong: None,
        }
    }

    /// The first calls; every answer to these is checked.
    fn begin(&mut self, peers: &mut Peers) -> Result<()> {
        for peer in 0..self.load.connections {
            peers.send(peer, self.ring.requests(0, self.load.depth))?;
            self.sent[peer] = self.load.depth;
        }
        Ok(())
    }

    fn go_on(&mut self, peers: &mut Peers, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.receive(peers)?;
            for peer in self.answering.drain(..) {
                let count = std::mem::take(&mut self.due[peer]);
                peers.send(peer, self.ring.requests(self.sent[peer], count))?;
                self.sent[peer] += count;
            }
        }
        Ok(())
    }

    /// Waits for what is still in flight: every call must have its answer.
    fn end(&mut self, peers: &mut Peers) -> Result<()> {
        let sent: usize = self.sent.iter().sum();
        while self.answered < sent as u64 {
            self.receive(peers)?;
        }
        ensure!(self.answered == sent as u64, "{sent} calls were made, and {} answers came", self.answered);
        Ok(())
    }

    fn receive(&mut self, peers: &mut Peers) -> Result<()> {
        let Self { load, dialect, due, answering, answered, wrong, .. } = self;
        peers.turn(Duration::from_millis(10), |peer, payload| {
            *answered += 1;
            if due[peer] == 0 {
                answering.push(peer);
            }
            due[peer] += 1;
            if (answered.is_multiple_of(SAMPLE) || *answered <= load.connections as u64)
                && let Err(error) = dialect.check(&load.call, payload)
            {
                wrong.get_or_insert(error);
            }
        })?;
        match self.wrong.take() {
            Some(error) => Err(error).context("a wrong answer"),
            None => Ok(()),
        }
    }
}

/// Makes one call and waits for its answer, whatever it is; not for servers that send events meanwhile.
pub(crate) fn once(server: &Server, peers: &mut Peers, call: &Call) -> Result<Vec<u8>> {
    let dialect = Dialect::of(server.name);
    peers.expect_more();
    peers.send(0, &dialect.frame(call, FIRST_ID))?;
    let mut answer = None;
    while answer.is_none() {
        peers.turn(Duration::from_millis(10), |_, payload| {
            if dialect.id(payload).is_some() {
                answer = Some(payload.to_vec());
            }
        })?;
    }
    let Some(answer) = answer else { bail!("no answer") };
    Ok(answer)
}
