//! The settings of a server that are limits, times and ways of its connections.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use super::ServerBuilder;
use crate::config::SlowClients;

impl ServerBuilder {
    /// How much of the server's time a stranger gets; 30 s by default, 1 ms at least. A connection that has not logged in by then is
    /// closed with 4001.
    ///
    /// The same time is for each thing that comes before: a TLS handshake, and the head of a request from the moment
    /// the connection is made, or has read the answer before; and a login by a header. So an HTTP connection that is
    /// kept and not used ends after it too. A caller over HTTP that is not logged in has it for the whole body of a request, or reads status 408.
    pub fn auth_timeout(mut self, timeout: Duration) -> Self {
        self.config.auth_timeout = timeout;
        self
    }

    /// The most logins that may fail within a minute from one address (of IPv6: one network of 64 bits); 10 by default,
    /// 0 for any number. Whoever tries again is refused unheard, with status 429 or error -32007, until the oldest
    /// of these failures is a minute old.
    ///
    /// As many logins of an address are looked at at a time; others wait for one to end, and are let in where it
    /// succeeds. The answer to a failed login takes 100 ms in any case.
    ///
    /// Clients behind a proxy, or behind one NAT, have one address: there one of them can keep the others out, so set it
    /// higher, or to 0 where the proxy itself limits logins.
    pub fn max_failed_logins(mut self, logins: u32) -> Self {
        self.config.max_failed_logins = logins;
        self
    }

    /// The most connections that may be logged in at a time; 1000 by default. One more is refused with HTTP status
    /// 503 and `Retry-After`, or closed with 1013 when it logs in by call. HTTP requests that log in are no
    /// connections.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.config.max_connections = connections;
        self
    }

    /// The most connections that may be there without having logged in; 100 by default, apart from
    /// [`max_connections`](Self::max_connections). One more is refused with HTTP status 503 and `Retry-After`.
    ///
    /// A request over HTTP that logs nobody in counts as one of them, from before its body is read until it is answered.
    pub fn max_unauthenticated(mut self, connections: usize) -> Self {
        self.config.max_unauthenticated = connections;
        self
    }

    /// The most sockets on which no request runs: those that are new, in the middle of a handshake or of the head of a
    /// request, or kept for another request over HTTP; 4096 by default. One more ends the one that has been so for longest.
    ///
    /// A WebSocket is none of them once it is one. A server that is nested by its [router](crate::Server::router) has no sockets
    /// of its own.
    pub fn max_idle_sockets(mut self, sockets: usize) -> Self {
        self.config.max_idle_sockets = sockets;
        self
    }

    /// The most bytes that are read from a connection at a time; 64 KiB by default, 512 at the least, 16 MiB at most. The
    /// buffer is one of each thread: an idle connection holds none.
    pub fn buffer_size(mut self, bytes: usize) -> Self {
        self.config.buffer_size = bytes;
        self
    }

    /// Lets pages of these origins (`"https://app.example.org"`, or `"*"` for all) call the server from browsers.
    /// Without it, only pages of the server's own host and of this machine may; others are refused with HTTP status
    /// 403. Programs that are no browsers send no origin. An origin is scheme, host and, where there is one, port, without
    /// a slash at the end; pages without one send `"null"`, in some web views `"file://"`.
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.config.allowed_origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Has the server speak TLS, with the certificate and the key in these files, both PEM: `wss://` and `https://` in
    /// place of `ws://` and `http://`. The certificate's file holds the server's own certificate first, then those that
    /// lead to its root. [`build`](Self::build) reads both; a new certificate takes a new server.
    ///
    /// The settings are `tls_certificate` and `tls_key`. They need conduit's cargo feature `tls`, and have no effect
    /// on a server that is nested by its [router](crate::Server::router), where the connections are the application's.
    ///
    /// ```no_run
    /// # async fn run() -> conduit::Result<()> {
    /// conduit::Server::builder().port(443).tls("server.pem", "server.key").build()?.run().await
    /// # }
    /// ```
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.config.tls_certificate = Some(certificate.into());
        self.config.tls_key = Some(key.into());
        self
    }

    /// How often a connection is pinged; 30 s by default, 1 ms at least.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.config.heartbeat_interval = interval;
        self
    }

    /// How long a peer may send not a single byte, not even in answer to pings; 90 s by default, longer than
    /// `heartbeat_interval` in any case. One that is silent
    /// for longer is closed with 4004. A method that takes long is no silence: the peer's side answers pings.
    ///
    /// Over HTTP it is the time between two pieces of a body, after which the caller reads status 408, and between two
    /// pieces of an answer that the caller takes, after which the connection ends.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.config.heartbeat_timeout = timeout;
        self
    }

    /// The largest message in bytes, both ways; 16 MiB by default, 64 bytes at least. A larger one of a client closes the connection with
    /// 1009, and is answered with 413 over HTTP. A call whose answer would be larger is answered with error -32008; in a
    /// batch the answers count together. An event, or a message of a
    /// [raw](crate::raw) connection, that would be larger is not sent.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config.max_message_size = bytes;
        self
    }

    /// The most requests that a batch may hold; 1000 by default. A larger one is answered with one error.
    pub fn max_batch(mut self, requests: usize) -> Self {
        self.config.max_batch = requests;
        self
    }

    /// How deep arrays and objects may lie inside one another, the request's own and that of a batch among them; 128 by
    /// default, which is the most, 2 at least. A message that is nested deeper is answered with -32600.
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.config.max_depth = depth;
        self
    }

    /// The most calls that may run at a time on a connection; 1024 by default. One more is answered with an
    /// error at once, and so is one with whose params those of the calls that run would be over `max_queue_bytes`.
    /// Over HTTP it counts for each request by itself: how many requests there are at a time is limited
    /// for strangers alone, by [`max_unauthenticated`](Self::max_unauthenticated).
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.config.max_in_flight = calls;
        self
    }

    /// How many messages a connection may send per second, and at once; without limit by default, 1,000,000,000 at most. A batch counts as
    /// many as it holds. What is over it is not looked at and answered with error -32007, whose `data.retry_after_ms` says
    /// when to try again. On a [raw](crate::raw) connection, where nothing could say so, it closes with 1008.
    ///
    /// Over HTTP, where each request is a connection of its own, it counts by the address that requests come from (of
    /// IPv6: the network of 64 bits), so clients behind one proxy share it there. An address that is not known, of a server
    /// nested without connect info, is not limited.
    pub fn max_messages_per_second(mut self, messages: u32) -> Self {
        self.config.max_messages_per_second = self.rate("max_messages_per_second", messages);
        self
    }

    /// How many bytes of messages a connection may send per second; without limit by default, 1,000,000,000 at most. At
    /// once it may send as many, or one message of `max_message_size` where that is larger. What is over it is answered
    /// as in [`max_messages_per_second`](Self::max_messages_per_second).
    pub fn max_bytes_per_second(mut self, bytes: u32) -> Self {
        self.config.max_bytes_per_second = self.rate("max_bytes_per_second", bytes);
        self
    }

    fn rate(&mut self, setting: &str, rate: u32) -> Option<NonZeroU32> {
        let rate = NonZeroU32::new(rate);
        if rate.is_none() {
            self.faults.push(format!("`{setting}` is 0: it must be at least 1; leave it out for no limit"));
        }
        rate
    }

    /// What becomes of a client that reads so slowly that its queue is full; [disconnected](SlowClients::Disconnect) by
    /// default.
    pub fn slow_clients(mut self, policy: SlowClients) -> Self {
        self.config.slow_clients = policy;
        self
    }

    /// The most bytes that may wait to be sent to a connection, and the most that the params of its running calls may
    /// have; 64 MiB by default, 1 at least. Each message that waits counts for some bytes more than it has.
    ///
    /// A message that nothing waits before is taken whatever its size, and so are the params of a call that runs alone: of
    /// one connection at most this or one message (of [`max_message_size`](Self::max_message_size) at most) waits,
    /// whichever is more. Below `max_message_size`, a client that reads as it should may still find the queue full.
    ///
    /// A client that reads so slowly that more would wait is dealt with as [`slow_clients`](Self::slow_clients) says.
    /// While more than half of it waits, the client is not read from; one that takes not a byte of that for
    /// `heartbeat_timeout` is disconnected with 4002.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.config.max_queue_bytes = bytes;
        self
    }

    /// How long a call may take whose method names no time of its own; without limit by default, 1 ms at least.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.config.call_timeout = Some(timeout);
        self
    }

    /// Serves what the server [counts](crate::metrics) for Prometheus, at `http://ADDRESS/metrics`; not by default.
    ///
    /// The address is one of its own, such as `"127.0.0.1:9000"`, so that clients of the service don't see it; there is
    /// no login at it. It is served from the start of the server to its end, of a server that is nested by its router
    /// from its first request to [`Server::stop`](crate::Server::stop).
    ///
    /// It takes conduit's feature `prometheus`, and installs the `metrics` recorder of the program, which what the
    /// program counts itself goes to as well. Several servers of a program may have it; each serves the counts of all.
    /// A program that has installed another recorder can't use it.
    ///
    /// ```
    /// let builder = conduit::Server::builder().prometheus("127.0.0.1:9000");
    /// ```
    pub fn prometheus(mut self, address: impl Into<String>) -> Self {
        self.config.prometheus = Some(address.into());
        self
    }

    /// How long calls in flight have to end when the server stops; 30 s by default.
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.config.shutdown_deadline = deadline;
        self
    }
}
