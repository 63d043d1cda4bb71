//! What is believed of a drone's flight: from evidence, through silence, to an end.
//!
//! Evidence comes from [`Motion`]; this adds what the drone was told and how long
//! it has been silent. `Landed` needs proof of the ground. A drone that goes
//! silent keeps the last that was known, until its battery cannot have lasted:
//! a belief without an end would block updates for ever. Pure.

use std::time::Duration;

use readings::clock::Mono;

use super::super::motion::Motion;
use crate::sources::vehicles::{Basis, Flight, Phase};

/// How long after it was told to take off a drone may stand still: it spins up
/// for a second, and motor time counts whole ones.
const TAKEOFF_SHOWS_WITHIN: Duration = Duration::from_secs(3);

/// Flight that one percent of charge pays for at most. A full battery lasts 13
/// minutes by the maker's word (7.8 s a percent); the slowest drain counts here.
const FLIGHT_PER_PERCENT: Duration = Duration::from_secs(9);

/// Age up to which a state says what is, and not what was. States come at 10 Hz;
/// a third of them lost still leaves several in it.
pub(in super::super) const FRESH_WITHIN: Duration = Duration::from_millis(1_500);

/// How long motors may idle on the ground before the gateway stops them: propellers that
/// turn and nobody minds are a hazard, and cooling takes less.
pub(super) const IDLES_FOR: Duration = Duration::from_secs(60);

/// How long after they were told to stop their states may still show them turning.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Height gained that is no drift of a drone on the floor, in cm: one step of `h` is 10.
const RISEN_BY_CM: i32 = 20;

/// Motors that idle.
#[derive(Clone, Copy, Debug, Default)]
struct Idle {
    since: Mono,
    stopped: Option<Mono>,
    /// The height that it said then, in cm: what counts is whether it rises.
    height_cm: Option<i32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    /// Neither proven.
    #[default]
    Unproven,
    Ground,
    /// On the ground, with motors that were told to turn.
    Idle,
    Air,
    /// Silent in the air for longer than the battery can have lasted.
    Spent,
}

/// The belief about one drone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Belief {
    verdict: Verdict,
    /// Stillness proves the ground from here on.
    counts_from: Mono,
    /// When the ground was last proven; older signs of motors are of an older flight.
    grounded: Mono,
    /// The charge that was last said.
    battery_pct: Option<u8>,
    /// Of motors that idle: since when, and whether they were told to stop.
    idle: Idle,
    /// Until when a flight of the run before may last of which nothing was heard since.
    recalled_until: Option<Mono>,
}

impl Belief {
    /// Takes in what the states show at `now`. True: a silent flight has just
    /// been given up.
    pub(super) fn see(&mut self, motion: &Motion, battery_pct: Option<u8>, now: Mono) -> bool {
        let Some(heard) = motion.heard() else {
            return self.see_nothing(now);
        };
        self.recalled_until = None;
        self.battery_pct = battery_pct.or(self.battery_pct);
        if self.verdict == Verdict::Idle {
            if self.idles_on(motion, now) {
                return false;
            }
            // What its motors do now is no idling that it was told to.
            self.verdict = Verdict::Unproven;
        }
        if motion.proves_ground(self.counts_from) {
            self.verdict = Verdict::Ground;
            self.grounded = heard;
        } else if motion
            .motors_advanced()
            .is_some_and(|at| at > self.grounded)
            && self.verdict != Verdict::Spent
        {
            self.verdict = Verdict::Air;
        }
        let silent = now.since(heard);
        match self.verdict {
            Verdict::Air if silent > endurance(self.battery_pct) => {
                self.verdict = Verdict::Spent;
                // It may come back with the same motor time: that is no new flight.
                self.grounded = heard;
                true
            }
            Verdict::Spent if silent <= FRESH_WITHIN => {
                self.verdict = Verdict::Unproven;
                false
            }
            _ => false,
        }
    }

    /// It was in the air when the gateway last ran, and may be until `until`, unless it
    /// is heard before.
    pub(super) fn recall(&mut self, until: Mono) {
        (self.verdict, self.recalled_until) = (Verdict::Air, Some(until));
    }

    /// Nothing was heard of it: only a flight of the run before is believed, and ends.
    fn see_nothing(&mut self, now: Mono) -> bool {
        let Some(until) = self.recalled_until else {
            *self = Belief::default();
            return false;
        };
        let ends = self.verdict == Verdict::Air && now >= until;
        if ends {
            (self.verdict, self.grounded) = (Verdict::Spent, now);
        }
        ends
    }

    /// It was told to take off: from now on it may fly.
    pub(super) fn takeoff_sent(&mut self, now: Mono) {
        self.verdict = Verdict::Air;
        self.grounded = now;
        self.counts_from = now.plus(TAKEOFF_SHOWS_WITHIN);
    }

    /// It was told to let its motors idle on the ground, or no more.
    pub(super) fn idle_told(&mut self, on: bool, motion: &Motion, now: Mono) {
        match self.verdict {
            Verdict::Ground if on => {
                self.verdict = Verdict::Idle;
                self.idle = Idle {
                    since: now,
                    stopped: None,
                    height_cm: motion.height_cm(),
                };
            }
            Verdict::Idle if !on => self.idle.stopped = Some(now),
            _ => {}
        }
    }

    /// It refused to: it stands as it did.
    pub(super) fn idle_refused(&mut self) {
        if self.verdict == Verdict::Idle {
            self.verdict = Verdict::Ground;
        }
    }

    /// Whether what the states show is still a drone on the floor that idles.
    fn idles_on(&self, motion: &Motion, now: Mono) -> bool {
        let is_over = match self.idle.stopped {
            // A firmware that counts no motor time while they idle shows stillness all
            // along: it counts from when they were told to stop.
            Some(at) => motion.proves_ground(at) || now.since(at) >= STOPS_WITHIN,
            None => now.since(self.idle.since) >= IDLES_FOR + STOPS_WITHIN,
        };
        let rose = motion
            .height_cm()
            .zip(self.idle.height_cm)
            .is_some_and(|(now_cm, then_cm)| now_cm - then_cm >= RISEN_BY_CM);
        !is_over && motion.is_low() && !rose
    }

    /// For how long its motors have idled.
    pub(super) fn idles_for(&self, now: Mono) -> Option<Duration> {
        let idles = self.verdict == Verdict::Idle && self.idle.stopped.is_none();
        idles.then(|| now.since(self.idle.since))
    }

    /// Whether a fresh state shows a drone on the floor: at rest, or with idling motors.
    pub(super) fn is_on_floor(&self, motion: &Motion, now: Mono) -> bool {
        let idles = self.verdict == Verdict::Idle && motion.is_fresh(now, FRESH_WITHIN);
        idles || self.is_grounded(motion, now)
    }

    /// It refused to take off: only running motors say otherwise.
    pub(super) fn takeoff_refused(&mut self, motion: &Motion) {
        if motion
            .motors_advanced()
            .is_none_or(|at| at <= self.grounded)
        {
            self.verdict = Verdict::Unproven;
            self.counts_from = Mono::ZERO;
        }
    }

    /// Whether it is, or may be, in the air.
    pub(super) fn may_fly(&self) -> bool {
        self.verdict == Verdict::Air
    }

    /// Whether its states prove the ground, or did when it was last heard.
    pub(super) fn was_on_ground(&self) -> bool {
        self.verdict == Verdict::Ground
    }

    /// Whether a fresh state proves the ground.
    pub(super) fn is_grounded(&self, motion: &Motion, now: Mono) -> bool {
        self.verdict == Verdict::Ground && motion.is_fresh(now, FRESH_WITHIN)
    }

    /// The flight as it is shown; `told` is the take-off or landing under way.
    pub(super) fn flight(&self, motion: &Motion, told: Option<Phase>, now: Mono) -> Flight {
        let phase = match (told, self.verdict) {
            (Some(told), _) => told,
            (None, Verdict::Air) => Phase::Flying,
            (None, Verdict::Idle) => Phase::Idling,
            (None, _) => Phase::Landed,
        };
        let basis = match (motion.heard(), self.verdict) {
            (_, Verdict::Spent) => Basis::BatterySpent,
            (None, Verdict::Air) => Basis::LastState,
            (None, _) => Basis::NeverHeard,
            _ if !motion.is_fresh(now, FRESH_WITHIN) => Basis::LastState,
            (_, Verdict::Unproven) => Basis::Unproven,
            _ => Basis::State,
        };
        Flight { phase, basis }
    }
}

/// How long a flight can last with that charge; with an unknown one, a full one.
pub(in super::super) fn endurance(battery_pct: Option<u8>) -> Duration {
    FLIGHT_PER_PERCENT * u32::from(battery_pct.unwrap_or(100).clamp(1, 100))
}

#[cfg(test)]
mod tests {
    use tello::state::parse;

    use super::*;

    /// A drone whose states arrive every 100 ms.
    struct Bench {
        motion: Motion,
        belief: Belief,
        now: Mono,
    }

    impl Bench {
        fn new() -> Bench {
            Bench {
                motion: Motion::default(),
                belief: Belief::default(),
                now: Mono::from_millis(50_000),
            }
        }

        /// States for that long; motor time runs on from `motor_s` if `runs`.
        fn states(&mut self, seconds: u64, motor_s: u64, runs: bool, rest: &str) {
            for step in 0..seconds * 10 {
                let time = motor_s + if runs { step / 10 } else { 0 };
                let text = format!("time:{time};bat:50;{rest}");
                self.motion.take(&parse(text.as_bytes()).state, self.now);
                self.belief.see(&self.motion, Some(50), self.now);
                self.now = self.now.plus(Duration::from_millis(100));
            }
        }

        /// Silence; whether the flight was given up in it.
        fn silence(&mut self, seconds: u64) -> bool {
            let mut given_up = false;
            for _ in 0..seconds {
                self.now = self.now.plus(Duration::from_secs(1));
                given_up |= self.belief.see(&self.motion, Some(50), self.now);
            }
            given_up
        }

        fn flight(&self) -> (Phase, Basis) {
            let flight = self.belief.flight(&self.motion, None, self.now);
            (flight.phase, flight.basis)
        }
    }

    #[test]
    fn a_drone_never_heard_is_landed_and_not_known_to_be() {
        assert_eq!(Bench::new().flight(), (Phase::Landed, Basis::NeverHeard));
    }

    #[test]
    fn landed_needs_two_seconds_of_proof() {
        let mut bench = Bench::new();
        bench.states(2, 40, false, "h:0;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::Unproven));
        bench.states(1, 40, false, "h:0;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::State));
        bench.states(3, 41, true, "h:80;vgz:0;tof:80;");
        assert_eq!(bench.flight(), (Phase::Flying, Basis::State));
        bench.states(1, 44, false, "h:0;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Flying, Basis::State), "not yet");
        bench.states(2, 44, false, "h:0;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::State));
    }

    #[test]
    fn a_constant_height_with_standing_motors_is_no_flight() {
        let mut bench = Bench::new();
        bench.states(60, 40, false, "h:10;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::State));
    }

    #[test]
    fn a_far_floor_vetoes_landed_and_never_proves_a_flight() {
        let mut bench = Bench::new();
        bench.states(10, 40, false, "h:0;vgz:0;tof:90;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::Unproven));
        bench.states(2, 41, true, "h:80;vgz:0;tof:90;");
        bench.states(20, 43, false, "h:80;vgz:0;tof:90;");
        assert_eq!(bench.flight(), (Phase::Flying, Basis::State));
        // Nothing hovers for half a minute with standing motors.
        bench.states(13, 43, false, "h:80;vgz:0;tof:90;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::State));
    }

    #[test]
    fn silence_keeps_what_was_known_until_the_battery_is_spent() {
        let mut bench = Bench::new();
        bench.states(3, 40, true, "h:80;vgz:0;tof:80;");
        let lasts = endurance(Some(50)).as_secs();
        assert!(!bench.silence(lasts - 1));
        assert_eq!(bench.flight(), (Phase::Flying, Basis::LastState));
        assert!(bench.silence(2), "told once");
        assert!(!bench.silence(600));
        assert_eq!(bench.flight(), (Phase::Landed, Basis::BatterySpent));
        // It comes back on the ground: its motors stood still all the while.
        bench.states(1, 42, false, "h:0;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::Unproven));
        bench.states(2, 42, false, "h:0;vgz:0;tof:10;");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::State));
        // Another flight is another flight.
        bench.states(3, 50, true, "h:80;vgz:0;tof:80;");
        assert_eq!(bench.flight(), (Phase::Flying, Basis::State));
    }

    #[test]
    fn a_flight_of_the_run_before_is_believed_until_it_is_heard_or_cannot_have_lasted() {
        let mut bench = Bench::new();
        let until = bench.now.plus(Duration::from_secs(60));
        bench.belief.recall(until);
        assert!(!bench.silence(59));
        assert_eq!(bench.flight(), (Phase::Flying, Basis::LastState));
        assert!(bench.silence(2), "told once");
        assert_eq!(bench.flight(), (Phase::Landed, Basis::BatterySpent));
        assert!(!bench.silence(600));
        // Heard on the ground before that: it takes the usual proof.
        let mut heard = Bench::new();
        heard.belief.recall(until);
        heard.states(2, 40, false, "h:0;vgz:0;tof:10;");
        assert!(heard.belief.may_fly());
        heard.states(1, 40, false, "h:0;vgz:0;tof:10;");
        assert_eq!(heard.flight(), (Phase::Landed, Basis::State));
        // Heard in the air: from then on its own charge says how long it may last.
        let mut flies = Bench::new();
        flies.belief.recall(until);
        flies.states(3, 40, true, "h:80;vgz:0;tof:80;");
        assert!(!flies.silence(61));
        assert_eq!(flies.flight(), (Phase::Flying, Basis::LastState));
    }

    #[test]
    fn a_drone_lost_on_the_ground_is_landed_as_far_as_is_known() {
        let mut bench = Bench::new();
        bench.states(3, 40, false, "h:0;vgz:0;tof:10;");
        assert!(!bench.silence(7_200));
        assert_eq!(bench.flight(), (Phase::Landed, Basis::LastState));
    }

    #[test]
    fn who_was_told_to_take_off_may_fly_and_does_not_prove_the_ground_by_spinning_up() {
        let mut bench = Bench::new();
        bench.states(3, 40, false, "h:0;vgz:0;tof:10;");
        bench.belief.takeoff_sent(bench.now);
        bench.states(3, 40, false, "h:0;vgz:0;tof:10;");
        assert!(bench.belief.may_fly(), "still spinning up");
        // It never took off: the `ok` was somebody else's.
        bench.states(3, 40, false, "h:0;vgz:0;tof:10;");
        assert!(!bench.belief.may_fly());
        bench.belief.takeoff_sent(bench.now);
        bench.belief.takeoff_refused(&bench.motion);
        assert!(!bench.belief.may_fly());
        bench.belief.takeoff_sent(bench.now);
        bench.silence(30);
        assert_eq!(bench.flight(), (Phase::Flying, Basis::LastState));
    }
}
