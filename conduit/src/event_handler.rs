//! Closures that handle events, of a server's clients and of a client's server. Those that are functions with `#[on]` are
//! methods like any other.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    context::{Call, State},
    events::{Ack, NoPayload},
    method::{Running, ack},
    protocol::ErrorObject,
    rpc_error::RpcError,
    schema::Arguments,
};

/// A closure that handles an event: `|data: T| async move { .. }`.
///
/// | closure | what it gets |
/// |---|---|
/// | `\|data: T\|` | the payload |
/// | `\|event: String, data: T\|` | the event's name too: a handler of several names, or of `"*"`, wants it |
/// | `\|peer: P, data: T\|` | whom the event came over: a [`Connection`](crate::Connection) on a server, the [`Client`](crate::Client) on a client |
/// | `\|peer: P, event: String, data: T\|` | all of it |
/// | `\|\|`, `\|peer: P\|` | no payload: any will do |
///
/// Parameters have their types written out. It returns nothing, a value that is the ack of an event that was sent as a
/// request, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "this can't handle an event",
    note = "a handler is a closure `|data: T| async move {{ .. }}`, `|event: String, data: T| ..`, or either with `peer: {Peer}` before it",
    note = "`T` is owned, `Deserialize` and `JsonSchema`; the future is `Send`"
)]
pub trait EventHandler<Peer, Parameters>: Send + Sync + 'static {
    /// The type of the payload.
    type Payload: DeserializeOwned + JsonSchema + Send + 'static;
    /// The type of the ack.
    type Value: Serialize + JsonSchema + 'static;
    /// What it can fail with.
    type Error: RpcError + 'static;

    /// Handles one event.
    fn handle(
        &self,
        peer: Peer,
        event: &str,
        payload: Self::Payload,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> + Send + 'static;
}

/// Implements the trait for closures with these parameters, of which `T`, if it is among them, is the payload.
macro_rules! handler {
    (
        $peer:ty, $payload_type:ty $(, $T:ident)?;
        [$($parameter:ty),*] |$who:pat_param, $event:pat_param, $payload:pat_param| ($($argument:expr),*)
    ) => {
        impl<F, Fut, $($T,)? R, Kind> EventHandler<$peer, ($($parameter,)* Kind,)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            $($T: DeserializeOwned + JsonSchema + Send + 'static,)?
            R: Ack<Kind>,
        {
            type Payload = $payload_type;
            type Value = R::Value;
            type Error = R::Error;

            fn handle(
                &self,
                $who: $peer,
                $event: &str,
                $payload: $payload_type,
            ) -> impl Future<Output = Result<R::Value, R::Error>> + Send + 'static {
                let handled = self($($argument),*);
                async move { handled.await.into_result() }
            }
        }
    };
}

/// All closures of one side.
macro_rules! handlers {
    ($peer:ty) => {
        handler!($peer, T, T; [T] |_, _, payload| (payload));
        handler!($peer, T, T; [String, T] |_, event, payload| (event.to_owned(), payload));
        handler!($peer, T, T; [$peer, T] |peer, _, payload| (peer, payload));
        handler!($peer, T, T; [$peer, String, T] |peer, event, payload| (peer, event.to_owned(), payload));
        handler!($peer, NoPayload; [] |_, _, _| ());
        handler!($peer, NoPayload; [$peer] |peer, _, _| (peer));
    };
}

#[cfg(feature = "server")]
handlers!(crate::Connection);
#[cfg(feature = "client")]
handlers!(crate::Client);

/// Reads the payload for a handler, which is called by the first poll of what this gives: one whose turn has not come
/// does not run what stands before its future. The call is held, and with it the peer, for as long as it runs.
///
/// # Errors
/// The payload does not fit.
pub(crate) fn start<Peer, P, H>(
    handler: &Arc<H>,
    arguments: &Arguments,
    params: Option<&str>,
    call: Call,
) -> Result<Running, ErrorObject>
where
    Peer: State + Clone,
    P: 'static,
    H: EventHandler<Peer, P>,
{
    let payload = arguments.read::<H::Payload>(call.method(), params)?;
    let handler = Arc::clone(handler);
    Ok(Box::pin(async move {
        let peer: &Peer = call.borrow();
        let handled = handler.handle(peer.clone(), call.method(), payload);
        ack(handled.await)
    }))
}
