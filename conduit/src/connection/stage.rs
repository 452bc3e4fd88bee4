//! How far a connection has come: its login, the hooks that let it in, its end.

use std::sync::{
    PoisonError,
    atomic::{AtomicU8, Ordering},
};

use super::Connection;
use crate::{
    capacity::Seat,
    close::{CloseCode, Disconnected},
    identity::Identity,
};

impl Connection {
    /// Whether the peer has shown who it is, and was not refused. On a server without login, everybody has.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        matches!(self.0.stage.load(), Stage::WELCOMED | Stage::LIVE)
    }

    /// Whether the hooks have let the peer in, after its login.
    pub(crate) fn is_live(&self) -> bool {
        self.0.stage.load() == Stage::LIVE
    }

    /// Starts a login; `false` when there is one already, made or under way.
    pub(crate) fn begin_login(&self) -> bool {
        self.0.stage.advance(Stage::NEW, Stage::LOGGING_IN)
    }

    /// Ends a login that did not succeed; the peer may try again.
    pub(crate) fn give_up_login(&self) {
        self.0.stage.advance(Stage::LOGGING_IN, Stage::NEW);
        self.0.outbox.wake();
    }

    /// Takes a place among those that have logged in; says whether one was free.
    pub(crate) fn take_place(&self) -> bool {
        self.0.seat.lock().unwrap_or_else(PoisonError::into_inner).as_mut().is_none_or(Seat::promote)
    }

    /// Logs the peer in; `false` when it is gone. The hooks come next.
    pub(crate) fn enter(&self, identity: Identity) -> bool {
        if !self.0.stage.advance(Stage::LOGGING_IN, Stage::ENTERING) {
            return false;
        }
        // The stage lets one login in. Whoever sees it logged in finds who it is.
        let _ = self.0.identity.set(identity);
        self.0.stage.advance(Stage::ENTERING, Stage::WELCOMED)
    }

    /// Lets the peer's calls through: the hooks have run.
    pub(crate) fn go_live(&self) {
        self.0.stage.advance(Stage::WELCOMED, Stage::LIVE);
        self.0.outbox.wake();
    }

    /// Turns the peer away: it is sent nothing but what it is owed, and closed. For whoever logs it in.
    pub(crate) fn refuse(&self, code: CloseCode, reason: &str) {
        self.0.stage.leave();
        self.0.outbox.close(Disconnected::new(code, reason));
    }

    /// Notes that the peer is gone; says whether its hooks had run.
    pub(crate) fn leave_stage(&self) -> bool {
        // The application may keep the handle for as long as it likes; the place is free now.
        drop(self.0.seat.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.0.stage.leave() == Stage::LIVE
    }

    /// Whether what the peer sends has to wait for its login, so that calls sent right behind it find it made.
    pub(crate) fn is_logging_in(&self) -> bool {
        matches!(self.0.stage.load(), Stage::LOGGING_IN | Stage::ENTERING | Stage::WELCOMED)
    }
}

/// How far a connection has come.
#[derive(Default)]
pub(super) struct Stage(AtomicU8);

impl Stage {
    const NEW: u8 = 0;
    /// Credentials are being looked at.
    const LOGGING_IN: u8 = 1;
    /// They are good; who it is is being noted.
    const ENTERING: u8 = 2;
    /// Logged in; the hooks run.
    const WELCOMED: u8 = 3;
    /// The hooks have let it in.
    const LIVE: u8 = 4;
    /// It has ended, or was refused.
    const GONE: u8 = 5;

    fn load(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    /// Says whether it was at `from`, and is at `to` now.
    fn advance(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends it, and says at what it was.
    fn leave(&self) -> u8 {
        self.0.swap(Self::GONE, Ordering::AcqRel)
    }
}
