//! The handle of a raw connection.

use std::{fmt, net::SocketAddr, sync::Arc};

use tokio::sync::SetOnce;

use super::Message;
use crate::{
    close::{CloseCode, Disconnected},
    connection::{self, ConnectionId},
    identity::Identity,
    outbox,
    server::Server,
};

/// One peer of a raw route; a cheap handle, which may be kept to send at any time.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    peer: connection::Connection,
    /// Why it ended, once it has.
    end: SetOnce<Disconnected>,
}

impl Connection {
    pub(super) fn new(peer: connection::Connection) -> Self {
        Self(Arc::new(Inner { peer, end: SetOnce::new() }))
    }

    /// The number of the connection, unique among all connections of its server.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.0.peer.id()
    }

    /// Where the peer is; `None` when the program that serves the router does not tell (axum's
    /// `into_make_service_with_connect_info` does).
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer.peer_addr()
    }

    /// Who the login at the upgrade found; on a server without login, an identity without a name.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.0.peer.identity().expect("a raw connection is logged in before there is a handle of it")
    }

    /// The server that the connection belongs to.
    #[must_use]
    pub fn server(&self) -> Server {
        self.0.peer.server()
    }

    /// Queues a message for the peer; says whether it was taken. Does not wait: more than `max_queue_bytes` that the
    /// peer has not read disconnects it with 4002.
    ///
    /// A connection that is closed or closing takes none, and none takes a message over `max_message_size`, which is
    /// logged.
    pub fn send(&self, message: impl Into<Message>) -> bool {
        let message = message.into();
        let (size, limit) = (message.as_bytes().len(), self.0.peer.max_message_size());
        if size > limit {
            tracing::error!(id = %self.id(), "not sent: a message of {size} bytes is over max_message_size, {limit}");
            return false;
        }
        !self.is_closed() && self.0.peer.outbox().push(outbox::Message::from(message))
    }

    /// Closes the connection once what is queued has been sent. Code 1000 is the normal end; the application's own
    /// codes lie from 4100 to 4999, and [`CloseCode`] says which can't be sent. Of the reason, the first 123 bytes are sent.
    ///
    /// The handler's future goes on to its end; messages that wait for it are dropped.
    pub fn close(&self, code: impl Into<CloseCode>, reason: impl Into<String>) {
        self.0.peer.outbox().close(Disconnected::new(code.into().to_send(), reason));
    }

    /// Whether the connection has ended, or is being closed by either side: nothing can be sent any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.0.peer.outbox().is_open()
    }

    /// Waits for the end of the connection, and says how it ended.
    ///
    /// A server that stops waits for handlers, up to `shutdown_deadline`. So don't await this in the handler itself, but
    /// in a task of its own.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn closed(&self) -> Disconnected {
        self.0.end.wait().await.clone()
    }

    pub(super) fn set_end(&self, end: Disconnected) {
        // A connection ends once.
        let _ = self.0.end.set(end);
    }

    pub(super) fn peer(&self) -> &connection::Connection {
        &self.0.peer
    }
}

impl From<Message> for outbox::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(outbox::Text::Own(text)),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id())
            .field("peer_addr", &self.peer_addr())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
