//! Whether the server is still there: the bytes that come from it, and the clock that asks for some.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::heartbeat::{self, Attention};

/// How often the server is pinged, and how long it may be silent.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) struct Heartbeat {
    pub(in crate::client) interval: Duration,
    pub(in crate::client) timeout: Duration,
}

impl Heartbeat {
    pub(super) fn start(self, pulse: Pulse) -> Beating {
        Beating { clock: heartbeat::Heartbeat::new(self.interval, self.timeout, None), pulse }
    }
}

/// The heartbeat of one connection.
pub(super) struct Beating {
    clock: heartbeat::Heartbeat,
    pulse: Pulse,
}

impl Beating {
    /// Waits for the next beat. For how long the server has been silent, if that is too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Duration>> {
        // Without a login to wait for, all that is due is a beat.
        let _beat = ready!(self.clock.poll(cx));
        Poll::Ready(self.clock.silence(Attention::Reading, (self.pulse.read(), 0)))
    }
}

/// How many bytes have been read.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream whose bytes are counted as they are read: a large message that is still on its way is a sign of life.
pub(super) struct Counted<S> {
    stream: S,
    pulse: Pulse,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, pulse: &Pulse) -> Self {
        Self { stream, pulse: pulse.clone() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        let read = buf.filled().len() - before;
        self.pulse.0.fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
