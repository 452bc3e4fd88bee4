//! The Request object, and the Notification: a request without an id.

use std::borrow::Cow;

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
    #[derive(Serialize)]
    struct Envelope<'a, P: ?Sized> {
        jsonrpc: &'static str,
        method: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<&'a P>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Id>,
    }
    serde_json::to_string(&Envelope { jsonrpc: "2.0", method, params, id })
}
