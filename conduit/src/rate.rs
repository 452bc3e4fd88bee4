//! How much a connection may send: messages and bytes per second.

use std::{
    net::IpAddr,
    num::{NonZero, NonZeroU32},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use serde::Serialize;

use crate::{
    by_address::ByAddress,
    config::ServerConfig,
    protocol::{ErrorCode, ErrorObject},
};

/// The rates of one connection.
#[derive(Debug)]
pub(crate) struct Rates {
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// One rate: so much per second, and at most `burst` at once.
#[derive(Debug)]
struct Bucket {
    setting: &'static str,
    rate: u32,
    burst: u32,
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Instant>>,
}

impl Rates {
    /// What the settings limit; `None` when they limit nothing.
    pub(crate) fn new(config: &ServerConfig) -> Option<Arc<Self>> {
        let messages = config.max_messages_per_second.map(|rate| Bucket::new("max_messages_per_second", rate, rate));
        let bytes = config.max_bytes_per_second.map(|rate| {
            // One message of the size that is allowed can always be sent.
            let largest = config.max_message_size.try_into().ok().and_then(NonZero::new).unwrap_or(NonZero::<u32>::MAX);
            Bucket::new("max_bytes_per_second", rate, rate.max(largest))
        });
        (messages.is_some() || bytes.is_some()).then(|| Arc::new(Self { messages, bytes }))
    }

    /// Says why a text of so many messages and bytes is too much now, if it is.
    pub(crate) fn admit(&self, messages: usize, bytes: usize) -> Result<(), ErrorObject> {
        let take = |bucket: &Option<Bucket>, count| bucket.as_ref().map_or(Ok(()), |bucket| bucket.take(count));
        take(&self.messages, messages)?;
        take(&self.bytes, bytes)
    }
}

impl Rates {
    /// How long it takes until what was sent makes no difference any more.
    fn memory(&self) -> Duration {
        let buckets = self.messages.iter().chain(&self.bytes);
        buckets.map(|bucket| Duration::from_secs(bucket.burst.div_ceil(bucket.rate).into())).max().unwrap_or_default()
    }
}

/// The rates of those who come over HTTP, where a connection is no more than a request: by their address.
#[derive(Debug)]
pub(crate) struct RatesByAddress(Option<Mutex<ByAddress<Used>>>);

#[derive(Debug)]
struct Used {
    rates: Arc<Rates>,
    last: tokio::time::Instant,
}

impl RatesByAddress {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self(Used::new(config).map(|others| Mutex::new(ByAddress::new(others))))
    }

    /// The rates of an address, if any are limited.
    pub(crate) fn of(&self, address: Option<IpAddr>, config: &ServerConfig) -> Option<Arc<Rates>> {
        let Some(address) = address else { return Rates::new(config) };
        let fresh = Used::new(config)?;
        // No code that can panic runs under the lock.
        let mut all = self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, used) = all.entry(address, || fresh, Used::is_over);
        used.last = tokio::time::Instant::now();
        Some(Arc::clone(&used.rates))
    }
}

impl Used {
    fn new(config: &ServerConfig) -> Option<Self> {
        Rates::new(config).map(|rates| Self { rates, last: tokio::time::Instant::now() })
    }

    /// Nobody holds them, and new ones would allow no more.
    fn is_over(&self) -> bool {
        Arc::strong_count(&self.rates) == 1 && self.last.elapsed() >= self.rates.memory()
    }
}

impl Bucket {
    fn new(setting: &'static str, rate: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(rate).allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, TokioClock);
        Self { setting, rate: rate.get(), burst: burst.get(), limiter }
    }

    fn take(&self, count: usize) -> Result<(), ErrorObject> {
        let Some(wanted) = u32::try_from(count).ok().and_then(NonZero::new) else { return Ok(()) };
        match self.limiter.check_n(wanted) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(self.refusal(until.wait_time_from(TokioClock.now()))),
            Err(_) => {
                let message =
                    format!("{count} at once are over `{}`, of which {} may come at once", self.setting, self.burst);
                Err(ErrorObject::with_code(ErrorCode::RateLimited, message))
            }
        }
    }

    fn refusal(&self, wait: Duration) -> ErrorObject {
        #[derive(Serialize)]
        struct Data {
            retry_after_ms: u64,
        }
        let retry_after_ms = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        let message = format!("over `{}`, which is {}: try again in {retry_after_ms} ms", self.setting, self.rate);
        ErrorObject::with_code(ErrorCode::RateLimited, message).with_data(&Data { retry_after_ms })
    }
}

/// tokio's clock, which tests can stop.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(messages: u32, bytes: u32, max_message_size: usize) -> Arc<Rates> {
        let config = ServerConfig {
            max_messages_per_second: NonZero::new(messages),
            max_bytes_per_second: NonZero::new(bytes),
            max_message_size,
            ..ServerConfig::default()
        };
        Rates::new(&config).expect("something is limited")
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_as_long_as_it_was_told_may_send_again() {
        let rates = rates(10, 0, 1000);
        for _ in 0..10 {
            rates.admit(1, 1).unwrap();
        }
        let error = rates.admit(1, 1).unwrap_err();
        assert_eq!(error.to_string(), "over `max_messages_per_second`, which is 10: try again in 100 ms (code -32007)");
        tokio::time::advance(Duration::from_millis(100)).await;
        rates.admit(1, 1).unwrap();
        rates.admit(1, 1).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn one_message_of_the_largest_size_fits_and_no_larger_one_ever_will() {
        let rates = rates(0, 100, 1000);
        rates.admit(1, 1000).unwrap();
        assert!(rates.admit(1, 50).unwrap_err().to_string().contains("try again in 500 ms"));
        let error = rates.admit(1, 1001).unwrap_err();
        assert!(error.to_string().contains("1001 at once are over `max_bytes_per_second`, of which 1000"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_has_rates_of_its_own_until_it_has_sent_nothing_for_as_long_as_they_remember() {
        let config = ServerConfig { max_messages_per_second: NonZero::new(1), ..ServerConfig::default() };
        let all = RatesByAddress::new(&config);
        let take = |n: u32| all.of(Some(IpAddr::V4(n.into())), &config).unwrap().admit(1, 1);
        let known = u32::try_from(crate::by_address::KNOWN).unwrap();
        (0..known).for_each(|n| take(n).unwrap());
        take(0).unwrap_err();
        take(known).unwrap();
        take(known + 1).expect_err("those who find no place share the rates of one");
        tokio::time::advance(Duration::from_secs(1)).await;
        (0..known).for_each(|n| take(known + n).unwrap());
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_limited() {
        assert!(Rates::new(&ServerConfig::default()).is_none());
    }
}
