//! What the sender of an event reads that came to nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    events::Event,
    protocol::{ErrorObject, request_text},
};

/// An event that the server could not handle: the payload of `rpc.error`.
///
/// A server sends it to whoever sent an event without asking for an answer, when its payload does not fit, a handler
/// fails or panics, or the sender may not send it. It is an event itself, not a reply: it has no id.
/// [`Client::on_error`](crate::Client::on_error) handles it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventFailed {
    /// The name of the event.
    pub event: String,
    /// What an event that was sent as a request would have been answered with.
    #[schemars(with = "Value")]
    pub error: ErrorObject,
}

// Who forgot to derive it wants no other event to be recommended.
#[diagnostic::do_not_recommend]
impl Event for EventFailed {
    const NAME: &'static str = "rpc.error";
}

impl EventFailed {
    /// The text to send.
    pub(crate) fn text(event: &str, error: &ErrorObject) -> String {
        let failed = Self { event: event.to_owned(), error: error.clone() };
        request_text(Self::NAME, Some(&failed), None)
            .expect("a name and an error object are strings, numbers and JSON that was written before")
    }
}
