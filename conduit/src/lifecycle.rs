//! Hooks: what an application does when its server starts and stops, and when clients come and go.

use std::{fmt, sync::Arc};

use crate::{
    close::Disconnected,
    connection::Connection,
    hook::{HookDescriptor, Moment, Occasion, Of},
    hook_result::{Erased, Failure, run},
    metrics::Metrics,
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
