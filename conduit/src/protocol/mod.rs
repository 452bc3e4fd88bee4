//! JSON-RPC 2.0 as types: what a message is, how it is read and written.
//!
//! Everything here follows <https://www.jsonrpc.org/specification>. It knows serde and itoa and nothing else: no
//! runtime, no socket, no method table.
//!
//! | file | noun of the specification |
//! |---|---|
//! | `id.rs` | the `id` member |
//! | `request.rs` | Request object and Notification |
//! | `response.rs` | Response object |
//! | `error.rs` | Error object and its codes |
//! | `parse.rs` | one incoming text: a message, a batch, or what is wrong with it |
//! | `scan.rs` | the requests that nearly all texts hold, in one pass |

mod depth;
mod error;
mod id;
mod parse;
mod request;
mod response;
mod scan;

pub use error::{ErrorCode, ErrorObject, Fault};
pub use id::Id;
pub use parse::{Incoming, Invalid, Limits, Message, parse, parse_within};
pub(crate) use request::timed_request_text;
pub use request::{Request, request_text};
pub(crate) use response::{BatchText, string_result_text};
pub use response::{Response, batch_text, error_text, result_text};
