//! How many connections a server holds: those that have logged in, and apart from them those that have not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How long a client should stay away from a server that can't take it.
pub(crate) const COME_BACK_AFTER: Duration = Duration::from_secs(5);

/// The places of a server. Connections that have not logged in have few of their own, so that strangers can't
/// take those of clients.
#[derive(Debug)]
pub(crate) struct Capacity {
    members: Places,
    strangers: Places,
}

#[derive(Debug)]
struct Places {
    taken: AtomicUsize,
    limit: usize,
}

/// A place that a connection holds until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    capacity: Arc<Capacity>,
    is_member: bool,
}

impl Capacity {
    pub(crate) fn new(max_connections: usize, max_unauthenticated: usize) -> Self {
        let places = |limit| Places { taken: AtomicUsize::new(0), limit };
        Self { members: places(max_connections), strangers: places(max_unauthenticated) }
    }

    /// A place, if one is free.
    pub(crate) fn seat(self: &Arc<Self>, is_member: bool) -> Option<Seat> {
        self.places(is_member).take().then(|| Seat { capacity: Arc::clone(self), is_member })
    }

    fn places(&self, is_member: bool) -> &Places {
        if is_member { &self.members } else { &self.strangers }
    }
}

impl Places {
    fn take(&self) -> bool {
        let more = |taken| (taken < self.limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Seat {
    /// Changes a stranger's place for a member's; says whether one was free.
    pub(crate) fn promote(&mut self) -> bool {
        if self.is_member {
            return true;
        }
        let promoted = self.capacity.members.take();
        if promoted {
            self.capacity.strangers.leave();
            self.is_member = true;
        }
        promoted
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.capacity.places(self.is_member).leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_and_members_have_places_of_their_own() {
        let capacity = Arc::new(Capacity::new(1, 2));
        let (mut one, mut two) = (capacity.seat(false).unwrap(), capacity.seat(false).unwrap());
        assert!(capacity.seat(false).is_none());
        assert!(one.promote() && one.promote());
        assert!(!two.promote(), "the one place of a member is taken");
        assert!(capacity.seat(true).is_none());
        let three = capacity.seat(false);
        assert!(three.is_some(), "a stranger's place is free again");
        drop(one);
        assert!(two.promote());
    }
}
