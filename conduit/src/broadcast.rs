//! One event to many connections, written once.

use std::collections::HashSet;

use bytes::Bytes;

use crate::{
    connection::{Connection, ConnectionId},
    error::Result,
    hub::Hub,
};

/// An event on its way to many connections. Made by [`Server::broadcast`](crate::Server::broadcast), sent by [`send`](Self::send).
///
/// It reaches every connection that is logged in and that the connect hooks have let in, or those of a room, or those
/// that are included by number; of these, not the excluded ones. A hook that puts its client in a room lets it hear the
/// room from then on.
#[must_use = "nothing is sent until `send()` is called"]
#[derive(Debug)]
pub struct Broadcast<'a> {
    hub: &'a Hub,
    text: Result<Bytes>,
    rooms: Vec<&'a str>,
    include: Option<HashSet<ConnectionId>>,
    exclude: HashSet<ConnectionId>,
}

impl<'a> Broadcast<'a> {
    pub(crate) fn new(hub: &'a Hub, text: Result<Bytes>) -> Self {
        Self { hub, text, rooms: Vec::new(), include: None, exclude: HashSet::new() }
    }

    /// Reaches the members of this room; given several times, of any of the rooms, each member once.
    pub fn room(mut self, room: &'a str) -> Self {
        self.rooms.push(room);
        self
    }

    /// Reaches only these connections.
    pub fn include(mut self, connections: impl IntoIterator<Item = ConnectionId>) -> Self {
        self.include.get_or_insert_default().extend(connections);
        self
    }

    /// Leaves these connections out.
    pub fn exclude(mut self, connections: impl IntoIterator<Item = ConnectionId>) -> Self {
        self.exclude.extend(connections);
        self
    }

    /// Queues the event and says for how many connections. Never waits: a connection that reads too slowly is
    /// dealt with when its own queue is full.
    ///
    /// A payload that can't be written as JSON is logged and reaches nobody.
    pub fn send(self) -> usize {
        let text = match &self.text {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "a broadcast can't be sent");
                return 0;
            }
        };
        self.receivers().into_iter().filter(|connection| connection.push_event(text.clone())).count()
    }

    fn receivers(&self) -> Vec<Connection> {
        let hub = self.hub;
        let mut receivers = match (&self.rooms[..], &self.include) {
            ([], Some(include)) => return self.wanted(include.iter().filter_map(|&id| hub.get(id))),
            ([], None) => hub.all(),
            (rooms, _) => rooms.iter().flat_map(|room| hub.members(room)).collect(),
        };
        if self.rooms.len() > 1 {
            receivers.sort_unstable_by_key(Connection::id);
            receivers.dedup_by_key(|connection| connection.id());
        }
        self.wanted(receivers.into_iter())
    }

    fn wanted(&self, connections: impl Iterator<Item = Connection>) -> Vec<Connection> {
        // To be among all asks for nobody's leave, so that it is for those alone whom no hook can refuse any more.
        let is_for_all = self.rooms.is_empty() && self.include.is_none();
        let receives = |connection: &Connection| connection.is_live() || (!is_for_all && connection.is_logged_in());
        let included = |id| self.include.as_ref().is_none_or(|include| include.contains(&id));
        connections
            .filter(receives)
            .filter(|connection| included(connection.id()) && !self.exclude.contains(&connection.id()))
            .collect()
    }
}
