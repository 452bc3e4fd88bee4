//! How often an address may fail to log in.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// Failed logins by address: each takes its time, and after several the address has to wait.
///
/// A login that is being looked at holds one of the failures that its address may still have. Who finds none left
/// waits until one ends: logins that succeed let the next one in, so that many good clients behind one address are
/// only put in a row, and bad ones are no more at once than one after the other.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, Tries>>);

/// The tries of one address. Its permits, taken ones and free ones, are the failures that it may still have.
#[derive(Debug)]
struct Tries {
    left: Arc<Semaphore>,
    failures: usize,
    /// When the last one failed.
    last: Instant,
}

/// A login that is being looked at. Dropped, it counts as nothing.
#[derive(Debug)]
#[must_use = "a try that failed has to say so"]
pub(crate) struct Try<'a> {
    throttle: &'a Throttle,
    /// `None` where the address is not known.
    held: Option<(IpAddr, OwnedSemaphorePermit)>,
}

impl Throttle {
    /// What a failed login costs whoever made it.
    const DELAY: Duration = Duration::from_millis(100);
    /// Failures in a row that an address may have.
    const ALLOWED: usize = 10;
    /// How long they count.
    const MEMORY: Duration = Duration::from_secs(60);
    /// Addresses that are remembered; beyond it, those are let go whose time is over.
    const ADDRESSES: usize = 10_000;

    /// Waits until an address may try to log in.
    ///
    /// # Errors
    /// Why it may not try now.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the row back.
    pub(crate) async fn admit(&self, address: Option<IpAddr>) -> Result<Try<'_>, String> {
        let Some(address) = address.map(network) else { return Ok(Try { throttle: self, held: None }) };
        let Some(left) = self.left(address) else { return Ok(Try { throttle: self, held: None }) };
        match left.acquire_owned().await {
            Ok(permit) => Ok(Try { throttle: self, held: Some((address, permit)) }),
            Err(_) => Err(self.refusal(address)),
        }
    }

    /// The permits of an address; `None` when more addresses fail than can be remembered.
    fn left(&self, address: IpAddr) -> Option<Arc<Semaphore>> {
        let mut all = self.lock();
        if all.len() >= Self::ADDRESSES && !all.contains_key(&address) {
            all.retain(|_, tries| !tries.is_over());
            if all.len() >= Self::ADDRESSES {
                return None;
            }
        }
        let tries = all.entry(address).or_insert_with(Tries::new);
        tries.forgive();
        Some(Arc::clone(&tries.left))
    }

    fn refusal(&self, address: IpAddr) -> String {
        let rest = self.lock().get(&address).map_or(Duration::ZERO, Tries::rest);
        format!("too many failed logins from this address: try again in {} s", rest.as_secs() + 1)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Tries>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// Notes that the login failed, and holds its answer back.
    pub(crate) async fn failed(mut self) {
        if let Some((address, permit)) = self.held.take() {
            let mut all = self.throttle.lock();
            permit.forget();
            if let Some(tries) = all.get_mut(&address) {
                tries.fail();
            }
        }
        tokio::time::sleep(Throttle::DELAY).await;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let Some((address, permit)) = self.held.take() else { return };
        let mut all = self.throttle.lock();
        drop(permit);
        // An address without failures and without another try is not remembered.
        if all.get(&address).is_some_and(|tries| tries.failures == 0 && tries.is_unused()) {
            all.remove(&address);
        }
    }
}

impl Tries {
    fn new() -> Self {
        Self { left: Arc::new(Semaphore::new(Throttle::ALLOWED)), failures: 0, last: Instant::now() }
    }

    fn fail(&mut self) {
        self.forgive();
        self.failures += 1;
        self.last = Instant::now();
        if self.failures == Throttle::ALLOWED {
            // Nobody holds a permit any more, and whoever waits for one is refused.
            self.left.close();
        }
    }

    /// Forgets the failures when their time is over.
    fn forgive(&mut self) {
        if !self.rest().is_zero() {
            return;
        }
        if self.left.is_closed() {
            self.left = Arc::new(Semaphore::new(Throttle::ALLOWED));
        } else {
            self.left.add_permits(self.failures);
        }
        self.failures = 0;
    }

    /// How long the failures still count.
    fn rest(&self) -> Duration {
        Throttle::MEMORY.saturating_sub(self.last.elapsed())
    }

    fn is_over(&self) -> bool {
        self.rest().is_zero() && self.is_unused()
    }

    /// Whether nobody tries, or waits to.
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.left) == 1
    }
}

/// What counts as one address: of IPv6, where a client has as many as it likes, the network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => {
            Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;

    use super::*;

    const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    async fn fail(throttle: &Throttle, times: usize) {
        for _ in 0..times {
            throttle.admit(ADDRESS).await.unwrap().failed().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_forgotten_after_their_time() {
        let throttle = Throttle::default();
        for _ in 0..2 {
            fail(&throttle, 10).await;
            let refusal = throttle.admit(ADDRESS).await.unwrap_err();
            assert!(refusal.starts_with("too many failed logins from this address: try again in "), "{refusal}");
            tokio::time::advance(Throttle::MEMORY).await;
        }
        fail(&throttle, 9).await;
        tokio::time::advance(Throttle::MEMORY).await;
        fail(&throttle, 10).await;
        assert!(throttle.admit(ADDRESS).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_waits_for_those_that_may_use_up_what_is_left() {
        let throttle = Throttle::default();
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
        let throttle = Throttle::default();
        let tries: Vec<_> = futures_util::future::join_all((0..10).map(|_| throttle.admit(ADDRESS))).await;
        let mut waiting = Box::pin(throttle.admit(ADDRESS));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        drop(tries);
        assert!(throttle.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_of_ipv6_counts_as_one_address() {
        let throttle = Throttle::default();
        for n in 0..10 {
            let address = format!("2001:db8:1:2::{n}").parse().ok();
            throttle.admit(address).await.unwrap().failed().await;
        }
        assert!(throttle.admit("2001:db8:1:2:ffff::1".parse().ok()).await.is_err());
        assert!(throttle.admit("2001:db8:1:3::1".parse().ok()).await.is_ok());
    }
}
