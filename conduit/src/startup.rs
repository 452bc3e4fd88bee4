//! What a server does once, before it serves: its metrics and its startup hooks.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tracing::Instrument;

use crate::{
    error::{Error, ErrorKind, Result},
    hook_result::{self, Failure},
    server::Server,
};

/// How far a server's start is.
#[derive(Default)]
pub(crate) struct Startup {
    /// The hooks that have succeeded, which never run again.
    done: AtomicUsize,
    /// The latest attempt, which everybody who waits for the start shares.
    attempt: Mutex<Option<Attempt>>,
}

type Attempt = Shared<BoxFuture<'static, Result<()>>>;

impl Server {
    /// Waits until the server has started, which the first call begins.
    ///
    /// # Errors
    /// The failure of the first hook that failed. The next call tries again, from that hook on.
    ///
    /// # Cancel safety
    /// Dropping the future does not cut a hook short.
    pub(crate) async fn start_up(&self) -> Result<()> {
        let attempt = self.attempt();
        attempt.await
    }

    fn attempt(&self) -> Attempt {
        // No code that can panic runs under the lock.
        let mut latest = self.0.startup.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = latest.as_ref().filter(|attempt| attempt.peek().is_none_or(Result::is_ok)) {
            return attempt.clone();
        }
        let server = self.clone();
        let starting = async move {
            tokio::select! {
                outcome = server.run_startup() => outcome,
                () = server.0.terms.kill.cancelled() => Err(cut_off()),
            }
        };
        // In a task of its own: a request that began it may go away, and a hook is not to stop halfway.
        let task = self.0.sessions.spawn(starting.in_current_span());
        let attempt = async { task.await.unwrap_or_else(|_| Err(cut_off())) }.boxed().shared();
        latest.insert(attempt).clone()
    }

    async fn run_startup(&self) -> Result<()> {
        self.start_metrics().await?;
        let done = &self.0.startup.done;
        for hook in self.0.hooks.startup.iter().skip(done.load(Ordering::Acquire)) {
            hook_result::run(hook, self.clone()).await.map_err(|failure| self.startup_failed(&failure))?;
            done.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }

    fn startup_failed(&self, failure: &Failure) -> Error {
        self.0.metrics.hook_failed("startup", failure);
        Error::new(ErrorKind::Startup, format!("a startup hook failed: {failure}"))
    }

    /// The endpoint comes first: it installs the recorder that everything else counts into.
    async fn start_metrics(&self) -> Result<()> {
        #[cfg(feature = "prometheus")]
        if let Some(address) = &self.0.config.prometheus {
            self.0.endpoint.get_or_try_init(|| crate::transport::prometheus::Endpoint::start(address)).await?;
        }
        self.0.metrics.start();
        self.0.dispatcher.registry.start_metrics();
        Ok(())
    }
}

fn cut_off() -> Error {
    Error::new(ErrorKind::Startup, "the server was stopped before it had started")
}
