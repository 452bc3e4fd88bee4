//! The command line, as its users drive it: the program against real servers.

mod call;
mod connection;
mod describe;
mod docs;
mod events;
mod help;
mod list;
mod serve;
mod support;
