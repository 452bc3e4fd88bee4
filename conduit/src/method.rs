//! What `#[rpc]` and `#[on]` implement: a method's name, schemas, and how to run it.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    context::{Call, State},
    protocol::{ErrorObject, Id, result_text, string_result_text},
    rpc_error::{ErrorDescription, RpcError},
    schema::{self, Arguments},
};

/// A method: what the type beside an `#[rpc]` function implements, and that beside the handler of an event.
///
/// Use it to be generic over methods, or to name a method's types: `<add as Method>::Params`.
pub trait Method: Sized + 'static {
    /// The arguments, as one struct with a field for each; of a handler, the payload.
    type Params: DeserializeOwned + JsonSchema + Send + 'static;
    /// What a call that succeeds answers with.
    type Output: Serialize + JsonSchema + 'static;
    /// What a call can fail with; [`Infallible`](std::convert::Infallible) for one that can't.
    type Error: RpcError + 'static;
    /// Name, description and options.
    const META: MethodMeta;

    /// Runs the function with arguments that were validated.
    fn run(
        params: Self::Params,
        call: Call,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send + 'static;
}

/// The methods of an `impl` block with `#[rpc]`; implemented by the macro.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    note = "put `#[rpc(namespace = \"..\")]` on its `impl` block"
)]
pub trait Service: State + Sized {
    /// One for each function that takes `&self`.
    const METHODS: &'static [MethodDescriptor];
}

/// What is known of a method before any server exists.
#[derive(Debug, Clone)]
pub struct MethodMeta {
    /// The name on the wire; of a handler, that of its first event.
    pub name: &'static str,
    /// The events that it handles; none for a method that is called by its name.
    pub events: &'static [&'static str],
    /// The doc comment.
    pub description: &'static str,
    /// Whether it can be called before login.
    pub public: bool,
    /// The roles of which a caller must have one; none for everybody who is logged in.
    pub allow: &'static [&'static str],
    /// Whether callers should move away from it.
    pub deprecated: bool,
    /// Whether the calls of one connection run one after the other.
    pub ordered: bool,
    /// Whether running a call twice is as good as once, so that a client may send it again when the connection fell.
    pub idempotent: bool,
    /// How long a call may run; `None` for the server's own limit.
    pub timeout: Option<Duration>,
    /// Where the function stands.
    #[doc(hidden)]
    pub location: Location,
    /// What it borrows from the server.
    #[doc(hidden)]
    pub borrows: &'static [Borrow],
}

impl MethodMeta {
    /// Of a method that is known by its name alone, as a client without the server's code knows it.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            events: &[],
            description: "",
            public: false,
            allow: &[],
            deprecated: false,
            ordered: false,
            idempotent: false,
            timeout: None,
            location: Location { file: "", line: 0 },
            borrows: &[],
        }
    }

    /// The same, of a method whose calls may run twice.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}

/// A place in a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The type of a borrowed parameter.
#[derive(Clone, Copy)]
pub struct Borrow {
    type_id: fn() -> TypeId,
    type_name: fn() -> &'static str,
}

impl Borrow {
    /// The borrowed type `T`; that it is [`State`](crate::State) is asked where it is borrowed.
    #[must_use]
    pub const fn of<T: ?Sized + Any>() -> Self {
        Self { type_id: TypeId::of::<T>, type_name: type_name::<T> }
    }

    pub(crate) fn type_id(&self) -> TypeId {
        (self.type_id)()
    }

    pub(crate) fn type_name(&self) -> &'static str {
        (self.type_name)()
    }
}

impl fmt::Debug for Borrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "&{}", self.type_name())
    }
}

/// A [`Method`] with its types erased, so that methods of all kinds fit one table.
#[derive(Clone)]
pub struct MethodDescriptor {
    pub(crate) meta: &'static MethodMeta,
    /// The type that implements `Method`; `None` for a closure.
    pub(crate) type_id: Option<fn() -> TypeId>,
    pub(crate) params: fn() -> Value,
    pub(crate) output: fn() -> Value,
    pub(crate) output_name: fn() -> &'static str,
    pub(crate) errors: fn() -> Vec<ErrorDescription>,
    pub(crate) start: Start,
}

/// Reads the arguments and makes the call's future.
#[derive(Clone)]
pub(crate) enum Start {
    /// Of a function with an attribute.
    Function(fn(&Arguments, Option<&str>, Call) -> Result<Running, ErrorObject>),
    /// Of a closure.
    Closure(Arc<StartClosure>),
}

pub(crate) type StartClosure = dyn Fn(&Arguments, Option<&str>, Call) -> Result<Running, ErrorObject> + Send + Sync;

impl Start {
    pub(crate) fn start(
        &self,
        arguments: &Arguments,
        params: Option<&str>,
        call: Call,
    ) -> Result<Running, ErrorObject> {
        match self {
            Self::Function(start) => start(arguments, params, call),
            Self::Closure(start) => start(arguments, params, call),
        }
    }
}

/// A call on its way. Its output is the text of the whole response, empty for a notification; that of an event's
/// handler is the text of the ack.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<String, ErrorObject>> + Send>>;

impl MethodDescriptor {
    /// The descriptor of `M`: a handler, if its meta names events, else a method.
    #[must_use]
    pub const fn of<M: Method>() -> Self {
        let is_method = M::META.events.is_empty();
        Self {
            meta: &M::META,
            type_id: Some(TypeId::of::<M>),
            params: if is_method { schema::of_arguments::<M::Params> } else { schema::of_payload::<M::Params> },
            output: schema::of_output::<M::Output>,
            output_name: type_name::<M::Output>,
            errors: M::Error::describe,
            start: Start::Function(if is_method { start::<M> } else { start_handler::<M> }),
        }
    }

    /// Of a closure that takes payloads of type `T` and answers with an `R`.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn of_closure<T: JsonSchema, R: JsonSchema>(
        meta: &'static MethodMeta,
        errors: fn() -> Vec<ErrorDescription>,
        start: impl Fn(&Arguments, Option<&str>, Call) -> Result<Running, ErrorObject> + Send + Sync + 'static,
    ) -> Self {
        Self {
            meta,
            type_id: None,
            params: schema::of_payload::<T>,
            output: schema::of_output::<R>,
            output_name: type_name::<R>,
            errors,
            start: Start::Closure(Arc::new(start)),
        }
    }

    /// Name, description and options.
    #[must_use]
    pub fn meta(&self) -> &'static MethodMeta {
        self.meta
    }

    /// Whether it is the same function again. Two closures are never the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        // A place in the source does not do: one line of `macro_rules!` can hold several functions.
        matches!((self.type_id, other.type_id), (Some(this), Some(that)) if this() == that())
    }
}

/// The descriptors of `#[rpc]` and `#[on]` functions, for a server that is given its methods by hand.
///
/// ```
/// use conduit::{methods, rpc};
///
/// /// Add two numbers.
/// #[rpc]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let methods = methods![add];
/// assert_eq!(methods[0].meta().description, "Add two numbers.");
/// ```
/// A function without an attribute has no type of its name, and Rust says "constant provided when a type was expected":
/// put `#[rpc]` or `#[on(..)]` on it.
#[macro_export]
macro_rules! methods {
    ($($method:ty),* $(,)?) => {
        ::std::vec![$($crate::MethodDescriptor::of::<$method>()),*]
    };
}

impl fmt::Debug for MethodDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.meta.fmt(f)
    }
}

fn start<M: Method>(arguments: &Arguments, params: Option<&str>, call: Call) -> Result<Running, ErrorObject> {
    let params = arguments.read::<M::Params>(M::META.name, params)?;
    Ok(Box::pin(async move {
        let id = call.id().cloned();
        answer(id.as_ref(), M::run(params, call).await)
    }))
}

/// What a call ends with. On its own, so that it is compiled once for all methods that answer alike.
fn answer<T: Serialize + 'static, E: RpcError>(id: Option<&Id>, result: Result<T, E>) -> Result<String, ErrorObject> {
    let output = result.map_err(|error| error.to_error_object())?;
    let Some(id) = id else { return Ok(String::new()) };
    if let Some(text) = (&output as &dyn Any).downcast_ref::<String>() {
        return Ok(string_result_text(id, text));
    }
    result_text(id, &output)
        .map_err(|error| ErrorObject::internal(format_args!("the result can't be serialised: {error}")))
}

fn start_handler<M: Method>(arguments: &Arguments, params: Option<&str>, call: Call) -> Result<Running, ErrorObject> {
    let payload = arguments.read::<M::Params>(call.method(), params)?;
    Ok(Box::pin(async move { ack(M::run(payload, call).await) }))
}

/// The text of what a handler returned.
pub(crate) fn ack<T: Serialize, E: RpcError>(result: Result<T, E>) -> Result<String, ErrorObject> {
    let value = result.map_err(|error| error.to_error_object())?;
    serde_json::to_string(&value)
        .map_err(|error| ErrorObject::internal(format_args!("the ack can't be serialised: {error}")))
}
