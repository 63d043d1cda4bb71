//! Whether the gateway itself stood still a moment ago: stopped, frozen with its machine,
//! or starved of memory.
//!
//! Whoever asked for something in that time may have given up long ago, and what they
//! asked lies in a socket's buffer all the same, and is read as if it were new: nothing of
//! it says when it was sent. So for a while after a standstill nothing is taken that lifts
//! or moves a drone; what brings one down is, however old. Pure but for [`boot_ms`]; a task
//! looks twice a second, and what is asked before that task runs again is compared with
//! its last look.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use readings::virtual_time;

/// Between two looks.
pub(crate) const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// Longer between two looks is a standstill: a manoeuvre that waits for its turn is too
/// old after this, too. A busy machine is late by less.
const STANDSTILL_MS: u64 = 2_000;

/// For how long after it nothing is taken that may be older than it: as long as it lasted,
/// since a client's system that got no answer waits twice as long each time before it
/// sends again; at least until all that lies in buffers is read, and no longer than anybody
/// waits who has not asked anew.
const DOUBTS_AT_LEAST_MS: u64 = 3_000;
const DOUBTS_AT_MOST_MS: u64 = 15_000;

/// A time in which the gateway did nothing.
#[derive(Clone, Copy, Debug)]
struct Gap {
    ended_ms: u64,
    lasted_ms: u64,
}

#[derive(Debug, Default)]
struct Looks {
    /// When the process was last seen to run; none before the first look.
    last_ms: Option<u64>,
    gap: Option<Gap>,
    is_told: bool,
    count: u64,
}

/// Standstills of the gateway; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Standstills(Arc<Mutex<Looks>>);

impl Standstills {
    /// The process runs at `now_ms` ([`boot_ms`]); for how long it did not, of a standstill
    /// that was not told yet.
    pub(crate) fn look(&self, now_ms: u64) -> Option<Duration> {
        let mut looks = self.looks();
        looks.see(now_ms);
        let is_told = std::mem::replace(&mut looks.is_told, true);
        let untold = looks.gap.filter(|_| !is_told);
        untold.map(|gap| Duration::from_millis(gap.lasted_ms))
    }

    /// How long a standstill lasted that is so recent that what is taken at `now_ms` may
    /// have been asked before it, in ms.
    #[must_use]
    pub(crate) fn lately(&self, now_ms: u64) -> Option<u64> {
        let mut looks = self.looks();
        // Where nobody looks, nothing is known (and a world of tests has its own time).
        looks.last_ms?;
        looks.see(now_ms);
        let gap = looks.gap?;
        let doubts_ms = gap.lasted_ms.clamp(DOUBTS_AT_LEAST_MS, DOUBTS_AT_MOST_MS);
        (now_ms < gap.ended_ms + doubts_ms).then_some(gap.lasted_ms)
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.looks().count
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        // Whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Looks {
    fn see(&mut self, now_ms: u64) {
        let last_ms = self.last_ms.unwrap_or(now_ms);
        self.last_ms = Some(now_ms.max(last_ms));
        let lasted_ms = now_ms.saturating_sub(last_ms);
        if lasted_ms >= STANDSTILL_MS {
            (self.count, self.is_told) = (self.count + 1, false);
            self.gap = Some(Gap {
                ended_ms: now_ms,
                lasted_ms,
            });
        }
    }
}

/// Milliseconds since the machine was booted, sleep included.
pub(crate) fn boot_ms() -> u64 {
    if let Some(time) = virtual_time::here() {
        return time.now_ms;
    }
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (s, ns) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    s.saturating_mul(1_000).saturating_add(ns / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks as the task does, from `from_ms` on.
    fn watch(all: &Standstills, from_ms: u64, until_ms: u64) {
        for at_ms in (from_ms..=until_ms).step_by(500) {
            assert_eq!(all.look(at_ms), None, "{at_ms}");
        }
    }

    fn watched() -> Standstills {
        let all = Standstills::default();
        watch(&all, 0, 10_000);
        all
    }

    #[test]
    fn a_gap_between_looks_is_a_standstill_and_is_doubted_for_as_long_again() {
        let all = watched();
        assert_eq!(all.lately(11_900), None, "a look that is a little late");
        assert_eq!(all.look(18_000), Some(Duration::from_millis(6_100)));
        watch(&all, 18_500, 24_000);
        assert_eq!((all.lately(24_099), all.count()), (Some(6_100), 1));
        assert_eq!(all.lately(24_100), None);
    }

    #[test]
    fn what_is_taken_before_the_next_look_is_doubted_too() {
        let all = watched();
        assert_eq!(all.lately(17_300), Some(7_300));
        let told = Some(Duration::from_millis(7_300));
        assert_eq!(all.look(17_301), told, "told by the task all the same");
        assert_eq!((all.lately(17_400), all.count()), (Some(7_300), 1));
        assert_eq!(all.look(17_500), None, "once");
    }

    #[test]
    fn a_doubt_lasts_three_seconds_at_least_and_fifteen_at_most() {
        for (lasted_ms, doubts_ms) in [(2_000, 3_000), (5_000, 5_000), (3_600_000, 15_000)] {
            let (all, ended_ms) = (watched(), 10_000 + lasted_ms);
            assert!(all.look(ended_ms).is_some());
            watch(&all, ended_ms + 500, ended_ms + doubts_ms - 500);
            assert_eq!(all.lately(ended_ms + doubts_ms - 1), Some(lasted_ms));
            assert_eq!(all.lately(ended_ms + doubts_ms), None, "{lasted_ms}");
        }
    }

    #[test]
    fn where_nobody_looks_nothing_is_known() {
        let all = Standstills::default();
        assert_eq!((all.lately(5), all.lately(60_000)), (None, None));
    }
}
