//! What keeps a thing that comes and goes from making a storm of alerts and of writes.
//!
//! Both brakes are on the end of an alert and never on its beginning: one that stands for
//! too long hides nothing, and while it stands its cause raises no further one. So whatever
//! flaps, at whatever pace, what is written in a day is bounded. Pure: takes `now`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use readings::clock::Mono;

/// How long what has come again must stay away before that is its end: the first time
/// none, the second this, then twice as long each time, up to the longest.
const STEADY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// How long it must stay away to be a first time again.
pub(super) const CALM: Duration = Duration::from_secs(30 * 60);

/// Ends at once, and the time after which there is one more. At 38 KB a commit of one
/// alert with its notification, the beginnings and ends of a day that flaps all through
/// are 696 commits and 26 MB; histories take 13 of the 50 MB (`store::tests::budget`).
const ENDS: u32 = 60;
const END_EVERY: Duration = Duration::from_secs(5 * 60);

/// How often something has come, for how long it must stay away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Damping {
    came: u32,
}

impl Damping {
    /// It has come.
    pub(super) fn note(&mut self) {
        self.came = self.came.saturating_add(1);
    }

    /// How often it has come since it was calm.
    pub(super) fn came(self) -> u32 {
        self.came
    }

    /// How long it must stay away now.
    pub(super) fn steady_for(self) -> Duration {
        match self.came {
            0 | 1 => Duration::ZERO,
            came => STEADY
                .0
                .saturating_mul(1 << (came - 2).min(8))
                .min(STEADY.1),
        }
    }
}

/// The ends of alerts that may be written, of rules and conditions together. An end for
/// which there is none left waits, and its alert stands meanwhile.
#[derive(Debug)]
pub(super) struct EndBudget {
    state: Mutex<(u32, Mono)>,
    delayed: AtomicU64,
}

impl Default for EndBudget {
    fn default() -> EndBudget {
        EndBudget {
            state: Mutex::new((ENDS, Mono::ZERO)),
            delayed: AtomicU64::new(0),
        }
    }
}

impl EndBudget {
    /// Whether an alert may end at `now`; if so, it counts as ended.
    pub(super) fn take(&self, now: Mono) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, renewed) = &mut *state;
        while *left < ENDS && now.since(*renewed) >= END_EVERY {
            (*left, *renewed) = (*left + 1, renewed.plus(END_EVERY));
        }
        if *left == ENDS {
            *renewed = now;
        }
        let Some(rest) = left.checked_sub(1) else {
            self.delayed.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        *left = rest;
        true
    }

    /// Whether something else may be written at `now`: the ends keep half to themselves.
    pub(super) fn take_spare(&self, now: Mono) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_spare = state.0 > ENDS / 2;
        drop(state);
        is_spare && self.take(now)
    }

    /// How often an end had to wait; an end that waits is looked at again and again.
    pub(super) fn delayed(&self) -> u64 {
        self.delayed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_and_again_must_stay_away_longer_each_time() {
        let mut damping = Damping::default();
        let waits: Vec<u64> = (0..9)
            .map(|_| {
                damping.note();
                damping.steady_for().as_secs()
            })
            .collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 600, 600]);
    }

    #[test]
    fn a_day_has_so_many_ends_and_no_more() {
        let budget = EndBudget::default();
        let day = (0..24 * 3600).filter(|second| budget.take(Mono::from_millis(second * 1000)));
        let ends = day.count();
        assert!((340..=348).contains(&ends), "{ends}");
        assert!(budget.delayed() > 0);
    }
}
