//! The physics of a simulated drone: motion, battery, heat.
//!
//! Fitted to a captured flight of a standard Tello (`tests/data/tello`): the
//! board cools from 87 to 75 °C within 20 s of flight, since the propellers blow
//! over it, and heats up idling on the ground; the battery falls by about 10 %
//! a minute in the air. Pure: takes the time step.

use tello::catalog::Listed;
use tello::path;

/// Battery used in flight, % a minute (median of published flights: 10.3).
const FLIGHT_DRAIN_PCT_MIN: f64 = 10.3;

/// Battery used on the ground with the video chip on, % a minute.
const IDLE_DRAIN_PCT_MIN: f64 = 0.8;

/// Temperature a flying board tends to, and how fast (fitted, within 2 °C).
const FLIGHT_TEMPERATURE_C: f64 = 60.0;
const FLIGHT_TIME_CONSTANT_S: f64 = 33.0;

/// How fast an idle board warms up.
const IDLE_TIME_CONSTANT_S: f64 = 240.0;

/// Hover height after take-off in m.
const TAKEOFF_HEIGHT_M: f64 = 0.8;

/// Speed of climb, descent and of moves without a speed of their own, in m/s.
const CLIMB_M_S: f64 = 0.4;
const MOVE_M_S: f64 = 0.5;

/// Rate of turn in °/s.
const TURN_DEG_S: f64 = 90.0;

/// Time to spin up before a take-off, and to settle after each manoeuvre, in s.
/// With them a 50 cm move takes 2.0 s (1.9–2.3 captured), a take-off 4.7 s
/// (3.9–8.7), a landing from hover height 3.5 s (1.7–4.2).
const SPIN_UP_S: f64 = 1.2;
const TAKEOFF_SETTLE_S: f64 = 1.5;
const MOVE_SETTLE_S: f64 = 1.0;
const LAND_SETTLE_S: f64 = 1.5;

/// Duration of a flip in s.
const FLIP_S: f64 = 1.5;

/// A manoeuvre with an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manoeuvre {
    Takeoff,
    Land,
    /// By metres: x right, y forward, z up, at m/s.
    Move {
        by_m: [f64; 3],
        speed_m_s: Option<f64>,
    },
    /// By metres in the room's axes, whatever way the drone looks.
    To {
        by_m: [f64; 3],
        speed_m_s: f64,
    },
    /// A line or an arc from here.
    Path(Listed),
    /// Clockwise degrees.
    Turn {
        by_deg: f64,
    },
    Flip,
}

/// A manoeuvre under way.
#[derive(Clone, Copy, Debug)]
struct Underway {
    kind: Manoeuvre,
    /// Seconds until the motion begins.
    before_s: f64,
    /// Seconds of motion left.
    motion_s: f64,
    /// Seconds to settle after it.
    after_s: f64,
    velocity_m_s: [f64; 3],
    turn_deg_s: f64,
    /// Where it began and how long its motion takes, for what is no straight line.
    bends: Option<([f64; 3], f64)>,
}

impl Underway {
    /// By metres in the room's axes.
    fn straight(&mut self, by_m: [f64; 3], speed_m_s: f64) {
        let distance_m = by_m.iter().map(|by| by * by).sum::<f64>().sqrt();
        self.motion_s = distance_m / speed_m_s;
        if self.motion_s > 0.0 {
            self.velocity_m_s = by_m.map(|by| by / self.motion_s);
        }
    }
}

/// The drone's body.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) position_m: [f64; 3],
    pub(super) velocity_m_s: [f64; 3],
    pub(super) yaw_deg: f64,
    pub(super) battery_pct: f64,
    pub(super) board_c: f64,
    pub(super) motor_time_s: f64,
    /// Whether its motors carry it, or are about to.
    pub(super) motors: bool,
    /// Whether they turn slowly on the ground.
    pub(super) idles: bool,
    idle_c: f64,
    underway: Option<Underway>,
    /// What the sticks ask for: velocity in m/s and turn in °/s.
    sticks: ([f64; 3], f64),
}

impl Body {
    pub(super) fn new(battery_pct: f64, board_c: f64, idle_c: f64) -> Body {
        Body {
            position_m: [0.0; 3],
            velocity_m_s: [0.0; 3],
            yaw_deg: 0.0,
            battery_pct: battery_pct.clamp(0.0, 100.0),
            board_c,
            motor_time_s: 0.0,
            motors: false,
            idles: false,
            idle_c,
            underway: None,
            sticks: ([0.0; 3], 0.0),
        }
    }

    /// What it is doing, if that has an end.
    pub(super) fn doing(&self) -> Option<Manoeuvre> {
        self.underway.map(|underway| underway.kind)
    }

    /// Seconds until the manoeuvre under way is over.
    pub(super) fn remaining_s(&self) -> Option<f64> {
        self.underway
            .map(|underway| underway.before_s + underway.motion_s + underway.after_s)
    }

    /// Begins a manoeuvre in place of any other.
    pub(super) fn begin(&mut self, kind: Manoeuvre) {
        self.sticks = ([0.0; 3], 0.0);
        self.underway = Some(self.plan(kind));
        (self.motors, self.idles) = (true, false);
    }

    /// Ends any manoeuvre and hovers.
    pub(super) fn hover(&mut self) {
        self.underway = None;
        self.sticks = ([0.0; 3], 0.0);
    }

    /// Flies by the sticks, each −1 to 1: right, forward, up, clockwise.
    pub(super) fn sticks(&mut self, [right, forward, up, turn]: [f64; 4]) {
        self.sticks = (self.to_room([right, forward, up]), turn * 100.0);
    }

    /// Stops the motors at once; what was in the air falls.
    pub(super) fn cut_motors(&mut self) {
        self.hover();
        self.touch_down();
    }

    fn touch_down(&mut self) {
        (self.motors, self.idles) = (false, false);
        self.position_m[2] = 0.0;
        self.velocity_m_s = [0.0; 3];
    }

    fn plan(&self, kind: Manoeuvre) -> Underway {
        let mut underway = Underway {
            kind,
            before_s: 0.0,
            motion_s: 0.0,
            after_s: MOVE_SETTLE_S,
            velocity_m_s: [0.0; 3],
            turn_deg_s: 0.0,
            bends: None,
        };
        match kind {
            Manoeuvre::Takeoff => {
                underway.before_s = SPIN_UP_S;
                underway.motion_s = TAKEOFF_HEIGHT_M / CLIMB_M_S;
                underway.after_s = TAKEOFF_SETTLE_S;
                underway.velocity_m_s = [0.0, 0.0, CLIMB_M_S];
            }
            Manoeuvre::Land => {
                underway.motion_s = self.position_m[2].max(0.0) / CLIMB_M_S;
                underway.after_s = LAND_SETTLE_S;
                underway.velocity_m_s = [0.0, 0.0, -CLIMB_M_S];
            }
            Manoeuvre::Move { by_m, speed_m_s } => {
                underway.straight(self.to_room(by_m), speed_m_s.unwrap_or(MOVE_M_S));
            }
            Manoeuvre::To { by_m, speed_m_s } => underway.straight(by_m, speed_m_s),
            Manoeuvre::Path(listed) => {
                let length_cm = path::way(&listed)
                    .ok()
                    .flatten()
                    .map_or(0, |way| way.length_cm);
                let speed_cm_s = listed.value("speed").unwrap_or_default().max(1);
                underway.motion_s = f64::from(length_cm) / f64::from(speed_cm_s);
                underway.bends = Some((self.position_m, underway.motion_s));
            }
            Manoeuvre::Turn { by_deg } => {
                underway.motion_s = by_deg.abs() / TURN_DEG_S;
                underway.turn_deg_s = TURN_DEG_S.copysign(by_deg);
            }
            Manoeuvre::Flip => underway.motion_s = FLIP_S,
        }
        underway
    }

    /// From the drone's axes to the room's, by its yaw (clockwise).
    fn to_room(&self, [right, forward, up]: [f64; 3]) -> [f64; 3] {
        let (sin, cos) = self.yaw_deg.to_radians().sin_cos();
        [right * cos + forward * sin, forward * cos - right * sin, up]
    }

    /// Lets `dt_s` seconds pass; the manoeuvre that ended in them, if one did.
    pub(super) fn step(&mut self, dt_s: f64) -> Option<Manoeuvre> {
        self.drain(dt_s);
        self.heat(dt_s);
        if self.motors || self.idles {
            self.motor_time_s += dt_s;
        }
        let ended = match self.underway {
            Some(underway) => self.fly(underway, dt_s),
            None => {
                let (velocity, turn) = if self.motors {
                    self.sticks
                } else {
                    ([0.0; 3], 0.0)
                };
                self.travel(velocity, turn, dt_s);
                None
            }
        };
        if matches!(ended, Some(Manoeuvre::Land)) {
            self.touch_down();
        }
        ended
    }

    fn fly(&mut self, mut underway: Underway, dt_s: f64) -> Option<Manoeuvre> {
        let mut left = take(&mut underway.before_s, dt_s);
        let before_motion = left;
        left = take(&mut underway.motion_s, left);
        let moved_s = before_motion - left;
        match (underway.kind, underway.bends) {
            (Manoeuvre::Path(listed), Some((from, whole_s))) if whole_s > 0.0 => {
                self.follow(&listed, from, 1.0 - underway.motion_s / whole_s, moved_s);
            }
            _ => self.travel(underway.velocity_m_s, underway.turn_deg_s, moved_s),
        }
        if moved_s == 0.0 {
            self.velocity_m_s = [0.0; 3];
        }
        take(&mut underway.after_s, left);
        let over = underway.before_s + underway.motion_s + underway.after_s <= 0.0;
        self.underway = (!over).then_some(underway);
        over.then_some(underway.kind)
    }

    /// Goes to the point of a path that is reached after `part` of it.
    fn follow(&mut self, listed: &Listed, from: [f64; 3], part: f64, dt_s: f64) {
        // The SDK's axes are forward, left, up.
        let [forward, left, up] = path::point(listed, part).map(|cm| cm / 100.0);
        let by = self.to_room([-left, forward, up]);
        let before = self.position_m;
        for (axis, position) in self.position_m.iter_mut().enumerate() {
            *position = from[axis] + by[axis];
        }
        self.position_m[2] = self.position_m[2].max(0.0);
        if dt_s > 0.0 {
            let moved = |axis: usize| (self.position_m[axis] - before[axis]) / dt_s;
            self.velocity_m_s = [moved(0), moved(1), moved(2)];
        }
    }

    fn travel(&mut self, velocity_m_s: [f64; 3], turn_deg_s: f64, dt_s: f64) {
        self.velocity_m_s = velocity_m_s;
        for (position, velocity) in self.position_m.iter_mut().zip(velocity_m_s) {
            *position += velocity * dt_s;
        }
        self.position_m[2] = self.position_m[2].max(0.0);
        // Kept within −180…180, as the drone reports it.
        self.yaw_deg = (self.yaw_deg + turn_deg_s * dt_s + 180.0).rem_euclid(360.0) - 180.0;
    }

    fn drain(&mut self, dt_s: f64) {
        let pct_min = if self.motors {
            FLIGHT_DRAIN_PCT_MIN
        } else {
            IDLE_DRAIN_PCT_MIN
        };
        self.battery_pct = (self.battery_pct - pct_min / 60.0 * dt_s).max(0.0);
    }

    fn heat(&mut self, dt_s: f64) {
        let (towards_c, constant_s) = if self.motors {
            (FLIGHT_TEMPERATURE_C, FLIGHT_TIME_CONSTANT_S)
        } else {
            (self.idle_c, IDLE_TIME_CONSTANT_S)
        };
        self.board_c += (towards_c - self.board_c) * (1.0 - (-dt_s / constant_s).exp());
    }
}

/// Takes up to `wish` from `available`; what is left of the wish.
fn take(available: &mut f64, wish: f64) -> f64 {
    let taken = wish.min(*available);
    *available -= taken;
    wish - taken
}

#[cfg(test)]
mod tests {
    use tello::state::parse;

    use super::*;

    const FLIGHT: &str =
        include_str!("../../../../tests/data/tello/xg590_flight_20201018_states.tsv");

    fn duration(body: &mut Body, kind: Manoeuvre) -> f64 {
        body.begin(kind);
        let steps = (1..1_000)
            .find(|_| body.step(0.05).is_some())
            .expect("it ends");
        f64::from(steps) * 0.05
    }

    fn flying() -> Body {
        let mut body = Body::new(80.0, 75.0, 85.0);
        duration(&mut body, Manoeuvre::Takeoff);
        body
    }

    #[test]
    fn it_cools_in_flight_as_the_captured_drone_did() {
        let samples: Vec<(f64, f64)> = FLIGHT
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(time, text)| {
                Some((
                    time.parse().ok()?,
                    parse(text.as_bytes()).state.temperature_high_c?,
                ))
            })
            .collect();
        let (start, hottest) = *samples
            .iter()
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .expect("samples");
        let mut body = Body::new(33.0, hottest, 85.0);
        body.motors = true;
        let (mut now, mut compared) = (start, 0);
        for (time, measured_c) in samples.into_iter().filter(|(time, _)| *time > start) {
            body.step(time - now);
            now = time;
            assert!(
                (body.board_c - measured_c).abs() < 2.0,
                "{time}: {} for {measured_c}",
                body.board_c
            );
            compared += 1;
        }
        assert!(compared > 150);
    }

    #[test]
    fn it_warms_up_idling_and_its_battery_falls_faster_in_flight() {
        let mut idle = Body::new(80.0, 70.0, 85.0);
        idle.step(600.0);
        assert!((80.0..85.0).contains(&idle.board_c));
        assert!((70.0..74.0).contains(&idle.battery_pct));
        let mut flying = Body::new(80.0, 70.0, 85.0);
        flying.motors = true;
        flying.step(60.0);
        assert!((69.0..70.5).contains(&flying.battery_pct));
    }

    #[test]
    fn manoeuvres_take_as_long_as_captured() {
        let mut body = Body::new(80.0, 75.0, 85.0);
        let takeoff = duration(&mut body, Manoeuvre::Takeoff);
        assert!((3.9..8.7).contains(&takeoff), "{takeoff}");
        assert!((body.position_m[2] - TAKEOFF_HEIGHT_M).abs() < 0.01);
        let forward = Manoeuvre::Move {
            by_m: [0.0, 0.5, 0.0],
            speed_m_s: None,
        };
        let moved = duration(&mut body, forward);
        assert!((1.9..2.3).contains(&moved), "{moved}");
        let landed = duration(&mut body, Manoeuvre::Land);
        assert!((1.7..4.2).contains(&landed), "{landed}");
        assert!(!body.motors && body.position_m[2] == 0.0);
    }

    #[test]
    fn moves_follow_the_nose() {
        let mut body = flying();
        duration(&mut body, Manoeuvre::Turn { by_deg: 90.0 });
        assert!((body.yaw_deg - 90.0).abs() < 0.01);
        duration(
            &mut body,
            Manoeuvre::Move {
                by_m: [0.0, 1.0, 0.0],
                speed_m_s: Some(1.0),
            },
        );
        assert!(
            (body.position_m[0] - 1.0).abs() < 0.01,
            "{:?}",
            body.position_m
        );
        assert!(body.position_m[1].abs() < 0.01);
        duration(&mut body, Manoeuvre::Turn { by_deg: 180.0 });
        assert!(
            (body.yaw_deg + 90.0).abs() < 0.01,
            "wrapped: {}",
            body.yaw_deg
        );
    }

    #[test]
    fn a_curve_is_flown_as_an_arc() {
        let mut body = flying();
        let start = body.position_m[2];
        let text = "curve 100 0 100 200 0 0 60";
        let Ok(tello::command::Command::Listed(listed)) = tello::command::Command::parse(text)
        else {
            panic!("{text} is a command of the table");
        };
        body.begin(Manoeuvre::Path(listed));
        let mut highest: f64 = 0.0;
        while body.step(0.05).is_none() {
            highest = highest.max(body.position_m[2]);
        }
        assert!((highest - start - 1.0).abs() < 0.01, "{highest}");
        assert!(
            (body.position_m[1] - 2.0).abs() < 0.01,
            "{:?}",
            body.position_m
        );
        assert!((body.position_m[2] - start).abs() < 0.01);
    }

    #[test]
    fn the_floor_holds() {
        let mut body = flying();
        body.sticks([0.0, 0.0, -1.0, 0.0]);
        body.step(10.0);
        assert_eq!(body.position_m[2], 0.0);
        body.cut_motors();
        assert!(!body.motors);
    }
}
