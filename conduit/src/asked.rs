//! The calls that a server makes of its client, and waits for.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::protocol::{ErrorObject, Response};

/// What a client answers.
pub(crate) type Answer = std::result::Result<Box<RawValue>, ErrorObject>;

/// The table of the calls that wait for an answer of one client, by id.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

/// A call that waits; dropping it takes it out of the table.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    asked: &'a Asked,
    pub(crate) id: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Asked {
    pub(crate) fn register(&self) -> Waiting<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = oneshot::channel();
        self.lock().insert(id, sender);
        Waiting { asked: self, id, answer }
    }

    /// Gives a response to the call that it answers; says whether there is one.
    pub(crate) fn settle(&self, response: Response<'_>) -> bool {
        let Some(id) = response.id.as_u64() else { return false };
        let Some(sender) = self.lock().remove(&id) else { return false };
        // A caller that is gone has no use for it.
        let _ = sender.send(response.outcome.map(ToOwned::to_owned));
        true
    }

    /// Ends every call: the client is gone.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// The answer; `None` when the client went away before it came.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.asked.lock().remove(&self.id);
    }
}
