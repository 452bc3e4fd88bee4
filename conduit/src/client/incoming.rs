//! What the server sends: answers to calls, and requests and notifications of its own.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{
    link::{Outgoing, Shared},
    pending::{Failure, Outcome},
};
use crate::protocol::{
    self, ErrorCode, ErrorObject, Id, Invalid, Message, Request, Response, batch_text, error_text, parse,
};

/// How many answers to the server's own requests may wait for the socket.
const REPLIES: usize = 256;

/// The reader's end of a connection: takes each text to where it belongs.
pub(super) struct Incoming {
    shared: Arc<Shared>,
    /// Weak, so that the task does not keep the connection of dropped handles open.
    outgoing: mpsc::WeakUnboundedSender<Outgoing>,
    replies: Arc<Semaphore>,
}

impl Incoming {
    pub(super) fn new(shared: Arc<Shared>, outgoing: mpsc::WeakUnboundedSender<Outgoing>) -> Self {
        Self { shared, outgoing, replies: Arc::new(Semaphore::new(REPLIES)) }
    }

    /// Takes one text. What makes no sense is logged: a server's mistake costs no other call its connection.
    pub(super) fn receive(&self, text: &str) {
        match parse(text) {
            protocol::Incoming::Single(message) => self.single(message),
            protocol::Incoming::Batch(messages) => self.batch(messages),
        }
    }

    fn single(&self, message: Result<Message<'_>, Invalid>) {
        match message {
            Ok(Message::Response(Response { id, outcome: Err(error) })) if id.is_null() => {
                self.error_without_id(&error)
            }
            message => {
                if let Some(reply) = self.message(message) {
                    self.reply(reply);
                }
            }
        }
    }

    fn batch(&self, messages: Vec<Result<Message<'_>, Invalid>>) {
        let answered = messages.iter().find_map(|message| match message {
            Ok(Message::Response(response)) => response.id.as_u64(),
            _ => None,
        });
        let replies: Vec<_> = messages.into_iter().filter_map(|message| self.message(message)).collect();
        if let Some(id) = answered {
            self.shared.pending.fail_rest_of_batch(id);
        }
        if let Some(reply) = batch_text(replies) {
            self.reply(reply);
        }
    }

    /// Takes one message; returns what to answer, if anything.
    fn message(&self, message: Result<Message<'_>, Invalid>) -> Option<String> {
        match message {
            Ok(Message::Response(response)) => self.response(response),
            Ok(Message::Request(request)) => return request_of_server(&request),
            Err(invalid) => self.invalid(invalid),
        }
        None
    }

    fn response(&self, response: Response<'_>) {
        let outcome = response.outcome.map(ToOwned::to_owned).map_err(Failure::Answered);
        if !self.settle(&response.id, outcome) {
            tracing::debug!(id = %response.id, "the server answered a call that nobody waits for");
        }
    }

    /// A text that is no message may still carry the id of a call, which then has nothing more to wait for.
    fn invalid(&self, Invalid { id, error }: Invalid) {
        tracing::warn!(%id, problem = error.message(), "the server sent what is no JSON-RPC message");
        self.settle(&id, Err(Failure::NoResponse(error.message().to_owned())));
    }

    /// "If there was an error in detecting the id in the Request object, it MUST be Null." (JSON-RPC 2.0, 5)
    /// Every request of this side has an id that can be read, so it is most likely a batch refused as a whole.
    fn error_without_id(&self, error: &ErrorObject) {
        if !self.shared.pending.fail_only_batch(error) {
            tracing::warn!(%error, "the server answered with an error that names no call");
        }
    }

    fn settle(&self, id: &Id, outcome: Outcome) -> bool {
        id.as_u64().is_some_and(|id| self.shared.pending.settle(id, outcome))
    }

    fn reply(&self, text: String) {
        // The reader must not wait for the writer, or two sides that flood each other would both stop reading.
        let Ok(slot) = Arc::clone(&self.replies).try_acquire_owned() else {
            tracing::warn!("the server does not read the answers to its requests; one is dropped");
            return;
        };
        if let Some(outgoing) = self.outgoing.upgrade() {
            // Fails only when the connection has ended, and with it the need for an answer.
            let _ = outgoing.send(Outgoing { text, calls: None, slot: Some(slot) });
        }
    }
}

/// What the server asks of this side. The client has no methods and no event handlers: a request is answered
/// "method not found", a notification is passed over.
fn request_of_server(request: &Request<'_>) -> Option<String> {
    let method = &request.method;
    let Some(id) = &request.id else {
        tracing::debug!(%method, "notification without a handler");
        return None;
    };
    let message = format!("method `{method}` not found: this client has no methods");
    Some(error_text(id, &ErrorObject::with_code(ErrorCode::MethodNotFound, message)))
}
