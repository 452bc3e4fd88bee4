//! A raw connection's way through a server: its session, and what is left to handle after it.

use std::sync::Arc;

use tracing::Instrument;

use super::{Connection, Inbox, Route};
use crate::{
    connection::{self, ConnectionId},
    identity::Identity,
    server::Server,
    session::{self, Handler, Socket},
};

impl Server {
    /// Serves the socket of a raw route until it ends and all that its peer sent is handled.
    pub(crate) async fn accept_raw<S: Socket>(
        self,
        route: &Route,
        peer: connection::Connection,
        identity: Identity,
        socket: Box<S>,
    ) {
        let span = tracing::info_span!("connection", id = %peer.id(), peer = ?peer.peer_addr(), route = route.path);
        let tracker = self.0.sessions.clone();
        tracker.track_future(self.serve_raw(route, peer, identity, socket)).instrument(span).await;
    }

    async fn serve_raw<S: Socket>(
        self,
        route: &Route,
        peer: connection::Connection,
        identity: Identity,
        socket: Box<S>,
    ) {
        tracing::debug!("connected");
        self.0.raw_hub.add(peer.clone());
        let mut open = self.0.metrics.open();
        let _leaves = LeaveOnDrop(&self, peer.id());
        self.catch_up(&peer);
        peer.begin_login();
        peer.enter(identity);
        peer.go_live();
        let connection = Connection::new(peer.clone());
        let inbox = Inbox::new(connection.clone(), Arc::clone(&route.handler), self.0.terms.kill.clone());
        let handler = Handler::Raw(Arc::new(inbox));
        let close = session::serve(peer.clone(), socket, handler, Arc::clone(&self.0.terms)).await;
        open.closes_with(close.code, peer.outbox().is_slow());
        tracing::debug!(%close, "disconnected");
        connection.set_end(close);
        // The connection keeps its place until then, so that who comes back at once can't pile up work.
        session::all_answered(&peer).await;
        peer.leave_stage();
    }
}

/// Takes a connection out of the table however its session ends.
struct LeaveOnDrop<'a>(&'a Server, ConnectionId);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.0.0.raw_hub.remove(self.1);
    }
}
