//! The newest calls, one by one: a ring of 16 bytes a call.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::statistics::{CallSample, RouteId};
use readings::clock::Mono;

/// Calls kept (contract 1.8): 160 KB, taken once.
const CAPACITY: usize = 10_000;
/// Age at which `optimise` drops a call.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The ring; the oldest call makes room.
pub(super) struct Calls {
    ring: VecDeque<Packed>,
}

/// A call in 16 bytes.
#[derive(Clone, Copy)]
struct Packed {
    /// Milliseconds since 1970 in the upper 48 bits (enough for 8900 years),
    /// then 15 bits of route, then the success.
    stamp: u64,
    /// For its age: the wall clock may jump.
    ended_s: u32,
    duration_s: f32,
}

const _: () = assert!(size_of::<Packed>() == 16);

impl Packed {
    fn new(sample: &CallSample, now: Mono) -> Packed {
        let millis = sample.at.as_millisecond().clamp(0, (1 << 48) - 1) as u64;
        let route = u64::from(sample.route.0 & 0x7fff);
        Packed {
            stamp: millis << 16 | route << 1 | u64::from(sample.success),
            ended_s: seconds(now),
            duration_s: sample.duration_s,
        }
    }

    fn unpack(self) -> CallSample {
        CallSample {
            route: RouteId((self.stamp >> 1 & 0x7fff) as u16),
            at: Timestamp::from_millisecond((self.stamp >> 16) as i64)
                .unwrap_or(Timestamp::UNIX_EPOCH),
            duration_s: self.duration_s,
            success: self.stamp & 1 == 1,
        }
    }
}

fn seconds(now: Mono) -> u32 {
    u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX)
}

impl Calls {
    pub(super) fn new() -> Calls {
        Calls {
            ring: VecDeque::with_capacity(CAPACITY),
        }
    }

    pub(super) fn push(&mut self, sample: &CallSample, now: Mono) {
        if self.ring.len() == CAPACITY {
            self.ring.pop_front();
        }
        self.ring.push_back(Packed::new(sample, now));
    }

    /// Every call kept, oldest first. Times are kept to the millisecond.
    pub(super) fn samples(&self) -> Vec<CallSample> {
        self.ring.iter().map(|packed| packed.unpack()).collect()
    }

    /// Drops calls older than an hour; how many there were. `dry_run` only counts.
    pub(super) fn forget(&mut self, now: Mono, dry_run: bool) -> usize {
        let limit = u64::from(seconds(now));
        let old = self
            .ring
            .partition_point(|call| u64::from(call.ended_s) + MAX_AGE.as_secs() <= limit);
        if !dry_run {
            self.ring.drain(..old);
        }
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: u16) -> CallSample {
        CallSample {
            route: RouteId(n),
            at: Timestamp::from_millisecond(1_738_314_902_123 + i64::from(n)).expect("in range"),
            duration_s: f32::from(n) / 1000.0,
            success: n.is_multiple_of(2),
        }
    }

    #[test]
    fn a_call_comes_out_as_it_went_in() {
        let mut calls = Calls::new();
        for n in [0, 1, 255, 32_767] {
            calls.push(&sample(n), Mono::ZERO);
            assert_eq!(calls.samples().last(), Some(&sample(n)));
        }
    }

    #[test]
    fn the_newest_are_kept_and_the_memory_with_them() {
        let mut calls = Calls::new();
        let capacity = calls.ring.capacity();
        for n in 0..12_000 {
            calls.push(&sample(n), Mono::ZERO);
        }
        let samples = calls.samples();
        assert_eq!(
            (samples.len(), samples[0], samples[9_999]),
            (CAPACITY, sample(2_000), sample(11_999))
        );
        assert_eq!(calls.ring.capacity(), capacity);
    }

    #[test]
    fn calls_older_than_an_hour_are_dropped() {
        let mut calls = Calls::new();
        for n in 0..10 {
            calls.push(&sample(n), Mono::from_millis(u64::from(n) * 1000));
        }
        let now = Mono::from_millis(3_604_000);
        assert_eq!(calls.forget(now, true), 5);
        assert_eq!(calls.forget(now, false), 5);
        assert_eq!(calls.samples()[0], sample(5));
        assert_eq!(calls.forget(now, false), 0);
    }
}
