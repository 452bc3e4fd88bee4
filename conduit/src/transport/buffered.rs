//! A byte stream that is read in large pieces and holds next to nothing while it is idle, and that counts.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

thread_local! {
    /// What a read goes to first. A thread reads one stream at a time, so that idle streams need no buffers of their own.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A stream of which up to `limit` bytes are read at a time, however few are asked for.
#[derive(Debug)]
pub(super) struct Buffered<S> {
    inner: S,
    limit: usize,
    /// What was read and not asked for yet.
    ahead: Bytes,
    read: u64,
    written: u64,
}

impl<S> Buffered<S> {
    pub(super) fn new(inner: S, limit: usize) -> Self {
        Self { inner, limit, ahead: Bytes::new(), read: 0, written: 0 }
    }

    /// The bytes that were read and written.
    pub(super) fn traffic(&self) -> (u64, u64) {
        (self.read, self.written)
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    fn read_ahead(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Vec<u8>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if scratch.len() < self.limit {
            scratch.resize(self.limit, 0);
        }
        let mut piece = ReadBuf::new(&mut scratch[..self.limit]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut piece))?;
        let piece = piece.filled();
        self.read += piece.len() as u64;
        let (now, later) = piece.split_at(piece.len().min(buf.remaining()));
        buf.put_slice(now);
        if !later.is_empty() {
            self.ahead = Bytes::copy_from_slice(later);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Buffered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ahead.is_empty() {
            return SCRATCH.with_borrow_mut(|scratch| this.read_ahead(cx, scratch, buf));
        }
        let wanted = this.ahead.len().min(buf.remaining());
        buf.put_slice(&this.ahead[..wanted]);
        this.ahead.advance(wanted);
        if this.ahead.is_empty() {
            this.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Buffered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn small_reads_get_everything_in_order_and_leave_nothing_behind() {
        let (mut peer, stream) = tokio::io::duplex(1 << 20);
        let sent: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        peer.write_all(&sent).await.unwrap();
        let mut stream = Buffered::new(stream, 4096);
        let mut seen = Vec::new();
        while seen.len() < sent.len() {
            let mut piece = [0; 7];
            let read = stream.read(&mut piece).await.unwrap();
            seen.extend_from_slice(&piece[..read]);
        }
        assert_eq!(seen, sent);
        assert_eq!(stream.traffic(), (100_000, 0));
        assert!(stream.ahead.is_empty());
    }

    #[tokio::test]
    async fn no_more_is_read_at_a_time_than_the_limit() {
        let (mut peer, stream) = tokio::io::duplex(1 << 20);
        peer.write_all(&[0; 10_000]).await.unwrap();
        let mut stream = Buffered::new(stream, 1000);
        stream.read_u8().await.unwrap();
        assert_eq!((stream.traffic().0, stream.ahead.len()), (1000, 999));
    }
}
