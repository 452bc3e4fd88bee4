//! The client: calls, notifications and batches over one connection.
//!
//! | file | what it holds |
//! |---|---|
//! | `connect.rs` | the options of a connection |
//! | `call.rs`, `batch.rs` | one call and several, as futures |
//! | `pending.rs` | the calls that wait for their answers |
//! | `incoming.rs` | what the server sends, and where it goes |
//! | `link.rs`, `ending.rs` | the connection's task, and how it ends |
//! | `raw.rs` | a connection without JSON-RPC |
//! | `transport.rs` | the WebSocket beneath |

mod batch;
mod call;
mod connect;
mod ending;
mod incoming;
mod link;

mod pending;
pub(crate) mod raw;
#[cfg(test)]
mod tests;
mod transport;

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

pub use self::{
    batch::{Answers, Batch, Entry},
    call::PendingCall,
    connect::Connect,
};
use self::{link::Link, transport::Transport};
use crate::{description::MethodDescription, error::Result, params};

/// A connection to a server; a cheap handle.
///
/// Clones share the connection, and calls on it run side by side. It closes when the last clone, call and batch
/// of it is dropped. When it is lost, the calls that wait fail at once and so does every later one.
///
/// ```no_run
/// # use conduit::Client;
/// use serde_json::json;
///
/// # async fn example() -> conduit::Result<()> {
/// let client = Client::connect("ws://127.0.0.1:8080").password("secret").await?;
/// let five: i64 = client.call("add", json!({"a": 2, "b": 3})).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    link: Arc<Link>,
    /// Of a call that does not say otherwise.
    timeout: Duration,
}

impl Client {
    /// A connection to `url`, such as `ws://127.0.0.1:8080`; await it to connect, in a tokio runtime.
    pub fn connect(url: impl Into<String>) -> Connect {
        Connect::new(url.into())
    }

    fn start(transport: impl Transport, timeout: Duration) -> Self {
        Self { link: Arc::new(Link::start(transport)), timeout }
    }

    /// Calls a method: await the call for the answer, as a `T`.
    ///
    /// `params` is anything that serialises to an object (arguments by name) or to an array (by position), by
    /// value or by reference: `json!({..})`, a struct, a tuple; `()` for none.
    pub fn call<T>(&self, method: &str, params: impl Serialize) -> PendingCall<T> {
        PendingCall::new(self.clone(), method, &params)
    }

    /// Sends a notification: a call that is not answered. Completes when it is in the hands of the writer.
    ///
    /// # Errors
    /// `Encode` when `params` is neither an object, an array nor nothing; `Closed` when the connection has ended.
    ///
    /// # Cancel safety
    /// Dropping the future before it completes sends nothing.
    pub fn notify<P: Serialize>(&self, method: &str, params: P) -> impl Future<Output = Result<()>> + Send + use<P> {
        let text = params::encode(method, &params).map(|params| call::request(method, params.as_deref(), None));
        let (link, method) = (Arc::clone(&self.link), method.to_owned());
        async move {
            let text = text?;
            let slot = link.slot().await.map_err(|ending| ending.not_sent(format_args!("`{method}`")))?;
            link.send(text, None, slot);
            Ok(())
        }
    }

    /// Starts a [`Batch`]: several calls in one message.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// Asks for the methods that the server has, sorted by name.
    pub fn listall(&self) -> PendingCall<Vec<MethodDescription>> {
        self.call("listall", ())
    }

    /// Closes the connection, for all clones; returns when the server has closed its side, or after 5 seconds.
    ///
    /// Notifications that were handed over before still go out. Calls that wait end with an error of kind
    /// `Closed`: await them first.
    ///
    /// # Cancel safety
    /// Once polled, the connection closes also when the future is dropped.
    pub async fn close(&self) {
        self.link.close().await;
    }

    /// Whether the connection has ended, or is being closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.pending().ending().is_some()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Client");
        match self.link.pending().ending() {
            Some(ending) => debug.field("closed", &format_args!("{ending}")),
            None => debug.field("open", &true),
        };
        debug.field("timeout", &self.timeout).finish()
    }
}
