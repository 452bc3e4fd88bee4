//! What an application does when its client's connection comes and goes.

use std::{fmt, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use super::Client;
use crate::{close::Disconnected, hook_result::Erased, panics::panic_text};

/// The hooks of a client, each kind in the order in which they were given.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) connect: Vec<Erased<Client>>,
    pub(super) disconnect: Vec<Erased<Disconnected>>,
    pub(super) reconnect: Vec<Erased<u32>>,
}

/// Runs hooks of one kind, one after the other. What goes wrong with one is logged, and the next runs.
pub(super) async fn run<T: Clone>(kind: &'static str, hooks: &[Erased<T>], of: &T) {
    for hook in hooks {
        // The closure is called in the future, so that its own panic is caught too.
        let running = AssertUnwindSafe(async { hook(of.clone()).await });
        match running.catch_unwind().await {
            Ok(None) => {}
            Ok(Some(failure)) => tracing::warn!(hook = kind, %failure, "a hook of the client failed"),
            Err(panic) => tracing::error!(hook = kind, panic = panic_text(&*panic), "a hook of the client panicked"),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("connect", &self.connect.len())
            .field("disconnect", &self.disconnect.len())
            .field("reconnect", &self.reconnect.len())
            .finish()
    }
}
