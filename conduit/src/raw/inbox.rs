//! What one raw connection has received and its handler has not seen: a queue bounded in bytes.
//!
//! The task of the connection fills it. A task of its own empties it, which is there only while there is something to
//! handle, so that reads never wait for a handler and an idle connection costs no second task.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Connection, Message, route::Handler};
use crate::{close::CloseCode, connection::Debt, dispatch::Sender, hook_result};

/// How many bytes of messages wait for the handler before the peer is not read from. One message may go beyond it.
const LIMIT: usize = 1024 * 1024;

pub(crate) struct Inbox {
    connection: Connection,
    handler: Handler,
    /// Fires when the server can't wait any longer.
    kill: CancellationToken,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
    /// Whether there is a task that takes the messages out.
    running: bool,
}

impl Inbox {
    pub(super) fn new(connection: Connection, handler: Handler, kill: CancellationToken) -> Self {
        Self { connection, handler, kill, waiting: Mutex::default() }
    }

    /// Whether so much is waiting that no more should be read.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().bytes >= LIMIT
    }

    /// Takes a message to be handled after those before it.
    pub(crate) fn push(self: &Arc<Self>, message: impl Into<Message>) {
        if !self.takes_messages() {
            return;
        }
        let message = apart(message.into());
        if let Err(error) = self.connection.peer().may_send(1, message.as_bytes().len()) {
            // There is no answer that could say so.
            self.connection.close(CloseCode::POLICY_VIOLATION, error.message());
            return;
        }
        let mut waiting = self.lock();
        waiting.bytes += size(&message);
        waiting.messages.push_back(message);
        if !mem::replace(&mut waiting.running, true) {
            // A server that stops waits for what it owes, and so does the place of the connection.
            let debt = Debt::new(self.connection.peer());
            let inbox = Arc::clone(self);
            let handling = async move {
                let _ = inbox.kill.run_until_cancelled(inbox.handle_all()).await;
                drop(debt);
            };
            tokio::spawn(handling.in_current_span());
        }
    }

    /// A connection that this side closes, or that a stopping server has begun to drain, takes nothing new.
    fn takes_messages(&self) -> bool {
        let peer = self.connection.peer();
        !peer.is_draining() && peer.outbox().closing().is_none()
    }

    async fn handle_all(&self) {
        while let Some(message) = self.next() {
            let failure = match hook_result::run(&self.handler, (self.connection.clone(), message)).await {
                Ok(()) => continue,
                Err(failure) => failure,
            };
            self.connection.server().metrics().hook_failed("raw", &failure);
            tracing::error!("the handler of a raw connection failed: {failure}");
            // What went wrong is for the log alone.
            self.connection.close(CloseCode::INTERNAL_ERROR, "the server failed");
        }
    }

    /// The next message; `None` when there is none, and then the next to come starts another task.
    fn next(&self) -> Option<Message> {
        let closing = self.connection.peer().outbox().closing().is_some();
        let mut waiting = self.lock();
        if closing {
            let dropped = mem::take(&mut *waiting);
            drop(waiting);
            drop(dropped);
            return None;
        }
        let was_full = waiting.bytes >= LIMIT;
        let Some(message) = waiting.messages.pop_front() else {
            // A burst must not leave its room behind for as long as the connection lasts.
            *waiting = Waiting::default();
            return None;
        };
        waiting.bytes -= size(&message);
        let is_full = waiting.bytes >= LIMIT;
        drop(waiting);
        if was_full && !is_full {
            self.connection.peer().outbox().wake();
        }
        Some(message)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A small message of bytes without the socket's buffer, of which it is a part and which it would keep.
fn apart(message: Message) -> Message {
    const SMALL: usize = 4096;
    match message {
        Message::Binary(bytes) if bytes.len() < SMALL => Bytes::copy_from_slice(&bytes).into(),
        message => message,
    }
}

/// What a message counts for: an empty one takes room too.
fn size(message: &Message) -> usize {
    message.as_bytes().len() + size_of::<Message>()
}
