//! One message with calls: it waits for a connection, is sent, and waits for its answers; once more if it must.

use std::{
    ops::Range,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{sync::oneshot, time::Instant};

use super::{
    dial,
    ending::Ending,
    link::{Link, Place, Route},
    pending::{Failure, Outcome},
};
use crate::{
    error::{Error, ErrorKind, Result},
    pending_call::Patience,
    protocol::{ErrorCode, Id, timed_request_text},
};

/// The method with which a client logs in, and by whose answer it knows the server's version.
pub(super) const LOGIN: &str = "rpc.login";

/// How calls are made.
pub(super) struct Exchange<'a> {
    pub(super) link: &'a Link,
    /// The calls, in a message to people.
    pub(super) what: &'a str,
    pub(super) patience: Patience,
    /// Whether they may be sent again when they may have run.
    pub(super) idempotent: bool,
    /// The connection on which they go ahead of those that wait for a hook.
    pub(super) ahead: Option<u64>,
    /// Whether they are a batch.
    pub(super) is_batch: bool,
    /// Whether there are notifications beside them.
    pub(super) notifies: bool,
    /// Which of them is a login, counted from 0.
    pub(super) login: Option<u64>,
}

/// What became of the attempts so far.
#[derive(Default)]
struct Attempts {
    /// Whether the server may have worked on one.
    sent: AtomicBool,
    /// The answers of a server that was about to go, and took none of the calls.
    turned_away: OnceLock<Vec<Outcome>>,
}

/// Writes the message of calls.
pub(super) trait Write: Fn(u64, Option<Duration>) -> String {}

impl<F: Fn(u64, Option<Duration>) -> String> Write for F {}

impl Exchange<'_> {
    /// Makes so many calls, with the text that `write` makes of the first of their ids, and of what the server is told of
    /// the time that is left. Without a call it ends when the message is in the queue: a notification, or several.
    ///
    /// # Cancel safety
    /// Dropping the future gives the calls up: the server is asked to cancel those that it may be working on.
    pub(super) async fn run(&self, calls: u64, write: impl Write) -> Result<Vec<Outcome>> {
        let so_far = Attempts::default();
        let done = tokio::time::timeout(self.patience.limit, self.attempts(calls, write, &so_far)).await;
        done.unwrap_or_else(|_| self.too_late(so_far))
    }

    async fn attempts(&self, calls: u64, write: impl Write, so_far: &Attempts) -> Result<Vec<Outcome>> {
        let (start, mut taken, mut waiting) = (Instant::now(), false, None);
        loop {
            let place = self.place(taken, &so_far.sent).await?;
            drop(waiting.take());
            let connection = place.connection;
            let ids = self.link.next_ids(calls);
            let text = write(ids.start, self.patience.told(start.elapsed()));
            if ids.is_empty() {
                let route = place.route();
                self.link.send(text, route, place);
                return Ok(Vec::new());
            }
            // A connection that fell since counts for nothing.
            let Some(answers) = self.register(&ids, connection) else { continue };
            if let Some(login) = self.login {
                self.link.pending().mark_login(ids.start + login, place.early);
            }
            let _ticket = Ticket { link: self.link, ids: ids.clone(), sent: &so_far.sent };
            self.link.send(text, Route::Calls(ids), place);
            let outcomes = join_all(answers.into_iter().map(outcome)).await;
            // An entry that was answered before the connection ended keeps its answer.
            let Some((was_sent, ending)) = fell(&outcomes) else {
                // As what waits when the connection has fallen: it is about to. What goes ahead does not wait: the server
                // may wait for whoever calls, before it closes. Nor do notifications: they may have run.
                let may_wait = self.ahead != Some(connection) && (self.idempotent || !self.notifies);
                waiting = if may_wait && are_turned_away(&outcomes) { self.link.waiting() } else { None };
                if waiting.is_none() {
                    return Ok(outcomes);
                }
                let _ = so_far.turned_away.set(outcomes);
                self.link.gone(connection).await;
                taken = true;
                continue;
            };
            so_far.sent.fetch_or(was_sent, Ordering::Relaxed);
            if was_sent && (!self.idempotent || ending.is_of_size()) {
                return Err(ending.not_answered(self.what));
            }
            taken = was_sent || self.link.waits();
        }
    }

    async fn place(&self, taken: bool, sent: &AtomicBool) -> Result<Place> {
        self.link.place(self.ahead, taken).await.map_err(|none| match sent.load(Ordering::Relaxed) {
            true => none.not_answered(self.what),
            false => none.not_sent(self.what),
        })
    }

    fn register(&self, ids: &Range<u64>, connection: u64) -> Option<Vec<oneshot::Receiver<Outcome>>> {
        let pending = self.link.pending();
        match self.is_batch {
            true => pending.register_batch(ids.clone(), connection),
            false => pending.register(ids.clone(), connection),
        }
    }

    /// What is known when the time is up.
    fn too_late(&self, Attempts { sent, turned_away }: Attempts) -> Result<Vec<Outcome>> {
        let (what, timeout) = (self.what, self.patience.limit);
        if sent.into_inner() {
            let message = format!("{what} was not answered within {timeout:?}; the call may have run");
            return Err(Error::new(ErrorKind::Timeout, message).that_may_have_run());
        }
        if let Some(answers) = turned_away.into_inner() {
            return Ok(answers);
        }
        let error =
            |why| Error::new(ErrorKind::Timeout, format!("{what} was not sent within {timeout:?}: {why}")).unsent();
        Err(match self.link.pending().lost() {
            Some(ending) => ending.explain(error(format!("the connection is down: {ending}"))),
            None => error("the connection takes no more at the moment".into()),
        })
    }
}

/// How the connection ended beneath calls of which none was answered, and whether they were sent.
fn fell(outcomes: &[Outcome]) -> Option<(bool, Ending)> {
    let mut fallen = outcomes.iter().map(|outcome| match outcome {
        Err(Failure::Closed { sent, ending }) => Some((*sent, ending)),
        _ => None,
    });
    let (sent, ending) = fallen.next()??;
    fallen.all(|other| other.is_some()).then(|| (sent, ending.clone()))
}

/// Whether a server that is about to close the connection says of each call that it has not run.
fn are_turned_away(outcomes: &[Outcome]) -> bool {
    // Servers of other kinds have another meaning for the code, and do not say that they close.
    #[derive(Deserialize)]
    struct Data {
        closing: bool,
    }
    outcomes.iter().all(|outcome| match outcome {
        Err(Failure::Answered(error)) if error.code() == ErrorCode::ShuttingDown.code() => {
            error.data_as().is_some_and(|Data { closing }| closing)
        }
        _ => false,
    })
}

async fn outcome(answer: oneshot::Receiver<Outcome>) -> Outcome {
    answer.await.expect("every call that leaves the table is answered, and the ticket holds it there until then")
}

/// The text of a request; without an id, of a notification.
pub(super) fn request(method: &str, params: Option<&RawValue>, id: Option<u64>, timeout: Option<Duration>) -> String {
    timed_request_text(method, params, id.map(Id::from).as_ref(), timeout).expect("a string, JSON and numbers are JSON")
}

/// Looks at the answer to a login for the version that the server tells.
///
/// # Errors
/// The server is too old. The connection is closed.
pub(super) fn check_version(link: &Link, method: &str, outcome: &Outcome) -> Result<()> {
    match (outcome, link.needed_version()) {
        (Ok(answer), Some(needed)) if method == LOGIN => dial::check_login(needed, answer).inspect_err(|error| {
            link.end(&Ending::GaveUp { why: error.to_string(), failure: Some(error.clone()) });
        }),
        _ => Ok(()),
    }
}

/// Calls in the table. Dropping it takes them out, and cancels on the server those that were not answered.
struct Ticket<'a> {
    link: &'a Link,
    ids: Range<u64>,
    /// Set when the server may have worked on them.
    sent: &'a AtomicBool,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.link.withdraw(&self.ids) {
            self.sent.store(true, Ordering::Relaxed);
        }
    }
}
