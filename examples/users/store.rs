//! The users in SQLite.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::methods::{Role, User};

/// A database of users. Its calls block, so the methods that use it are sync functions.
pub struct Store(Mutex<Connection>);

impl Store {
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
            "CREATE TABLE IF NOT EXISTS users (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                username TEXT NOT NULL UNIQUE,
                email TEXT NOT NULL,
                age INTEGER NOT NULL,
                active INTEGER NOT NULL,
                role TEXT NOT NULL,
                nickname TEXT
            )",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Adds a user and gives its id; `None` when the name is taken.
    pub fn insert(&self, user: &User) -> rusqlite::Result<Option<u64>> {
        let connection = self.lock();
        let inserted = connection.execute(
            "INSERT INTO users (username, email, age, active, role, nickname) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (username) DO NOTHING",
            params![user.username, user.email, user.age, user.active, user.role.as_str(), user.nickname],
        )?;
        Ok((inserted == 1).then(|| connection.last_insert_rowid().cast_unsigned()))
    }

    /// The user with this id.
    pub fn find(&self, id: u64) -> rusqlite::Result<Option<User>> {
        self.lock().query_row("SELECT * FROM users WHERE id = ?", [id.cast_signed()], user).optional()
    }

    /// At most `limit` users, by id, from the one behind `after` on.
    pub fn list(&self, after: u64, limit: u16) -> rusqlite::Result<Vec<User>> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT * FROM users WHERE id > ? ORDER BY id LIMIT ?")?;
        let users = statement.query_map(params![after.cast_signed(), limit], user)?;
        users.collect()
    }

    /// Says whether there was such a user, and the name was free.
    pub fn rename(&self, id: u64, username: &str) -> rusqlite::Result<Rename> {
        let connection = self.lock();
        match connection.execute("UPDATE users SET username = ? WHERE id = ?", params![username, id.cast_signed()]) {
            Ok(0) => Ok(Rename::NotFound),
            Ok(_) => Ok(Rename::Done),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Ok(Rename::Taken)
            }
            Err(error) => Err(error),
        }
    }

    /// Says whether there was such a user.
    pub fn delete(&self, id: u64) -> rusqlite::Result<bool> {
        Ok(self.lock().execute("DELETE FROM users WHERE id = ?", [id.cast_signed()])? == 1)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic within a statement leaves SQLite as it was before it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a new name.
pub enum Rename {
    Done,
    NotFound,
    Taken,
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get::<_, i64>("id")?.cast_unsigned(),
        username: row.get("username")?,
        email: row.get("email")?,
        age: row.get("age")?,
        active: row.get("active")?,
        role: if row.get::<_, String>("role")? == "admin" { Role::Admin } else { Role::Member },
        nickname: row.get("nickname")?,
    })
}
