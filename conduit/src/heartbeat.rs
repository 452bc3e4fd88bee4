//! A connection's clock: when its peer is pinged, when it counts as gone, and how long it may stay a stranger.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for everything that is due on a connection: thousands of them wait, and each costs memory.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    timer: Pin<Box<Sleep>>,
    interval: Duration,
    timeout: Duration,
    next: Instant,
    /// When the peer must have logged in, if it has not.
    login: Option<Instant>,
    /// When the peer last gave a sign of life, as it was seen at a beat.
    alive: Instant,
    read: u64,
    written: u64,
}

/// What the clock strikes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Login,
    Beat,
}

/// What a peer's sign of life is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attention {
    /// It is read from: a byte of it.
    Reading,
    /// It is not read from before it takes what waits for it: that it takes a byte.
    Writing,
    /// It is not read from while the application decides about it: none can be asked for.
    Elsewhere,
}

/// What is wrong with an interval and a timeout, if they don't go together.
pub(crate) fn misfit(interval: Duration, timeout: Duration) -> Option<String> {
    (interval >= timeout).then(|| {
        format!(
            "`heartbeat_interval` is {interval:?} and `heartbeat_timeout` is {timeout:?}: the timeout must be longer, or a \
             ping could not be answered in time"
        )
    })
}

impl Heartbeat {
    pub(crate) fn new(interval: Duration, timeout: Duration, login: Option<Duration>) -> Self {
        let now = Instant::now();
        let next = after(now, interval);
        let login = login.map(|timeout| after(now, timeout));
        let timer = Box::pin(sleep_until(login.map_or(next, |login| login.min(next))));
        Self { timer, interval, timeout, next, login, alive: now, read: 0, written: 0 }
    }

    /// Waits for what is due next.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        ready!(self.timer.as_mut().poll(cx));
        let now = Instant::now();
        let due = if self.login.is_some_and(|login| login <= now) {
            self.login = None;
            Due::Login
        } else {
            // What a program that hung has missed is not made up for.
            self.next = after(now, self.interval);
            Due::Beat
        };
        let next = self.login.map_or(self.next, |login| login.min(self.next));
        self.timer.as_mut().reset(next);
        Poll::Ready(due)
    }

    /// At a beat: for how long the peer has given no sign of life, if that is too long. `traffic` is what has been read
    /// and written so far.
    pub(crate) fn silence(&mut self, attention: Attention, (read, written): (u64, u64)) -> Option<Duration> {
        let is_alive = match attention {
            Attention::Reading => read != self.read,
            Attention::Writing => written != self.written,
            Attention::Elsewhere => true,
        };
        (self.read, self.written) = (read, written);
        if is_alive {
            self.alive = Instant::now();
        }
        let silence = self.alive.elapsed();
        (silence >= self.timeout).then_some(silence)
    }
}

/// Times that are too far for the clock never come.
fn after(now: Instant, time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now + time.min(FAR)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn next(heartbeat: &mut Heartbeat) -> Due {
        poll_fn(|cx| heartbeat.poll(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_login_is_due_once_and_the_beats_go_on() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(2 * SECOND, 6 * SECOND, Some(3 * SECOND));
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push((next(&mut heartbeat).await, start.elapsed().as_secs()));
        }
        assert_eq!(seen, [(Due::Beat, 2), (Due::Login, 3), (Due::Beat, 4), (Due::Beat, 6)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_life_and_silence_is_not() {
        let mut heartbeat = Heartbeat::new(SECOND, 3 * SECOND, None);
        for read in 1..10 {
            next(&mut heartbeat).await;
            assert_eq!(heartbeat.silence(Attention::Reading, (read, 0)), None);
        }
        let mut silences = Vec::new();
        for _ in 0..3 {
            next(&mut heartbeat).await;
            silences.push(heartbeat.silence(Attention::Reading, (9, 0)));
        }
        assert!(matches!(silences[..], [None, None, Some(silence)] if silence >= 3 * SECOND), "{silences:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_not_read_from_lives_by_what_it_takes() {
        let mut heartbeat = Heartbeat::new(SECOND, 3 * SECOND, None);
        for written in 1..10 {
            next(&mut heartbeat).await;
            assert_eq!(heartbeat.silence(Attention::Writing, (0, written)), None);
        }
        for _ in 0..10 {
            next(&mut heartbeat).await;
            assert_eq!(heartbeat.silence(Attention::Elsewhere, (0, 9)), None);
        }
        let mut beats = 0;
        loop {
            next(&mut heartbeat).await;
            beats += 1;
            if heartbeat.silence(Attention::Writing, (0, 9)).is_some() {
                break;
            }
        }
        assert_eq!(beats, 3);
    }
}
