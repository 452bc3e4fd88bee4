//! Closures that handle the events of a server.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::Client;
use crate::{
    context::Call,
    events::{Ack, NoPayload},
    method::{Location, MethodDescriptor, MethodMeta, Running, Start, StartClosure, ack},
    protocol::ErrorObject,
    registry::Registered,
    rpc_error::{ErrorDescription, RpcError},
    schema::{self, Arguments},
};

/// A closure that handles events of a server: `|data: T| async move { .. }`.
///
/// | closure | what it gets |
/// |---|---|
/// | `\|data: T\|` | the payload |
/// | `\|event: String, data: T\|` | the event's name too: a handler of several names, or of `"*"`, wants it |
/// | `\|client: Client, data: T\|` | the client too, to call the server |
/// | `\|client: Client, event: String, data: T\|` | all of it |
/// | `\|\|` | nothing: any payload will do |
///
/// It returns nothing, a value that is the ack of an event that the server sent as a request, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "this can't handle an event of a server",
    note = "a handler is a closure `|data: T| async move {{ .. }}`, `|event: String, data: T| ..`, or either with `client: Client` before it",
    note = "`T` is owned, `Deserialize` and `JsonSchema`; the future is `Send`"
)]
pub trait ClientHandler<Parameters>: Send + Sync + 'static {
    /// The type of the payload.
    type Payload: DeserializeOwned + JsonSchema + Send + 'static;
    /// The type of the ack.
    type Value: Serialize + JsonSchema + 'static;
    /// What it can fail with.
    type Error: RpcError + 'static;

    /// Handles one event.
    fn handle(
        &self,
        client: Client,
        event: &str,
        payload: Self::Payload,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> + Send + 'static;
}

/// Implements the trait for closures with these parameters.
macro_rules! handler {
    ([$($parameter:ident),*], |$client:pat_param, $event:pat_param, $payload:ident| ($($argument:expr),*)) => {
        impl<F, Fut, T, R, Kind> ClientHandler<($($parameter,)* Kind)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            T: DeserializeOwned + JsonSchema + Send + 'static,
            R: Ack<Kind>,
        {
            type Payload = T;
            type Value = R::Value;
            type Error = R::Error;

            fn handle(
                &self,
                $client: Client,
                $event: &str,
                $payload: T,
            ) -> impl Future<Output = Result<R::Value, R::Error>> + Send + 'static {
                let handled = self($($argument),*);
                async move { handled.await.into_result() }
            }
        }
    };
}

handler!([T], |_, _, payload| (payload));
handler!([String, T], |_, event, payload| (event.to_owned(), payload));
handler!([Client, T], |client, _, payload| (client, payload));
handler!([Client, String, T], |client, event, payload| (client, event.to_owned(), payload));

impl<F, Fut, R, Kind> ClientHandler<(Kind,)> for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: Ack<Kind>,
{
    type Payload = NoPayload;
    type Value = R::Value;
    type Error = R::Error;

    fn handle(
        &self,
        _: Client,
        _: &str,
        _: NoPayload,
    ) -> impl Future<Output = Result<R::Value, R::Error>> + Send + 'static {
        let handled = self();
        async move { handled.await.into_result() }
    }
}

/// What is known of every handler of a client. Its names are in the client's table, so that they can go again.
static META: MethodMeta = MethodMeta {
    name: "",
    events: &[],
    description: "",
    public: true,
    allow: &[],
    deprecated: false,
    ordered: false,
    idempotent: false,
    timeout: None,
    location: Location { file: file!(), line: line!() },
    borrows: &[],
};

/// A closure as an entry of the table.
///
/// # Panics
/// When the schema of the payload is none.
#[track_caller]
pub(super) fn registered<P: 'static, H: ClientHandler<P>>(handler: H) -> Arc<Registered> {
    let handler = Arc::new(handler);
    let start = move |arguments: &Arguments, params: Option<&str>, call: Call| {
        // A payload that does not fit is this handler's own failure: the others of the event run.
        let payload = arguments.read::<H::Payload>(call.method(), params);
        Ok(Box::pin(run(Arc::clone(&handler), payload, call)) as Running)
    };
    entry::<H::Payload, H::Value>(H::Error::describe, Arc::new(start))
}

/// Calls the closure at its first poll. The call is held, and with it the client, for as long as the handler runs.
async fn run<P, H: ClientHandler<P>>(
    handler: Arc<H>,
    payload: Result<H::Payload, ErrorObject>,
    call: Call,
) -> Result<String, ErrorObject> {
    let client: &Client = call.borrow();
    ack(handler.handle(client.clone(), call.method(), payload?).await)
}

/// An entry of the table that takes payloads of type `T` and answers with an `R`.
///
/// # Panics
/// When the schema of the payload is none.
#[track_caller]
pub(super) fn entry<T: JsonSchema, R: JsonSchema>(
    errors: fn() -> Vec<ErrorDescription>,
    start: Arc<StartClosure>,
) -> Arc<Registered> {
    let descriptor = MethodDescriptor {
        type_id: None,
        meta: &META,
        params: schema::of_payload::<T>,
        output: schema::of_output::<R>,
        output_name: std::any::type_name::<R>,
        errors,
        start: Start::Closure(start),
    };
    match Registered::new(META.name, descriptor, Arguments::compile_payload) {
        Ok(registered) => Arc::new(registered),
        Err(why) => panic!("the schema of `{}` is none: {why}", std::any::type_name::<T>()),
    }
}
