//! What dispatch must know of a client to run its methods and the handlers of its events.

use std::{
    any::{Any, TypeId},
    sync::Arc,
};

use super::Client;
use crate::{context::Lend, dispatch::Peer, in_flight::InFlight, method::MethodMeta, protocol::ErrorObject};

/// The client while one of the server's messages is handled. It lends itself, and the state that it was given.
pub(super) struct Host(pub(super) Client);

impl Lend for Host {
    fn lend(&self, wanted: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        if wanted == TypeId::of::<Client>() { Some(&self.0) } else { self.0.link.handlers().served().state(wanted) }
    }
}

impl Peer for Host {
    fn in_flight(&self) -> &Arc<InFlight> {
        self.0.link.in_flight()
    }

    /// The server has been chosen by whoever connected.
    fn may_call(&self, _: &MethodMeta, _: &str) -> Result<(), ErrorObject> {
        Ok(())
    }

    /// Whether it may run was asked when it was looked up.
    fn admit(&self, _: usize) -> Result<(), ErrorObject> {
        Ok(())
    }

    /// The server learns nothing of it: what does not fit here is for the log of this program.
    fn event_failed(event: &str, error: &ErrorObject) -> Option<String> {
        tracing::warn!(event, code = error.code(), "an event of the server could not be handled: {error}");
        None
    }
}
