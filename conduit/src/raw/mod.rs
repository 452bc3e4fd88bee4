//! Plain WebSocket: texts and bytes as they are, without JSON-RPC, at a path of their own.
//!
//! A [raw route](crate::ServerBuilder::raw) hands each message of its peers to a handler; [`connect`] is the other end,
//! and so is every WebSocket client there is.
//!
//! ```standalone_crate
//! use conduit::{Server, raw};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> conduit::Result<()> {
//!     let server = Server::builder().host("127.0.0.1").port(0).open().raw("/echo", |conn, message| async move {
//!         conn.send(message);
//!     });
//!     let server = server.build()?.start().await?;
//!
//!     let mut client = raw::connect(format!("ws://{}/echo", server.address())).await?;
//!     client.send("hello").await?;
//!     assert_eq!(client.recv().await?, Some("hello".into()));
//!     client.close(1000, "").await;
//!     server.stop().await
//! }
//! ```
//!
//! # What a server promises
//!
//! What holds for its other connections holds for these: login, `allowed_origins`, `max_connections`,
//! `max_message_size`, `max_queue_bytes`, the rates, the heartbeat and the graceful stop. Who sends more than the rates
//! allow is closed with 1008. A login is by `Authorization: Bearer`, or one of `login_headers`, at the upgrade, so pages in browsers,
//! which can't send that header, reach raw routes of [open](crate::ServerBuilder::open) servers alone. Hooks don't run for
//! raw connections, and [`Server::connections`](crate::Server::connections) and broadcasts pass them over.
//!
//! # In which order messages are handled
//!
//! One at a time, in the order in which they came: the handler's future ends before the next message of the same
//! connection is handed over. Connections don't wait for each other. A handler that goes on sending for long spawns a
//! task for it.
//!
//! Pings and close frames are seen while a handler runs, and messages that arrive meanwhile wait. Once 1 MiB of them
//! waits, nothing more is read from that peer, its pings included, before the handler has caught up; TCP slows the peer
//! down. That is never taken for silence of the peer.
//!
//! What a peer sent before it closed, or was lost, is handled to the end. A server that stops handles what has arrived, as
//! far as it comes within `shutdown_deadline`, and nothing that arrives later. What still waits when the handler closes the
//! connection is dropped.

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod inbox;
mod message;
#[cfg(feature = "server")]
mod route;
#[cfg(feature = "server")]
mod serve;

pub use bytes::Bytes;

#[cfg(feature = "server")]
pub use self::connection::Connection;
pub use self::message::Message;
#[cfg(feature = "server")]
pub(crate) use self::{inbox::Inbox, route::Route};
#[cfg(feature = "client")]
pub use crate::client::raw::{Client, Connect, connect};
