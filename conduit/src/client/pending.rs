//! The calls that wait for their answers.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::ending::Ending;
use crate::{
    error::{Error, ErrorKind},
    protocol::ErrorObject,
};

/// The table of the calls that wait, by id.
///
/// The lock is held for a look-up, never across an await. Once the connection has ended the table takes no
/// call, so that none can be left behind in it.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    waiting: HashMap<u64, Waiting>,
    /// The batches that wait; each has its ids in a row.
    batches: Vec<Range<u64>>,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Waiting {
    answer: oneshot::Sender<Outcome>,
    /// Whether the request was handed to the socket: until then it can be taken back without a trace.
    sent: bool,
}

/// What a call ends with.
pub(super) type Outcome = Result<Box<RawValue>, Failure>;

/// Why a call has no result.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The server answered with an error.
    Answered(ErrorObject),
    /// The server's answer is no response.
    NoResponse(String),
    /// The connection ended.
    Closed { sent: bool, ending: Ending },
}

impl Failure {
    pub(super) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Answered(object) => object.into(),
            Self::NoResponse(why) => {
                Error::new(ErrorKind::Decode, format!("the answer to {what} is no response: {why}"))
            }
            Self::Closed { sent: true, ending } => ending.not_answered(what),
            Self::Closed { sent: false, ending } => ending.not_sent(what),
        }
    }
}

impl Pending {
    /// How the connection ended, if it did.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.lock().ending.clone()
    }

    /// Adds a call.
    pub(super) fn register(&self, id: u64) -> Result<oneshot::Receiver<Outcome>, Ending> {
        self.lock().register(id)
    }

    /// Adds the calls of one batch.
    pub(super) fn register_batch(&self, ids: Range<u64>) -> Result<Vec<oneshot::Receiver<Outcome>>, Ending> {
        let mut table = self.lock();
        let receivers = ids.clone().map(|id| table.register(id)).collect::<Result<_, _>>()?;
        table.batches.push(ids);
        Ok(receivers)
    }

    /// Notes that a request goes out; `false` when none of its calls waits any more.
    pub(super) fn mark_sent(&self, ids: &Range<u64>) -> bool {
        let mut table = self.lock();
        let mut wanted = false;
        for id in ids.clone() {
            if let Some(waiting) = table.waiting.get_mut(&id) {
                waiting.sent = true;
                wanted = true;
            }
        }
        wanted
    }

    /// Ends one call; `false` when none with this id waits.
    pub(super) fn settle(&self, id: u64, outcome: Outcome) -> bool {
        // The lock is free again before the caller's task is woken.
        let waiting = self.lock().waiting.remove(&id);
        waiting.is_some_and(|waiting| waiting.answer.send(outcome).is_ok())
    }

    /// Ends the calls of the one batch that waits; `false` when there is none, or more than one.
    pub(super) fn fail_only_batch(&self, error: &ErrorObject) -> bool {
        let mut table = self.lock();
        let mut waiting = table.batches.iter().filter(|ids| table.is_sent(ids));
        let (Some(ids), None) = (waiting.next().cloned(), waiting.next()) else { return false };
        table.fail(ids, &Failure::Answered(error.clone()));
        true
    }

    /// Ends what is left of the batch that `id` is of: the server's answer to the batch is complete.
    pub(super) fn fail_rest_of_batch(&self, id: u64) {
        let mut table = self.lock();
        let Some(ids) = table.batches.iter().find(|ids| ids.contains(&id)).cloned() else { return };
        table.fail(ids, &Failure::NoResponse("the server left it out of its answer to the batch".into()));
    }

    /// Removes calls that nobody waits for any more; returns the ids that the server may still be working on.
    pub(super) fn withdraw(&self, ids: &Range<u64>) -> Vec<u64> {
        let mut table = self.lock();
        table.batches.retain(|batch| batch != ids);
        let sent = |id: &u64| table.waiting.remove(id).is_some_and(|waiting| waiting.sent);
        ids.clone().filter(sent).collect()
    }

    /// Ends every call, and those to come. Only the first ending counts.
    pub(super) fn close(&self, ending: &Ending) {
        let mut table = self.lock();
        if table.ending.is_some() {
            return;
        }
        table.ending = Some(ending.clone());
        for (_, Waiting { answer, sent }) in table.waiting.drain() {
            // A receiver that is gone has no use for it.
            let _ = answer.send(Err(Failure::Closed { sent, ending: ending.clone() }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // No code that can panic runs under the lock, so a poisoned table is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn register(&mut self, id: u64) -> Result<oneshot::Receiver<Outcome>, Ending> {
        if let Some(ending) = &self.ending {
            return Err(ending.clone());
        }
        let (answer, receiver) = oneshot::channel();
        self.waiting.insert(id, Waiting { answer, sent: false });
        Ok(receiver)
    }

    fn is_sent(&self, ids: &Range<u64>) -> bool {
        ids.clone().any(|id| self.waiting.get(&id).is_some_and(|waiting| waiting.sent))
    }

    fn fail(&mut self, ids: Range<u64>, failure: &Failure) {
        for waiting in ids.filter_map(|id| self.waiting.remove(&id)) {
            let _ = waiting.answer.send(Err(failure.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_finds_its_call_once() {
        let pending = Pending::default();
        let mut first = pending.register(1).unwrap();
        assert!(pending.settle(1, Ok(RawValue::NULL.to_owned())));
        assert!(!pending.settle(1, Ok(RawValue::NULL.to_owned())));
        assert!(first.try_recv().unwrap().is_ok());
    }

    #[test]
    fn only_what_was_sent_and_not_answered_is_to_be_cancelled() {
        let pending = Pending::default();
        let _receivers = pending.register_batch(1..4).unwrap();
        assert!(pending.withdraw(&(1..2)).is_empty(), "not sent yet");
        assert!(pending.mark_sent(&(1..4)));
        pending.settle(2, Ok(RawValue::NULL.to_owned()));
        assert_eq!(pending.withdraw(&(1..4)), [3]);
        assert!(!pending.mark_sent(&(1..4)));
    }

    #[test]
    fn an_error_without_id_belongs_to_the_only_batch() {
        let (pending, error) = (Pending::default(), ErrorObject::new(-32600, "too large"));
        let mut first = pending.register_batch(1..3).unwrap();
        assert!(!pending.fail_only_batch(&error), "the batch was not sent");
        pending.mark_sent(&(1..3));
        let mut second = pending.register_batch(3..4).unwrap();
        pending.mark_sent(&(3..4));
        assert!(!pending.fail_only_batch(&error), "there are two");
        pending.withdraw(&(3..4));
        assert!(pending.fail_only_batch(&error));
        assert!(matches!(first[0].try_recv(), Ok(Err(Failure::Answered(_)))));
        assert!(matches!(first[1].try_recv(), Ok(Err(Failure::Answered(_)))));
        assert!(second[0].try_recv().is_err());
    }

    #[test]
    fn a_closed_table_takes_no_call_and_keeps_the_first_ending() {
        let pending = Pending::default();
        let mut call = pending.register(1).unwrap();
        pending.close(&Ending::ByUs);
        pending.close(&Ending::Lost("late".into()));
        assert!(matches!(call.try_recv(), Ok(Err(Failure::Closed { sent: false, ending: Ending::ByUs }))));
        assert!(matches!(pending.register(2), Err(Ending::ByUs)));
    }
}
