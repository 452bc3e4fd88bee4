//! What the server sends: answers to calls, and requests and notifications of its own.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tracing::Instrument;

use super::{
    Client, WeakClient,
    host::Host,
    link::{Outgoing, Route, Shared},
    pending::{Failure, Outcome},
};
use crate::{
    dispatch::{Budget, Entry, Peer, Reply, begin, size},
    event_failed::EventFailed,
    events::Event,
    metrics::CallMetrics,
    protocol::{self, ErrorCode, ErrorObject, Id, Invalid, Message, Request, Response, error_text, parse},
    registry::Target,
};

/// How many answers to the server's own requests may wait for the socket, at the least: as many as methods may run.
const REPLIES: usize = 256;

/// An answer may be of any size.
const ANY_SIZE: Budget = Budget::One(usize::MAX);

/// The reader's end of a connection: takes each text to where it belongs.
pub(super) struct Incoming {
    shared: Arc<Shared>,
    /// What handlers are lent. Weak, as is the way out: the task does not keep the connection of dropped handles open.
    client: WeakClient,
    replies: Replies,
    /// The metrics are those of servers.
    metrics: Arc<CallMetrics>,
}

impl Incoming {
    pub(super) fn new(
        shared: Arc<Shared>,
        outgoing: mpsc::WeakUnboundedSender<Outgoing>,
        client: WeakClient,
        connection: u64,
    ) -> Self {
        let slots = REPLIES.max(shared.max_in_flight).min(Semaphore::MAX_PERMITS);
        let replies = Replies { outgoing, slots: Arc::new(Semaphore::new(slots)), connection };
        Self { shared, client, replies, metrics: Arc::new(CallMetrics::of_nobody()) }
    }

    /// Gives way to the writer when no more answers may wait for it.
    pub(super) async fn make_room(&self) {
        // After one turn the reader may still come before the writer, after two it can't.
        for _ in 0..2 {
            if self.replies.slots.available_permits() == 0 {
                tokio::task::yield_now().await;
            }
        }
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
            message => self.reply(Reply::to_single(self.message(message))),
        }
    }

    fn batch(&self, messages: Vec<Result<Message<'_>, Invalid>>) {
        let answered = messages.iter().find_map(|message| match message {
            Ok(Message::Response(response)) => response.id.as_u64(),
            _ => None,
        });
        let entries: Vec<_> = messages.into_iter().map(|message| self.message(message)).collect();
        if let Some(id) = answered {
            self.shared.pending.fail_rest_of_batch(id);
        }
        self.reply(Reply::to_batch(entries.into_iter()));
    }

    /// Takes one message; returns what to answer, if anything.
    fn message(&self, message: Result<Message<'_>, Invalid>) -> Entry {
        match message {
            Ok(Message::Response(response)) => self.response(response),
            Ok(Message::Request(request)) => return self.request(request),
            Err(invalid) => self.invalid(invalid),
        }
        Entry::Ended(None)
    }

    /// What the server asks of this side, or tells it. Methods and handlers start here, in the order in which calls and
    /// events come; those that wait go on beside the reader.
    fn request(&self, request: Request<'_>) -> Entry {
        match self.shared.handlers.served().method(&request.method) {
            Some(method) => self.call(Target::Method(method), request),
            None => self.event(request),
        }
    }

    fn call(&self, method: Target<'_>, request: Request<'_>) -> Entry {
        if !method.is_control()
            && let Err(error) = self.shared.in_flight.admit(size(request.params))
        {
            return Entry::Ended(request.id.map(|id| error_text(&id, &error)));
        }
        let Some(client) = self.client_for(&request) else { return Entry::Ended(None) };
        begin(method, request, &Arc::new(Host(client)), None, &ANY_SIZE, &self.metrics)
    }

    fn event(&self, request: Request<'_>) -> Entry {
        // Before the look-up: a handler of one event is not spent on one that it may not handle.
        let admit = || self.shared.in_flight.admit(size(request.params));
        let takers = self.shared.handlers.find(&request.method, request.id.is_some(), admit);
        let Some(takers) = takers else { return not_handled(&request) };
        // With the last handle gone the connection is about to close.
        let Some(client) = self.client_for(&request) else { return Entry::Ended(None) };
        let host = Arc::new(Host(client));
        let take = |request| begin(Target::Event(&takers.handlers), request, &host, None, &ANY_SIZE, &self.metrics);
        match takers.refusal {
            None => take(request),
            Some(error) => {
                let (id, method) = (request.id, request.method.clone());
                if !takers.handlers.is_empty() {
                    drop(take(Request { id: None, ..request }));
                }
                Entry::Ended(match id {
                    Some(id) => Some(error_text(&id, &error)),
                    None => Host::event_failed(&method, &error),
                })
            }
        }
    }

    /// What a method or a handler is lent. A hook may wait for what the server does with the answer to a request, so that
    /// whoever makes it does not wait for the hook.
    fn client_for(&self, request: &Request<'_>) -> Option<Client> {
        let client = self.client.upgrade()?;
        Some(if request.id.is_some() { client.going_ahead(self.replies.connection) } else { client })
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

    /// Ends a call. What a login came to is noted here: who made it may be gone with the connection before it can see.
    fn settle(&self, id: &Id, outcome: Outcome) -> bool {
        let Some(waiting) = id.as_u64().and_then(|id| self.shared.pending.take(id)) else { return false };
        if let Some(login) = waiting.login {
            self.shared.note_login(login, &outcome);
        }
        waiting.end(outcome)
    }

    fn reply(&self, reply: Reply) {
        match reply {
            Reply::None => {}
            Reply::Ready(text) => self.replies.send(text),
            Reply::Pending(pending) => {
                let replies = self.replies.clone();
                let answer = async move {
                    if let (Some(text), _) = pending.finish().await {
                        replies.send(text);
                    }
                };
                tokio::spawn(answer.in_current_span());
            }
        }
    }
}

/// The way out for answers to the server's own requests.
#[derive(Clone)]
struct Replies {
    outgoing: mpsc::WeakUnboundedSender<Outgoing>,
    slots: Arc<Semaphore>,
    /// Where the requests came from: another connection has no use for their answers.
    connection: u64,
}

impl Replies {
    fn send(&self, text: String) {
        // The reader must not wait for the writer, or two sides that flood each other would both stop reading.
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            tracing::warn!("the server does not read the answers to its requests; one is dropped");
            return;
        };
        if let Some(outgoing) = self.outgoing.upgrade() {
            let connection = self.connection;
            // Fails only when the client has ended, and with it the need for an answer.
            let _ = outgoing.send(Outgoing { text, route: Route::Bound, connection, slot: Some(slot) });
        }
    }
}

/// A request without a handler is answered "method not found", an event without one is passed over.
fn not_handled(request: &Request<'_>) -> Entry {
    let method = &request.method;
    let Some(id) = &request.id else {
        match request.params {
            Some(params) if method == EventFailed::NAME => {
                tracing::warn!(%params, "the server could not handle an event of this client");
            }
            _ => tracing::debug!(%method, "an event without a handler"),
        }
        return Entry::Ended(None);
    };
    let message = format!("method `{method}` not found: this client has neither a method nor a handler of that name");
    Entry::Ended(Some(error_text(id, &ErrorObject::with_code(ErrorCode::MethodNotFound, message))))
}
