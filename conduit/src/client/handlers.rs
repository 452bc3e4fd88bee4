//! The handlers of the events that a server sends, by name, beside the methods that it may call.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::served::Served;
use crate::{
    event_failed::EventFailed,
    events::{Event, EventNames},
    protocol::ErrorObject,
    registry::{FALLBACK, Registered},
};

/// The table of the handlers of one client, which changes, and its methods, which do not.
///
/// The lock is held for a look-up, never across a handler, and what leaves the table is dropped outside it: a handler
/// may hold the last handle of the client, whose end comes back here.
#[derive(Default)]
pub(super) struct Handlers {
    table: Mutex<Table>,
    served: Served,
}

#[derive(Default)]
struct Table {
    next: u64,
    /// In the order in which they were given; no list is empty.
    by_event: HashMap<String, Vec<Entry>>,
    /// Nothing comes any more.
    closed: bool,
}

struct Entry {
    key: u64,
    kind: Kind,
    handler: Arc<Registered>,
}

/// A handler and what it handles, before there is a table.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) events: Vec<String>,
    pub(super) kind: Kind,
    pub(super) handler: Arc<Registered>,
}

/// The names of events as they are given to a client that is there.
///
/// # Panics
/// When one can't be the name of an event.
#[track_caller]
pub(super) fn checked(events: impl EventNames) -> Vec<String> {
    let names = events.names();
    if let Some(fault) = names.iter().find_map(|name| misnamed(name)) {
        panic!("{fault}");
    }
    names
}

/// Why an event can't be called so, if it can't.
pub(super) fn misnamed(event: &str) -> Option<String> {
    // The one event that conduit itself has.
    let is_wrong = event.is_empty() || (event.starts_with("rpc.") && event != EventFailed::NAME);
    is_wrong.then(|| {
        format!(
            "an event is called `{event}`: give it a name, and none that starts with `rpc.`, which JSON-RPC 2.0 reserves"
        )
    })
}

/// What an entry of the table does with events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Handles them all.
    Handler,
    /// Handles one.
    Once,
    /// Puts them in the queue of a stream, which is done at once and bounded by itself.
    Feed,
}

/// Who takes an event.
pub(super) struct Takers {
    pub(super) handlers: Vec<Arc<Registered>>,
    /// Why those that are more than feeds are not among them, if they are not.
    pub(super) refusal: Option<ErrorObject>,
}

impl Handlers {
    pub(super) fn new(given: Vec<Given>, served: Served) -> Arc<Self> {
        let handlers = Arc::new(Self { table: Mutex::default(), served });
        for given in given {
            handlers.add(given);
        }
        handlers
    }

    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    /// Adds a handler, behind those that are there.
    pub(super) fn add(self: &Arc<Self>, given: Given) -> Subscription {
        let mut table = self.lock();
        table.next += 1;
        let key = table.next;
        if !table.closed {
            table.add(key, given);
        }
        Subscription { key, handlers: Arc::downgrade(self) }
    }

    /// Who takes an event: those of its name, else those of `"*"`. `admit` says whether a handler may run now; if so,
    /// those that handle one event only are taken out.
    ///
    /// JSON-RPC 2.0 keeps the names that start with `rpc.` for itself: they are no events of the application, so the
    /// fallback is not asked about them. Nor is a stream of `"*"`, which looks on, about what is to be answered: that may
    /// be a call of a method that this client has not.
    pub(super) fn find(
        &self,
        event: &str,
        is_answered: bool,
        admit: impl FnOnce() -> Result<(), ErrorObject>,
    ) -> Option<Takers> {
        let mut table = self.lock();
        let fallback = || table.by_event.get(FALLBACK).filter(|_| !event.starts_with("rpc."));
        let entries = table.by_event.get(event).or_else(fallback)?;
        let is_feed = |entry: &&Entry| entry.kind == Kind::Feed;
        let only_feeds = entries.iter().all(|entry| is_feed(&entry));
        if only_feeds && is_answered && !table.by_event.contains_key(event) {
            return None;
        }
        let refusal = if only_feeds { None } else { admit().err() };
        let takes = |entry: &&Entry| refusal.is_none() || is_feed(entry);
        let handlers = entries.iter().filter(takes).map(|entry| Arc::clone(&entry.handler)).collect();
        let is_spent = |entry: &&Entry| refusal.is_none() && entry.kind == Kind::Once;
        let spent: Vec<u64> = entries.iter().filter(is_spent).map(|entry| entry.key).collect();
        for key in spent {
            // Each is among those found, so that none is dropped here.
            table.remove(key);
        }
        Some(Takers { handlers, refusal })
    }

    fn remove(&self, key: u64) {
        let removed = self.lock().remove(key);
        drop(removed);
    }

    /// Lets go of all handlers: the connection has ended.
    pub(super) fn close(&self) {
        let mut table = self.lock();
        table.closed = true;
        let all = std::mem::take(&mut table.by_event);
        drop(table);
        drop(all);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // No code that can panic runs under the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, key: u64, Given { events, kind, handler }: Given) {
        for event in events {
            let entries = self.by_event.entry(event).or_default();
            // A name that is given twice is one name.
            if entries.last().is_none_or(|last| last.key != key) {
                entries.push(Entry { key, kind, handler: Arc::clone(&handler) });
            }
        }
    }

    fn remove(&mut self, key: u64) -> Vec<Entry> {
        let mut removed = Vec::new();
        self.by_event.retain(|_, entries| {
            removed.extend(entries.extract_if(.., |entry| entry.key == key));
            !entries.is_empty()
        });
        removed
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers")
            .field("events", &self.lock().by_event.keys().collect::<Vec<_>>())
            .field("methods", &self.served)
            .finish()
    }
}

/// A handler that a [`Client`](super::Client) was given.
///
/// Dropping it changes nothing: the handler stays until it is [removed](Self::remove) or the connection ends.
#[derive(Debug)]
pub struct Subscription {
    key: u64,
    handlers: Weak<Handlers>,
}

impl Subscription {
    /// Takes the handler away, from all its events. One that runs goes on to its end.
    pub fn remove(self) {
        self.take_away();
    }

    pub(super) fn take_away(&self) {
        if let Some(handlers) = self.handlers.upgrade() {
            handlers.remove(self.key);
        }
    }
}
