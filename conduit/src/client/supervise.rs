//! The task of a client: makes its connections, one after the other, and sees each through.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::Instant};

use super::{
    WeakClient,
    backoff::Backoff,
    dial::Dial,
    ending::Ending,
    hooks::{self, Hooks},
    incoming::Incoming,
    link::{Outgoing, Route, Shared},
    session::{self, Past, Queue},
};
use crate::{close::CloseCode, error::Error};

/// How long the end of a client waits for the hooks that are left, all together.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client does beside its calls.
pub(super) struct Plan<D> {
    /// How to connect anew, if it does.
    pub(super) again: Option<(D, Backoff)>,
    pub(super) hooks: Hooks,
}

/// Starts the task over the first connection. What may not wait for a hook is open when this returns.
pub(super) fn start<D: Dial>(
    transport: D::Transport,
    plan: Plan<D>,
    queue: mpsc::UnboundedReceiver<Outgoing>,
    shared: Arc<Shared>,
    outgoing: mpsc::WeakUnboundedSender<Outgoing>,
    client: WeakClient,
) {
    let Plan { again, hooks } = plan;
    let connection = shared.up(hooks.connect.is_empty());
    client.known.up(connection);
    let task = Task { shared, outgoing, client, hooks: Arc::new(hooks), again };
    tokio::spawn(task.run(transport, connection, Queue::new(queue)));
}

struct Task<D> {
    shared: Arc<Shared>,
    outgoing: mpsc::WeakUnboundedSender<Outgoing>,
    client: WeakClient,
    hooks: Arc<Hooks>,
    again: Option<(D, Backoff)>,
}

/// Ends the calls, also when the runtime drops the task before it has run.
impl<D> Drop for Task<D> {
    fn drop(&mut self) {
        self.shared.end(&Ending::lost("the runtime of the connection shut down"));
        self.shared.ended.cancel();
    }
}

/// The hooks of the connections that ended, the last of them behind all others.
#[derive(Default)]
struct Farewell(Option<JoinHandle<()>>);

impl Farewell {
    /// Runs the hooks of a connection that ended, after those before it and beside what follows.
    fn follow(&mut self, hooks: &Arc<Hooks>, ending: &Ending) {
        if hooks.disconnect.is_empty() {
            return;
        }
        let (mut before, hooks, end) = (std::mem::take(self), Arc::clone(hooks), ending.disconnected());
        self.0 = Some(tokio::spawn(async move {
            before.done().await;
            hooks::run("on_disconnect", &hooks.disconnect, &end).await;
        }));
    }

    /// Waits until all have run. Cancel safe.
    async fn done(&mut self) {
        if let Some(running) = &mut self.0 {
            let _ = running.await;
            self.0 = None;
        }
    }
}

impl<D: Dial> Task<D> {
    async fn run(mut self, first: D::Transport, number: u64, mut queue: Queue) {
        let (mut transport, mut connection, mut attempt) = (first, number, None);
        let (mut course, mut farewell) = (self.course(), Farewell::default());
        loop {
            let start = Instant::now();
            let session = self.session(transport, connection, &mut queue, &course);
            let Past { ending, was_of_use } = tokio::select! {
                past = session => past,
                never = self.greet(attempt, connection, &mut farewell) => match never {},
            };
            tracing::debug!(%ending, "connection ended");
            farewell.follow(&self.hooks, &ending);
            course.follow(&ending);
            if let Some((_, backoff)) = &mut self.again
                && (was_of_use || start.elapsed() >= backoff.longest())
            {
                backoff.reset();
            }
            let Some((next, attempts)) = self.reconnect(&ending).await else { break };
            (transport, attempt) = (next, Some(attempts));
            connection = self.shared.up(self.hooks.connect.is_empty());
            self.client.known.up(connection);
        }
        // Whoever closes the client finds them done, unless they take too long, or one waits for the end itself.
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, farewell.done()).await;
    }

    fn course(&self) -> Course {
        let logs_in = self.again.as_ref().is_some_and(|(dialer, _)| dialer.logs_in());
        Course { reconnects: self.again.is_some(), logs_in: logs_in || !self.hooks.connect.is_empty(), damaged: false }
    }

    /// Sees a connection through to its end.
    async fn session(&self, transport: D::Transport, connection: u64, queue: &mut Queue, course: &Course) -> Past {
        if self.hooks.connect.is_empty() {
            queue.open(connection);
        }
        let incoming = Incoming::new(Arc::clone(&self.shared), self.outgoing.clone(), self.client.clone(), connection);
        let context = session::Context { shared: &self.shared, known: &self.client.known, connection, course };
        session::run(transport, queue, incoming, context).await
    }

    /// Runs the hooks of a new connection, which took so many attempts if it is not the first. What is sent meanwhile
    /// waits for those that prepare it.
    async fn greet(&self, attempt: Option<u32>, connection: u64, farewell: &mut Farewell) -> Infallible {
        farewell.done().await;
        if !self.hooks.connect.is_empty()
            && let Some(client) = self.client.upgrade()
        {
            hooks::run("on_connect", &self.hooks.connect, &client.going_ahead(connection)).await;
        }
        if let Some(outgoing) = self.outgoing.upgrade() {
            let _ = outgoing.send(Outgoing { text: String::new(), route: Route::Opened, connection, slot: None });
        }
        self.shared.open();
        if let Some(attempt) = attempt {
            tracing::info!(attempt, "reconnected");
            let described = async {
                if let Some(client) = self.client.upgrade() {
                    client.discover_again().await;
                }
            };
            tokio::join!(described, hooks::run("on_reconnect", &self.hooks.reconnect, &attempt));
        }
        pending().await
    }

    /// Makes the next connection; beside it, how many attempts that took. `None` when there is none any more.
    async fn reconnect(&mut self, lost: &Ending) -> Option<(D::Transport, u32)> {
        let closing = self.shared.closing.clone();
        let gave_up = tokio::select! {
            biased;
            () = closing.cancelled() => return None,
            next = self.attempts(lost) => match next {
                Ok(next) => return Some(next),
                Err(gave_up) => gave_up,
            },
        };
        self.shared.end(&gave_up);
        None
    }

    async fn attempts(&mut self, lost: &Ending) -> Result<(D::Transport, u32), Ending> {
        let Some((dialer, backoff)) = &mut self.again else { return Err(lost.clone()) };
        let mut failure: Option<Error> = None;
        while backoff.may_go_on() {
            let wait = backoff.wait();
            match &failure {
                None => tracing::info!(ending = %lost, ?wait, "the connection is lost; the client reconnects"),
                Some(error) => tracing::warn!(%error, ?wait, "can't reconnect; the next attempt follows"),
            }
            tokio::time::sleep(wait).await;
            let attempt = backoff.attempt();
            let refused = match dialer.dial().await {
                Ok(transport) => {
                    backoff.accept();
                    return Ok((transport, attempt));
                }
                Err(refused) => refused,
            };
            let (is_last, error) = (refused.is_last(backoff), refused.error);
            if is_last {
                let why = format!("it was lost ({lost}), and the client can't come back: {error}");
                return Err(Ending::GaveUp { why, failure: Some(error) });
            }
            let lost = Box::new(lost.clone());
            self.shared.pending.not_back(Ending::NotBack { lost, attempt, failure: error.clone() });
            failure = Some(error);
        }
        let attempts = backoff.attempts();
        let last = failure.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        let why = format!("it was lost ({lost}), and the client gave up after {attempts} attempts to reconnect{last}");
        Err(Ending::GaveUp { why, failure })
    }
}

/// Which endings are followed by another connection.
pub(super) struct Course {
    reconnects: bool,
    /// It logs in by itself, or in a hook: so it may do so in time the next time.
    logs_in: bool,
    /// The last connection ended by a frame that made no sense to the server.
    damaged: bool,
}

impl Course {
    /// Whether a connection that ended so is the last one.
    pub(super) fn ends_with(&self, ending: &Ending, was_of_use: bool) -> bool {
        let comes_back = match ending {
            Ending::ByUs | Ending::GaveUp { .. } => false,
            Ending::Lost { .. } | Ending::NotBack { .. } => true,
            Ending::ByServer(close) => match close.code {
                CloseCode::LOGIN_TIMEOUT => self.logs_in,
                // It may have been damaged on its way; twice in a row, it was sent so.
                code if is_damage(code) => was_of_use || !self.damaged,
                code => code.is_worth_a_retry(),
            },
        };
        !(self.reconnects && comes_back)
    }

    fn follow(&mut self, ending: &Ending) {
        self.damaged = matches!(ending, Ending::ByServer(_)) && ending.code().is_some_and(is_damage);
    }
}

fn is_damage(code: CloseCode) -> bool {
    matches!(code, CloseCode::PROTOCOL_ERROR | CloseCode::INVALID_PAYLOAD)
}
