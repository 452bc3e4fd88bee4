//! The handlers of the events that a server sends, by name.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::registry::{FALLBACK, Registered};

/// The table of the handlers of one client.
///
/// The lock is held for a look-up, never across a handler, and what leaves the table is dropped outside it: a handler
/// may hold the last handle of the client, whose end comes back here.
#[derive(Default)]
pub(super) struct Handlers(Mutex<Table>);

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
    once: bool,
    handler: Arc<Registered>,
}

/// A handler and what it handles, before there is a table.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) events: Vec<String>,
    /// Whether one event is all that it handles.
    pub(super) once: bool,
    pub(super) handler: Arc<Registered>,
}

impl Handlers {
    pub(super) fn new(given: Vec<Given>) -> Arc<Self> {
        let handlers = Arc::new(Self::default());
        for given in given {
            handlers.add(given);
        }
        handlers
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

    /// Who handles an event: those of its name, else those of `"*"`. Takes those out that handle one event only.
    ///
    /// JSON-RPC 2.0 keeps the names that start with `rpc.` for itself: they are no events of the application, so the
    /// fallback is not asked about them.
    pub(super) fn find(&self, event: &str) -> Option<Vec<Arc<Registered>>> {
        let mut table = self.lock();
        let fallback = || table.by_event.get(FALLBACK).filter(|_| !event.starts_with("rpc."));
        let entries = table.by_event.get(event).or_else(fallback)?;
        let handlers = entries.iter().map(|entry| Arc::clone(&entry.handler)).collect();
        let spent: Vec<u64> = entries.iter().filter(|entry| entry.once).map(|entry| entry.key).collect();
        for key in spent {
            // Each is among those found, so that none is dropped here.
            table.remove(key);
        }
        Some(handlers)
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, key: u64, Given { events, once, handler }: Given) {
        for event in events {
            let entries = self.by_event.entry(event).or_default();
            // A name that is given twice is one name.
            if entries.last().is_none_or(|last| last.key != key) {
                entries.push(Entry { key, once, handler: Arc::clone(&handler) });
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
        f.debug_list().entries(self.lock().by_event.keys()).finish()
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
