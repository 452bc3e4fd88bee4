//! Handlers of events that are closures. Those that are functions with `#[on]` are methods like any other.

use std::{panic::Location as Caller, sync::Arc};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    connection::Connection,
    context::Call,
    events::{Ack, EventNames, NoPayload},
    method::{Location, MethodDescriptor, MethodMeta, Running, Start, ack},
    protocol::ErrorObject,
    rpc_error::RpcError,
    schema::{self, Arguments},
};

/// A closure that handles an event: `|client: Connection, data: T| async move { .. }`.
///
/// Without `data` it takes any payload and does not look at it. With a third parameter between them, a `String`, it also gets the event's name: a handler of several names, or
/// of `"*"`, wants it.
#[diagnostic::on_unimplemented(
    message = "this can't handle an event",
    note = "a handler is a closure `|client: Connection, data: T| async move {{ .. }}`",
    note = "`T` is owned, `Deserialize` and `JsonSchema`; the future is `Send`"
)]
pub trait EventHandler<Parameters>: Send + Sync + 'static {
    /// The type of the payload.
    type Payload: DeserializeOwned + JsonSchema + Send + 'static;
    /// The type of the ack.
    type Value: Serialize + JsonSchema + 'static;
    /// What it can fail with.
    type Error: RpcError + 'static;

    /// Handles one event.
    fn handle(
        &self,
        client: Connection,
        event: &str,
        payload: Self::Payload,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> + Send + 'static;
}

impl<F, Fut, R, Kind> EventHandler<(Connection, Kind)> for F
where
    F: Fn(Connection) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: Ack<Kind>,
{
    type Payload = NoPayload;
    type Value = R::Value;
    type Error = R::Error;

    fn handle(
        &self,
        client: Connection,
        _: &str,
        _: NoPayload,
    ) -> impl Future<Output = Result<R::Value, R::Error>> + Send + 'static {
        let handled = self(client);
        async move { handled.await.into_result() }
    }
}

impl<F, Fut, T, R, Kind> EventHandler<(Connection, T, Kind)> for F
where
    F: Fn(Connection, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    T: DeserializeOwned + JsonSchema + Send + 'static,
    R: Ack<Kind>,
{
    type Payload = T;
    type Value = R::Value;
    type Error = R::Error;

    fn handle(
        &self,
        client: Connection,
        _: &str,
        payload: T,
    ) -> impl Future<Output = Result<R::Value, R::Error>> + Send + 'static {
        let handled = self(client, payload);
        async move { handled.await.into_result() }
    }
}

impl<F, Fut, T, R, Kind> EventHandler<(Connection, String, T, Kind)> for F
where
    F: Fn(Connection, String, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    T: DeserializeOwned + JsonSchema + Send + 'static,
    R: Ack<Kind>,
{
    type Payload = T;
    type Value = R::Value;
    type Error = R::Error;

    fn handle(
        &self,
        client: Connection,
        event: &str,
        payload: T,
    ) -> impl Future<Output = Result<R::Value, R::Error>> + Send + 'static {
        let handled = self(client, event.to_owned(), payload);
        async move { handled.await.into_result() }
    }
}

/// A closure as a handler in the table of methods.
pub(crate) fn descriptor<P: 'static, H: EventHandler<P>>(
    names: impl EventNames,
    handler: H,
    caller: &Caller<'static>,
) -> MethodDescriptor {
    let handler = Arc::new(handler);
    // The table holds what the macros make at compile time. A handler is given once in a program's life, so
    // what it leaves behind is bounded by the program's text.
    let events: Vec<&'static str> = names.names().into_iter().map(|name| &*name.leak()).collect();
    let meta = MethodMeta {
        name: events.first().copied().unwrap_or_default(),
        events: events.leak(),
        description: "",
        public: false,
        allow: &[],
        deprecated: false,
        ordered: false,
        idempotent: false,
        timeout: None,
        location: Location { file: caller.file(), line: caller.line() },
        borrows: &[],
    };
    MethodDescriptor {
        type_id: None,
        meta: Box::leak(Box::new(meta)),
        params: schema::of_payload::<H::Payload>,
        output: schema::of_output::<H::Value>,
        output_name: std::any::type_name::<H::Value>,
        errors: H::Error::describe,
        start: Start::Closure(Arc::new(move |arguments, params, call| start(&handler, arguments, params, call))),
    }
}

fn start<P: 'static, H: EventHandler<P>>(
    handler: &Arc<H>,
    arguments: &Arguments,
    params: Option<&str>,
    call: Call,
) -> Result<Running, ErrorObject> {
    let payload = arguments.read::<H::Payload>(call.method(), params)?;
    let handler = Arc::clone(handler);
    // The closure is called by the first poll, so that one whose turn has not come does not run what stands before its
    // future.
    Ok(Box::pin(async move {
        let client: &Connection = call.borrow();
        let handled = handler.handle(client.clone(), call.method(), payload);
        ack(handled.await)
    }))
}
