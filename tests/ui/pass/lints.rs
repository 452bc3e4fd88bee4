//! Expanded code passes what a strict crate asks of its own.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, clippy::pedantic)]

use conduit::{Call, Connection, RpcError, Server, rpc};

/// Add two numbers.
#[rpc]
pub async fn add(a: i64, b: i64) -> i64 {
    a + b
}

mod inner {
    #[conduit::rpc(name = "inner.add", timeout = "1m 30s", public)]
    pub(crate) fn add(mut a: i64, #[arg(default = 5)] b: i64) -> i64 {
        a += b;
        a
    }
}

/// Borrows everything there is.
#[rpc]
pub async fn all(client: &Connection, server: &Server, call: &Call, text: &String) -> usize {
    let _ = (client, server, call);
    text.len()
}

/// Old.
#[rpc]
#[deprecated = "call add"]
pub async fn old() {}

/// Of the old kind.
#[deprecated]
pub type Old = u8;

/// Takes what it allows itself to take.
#[rpc]
#[allow(deprecated)]
pub async fn allows(old: Old) -> Old {
    old
}

/// Takes what it expects to be told of.
#[rpc]
#[expect(deprecated)]
pub async fn expects(old: Old) -> Old {
    old
}

/// A counter.
#[derive(Debug)]
pub struct Counter(u64);

#[rpc(namespace = "counter")]
impl Counter {
    /// The count.
    pub async fn count(&self) -> u64 {
        self.0
    }
}

/// What can go wrong.
#[derive(Debug, thiserror::Error, RpcError)]
pub enum CountError {
    /// Too many.
    #[error("{n} is too many")]
    #[rpc(code = 413)]
    TooMany {
        /// How many.
        n: u64,
    },
    /// Not to be seen.
    #[error("broken")]
    #[rpc(internal)]
    Broken(#[from] std::io::Error),
}

fn main() {}
