//! What a client has learned of its server, and what it refuses to send for that.

use std::sync::{
    PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    openrpc::OpenRpc,
    protocol::ErrorObject,
};

/// The document of the server, once it was asked for; clones of a client share it.
#[derive(Debug)]
pub(super) struct Known {
    told: RwLock<Option<Told>>,
    /// The number of the connection that is there, 0 when there is none.
    connection: AtomicU64,
    /// Whether calls are held against it.
    checks: bool,
}

#[derive(Debug)]
struct Told {
    document: OpenRpc,
    /// The connection over which it was told. The next one may lead to a server of another version.
    connection: u64,
}

impl Known {
    pub(super) fn new(checks: bool) -> Self {
        Self { told: RwLock::default(), connection: AtomicU64::new(0), checks }
    }

    /// The connection that is there, over which is told what is asked for now.
    pub(super) fn connection(&self) -> u64 {
        self.connection.load(Ordering::Acquire)
    }

    pub(super) fn learn(&self, document: OpenRpc, connection: u64) {
        *self.write() = Some(Told { document, connection });
    }

    /// Another connection is there.
    pub(super) fn up(&self, connection: u64) {
        self.connection.store(connection, Ordering::Release);
    }

    /// The connection is lost.
    pub(super) fn doubt(&self) {
        self.connection.store(0, Ordering::Release);
    }

    pub(super) fn document(&self) -> Option<OpenRpc> {
        self.read().as_ref().map(|told| told.document.clone())
    }

    /// The document, if it is that of the server which is called now.
    fn current(&self) -> Option<OpenRpc> {
        let connection = self.connection();
        self.read()
            .as_ref()
            .filter(|told| connection != 0 && told.connection == connection)
            .map(|told| told.document.clone())
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Told>> {
        // Nothing that can panic runs under the lock.
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Told>> {
        self.told.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the server would have against a call, as far as is known.
    pub(super) fn check_call(&self, method: &str, params: Option<&RawValue>) -> Result<()> {
        self.refusal(|document| document.check_call(method, params.map(RawValue::get)))
    }

    /// Says what the server would have against an event, as far as is known.
    pub(super) fn check_event(&self, event: &str, params: Option<&RawValue>) -> Result<()> {
        self.refusal(|document| document.check_event(event, params.map(RawValue::get)))
    }

    /// Whether the server is known to say that a method may run twice.
    pub(super) fn is_idempotent(&self, method: &str) -> bool {
        self.current().is_some_and(|document| document.method(method).is_some_and(|method| method.idempotent))
    }

    fn refusal(&self, check: impl FnOnce(&OpenRpc) -> Result<(), ErrorObject>) -> Result<()> {
        let document = if self.checks { self.current() } else { None };
        document.map_or(Ok(()), |document| check(&document)).map_err(|object| Error::from(object).unsent())
    }
}
