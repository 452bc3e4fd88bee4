//! An argument that no Rust client sends need not be `Serialize`, a result that none reads not `Deserialize`.

use conduit::{Service, rpc};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct NewUser {
    name: String,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct User {
    name: String,
}

#[rpc]
async fn create(user: NewUser, others: Vec<NewUser>) -> User {
    let _ = others;
    User { name: user.name }
}

#[rpc]
async fn flat(#[arg(flatten)] user: NewUser) -> User {
    User { name: user.name }
}

struct Users;

#[rpc]
impl Users {
    async fn create(&self, user: NewUser) -> Result<User, conduit::ErrorObject> {
        Ok(User { name: user.name })
    }
}

/// No serde at all, but its attributes say how.
struct Opaque(u8);

mod opaque {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &super::Opaque, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(value.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<super::Opaque, D::Error> {
        u8::deserialize(deserializer).map(super::Opaque)
    }
}

#[rpc]
async fn other(#[serde(with = "opaque")] #[schemars(with = "u8")] value: Opaque) -> u8 {
    value.0
}

#[derive(Debug, thiserror::Error, conduit::RpcError)]
#[error("odd")]
#[rpc(code = 1)]
struct Odd {
    #[serde(with = "wrapped")]
    #[schemars(with = "u8")]
    value: Wrapped,
}

#[derive(Debug)]
struct Wrapped(u8);

mod wrapped {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &super::Wrapped, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(value.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<super::Wrapped, D::Error> {
        u8::deserialize(deserializer).map(super::Wrapped)
    }
}

fn main() {
    assert_eq!(conduit::methods![create, flat, other].len() + Users::METHODS.len(), 4);
    let _ = Odd { value: Wrapped(1) };
}
