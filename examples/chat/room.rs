//! What a client can do in a room, and what a room tells its members.

use conduit::{Connection, Event, RpcError, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::History;

/// How much of what was said before a newcomer reads.
const HISTORY: u32 = 20;
/// In how many rooms a client can be.
const MAX_ROOMS: usize = 10;

/// A client says something in a room.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("say")]
pub struct Say {
    pub room: String,
    #[schemars(length(min = 1, max = 500))]
    pub text: String,
}

/// Something was said in a room.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("said")]
pub struct Said {
    /// Rises from message to message.
    pub id: i64,
    pub room: String,
    pub name: String,
    pub text: String,
    /// When it was said, in seconds since 1970.
    pub at: i64,
}

/// Somebody came into a room.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("joined")]
pub struct Joined {
    pub room: String,
    pub name: String,
}

/// Somebody left a room, or is gone.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("left")]
pub struct Left {
    pub room: String,
    pub name: String,
}

#[derive(Debug, thiserror::Error, RpcError)]
pub enum ChatError {
    #[error("you are not in the room `{room}`")]
    #[rpc(code = 403)]
    NotThere { room: String },
    #[error("you are in the room `{room}` already, or have no connection that lasts")]
    #[rpc(code = 409)]
    CannotJoin { room: String },
    #[error("nobody can be in more than {limit} rooms")]
    #[rpc(code = 429)]
    TooManyRooms { limit: usize },
    /// What went wrong with the database is for the log, not for the caller.
    #[error("the database failed")]
    #[rpc(internal)]
    Database(#[from] rusqlite::Error),
}

/// Enter a room: what was said there last arrives as events, and the answer is who is there.
#[rpc(name = "room.join")]
pub fn join(
    client: &Connection,
    history: &History,
    #[schemars(length(min = 1, max = 30))] room: String,
) -> Result<Vec<String>, ChatError> {
    if client.rooms().len() >= MAX_ROOMS {
        return Err(ChatError::TooManyRooms { limit: MAX_ROOMS });
    }
    // While the history is locked nothing is said, so the newcomer misses nothing and reads nothing twice.
    let history = history.lock();
    let last = history.last(&room, HISTORY)?;
    if !client.join(&room) {
        return Err(ChatError::CannotJoin { room });
    }
    for said in last {
        client.send_event(&said);
    }
    drop(history);
    let joined = Joined { room, name: name(client).to_owned() };
    client.server().broadcast_event(&joined).room(&joined.room).exclude([client.id()]).send();
    Ok(members(client, &joined.room))
}

/// Leave a room.
#[rpc(name = "room.leave")]
pub async fn leave(client: &Connection, room: String) -> Result<(), ChatError> {
    if !client.leave(&room) {
        return Err(ChatError::NotThere { room });
    }
    tell_left(client, room);
    Ok(())
}

/// Who is here? Only members may ask, and only who asks is told.
#[rpc(name = "room.here")]
pub async fn here(client: &Connection, room: String) -> Result<Vec<String>, ChatError> {
    if !is_in(client, &room) {
        return Err(ChatError::NotThere { room });
    }
    Ok(members(client, &room))
}

/// Say something to the others in a room; answered with the number of the message.
#[on("say")]
pub fn say(client: &Connection, history: &History, data: Say) -> Result<i64, ChatError> {
    let Say { room, text } = data;
    if !is_in(client, &room) {
        return Err(ChatError::NotThere { room });
    }
    // Sent while the history is locked, so that everybody reads messages in the order of their numbers.
    let history = history.lock();
    let said = history.add(room, name(client).to_owned(), text)?;
    client.server().broadcast_event(&said).room(&said.room).exclude([client.id()]).send();
    Ok(said.id)
}

/// Tells the rooms of a client that it is gone.
pub fn leave_all(client: &Connection) {
    for room in client.rooms() {
        tell_left(client, room);
    }
}

/// The name that a client logged in with.
pub fn name(client: &Connection) -> &str {
    client.identity().map_or("", |identity| identity.name())
}

fn tell_left(client: &Connection, room: String) {
    let left = Left { room, name: name(client).to_owned() };
    client.server().broadcast_event(&left).room(&left.room).exclude([client.id()]).send();
}

fn is_in(client: &Connection, room: &str) -> bool {
    client.rooms().iter().any(|joined| joined == room)
}

fn members(client: &Connection, room: &str) -> Vec<String> {
    let members = client.server().members(room);
    let mut names: Vec<String> =
        members.iter().filter(|member| member.is_logged_in()).map(|member| name(member).to_owned()).collect();
    names.sort();
    names
}
