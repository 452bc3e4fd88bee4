//! Hooks: what an application does when its server starts and stops, and when clients come and go.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use crate::{
    close::Disconnected,
    connection::Connection,
    hook::{HookDescriptor, Moment, Occasion, Of},
    hook_result::Erased,
    metrics::Metrics,
    panics::panic_text,
    server::Server,
};

/// The hooks of a server, each kind in the order in which they were given.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) startup: Vec<Erased<Server>>,
    pub(crate) connect: Vec<Erased<Connection>>,
    pub(crate) disconnect: Vec<Erased<(Connection, Disconnected)>>,
    pub(crate) shutdown: Vec<Erased<Server>>,
}

impl Hooks {
    /// Adds a function with an attribute, behind those of its moment that are there.
    pub(crate) fn add(&mut self, hook: &HookDescriptor) {
        let run = hook.run;
        match hook.meta.moment {
            Moment::Startup => self.startup.push(Arc::new(move |server| run(Occasion(Of::Server(server))))),
            Moment::ClientConnect => self.connect.push(Arc::new(move |client| run(Occasion(Of::Coming(client))))),
            Moment::ClientDisconnect => {
                self.disconnect.push(Arc::new(move |(client, end)| run(Occasion(Of::Gone(client, end)))));
            }
            Moment::Shutdown => self.shutdown.push(Arc::new(move |server| run(Occasion(Of::Server(server))))),
        }
    }
}

/// How a hook failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It said so: the text is for whoever caused it, too.
    Said(String),
    /// It has a bug: the text is for the log alone.
    Panicked(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(text) => f.write_str(text),
            Self::Panicked(text) => write!(f, "panicked: {text}"),
        }
    }
}

/// Runs hooks in order up to the first that fails, and says how it failed.
pub(crate) async fn until_failure<T: Clone>(hooks: &[Erased<T>], of: &T) -> Result<(), Failure> {
    for hook in hooks {
        run(hook, of.clone()).await?;
    }
    Ok(())
}

/// Runs all hooks in order, whatever becomes of one.
pub(crate) async fn all<T: Clone>(kind: &'static str, hooks: &[Erased<T>], of: &T, metrics: &Metrics) {
    for hook in hooks {
        if let Err(failure) = run(hook, of.clone()).await {
            metrics.hook_failed(kind, &failure);
            tracing::error!(kind, "a hook failed: {failure}");
        }
    }
}

/// A panic is a failure of that hook alone.
pub(crate) async fn run<T>(hook: &Erased<T>, of: T) -> Result<(), Failure> {
    let caught = AssertUnwindSafe(async { hook(of).await }).catch_unwind().await;
    match caught.map_err(|panic: Box<dyn Any + Send>| Failure::Panicked(panic_text(&*panic).to_owned()))? {
        Some(text) => Err(Failure::Said(text)),
        None => Ok(()),
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("startup", &self.startup.len())
            .field("connect", &self.connect.len())
            .field("disconnect", &self.disconnect.len())
            .field("shutdown", &self.shutdown.len())
            .finish()
    }
}
