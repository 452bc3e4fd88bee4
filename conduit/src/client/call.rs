//! How a client makes one call.

use serde_json::value::RawValue;

use super::{
    Client,
    exchange::{self, Exchange, request},
};
use crate::{error::Result, pending_call::Question};

impl Client {
    /// Sends a call, unless it is known that the server would refuse it, and waits for the answer.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Box<RawValue>> {
        let Question { method, params, patience, idempotent } = question;
        self.known.check_call(method, params)?;
        let idempotent = idempotent || self.known.is_idempotent(method);
        let what = format!("`{method}`");
        let exchange =
            Exchange { link: &self.link, what: &what, patience, idempotent, ahead: self.ahead, is_batch: false };
        let outcomes = exchange.run(1, |id, timeout| request(method, params, Some(id), timeout)).await?;
        let outcome = outcomes.into_iter().next().expect("one call has one outcome");
        exchange::inspect(self, method, &outcome)?;
        outcome.map_err(|failure| failure.into_error(&what))
    }
}
