//! The macros of conduit. Use them through the `conduit` crate, where their documentation has examples.
//!
//! Each goes through the same four steps, over `proc_macro2` so that tests can take them one by one: the
//! attribute's grammar (`attr.rs`) and the item become a model (`model.rs`), rules over several items are checked
//! (`check.rs`), and the model becomes Rust (`expand.rs`), or errors and stubs (`fallback.rs`).

mod attr;
mod check;
mod errors;
mod expand;
mod fallback;
mod import;
mod model;
mod span;
#[cfg(test)]
mod tests;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{DeriveInput, Item, ItemFn, ItemImpl};

use errors::Errors;
use model::{
    Function,
    event::EventType,
    hook::{Hook, Moment},
    rpc_error::ErrorType,
    service::Service,
};

/// Makes a function, or the functions of an `impl` block, methods that a client can call.
///
/// # On a function
///
/// The function, async or not, stays as it is and can be called as before. Beside it stands a type of the same
/// name that implements `Method` and has a function `call` for clients. The method is registered with every
/// server of the program that has not been told to take an explicit list. A sync function runs on the blocking
/// pool, so that it can't hold up others.
///
/// Owned parameters are the method's arguments, by name or by position on the wire. Borrowed ones (`&T`) are lent
/// by the server: `&Connection`, `&Server` and `&Call` always, any other type if it was given as state. A client, which
/// serves a method that its server may call (`Connect::methods`), lends `&Client` in place of the first two; a server
/// passes over what borrows that. The doc comment is the method's description. A function that returns `Result<T, E>` answers with `T` or with the
/// error `E`, which implements `RpcError`; any other return type is the result as it is.
///
/// | option | meaning |
/// |---|---|
/// | `name = "user.create"` | the name on the wire, instead of the function's |
/// | `public` | can be called before login |
/// | `allow = "admin"` | can be called only by who has this role, or one of several (`"admin, editor"`) |
/// | `timeout = "5s"` | how long a call may run, instead of the server's limit |
/// | `ordered` | calls of one connection run one after the other |
/// | `idempotent` | running a call twice is as good as once: a client may send it again when the connection fell before the answer |
/// | `deprecated` | marked so in the discovery documents, as Rust's own `#[deprecated]` does too |
/// | `crate = path` | where the conduit crate is, for programs that know it by another name |
///
/// # Order
///
/// Calls of one connection start in the order in which they arrive, and go on side by side. With `ordered`, the calls of
/// this method from one connection run one after the other: the next starts when the one before has ended, and their
/// answers leave in that order. Other methods and other connections are not held up. A batch has one answer, which
/// leaves when all of its calls have ended.
///
/// A call that waits for its turn is in flight: it counts for `max_in_flight`, its time limit runs from its arrival, and
/// one that is cancelled, or out of time, is answered at once and never starts. So is one that is refused, for its
/// arguments say. One that fails or panics lets the next go; a sync function that outlives its time limit is waited
/// for. A call over HTTP has a connection of its own, so there is nothing to wait for outside its batch. A method that
/// asks its client to call the same method, and waits for that, waits until its time is up.
///
/// # On a parameter
///
/// `#[serde(..)]`, `#[schemars(..)]` and doc comments do what they do on the field of a struct. `Option<T>` may
/// be left out.
///
/// | option of `#[arg(..)]` | meaning |
/// |---|---|
/// | `default = value` | may be left out, and is `value` then; published in the schema |
/// | `flatten` | the fields of this struct are arguments themselves |
///
/// # On an `impl` block
///
/// Each function that takes `&self` is a method, and `self` is the service given to the server with `.service(..)`.
/// Other functions are left alone. A client for it, called as the type with `Client` behind, has a function for
/// each method, and is as visible as they are. A type has one such block.
///
/// | option | meaning |
/// |---|---|
/// | `namespace = "chat"` | goes in front of each name: `chat.say` |
/// | `crate = path` | as on a function |
///
/// On the functions inside, `#[rpc(..)]` takes `name` (the part behind the namespace), `public`, `allow`,
/// `timeout`, `ordered`, `idempotent` and `deprecated` as above, and `skip` for one that is no method. One with `#[on("chat")]`
/// handles an event instead: its name has no namespace in front, and the client no function for it.
#[proc_macro_attribute]
pub fn rpc(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_rpc(options.into(), &item.into()).into()
}

/// Makes a function the handler of an event, or of several.
///
/// The function, async or not, stays as it is and can be called as before. Beside it stands a type of the same name
/// that implements `Method`, for `methods![..]`. The handler is registered with every server of the program that has
/// not been told to take an explicit list. A sync function runs on the blocking pool.
///
/// At most one parameter is owned: the payload, which is validated before the function runs. Without one, whatever is
/// sent is taken. Borrowed parameters (`&T`) are lent by the server, as to a method. What the function returns is the
/// ack of an event that was sent with an id: a value, a `Result` of one, or nothing.
///
/// An event can have several handlers: all run, one after the other, and the first ack that is not null is the answer.
/// Those given to the server by hand come first, in the order in which they were given, then those linked into the
/// program, ordered by file and line. Their options go together: the event can be sent before login if all of them are
/// `public`, the shortest `timeout` is for all of them, and it is ordered if one of them is.
///
/// | option | meaning |
/// |---|---|
/// | `"chat"` | the name of the event; several are allowed, and `"*"` for those that no other handler takes |
/// | `public` | can be sent before login |
/// | `allow = "admin"` | can be sent only by who has this role, or one of several |
/// | `timeout = "5s"` | how long handling may take, instead of the server's limit |
/// | `ordered` | events of this name from one connection are handled one after the other |
/// | `deprecated` | marked so in the discovery document, as Rust's own `#[deprecated]` does too |
/// | `crate = path` | where the conduit crate is, for programs that know it by another name |
///
/// `ordered` means for the events of one name what it means for the calls of [a method](macro@rpc#order). A handler of
/// several names has an order for each; `"*"` has one for all the events that it takes.
///
/// In an `impl` block with `#[rpc]`, it marks the functions that are handlers of the service.
#[proc_macro_attribute]
pub fn on(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_on(options.into(), &item.into()).into()
}

/// Makes a function a hook that runs when the server is bound and knows its address, before it takes connections.
///
/// A failure aborts the start. A server that is nested by its router runs it before its first request. `&Server` is
/// lent, and state.
///
/// # Hooks
///
/// This goes for `#[on_client_connect]`, `#[on_client_disconnect]` and `#[on_shutdown]` as well.
///
/// The function, async or not, stays as it is and can be called as before. Beside it stands a type of the same name
/// for `hooks![..]`. The hook runs on every server of the program that has not been told to
/// take an explicit list. A sync function runs on the blocking pool.
///
/// Borrowed parameters (`&T`) are lent by the server: `&Server` always, `&Connection` to the two hooks of clients, any
/// other type if it was given as state. A server that lacks one does not build. The function returns nothing, or
/// `Result<(), E>` with an error that implements `Display`.
///
/// Hooks of one moment run one after the other: those given to the server by hand first, closures and functions in the
/// order in which they were given, then those linked into the program, ordered by file and line.
///
/// | option | meaning |
/// |---|---|
/// | `crate = path` | where the conduit crate is, for programs that know it by another name |
#[proc_macro_attribute]
pub fn on_startup(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_hook(Moment::Startup, options.into(), &item.into()).into()
}

/// Makes a function a hook that runs when a client has logged in, before its first call is served.
///
/// A failure refuses the client: its connection closes with 4003 and the failure's text. `&Connection` is lent,
/// `&Server`, and state. What holds for [hooks](macro@on_startup#hooks) in general stands there.
#[proc_macro_attribute]
pub fn on_client_connect(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_hook(Moment::ClientConnect, options.into(), &item.into()).into()
}

/// Makes a function a hook that runs once for each client that was let in, when its connection has ended, whatever
/// ended it.
///
/// The one parameter that may be owned is a `Disconnected`: code and reason. `&Connection` is lent, `&Server`, and
/// state. The client is in its rooms until the hooks have run. A failure is logged. It does not run for a client that a
/// connect hook refused, also where another connect hook had run before. What holds for
/// [hooks](macro@on_startup#hooks) in general stands there.
#[proc_macro_attribute]
pub fn on_client_disconnect(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand_hook(Moment::ClientDisconnect, options.into(), &item.into()).into()
}

/// Makes a function a hook that runs when the server stops, while clients are still there: what it broadcasts reaches
/// them.
///
/// `&Server` is lent, and state. A failure is logged. What holds for [hooks](macro@on_startup#hooks) in general stands
/// there.
#[proc_macro_attribute]
pub fn on_shutdown(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_hook(Moment::Shutdown, options.into(), &item.into()).into()
}

/// Gives the type of a payload the name of its event, so that neither is sent without the other.
///
/// It goes on a struct or an enum that is `Serialize`, `Deserialize` and `JsonSchema`.
///
/// | option of `#[event(..)]` | meaning |
/// |---|---|
/// | `"chat"` | the name of the event |
/// | `crate = path` | where the conduit crate is |
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_event(item.into()).into()
}

/// Makes an enum or a struct the error of a method: typed on both sides, code, message and data between.
///
/// The message is what `Display` says, the fields are the data: an object of named fields, the value itself of a
/// single unnamed one, an array of several. Fields have to be `Serialize`, `Deserialize` and `JsonSchema`, and take
/// `#[serde(..)]` and `#[schemars(..)]`. A client gets the error back as it was, told apart by its code.
///
/// In the discovery documents the message is the template of `#[error("..")]` if there is one, else the first line
/// of the doc comment, else the variant's name in words.
///
/// | option | on | meaning |
/// |---|---|---|
/// | `code = 404` | a variant, a struct | the code; not from -32768 to -32000, which JSON-RPC 2.0 reserves |
/// | `internal` | a variant, a struct | the caller gets "internal error", the server's log the rest |
/// | `skip` | a field | not part of the data; an error with such a field can't be read back |
/// | `crate = path` | the enum, the struct | where the conduit crate is |
#[proc_macro_derive(RpcError, attributes(rpc, serde, schemars))]
pub fn derive_rpc_error(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_rpc_error(item.into()).into()
}

/// Makes typed calls, types, errors and events of a saved OpenRPC document, where it stands.
///
/// The path is relative to the folder of the crate's `Cargo.toml`, and the program is built anew when the file changes.
/// `conduit::import!("api.json", crate = crate::path)` says where the conduit crate is, for programs that know it by
/// another name. `conduit openrpc URL > api.json` saves the document of a server, and `conduit generate rust URL` prints what
/// this makes of it.
///
/// # What a method becomes
///
/// A module of its name: `user.create` is `user::create`, and what is no name in Rust is made one (`getUser` is
/// `get_user`, a keyword is raw, a name that is taken gets a number). In it stand
///
/// | item | what it is |
/// |---|---|
/// | `call(&client, ..)` | the call, with an argument each, by whoever is a [`Caller`](../conduit/trait.Caller.html); `notify` where the method is not answered |
/// | `Params` | the arguments as a struct, for `client.call::<Output>(NAME, params)` and for batches |
/// | `Output` | what it answers with |
/// | `Error` | its errors, for [`error.decode::<Error>()`](../conduit/struct.Error.html#method.decode); methods that have the same share one |
/// | `NAME` | its name on the wire |
///
/// An argument that is not required is an `Option`, and left out of the call when it is `None`: a default is the
/// server's. Arguments travel by name, unless the document wants them by position. A method that is deprecated is so in
/// Rust. The methods that every conduit client has (`rpc.*`, and `listall` of a conduit server) are left out.
///
/// # What a schema becomes
///
/// Types of the components, and others that have a title, stand beside the modules. Those of events, which conduit's
/// own documents list, implement [`Event`](../conduit/trait.Event.html): `client.send_event(&api::Chat { .. })` for one
/// that the server handles, `client.on_event(|tick: api::Tick| ..)` or `client.events::<api::Tick>(api::Tick::NAME)` for
/// one that it says it [sends](../conduit/struct.ServerBuilder.html#method.sends). One name with a payload for each way is
/// two types, `Chat` and `ChatSent`.
///
/// | schema | type |
/// |---|---|
/// | object with properties | struct; `allOf` is taken together |
/// | other object | `BTreeMap<String, T>`, or `serde_json::Map` |
/// | `oneOf`, `anyOf` | enum, tagged where a constant or the only member's name tells the variants apart |
/// | `enum` of strings | enum |
/// | type with null, member that is not required | `Option<T>` |
/// | integer | the smallest type that holds its bounds, `u64` without an upper one, `i64` without a lower one |
/// | string | `String`, whatever its format |
/// | `prefixItems` of fixed length | tuple |
/// | anything else | `serde_json::Value` |
///
/// All of them are `Serialize`, `Deserialize`, `JsonSchema`, `Debug`, `Clone` and `PartialEq`, and what the schema asks
/// of a member (`minLength`, `pattern` ..) is in their schema too.
///
/// # Errors of the compiler
///
/// A file that is not there, that is no JSON or no OpenRPC 1.x, and a reference that leads out of the document or
/// nowhere; with the place in the document as a JSON pointer. A valid schema is never one.
///
/// Lints that are about how a person writes are allowed in what it makes. A crate that forbids `dead_code`,
/// `missing_docs`, `unreachable_pub` or all of clippy's must `deny` them instead.
#[proc_macro]
pub fn import(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    import::expand(input.into()).into()
}

fn expand_rpc(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match errors.keep(syn::parse2(item.clone())) {
        Some(Item::Fn(function)) => expand_function(options, function),
        Some(Item::Impl(block)) => expand_service(options, block),
        Some(other) => {
            errors.on(first_token(&other), "`#[rpc]` goes on a function, or on the `impl` block of a service");
            fallback::item(item, &errors)
        }
        None => fallback::item(item, &errors),
    }
}

fn expand_on(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match errors.keep(syn::parse2(item.clone())) {
        Some(Item::Fn(function)) => {
            let function = Function::read_handler(options, function, &mut errors);
            checked(&function, errors)
        }
        Some(Item::Impl(block)) => {
            let advice = "put `#[rpc]` on the `impl` block of a service, and `#[on(..)]` on the functions in it";
            errors.on(block.impl_token, advice);
            fallback::item(item, &errors)
        }
        Some(other) => {
            errors.on(first_token(&other), "`#[on(..)]` goes on a function; `#[derive(Event)]` is for payloads");
            fallback::item(item, &errors)
        }
        None => fallback::item(item, &errors),
    }
}

fn expand_function(options: TokenStream, item: ItemFn) -> TokenStream {
    let mut errors = Errors::default();
    let function = Function::read(options, item, &mut errors);
    checked(&function, errors)
}

/// A function that was read, with whatever was wrong with it.
fn checked(function: &Function, mut errors: Errors) -> TokenStream {
    check::method(&function.method, &mut errors);
    if errors.is_empty() { expand::function(function) } else { fallback::function(function, &errors) }
}

fn expand_service(options: TokenStream, item: ItemImpl) -> TokenStream {
    let mut errors = Errors::default();
    let service = Service::read(options, item, &mut errors);
    check::service(&service, &mut errors);
    if errors.is_empty() { expand::service(&service) } else { fallback::service(&service, &errors) }
}

fn expand_hook(moment: Moment, options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match errors.keep(syn::parse2(item.clone())) {
        Some(Item::Fn(function)) => {
            let hook = Hook::read(moment, options, function, &mut errors);
            check::hook(&hook, &mut errors);
            if errors.is_empty() { expand::hook(&hook) } else { fallback::hook(&hook, &errors) }
        }
        Some(other) => {
            errors.on(first_token(&other), format_args!("`#[{}]` goes on a function", moment.attribute()));
            fallback::item(item, &errors)
        }
        None => fallback::item(item, &errors),
    }
}

fn expand_rpc_error(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(input) = errors.keep(syn::parse2::<DeriveInput>(item)) else { return errors.into_token_stream() };
    let error = ErrorType::read(&input, &mut errors);
    check::rpc_error(&error, &mut errors);
    if errors.is_empty() { expand::rpc_error(&error) } else { fallback::rpc_error(&error, &errors) }
}

fn expand_event(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(input) = errors.keep(syn::parse2::<DeriveInput>(item)) else { return errors.into_token_stream() };
    let event = EventType::read(&input, &mut errors);
    if errors.is_empty() { expand::event(&event) } else { fallback::event(&event, &errors) }
}

/// The word that says what an item is.
fn first_token(item: &Item) -> TokenStream {
    let mut tokens = item.to_token_stream().into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(word) if word != "pub")).into_iter().collect()
}
