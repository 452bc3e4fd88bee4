//! Handlers in all the ways that methods can be written, in a strict crate.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, clippy::pedantic)]

use conduit::{Call, Connection, Event, Method, Server, Service, on, rpc};

/// Somebody said something.
#[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema, Event)]
#[event("chat", crate = ::conduit)]
pub struct Chat {
    /// What was said.
    pub text: String,
}

/// Names of the user's and the expanded code's do not meet.
#[on("names")]
pub async fn names(call: &Call, client: &Connection, params: Chat) -> usize {
    let output = (call, client);
    let _ = output;
    params.text.len()
}

/// Patterns take a payload apart.
#[on("pattern", "tuple", timeout = "5s", public, deprecated)]
pub fn pattern(Chat { mut text }: Chat) -> String {
    text.push('!');
    text
}

/// No payload, two attributes, and another name for the crate.
#[on("one", crate = ::conduit)]
#[on("two")]
pub async fn r#match(server: &Server) {
    let _ = server;
}

mod inner {
    #[conduit::on("inner")]
    pub(crate) fn add((mut a, b): (i64, i64)) -> Result<i64, conduit::ErrorObject> {
        a += b;
        Ok(a)
    }
}

/// Is not there.
#[on("gone")]
#[cfg(any())]
pub async fn gone(data: Missing) {}

macro_rules! handlers {
    ($($name:ident $event:literal $payload:ty;)*) => {$(
        /// Handles it.
        #[on($event)]
        pub async fn $name(data: $payload) {
            drop(data);
        }
    )*};
}
handlers! {
    of_text "text" String;
    of_list "list" Vec<Chat>;
}

/// Handlers beside methods.
#[derive(Debug)]
pub struct Room(Vec<String>);

#[rpc(namespace = "room")]
impl Room {
    /// Handles an event.
    #[on("room_chat", public)]
    pub async fn chat(&self, data: Chat) -> bool {
        self.0.contains(&data.text)
    }

    /// Is called.
    pub async fn history(&self) -> Vec<String> {
        self.0.clone()
    }
}

/// Handlers alone, so there is nothing for a client to call.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Silent {
    /// What it is.
    pub text: String,
}

#[rpc]
impl Silent {
    #[on("silent")]
    fn take(&self, other: Self) -> Self {
        if other.text.is_empty() { self.clone() } else { other }
    }
}

fn main() {
    assert_eq!(Chat::NAME, "chat");
    assert_eq!(<r#match as Method>::META.events, ["one", "two"]);
    assert_eq!(<of_text as Method>::META.events, ["text"]);
    assert_eq!(conduit::methods![names, pattern, inner::add, of_list].len(), 4);
    assert_eq!(Room::METHODS[0].meta().events, ["room_chat"]);
    assert_eq!(Room::METHODS[1].meta().name, "room.history");
    assert_eq!(Silent::METHODS.len(), 1);
}
