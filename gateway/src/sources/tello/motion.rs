//! What a drone's states show of its motors and of its motion: evidence, no verdict.
//!
//! A single state proves little. Motor time counts whole seconds, so only two
//! states that lie apart tell running motors from standing ones; `h` drifts and
//! may say 10 for ever on the ground; `tof` sees the floor under a drone that
//! is carried. Pure: takes each state with `now`, allocates nothing, and must
//! never know what the drone was told.

use std::time::Duration;

use tello::state::State;

use readings::clock::Mono;

/// How long motors must stand still, without vertical speed, to prove the
/// ground: twice the step of motor time.
pub(super) const GROUND_PROVEN_BY: Duration = Duration::from_secs(2);

/// A floor farther away than this vetoes the ground. It never proves a flight.
const FLOOR_NEAR_CM: u16 = 30;

/// How long that veto lasts while the motors stand still.
const VETO_LASTS: Duration = Duration::from_secs(30);

/// Without a state for so long, what was still before proves nothing.
const GAP: Duration = Duration::from_millis(1_500);

/// How long all speeds must be zero for a drone to stand still: three states.
const STILL_FOR: Duration = Duration::from_millis(300);

/// Speed over ground that no wind makes of a drone which holds its place, in dm/s.
const RACES_DM_S: f64 = 5.0;

/// A drone that was seen to sink is taken to go on sinking for this long.
const SINKS_FOR: Duration = Duration::from_millis(1_500);

/// Height lost between two looks that counts as sinking, in cm: one step of `h`.
const SUNK_BY_CM: i32 = 10;

/// A drone tilted by more than this lies on its back or its side, one by less stands; in
/// degrees. Between the two it is what it was.
const OVER_BY_DEG: u16 = 90;
const UPRIGHT_BY_DEG: u16 = 80;

/// How long it must be over for that to count: a flip takes less.
const OVER_FOR: Duration = Duration::from_secs(1);

/// What the sensor of the floor says of a drone that stands on it, in cm.
const FLOOR_ON_GROUND_CM: i32 = 10;

/// How far the barometer must be above the other heights to be believed in their place,
/// in cm: its noise indoors is about half of this.
const BAROMETER_OFF_BY_CM: i32 = 150;

/// How far apart the two heights of a look lie.
const SINK_WINDOW: Duration = Duration::from_millis(500);

/// The evidence of one drone's states.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Motion {
    heard: Option<Mono>,
    /// When a state last arrived that has all that proves the ground.
    proof_heard: Option<Mono>,
    motor_time_s: Option<u32>,
    /// Since when motor time has its value.
    motors_still_since: Option<Mono>,
    /// When motor time last advanced.
    motors_advanced: Option<Mono>,
    /// Since when no state shows a vertical speed.
    level_since: Option<Mono>,
    /// Since when no state shows any speed.
    still_since: Option<Mono>,
    floor_cm: Option<u16>,
    height_cm: Option<i32>,
    /// A height of a moment ago, to tell sinking by.
    earlier: Option<(Mono, i32)>,
    /// When it was last seen to sink, and from which height.
    sank: Option<(Mono, i32)>,
    /// Since when it races over ground.
    races_since: Option<Mono>,
    /// Since when it is over.
    over_since: Option<Mono>,
    /// The barometer now, and when motor time last stood still on a floor, in cm.
    barometer_cm: Option<i32>,
    ground_cm: Option<i32>,
}

impl Motion {
    /// Takes the next state.
    pub(super) fn take(&mut self, state: &State, now: Mono) {
        if self.heard.is_none_or(|heard| now.since(heard) > GAP) {
            // What lies between is not known: stillness is counted anew.
            self.motors_still_since = self.motor_time_s.map(|_| now);
            (self.level_since, self.still_since) = (None, None);
            self.over_since = self.over_since.map(|_| now);
            self.races_since = None;
        }
        self.heard = Some(now);
        if state.motor_time_s.is_some() && state.velocity_dm_s[2].is_some() {
            self.proof_heard = Some(now);
        }
        if let Some(new) = state.motor_time_s {
            if self.motor_time_s.is_some_and(|old| new > old) {
                self.motors_advanced = Some(now);
            }
            if self.motor_time_s != Some(new) {
                self.motors_still_since = Some(now);
            }
            self.motor_time_s = Some(new);
        }
        let moves = |speed: Option<f64>| speed.is_some_and(|speed| speed != 0.0);
        let [x, y, z] = state.velocity_dm_s.map(moves);
        self.level_since = if z {
            None
        } else {
            self.level_since.or(Some(now))
        };
        self.still_since = if x || y || z {
            None
        } else {
            self.still_since.or(Some(now))
        };
        let races = state
            .speed_cm_s()
            .is_some_and(|cm_s| cm_s >= RACES_DM_S * 10.0);
        self.races_since = races.then(|| self.races_since.unwrap_or(now));
        self.floor_cm = state.floor_cm;
        self.height_cm = state.height_cm.or(self.height_cm);
        self.look_for_sinking(now);
        self.look_for_tilt(state, now);
        self.look_for_barometer(state, now);
    }

    fn look_for_tilt(&mut self, state: &State, now: Mono) {
        let (Some(pitch), Some(roll)) = (state.pitch_deg, state.roll_deg) else {
            return;
        };
        match pitch.unsigned_abs().max(roll.unsigned_abs()) {
            tilt if tilt > OVER_BY_DEG => self.over_since = self.over_since.or(Some(now)),
            tilt if tilt <= UPRIGHT_BY_DEG => self.over_since = None,
            _ => {}
        }
    }

    fn look_for_barometer(&mut self, state: &State, now: Mono) {
        let Some(altitude_m) = state.barometric_m else {
            return;
        };
        let altitude_cm = (altitude_m * 100.0) as i32;
        self.barometer_cm = Some(altitude_cm);
        if self.motors_stand_still(now) {
            self.ground_cm = Some(altitude_cm);
        }
    }

    fn motors_stand_still(&self, now: Mono) -> bool {
        self.motors_still_since
            .is_some_and(|since| now.since(since) >= GROUND_PROVEN_BY)
    }

    /// The sign of `vgz` differs between firmwares, so sinking is told by height. A state
    /// that was overtaken on its way says a height of before: a drone that is seen above
    /// where it sank from climbs.
    fn look_for_sinking(&mut self, now: Mono) {
        let Some(height_cm) = self.height_cm else {
            return;
        };
        let (at, before_cm) = *self.earlier.get_or_insert((now, height_cm));
        if before_cm - height_cm >= SUNK_BY_CM {
            self.sank = Some((now, before_cm));
            self.earlier = Some((now, height_cm));
            return;
        }
        self.sank = self.sank.filter(|(_, from_cm)| height_cm <= *from_cm);
        if now.since(at) >= SINK_WINDOW || height_cm > before_cm {
            self.earlier = Some((now, height_cm));
        }
    }

    /// When a state last arrived.
    pub(super) fn heard(&self) -> Option<Mono> {
        self.heard
    }

    /// Whether a state arrived within `age` before `now`.
    pub(super) fn is_fresh(&self, now: Mono, age: Duration) -> bool {
        self.heard.is_some_and(|heard| now.since(heard) <= age)
    }

    /// When motor time was last seen to advance.
    pub(super) fn motors_advanced(&self) -> Option<Mono> {
        self.motors_advanced
    }

    /// Whether the newest state proves the ground, by stillness since `since` at
    /// the earliest.
    pub(super) fn proves_ground(&self, since: Mono) -> bool {
        let (Some(heard), Some(motors), Some(level)) =
            (self.proof_heard, self.motors_still_since, self.level_since)
        else {
            return false;
        };
        let begun = motors.max(level).max(since);
        // Nothing hovers with standing motors: a floor that stays far is the edge of a
        // box, or a dirty sensor.
        let is_vetoed = self.floor_cm.is_some_and(|cm| cm > FLOOR_NEAR_CM)
            && heard.since(motors.max(since)) < VETO_LASTS;
        heard >= begun && heard.since(begun) >= GROUND_PROVEN_BY && !is_vetoed
    }

    /// Whether it has stood still in the air or on the ground, in states that all
    /// arrived after `since`.
    pub(super) fn stands_still(&self, since: Mono) -> bool {
        let (Some(heard), Some(still)) = (self.heard, self.still_since) else {
            return false;
        };
        let begun = still.max(since);
        heard >= begun && heard.since(begun) >= STILL_FOR
    }

    /// Whether it moves, as the newest state says.
    pub(super) fn moves(&self) -> bool {
        self.heard.is_some() && self.still_since.is_none()
    }

    /// Whether it sinks at `now`.
    pub(super) fn sinks(&self, now: Mono) -> bool {
        self.sank.is_some_and(|(at, _)| now.since(at) <= SINKS_FOR)
    }

    /// For how long it has raced over ground.
    pub(super) fn races_for(&self, now: Mono) -> Duration {
        self.races_since
            .map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Its height as it says, in cm.
    pub(super) fn height_cm(&self) -> Option<i32> {
        self.height_cm
    }

    /// Whether the floor is under its feet: landing gear down, or about to be.
    pub(super) fn is_low(&self) -> bool {
        self.floor_cm.is_some_and(|cm| cm <= FLOOR_NEAR_CM)
    }

    /// Whether its states show it on its back or its side, with standing motors.
    pub(super) fn is_upside_down(&self) -> bool {
        let (Some(heard), Some(over)) = (self.heard, self.over_since) else {
            return false;
        };
        heard.since(over) >= OVER_FOR && self.motors_stand_still(heard)
    }

    /// Whether its states show it upright, as far as they say.
    pub(super) fn is_upright(&self) -> bool {
        self.over_since.is_none()
    }

    /// How high it is over where it took off, for every limit and ceiling, whether a move is
    /// judged by it or a flight is ended: the highest that any sensor says, in cm. `h` may stand still or drift, the floor may be a pit or a table, the
    /// barometer is believed only where it is far above both. None: no sensor says.
    pub(super) fn height_under_ceiling_cm(&self) -> Option<i32> {
        let floor_cm = self.floor_cm.map(|cm| i32::from(cm) - FLOOR_ON_GROUND_CM);
        let height_cm = self.height_cm.max(floor_cm);
        let risen_cm = self
            .barometer_cm
            .zip(self.ground_cm)
            .map(|(now, ground)| now - ground)
            .filter(|risen| *risen > height_cm.unwrap_or(0) + BAROMETER_OFF_BY_CM);
        risen_cm.or(height_cm)
    }

    /// The highest it may be over the floor, by what it last said; in cm.
    pub(super) fn highest_cm(&self) -> Option<u32> {
        let height = self.height_cm.map(|cm| cm.max(0).unsigned_abs());
        height.max(self.floor_cm.map(u32::from))
    }
}

#[cfg(test)]
mod tests {
    use tello::state::parse;

    use super::*;

    fn ms(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    /// States every 100 ms from `from` until `until`, all of the same text.
    fn states(motion: &mut Motion, text: &str, from: u64, until: u64) {
        for at in (from..=until).step_by(100) {
            motion.take(&parse(text.as_bytes()).state, ms(at));
        }
    }

    #[test]
    fn the_ground_takes_two_seconds_of_standing_motors_without_vertical_speed() {
        let mut motion = Motion::default();
        states(&mut motion, "time:40;vgz:0;tof:10;h:10;", 1_000, 2_900);
        assert!(!motion.proves_ground(Mono::ZERO));
        states(&mut motion, "time:40;vgz:0;tof:10;h:10;", 3_000, 3_000);
        assert!(motion.proves_ground(Mono::ZERO));
        assert!(!motion.proves_ground(ms(1_100)), "counted from later on");
        states(&mut motion, "time:40;vgz:2;tof:10;", 3_100, 3_100);
        states(&mut motion, "time:40;vgz:0;tof:10;", 3_200, 5_100);
        assert!(!motion.proves_ground(Mono::ZERO));
        states(&mut motion, "time:41;vgz:0;tof:10;", 5_200, 5_300);
        assert!(!motion.proves_ground(Mono::ZERO), "the motors run");
        assert_eq!(motion.motors_advanced(), Some(ms(5_200)));
    }

    #[test]
    fn a_far_floor_vetoes_the_ground_and_silence_proves_nothing() {
        let mut motion = Motion::default();
        states(&mut motion, "time:40;vgz:0;tof:31;", 0, 4_000);
        assert!(!motion.proves_ground(Mono::ZERO));
        states(&mut motion, "time:40;vgz:0;tof:6553;", 4_100, 4_100);
        assert!(motion.proves_ground(Mono::ZERO), "out of range is no floor");
        let mut silent = Motion::default();
        states(&mut silent, "time:40;vgz:0;", 0, 500);
        assert!(!silent.proves_ground(Mono::ZERO), "whatever the time now");
        assert!(!silent.is_fresh(ms(2_001), Duration::from_millis(1_500)));
    }

    #[test]
    fn what_a_state_does_not_say_proves_no_ground() {
        let mut motion = Motion::default();
        states(&mut motion, "time:40;vgz:0;tof:90;", 0, 900);
        states(&mut motion, "time:41;vgz:0;tof:90;", 1_000, 1_900);
        // Cut by a buffer that is too small: no motor time, no floor.
        states(&mut motion, "vgz:0;", 2_000, 9_000);
        assert!(!motion.proves_ground(Mono::ZERO));
        // One state after a gap proves nothing of the time between.
        states(&mut motion, "time:41;vgz:0;tof:10;", 20_000, 20_000);
        assert!(!motion.proves_ground(Mono::ZERO));
        states(&mut motion, "time:41;vgz:0;tof:10;", 20_100, 22_000);
        assert!(motion.proves_ground(Mono::ZERO));
    }

    #[test]
    fn on_its_back_takes_a_second_and_standing_motors() {
        let mut motion = Motion::default();
        states(&mut motion, "time:40;pitch:0;roll:-179;", 0, 1_900);
        assert!(!motion.is_upside_down(), "the motors may still run");
        states(&mut motion, "time:40;pitch:0;roll:-179;", 2_000, 2_000);
        assert!(motion.is_upside_down() && !motion.is_upright());
        states(&mut motion, "time:40;pitch:0;roll:85;", 2_100, 4_000);
        assert!(motion.is_upside_down(), "neither over nor upright");
        states(&mut motion, "time:40;pitch:-4;roll:80;", 4_100, 4_100);
        assert!(!motion.is_upside_down() && motion.is_upright());
        states(&mut motion, "time:40;pitch:91;roll:0;", 4_200, 5_100);
        assert!(!motion.is_upside_down(), "not for long enough");
        // A flip, in the air.
        let mut flies = Motion::default();
        for second in 0..5 {
            let text = format!("time:{};pitch:0;roll:170;", 40 + second);
            states(&mut flies, &text, second * 1_000, second * 1_000 + 900);
        }
        assert!(!flies.is_upside_down());
    }

    #[test]
    fn a_ceiling_takes_the_highest_that_a_sensor_says() {
        let height = |states: &[&str]| {
            let mut motion = Motion::default();
            for (step, text) in (0..).zip(states) {
                let lasts = if step == 0 { 2_900 } else { 900 };
                self::states(&mut motion, text, step * 3_000, step * 3_000 + lasts);
            }
            motion.height_under_ceiling_cm()
        };
        assert_eq!(height(&["time:9;"]), None);
        assert_eq!(height(&["time:9;h:80;tof:60;"]), Some(80));
        assert_eq!(
            height(&["time:9;h:0;tof:240;"]),
            Some(230),
            "h stands still"
        );
        let ground = "time:9;h:0;tof:10;baro:44.00;";
        assert_eq!(
            height(&[ground, "time:10;h:0;tof:6553;baro:50.00;"]),
            Some(600),
            "out of the sensor's range"
        );
        assert_eq!(
            height(&[ground, "time:10;h:500;tof:6553;baro:49.80;"]),
            Some(500),
            "noise"
        );
    }

    #[test]
    fn standing_still_and_sinking_are_seen() {
        let mut motion = Motion::default();
        states(&mut motion, "vgx:3;vgy:0;vgz:0;h:80;", 0, 1_000);
        assert!(!motion.stands_still(Mono::ZERO));
        states(&mut motion, "vgx:0;vgy:0;vgz:0;h:80;", 1_100, 1_400);
        assert!(motion.stands_still(Mono::ZERO) && !motion.stands_still(ms(1_200)));
        assert!(!motion.sinks(ms(1_400)));
        for (step, height) in [80, 70, 60].into_iter().enumerate() {
            let text = format!("vgz:-4;h:{height};");
            let at = 1_500 + step as u64 * 300;
            states(&mut motion, &text, at, at + 200);
        }
        assert!(motion.sinks(ms(2_300)) && !motion.sinks(ms(3_800)));
        assert_eq!(motion.highest_cm(), Some(60));
    }

    #[test]
    fn what_climbs_does_not_sink_though_its_states_overtake_one_another() {
        let mut motion = Motion::default();
        let mut at = 0;
        let mut take = |height_cm: i32| {
            at += 100;
            let text = format!("vgz:6;h:{height_cm};");
            states(&mut motion, &text, at, at);
            motion.sinks(ms(at))
        };
        for [first, overtaken, newest] in [[100, 90, 110], [120, 110, 130], [140, 120, 150]] {
            take(first);
            take(overtaken);
            assert!(!take(newest), "at {newest} cm");
        }
        // The same on the way down.
        for height_cm in [130, 140, 120, 130, 110, 120] {
            take(height_cm);
        }
        assert!(take(100));
    }
}
