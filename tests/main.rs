//! What conduit promises, each promise in a file, over real sockets.

mod any_bytes;
mod arguments;
mod batch;
mod calls;
mod client;
mod discovery;
mod envelope;
mod examples;
mod http;
mod interop;
mod login;
mod registration;
mod service;
mod serving;
mod spec;
mod support;
