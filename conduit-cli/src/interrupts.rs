//! Ctrl-C.

use std::io;

use futures_util::FutureExt;

use crate::{
    exit::Exit,
    failure::{Failure, Result},
};

#[cfg(unix)]
type Signal = tokio::signal::unix::Signal;
#[cfg(windows)]
type Signal = tokio::signal::windows::CtrlC;

/// The times that somebody presses Ctrl-C; none is missed between two looks.
#[derive(Debug)]
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    /// From now on Ctrl-C does not end the program by itself.
    pub(crate) fn new() -> Result<Self> {
        signal().map(Self).map_err(|error| Failure::new(Exit::Failed, format!("Ctrl-C can't be waited for: {error}")))
    }

    /// The next time. Dropping the future misses none.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }

    /// Gives a command up when Ctrl-C is pressed, without a word.
    pub(crate) async fn guard<T>(&mut self, command: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = command => result,
            () = self.next() => Err(Failure::silent(Exit::Interrupted)),
        }
    }

    /// Forgets the times that were meant for something else.
    pub(crate) fn forget(&mut self) {
        while self.0.recv().now_or_never().flatten().is_some() {}
    }
}

#[cfg(unix)]
fn signal() -> io::Result<Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn signal() -> io::Result<Signal> {
    tokio::signal::windows::ctrl_c()
}
