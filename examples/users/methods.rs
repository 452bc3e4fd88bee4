//! The methods: plain functions over the store.

use conduit::{RpcError, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::{Rename, Store};

/// A user of the directory.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The number of the user, given when it is created.
    pub id: u64,
    pub username: String,
    pub email: String,
    pub age: u8,
    pub active: bool,
    pub role: Role,
    pub nickname: Option<String>,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    Member,
    Admin,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Page {
    /// The last user of the page before.
    #[serde(default)]
    pub after: u64,
    /// The most users that the page may hold.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u16,
}

fn default_limit() -> u16 {
    100
}

#[derive(Debug, thiserror::Error, RpcError)]
pub enum UserError {
    #[error("user {id} not found")]
    #[rpc(code = 404)]
    NotFound { id: u64 },
    #[error("the name `{username}` is taken")]
    #[rpc(code = 409)]
    NameTaken { username: String },
    /// What went wrong with the database is for the log, not for the caller.
    #[error("the database failed")]
    #[rpc(internal)]
    Database(#[from] rusqlite::Error),
}

/// Create a user.
#[rpc(name = "user.create")]
pub fn create(
    store: &Store,
    /// The name to log in with.
    #[schemars(length(min = 3, max = 30))]
    username: String,
    #[schemars(email)] email: String,
    #[schemars(range(max = 150))] age: u8,
    #[arg(default = true)] active: bool,
    #[serde(default)] role: Role,
    nickname: Option<String>,
) -> Result<User, UserError> {
    let mut user = User { id: 0, username, email, age, active, role, nickname };
    match store.insert(&user)? {
        Some(id) => user.id = id,
        None => return Err(UserError::NameTaken { username: user.username }),
    }
    Ok(user)
}

/// Look a user up.
#[rpc(name = "user.get")]
pub fn find(store: &Store, id: u64) -> Result<User, UserError> {
    store.find(id)?.ok_or(UserError::NotFound { id })
}

/// List users by id, a page at a time.
#[rpc(name = "user.list")]
pub fn list(store: &Store, #[arg(flatten)] page: Page) -> Result<Vec<User>, UserError> {
    Ok(store.list(page.after, page.limit)?)
}

/// Give a user another name.
#[rpc(name = "user.rename")]
pub fn rename(
    store: &Store,
    id: u64,
    #[schemars(length(min = 3, max = 30))] username: String,
) -> Result<User, UserError> {
    match store.rename(id, &username)? {
        Rename::Done => store.find(id)?.ok_or(UserError::NotFound { id }),
        Rename::NotFound => Err(UserError::NotFound { id }),
        Rename::Taken => Err(UserError::NameTaken { username }),
    }
}

/// Delete a user.
#[rpc(name = "user.delete")]
pub fn delete(store: &Store, id: u64) -> Result<(), UserError> {
    if store.delete(id)? { Ok(()) } else { Err(UserError::NotFound { id }) }
}
