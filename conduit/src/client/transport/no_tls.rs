//! Stands in for TLS in a build without the feature `tls`.

use std::path::Path;

use tokio::net::TcpStream;

/// There is none.
#[derive(Clone)]
pub(super) enum Tls {}

/// Never made.
pub(super) type TlsStream = TcpStream;

impl Tls {
    pub(super) fn new(_: &str, _: Option<&Path>) -> Result<Self, String> {
        Err("this program is built without TLS: enable the feature `tls` of `conduit`, or put a proxy that ends TLS in \
             front of the server, on a network that you trust, and connect with `ws://`"
            .into())
    }

    pub(super) async fn connect(&self, _: TcpStream) -> Result<TlsStream, String> {
        match *self {}
    }
}
