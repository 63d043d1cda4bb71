//! Statistics of one route: counts since start, and the recent calls.
//!
//! Recent calls are kept in two generations of an hour each. A generation is
//! dropped when its newest call is an hour old (by the next call, or by
//! `optimise` on a route without any), so no call is forgotten before its hour
//! is over and none is kept longer than two. That is how "drop call records
//! older than an hour" is kept with fixed memory: a histogram cannot forget
//! single calls.
//!
//! A route takes its two histograms (about 10 KiB each) with its first call;
//! after that nothing is allocated. Recording takes one short lock of that
//! route alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::statistics::RouteStats;
use readings::clock::Mono;

/// How long a call is remembered at least, and how long a generation takes calls.
const GENERATION: Duration = Duration::from_secs(3600);
/// Longest duration told apart; no request is allowed to take longer.
const LONGEST_US: u64 = 60_000_000;
/// Two digits: a quantile is at most 1 % off.
const DIGITS: u8 = 2;

/// One route.
#[derive(Default)]
pub(super) struct RouteRecorder {
    calls: AtomicU64,
    errors: AtomicU64,
    recent: Mutex<Option<Box<Recent>>>,
}

struct Recent {
    current: Generation,
    previous: Generation,
}

struct Generation {
    opened: Mono,
    newest: Mono,
    tally: Tally,
}

/// What is known of a number of calls.
pub(super) struct Tally {
    calls: u64,
    errors: u64,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
    durations: Histogram<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        let durations = Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
            .expect("the bounds are valid constants");
        Tally {
            calls: 0,
            errors: 0,
            sum_us: 0,
            min_us: u64::MAX,
            max_us: 0,
            durations,
        }
    }
}

impl Tally {
    fn record(&mut self, success: bool, elapsed_us: u64) {
        self.calls += 1;
        self.errors += u64::from(!success);
        self.sum_us = self.sum_us.saturating_add(elapsed_us);
        self.min_us = self.min_us.min(elapsed_us);
        self.max_us = self.max_us.max(elapsed_us);
        self.durations.saturating_record(elapsed_us);
    }

    fn clear(&mut self) {
        (self.calls, self.errors, self.sum_us) = (0, 0, 0);
        (self.min_us, self.max_us) = (u64::MAX, 0);
        self.durations.reset();
    }

    fn add(&mut self, other: &Tally) {
        if other.calls == 0 {
            return;
        }
        self.calls += other.calls;
        self.errors += other.errors;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
        self.durations
            .add(&other.durations)
            .expect("all tallies have the same bounds");
    }

    /// The statistics; none without a call.
    pub(super) fn stats(&self) -> Option<RouteStats> {
        let ms = |us: u64| us as f64 / 1e3;
        // A quantile is the top of its bucket: never more than what was seen.
        let quantile = |q| {
            ms(self
                .durations
                .value_at_quantile(q)
                .clamp(self.min_us, self.max_us))
        };
        (self.calls > 0).then(|| RouteStats {
            calls: self.calls,
            errors: self.errors,
            mean_ms: ms(self.sum_us) / self.calls as f64,
            min_ms: ms(self.min_us),
            max_ms: ms(self.max_us),
            p50_ms: quantile(0.50),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        })
    }
}

impl Generation {
    fn new(now: Mono) -> Generation {
        Generation {
            opened: now,
            newest: now,
            tally: Tally::default(),
        }
    }

    fn is_forgotten(&self, now: Mono) -> bool {
        self.tally.calls > 0 && now.since(self.newest) >= GENERATION
    }
}

impl Recent {
    /// Opens a new generation when the current one has had its hour, and drops
    /// the previous one when all of it is an hour old.
    fn turn(&mut self, now: Mono) {
        if now.since(self.current.opened) >= GENERATION {
            // What is cleared here ended before the current generation began.
            std::mem::swap(&mut self.current, &mut self.previous);
            self.current.tally.clear();
            self.current.opened = now;
        }
        if self.previous.is_forgotten(now) {
            self.previous.tally.clear();
        }
    }
}

impl RouteRecorder {
    pub(super) fn record(&self, success: bool, elapsed: Duration, now: Mono) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors
            .fetch_add(u64::from(!success), Ordering::Relaxed);
        let mut recent = self.lock();
        let recent = recent.get_or_insert_with(|| {
            Box::new(Recent {
                current: Generation::new(now),
                previous: Generation::new(now),
            })
        });
        recent.turn(now);
        recent.current.newest = now;
        recent.current.tally.record(
            success,
            u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        );
    }

    /// Calls and errors since start; these never go down.
    pub(super) fn since_start(&self) -> (u64, u64) {
        (
            self.calls.load(Ordering::Relaxed),
            self.errors.load(Ordering::Relaxed),
        )
    }

    /// Adds the recent calls to `sum`.
    pub(super) fn add_to(&self, sum: &mut Tally) {
        if let Some(recent) = &*self.lock() {
            sum.add(&recent.current.tally);
            sum.add(&recent.previous.tally);
        }
    }

    /// Forgets generations without a call in the last hour; how many calls
    /// they held. `dry_run` only counts.
    pub(super) fn forget(&self, now: Mono, dry_run: bool) -> u64 {
        let mut recent = self.lock();
        let Some(recent) = recent.as_mut() else {
            return 0;
        };
        let mut forgotten = 0;
        for generation in [&mut recent.current, &mut recent.previous] {
            if generation.is_forgotten(now) {
                forgotten += generation.tally.calls;
                if !dry_run {
                    generation.tally.clear();
                }
            }
        }
        forgotten
    }

    /// A panic cannot leave more than a call half counted: poison means nothing.
    fn lock(&self) -> MutexGuard<'_, Option<Box<Recent>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn minute(n: u64) -> Mono {
        Mono::from_millis(n * MINUTE_MS)
    }

    fn stats(recorder: &RouteRecorder) -> Option<RouteStats> {
        let mut sum = Tally::default();
        recorder.add_to(&mut sum);
        sum.stats()
    }

    #[test]
    fn counts_means_and_quantiles_are_those_of_the_calls() {
        let recorder = RouteRecorder::default();
        assert_eq!(stats(&recorder), None);
        for ms in 1..=100 {
            recorder.record(ms > 5, Duration::from_millis(ms), minute(0));
        }
        let stats = stats(&recorder).expect("called");
        assert_eq!((stats.calls, stats.errors), (100, 5));
        assert_eq!(
            (stats.min_ms, stats.max_ms, stats.mean_ms),
            (1.0, 100.0, 50.5)
        );
        for (quantile, expected) in [
            (stats.p50_ms, 50.0),
            (stats.p95_ms, 95.0),
            (stats.p99_ms, 99.0),
        ] {
            assert!(
                (quantile - expected).abs() <= expected * 0.011,
                "{quantile} for {expected}"
            );
        }
    }

    #[test]
    fn absurd_durations_are_counted_too() {
        let recorder = RouteRecorder::default();
        recorder.record(true, Duration::ZERO, minute(0));
        recorder.record(true, Duration::MAX, minute(0));
        let stats = stats(&recorder).expect("called");
        assert_eq!((stats.calls, stats.min_ms), (2, 0.0));
    }

    #[test]
    fn a_call_is_forgotten_after_its_hour_and_not_before() {
        let recorder = RouteRecorder::default();
        recorder.record(true, Duration::from_millis(1), minute(0));
        assert_eq!(recorder.forget(minute(59), false), 0);
        assert_eq!(recorder.forget(minute(60), true), 1);
        assert_eq!(
            stats(&recorder).map(|stats| stats.calls),
            Some(1),
            "only asked"
        );
        assert_eq!(recorder.forget(minute(60), false), 1);
        assert_eq!(stats(&recorder), None);
        assert_eq!(recorder.forget(minute(61), false), 0);
        assert_eq!(
            recorder.since_start(),
            (1, 0),
            "what /metrics counts never goes down"
        );
    }

    proptest! {
        /// Whatever happens, what is remembered lies between the calls of the
        /// last hour and those of the last two.
        #[test]
        fn no_call_is_forgotten_early(gaps in prop::collection::vec((0_u64..150, any::<bool>()), 1..200)) {
            let recorder = RouteRecorder::default();
            let (mut now, mut times) = (0, Vec::new());
            for (gap, forget) in gaps {
                now += gap;
                if forget {
                    recorder.forget(minute(now), false);
                } else {
                    recorder.record(true, Duration::from_millis(3), minute(now));
                    times.push(now);
                }
                let kept = stats(&recorder).map_or(0, |stats| stats.calls) as usize;
                let younger = |age: u64| times.iter().filter(|time| now - **time < age).count();
                prop_assert!(kept >= younger(60), "{} of {} young calls", kept, younger(60));
                prop_assert!(kept <= younger(120), "{} kept, {} of two hours", kept, younger(120));
            }
        }
    }
}
