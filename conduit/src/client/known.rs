//! What a client has learned of its server, and what it refuses to send for that.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    /// Whether calls are held against it.
    checks: bool,
}

#[derive(Debug)]
struct Told {
    document: OpenRpc,
    /// Whether it was told over the connection that is there. The next one may lead to a server of another version.
    is_current: bool,
}

impl Known {
    pub(super) fn new(checks: bool) -> Self {
        Self { told: RwLock::default(), checks }
    }

    pub(super) fn learn(&self, document: OpenRpc) {
        *self.write() = Some(Told { document, is_current: true });
    }

    /// The connection is lost over which it was told.
    pub(super) fn doubt(&self) {
        if let Some(told) = &mut *self.write() {
            told.is_current = false;
        }
    }

    pub(super) fn document(&self) -> Option<OpenRpc> {
        self.read().as_ref().map(|told| told.document.clone())
    }

    /// The document, if it is that of the server which is called now.
    fn current(&self) -> Option<OpenRpc> {
        self.read().as_ref().filter(|told| told.is_current).map(|told| told.document.clone())
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
