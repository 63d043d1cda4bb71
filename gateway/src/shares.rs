//! Places that many share: how many there are, and that no one principal takes all.
//!
//! A principal (a key, or an address without one) may take as many as there are while
//! there is room; the last of them are kept for those who have few. The table holds one
//! entry for each principal with a place, so it is no larger than the places are many.
//! Must never wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One in so many places is kept for principals that hold fewer than these.
const KEPT: usize = 8;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Principal {
    /// The holder of a key, by its hash.
    Key([u8; 32]),
    /// Nobody known, from this address.
    Address(IpAddr),
}

/// Places by principal.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    held: Mutex<HashMap<Principal, usize>>,
}

/// A place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    principal: Principal,
}

impl Shares {
    /// A place of `most` for `principal`, if there is one for it.
    pub(crate) fn take(self: &Arc<Shares>, principal: &Principal, most: usize) -> Option<Share> {
        let mut held = self.lock();
        let taken: usize = held.values().sum();
        let own = held.get(principal).copied().unwrap_or_default();
        let kept = (most / KEPT).max(1);
        // (One place alone is whoever's comes first.)
        let is_last = most > 1 && taken + kept >= most;
        if taken >= most || (is_last && own >= kept) {
            return None;
        }
        held.insert(principal.clone(), own + 1);
        Some(Share {
            shares: self.clone(),
            principal: principal.clone(),
        })
    }

    /// Places taken now.
    pub(crate) fn taken(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Principal, usize>> {
        // Counts stay sound even if a holder panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        if let Some(own) = held.get_mut(&self.principal) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(shares: &Arc<Shares>, who: u8, most: usize) -> Vec<Share> {
        let principal = Principal::Key([who; 32]);
        std::iter::from_fn(|| shares.take(&principal, most)).collect()
    }

    #[test]
    fn one_takes_most_and_never_all() {
        for (most, largest) in [(1, 1), (2, 1), (8, 7), (128, 112)] {
            let shares = Arc::<Shares>::default();
            let first = fill(&shares, 1, most);
            assert_eq!(first.len(), largest, "of {most}");
            let second = fill(&shares, 2, most);
            assert_eq!(first.len() + second.len(), most, "the rest is for others");
            assert!(fill(&shares, 3, most).is_empty());
            drop((first, second));
            assert_eq!((shares.taken(), shares.lock().len()), (0, 0));
        }
    }

    #[test]
    fn who_holds_few_gets_a_place_among_many() {
        let shares = Arc::<Shares>::default();
        let _greedy = fill(&shares, 1, 128);
        let others: Vec<_> = (0..16)
            .map(|last| shares.take(&Principal::Address([10, 0, 0, last].into()), 128))
            .collect();
        assert!(others.iter().all(Option::is_some), "{others:?}");
    }
}
