//! conduit

extern crate self as conduit;

pub mod protocol;

mod auth;
mod builder;
mod builtin;
mod client;
mod close;
mod config;
mod connection;
mod context;
mod description;
mod discovery;
mod dispatch;
mod error;
mod in_flight;
#[doc(hidden)]
#[path = "macro_support.rs"]
pub mod __private;
mod method;
mod outbox;
mod registry;
mod rpc_error;
mod schema;
mod server;
mod transport;

use __private as macro_support;

pub use builder::ServerBuilder;
pub use client::{Client, PendingCall};
pub use close::CloseCode;
pub use conduit_macros::{RpcError, rpc};
pub use connection::{Connection, ConnectionId};
pub use context::{Call, State};
pub use description::{ErrorEntry, MethodDescription};
pub use error::{Error, ErrorKind, Result};
pub use method::{Borrow, Location, Method, MethodDescriptor, MethodMeta, Service};
pub use protocol::{ErrorCode, ErrorObject, Id};
pub use rpc_error::{ErrorDescription, RpcError};
pub use server::{RunningServer, Server};
