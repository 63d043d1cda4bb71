//! Lock-out of addresses that keep presenting wrong keys. Pure; bounded.
//!
//! ## Rule
//! The first wrong key opens a window. When the window holds as many wrong keys
//! as the policy allows, the address is locked out for one window's length from
//! the last of them. Attempts during a lock-out do not prolong it: they cost
//! nothing and learn nothing. A success does not reset the count, or a guesser
//! sharing an address with a working client (or holding a lesser key) could go
//! on for ever. Who holds a valid key never comes here, locked out or not.
//!
//! ## Bounds
//! A set-associative table under a hash seeded at start, so that nobody outside
//! can choose addresses that share a set. When a set is full, an ended entry
//! makes room; else the one with the fewest failures that is *not* locked out
//! (counted). A lock-out is never evicted: when a set holds nothing else, the
//! newcomer cannot be counted, and is answered as locked out until a place is
//! free (counted). That errs on the safe side, and harms no holder of a key.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::client::ClientAddress;
use readings::clock::Mono;

/// Sets times ways: 1024 addresses in 40 KiB, far more than a site has clients.
const SETS: usize = 128;
/// Addresses that may share a set.
const WAYS: usize = 8;

/// When an address is locked out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// Wrong keys that lock an address out.
    pub(super) max_failures: u32,
    /// How long failures count, and how long a lock-out lasts.
    pub(super) window: Duration,
}

/// What became of a wrong key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Counted; so many in the window.
    Counted(u32),
    /// Counted, and the address is locked out from now on.
    LockedOut(u32),
    /// The address was locked out already, until then.
    Blocked(Mono),
}

/// An address that is locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedOut {
    /// The address.
    pub client: ClientAddress,
    /// Wrong keys that led to it.
    pub failures: u32,
    /// How much longer it lasts.
    pub remaining: Duration,
}

/// The table.
pub(super) struct Lockout {
    seed: RandomState,
    sets: Box<[[Failures; WAYS]]>,
    evictions: u64,
    uncounted: u64,
}

/// An address with its failures. A place is free when `ends` has passed.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    client: ClientAddress,
    failures: u32,
    locked: bool,
    /// End of the window, or of the lock-out.
    ends: Mono,
}

impl Lockout {
    pub(super) fn new() -> Lockout {
        Lockout {
            seed: RandomState::new(),
            sets: vec![[Failures::default(); WAYS]; SETS].into_boxed_slice(),
            evictions: 0,
            uncounted: 0,
        }
    }

    /// Takes note of a wrong key from `client`.
    pub(super) fn record_failure(
        &mut self,
        client: ClientAddress,
        policy: Policy,
        now: Mono,
    ) -> Outcome {
        let set = &mut self.sets[self.seed.hash_one(client) as usize % SETS];
        if let Some(entry) = set
            .iter_mut()
            .find(|entry| entry.client == client && entry.is_live(now))
        {
            return entry.fail(policy, now);
        }
        let Some(place) = Failures::place(set, now) else {
            self.uncounted += 1;
            let free = set.iter().map(|entry| entry.ends).min().unwrap_or(now);
            return Outcome::Blocked(free);
        };
        self.evictions += u64::from(place.is_live(now));
        *place = Failures {
            client,
            failures: 0,
            locked: false,
            ends: now.plus(policy.window),
        };
        place.fail(policy, now)
    }

    /// How many addresses are locked out now.
    pub(super) fn locked_out(&self, now: Mono) -> usize {
        self.locked(now).count()
    }

    /// Every address that is locked out now.
    pub(super) fn locked(&self, now: Mono) -> impl Iterator<Item = LockedOut> + '_ {
        self.sets
            .iter()
            .flatten()
            .filter(move |entry| entry.locked && entry.is_live(now))
            .map(move |entry| LockedOut {
                client: entry.client,
                failures: entry.failures,
                remaining: entry.ends.since(now),
            })
    }

    /// Forgets the failures of `client`, if it is locked out; says whether it was.
    pub(super) fn lift(&mut self, client: ClientAddress, now: Mono) -> bool {
        let set = &mut self.sets[self.seed.hash_one(client) as usize % SETS];
        let found = set
            .iter_mut()
            .find(|entry| entry.client == client && entry.locked && entry.is_live(now));
        found.map(std::mem::take).is_some()
    }

    /// Counted addresses forgotten to make room, since start.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Wrong keys answered as locked out for want of a place, since start.
    pub(super) fn uncounted(&self) -> u64 {
        self.uncounted
    }
}

impl Failures {
    fn is_live(&self, now: Mono) -> bool {
        now < self.ends
    }

    fn fail(&mut self, policy: Policy, now: Mono) -> Outcome {
        if self.locked {
            return Outcome::Blocked(self.ends);
        }
        self.failures += 1;
        if self.failures < policy.max_failures {
            return Outcome::Counted(self.failures);
        }
        (self.locked, self.ends) = (true, now.plus(policy.window));
        Outcome::LockedOut(self.failures)
    }

    /// The place a newcomer may take: a free one, else the least failures, and
    /// among those the oldest; never a lock-out.
    fn place(set: &mut [Failures; WAYS], now: Mono) -> Option<&mut Failures> {
        set.iter_mut()
            .filter(|entry| !(entry.locked && entry.is_live(now)))
            .min_by_key(|entry| (entry.is_live(now), entry.failures, entry.ends))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy {
        max_failures: 5,
        window: Duration::from_secs(3600),
    };
    const HOUR_MS: u64 = 3_600_000;

    fn client(n: u32) -> ClientAddress {
        ClientAddress::Whole(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    #[test]
    fn the_fifth_wrong_key_locks_out_for_an_hour() {
        let mut lockout = Lockout::new();
        for n in 1..5 {
            assert_eq!(
                lockout.record_failure(client(1), POLICY, at(n)),
                Outcome::Counted(n as u32)
            );
        }
        assert_eq!(
            lockout.record_failure(client(1), POLICY, at(10)),
            Outcome::LockedOut(5)
        );
        let until = at(10 + HOUR_MS);
        assert_eq!(
            lockout.record_failure(client(1), POLICY, at(9 + HOUR_MS)),
            Outcome::Blocked(until)
        );
        assert_eq!(lockout.locked_out(at(9 + HOUR_MS)), 1);
        assert_eq!(lockout.locked_out(until), 0);
        assert_eq!(
            lockout.record_failure(client(1), POLICY, until),
            Outcome::Counted(1)
        );
        assert_eq!(
            lockout.record_failure(client(2), POLICY, at(11)),
            Outcome::Counted(1)
        );
    }

    #[test]
    fn no_flood_of_addresses_frees_a_lock_out() {
        let mut lockout = Lockout::new();
        for _ in 0..5 {
            lockout.record_failure(client(0), POLICY, at(0));
        }
        // Twenty times the table, each address up to its own lock-out.
        for n in 1..20 * (SETS * WAYS) as u32 {
            for _ in 0..5 {
                lockout.record_failure(client(n), POLICY, at(1));
            }
        }
        assert_eq!(
            lockout.record_failure(client(0), POLICY, at(2)),
            Outcome::Blocked(at(HOUR_MS))
        );
        assert_eq!(lockout.locked_out(at(2)), SETS * WAYS);
        // A newcomer without a place is blocked, not waved through.
        assert!(matches!(
            lockout.record_failure(client(u32::MAX), POLICY, at(2)),
            Outcome::Blocked(_)
        ));
        assert!(lockout.uncounted() > 0);
    }

    #[test]
    fn passers_by_are_evicted_before_repeat_offenders() {
        let mut lockout = Lockout::new();
        for _ in 0..4 {
            lockout.record_failure(client(0), POLICY, at(0));
        }
        for n in 1..20 * (SETS * WAYS) as u32 {
            lockout.record_failure(client(n), POLICY, at(1));
        }
        assert!(lockout.evictions() > 0);
        assert_eq!(
            lockout.record_failure(client(0), POLICY, at(2)),
            Outcome::LockedOut(5)
        );
    }

    #[test]
    fn a_lock_out_is_listed_and_lifted() {
        let mut lockout = Lockout::new();
        for n in 1..=5 {
            lockout.record_failure(client(1), POLICY, at(n));
        }
        lockout.record_failure(client(2), POLICY, at(5));
        let listed: Vec<LockedOut> = lockout.locked(at(1005)).collect();
        let expected = LockedOut {
            client: client(1),
            failures: 5,
            remaining: Duration::from_secs(3599),
        };
        assert_eq!(listed, [expected]);
        assert!(!lockout.lift(client(2), at(1005)), "not locked out");
        assert!(lockout.lift(client(1), at(1005)));
        assert!(!lockout.lift(client(1), at(1005)));
        assert_eq!(
            lockout.record_failure(client(1), POLICY, at(1005)),
            Outcome::Counted(1),
            "it begins anew"
        );
        assert_eq!(
            lockout.record_failure(client(2), POLICY, at(1005)),
            Outcome::Counted(2),
            "others are counted on"
        );
    }

    /// The rule without bounds: every failure of a client, in order.
    #[derive(Default)]
    struct Naive {
        windows: HashMap<u32, (u64, Vec<u64>)>,
        locked_until: HashMap<u32, u64>,
    }

    impl Naive {
        fn fail(&mut self, who: u32, policy: Policy, now: u64) -> Outcome {
            let window = policy.window.as_millis() as u64;
            if let Some(until) = self
                .locked_until
                .get(&who)
                .copied()
                .filter(|until| now < *until)
            {
                return Outcome::Blocked(at(until));
            }
            if self.locked_until.remove(&who).is_some() {
                self.windows.remove(&who);
            }
            let (opened, failures) = self.windows.entry(who).or_insert((now, Vec::new()));
            if now >= *opened + window {
                (*opened, *failures) = (now, Vec::new());
            }
            failures.push(now);
            let count = failures.len() as u32;
            if count < policy.max_failures {
                return Outcome::Counted(count);
            }
            self.locked_until.insert(who, now + window);
            Outcome::LockedOut(count)
        }
    }

    proptest! {
        /// With no more clients than a set has ways nothing is ever evicted,
        /// so the table must agree with the naive model in every answer.
        #[test]
        fn the_table_agrees_with_the_rule(
            max_failures in 1_u32..7,
            steps in prop::collection::vec((0_u32..WAYS as u32, 0_u64..2_000), 1..300),
        ) {
            let policy = Policy { max_failures, window: Duration::from_millis(5_000) };
            let (mut table, mut model, mut now) = (Lockout::new(), Naive::default(), 0);
            for (who, wait) in steps {
                now += wait;
                prop_assert_eq!(table.record_failure(client(who), policy, at(now)), model.fail(who, policy, now));
                let locked = model.locked_until.values().filter(|until| now < **until).count();
                prop_assert_eq!(table.locked_out(at(now)), locked);
            }
            prop_assert_eq!(table.evictions(), 0);
        }
    }
}
