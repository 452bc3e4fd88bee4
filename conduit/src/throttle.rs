//! How often an address may fail to log in.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    by_address::{ByAddress, Key},
    identity::Refusal,
};

/// Failed logins by address: each takes its time, and after several the address has to wait.
///
/// A login that is being looked at holds one of the failures that its address may still have. Who finds none left
/// waits until one ends: logins that succeed let the next one in, so that many good clients behind one address are
/// only put in a row, and bad ones are no more at once than one after the other.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// Failures that an address may have within [`WINDOW`](Self::WINDOW); 0 for any number.
    allowed: usize,
    tries: Mutex<ByAddress<Tries>>,
}

/// The tries of one address. Its permits, taken ones and free ones, are the failures that it may still have.
#[derive(Debug)]
struct Tries {
    left: Arc<Semaphore>,
    /// When those failed that still count, the oldest first.
    failures: VecDeque<Instant>,
}

/// A login that is being looked at. Dropped, it counts as nothing.
#[derive(Debug)]
#[must_use = "a try that failed has to say so"]
pub(crate) struct Try<'a> {
    throttle: &'a Throttle,
    /// `None` where the address is not known, or nothing is limited.
    held: Option<(Key, OwnedSemaphorePermit)>,
}

impl Throttle {
    /// What a failed login costs whoever made it.
    const DELAY: Duration = Duration::from_millis(100);
    /// How long a failure counts.
    const WINDOW: Duration = Duration::from_secs(60);

    pub(crate) fn new(allowed: u32) -> Self {
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { allowed, tries: Mutex::new(ByAddress::new(Tries::new(allowed))) }
    }

    /// Waits until an address may try to log in.
    ///
    /// # Errors
    /// Why it may not try now.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the row back.
    pub(crate) async fn admit(&self, address: Option<IpAddr>) -> Result<Try<'_>, Refusal> {
        let Some(address) = address.filter(|_| self.allowed > 0) else {
            return Ok(Try { throttle: self, held: None });
        };
        let (key, left) = self.left(address);
        match left.acquire_owned().await {
            Ok(permit) => Ok(Try { throttle: self, held: Some((key, permit)) }),
            Err(_) => Err(self.refusal(key)),
        }
    }

    /// The permits that an address draws on.
    fn left(&self, address: IpAddr) -> (Key, Arc<Semaphore>) {
        let mut all = self.lock();
        let (key, tries) = all.entry(address, || Tries::new(self.allowed), Tries::is_over);
        tries.forgive();
        (key, Arc::clone(&tries.left))
    }

    fn refusal(&self, key: Key) -> Refusal {
        let rest = self.lock().value(key).map_or(Duration::ZERO, |tries| tries.rest());
        let reason = format!("too many failed logins from this address: try again in {} s", rest.as_secs() + 1);
        Refusal::for_now(reason, rest)
    }

    fn lock(&self) -> MutexGuard<'_, ByAddress<Tries>> {
        // No code that can panic runs under the lock.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// Notes that the login failed, and holds its answer back.
    pub(crate) async fn failed(mut self) {
        if let Some((key, permit)) = self.held.take() {
            let mut all = self.throttle.lock();
            permit.forget();
            if let Some(tries) = all.value(key) {
                tries.fail(self.throttle.allowed);
            }
        }
        tokio::time::sleep(Throttle::DELAY).await;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let Some((key, permit)) = self.held.take() else { return };
        let mut all = self.throttle.lock();
        drop(permit);
        // An address without failures and without another try is not remembered.
        all.forget_if(key, |tries| tries.failures.is_empty() && tries.is_unused());
    }
}

impl Tries {
    fn new(allowed: usize) -> Self {
        Self { left: Arc::new(Semaphore::new(allowed)), failures: VecDeque::new() }
    }

    fn fail(&mut self, allowed: usize) {
        self.forgive();
        self.failures.push_back(Instant::now());
        if self.failures.len() >= allowed {
            // Nobody holds a permit any more, and whoever waits for one is refused.
            self.left.close();
        }
    }

    /// Forgets the failures whose time is over.
    fn forgive(&mut self) {
        let over = self.failures.iter().take_while(|failure| failure.elapsed() >= Throttle::WINDOW).count();
        self.failures.drain(..over);
        if over > 0 && self.left.is_closed() {
            self.left = Arc::new(Semaphore::new(over));
        } else {
            self.left.add_permits(over);
        }
    }

    /// How long it is until the oldest failure counts no more.
    fn rest(&self) -> Duration {
        self.failures.front().map_or(Duration::ZERO, |oldest| Throttle::WINDOW.saturating_sub(oldest.elapsed()))
    }

    fn is_over(&self) -> bool {
        self.failures.back().is_none_or(|last| last.elapsed() >= Throttle::WINDOW) && self.is_unused()
    }

    /// Whether nobody tries, or waits to.
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.left) == 1
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;

    use super::*;
    use crate::by_address::KNOWN;

    const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    async fn fail(throttle: &Throttle, times: usize) {
        for _ in 0..times {
            throttle.admit(ADDRESS).await.unwrap().failed().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_forgotten_after_their_time() {
        let throttle = Throttle::new(10);
        for _ in 0..2 {
            fail(&throttle, 10).await;
            let refusal = throttle.admit(ADDRESS).await.unwrap_err().reason;
            assert!(refusal.starts_with("too many failed logins from this address: try again in "), "{refusal}");
            tokio::time::advance(Throttle::WINDOW).await;
        }
        fail(&throttle, 9).await;
        tokio::time::advance(Throttle::WINDOW).await;
        fail(&throttle, 10).await;
        assert!(throttle.admit(ADDRESS).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_counts_for_a_minute_of_its_own() {
        let throttle = Throttle::new(3);
        for _ in 0..3 {
            fail(&throttle, 1).await;
            tokio::time::advance(Duration::from_secs(20) - Throttle::DELAY).await;
        }
        // One was a minute ago; a failure meanwhile has not kept it.
        for _ in 0..5 {
            fail(&throttle, 1).await;
            let refusal = throttle.admit(ADDRESS).await.unwrap_err().reason;
            assert!(refusal.ends_with("try again in 20 s"), "{refusal}");
            tokio::time::advance(Duration::from_secs(20) - Throttle::DELAY).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_takes_its_time() {
        let throttle = Throttle::new(10);
        let start = Instant::now();
        fail(&throttle, 3).await;
        assert_eq!(start.elapsed(), 3 * Throttle::DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_limited_where_none_are_allowed_and_none_is_forbidden() {
        let throttle = Throttle::new(0);
        fail(&throttle, 1000).await;
        assert!(throttle.admit(ADDRESS).await.is_ok());
        assert!(throttle.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_beyond_those_that_are_remembered_share_the_failures_of_one() {
        let throttle = Throttle::new(2);
        let address = |n: usize| Some(IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(n).unwrap())));
        let failing = async |n| throttle.admit(address(n)).await.unwrap().failed().await;
        let all = (0..KNOWN).map(failing);
        futures_util::future::join_all(all).await;
        for n in KNOWN..KNOWN + 2 {
            throttle.admit(address(n)).await.unwrap().failed().await;
        }
        assert!(throttle.admit(address(KNOWN + 2)).await.is_err());
        assert!(throttle.admit(address(0)).await.is_ok(), "who has a place keeps its own failures");
        tokio::time::advance(Throttle::WINDOW).await;
        drop(throttle.admit(address(KNOWN + 2)).await.unwrap());
        assert!(throttle.lock().is_empty(), "those whose time is over have left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_waits_for_those_that_may_use_up_what_is_left() {
        let throttle = Throttle::new(10);
        fail(&throttle, 8).await;
        let (first, second) = (throttle.admit(ADDRESS).await.unwrap(), throttle.admit(ADDRESS).await.unwrap());
        let mut third = Box::pin(throttle.admit(ADDRESS));
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        let third = third.await.unwrap();
        let mut fourth = Box::pin(throttle.admit(ADDRESS));
        assert!((&mut fourth).now_or_never().is_none());
        second.failed().await;
        assert!((&mut fourth).now_or_never().is_none());
        third.failed().await;
        assert!(fourth.await.is_err());
    }

    #[tokio::test]
    async fn who_succeeds_or_goes_away_is_not_remembered() {
        let throttle = Throttle::new(10);
        let tries: Vec<_> = futures_util::future::join_all((0..10).map(|_| throttle.admit(ADDRESS))).await;
        let mut waiting = Box::pin(throttle.admit(ADDRESS));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        drop(tries);
        assert!(throttle.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_ipv6_counts_as_one_address() {
        let throttle = Throttle::new(10);
        for n in 0..10 {
            let address = format!("2001:db8:1:2::{n}").parse().ok();
            throttle.admit(address).await.unwrap().failed().await;
        }
        assert!(throttle.admit("2001:db8:1:2:ffff::1".parse().ok()).await.is_err());
        assert!(throttle.admit("2001:db8:1:3::1".parse().ok()).await.is_ok());
    }
}
