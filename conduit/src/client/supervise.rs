//! The task of a client: makes its connections, one after the other, and sees each through.

use std::{convert::Infallible, future::pending, sync::Arc};

use tokio::{sync::mpsc, task::JoinHandle, time::Instant};

use super::{
    WeakClient,
    backoff::Backoff,
    dial::{Dial, Refused},
    ending::Ending,
    hooks::{self, Hooks},
    incoming::Incoming,
    link::{Outgoing, Route, Shared},
    session::{self, Past, Queue},
};
use crate::{close::CloseCode, error::Error};

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

/// What is to be told of the connection that comes next.
#[derive(Default)]
struct News {
    /// How many attempts it took, if it is not the first.
    attempt: Option<u32>,
    /// The hooks of the one before.
    farewell: Option<JoinHandle<()>>,
}

impl<D: Dial> Task<D> {
    async fn run(mut self, first: D::Transport, number: u64, mut queue: Queue) {
        let (mut transport, mut connection, mut news) = (first, number, News::default());
        let mut course = self.course();
        loop {
            let start = Instant::now();
            let Past { ending, was_of_use } = self.serve(transport, connection, &mut queue, news, &course).await;
            tracing::debug!(%ending, "connection ended");
            let farewell = self.farewell(&ending);
            course.follow(&ending);
            if let Some((_, backoff)) = &mut self.again
                && (was_of_use || start.elapsed() >= backoff.longest())
            {
                backoff.reset();
            }
            let Some((next, attempt)) = self.reconnect(&ending).await else { return };
            news = News { attempt: Some(attempt), farewell };
            connection = self.shared.up(self.hooks.connect.is_empty());
            self.client.known.up(connection);
            transport = next;
        }
    }

    fn course(&self) -> Course {
        let logs_in = self.again.as_ref().is_some_and(|(dialer, _)| dialer.logs_in());
        Course { reconnects: self.again.is_some(), logs_in: logs_in || !self.hooks.connect.is_empty(), damaged: false }
    }

    /// Sees a connection through to its end.
    async fn serve(
        &self,
        transport: D::Transport,
        connection: u64,
        queue: &mut Queue,
        news: News,
        course: &Course,
    ) -> Past {
        if self.hooks.connect.is_empty() {
            queue.open(connection);
        }
        let incoming = Incoming::new(Arc::clone(&self.shared), self.outgoing.clone(), self.client.clone(), connection);
        let context = session::Context { shared: &self.shared, known: &self.client.known, connection, course };
        tokio::select! {
            past = session::run(transport, queue, incoming, context) => past,
            never = self.greet(news, connection) => match never {},
        }
    }

    /// Runs the hooks of a new connection. What is sent meanwhile waits for those that prepare it.
    async fn greet(&self, News { attempt, farewell }: News, connection: u64) -> Infallible {
        if let Some(farewell) = farewell {
            let _ = farewell.await;
        }
        if !self.hooks.connect.is_empty()
            && let Some(client) = self.client.upgrade()
        {
            hooks::run("on_connect", &self.hooks.connect, &client.going_ahead()).await;
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

    /// Runs the hooks of a connection that ended, beside what follows.
    fn farewell(&self, ending: &Ending) -> Option<JoinHandle<()>> {
        if self.hooks.disconnect.is_empty() {
            return None;
        }
        let (hooks, end) = (Arc::clone(&self.hooks), ending.disconnected());
        Some(tokio::spawn(async move { hooks::run("on_disconnect", &hooks.disconnect, &end).await }))
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
            match dialer.dial().await {
                Ok(transport) => return Ok((transport, attempt)),
                Err(Refused { error, is_final: true }) => {
                    return Err(Ending::GaveUp(format!(
                        "it was lost ({lost}), and the client can't come back: {error}"
                    )));
                }
                Err(Refused { error, is_final: false }) => failure = Some(error),
            }
        }
        let attempts = backoff.attempts();
        let why = failure.map_or_else(String::new, |error| format!(": {error}"));
        let gave_up =
            format!("it was lost ({lost}), and the client gave up after {attempts} attempts to reconnect{why}");
        Err(Ending::GaveUp(gave_up))
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
            Ending::ByUs | Ending::GaveUp(_) => false,
            Ending::Lost { .. } => true,
            Ending::ByServer(close) => match close.code().map(CloseCode::from) {
                None => true,
                Some(CloseCode::LOGIN_TIMEOUT) => self.logs_in,
                // It may have been damaged on its way; twice in a row, it was sent so.
                Some(code) if is_damage(code) => was_of_use || !self.damaged,
                Some(code) => code.is_worth_a_retry(),
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
