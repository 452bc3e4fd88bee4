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

/// The table of the calls that wait, by id, and what becomes of those to come.
///
/// The lock is held for a look-up, never across an await. A call gets in over the connection that is there and leaves
/// with it at the latest, so that none can be left behind.
#[derive(Debug)]
pub(super) struct Pending(Mutex<Table>);

#[derive(Debug)]
struct Table {
    waiting: HashMap<u64, Waiting>,
    /// The batches that wait; each has its ids in a row.
    batches: Vec<Range<u64>>,
    phase: Phase,
    /// The number of the connection that is there, or was last.
    connection: u64,
}

/// Where a client is between its first connection and its end.
#[derive(Debug)]
enum Phase {
    /// Connected. Before it is open, only what goes ahead may pass.
    Up {
        open: bool,
    },
    /// Between two connections.
    Down(Ending),
    Ended(Ending),
}

/// What stands between a message and the connection.
#[derive(Debug)]
pub(super) enum Gate {
    /// Nothing. The number of the connection, and whether it is open to what goes ahead alone.
    Open {
        connection: u64,
        early: bool,
    },
    /// What goes ahead.
    Shut,
    Down(Ending),
    Ended(Ending),
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    answer: oneshot::Sender<Outcome>,
    /// Whether the request was handed to the socket: until then it can be taken back without a trace.
    sent: bool,
    /// Whether it is a login.
    pub(super) login: Option<Login>,
}

/// A login among the calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Login {
    /// Before the connection is open: it prepares it.
    Early,
    Late,
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

impl Waiting {
    /// Ends it; `false` when nobody waits for it any more.
    pub(super) fn end(self, outcome: Outcome) -> bool {
        self.answer.send(outcome).is_ok()
    }
}

impl Pending {
    /// How the client ended, if it did.
    pub(super) fn ending(&self) -> Option<Ending> {
        match &self.lock().phase {
            Phase::Ended(ending) => Some(ending.clone()),
            Phase::Up { .. } | Phase::Down(_) => None,
        }
    }

    /// How the last connection ended, when there is none now.
    pub(super) fn lost(&self) -> Option<Ending> {
        match &self.lock().phase {
            Phase::Down(ending) | Phase::Ended(ending) => Some(ending.clone()),
            Phase::Up { .. } => None,
        }
    }

    /// What stands between a message and the connection; what goes `ahead` on this one need not wait until it is open.
    pub(super) fn gate(&self, ahead: Option<u64>) -> Gate {
        let table = self.lock();
        let connection = table.connection;
        match &table.phase {
            Phase::Up { open } if *open || ahead == Some(connection) => Gate::Open { connection, early: !open },
            Phase::Up { .. } => Gate::Shut,
            Phase::Down(ending) => Gate::Down(ending.clone()),
            Phase::Ended(ending) => Gate::Ended(ending.clone()),
        }
    }

    /// Notes a new connection; returns its number.
    pub(super) fn up(&self, open: bool) -> u64 {
        let mut table = self.lock();
        if !matches!(table.phase, Phase::Ended(_)) {
            table.phase = Phase::Up { open };
        }
        table.connection += 1;
        table.connection
    }

    /// Lets everything pass over the connection that is there.
    pub(super) fn open(&self) {
        if let Phase::Up { open } = &mut self.lock().phase {
            *open = true;
        }
    }

    /// Adds the calls of one message; `None` when the connection that it was meant for is gone.
    pub(super) fn register(&self, ids: Range<u64>, connection: u64) -> Option<Vec<oneshot::Receiver<Outcome>>> {
        let mut table = self.lock();
        if !matches!(table.phase, Phase::Up { .. }) || table.connection != connection {
            return None;
        }
        let receivers = ids.map(|id| table.register(id)).collect();
        Some(receivers)
    }

    /// Adds the calls of one batch, likewise.
    pub(super) fn register_batch(&self, ids: Range<u64>, connection: u64) -> Option<Vec<oneshot::Receiver<Outcome>>> {
        let receivers = self.register(ids.clone(), connection)?;
        self.lock().batches.push(ids);
        Some(receivers)
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

    /// Notes that a call is a login, before it goes out.
    pub(super) fn mark_login(&self, id: u64, early: bool) {
        if let Some(waiting) = self.lock().waiting.get_mut(&id) {
            waiting.login = Some(if early { Login::Early } else { Login::Late });
        }
    }

    /// Takes a call out that is answered. The lock is free again before its maker's task is woken.
    pub(super) fn take(&self, id: u64) -> Option<Waiting> {
        self.lock().waiting.remove(&id)
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

    /// Removes calls that nobody waits for any more; returns the ids that the server may still be working on, and the
    /// connection that it has them from.
    pub(super) fn withdraw(&self, ids: &Range<u64>) -> (u64, Vec<u64>) {
        let mut table = self.lock();
        table.batches.retain(|batch| batch != ids);
        let sent = |id: &u64| table.waiting.remove(id).is_some_and(|waiting| waiting.sent);
        let sent = ids.clone().filter(sent).collect();
        (table.connection, sent)
    }

    /// Ends the calls of the connection that is there, which has fallen; others may come over the next.
    pub(super) fn fall(&self, ending: &Ending) {
        let mut table = self.lock();
        if let Phase::Up { .. } = table.phase {
            table.phase = Phase::Down(ending.clone());
            table.fail_all(ending);
        }
    }

    /// Says more of why there is no connection.
    pub(super) fn not_back(&self, ending: Ending) {
        if let Phase::Down(why) = &mut self.lock().phase {
            *why = ending;
        }
    }

    /// Ends every call, and those to come. Only the first ending counts.
    pub(super) fn close(&self, ending: &Ending) {
        let mut table = self.lock();
        if !matches!(table.phase, Phase::Ended(_)) {
            table.phase = Phase::Ended(ending.clone());
            table.fail_all(ending);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // No code that can panic runs under the lock, so a poisoned table is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Pending {
    fn default() -> Self {
        let phase = Phase::Up { open: false };
        Self(Mutex::new(Table { waiting: HashMap::new(), batches: Vec::new(), phase, connection: 0 }))
    }
}

impl Table {
    fn register(&mut self, id: u64) -> oneshot::Receiver<Outcome> {
        let (answer, receiver) = oneshot::channel();
        self.waiting.insert(id, Waiting { answer, sent: false, login: None });
        receiver
    }

    fn fail_all(&mut self, ending: &Ending) {
        self.batches.clear();
        for (_, Waiting { answer, sent, .. }) in self.waiting.drain() {
            // A receiver that is gone has no use for it.
            let _ = answer.send(Err(Failure::Closed { sent, ending: ending.clone() }));
        }
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

    /// A table with a connection, and its number.
    fn connected() -> (Pending, u64) {
        let pending = Pending::default();
        let connection = pending.up(true);
        (pending, connection)
    }

    fn lost() -> Ending {
        Ending::lost("late")
    }

    #[test]
    fn an_answer_finds_its_call_once() {
        let (pending, connection) = connected();
        let mut calls = pending.register(1..2, connection).unwrap();
        assert!(pending.take(1).unwrap().end(Ok(RawValue::NULL.to_owned())));
        assert!(pending.take(1).is_none());
        assert!(calls[0].try_recv().unwrap().is_ok());
    }

    #[test]
    fn only_what_was_sent_and_not_answered_is_to_be_cancelled() {
        let (pending, connection) = connected();
        let _receivers = pending.register_batch(1..4, connection).unwrap();
        assert!(pending.withdraw(&(1..2)).1.is_empty(), "not sent yet");
        assert!(pending.mark_sent(&(1..4)));
        pending.take(2).unwrap().end(Ok(RawValue::NULL.to_owned()));
        assert_eq!(pending.withdraw(&(1..4)), (connection, vec![3]));
        assert!(!pending.mark_sent(&(1..4)));
    }

    #[test]
    fn an_error_without_id_belongs_to_the_only_batch() {
        let ((pending, connection), error) = (connected(), ErrorObject::new(-32600, "too large"));
        let mut first = pending.register_batch(1..3, connection).unwrap();
        assert!(!pending.fail_only_batch(&error), "the batch was not sent");
        pending.mark_sent(&(1..3));
        let mut second = pending.register_batch(3..4, connection).unwrap();
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
        let (pending, connection) = connected();
        let mut calls = pending.register(1..2, connection).unwrap();
        pending.close(&Ending::ByUs);
        pending.close(&lost());
        assert!(matches!(calls[0].try_recv(), Ok(Err(Failure::Closed { sent: false, ending: Ending::ByUs }))));
        assert!(pending.register(2..3, connection).is_none());
        assert_ne!(pending.up(true), connection, "a connection that comes too late changes nothing");
        assert!(matches!(pending.gate(None), Gate::Ended(Ending::ByUs)));
    }

    #[test]
    fn a_call_that_was_meant_for_a_connection_does_not_get_in_over_the_next() {
        let (pending, first) = connected();
        let mut calls = pending.register(1..2, first).unwrap();
        pending.mark_sent(&(1..2));
        pending.fall(&lost());
        assert!(matches!(calls[0].try_recv(), Ok(Err(Failure::Closed { sent: true, .. }))));
        assert!(matches!(pending.gate(Some(first)), Gate::Down(_)));
        assert!(pending.register(2..3, first).is_none());
        let second = pending.up(false);
        assert!(pending.register(2..3, first).is_none());
        assert!(matches!(pending.gate(None), Gate::Shut));
        assert!(matches!(pending.gate(Some(first)), Gate::Shut), "it went ahead on another");
        let is_open = |gate, is_early| matches!(gate, Gate::Open { connection, early } if connection == second && early == is_early);
        assert!(is_open(pending.gate(Some(second)), true));
        pending.open();
        assert!(is_open(pending.gate(None), false) && is_open(pending.gate(Some(second)), false));
        assert!(pending.register(2..3, second).is_some());
    }
}
