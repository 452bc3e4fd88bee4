//! Connections that come, and connections that stay.

use std::time::Duration;

use anyhow::Result;

use super::{Spent, calls::Mark, peers::Peers};
use crate::process::Server;

/// Sets connections up, logged in and ready, for so long, and closes them when there are `standing` of them, which is not
/// measured.
pub(crate) fn set_up(server: &Server, time: Duration, standing: usize) -> Result<Spent> {
    drop(Peers::connect(server, standing.min(200))?);
    server.cpu_at_rest()?;
    let mut total = Spent { done: 0, wall: Duration::ZERO, server: Duration::ZERO, own: Duration::ZERO };
    while total.wall < time {
        let before = Mark::now(server, 0)?;
        let peers = Peers::connect(server, standing)?;
        let spent = before.until(&Mark::now(server, standing as u64)?);
        // What a server still does for a connection that has its answer is part of setting it up.
        let server_cpu = server.cpu_at_rest()? - before.server;
        total = total.and(&Spent { server: server_cpu, ..spent });
        drop(peers);
        server.cpu_at_rest()?;
    }
    Ok(total)
}

/// The resident memory that each of so many idle connections takes, in bytes.
pub(crate) fn idle_memory(server: &Server, connections: usize) -> Result<f64> {
    // What a server sets up once is not a connection's.
    drop(Peers::connect(server, 1)?);
    server.cpu_at_rest()?;
    let before = server.resident()?;
    let _peers = Peers::connect(server, connections)?;
    server.cpu_at_rest()?;
    Ok(server.resident()?.saturating_sub(before) as f64 / connections as f64)
}
