//! Several calls in one message.

use std::{
    fmt,
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Client,
    exchange::{self, Exchange, LOGIN, request},
    known::Known,
    params,
    pending::Outcome,
};
use crate::{
    error::{Error, ErrorKind, Result},
    pending_call::{Patience, decode},
    protocol::batch_text,
};

/// Calls and notifications that go out as one message and run side by side.
///
/// ```no_run
/// # use conduit::Client;
/// # use serde_json::json;
/// # async fn example(client: &Client) -> conduit::Result<()> {
/// let mut batch = client.batch();
/// let sum = batch.call::<i64>("add", json!({"a": 2, "b": 3}));
/// let name = batch.call::<String>("name", ());
/// batch.notify("tick", [1]);
/// let answers = batch.send().await?;
/// println!("{} by {}", answers.take(sum)?, answers.take(name)?);
/// # Ok(()) }
/// ```
#[must_use = "a batch is sent by `send`"]
pub struct Batch {
    client: Client,
    number: u64,
    entries: Vec<Draft>,
    calls: usize,
    fault: Option<Error>,
    patience: Patience,
    idempotent: bool,
}

struct Draft {
    method: Box<str>,
    params: Option<Box<RawValue>>,
    is_call: bool,
}

/// What one call of a batch comes to.
#[derive(Debug)]
enum Answer {
    Given(Outcome),
    /// It was not sent.
    Refused(Error),
}

/// Which answer of a batch is meant, and of which type it is: see [`Answers::take`].
pub struct Entry<T> {
    batch: u64,
    index: usize,
    output: PhantomData<fn() -> T>,
}

/// The answers to a [`Batch`].
pub struct Answers {
    batch: u64,
    answers: Vec<(Box<str>, Answer)>,
}

impl Batch {
    pub(super) fn new(client: Client) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (number, patience) = (NUMBER.fetch_add(1, Ordering::Relaxed), client.patience);
        Self { client, number, entries: Vec::new(), calls: 0, fault: None, patience, idempotent: false }
    }

    /// Adds a call. What it takes as `params` is what [`Client::call`] takes.
    pub fn call<T>(&mut self, method: &str, params: impl Serialize) -> Entry<T> {
        self.push(method, &params, true);
        self.calls += 1;
        Entry { batch: self.number, index: self.calls - 1, output: PhantomData }
    }

    /// Adds a notification, which is not answered.
    pub fn notify(&mut self, method: &str, params: impl Serialize) {
        self.push(method, &params, false);
    }

    /// How long to wait for the answers, counted from the first poll of [`send`](Self::send); the client's own
    /// timeout otherwise. It travels with each of the calls, as that of a [single one](crate::PendingCall::timeout) does.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience = Patience::chosen(timeout);
        self
    }

    /// Says that running all of it twice is as good as once: when the connection falls before there is an answer, it is
    /// sent again over the next. It is so from the start when the client has [discovered](Client::discover) that each of
    /// its methods is.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// How many calls and notifications it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sends the batch and waits until each of its calls is answered; a batch of notifications is not waited for.
    ///
    /// A batch of which a server that stops takes no call (-32005) waits for the next connection, as a single
    /// [call](crate::PendingCall) does; one with a notification, which may have run, only if it is
    /// [idempotent](Self::idempotent).
    ///
    /// # Errors
    /// `Encode` for a batch without an entry, and for arguments that can't be sent, before anything is; `Timeout`
    /// and `Closed` for the batch as a whole, as for a single [call](crate::PendingCall). What the server answers to an
    /// entry, errors included, is for [`Answers::take`] to say. So is what it would answer, to go by what it
    /// [tells](Client::discover) of itself: a call that it would refuse is left out, and a notification that it would
    /// refuse is an error, `Rpc`, of the batch, of which then nothing is sent.
    ///
    /// # Cancel safety
    /// Dropping it gives up the calls that are not answered: the server is told by `rpc.cancel`.
    pub async fn send(self) -> Result<Answers> {
        let Self { client, number, entries, fault, patience, idempotent, .. } = self;
        if let Some(fault) = fault {
            return Err(fault);
        }
        if entries.is_empty() {
            let message = "an empty batch can't be sent: add a call or a notification";
            return Err(Error::new(ErrorKind::Encode, message).unsent());
        }
        let (entries, refused) = checked(&client.known, entries)?;
        let (link, ahead) = (&*client.link, client.ahead);
        let idempotent = idempotent || entries.iter().all(|entry| client.known.is_idempotent(&entry.method));
        let outcomes = if entries.is_empty() {
            Vec::new()
        } else {
            let what = "the batch";
            let calls: Vec<_> = entries.iter().filter(|entry| entry.is_call).collect();
            let notifies = calls.len() < entries.len();
            let login = calls.iter().rposition(|call| *call.method == *LOGIN).map(|index| index as u64);
            let exchange = Exchange { link, what, patience, idempotent, ahead, is_batch: true, notifies, login };
            exchange.run(calls.len() as u64, |first_id, timeout| text(&entries, first_id, timeout)).await?
        };
        let methods = entries.into_iter().filter(|entry| entry.is_call).map(|entry| entry.method);
        let given: Vec<_> = methods.zip(outcomes).collect();
        for (method, outcome) in &given {
            exchange::check_version(link, method, outcome)?;
        }
        let mut answers: Vec<_> = given.into_iter().map(|(method, outcome)| (method, Answer::Given(outcome))).collect();
        for Refused { call, method, error } in refused {
            answers.insert(call, (method, Answer::Refused(error)));
        }
        Ok(Answers { batch: number, answers })
    }

    fn push(&mut self, method: &str, params: &impl Serialize, is_call: bool) {
        match params::encode(method, params) {
            Ok(params) => self.entries.push(Draft { method: method.into(), params, is_call }),
            Err(error) => self.fault = self.fault.take().or(Some(error)),
        }
    }
}

/// A call that is left out.
struct Refused {
    /// Its number among all calls of the batch.
    call: usize,
    method: Box<str>,
    error: Error,
}

/// Those entries that the server would take, as far as is known, and the calls that it would refuse.
fn checked(known: &Known, entries: Vec<Draft>) -> Result<(Vec<Draft>, Vec<Refused>)> {
    let (mut taken, mut refused) = (Vec::with_capacity(entries.len()), Vec::new());
    let mut calls = 0..;
    for entry in entries {
        let call = if entry.is_call { calls.next() } else { None };
        match (known.check_call(&entry.method, entry.params.as_deref()), call) {
            (Ok(()), _) => taken.push(entry),
            (Err(error), Some(call)) => refused.push(Refused { call, method: entry.method, error }),
            (Err(error), None) => return Err(error),
        }
    }
    Ok((taken, refused))
}

fn text(entries: &[Draft], first_id: u64, timeout: Option<Duration>) -> String {
    let mut ids = first_id..;
    let texts = entries.iter().map(|Draft { method, params, is_call }| {
        let id = if *is_call { ids.next() } else { None };
        request(method, params.as_deref(), id, timeout.filter(|_| *is_call))
    });
    batch_text(texts).expect("the batch has an entry")
}

impl Answers {
    /// The answer to one call.
    ///
    /// # Errors
    /// `Rpc` when the server answered with an error, to this call or to the whole batch, or the call was left out because
    /// it would have; `Decode` when the answer
    /// is no `T`, or was left out.
    ///
    /// # Panics
    /// When the entry is of another batch.
    pub fn take<T: DeserializeOwned>(&self, entry: Entry<T>) -> Result<T> {
        assert!(entry.batch == self.batch, "the entry is of another batch");
        let (method, outcome) = &self.answers[entry.index];
        match outcome {
            Answer::Given(Ok(result)) => decode(method, result),
            Answer::Given(Err(failure)) => Err(failure.clone().into_error(&format!("`{method}`"))),
            Answer::Refused(error) => Err(error.clone()),
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.entries.iter().map(|entry| &entry.method).collect();
        f.debug_struct("Batch").field("methods", &methods).finish_non_exhaustive()
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Entry<T> {}

impl<T> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.index)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.answers).finish()
    }
}
