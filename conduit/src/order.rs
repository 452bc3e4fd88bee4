//! Calls of one name that run one after the other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::OwnedMutexGuard, task::unconstrained};

/// The lines of a connection, one for each ordered name that was called. Names are those that are registered, so no
/// peer can make more lines than there are of these.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<HashMap<&'static str, Arc<tokio::sync::Mutex<()>>>>);

/// The head of a line. The next comes to its turn when nobody holds this any more.
#[derive(Debug)]
pub(crate) struct Head {
    _guard: OwnedMutexGuard<()>,
}

/// When a call may start.
pub(crate) enum Turn {
    /// At once: its name has no order.
    Free,
    /// When those before it have ended.
    Waiting(BoxFuture<'static, Arc<Head>>),
    /// Now, and nobody else until this is dropped.
    Here(Arc<Head>),
}

impl Lines {
    /// Puts a call at the end of the line of `name`.
    pub(crate) fn join(&self, name: &'static str) -> Turn {
        // No code that can panic runs under the lock.
        let line = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default());
        // A task that has used up its share of time would be told to come back before it has a place in the line.
        let mut lock = unconstrained(line.lock_owned()).map(|guard| Arc::new(Head { _guard: guard })).boxed();
        // tokio's mutex is fair. The first poll takes the place; the waker comes with the next.
        match (&mut lock).now_or_never() {
            Some(head) => Turn::Here(head),
            None => Turn::Waiting(lock),
        }
    }
}

impl Turn {
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// Waits for the turn to come.
    pub(crate) async fn come(&mut self) {
        if let Self::Waiting(lock) = self {
            *self = Self::Here(lock.await);
        }
    }

    /// The head of the line, for work that may outlive its call.
    pub(crate) fn head(&self) -> Option<Weak<Head>> {
        match self {
            Self::Here(head) => Some(Arc::downgrade(head)),
            Self::Free | Self::Waiting(_) => None,
        }
    }
}
