//! The parser by itself, and what must hold for any text that it reads.
//!
//! `protocol` knows serde and itoa and nothing else, so it is taken in without the rest of conduit: the target builds in
//! seconds, and the fuzzer's coverage is the parser's alone.

// What `check.rs` calls conduit, here as in the tests.
extern crate self as conduit;

mod check;
#[allow(dead_code, unused_imports, reason = "the rest of conduit uses what is not used here")]
#[path = "../../conduit/src/protocol/mod.rs"]
pub mod protocol;

pub use check::check_parse;
