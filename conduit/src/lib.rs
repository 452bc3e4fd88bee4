//! JSON-RPC 2.0 over WebSocket, from plain functions.
//!
//! Annotate a function with [`#[rpc]`](rpc). It becomes a method with a name, a documented argument schema that
//! every call is checked against, a line in the built-in `listall`, and a typed client call.
//!
//! ```standalone_crate
//! use conduit::{Client, Server, rpc};
//!
//! /// Add two numbers.
//! #[rpc]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! #[tokio::main]
//! async fn main() -> conduit::Result<()> {
//!     let server = Server::builder().host("127.0.0.1").port(0).password("secret").build()?.start().await?;
//!
//!     let client = Client::connect(format!("ws://{}", server.address())).password("secret").await?;
//!     assert_eq!(add::call(&client, 2, 3).await?, 5);
//!     server.stop().await
//! }
//! ```
//!
//! # Where to go on
//!
//! [`rpc`], [`Server`] and [`Client`] are enough to begin with. What else there is, by what it is for:
//!
//! - [`rpc`] says what an annotated function may take and return, and [`RpcError`](derive@RpcError) how it fails.
//! - [`Connection`] is what a method knows of whoever calls it: its identity, its rooms, and the way to send it something.
//! - [`on`] and [`Event`](derive@Event) are for events, which either side may send; [`EventHandler`] says what a closure
//!   that handles them takes.
//! - [`on_startup`], [`on_client_connect`], [`on_client_disconnect`] and [`on_shutdown`] are hooks.
//! - [`Server::builder`] says what a server can be told.
//! - [`OpenRpc`] and [`MethodDescription`] are what a server tells of itself.
//! - [`Client`] is the other end, and [`Connect`] says what it can be told; any JSON-RPC 2.0 client of any language is one
//!   too.
//! - [`Error`] is what goes wrong with a server or a client, [`ErrorObject`] what a call is answered with then.
//! - [`import!`] makes a client of a saved OpenRPC document, without the server's code.
//! - [`metrics`] lists what a server counts, and the spans of its traces.
//! - [`blocking`] is a client for programs without a runtime.
//! - [`testing`] is for tests: a client of a server without a port, in paused time if you like.
//! - [`raw`] is plain WebSocket, beside JSON-RPC or without it.
//! - [`protocol`] is JSON-RPC 2.0 as types.
//!
//! # Features
//!
//! - `client`, on by default: [`Client`] and all that connects to a server.
//! - `server`, on by default: [`Server`] and all that serves. A program that is only a client does without, and compiles
//!   neither axum nor hyper: `conduit = { version = "0.1", default-features = false, features = ["client"] }`. What both
//!   sides share, [`rpc`] and its typed calls among it, is there with either.
//! - `prometheus`: [`ServerBuilder::prometheus`] serves what a server counts. Off by default; with it comes `server`.
//! - `tls`: a server listens with [a certificate of its own](ServerBuilder::tls), and a client connects to `wss://`. Off by
//!   default.
//!
//! # Argument and result types
//!
//! They implement serde's `Serialize` and `Deserialize` and [`schemars::JsonSchema`]; derive all three. A result that
//! no typed client reads needs no `Deserialize`.
//!
//! # Panics of methods
//!
//! A method that panics fails its own call and nothing else. In a program built with `panic = "abort"` it ends the
//! program, as any panic does there.

// Of what both sides share, a program with one of them leaves some unused.
#![cfg_attr(not(all(feature = "client", feature = "server")), allow(dead_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate self as conduit;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod protocol;
pub mod raw;

#[doc(hidden)]
#[path = "macro_support.rs"]
pub mod __private;
#[cfg(feature = "server")]
mod admission;
#[cfg(feature = "server")]
mod asked;
#[cfg(feature = "client")]
pub mod blocking;
mod bounds;
#[cfg(feature = "server")]
mod broadcast;
#[cfg(feature = "server")]
mod builder;
#[cfg(feature = "server")]
mod builtin;
#[cfg(feature = "server")]
mod by_address;
mod caller;
#[cfg(feature = "server")]
mod capacity;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "server")]
mod client_call;
mod close;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod connection;
mod context;
mod description;
mod discovery;
mod dispatch;
mod error;
mod event_failed;
#[cfg(any(feature = "client", feature = "server"))]
mod event_handler;
mod events;
mod handshake;
#[cfg(any(feature = "client", feature = "server"))]
mod heartbeat;
#[cfg(feature = "server")]
mod hook;
#[cfg(any(feature = "client", feature = "server"))]
mod hook_result;
#[cfg(feature = "server")]
mod hub;
#[cfg(feature = "server")]
mod identity;
mod in_flight;
#[cfg(feature = "server")]
mod lifecycle;
#[cfg(feature = "server")]
mod login;
mod meant;
mod method;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(not(feature = "server"))]
#[path = "no_metrics.rs"]
mod metrics;
mod openrpc;
mod order;
#[cfg(feature = "server")]
mod outbox;
mod panics;
mod params;
mod payload;
mod pending_call;
#[cfg(feature = "server")]
mod rate;
mod registry;
mod rpc_error;
#[cfg(feature = "server")]
mod running;
mod schema;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
mod startup;
#[cfg(all(feature = "client", feature = "server"))]
pub mod testing;
#[cfg(feature = "server")]
mod throttle;
#[cfg(feature = "server")]
mod transport;
mod watch;

#[cfg(feature = "server")]
use __private as macro_support;

#[cfg(feature = "server")]
pub use broadcast::Broadcast;
#[cfg(feature = "server")]
pub use builder::ServerBuilder;
pub use caller::Caller;
#[cfg(feature = "client")]
pub use client::{Answers, Batch, Client, Connect, Entry, Events, Subscription, Token};
pub use close::{CloseCode, Disconnected};
#[cfg(feature = "server")]
pub use identity::{Credentials, Identity};

/// Derives [`RpcError`](trait@RpcError).
///
/// ```
/// use conduit::RpcError;
///
/// #[derive(Debug, thiserror::Error, RpcError)]
/// enum TransferError {
///     #[error("{wanted} is more than the {there} that are there")]
///     #[rpc(code = 1001)]
///     Overdrawn { wanted: u64, there: u64 },
///     #[error("no account {0}")]
///     #[rpc(code = 1002)]
///     NoAccount(String),
///     #[error("the ledger can't be written")]
///     #[rpc(internal)]
///     Ledger(#[from] std::io::Error),
/// }
///
/// let codes: Vec<i64> = TransferError::describe().iter().map(|error| error.code).collect();
/// assert_eq!(codes, [1001, 1002]);
/// ```
///
pub use conduit_macros::RpcError;

/// Derives [`Event`](trait@Event).
///
/// ```
/// use conduit::{Connection, Event, on};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// Somebody said something.
/// #[derive(Serialize, Deserialize, JsonSchema, Event)]
/// #[event("chat")]
/// struct Chat {
///     #[schemars(length(min = 1))]
///     text: String,
/// }
///
/// #[on("chat")]
/// async fn chat(client: &Connection, chat: Chat) {
///     client.server().broadcast_event(&chat).send();
/// }
///
/// assert_eq!(Chat::NAME, "chat");
/// ```
///
pub use conduit_macros::Event;

/// A function as the handler of an event.
///
/// ```
/// use conduit::{Call, Connection, Method, methods, on};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Chat {
///     #[schemars(length(min = 1))]
///     text: String,
/// }
///
/// #[derive(Serialize, JsonSchema)]
/// struct Ack {
///     receivers: usize,
/// }
///
/// /// Tell everybody else.
/// #[on("chat")]
/// async fn chat(client: &Connection, data: Chat) -> Ack {
///     let receivers = client.server().broadcast("chat", &data).exclude([client.id()]).send();
///     Ack { receivers }
/// }
///
/// /// Log what nothing else handles.
/// #[on("*")]
/// async fn other(call: &Call, data: serde_json::Value) {
///     println!("{}: {data}", call.method());
/// }
///
/// assert_eq!(<chat as Method>::META.events, ["chat"]);
/// let handlers = methods![chat, other];
/// ```
///
pub use conduit_macros::on;

/// A function as a hook of the server's start.
///
/// ```standalone_crate
/// use conduit::{Server, on_startup};
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// # #[derive(Default)] struct Db(AtomicBool);
/// # impl Db { async fn migrate(&self) -> Result<(), std::io::Error> { self.0.store(true, Ordering::Relaxed); Ok(()) } }
///
/// #[on_startup]
/// async fn migrate(server: &Server, db: &Db) -> Result<(), std::io::Error> {
///     db.migrate().await?;
///     println!("listening on {:?}", server.address());
///     Ok(())
/// }
///
/// #[tokio::main]
/// async fn main() -> conduit::Result<()> {
///     let server = Server::builder().host("127.0.0.1").port(0).open().state(Db::default()).build()?.start().await?;
/// #   assert!(server.server().state::<Db>().is_some_and(|db| db.0.load(Ordering::Relaxed)));
///     server.stop().await
/// }
/// ```
///
#[cfg(feature = "server")]
pub use conduit_macros::on_startup;

/// A function as a hook of a client's coming.
///
/// ```
/// use conduit::{Connection, on_client_connect};
/// use serde_json::json;
///
/// #[on_client_connect]
/// async fn welcome(client: &Connection) -> Result<(), &'static str> {
///     if client.server().members("lobby").len() >= 100 {
///         return Err("the lobby is full");
///     }
///     client.join("lobby");
///     client.send("welcome", &json!({ "rooms": client.rooms() }));
///     Ok(())
/// }
/// ```
///
/// It does not run for calls by HTTP `POST`, which have no connection.
///
#[cfg(feature = "server")]
pub use conduit_macros::on_client_connect;

/// A function as a hook of a client's going.
///
/// ```
/// use conduit::{Connection, Disconnected, Server, on_client_disconnect};
/// use serde_json::json;
///
/// #[on_client_disconnect]
/// async fn left(client: &Connection, server: &Server, end: Disconnected) {
///     let left = json!({ "who": client.id(), "code": end.code.as_u16() });
///     server.broadcast("left", &left).room("lobby").send();
/// }
/// ```
///
#[cfg(feature = "server")]
pub use conduit_macros::on_client_disconnect;

/// A function as a hook of the server's end.
///
/// ```
/// use conduit::{Server, on_shutdown};
/// use serde_json::json;
///
/// #[on_shutdown]
/// async fn goodbye(server: &Server) {
///     server.broadcast("goodbye", &json!({ "back": "soon" })).send();
/// }
/// ```
///
#[cfg(feature = "server")]
pub use conduit_macros::on_shutdown;

/// A function, or the functions of an `impl` block, as methods.
///
/// ```
/// use conduit::{Connection, Method, rpc};
/// # struct Library;
/// # impl Library { fn find(&self, _: &str, _: u16) -> Vec<String> { vec![] } }
///
/// /// Find books.
/// #[rpc(name = "book.find", timeout = "2s")]
/// async fn find(
///     client: &Connection,
///     library: &Library,
///     /// A part of the title.
///     #[schemars(length(min = 1))]
///     title: String,
///     #[arg(default = 20)]
///     #[schemars(range(max = 100))]
///     limit: u16,
///     language: Option<String>,
/// ) -> Vec<String> {
///     library.find(&title, limit)
/// }
///
/// assert_eq!(<find as Method>::META.name, "book.find");
/// assert_eq!(<find as Method>::META.description, "Find books.");
/// ```
///
pub use conduit_macros::rpc;

/// A client without the server's code: typed calls, types, errors and events from a saved OpenRPC document.
///
/// ```no_run
/// use conduit::Client;
///
/// mod api {
///     conduit::import!("docs/users.json");
/// }
///
/// # async fn example() -> conduit::Result<()> {
/// let client = Client::connect("ws://127.0.0.1:8080").password("secret").await?;
/// let user: api::User = api::user::create::call(&client, "ada".into(), "ada@example.org".into(), None).await?;
///
/// if let Err(error) = api::user::get::call(&client, 7).await {
///     match error.decode() {
///         Some(api::user::get::Error::NotFound { id }) => println!("there is no user {id}"),
///         _ => return Err(error),
///     }
/// }
///
/// client.on_event(|chat: api::Chat| async move { println!("{}", chat.text) });
/// client.send_event(&api::Chat { text: "hello".into() }).await?;
/// # Ok(()) }
/// ```
///
pub use conduit_macros::import;

#[cfg(feature = "server")]
pub use config::{Password, ServerConfig, SlowClients};
#[cfg(feature = "server")]
pub use connection::{Connection, ConnectionId, Counters};
pub use context::{Call, State};
pub use description::{ArgumentDescription, EventDescription, MethodDescription};
pub use error::{Error, ErrorKind, Result, VersionMismatch};
pub use event_failed::EventFailed;
#[cfg(any(feature = "client", feature = "server"))]
pub use event_handler::EventHandler;
pub use events::{Ack, Event, EventNames};
#[cfg(feature = "server")]
pub use hook::HookDescriptor;
#[cfg(any(feature = "client", feature = "server"))]
pub use hook_result::HookResult;
pub use method::{Method, MethodDescriptor, MethodMeta, Service};
pub use openrpc::OpenRpc;
pub use pending_call::PendingCall;
pub use protocol::{ErrorCode, ErrorObject, Fault, Id};
pub use rpc_error::{ErrorDescription, RpcError};
#[cfg(feature = "server")]
pub use running::RunningServer;
#[cfg(feature = "server")]
pub use server::Server;
