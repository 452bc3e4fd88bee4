//! From an OpenRPC document to Rust for conduit's client: a module per method, types for what travels, an enum for the
//! errors of each method, and the events that conduit's own documents list.
//!
//! `conduit::import!` expands to [`tokens`]; `conduit generate rust` prints [`source`]. Both make the same items.
//!
//! | file | what it does |
//! |---|---|
//! | `references.rs` | every `$ref` leads somewhere, or is an error that names its place |
//! | `document.rs` | the parts of OpenRPC that matter here, read and checked |
//! | `schema/` | JSON Schema to types |
//! | `api.rs`, `modules.rs`, `names.rs` | what is made, where it stands, and what it is called |
//! | `model.rs` | types, fields and variants, between the two halves |
//! | `emit/` | the model as Rust; cannot fail |
//!
//! Types are made here and not by a general generator such as typify, which was tried on the same documents: it reads
//! drafts up to 7, so that tuples of 2020-12 come out empty; it panics on `not`, and on `if` beside `type`; and its types
//! lack the `JsonSchema` of the schemars that conduit is built on.

mod api;
mod docs;
mod document;
mod emit;
mod error;
mod model;
mod modules;
mod names;
mod references;
mod schema;
#[cfg(feature = "source")]
mod source;
#[cfg(all(test, feature = "source"))]
mod tests;

use proc_macro2::TokenStream;

pub use error::Error;

/// The items that an OpenRPC document makes, for a macro: all paths are absolute and lead through `krate`, which is
/// where the conduit crate is.
///
/// # Errors
/// What is no JSON, no OpenRPC 1.x, or refers to what is not in the document; each with its place.
pub fn tokens(document: &str, krate: &syn::Path) -> Result<TokenStream, Error> {
    let api = api::Api::read(document)?;
    Ok(emit::items(&api, &emit::Names::of_macro(krate)))
}

/// The same as the text of a file, formatted. It needs the crates `conduit`, `serde`, `serde_json` and `schemars`.
///
/// ```
/// let document = r#"{
///     "openrpc": "1.3.2",
///     "info": { "title": "Sums", "version": "1.0.0" },
///     "methods": [{
///         "name": "add",
///         "params": [{ "name": "a", "required": true, "schema": { "type": "integer" } }],
///         "result": { "name": "sum", "schema": { "type": "integer" } }
///     }]
/// }"#;
/// let source = conduit_codegen::source(document)?;
/// assert!(source.contains("pub fn call<C: ::conduit::Caller<Output>>(client: &C, a: i64) -> C::Call {"));
/// # Ok::<(), conduit_codegen::Error>(())
/// ```
///
/// # Errors
/// As [`tokens`].
#[cfg(feature = "source")]
pub fn source(document: &str) -> Result<String, Error> {
    let api = api::Api::read(document)?;
    Ok(source::file(&api, emit::items(&api, &emit::Names::of_source())))
}
