//! What generated code may name. Nothing here is for people, and all of it may change.

pub use inventory;
pub use schemars;
pub use serde;
pub use serde_json;

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

pub use crate::schema::of_output;
use crate::{
    client::{Client, PendingCall},
    context::{Call, State},
    method::{Method, MethodDescriptor},
    protocol::ErrorObject,
};

/// A method that the program links in.
#[derive(Debug)]
pub struct Registration(pub MethodDescriptor);

inventory::collect!(Registration);

/// A parsed `timeout = ".."`.
#[must_use]
pub const fn duration(seconds: u64, nanoseconds: u32) -> Duration {
    Duration::new(seconds, nanoseconds)
}

/// The value of a borrowed parameter.
pub fn borrow<T: State>(call: &Call) -> &T {
    call.borrow()
}

/// Runs a sync function where it may block. A panic goes on in the caller.
pub async fn blocking<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(function).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the blocking pool is gone: {error}"),
        },
    }
}

/// A typed call.
pub fn call<M: Method>(client: &Client, params: &M::Params) -> PendingCall<M::Output>
where
    M::Params: Serialize,
{
    client.call(M::META.name, params)
}

/// The data of an error back as the fields of a variant.
#[must_use]
pub fn error_data<T: DeserializeOwned>(object: &ErrorObject) -> Option<T> {
    object.data_as()
}

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
