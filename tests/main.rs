//! What conduit promises, each promise in a file, over real sockets.

mod any_bytes;
mod arguments;
mod batch;
mod calls;
mod client;
mod discovery;
mod envelope;
mod events;
mod examples;
mod hooks;
mod hostile;
mod http;
mod interop;
mod lifecycle;
mod limits;
mod login;
mod on;
mod ordered;
mod parser_corpus;
mod patience;
mod registration;
mod rooms;
mod service;
mod serving;
mod spec;
mod support;
