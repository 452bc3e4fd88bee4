//! Closures that handle the events of a server, as entries of a client's table.

use std::{future::ready, sync::Arc};

use schemars::JsonSchema;

use super::Client;
use crate::{
    context::Call,
    event_handler::{EventHandler, start},
    method::{MethodDescriptor, MethodMeta, Running},
    protocol::ErrorObject,
    registry::Registered,
    rpc_error::{ErrorDescription, RpcError},
    schema::Arguments,
};

/// What is known of every handler of a client. Its names are in the client's table, so that they can go again.
static META: MethodMeta = MethodMeta { public: true, ..MethodMeta::new("") };

/// A closure as an entry of the table.
///
/// # Panics
/// When the schema of the payload is none.
#[track_caller]
pub(super) fn registered<P: 'static, H: EventHandler<Client, P>>(handler: H) -> Arc<Registered> {
    let handler = Arc::new(handler);
    entry::<H::Payload, H::Value>(H::Error::describe, move |arguments, params, call| {
        let started = start::<Client, P, H>(&handler, arguments, params, call);
        // A payload that does not fit is this handler's own failure: the others of the event run.
        Ok(started.unwrap_or_else(|error| Box::pin(ready(Err(error)))))
    })
}

/// An entry of the table that takes payloads of type `T` and answers with an `R`.
///
/// # Panics
/// When the schema of the payload is none.
#[track_caller]
pub(super) fn entry<T: JsonSchema, R: JsonSchema>(
    errors: fn() -> Vec<ErrorDescription>,
    start: impl Fn(&Arguments, Option<&str>, Call) -> Result<Running, ErrorObject> + Send + Sync + 'static,
) -> Arc<Registered> {
    let descriptor = MethodDescriptor::of_closure::<T, R>(&META, errors, start);
    match Registered::new(META.name, descriptor, Arguments::compile_payload) {
        Ok(registered) => Arc::new(registered),
        Err(why) => panic!("the schema of `{}` is none: {why}", std::any::type_name::<T>()),
    }
}
