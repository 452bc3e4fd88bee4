//! What a hook returns, a hook whatever it returns, and how it can fail.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};

use crate::panics::panic_text;

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

/// Runs a hook. A panic is a failure of that hook alone.
pub(crate) async fn run<T>(hook: &Erased<T>, of: T) -> Result<(), Failure> {
    let caught = AssertUnwindSafe(async { hook(of).await }).catch_unwind().await;
    match caught.map_err(|panic: Box<dyn Any + Send>| Failure::Panicked(panic_text(&*panic).to_owned()))? {
        Some(text) => Err(Failure::Said(text)),
        None => Ok(()),
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
