//! The command line, as its users drive it: the program against real servers.

mod bench;
mod call;
mod connection;
mod describe;
mod docs;
mod events;
mod generate;
mod help;
mod list;
mod repl;
mod serve;
mod support;
mod terminal;
