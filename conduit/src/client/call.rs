//! How a client makes one call, and sends what is not answered.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Client,
    exchange::{self, Exchange, LOGIN, request},
};
use crate::{
    error::Result,
    events::Event,
    params,
    payload::event_params,
    pending_call::{Patience, Question},
};

impl Client {
    /// Sends a notification: a call that is not answered. Completes when it is in the hands of the writer, who writes it
    /// to the next connection if this one is lost before it could.
    ///
    /// # Errors
    /// `Encode` when `params` is neither an object, an array nor nothing; `Rpc` when the server would refuse them, to go
    /// by what it [tells](Self::discover) of itself; `Closed` when the client has ended, or the connection is down and
    /// too many [wait](crate::Connect::max_waiting); `Timeout` when there was no connection within the client's
    /// [timeout](crate::Connect::timeout).
    ///
    /// # Cancel safety
    /// Dropping the future before it completes sends nothing.
    pub fn notify<P: Serialize>(&self, method: &str, params: P) -> impl Future<Output = Result<()>> + Send + use<P> {
        let params = params::encode(method, &params);
        let params = params.and_then(|params| self.known.check_call(method, params.as_deref()).map(|()| params));
        self.send_params(method, params)
    }

    /// Sends an event to the server. Completes when it is in the hands of the writer, as [`notify`](Self::notify) does.
    ///
    /// A payload that is neither an object nor an array travels as the only item of an array. An event that the server
    /// can't handle comes back to [`on_error`](Self::on_error). For an answer, an ack, [`call`](Self::call) it.
    ///
    /// # Errors
    /// `Encode` when the payload can't be written as JSON; `Rpc` when the server would refuse it, to go by what it
    /// [tells](Self::discover) of itself; `Closed` and `Timeout` as for [`notify`](Self::notify).
    ///
    /// # Cancel safety
    /// Dropping the future before it completes sends nothing.
    pub fn send<T: Serialize + ?Sized>(
        &self,
        event: &str,
        payload: &T,
    ) -> impl Future<Output = Result<()>> + Send + use<T> {
        let params = event_params(event, payload);
        let params = params.and_then(|params| self.known.check_event(event, params.as_deref()).map(|()| params));
        self.send_params(event, params)
    }

    /// [Sends](Self::send) the event that the payload's type [names](Event).
    ///
    /// ```no_run
    /// # use conduit::{Client, Event};
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize, JsonSchema, Event)]
    /// #[event("chat")]
    /// struct Chat {
    ///     text: String,
    /// }
    ///
    /// # async fn example(client: Client) -> conduit::Result<()> {
    /// client.send_event(&Chat { text: "hello".into() }).await?;
    /// # Ok(()) }
    /// ```
    pub fn send_event<E: Event>(&self, event: &E) -> impl Future<Output = Result<()>> + Send + use<E> {
        self.send(E::NAME, event)
    }

    fn send_params(
        &self,
        method: &str,
        params: Result<Option<Box<RawValue>>>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let (client, method) = (self.clone(), method.to_owned());
        async move {
            let (params, what) = (params?, format!("`{method}`"));
            let exchange = client.exchange(&what, client.patience, false);
            exchange.run(0, |_, _| request(&method, params.as_deref(), None, None)).await.map(drop)
        }
    }

    /// Sends a call, unless it is known that the server would refuse it, and waits for the answer.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Box<RawValue>> {
        let Question { method, params, patience, idempotent } = question;
        self.known.check_call(method, params)?;
        let idempotent = idempotent || self.known.is_idempotent(method);
        let what = format!("`{method}`");
        let mut exchange = self.exchange(&what, patience, idempotent);
        exchange.login = (method == LOGIN).then_some(0);
        let outcomes = exchange.run(1, |id, timeout| request(method, params, Some(id), timeout)).await?;
        let outcome = outcomes.into_iter().next().expect("one call has one outcome");
        exchange::check_version(&self.link, method, &outcome)?;
        outcome.map_err(|failure| failure.into_error(&what))
    }

    fn exchange<'a>(&'a self, what: &'a str, patience: Patience, idempotent: bool) -> Exchange<'a> {
        let (link, ahead) = (&*self.link, self.ahead);
        Exchange { link, what, patience, idempotent, ahead, is_batch: false, notifies: false, login: None }
    }
}
