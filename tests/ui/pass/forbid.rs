//! A lint that is forbidden can't be allowed by expanded code either, so it does not try.
#![forbid(unsafe_code, missing_docs, unreachable_pub, missing_debug_implementations, dead_code, non_snake_case)]

use conduit::{Connection, RpcError, rpc};

/// Add two numbers.
#[rpc(timeout = "5s")]
pub async fn add(a: i64, #[arg(default = 2)] b: i64) -> i64 {
    a + b
}

/// A counter.
#[derive(Debug)]
pub struct Counter(u64);

#[rpc(namespace = "counter")]
impl Counter {
    /// The count.
    pub fn count(&self, client: &Connection, text: String) -> Result<u64, CountError> {
        if client.id().to_string() == text { Err(CountError::TooMany { n: 1 }) } else { Ok(self.0) }
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
}

fn main() {}
