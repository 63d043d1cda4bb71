//! Rate limits: token buckets in a fixed table. Pure; bounded.
//!
//! ## Rule
//! A bucket holds one minute's allowance. The first request opens a minute, and
//! each request takes a token; a minute later the whole bucket is full again.
//! So a burst of the whole limit passes, and request `limit + 1` within the
//! minute is refused however slowly the others came: what the documented fixed
//! 60 s window promises. A bucket that refills drop by drop (GCRA) would let a
//! slow client through there. Either way, at most twice the limit passes in any
//! 60 seconds.
//!
//! ## Bounds
//! A set-associative table under a hash seeded at start; a bucket keeps only
//! the 64-bit hash of its owner. When a set is full, a bucket whose minute is
//! over makes room; else the least used one (counted). An exhausted bucket is
//! therefore the last to go: a client cannot win a fresh one by flooding the
//! table with addresses that each ask less.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::decision::RateVerdict;
use readings::clock::Mono;

/// Sets times ways: 2048 buckets in about 50 KiB. A client of the pages uses
/// up to four.
const SETS: usize = 256;
/// Buckets that may share a set.
const WAYS: usize = 8;
/// What the limits are counted over.
const WINDOW: Duration = Duration::from_secs(60);

/// The table.
pub(super) struct RateTable {
    seed: RandomState,
    /// One small lock a set: two clients meet at one only by chance.
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
    evictions: AtomicU64,
}

/// A bucket; free when nothing was taken, or its minute is over.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    owner: u64,
    opened: Mono,
    taken: u32,
}

impl Bucket {
    fn is_live(&self, now: Mono) -> bool {
        self.taken > 0 && now.since(self.opened) < WINDOW
    }

    fn take(&mut self, limit: u32, now: Mono) -> RateVerdict {
        let allowed = self.taken < limit;
        self.taken += u32::from(allowed);
        let rest = WINDOW.saturating_sub(now.since(self.opened));
        RateVerdict {
            allowed,
            limit,
            remaining: limit.saturating_sub(self.taken),
            // Rounded up: who waits this long is let in.
            reset_s: rest.as_millis().div_ceil(1000) as u32,
        }
    }
}

impl RateTable {
    pub(super) fn new() -> RateTable {
        RateTable {
            seed: RandomState::new(),
            sets: (0..SETS)
                .map(|_| Mutex::new([Bucket::default(); WAYS]))
                .collect(),
            evictions: AtomicU64::new(0),
        }
    }

    /// Takes a token from the bucket of `owner`; a limit of 0 is none.
    pub(super) fn take(&self, owner: impl Hash, limit: u32, now: Mono) -> RateVerdict {
        if limit == 0 {
            return RateVerdict {
                allowed: true,
                limit: 0,
                remaining: 0,
                reset_s: 0,
            };
        }
        let owner = self.seed.hash_one(owner);
        // A panic cannot leave a bucket half changed: poison means nothing here.
        let mut set = self.sets[owner as usize % SETS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bucket = match set
            .iter()
            .position(|bucket| bucket.owner == owner && bucket.is_live(now))
        {
            Some(index) => &mut set[index],
            None => self.open(&mut set, owner, now),
        };
        bucket.take(limit, now)
    }

    /// Buckets forgotten to make room, since start.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    fn open<'set>(&self, set: &'set mut [Bucket; WAYS], owner: u64, now: Mono) -> &'set mut Bucket {
        let mut place = 0;
        for index in 1..WAYS {
            let rank = |bucket: &Bucket| (bucket.is_live(now), bucket.taken, bucket.opened);
            if rank(&set[index]) < rank(&set[place]) {
                place = index;
            }
        }
        if set[place].is_live(now) {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        set[place] = Bucket {
            owner,
            opened: now,
            taken: 0,
        };
        &mut set[place]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    #[test]
    fn the_101st_within_a_minute_is_refused_however_slowly_they_came() {
        for step_ms in [0, 1, 500, 599] {
            let table = RateTable::new();
            for n in 0..100 {
                let verdict = table.take("client", 100, at(n * step_ms));
                assert!(verdict.allowed, "request {n} every {step_ms} ms");
                assert_eq!((verdict.limit, verdict.remaining), (100, 99 - n as u32));
            }
            let refused = table.take("client", 100, at(100 * step_ms));
            assert!(!refused.allowed && refused.remaining == 0);
            assert!(refused.reset_s >= 1);
            assert!(table.take("another", 100, at(100 * step_ms)).allowed);
            let later = at(100 * step_ms + u64::from(refused.reset_s) * 1000);
            assert!(
                table.take("client", 100, later).allowed,
                "who waits as told is let in"
            );
        }
    }

    #[test]
    fn no_limit_takes_no_place() {
        let table = RateTable::new();
        assert_eq!(
            table.take("client", 0, at(0)),
            RateVerdict {
                allowed: true,
                limit: 0,
                remaining: 0,
                reset_s: 0
            }
        );
        assert!(table.sets.iter().all(|set| {
            set.lock()
                .expect("no panic")
                .iter()
                .all(|bucket| bucket.taken == 0)
        }));
    }

    #[test]
    fn a_flood_of_addresses_does_not_refill_an_exhausted_bucket() {
        let table = RateTable::new();
        for _ in 0..100 {
            assert!(table.take("greedy", 100, at(0)).allowed);
        }
        for n in 0..100 * (SETS * WAYS) as u64 {
            assert!(table.take(n, 100, at(1)).allowed);
        }
        assert!(table.evictions() > 0);
        assert!(!table.take("greedy", 100, at(2)).allowed);
    }

    #[test]
    fn a_lowered_limit_holds_at_once() {
        let table = RateTable::new();
        for _ in 0..50 {
            assert!(table.take("client", 100, at(0)).allowed);
        }
        let verdict = table.take("client", 20, at(1));
        assert_eq!((verdict.allowed, verdict.remaining), (false, 0));
    }

    proptest! {
        /// With no more owners than ways nothing is evicted: the table must
        /// agree with a plain map of windows.
        #[test]
        fn the_table_agrees_with_plain_windows(
            limit in 1_u32..6,
            steps in prop::collection::vec((0_u8..WAYS as u8, 0_u64..20_000), 1..300),
        ) {
            let (table, mut windows, mut now) = (RateTable::new(), HashMap::new(), 0);
            for (owner, wait) in steps {
                now += wait;
                let (opened, taken) = windows.entry(owner).or_insert((now, 0));
                if now >= *opened + 60_000 {
                    (*opened, *taken) = (now, 0);
                }
                let allowed = *taken < limit;
                *taken += u32::from(allowed);
                let verdict = table.take(owner, limit, at(now));
                prop_assert_eq!(verdict.allowed, allowed);
                prop_assert_eq!(verdict.remaining, limit - *taken);
                prop_assert_eq!(u64::from(verdict.reset_s), (*opened + 60_000 - now).div_ceil(1000));
            }
            prop_assert_eq!(table.evictions(), 0);
        }
    }
}
