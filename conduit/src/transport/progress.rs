//! How far the requests of an HTTP connection are, and how long each part of them may take.
//!
//! Hyper's own timer for the head of a request runs from the moment the last answer is in its buffer. It would cut off
//! a peer that reads a large answer slowly, and nothing would end one that does not read at all.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// What is seen of an HTTP connection.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The requests whose heads have arrived.
    requests: AtomicU64,
    is_answered: AtomicBool,
    /// Bytes that the peer took.
    written: AtomicU64,
    /// Whether the peer is to take bytes before more can be written.
    is_stalled: AtomicBool,
}

/// Whose turn it is on an HTTP connection. Equal phases are the same one, with no step made in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer's, to send the head of its next request.
    Head { requests: u64 },
    /// The server's, which reads the body by itself and runs the call.
    Call,
    /// The peer's, to take the answer.
    Answer { written: u64 },
}

impl Progress {
    pub(super) fn phase(&self) -> Phase {
        if self.is_stalled.load(Ordering::Relaxed) {
            return Phase::Answer { written: self.written.load(Ordering::Relaxed) };
        }
        let requests = self.requests.load(Ordering::Relaxed);
        if requests > 0 && !self.is_answered.load(Ordering::Relaxed) {
            return Phase::Call;
        }
        Phase::Head { requests }
    }

    /// Notes a request, which is over when what this returns is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Request {
        self.is_answered.store(false, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Request(Arc::clone(self))
    }
}

/// A request that has not been answered.
#[derive(Debug)]
pub(super) struct Request(Arc<Progress>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.is_answered.store(true, Ordering::Relaxed);
    }
}

/// What is as good as never. A time without end can't be added to an instant.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time that a peer has for what is its turn.
#[derive(Debug)]
pub(super) struct Patience {
    head: Duration,
    answer: Duration,
    phase: Phase,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    /// `head` is for the whole head of a request, `answer` for each step in taking an answer.
    pub(super) fn new(head: Duration, answer: Duration) -> Self {
        Self { head, answer, phase: Phase::Head { requests: 0 }, timer: Box::pin(tokio::time::sleep(head)) }
    }

    /// Ready when the phase has taken too long. Wakes the task then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, phase: Phase) -> Poll<Phase> {
        let time = match phase {
            Phase::Head { .. } => self.head,
            Phase::Answer { .. } => self.answer,
            Phase::Call => {
                self.phase = phase;
                return Poll::Pending;
            }
        };
        if self.phase != phase {
            self.phase = phase;
            self.timer.as_mut().reset(Instant::now() + time.min(FAR));
        }
        self.timer.as_mut().poll(cx).map(|()| phase)
    }
}

/// A byte stream whose [`Progress`] sees what is written.
#[derive(Debug)]
pub(super) struct Observed<S> {
    inner: S,
    progress: Arc<Progress>,
}

impl<S> Observed<S> {
    pub(super) fn new(inner: S) -> (Self, Arc<Progress>) {
        let progress = Arc::<Progress>::default();
        (Self { inner, progress: Arc::clone(&progress) }, progress)
    }

    fn note(&self, writing: &Poll<io::Result<usize>>) {
        self.progress.is_stalled.store(writing.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(written)) = writing {
            self.progress.written.fetch_add(*written as u64, Ordering::Relaxed);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let writing = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note(&writing);
        writing
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let writing = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note(&writing);
        writing
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushing = Pin::new(&mut self.inner).poll_flush(cx);
        // TLS holds bytes of its own, which the flush writes.
        self.progress.is_stalled.store(flushing.is_pending(), Ordering::Relaxed);
        flushing
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ending = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.progress.is_stalled.store(ending.is_pending(), Ordering::Relaxed);
        ending
    }
}
