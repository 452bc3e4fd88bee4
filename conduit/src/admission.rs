//! A connection's way through a server: a place, a login, hooks, its session, hooks again.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tracing::{Instrument, Span};

use crate::{
    capacity::{COME_BACK_AFTER, Seat},
    close::{CloseCode, Disconnected},
    connection::{Connection, ConnectionId},
    dispatch::Reply,
    handshake::Handshake,
    hook_result::Failure,
    identity::{Credentials, Identity, Refusal, check_version},
    lifecycle,
    metrics::Cause,
    protocol::ErrorCode,
    rate::Rates,
    server::Server,
    session::{self, Handler, Socket, shutting_down},
};

impl Server {
    /// Looks at credentials: who presents them, or why they are refused.
    ///
    /// A failure takes its time, and an address that fails too often is refused unheard for a while. Dropping the
    /// future ends the try; it counts as none.
    pub(crate) async fn authenticate(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        if let Some(needed) = &self.0.config.minimum_version {
            check_version(needed, credentials.version.as_deref())
                .inspect_err(|_| self.0.metrics.refused(Cause::Version))?;
        }
        let address = credentials.peer_addr.map(|address| address.ip());
        let admitted = self.0.throttle.admit(address).await;
        let attempt = admitted.inspect_err(|_| self.0.metrics.refused(Cause::Throttled))?;
        match self.0.auth.identify(self, credentials).await {
            Ok(identity) => Ok(identity),
            // Of credentials that could not be looked at nobody knows whether they are wrong.
            Err(refusal) if refusal.code != ErrorCode::Unauthorized => Err(refusal),
            Err(refusal) => {
                self.0.metrics.refused(Cause::BadToken);
                attempt.failed().await;
                Err(refusal)
            }
        }
    }

    /// Logs a connection in whose login was begun, and runs its hooks.
    ///
    /// # Errors
    /// Why it is not let in: a hook refused it, or the server can't take it now. The connection closes then.
    pub(crate) async fn welcome(&self, connection: &Connection, identity: Identity) -> Result<(), Refusal> {
        if !connection.take_place() {
            let reason = format!("the server is full: it holds {} connections", self.0.config.max_connections);
            self.0.metrics.refused(Cause::Full);
            connection.refuse(CloseCode::TRY_AGAIN_LATER, &reason);
            return Err(Refusal::for_now(reason, COME_BACK_AFTER));
        }
        // A call over HTTP comes and goes without being a client.
        let is_client = self.0.hub.get(connection.id()).is_some();
        if self.0.hooks.connect.is_empty() || !is_client {
            connection.enter(identity);
            connection.go_live();
            return Ok(());
        }
        let (server, connection) = (self.clone(), connection.clone());
        // In a task of its own: a peer that goes away in the middle does not cut the hooks short.
        let hooks = async move {
            let hooks = server.run_connect_hooks(&connection, identity);
            server.unless_killed(hooks).await.unwrap_or_else(|| Err(Refusal::shutting_down()))
        };
        let hooks = self.0.sessions.spawn(hooks.in_current_span());
        hooks.await.unwrap_or_else(|_| Err(Refusal::shutting_down()))
    }

    async fn run_connect_hooks(&self, connection: &Connection, identity: Identity) -> Result<(), Refusal> {
        let _in_turn = connection.hooks().lock().await;
        if !connection.enter(identity) {
            return Err(Refusal::unheard("the connection is gone"));
        }
        match lifecycle::until_failure(&self.0.hooks.connect, connection).await {
            Ok(()) => connection.go_live(),
            Err(failure) => {
                self.0.metrics.connect_refused(&failure);
                let (code, refusal) = match failure {
                    Failure::Said(reason) => (CloseCode::REFUSED, Refusal::from(reason)),
                    Failure::Panicked(text) => {
                        tracing::error!("a connect hook panicked: {text}");
                        (CloseCode::INTERNAL_ERROR, Refusal::unheard("the server failed"))
                    }
                };
                connection.refuse(code, &refusal.reason);
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// A place for one connection more, if one is free.
    pub(crate) fn seat(&self, logged_in: bool) -> Option<Seat> {
        let seat = self.0.capacity.seat(logged_in);
        if seat.is_none() {
            self.0.metrics.refused(if logged_in { Cause::Full } else { Cause::StrangersFull });
        }
        seat
    }

    /// A connection that holds a place, to be served when its socket is there.
    pub(crate) fn newcomer(&self, handshake: Handshake, seat: Seat) -> Connection {
        self.make_connection(handshake, Some(seat), Rates::new(&self.0.config))
    }

    /// Serves a socket until it ends; `identity` is who its upgrade logged in.
    pub(crate) async fn accept<S: Socket>(self, connection: Connection, identity: Option<Identity>, socket: Box<S>) {
        let span = span(&connection);
        let tracker = self.0.sessions.clone();
        tracker.track_future(self.serve(connection, identity, socket)).instrument(span).await;
    }

    /// What only the beginning and the end of a connection need is in boxes, so that an idle one does not hold it.
    async fn serve<S: Socket>(self, connection: Connection, identity: Option<Identity>, socket: Box<S>) {
        tracing::debug!("connected");
        self.0.hub.add(connection.clone());
        let mut open = self.0.metrics.open();
        let _leaves = LeaveOnDrop(&self, connection.id());
        self.catch_up(&connection);
        let logging_in = identity.filter(|_| connection.begin_login());
        let welcome = Box::pin(async {
            if let Some(identity) = logging_in
                && let Err(refusal) = self.welcome(&connection, identity).await
            {
                tracing::debug!(reason = refusal.reason, "refused");
            }
        });
        let (handler, terms) = (Handler::JsonRpc(Arc::clone(&self.0.dispatcher)), Arc::clone(&self.0.terms));
        let session = session::serve(connection.clone(), socket, handler, terms);
        // Side by side, so that what a hook sends goes out while it runs. What the peer sends waits for the hooks.
        let (close, ()) = tokio::join!(session, welcome);
        open.closes_with(close.code, connection.outbox().is_slow());
        tracing::debug!(%close, "disconnected");
        Box::pin(self.unless_killed(self.run_disconnect_hooks(&connection, close))).await;
        // A connect hook that is later than these lets nobody in any more.
        connection.leave_stage();
    }

    /// Tells a connection that came while the server stops.
    pub(crate) fn catch_up(&self, connection: &Connection) {
        if self.0.shutdown.is_cancelled() {
            connection.drain();
        }
        if self.0.terms.kill.is_cancelled() {
            connection.outbox().close(shutting_down());
        }
    }

    /// Has every connection end as soon as it owes nothing.
    pub(crate) fn drain(&self) {
        // Before the connections are told: one that comes meanwhile sees it by itself.
        self.0.shutdown.cancel();
        self.everybody().for_each(|connection| connection.drain());
    }

    /// Has every connection end now.
    pub(crate) fn kill(&self) {
        self.0.terms.kill.cancel();
        self.everybody().for_each(|connection| connection.outbox().close(shutting_down()));
    }

    fn everybody(&self) -> impl Iterator<Item = Connection> {
        self.0.hub.all().into_iter().chain(self.0.raw_hub.all())
    }

    async fn run_disconnect_hooks(&self, connection: &Connection, end: Disconnected) {
        let _in_turn = connection.hooks().lock().await;
        if connection.leave_stage() {
            lifecycle::all("disconnect", &self.0.hooks.disconnect, &(connection.clone(), end), &self.0.metrics).await;
        }
    }

    /// Gives hooks that still run when the server can't wait any longer a last second; `None` when it was not enough.
    async fn unless_killed<T>(&self, hooks: impl Future<Output = T>) -> Option<T> {
        const LAST: Duration = Duration::from_secs(1);
        tokio::select! {
            done = hooks => Some(done),
            () = async { self.0.terms.kill.cancelled().await; tokio::time::sleep(LAST).await } => {
                tracing::warn!("a hook was cut off by the shutdown deadline");
                None
            }
        }
    }

    /// Answers one text of a peer that has no lasting connection.
    pub(crate) async fn call_once(
        &self,
        handshake: Handshake,
        identity: Option<Identity>,
        text: &str,
    ) -> Option<String> {
        let address = handshake.peer_addr.map(|address| address.ip());
        let rates = self.0.http_rates.of(address, &self.0.config);
        let connection = self.make_connection(handshake, None, rates);
        // There is nothing to send events or calls over.
        connection.outbox().seal();
        if let Some(identity) = identity {
            connection.begin_login();
            connection.enter(identity);
            connection.go_live();
        }
        let peer = Arc::new(connection);
        let _gone = CancelOnDrop(&peer);
        let answer = async {
            match self.0.dispatcher.dispatch(text, &peer) {
                Reply::None => None,
                Reply::Ready(answer) => Some(answer),
                Reply::Pending(pending) => pending.finish().await.0,
            }
        };
        let answer = answer.instrument(span(&peer)).await;
        self.0.metrics.over_http(text, answer.as_deref());
        answer
    }

    fn make_connection(&self, handshake: Handshake, seat: Option<Seat>, rates: Option<Arc<Rates>>) -> Connection {
        let id = ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed));
        Connection::new(id, handshake, seat, rates, Arc::new(self.clone()), &self.0.config)
    }
}

fn span(connection: &Connection) -> Span {
    tracing::info_span!("connection", id = %connection.id(), peer = ?connection.peer_addr())
}

/// Takes a connection out of the tables however its session ends.
struct LeaveOnDrop<'a>(&'a Server, ConnectionId);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.0.hub().remove(self.1);
    }
}

/// Cancels what an HTTP request started when its client goes away before the answer.
struct CancelOnDrop<'a>(&'a Connection);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel_all();
    }
}
