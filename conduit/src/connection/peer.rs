//! A connection as dispatch sees it: what its peer may call, and how much.

use std::sync::Arc;

use super::Connection;
use crate::{
    dispatch::{Peer, Sender},
    event_failed::EventFailed,
    in_flight::InFlight,
    method::MethodMeta,
    protocol::{ErrorCode, ErrorObject, Response},
};

impl Peer for Connection {
    fn in_flight(&self) -> &Arc<InFlight> {
        &self.0.in_flight
    }

    fn event_failed(event: &str, error: &ErrorObject) -> Option<String> {
        Some(EventFailed::text(event, error))
    }

    fn may_call(&self, method: &MethodMeta, name: &str) -> Result<(), ErrorObject> {
        if !self.is_let_in_to(method) {
            let message = if self.is_logging_in() {
                format!(
                    "login required: `{name}` came in one batch with the login, which is not done yet; call it behind the batch"
                )
            } else {
                format!(
                    "login required: `{name}` is not public; call `rpc.login` first, or connect with an `Authorization: Bearer` header"
                )
            };
            return Err(ErrorObject::with_code(ErrorCode::Unauthorized, message));
        }
        if !self.has_role_for(method) {
            let message = format!("forbidden: `{name}` is for the role {}", method.allow.join(" or "));
            return Err(ErrorObject::with_code(ErrorCode::Forbidden, message));
        }
        Ok(())
    }
}

impl Sender for Connection {
    fn may_see(&self, method: &MethodMeta) -> bool {
        self.is_let_in_to(method) && self.has_role_for(method)
    }

    fn may_send(&self, messages: usize, bytes: usize) -> Result<(), ErrorObject> {
        self.0.rates.as_ref().map_or(Ok(()), |rates| rates.admit(messages, bytes))
    }

    fn settle(&self, response: Response<'_>) -> bool {
        self.0.asked.settle(response)
    }
}

impl Connection {
    /// Whether the peer has logged in as far as the method asks for it.
    fn is_let_in_to(&self, method: &MethodMeta) -> bool {
        method.public || self.is_live()
    }

    /// Whether the peer's roles let it call the method.
    fn has_role_for(&self, method: &MethodMeta) -> bool {
        let has = |role: &&str| self.identity().is_some_and(|identity| identity.has_role(role));
        method.allow.is_empty() || method.allow.iter().any(has)
    }
}
