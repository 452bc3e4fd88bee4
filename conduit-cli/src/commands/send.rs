//! `conduit send`: one event.

use std::{
    future::ready,
    sync::{Arc, Mutex, PoisonError},
};

use conduit::{ErrorKind, EventFailed};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

use crate::{
    args::Send,
    arguments::Arguments,
    failure::Result,
    output::Output,
    session::{Login, Session},
};

pub(crate) async fn run(args: Send, output: Output) -> Result {
    let failed = Failed::default();
    let session = Session::open_with(&args.server, Login::Optional, |connect| {
        let failed = failed.clone();
        connect.on_error(move |event: EventFailed| {
            failed.set(event);
            ready(())
        })
    })
    .await?;
    session.check_name(&args.event, "event")?;
    let arguments = Arguments::read_payload(&args.event, &args.payload, session.api.payload(&args.event))?;
    match args.no_ack {
        true => send(&session, &args.event, arguments, &failed).await?,
        false => output.raw(&acknowledged(&session, &args.event, arguments).await?)?,
    }
    session.close().await;
    Ok(())
}

/// Sends an event and waits for what its handler returns.
pub(crate) async fn acknowledged(session: &Session, event: &str, arguments: Arguments) -> Result<Box<RawValue>> {
    let arguments = Arguments { params: arguments.params.map(in_params), ..arguments };
    session.call(event, &arguments).await
}

/// A payload that is neither an object nor an array travels as the only item of an array.
fn in_params(payload: Box<RawValue>) -> Box<RawValue> {
    match payload.get().starts_with(['{', '[']) {
        true => payload,
        false => to_raw_value(&[payload]).expect("JSON in an array is JSON"),
    }
}

/// Sends an event that is not answered, and waits until the server has read it.
async fn send(session: &Session, event: &str, arguments: Arguments, failed: &Failed) -> Result {
    let arguments = Arguments { params: arguments.params.map(in_params), ..arguments };
    session.check(event, &arguments)?;
    let sent = match &arguments.params {
        Some(payload) => session.client.notify(event, payload).await,
        None => session.client.notify(event, ()).await,
    };
    sent.map_err(|error| session.explain(event, error, &arguments))?;
    // Messages are read in order: an answer to any call says that the event before it was read.
    match session.client.call::<Box<RawValue>>("rpc.cancel", json!({ "id": 0 })).await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Rpc => {}
        Err(error) => return Err(error.into()),
    }
    match failed.take() {
        Some(failed) => Err(session.explain(event, failed.error.into(), &arguments)),
        None => Ok(()),
    }
}

/// What the server said of an event that it could not handle.
#[derive(Clone, Default)]
struct Failed(Arc<Mutex<Option<EventFailed>>>);

impl Failed {
    fn set(&self, failed: EventFailed) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    }

    fn take(&self) -> Option<EventFailed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
