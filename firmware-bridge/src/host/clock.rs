//! From the board's ticks to the host's monotonic time.
//!
//! A frame is never early: host arrival minus board time is the clocks' offset
//! plus a delay that is at least zero. The smallest difference of the last
//! ten to twenty seconds is therefore the best estimate of the offset, and as
//! that window slides it follows the crystals' drift. A clock that stopped (a
//! paused emulator, a debugger) shows as a difference that stays far off, and
//! starts the estimate anew.

/// Length of one of the two windows of which the minimum is taken.
const WINDOW_US: u64 = 10_000_000;

/// A delay longer than this is not the line's.
const STEP_US: i64 = 500_000;

/// So many long delays in a row are a clock that stepped, not a busy line.
const STEP_COUNT: u8 = 4;

/// Maps ticks of one board's run to host time. Pure: time is passed in.
#[derive(Debug, Clone)]
pub struct ClockMap {
    ticks_hz: u32,
    window_started_us: u64,
    previous_us: Option<i64>,
    current_us: Option<i64>,
    far_off: u8,
}

impl ClockMap {
    /// A map that knows nothing yet.
    #[must_use]
    pub fn new(ticks_hz: u32) -> Self {
        Self {
            ticks_hz: ticks_hz.max(1),
            window_started_us: 0,
            previous_us: None,
            current_us: None,
            far_off: 0,
        }
    }

    /// Learns from a stamp that was made just before it was sent, and arrived
    /// now. Stamps that may have waited in a queue are only mapped.
    pub fn observe(&mut self, ticks: u64, now_us: u64) {
        self.learn(signed(now_us) - self.board_us(ticks), now_us);
    }

    /// When the board made this stamp, in host microseconds; never later than
    /// now, and now itself while nothing was learnt.
    #[must_use]
    pub fn map(&self, ticks: u64, now_us: u64) -> u64 {
        self.offset_us().map_or(now_us, |offset| {
            u64::try_from(self.board_us(ticks) + offset)
                .unwrap_or(0)
                .min(now_us)
        })
    }

    /// The estimated offset, host minus board, in microseconds.
    #[must_use]
    pub(crate) fn offset_us(&self) -> Option<i64> {
        match (self.previous_us, self.current_us) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    fn learn(&mut self, difference: i64, now_us: u64) {
        let far_off = self
            .offset_us()
            .is_some_and(|offset| difference - offset > STEP_US);
        self.far_off = if far_off { self.far_off + 1 } else { 0 };
        if self.far_off >= STEP_COUNT {
            *self = Self::new(self.ticks_hz);
        }
        if self.current_us.is_none() || now_us.saturating_sub(self.window_started_us) >= WINDOW_US {
            self.previous_us = self.current_us;
            self.current_us = Some(difference);
            self.window_started_us = now_us;
        } else {
            self.current_us = self.current_us.map(|least| least.min(difference));
        }
    }

    fn board_us(&self, ticks: u64) -> i64 {
        let us = u128::from(ticks) * 1_000_000 / u128::from(self.ticks_hz);
        // Beyond a quarter of a million years of microseconds the stamp is
        // nonsense; capped so that no arithmetic here can overflow.
        i64::try_from(us).unwrap_or(i64::MAX).min(i64::MAX / 4)
    }
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_least_delayed_frame_sets_the_offset() {
        let mut clock = ClockMap::new(1_000);
        // Board time 0 is host time 1 s; delays of 30, 5 and 80 ms.
        let mut heard = |ticks, now| {
            clock.observe(ticks, now);
            clock.map(ticks, now)
        };
        assert_eq!(heard(100, 1_130_000), 1_130_000);
        assert_eq!(heard(200, 1_205_000), 1_205_000);
        assert_eq!(heard(300, 1_380_000), 1_305_000);
        assert_eq!(clock.offset_us(), Some(1_005_000));
    }

    #[test]
    fn drift_is_followed_and_a_stopped_clock_found_out() {
        let mut clock = ClockMap::new(1_000_000);
        // The board's crystal is 100 ppm slow.
        for second in 0..3_600_u64 {
            let now = second * 1_000_000;
            let board = now - second * 100;
            clock.observe(board, now);
            let error = now - clock.map(board, now);
            assert!(error <= 2_000, "{error} us off after {second} s");
        }
        // Paused for a minute.
        let (now, board) = (3_660_000_000, 3_600_000_000);
        for frame in 0..10 {
            clock.observe(board + frame * 100_000, now + frame * 100_000);
        }
        assert_eq!(
            clock.map(board + 1_000_000, now + 1_000_000),
            now + 1_000_000
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_never_maps_into_the_future(
            stamps in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..50),
            ticks_hz in any::<u32>(),
        ) {
            let mut clock = ClockMap::new(ticks_hz);
            for (ticks, now) in stamps {
                clock.observe(ticks, now);
                prop_assert!(clock.map(ticks, now) <= now);
            }
        }
    }
}
