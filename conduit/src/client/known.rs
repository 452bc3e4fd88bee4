//! What a client has learned of its server, and what it refuses to send for that.

use std::sync::{PoisonError, RwLock};

use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    openrpc::OpenRpc,
    protocol::ErrorObject,
};

/// The document of the server, once it was asked for; clones of a client share it.
#[derive(Debug)]
pub(super) struct Known {
    document: RwLock<Option<OpenRpc>>,
    /// Whether calls are held against it.
    checks: bool,
}

impl Known {
    pub(super) fn new(checks: bool) -> Self {
        Self { document: RwLock::default(), checks }
    }

    pub(super) fn learn(&self, document: OpenRpc) {
        // Nothing that can panic runs under the lock.
        *self.document.write().unwrap_or_else(PoisonError::into_inner) = Some(document);
    }

    pub(super) fn document(&self) -> Option<OpenRpc> {
        self.document.read().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.document().is_some_and(|document| document.method(method).is_some_and(|method| method.idempotent))
    }

    fn refusal(&self, check: impl FnOnce(&OpenRpc) -> Result<(), ErrorObject>) -> Result<()> {
        let document = if self.checks { self.document() } else { None };
        document.map_or(Ok(()), |document| check(&document)).map_err(|object| Error::from(object).unsent())
    }
}
