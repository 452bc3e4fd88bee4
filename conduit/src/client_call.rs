//! How a server calls one of its clients.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::{
    connection::Connection,
    error::{Error, ErrorKind, Result},
    outbox::Text,
    payload::within,
    pending_call::Question,
    protocol::{request_text, timed_request_text},
};

impl Connection {
    /// Sends a call to the client and waits for the answer.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Box<RawValue>> {
        let (method, limit) = (question.method, question.patience.limit);
        tokio::time::timeout(limit, exchange(self, question)).await.unwrap_or_else(|_| {
            let id = self.id();
            let message =
                format!("`{method}` was not answered by connection {id} within {limit:?}; the call may have run");
            Err(Error::new(ErrorKind::Timeout, message).that_may_have_run())
        })
    }
}

async fn exchange(client: &Connection, question: Question<'_>) -> Result<Box<RawValue>> {
    let (id, method) = (client.id(), question.method);
    if !client.is_logged_in() {
        let message = format!("`{method}` was not sent: connection {id} is not logged in, or has ended");
        return Err(closed(client, message).unsent());
    }
    let mut waiting = client.asked().register();
    let timeout = question.patience.told(Duration::ZERO);
    let text = timed_request_text(method, question.params, Some(&waiting.id.into()), timeout)
        .map_err(|error| Error::new(ErrorKind::Encode, error.to_string()))?;
    let text = within(text, method, client.max_message_size())?;
    if !client.outbox().push(Text::Own(text)) {
        return Err(closed(client, format!("`{method}` was not sent: connection {id} is closed")).unsent());
    }
    let mut given_up = GivenUp(Some((client, waiting.id)));
    let answer = waiting.answer().await;
    given_up.0 = None;
    let unanswered = || format!("connection {id} closed before `{method}` was answered; the call may have run");
    Ok(answer.ok_or_else(|| closed(client, unanswered()).that_may_have_run())??)
}

/// A call that was sent. Dropped before its end, it is cancelled at the client.
struct GivenUp<'a>(Option<(&'a Connection, u64)>);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let Some((client, id)) = self.0 else { return };
        let params = serde_json::json!({ "id": id });
        let text = request_text("rpc.cancel", Some(&params), None).expect("a number in an object is JSON");
        client.outbox().push(Text::Own(text));
    }
}

/// The error of a call that the end of the connection leaves without an answer, with how it ended as far as is known.
fn closed(client: &Connection, message: String) -> Error {
    let error = Error::new(ErrorKind::Closed, message);
    match client.outbox().closing() {
        Some(close) => error.with_close(close),
        None => error,
    }
}
