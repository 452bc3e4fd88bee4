//! A connection's reader and its writer, which one task polls in turns.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};

use super::transport::{Frame, Lost, Transport};

/// One side's hold on a transport. Unlike a half of `StreamExt::split` it keeps no message back: it is ready when the
/// transport is.
pub(super) struct Half<'a, T>(pub(super) &'a Mutex<T>);

impl<T> Half<'_, T> {
    /// For one poll; the task's other half never holds it then.
    fn transport(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Transport> Stream for Half<'_, T> {
    type Item = Result<Frame, Lost>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.transport().poll_next_unpin(cx)
    }
}

impl<T: Transport> Sink<Frame> for Half<'_, T> {
    type Error = Lost;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.transport().poll_ready_unpin(cx)
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Lost> {
        self.transport().start_send_unpin(frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.transport().poll_flush_unpin(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.transport().poll_close_unpin(cx)
    }
}
