//! What a hook returns, and a hook whatever it returns.

use std::{fmt, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};

/// What a hook, or the handler of a raw route, may return: nothing, or a `Result` whose error is shown as text.
#[diagnostic::on_unimplemented(
    message = "a hook or the handler of a raw route can't return `{Self}`",
    note = "return nothing (end the last line with `;`), or `Result<(), E>` whose error implements `Display`"
)]
pub trait HookResult {
    /// The failure, as a text.
    fn failure(self) -> Option<String>;
}

impl HookResult for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: fmt::Display> HookResult for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// A hook with its types erased: its output is the text of its failure, if it failed.
pub(crate) type Erased<T> = Arc<dyn Fn(T) -> BoxFuture<'static, Option<String>> + Send + Sync>;

pub(crate) fn hook<T, F, Fut>(function: F) -> Erased<T>
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HookResult> + Send + 'static,
{
    Arc::new(move |of| {
        let run = function(of);
        async move { run.await.failure() }.boxed()
    })
}
