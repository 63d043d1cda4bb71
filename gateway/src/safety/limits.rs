//! Limits of a flight, by stage: what is exceeded, at a look.
//!
//! Pure: takes what is seen of a drone, and `now`. Two states in a row have to say the
//! same: one may be a bit that fell over. Commands nothing; battery limits are the guard's.

use std::time::Duration;

use readings::clock::Mono;

use crate::config::FlightLimits;

/// States in a row that have to say that a limit is exceeded.
const SAMPLES: u8 = 2;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitKind {
    Height,
    FlightTime,
    Tilt,
}

impl LimitKind {
    pub(super) const ALL: [LimitKind; 3] =
        [LimitKind::Height, LimitKind::FlightTime, LimitKind::Tilt];

    /// Key of the condition that it is exceeded.
    pub(super) const fn condition(self) -> &'static str {
        match self {
            LimitKind::Height => "drone_height_limit",
            LimitKind::FlightTime => "drone_flight_time_limit",
            LimitKind::Tilt => "drone_tilt_limit",
        }
    }

    /// What is limited, the ending of its keys, and its unit.
    pub(super) const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            LimitKind::Height => ("height", "height_cm", "cm"),
            LimitKind::FlightTime => ("flight time", "flight_time_s", "s"),
            LimitKind::Tilt => ("tilt", "tilt_deg", "°"),
        }
    }

    /// Where the two stages begin.
    pub(super) fn stages(self, limits: &FlightLimits) -> [Option<u16>; 2] {
        match self {
            LimitKind::Height => [limits.warn_height_cm, limits.land_height_cm],
            LimitKind::FlightTime => [limits.warn_flight_time_s, limits.land_flight_time_s],
            LimitKind::Tilt => [limits.warn_tilt_deg, limits.land_tilt_deg],
        }
    }
}

/// How far a limit is exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) warn: bool,
    pub(super) land: bool,
}

/// What is seen of a drone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LimitSeen {
    pub(super) flies: bool,
    /// When its newest state arrived, unless that is an old one.
    pub(super) sampled: Option<Mono>,
    /// The height that moves are judged by, too: see `DroneView`.
    pub(super) height_cm: Option<i32>,
    pub(super) attitude_deg: Option<[i32; 3]>,
}

/// The limits of one drone, and its flight.
#[derive(Clone, Debug, Default)]
pub(super) struct DroneLimits {
    pub(super) limits: FlightLimits,
    /// Since when it is seen to fly.
    since: Option<Mono>,
    sampled: Option<Mono>,
    /// States in a row beyond each stage of each limit.
    beyond: [[u8; 2]; LimitKind::ALL.len()],
}

impl DroneLimits {
    pub(super) fn new(limits: FlightLimits) -> DroneLimits {
        DroneLimits {
            limits,
            ..DroneLimits::default()
        }
    }

    /// Whether there is anything to look for.
    pub(super) fn is_set(&self) -> bool {
        let mut stages = LimitKind::ALL
            .iter()
            .flat_map(|kind| kind.stages(&self.limits));
        stages.any(|stage| stage.is_some())
    }

    /// Looks at a drone; what is exceeded, in the order of the kinds.
    pub(super) fn look(&mut self, seen: LimitSeen, now: Mono) -> [Exceeded; 3] {
        if !seen.flies {
            *self = DroneLimits::new(self.limits);
            return Default::default();
        }
        let flown = now.since(*self.since.get_or_insert(now));
        let is_new = seen.sampled.is_some() && seen.sampled != self.sampled;
        self.sampled = seen.sampled.or(self.sampled);
        let mut found = [Exceeded::default(); LimitKind::ALL.len()];
        for (place, kind) in LimitKind::ALL.into_iter().enumerate() {
            let stages = kind.stages(&self.limits);
            let value = value(kind, seen, flown);
            let is_sample = is_new || kind == LimitKind::FlightTime;
            for (beyond, stage) in self.beyond[place].iter_mut().zip(stages) {
                match (value, stage) {
                    (Some(value), Some(stage)) if is_sample => {
                        let exceeds = value > i64::from(stage);
                        *beyond = if exceeds { beyond.saturating_add(1) } else { 0 };
                    }
                    (_, Some(_)) => {}
                    (_, None) => *beyond = 0,
                }
            }
            let [warn, land] = self.beyond[place].map(|beyond| beyond >= SAMPLES);
            found[place] = Exceeded { warn, land };
        }
        found
    }
}

fn value(kind: LimitKind, seen: LimitSeen, flown: Duration) -> Option<i64> {
    match kind {
        LimitKind::Height => seen.height_cm.map(i64::from),
        LimitKind::FlightTime => i64::try_from(flown.as_secs()).ok(),
        LimitKind::Tilt => seen
            .attitude_deg
            .map(|[pitch, roll, _]| i64::from(pitch.unsigned_abs().max(roll.unsigned_abs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FlightLimits = FlightLimits {
        warn_height_cm: Some(200),
        land_height_cm: Some(300),
        pad_distance_cm: None,
        warn_flight_time_s: None,
        land_flight_time_s: Some(60),
        warn_tilt_deg: Some(30),
        land_tilt_deg: Some(45),
        warn_battery_pct: None,
        takeoff_battery_pct: None,
        land_battery_pct: None,
    };

    /// A state of a flying drone at that millisecond.
    fn seen(ms: u64, height_cm: i32, tilt: i32) -> (LimitSeen, Mono) {
        let at = Mono::from_millis(ms);
        let seen = LimitSeen {
            flies: true,
            sampled: Some(at),
            height_cm: Some(height_cm),
            attitude_deg: Some([0, tilt, 0]),
        };
        (seen, at)
    }

    fn stages(found: [Exceeded; 3]) -> [(bool, bool); 3] {
        found.map(|found| (found.warn, found.land))
    }

    #[test]
    fn each_stage_takes_two_states_in_a_row() {
        let mut limits = DroneLimits::new(LIMITS);
        let mut look = |ms, height, tilt| {
            let (seen, now) = seen(ms, height, tilt);
            stages(limits.look(seen, now))
        };
        let none = (false, false);
        assert_eq!(look(0, 200, 30), [none; 3], "at a limit is within it");
        assert_eq!(look(100, 250, 0), [none; 3]);
        assert_eq!(look(200, 150, 0), [none; 3], "one alone");
        assert_eq!(look(300, 250, -50), [none; 3]);
        assert_eq!(look(300, 250, -50), [none; 3], "the same state again");
        assert_eq!(look(400, 350, -50), [(true, false), none, (true, true)]);
        assert_eq!(look(500, 350, 0), [(true, true), none, none]);
        assert_eq!(look(600, 150, 0), [none; 3]);
    }

    #[test]
    fn flight_time_counts_from_where_it_was_seen_to_fly_and_ends_on_the_ground() {
        let mut limits = DroneLimits::new(LIMITS);
        let mut at = |ms, flies| {
            let (mut seen, now) = seen(ms, 100, 0);
            seen.flies = flies;
            limits.look(seen, now)[1].land
        };
        assert!(!at(1_000, true) && !at(61_000, true) && !at(62_000, true));
        assert!(at(62_100, true));
        assert!(!at(63_000, false) && !at(64_000, true) && !at(124_000, true));
    }

    #[test]
    fn an_old_state_is_no_sample() {
        let mut limits = DroneLimits::new(LIMITS);
        let (fresh, now) = seen(0, 350, 0);
        limits.look(fresh, now);
        let stale = LimitSeen {
            sampled: None,
            ..fresh
        };
        assert_eq!(stages(limits.look(stale, now))[0], (false, false));
    }
}
