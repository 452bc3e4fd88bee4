//! A method that waits until it is let go.

use std::sync::Arc;

use conduit::rpc;
use tokio::sync::Notify;

/// What a call waits for.
#[derive(Debug, Default)]
pub struct Gate {
    /// Told when a call has come.
    pub arrived: Notify,
    /// Lets one call go.
    pub open: Notify,
}

/// Wait until it is let go.
#[rpc]
pub async fn wait(gate: &Arc<Gate>) -> &'static str {
    gate.arrived.notify_one();
    gate.open.notified().await;
    "through"
}
