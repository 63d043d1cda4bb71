//! Which step a reading falls into, and which wall time a step has.
//!
//! Steps are numbered on the monotonic clock, shifted once (at the first
//! reading) so that their borders fall on whole wall minutes and seconds. The
//! difference between the two clocks is followed; stamps are computed from it
//! when a history is read. So when a board without a clock battery learns the
//! time, everything recorded in this run is stamped correctly from then on.
//! Separate from the rings because it is the only place that knows both clocks.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

use crate::clock::Mono;

/// Milliseconds of a second step.
pub(super) const SECOND_MS: u64 = 1_000;
/// Milliseconds of a minute step.
pub(super) const MINUTE_MS: u64 = 60_000;
/// Changes of the clocks' difference below this are jitter between two clock
/// reads, not a jump: both clocks are slewed together.
const JUMP_MS: u64 = 500;
/// 2024-01-01: a wall clock before it was never set.
const PLAUSIBLE_FROM_MS: i64 = 1_704_067_200_000;
/// `phase_ms` before the first reading.
const UNSET: u64 = u64::MAX;

/// The relation of the two clocks, shared by all sources.
pub(super) struct Timeline {
    /// Added to the monotonic clock it puts step borders on whole wall minutes.
    phase_ms: AtomicU64,
    /// Wall clock minus monotonic clock.
    offset_ms: AtomicI64,
    /// Newest monotonic time seen.
    newest_ms: AtomicU64,
    jumps: AtomicU64,
}

/// The relation at one moment: all stamps of one answer use the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    phase_ms: u64,
    offset_ms: i64,
    newest_ms: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Timeline {
            phase_ms: AtomicU64::new(UNSET),
            offset_ms: AtomicI64::new(0),
            newest_ms: AtomicU64::new(0),
            jumps: AtomicU64::new(0),
        }
    }
}

impl Timeline {
    /// Notes that the monotonic clock showed `now` when the wall clock showed `wall`.
    pub(super) fn observe(&self, now: Mono, wall: Timestamp) -> Frame {
        let offset = wall
            .as_millisecond()
            .saturating_sub_unsigned(now.as_millis());
        if self.phase_ms.load(Ordering::Acquire) == UNSET {
            self.offset_ms.store(offset, Ordering::Relaxed);
            let phase = offset.rem_euclid(MINUTE_MS as i64) as u64;
            // Two first readings at once: one phase wins and both use it.
            let _ =
                self.phase_ms
                    .compare_exchange(UNSET, phase, Ordering::AcqRel, Ordering::Acquire);
        } else if offset.abs_diff(self.offset_ms.load(Ordering::Relaxed)) > JUMP_MS {
            self.offset_ms.store(offset, Ordering::Relaxed);
            self.jumps.fetch_add(1, Ordering::Relaxed);
        }
        self.newest_ms.fetch_max(now.as_millis(), Ordering::Relaxed);
        self.frame()
    }

    pub(super) fn frame(&self) -> Frame {
        let phase = self.phase_ms.load(Ordering::Acquire);
        Frame {
            phase_ms: if phase == UNSET { 0 } else { phase },
            offset_ms: self.offset_ms.load(Ordering::Relaxed),
            newest_ms: self.newest_ms.load(Ordering::Relaxed),
        }
    }

    pub(super) fn jumps(&self) -> u64 {
        self.jumps.load(Ordering::Relaxed)
    }
}

impl Frame {
    /// Number of the step of `step_ms` that holds `now`.
    pub(super) fn step(&self, now: Mono, step_ms: u64) -> u32 {
        // 32 bits of seconds are 136 years of uptime.
        (now.as_millis().saturating_add(self.phase_ms) / step_ms) as u32
    }

    /// Number of the newest step.
    pub(super) fn newest_step(&self, step_ms: u64) -> u32 {
        self.step(Mono::from_millis(self.newest_ms), step_ms)
    }

    /// Start of a step in whole steps since 1970 (minutes for minute steps).
    ///
    /// Rounded: after a jump that is no whole minute, borders and wall minutes
    /// differ by up to half a step. Neighbours stay exactly one apart.
    pub(super) fn stamp(&self, step: u32, step_ms: u64) -> i64 {
        let start = i64::from(step) * step_ms as i64 - self.phase_ms as i64;
        (start
            .saturating_add(self.offset_ms)
            .saturating_add(step_ms as i64 / 2))
        .div_euclid(step_ms as i64)
    }

    /// Whether the wall clock can be right at all.
    pub(super) fn is_plausible(&self, now: Mono) -> bool {
        self.offset_ms.saturating_add_unsigned(now.as_millis()) >= PLAUSIBLE_FROM_MS
    }
}
