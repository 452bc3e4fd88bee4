//! What was said, in SQLite.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use crate::room::Said;

/// A database of messages. Its calls block, so what uses it is a sync function.
pub struct History(Mutex<Connection>);

impl History {
    /// The database in this file, which is made if it is not there.
    pub fn open(file: &str) -> rusqlite::Result<Self> {
        Self::prepare(Connection::open(file)?)
    }

    /// A database that goes with the program.
    pub fn in_memory() -> rusqlite::Result<Self> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS messages (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                room TEXT NOT NULL,
                name TEXT NOT NULL,
                text TEXT NOT NULL,
                at INTEGER NOT NULL
            );
            CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room, id)",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    /// The history, for one thread at a time.
    pub fn lock(&self) -> Locked<'_> {
        // A panic within a statement leaves SQLite as it was before it.
        Locked(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A history that nobody else can touch.
pub struct Locked<'a>(MutexGuard<'a, Connection>);

impl Locked<'_> {
    /// Keeps what somebody said.
    pub fn add(&self, room: String, name: String, text: String) -> rusqlite::Result<Said> {
        let sql = "INSERT INTO messages (room, name, text, at) VALUES (?, ?, ?, unixepoch()) RETURNING id, at";
        let (id, at) = self.0.query_row(sql, params![room, name, text], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Said { id, room, name, text, at })
    }

    /// The last messages of a room, the oldest first.
    pub fn last(&self, room: &str, count: u32) -> rusqlite::Result<Vec<Said>> {
        let sql = "SELECT * FROM (SELECT * FROM messages WHERE room = ? ORDER BY id DESC LIMIT ?) ORDER BY id";
        let mut statement = self.0.prepare_cached(sql)?;
        let messages = statement.query_map(params![room, count], |row| {
            Ok(Said {
                id: row.get("id")?,
                room: row.get("room")?,
                name: row.get("name")?,
                text: row.get("text")?,
                at: row.get("at")?,
            })
        })?;
        messages.collect()
    }
}
