//! What a server runs at the turns of its life and of its connections'.

use super::ServerBuilder;
use crate::{
    close::Disconnected,
    connection::Connection,
    hook::HookDescriptor,
    hook_result::{HookResult, hook},
    server::Server,
};

impl ServerBuilder {
    /// Runs when the server is bound and knows its address, before it takes connections. A failure aborts the
    /// start.
    ///
    /// A server that is nested by its router runs it before its first request. There a failure refuses the requests that
    /// wait for it with status 503, and the next one tries again, from the hook that failed on: those before it have run.
    /// A client that goes away does not cut a hook short.
    pub fn on_startup<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Server) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.startup.push(hook(function));
        self
    }

    /// Runs when a client has logged in, before its first call is served. A failure refuses the client: its
    /// connection closes with 4003 and the failure's text, after a panic with 1011 and none; calls that still run have a
    /// quarter of a second to end.
    ///
    /// What the hook sends arrives; what it asks by [`Connection::call`] is not answered before it has ended. A broadcast
    /// to all passes the client over until then; one to a room that the hook put it in, or to its number, does not.
    ///
    /// Calls by HTTP `POST` have no connection, and so no hook: whoever must not call at all is for the
    /// [login](Self::login) to refuse.
    pub fn on_client_connect<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Connection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.connect.push(hook(function));
        self
    }

    /// Runs once for each client that all connect hooks let in, when its connection has ended, whatever ended it.
    /// The client is in its rooms until it has run.
    ///
    /// It does not run for a client that was refused. Where several connect hooks are given and a later one refuses, what
    /// those before it took, such as a name, is theirs to give back: keep it in
    /// [`set_data`](Connection::set_data) as a value that gives it back when it is dropped, or let the hook that may
    /// refuse come first.
    pub fn on_client_disconnect<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Connection, Disconnected) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.disconnect.push(hook(move |(client, end)| function(client, end)));
        self
    }

    /// Runs when the server stops, while clients are still there: what it broadcasts reaches them.
    pub fn on_shutdown<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Server) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookResult> + Send + 'static,
    {
        self.hooks.shutdown.push(hook(function));
        self
    }

    /// Adds hooks that are functions by hand: `.hooks(conduit::hooks![migrate, welcome])`.
    ///
    /// [`#[on_startup]`](macro@crate::on_startup) and its like make a function a hook. They and closures run in the
    /// order in which they were given. One that is given twice runs once.
    pub fn hooks(mut self, hooks: impl IntoIterator<Item = HookDescriptor>) -> Self {
        for hook in hooks {
            self.add_hook(hook);
        }
        self
    }

    pub(super) fn add_hook(&mut self, hook: HookDescriptor) {
        if !self.hook_functions.iter().any(|other| other.is_same(&hook)) {
            self.hooks.add(&hook);
            self.hook_functions.push(hook);
        }
    }
}
