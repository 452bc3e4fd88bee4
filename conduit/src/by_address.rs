//! What is kept for each address that clients come from, in a table that can't grow without end.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use tokio::time::Instant;

/// A value for each address. Addresses that come when the table is full share one.
#[derive(Debug)]
pub(crate) struct ByAddress<T> {
    known: HashMap<IpAddr, T>,
    others: T,
    /// When it was last looked for values that can be let go.
    swept: Instant,
}

/// Whose value it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    Known(IpAddr),
    Others,
}

/// How many addresses are known at most.
pub(crate) const KNOWN: usize = 10_000;

/// How often a full table is searched for values to let go: the search looks at all of them.
const SWEEP: Duration = Duration::from_secs(1);

impl<T> ByAddress<T> {
    pub(crate) fn new(others: T) -> Self {
        Self { known: HashMap::new(), others, swept: Instant::now() }
    }

    /// The value of an address, made if it is not there. `is_over` says which can be let go.
    pub(crate) fn entry(
        &mut self,
        address: IpAddr,
        make: impl FnOnce() -> T,
        is_over: impl Fn(&T) -> bool,
    ) -> (Key, &mut T) {
        let address = network(address);
        if !self.has_place_for(address, is_over) {
            return (Key::Others, &mut self.others);
        }
        (Key::Known(address), self.known.entry(address).or_insert_with(make))
    }

    fn has_place_for(&mut self, address: IpAddr, is_over: impl Fn(&T) -> bool) -> bool {
        if self.known.len() < KNOWN || self.known.contains_key(&address) {
            return true;
        }
        if self.swept.elapsed() >= SWEEP {
            self.swept = Instant::now();
            self.known.retain(|_, value| !is_over(value));
        }
        self.known.len() < KNOWN
    }

    pub(crate) fn value(&mut self, key: Key) -> Option<&mut T> {
        match key {
            Key::Known(address) => self.known.get_mut(&address),
            Key::Others => Some(&mut self.others),
        }
    }

    /// Lets the value of a known address go if it can be.
    pub(crate) fn forget_if(&mut self, key: Key, is_over: impl FnOnce(&T) -> bool) {
        if let Key::Known(address) = key
            && self.known.get(&address).is_some_and(is_over)
        {
            self.known.remove(&address);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
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
