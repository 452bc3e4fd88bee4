//! What an application does when its client's connection comes and goes.

use std::{fmt, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use super::{Client, Connect};
use crate::{
    close::Disconnected,
    hook_result::{Erased, HookResult, hook},
    panics::panic_text,
};

impl Connect {
    /// Runs when there is a connection, the first and each that follows, before the calls that wait are sent over it:
    /// to log in with `rpc.login`, or to join rooms again.
    ///
    /// The client that it is lent goes ahead of the others, whose messages wait until the hook has ended; so does that of a
    /// [method](Self::methods), or a handler with an ack, which the server calls meanwhile. What they send is for this
    /// connection alone. The hook is dropped when the connection falls before it has ended. Several run one after the
    /// other. A failure is logged; a login by `rpc.login` that is refused three times in a row ends the client.
    ///
    /// Handlers of events that are not answered are lent a client of the others: a hook must not wait for what they do.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # async fn example() -> conduit::Result<()> {
    /// let client = Client::connect("ws://127.0.0.1:8080")
    ///     .password("secret")
    ///     .on_connect(|client: Client| async move { client.call::<()>("room.join", ("red",)).await })
    ///     .on_disconnect(|end: conduit::Disconnected| async move { eprintln!("offline: {} {}", end.code, end.reason) })
    ///     .on_reconnect(|attempt: u32| async move { eprintln!("back after {attempt} attempts") })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn on_connect<F, Fut>(mut self, hook_fn: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.connect.push(hook(hook_fn));
        self
    }

    /// Runs when a connection has ended, whether another one follows or not, with the code and reason that
    /// [`Client::closed`] would tell. The hooks of the next connection wait for it; the attempts to make one do not. The
    /// end of the client waits for all that are left, for up to 5 seconds together: those that take longer go on after
    /// it. One that awaits [`Client::closed`] or [`Client::close`] holds the end up for these 5 seconds.
    pub fn on_disconnect<F, Fut>(mut self, hook_fn: F) -> Self
    where
        F: Fn(Disconnected) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.disconnect.push(hook(hook_fn));
        self
    }

    /// Runs when a connection has taken the place of one that was lost, after [`on_connect`](Self::on_connect), with the
    /// number of attempts that it took: 1 or more.
    pub fn on_reconnect<F, Fut>(mut self, hook_fn: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.reconnect.push(hook(hook_fn));
        self
    }
}

/// The hooks of a client, each kind in the order in which they were given.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) connect: Vec<Erased<Client>>,
    pub(super) disconnect: Vec<Erased<Disconnected>>,
    pub(super) reconnect: Vec<Erased<u32>>,
}

/// Runs hooks of one kind, one after the other. What goes wrong with one is logged, and the next runs.
pub(super) async fn run<T: Clone>(kind: &'static str, hooks: &[Erased<T>], of: &T) {
    for hook in hooks {
        // The closure is called in the future, so that its own panic is caught too.
        let running = AssertUnwindSafe(async { hook(of.clone()).await });
        match running.catch_unwind().await {
            Ok(None) => {}
            Ok(Some(failure)) => tracing::warn!(hook = kind, %failure, "a hook of the client failed"),
            Err(panic) => tracing::error!(hook = kind, panic = panic_text(&*panic), "a hook of the client panicked"),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("connect", &self.connect.len())
            .field("disconnect", &self.disconnect.len())
            .field("reconnect", &self.reconnect.len())
            .finish()
    }
}
