//! The Request object, and the Notification: a request without an id.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

use super::Id;

/// A call or a notification, borrowed from the text it came in.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// "A String containing the name of the method to be invoked."
    pub method: Cow<'a, str>,
    /// The arguments: the JSON text of an object or of an array, or nothing.
    pub params: Option<&'a str>,
    /// `None` makes it a notification, which is never answered.
    pub id: Option<Id>,
    /// How long the caller waits for the answer, if it tells: `timeout_ms`, conduit's own member beside those of
    /// JSON-RPC.
    pub timeout: Option<Duration>,
}

/// The text of a request; without an id, of a notification.
///
/// # Errors
/// When `params` can't be written as JSON.
pub fn request_text<P: Serialize + ?Sized>(
    method: &str,
    params: Option<&P>,
    id: Option<&Id>,
) -> serde_json::Result<String> {
    timed_request_text(method, params, id, None)
}

/// As [`request_text`], of a call that tells how long its caller waits.
pub(crate) fn timed_request_text<P: Serialize + ?Sized>(
    method: &str,
    params: Option<&P>,
    id: Option<&Id>,
    timeout: Option<Duration>,
) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Envelope<'a, P: ?Sized> {
        jsonrpc: &'static str,
        method: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<&'a P>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
    }
    // No less than there is: a part of a millisecond is no reason to give up.
    let milliseconds = |timeout: Duration| u64::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    serde_json::to_string(&Envelope { jsonrpc: "2.0", method, params, id, timeout_ms: timeout.map(milliseconds) })
}
