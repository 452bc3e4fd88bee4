//! jsonrpsee. Its login would be a layer of the application's own, so it goes without.

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use jsonrpsee::{
    core::SubscriptionResult,
    server::{BatchRequestConfig, PendingSubscriptionSink, RpcModule, Server, ServerConfig},
    types::ErrorObjectOwned,
};
use serde_json::value::{RawValue, to_raw_value};
use tokio::{
    net::TcpListener,
    sync::broadcast::{self, Sender},
};

use super::{Add, CreateUser, Emit, MAX_CONNECTIONS, MAX_MESSAGE, SLOW, announce, event};

/// More events than any work sends at once.
const CHANNEL: usize = 4096;

pub(super) async fn serve(listener: TcpListener, begun: Instant) -> Result<()> {
    let config = ServerConfig::builder()
        .max_connections(MAX_CONNECTIONS as u32)
        .max_request_body_size(MAX_MESSAGE as u32)
        .max_response_body_size(MAX_MESSAGE as u32)
        .set_batch_request_config(BatchRequestConfig::Unlimited)
        .set_message_buffer_capacity(CHANNEL as u32)
        .build();
    let server = Server::builder().set_config(config).build_from_tcp(listener.into_std()?)?;
    let port = server.local_addr()?.port();
    let handle = server.start(methods()?);
    announce(port, begun);
    handle.stopped().await;
    Ok(())
}

fn methods() -> Result<RpcModule<Sender<Arc<RawValue>>>> {
    let mut module = RpcModule::new(broadcast::channel(CHANNEL).0);
    module.register_method("add", |params, _, _| {
        let Add { a, b } = params.parse()?;
        Ok::<_, ErrorObjectOwned>(a + b)
    })?;
    module.register_method("echo", |params, _, _| {
        #[derive(serde::Deserialize)]
        struct Echo {
            text: String,
        }
        params.parse::<Echo>().map(|echo| echo.text)
    })?;
    module.register_method("create_user_unchecked", |params, _, _| {
        params.parse::<CreateUser>().map(|user| user.letters())
    })?;
    module.register_async_method("slow", |_, _, _| async {
        tokio::time::sleep(SLOW).await;
        true
    })?;
    module.register_method("emit", |params, events, _| {
        let Emit { count, bytes } = params.parse()?;
        let payload: Arc<RawValue> = to_raw_value(&event(bytes)).expect("a string is JSON").into();
        Ok::<_, ErrorObjectOwned>((0..count).filter_map(|_| events.send(Arc::clone(&payload)).ok()).sum::<usize>())
    })?;
    module.register_subscription("subscribe", "tick", "unsubscribe", |_, pending, events, _| {
        forward(pending, events.subscribe())
    })?;
    Ok(module)
}

async fn forward(
    pending: PendingSubscriptionSink,
    mut events: broadcast::Receiver<Arc<RawValue>>,
) -> SubscriptionResult {
    let sink = pending.accept().await?;
    while let Ok(event) = events.recv().await {
        sink.send((*event).to_owned()).await?;
    }
    Ok(())
}
