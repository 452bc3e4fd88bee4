//! What carries the bytes of a WebSocket: TCP, with TLS or without, or a pipe within the program.

use std::{fmt, io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_util::either::Either;

use super::{handshake::Target, tls::TlsStream};
use crate::error::Result;

pub(super) type Carrier = Either<Either<TcpStream, TlsStream>, Box<dyn ByteStream>>;

/// What bytes come and go on.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A way to a server within the same program: each call opens a connection.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<dyn Fn() -> io::Result<Box<dyn ByteStream>> + Send + Sync>);

impl Pipe {
    pub(crate) fn new(open: impl Fn() -> io::Result<Box<dyn ByteStream>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipe")
    }
}

/// Reaches the server.
pub(super) async fn open(target: &Target) -> Result<Carrier> {
    if let Some(Pipe(open)) = target.pipe() {
        return open().map(Either::Right).map_err(|error| target.unreachable(error));
    }
    let socket = TcpStream::connect(target.address()).await.map_err(|error| target.unreachable(error))?;
    // Small messages leave at once, not when the last one was acknowledged.
    socket.set_nodelay(true).map_err(|error| target.unreachable(error))?;
    Ok(Either::Left(match target.tls() {
        None => Either::Left(socket),
        Some(tls) => Either::Right(tls.connect(socket).await.map_err(|why| target.insecure(&why))?),
    }))
}
