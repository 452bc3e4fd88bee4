//! The calls that are measured.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use conduit::{Client, ErrorKind};
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::REDRAWN;
use crate::{interrupts::Interrupts, session};

/// What to call, and how long.
pub(super) struct Load {
    pub(super) clients: Vec<Client>,
    pub(super) method: Arc<str>,
    pub(super) params: Option<Arc<RawValue>>,
    pub(super) until: Until,
}

#[derive(Clone, Copy)]
pub(super) enum Until {
    Count(u64),
    Time(Duration),
}

/// How far it is.
pub(super) struct Progress {
    pub(super) calls: u64,
    pub(super) elapsed: Duration,
    pub(super) until: Until,
}

/// What came out.
pub(super) struct Measured {
    /// Of answers that are no errors, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) elapsed: Duration,
    /// How a connection ended, if one did.
    pub(super) lost: Option<String>,
    pub(super) is_interrupted: bool,
}

impl Measured {
    /// Interrupted before there was anything to measure.
    pub(super) fn nothing() -> Self {
        let Tally { latency, errors } = Tally::new();
        Self { latency, errors, elapsed: Duration::ZERO, lost: None, is_interrupted: true }
    }

    /// Answers, errors among them.
    pub(super) fn calls(&self) -> u64 {
        self.latency.len() + self.errors.values().sum::<u64>()
    }
}

/// What the callers share.
struct Shared {
    method: Arc<str>,
    params: Option<Arc<RawValue>>,
    until: Until,
    start: Instant,
    started: AtomicU64,
    done: AtomicU64,
    is_over: AtomicBool,
    lost: Mutex<Option<String>>,
}

/// Different errors that are told apart.
const ERRORS: usize = 20;

impl Load {
    /// Keeps `in_flight` calls running on each connection, up to the end, or to Ctrl-C, which takes back what runs.
    pub(super) async fn run(self, in_flight: usize, draw: impl Fn(&Progress), interrupts: &mut Interrupts) -> Measured {
        let shared = Arc::new(Shared::new(self.method, self.params, self.until));
        let interrupted = watch::Sender::new(false);
        let callers = self.clients.iter().flat_map(|client| std::iter::repeat_n(client, in_flight));
        let caller = |client: &Client| caller(client.clone(), Arc::clone(&shared), interrupted.subscribe());
        let callers: Vec<_> = callers.map(|client| tokio::spawn(caller(client))).collect();
        let all = join_all(callers);
        tokio::pin!(all);
        let mut redraw = tokio::time::interval(REDRAWN);
        let tallies = loop {
            tokio::select! {
                tallies = &mut all => break tallies,
                _ = redraw.tick() => draw(&shared.progress()),
                () = interrupts.next() => drop(interrupted.send_replace(true)),
            }
        };
        let (elapsed, is_interrupted) = (shared.start.elapsed(), *interrupted.borrow());
        if !is_interrupted {
            join_all(self.clients.iter().map(session::close)).await;
        }
        let mut whole = Tally::new();
        for tally in tallies {
            whole.add(tally.expect("a caller does not panic"));
        }
        let lost = shared.lost.lock().unwrap_or_else(PoisonError::into_inner).take();
        Measured { latency: whole.latency, errors: whole.errors, elapsed, lost, is_interrupted }
    }
}

impl Shared {
    fn new(method: Arc<str>, params: Option<Arc<RawValue>>, until: Until) -> Self {
        Self {
            method,
            params,
            until,
            start: Instant::now(),
            started: AtomicU64::new(0),
            done: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            lost: Mutex::new(None),
        }
    }

    /// Whether another call is to be made.
    fn next(&self) -> bool {
        let is_due = match self.until {
            Until::Count(count) => self.started.fetch_add(1, Ordering::Relaxed) < count,
            Until::Time(time) => self.start.elapsed() < time,
        };
        is_due && !self.is_over.load(Ordering::Relaxed)
    }

    fn progress(&self) -> Progress {
        let calls = self.done.load(Ordering::Relaxed);
        Progress { calls, elapsed: self.start.elapsed(), until: self.until }
    }

    fn lose(&self, error: &conduit::Error) {
        self.is_over.store(true, Ordering::Relaxed);
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

/// One caller, up to the end or until it is interrupted: what it saw until then.
async fn caller(client: Client, shared: Arc<Shared>, mut interrupted: watch::Receiver<bool>) -> Tally {
    let mut tally = Tally::new();
    tokio::select! {
        biased;
        () = call(&client, &shared, &mut tally) => {}
        _ = interrupted.wait_for(|is| *is) => {}
    }
    tally
}

/// A call after the other.
async fn call(client: &Client, shared: &Shared, tally: &mut Tally) {
    while shared.next() {
        let start = Instant::now();
        let called = match &shared.params {
            Some(params) => client.call::<Box<RawValue>>(&shared.method, &**params).await,
            None => client.call::<Box<RawValue>>(&shared.method, ()).await,
        };
        match called {
            Ok(_) => tally.latency.record(start.elapsed().as_nanos() as u64).expect("it grows"),
            Err(error) if error.kind() == ErrorKind::Closed => {
                shared.lose(&error);
                break;
            }
            Err(error) => tally.fail(error.to_string(), 1),
        }
        shared.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one caller saw.
struct Tally {
    latency: Histogram<u64>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    fn new() -> Self {
        Self { latency: Histogram::new(3).expect("three digits are allowed"), errors: BTreeMap::new() }
    }

    fn fail(&mut self, message: String, times: u64) {
        let message = if self.errors.len() < ERRORS { message } else { "other errors".into() };
        *self.errors.entry(message).or_default() += times;
    }

    fn add(&mut self, other: Self) {
        self.latency.add(other.latency).expect("it grows");
        for (message, times) in other.errors {
            self.fail(message, times);
        }
    }
}
