//! What generated code may name. Nothing here is for people, and all of it may change.

pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json;

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "server")]
pub use crate::hook::{Hook, HookMeta, Moment, Occasion};
use crate::{
    caller::Caller,
    context::{Call, State},
    method::{Method, MethodDescriptor},
    order::Head,
    protocol::ErrorObject,
};
#[cfg(feature = "server")]
use crate::{close::Disconnected, hook::HookDescriptor};
pub use crate::{
    events::NoPayload,
    method::{Borrow, Location},
    schema::of_output,
};

/// A method, or a handler, that the program links in.
#[derive(Debug)]
pub struct Registration(pub MethodDescriptor);

inventory::collect!(Registration);

/// What a service's client calls over, where the program does not say.
#[cfg(feature = "client")]
pub type DefaultCaller = crate::Client;

/// What a service's client calls over, where the program does not say.
#[cfg(all(feature = "server", not(feature = "client")))]
pub type DefaultCaller = crate::Connection;

/// There is nobody who calls.
#[cfg(not(any(feature = "server", feature = "client")))]
pub type DefaultCaller = std::convert::Infallible;

/// A hook that the program links in.
#[cfg(feature = "server")]
#[derive(Debug)]
pub struct HookRegistration(pub HookDescriptor);

#[cfg(feature = "server")]
inventory::collect!(HookRegistration);

/// A parsed `timeout = ".."`.
#[must_use]
pub const fn duration(seconds: u64, nanoseconds: u32) -> Duration {
    Duration::new(seconds, nanoseconds)
}

/// The value of a borrowed parameter.
pub fn borrow<T: State>(call: &Call) -> &T {
    call.borrow()
}

/// The value of a hook's borrowed parameter.
#[cfg(feature = "server")]
#[must_use]
pub fn lent<T: State>(occasion: &Occasion) -> &T {
    occasion.borrow()
}

/// Why the connection ended that a hook runs for.
#[cfg(feature = "server")]
#[must_use]
pub fn end(occasion: &Occasion) -> Disconnected {
    occasion.end()
}

/// What a sync function holds while it runs.
#[derive(Debug, Default)]
pub struct Held {
    _head: Option<Arc<Head>>,
}

/// What the function that serves `call` must hold: it may run on when the call was given up, and the next of an ordered
/// method waits for it all the same.
#[must_use]
pub fn hold(call: &Call) -> Held {
    Held { _head: call.head() }
}

/// Runs a sync function where it may block. A panic goes on in the caller.
pub async fn blocking<T: Send + 'static>(held: Held, function: impl FnOnce() -> T + Send + 'static) -> T {
    let span = tracing::Span::current();
    let function = move || {
        let _held = held;
        span.in_scope(function)
    };
    match tokio::task::spawn_blocking(function).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the blocking pool is gone: {error}"),
        },
    }
}

/// A typed call.
pub fn call<M: Method, C: Caller<M::Output>>(client: &C, params: &M::Params) -> C::Call
where
    M::Params: Serialize,
{
    client.call_method(const { &M::META }, params)
}

/// An error that the caller must not see; the log gets it with what caused it.
#[must_use]
pub fn internal(error: &dyn std::error::Error) -> ErrorObject {
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // `#[error("..: {0}")]` says its cause itself.
        if !detail.contains(&cause_text) {
            detail = format!("{detail}: {cause_text}");
        }
        source = cause.source();
    }
    ErrorObject::internal(detail)
}

/// The data of an error back as the fields of a variant.
#[must_use]
pub fn error_data<T: DeserializeOwned>(object: &ErrorObject) -> Option<T> {
    object.data_as()
}

/// `T: Serialize`, asked when it matters and not before.
///
/// The compiler refuses `where User: Serialize` on the spot when it does not hold. With a lifetime bound in it,
/// as in `where for<'a> User: Serializable<'a>`, it asks once somebody needs it. So an argument's type has to be
/// `Serialize` only if a client calls, and a missing derive is one error and not one for each use in derived code.
#[diagnostic::on_unimplemented(
    message = "a client can't send `{Self}`: it is not `serde::Serialize`",
    note = "derive it on the type and on those inside: `#[derive(serde::Serialize)]`"
)]
pub trait Serializable<'a>: Serialize {}

impl<T: Serialize> Serializable<'_> for T {}

/// `T: DeserializeOwned`, likewise.
pub trait Deserializable<'a>: DeserializeOwned {}

impl<T: DeserializeOwned> Deserializable<'_> for T {}

/// `T: JsonSchema`, likewise.
pub trait Describable<'a>: JsonSchema {}

impl<T: JsonSchema> Describable<'_> for T {}

/// A type whose values a schema can publish as defaults.
pub fn published<T: Serialize>() {}

/// The two sides of `Result<T, E>`, also where the program calls it by an alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called `Result` but is not `std::result::Result`",
    note = "return `Result<T, E>` of the standard library, an alias of it, or a type of another name"
)]
pub trait ResultType {
    /// What success holds.
    type Ok;
    /// What failure holds.
    type Err;
}

impl<T, E> ResultType for Result<T, E> {
    type Ok = T;
    type Err = E;
}
