//! For the tests of programs: a client of a server in the same program, without a port.
//!
//! The two talk over a pipe in memory. All else is as over a socket: login, hooks, limits, heartbeat, events, and calls
//! either way. With no socket to wait for, a test may [pause](https://docs.rs/tokio/latest/tokio/time/fn.pause.html) tokio's clock (its feature
//! `test-util`): timeouts and heartbeats then pass at once, and in order.
//!
//! ```
//! use std::time::Duration;
//!
//! use conduit::{ErrorKind, Server, methods, rpc, testing};
//!
//! /// Add two numbers.
//! #[rpc]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! /// Takes an hour.
//! #[rpc]
//! async fn think() -> u8 {
//!     tokio::time::sleep(Duration::from_secs(3600)).await;
//!     42
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> conduit::Result<()> {
//! // In a test: `#[tokio::test(start_paused = true)]`.
//! tokio::time::pause();
//!
//! let server = Server::builder().explicit().methods(methods![add, think]).password("secret").build()?;
//! let client = testing::connect(&server).password("secret").await?;
//! assert_eq!(add::call(&client, 2, 3).await?, 5);
//!
//! let error = think::call(&client).timeout(Duration::from_secs(60)).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Timeout); // at once, though a minute has passed
//! # Ok(()) }
//! ```

use std::io;

use crate::{
    Connect, Server,
    client::{ByteStream, Pipe},
    transport,
};

/// How many bytes are on their way at most, in each direction, as in the buffers of a socket.
const BUFFER: usize = 64 * 1024;

/// A connection to `server` over a pipe in memory; await it to connect, in the runtime of the test.
///
/// It takes what [`Client::connect`](crate::Client::connect) takes: a password, handlers, methods. The server need not
/// be started: its startup hooks run before the first connection, as they do behind a
/// [router](crate::Server::router). One that is started is reached as well. [`Server::stop`] stops either.
///
/// What has to do with sockets does not hold: there is no TLS and no DNS, and the
/// [address](crate::Connection::peer_addr) of each client is `127.0.0.1:0`.
pub fn connect(server: &Server) -> Connect {
    let server = server.clone();
    Connect::over(Pipe::new(move || {
        if server.is_closing() {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the server has stopped"));
        }
        let (here, there) = tokio::io::duplex(BUFFER);
        transport::serve_stream(&server, there);
        Ok(Box::new(here) as Box<dyn ByteStream>)
    }))
}
