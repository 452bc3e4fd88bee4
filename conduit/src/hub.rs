//! The connections of a server: who is there, and in which rooms.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::connection::{Connection, ConnectionId};

/// Connections by number, and rooms by name.
///
/// The lock is held while a table is changed or a list is copied, never while anything is sent or awaited.
#[derive(Debug, Default)]
pub(crate) struct Hub(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    connections: HashMap<ConnectionId, Connection>,
    rooms: HashMap<Box<str>, HashSet<ConnectionId>>,
    /// The rooms of a connection, so that leaving them all does not look at every room there is.
    joined: HashMap<ConnectionId, BTreeSet<Box<str>>>,
}

impl Hub {
    pub(crate) fn add(&self, connection: Connection) {
        self.write().connections.insert(connection.id(), connection);
    }

    /// Takes a connection out, and out of all of its rooms; says whether it was there.
    pub(crate) fn remove(&self, id: ConnectionId) -> bool {
        let mut tables = self.write();
        for room in tables.joined.remove(&id).unwrap_or_default() {
            tables.leave(&room, id);
        }
        let connection = tables.connections.remove(&id);
        drop(tables);
        connection.is_some()
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<Connection> {
        self.read().connections.get(&id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Connection> {
        self.read().connections.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.read().connections.len()
    }

    /// Says whether the connection is there, and was not in the room before.
    pub(crate) fn join(&self, id: ConnectionId, room: &str) -> bool {
        let mut tables = self.write();
        if !tables.connections.contains_key(&id) {
            return false;
        }
        tables.joined.entry(id).or_default().insert(room.into());
        match tables.rooms.get_mut(room) {
            Some(members) => members.insert(id),
            None => tables.rooms.insert(room.into(), HashSet::from([id])).is_none(),
        }
    }

    /// Says whether the connection was in the room.
    pub(crate) fn leave(&self, id: ConnectionId, room: &str) -> bool {
        let mut tables = self.write();
        let left = tables.leave(room, id);
        if let Some(joined) = tables.joined.get_mut(&id) {
            joined.remove(room);
            if joined.is_empty() {
                tables.joined.remove(&id);
            }
        }
        left
    }

    pub(crate) fn rooms_of(&self, id: ConnectionId) -> Vec<String> {
        let tables = self.read();
        tables.joined.get(&id).into_iter().flatten().map(|room| room.to_string()).collect()
    }

    pub(crate) fn members(&self, room: &str) -> Vec<Connection> {
        let tables = self.read();
        let members = tables.rooms.get(room).into_iter().flatten();
        members.filter_map(|id| tables.connections.get(id).cloned()).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // No code that can panic runs under the lock.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// A room that nobody is in is gone: names of rooms come from peers, and must not pile up.
    fn leave(&mut self, room: &str, id: ConnectionId) -> bool {
        let Some(members) = self.rooms.get_mut(room) else { return false };
        let left = members.remove(&id);
        if members.is_empty() {
            self.rooms.remove(room);
        }
        left
    }
}
