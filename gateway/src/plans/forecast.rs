//! A whole plan judged before it starts: where each step would take each drone, and
//! whether that is allowed there. Pure; nothing is sent.
//!
//! A forecast errs on the safe side: drones rise as high, and batteries fall as fast, as
//! they were seen to. What it lets pass is judged again, by each drone's own task, when the
//! command is given and once more when it leaves.

use std::time::Duration;

use tello::catalog::Effect;
use tello::command::{Command, Direction};
use tello::path;

use super::document::{Plan, Step, Task};
use crate::config::{Drone, Drones, FlightLimits};
use crate::sources::vehicles::{
    Bounds, Refusal, SECONDS_PER_PERCENT, TAKEOFF_HEIGHT_CM, takes_s, within,
};

/// What is known of a drone when its plan would start.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// Why it could not begin at all, in words.
    pub(super) kept: Option<String>,
    pub(super) flies: bool,
    /// None: it does not say it, or nobody asked.
    pub(super) height_cm: Option<i32>,
    pub(super) battery_pct: Option<u8>,
    /// Major version of its SDK, once it said so.
    pub(super) sdk: Option<u8>,
}

impl Start {
    /// Of a drone nobody asked: on the ground and full.
    pub(super) const ASSUMED: Start = Start {
        kept: None,
        flies: false,
        height_cm: Some(0),
        battery_pct: Some(100),
        sdk: None,
    };
}

/// A drone after a step.
#[derive(Clone, Debug)]
pub(super) struct Then {
    /// Why the step would be refused, in words.
    pub(super) why: Option<String>,
    pub(super) height_cm: Option<i32>,
    /// Forward and left of where the plan began, in cm; none after a way over a pad.
    pub(super) place_cm: Option<[i32; 2]>,
    /// Degrees clockwise from the heading at the start.
    pub(super) heading_deg: i32,
    pub(super) battery_pct: Option<u8>,
}

/// What would come of a plan.
#[derive(Clone, Debug)]
pub(super) struct Forecast {
    /// Of each step, for each of its tasks.
    pub(super) steps: Vec<Vec<Then>>,
    pub(super) lasts: Duration,
    /// Drones that are in the air at the end, by their place in the plan.
    pub(super) aloft: Vec<usize>,
}

impl Forecast {
    /// The first refusal: the step, the task in it, and why.
    pub(super) fn refused(&self) -> Option<(usize, usize, &str)> {
        let steps = self.steps.iter().enumerate();
        let mut all = steps.flat_map(|(step, tasks)| {
            let tasks = tasks.iter().enumerate();
            tasks.filter_map(move |(task, then)| Some((step, task, then.why.as_deref()?)))
        });
        all.next()
    }
}

/// A drone on the way through the plan.
struct Walker<'a> {
    limits: FlightLimits,
    takeoff_battery_pct: u8,
    land_battery_pct: u8,
    start: &'a Start,
    flies: bool,
    height_cm: Option<i32>,
    place_cm: Option<[f64; 2]>,
    heading_deg: i32,
    battery_pct: Option<f64>,
    flown_s: f64,
}

/// Judges `plan` for drones that stand as `starts` says, one for each drone of the plan.
pub(super) fn forecast(plan: &Plan, config: &Drones, starts: &[Start]) -> Forecast {
    let mut walkers: Vec<Walker<'_>> = plan
        .drones
        .iter()
        .zip(starts)
        .map(|(id, start)| {
            let drone = config.drone.iter().find(|drone| *drone.id == **id);
            Walker::new(config, drone, start)
        })
        .collect();
    let (mut steps, mut lasts_s) = (Vec::with_capacity(plan.steps.len()), 0.0);
    for step in &plan.steps {
        let takes_s = length_s(step);
        lasts_s += takes_s;
        let judged = step
            .tasks
            .iter()
            .map(|(drone, task)| walkers.get_mut(*drone).map(|walker| walker.does(*task)));
        let judged: Vec<Option<String>> = judged.map(Option::flatten).collect();
        // Whoever waits at the barrier in the air flies as well.
        for walker in &mut walkers {
            walker.ages(takes_s);
        }
        let then = step
            .tasks
            .iter()
            .zip(judged)
            .filter_map(|((drone, _), why)| {
                let walker = walkers.get(*drone)?;
                Some(walker.then(why.or_else(|| walker.spent())))
            });
        steps.push(then.collect());
    }
    let aloft = walkers
        .iter()
        .enumerate()
        .filter(|(_, walker)| walker.flies);
    Forecast {
        steps,
        lasts: Duration::from_secs_f64(lasts_s),
        aloft: aloft.map(|(index, _)| index).collect(),
    }
}

/// Seconds that the slowest of a step takes.
fn length_s(step: &Step) -> f64 {
    let each = step.tasks.iter().map(|(_, task)| match task {
        Task::Wait(time) => time.as_secs_f64(),
        // (What takes longer than its step may has failed by then.)
        Task::Fly(command) => takes_s(*command).min(step.timeout.as_secs_f64()),
    });
    each.fold(0.0, f64::max)
}

impl<'a> Walker<'a> {
    fn new(config: &Drones, drone: Option<&Drone>, start: &'a Start) -> Walker<'a> {
        let limits = drone.map_or(config.limits, |drone| config.limits_of(drone));
        Walker {
            limits,
            takeoff_battery_pct: limits
                .takeoff_battery_pct
                .unwrap_or(config.takeoff_battery_pct),
            land_battery_pct: limits.land_battery_pct.unwrap_or(config.land_battery_pct),
            start,
            flies: start.flies,
            height_cm: start.height_cm,
            place_cm: Some([0.0, 0.0]),
            heading_deg: 0,
            battery_pct: start.battery_pct.map(f64::from),
            flown_s: 0.0,
        }
    }

    /// Does it; why that would be refused, in words.
    fn does(&mut self, task: Task) -> Option<String> {
        let why = self.start.kept.clone();
        let Task::Fly(command) = task else { return why };
        let refusal = self.judge(command).err().map(|refusal| refusal.to_string());
        self.follow(command);
        why.or(refusal)
    }

    fn judge(&self, command: Command) -> Result<(), Refusal> {
        let needs = command.since_sdk();
        if let Some(found) = self.start.sdk.filter(|found| *found < needs) {
            return Err(Refusal::NotInSdk { needs, found });
        }
        if command.takes_off() || command.needs_ground() {
            if self.flies {
                return Err(Refusal::NotOnGround);
            }
            let (battery_pct, least_pct) = (self.charge(), self.takeoff_battery_pct);
            return match battery_pct {
                Some(battery_pct) if command.takes_off() && battery_pct < least_pct => {
                    Err(Refusal::BatteryLow {
                        battery_pct,
                        least_pct,
                    })
                }
                _ => Ok(()),
            };
        }
        let needs_air = command.is_manoeuvre() || matches!(command, Command::Stop);
        if needs_air && !self.flies {
            return Err(Refusal::NotAirborne);
        }
        // (Its battery is looked at after the step; whether it will see a pad, nobody knows.)
        let bounds = Bounds {
            height_cm: self.height_cm,
            height_limit_cm: self.limits.land_height_cm,
            pad_limit_cm: self.limits.pad_distance_cm,
            ..Bounds::default()
        };
        within(command, &bounds)
    }

    /// Goes where the command leads.
    fn follow(&mut self, command: Command) {
        let height_cm = self.height_cm;
        match command {
            _ if command.takes_off() => {
                (self.flies, self.flown_s) = (true, 0.0);
                self.height_cm = Some(height_cm.unwrap_or(0) + TAKEOFF_HEIGHT_CM);
                return;
            }
            Command::Land => {
                (self.flies, self.height_cm) = (false, Some(0));
                return;
            }
            Command::Rotate {
                clockwise,
                angle_deg,
            } => {
                let angle = i32::from(angle_deg);
                self.turn(if clockwise { angle } else { -angle });
            }
            Command::Move {
                direction,
                distance_cm,
            } => {
                let cm = f64::from(distance_cm);
                self.go(match direction {
                    Direction::Forward => [cm, 0.0],
                    Direction::Back => [-cm, 0.0],
                    Direction::Left => [0.0, cm],
                    Direction::Right => [0.0, -cm],
                    Direction::Up | Direction::Down => [0.0, 0.0],
                });
            }
            Command::Listed(listed) if listed.over_pad() => self.place_cm = None,
            Command::Listed(listed) if matches!(listed.entry().effect, Effect::Flies(_)) => {
                let [forward, left, _] = path::point(&listed, 1.0);
                self.go([forward, left]);
            }
            _ => {}
        }
        if let (Some(way), Some(from_cm)) = (command.way(), height_cm) {
            self.height_cm = Some(way.end_from(from_cm).max(0));
        }
    }

    fn turn(&mut self, by_deg: i32) {
        self.heading_deg = (self.heading_deg + by_deg).rem_euclid(360);
    }

    /// Forward and left of where it looks.
    fn go(&mut self, [forward, left]: [f64; 2]) {
        let (sin, cos) = f64::from(self.heading_deg).to_radians().sin_cos();
        if let Some([x, y]) = &mut self.place_cm {
            // (Headings count clockwise, and left is positive.)
            *x += forward * cos + left * sin;
            *y += left * cos - forward * sin;
        }
    }

    fn ages(&mut self, seconds: f64) {
        if self.flies {
            self.flown_s += seconds;
            self.battery_pct = self
                .battery_pct
                .map(|pct| (pct - seconds / SECONDS_PER_PERCENT).max(0.0));
        }
    }

    /// Whether it would be landed about then, and why.
    fn spent(&self) -> Option<String> {
        let left = self.charge().filter(|_| self.flies);
        if let Some(left) =
            left.filter(|left| *left <= self.land_battery_pct && self.land_battery_pct > 0)
        {
            return Some(format!(
                "about {left} % of the battery would be left, and it is landed at {} %; charge it, or fly less",
                self.land_battery_pct
            ));
        }
        let limit_s = self.limits.land_flight_time_s.filter(|_| self.flies)?;
        (self.flown_s > f64::from(limit_s)).then(|| {
            format!(
                "it would have flown about {} s, and drones.limits.land_flight_time_s is {limit_s}",
                self.flown_s.round()
            )
        })
    }

    fn charge(&self) -> Option<u8> {
        self.battery_pct.map(|pct| pct as u8)
    }

    fn then(&self, why: Option<String>) -> Then {
        Then {
            why,
            height_cm: self.height_cm,
            place_cm: self.place_cm.map(|place| place.map(|cm| cm.round() as i32)),
            heading_deg: self.heading_deg,
            battery_pct: self.charge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn drones() -> Drones {
        toml::from_str("[[drone]]\nid = \"a\"\n[[drone]]\nid = \"b\"\n[[group]]\nid = \"both\"\ndrones = [\"a\", \"b\"]\n")
            .expect("a configuration")
    }

    fn judged(steps: Value, drones: &Drones, start: &Start) -> Forecast {
        let plan = json!({"name": "p", "steps": steps});
        let plan = Plan::read(plan.as_object().expect("an object"), drones).expect("a plan");
        let starts = vec![start.clone(); plan.drones.len()];
        forecast(&plan, drones, &starts)
    }

    fn up(distance: i32) -> Value {
        json!({"drones": ["a"], "command": "move", "direction": "up", "distance": distance})
    }

    #[test]
    fn each_step_is_judged_from_where_the_one_before_ends() {
        let takeoff = json!({"drones": ["a"], "command": "takeoff"});
        let told = judged(
            json!([takeoff, up(500), up(400)]),
            &drones(),
            &Start::ASSUMED,
        );
        let (step, _, why) = told.refused().expect("over the ceiling");
        assert_eq!(step, 2);
        assert!(why.contains("1020 cm"), "{why}");
        assert_eq!(told.aloft, [0]);
        let mut limited = drones();
        limited.limits.land_height_cm = Some(300);
        let told = judged(json!([takeoff, up(200)]), &limited, &Start::ASSUMED);
        assert!(
            told.refused()
                .expect("over the limit")
                .2
                .contains("land_height_cm")
        );
        // Not in the air any more, or not yet.
        let land = json!({"group": "both", "command": "land"});
        let told = judged(json!([takeoff, land, up(50)]), &drones(), &Start::ASSUMED);
        assert!(
            told.refused()
                .expect("on the ground")
                .2
                .contains("not airborne")
        );
        assert_eq!(told.aloft, Vec::<usize>::new());
    }

    #[test]
    fn a_square_ends_where_it_began() {
        let side = json!({"drones": ["a"], "command": "go", "x": 100, "y": 0, "z": 0, "speed": 50});
        let turn =
            json!({"drones": ["a"], "command": "rotate", "direction": "clockwise", "angle": 90});
        let takeoff = json!({"drones": ["a"], "command": "takeoff"});
        let steps = json!([takeoff, side, turn, side, turn, side, turn, side, turn]);
        let told = judged(steps, &drones(), &Start::ASSUMED);
        assert_eq!(told.refused(), None);
        let places: Vec<_> = told
            .steps
            .iter()
            .map(|step| step[0].place_cm.expect("known"))
            .collect();
        assert_eq!(places[3], [100, -100], "right of where it began");
        assert_eq!((places[8], told.steps[8][0].heading_deg), ([0, 0], 0));
    }

    #[test]
    fn a_battery_that_would_not_last_is_said_before() {
        let takeoff = json!({"group": "both", "command": "takeoff"});
        let wait = json!({"drones": ["a"], "command": "wait", "seconds": 60});
        let weak = Start {
            battery_pct: Some(20),
            ..Start::ASSUMED
        };
        let told = judged(json!([takeoff, wait, wait]), &drones(), &weak);
        assert!(
            told.refused().expect("spent").2.contains("battery"),
            "{told:?}"
        );
        let low = Start {
            battery_pct: Some(9),
            ..Start::ASSUMED
        };
        let told = judged(json!([takeoff]), &drones(), &low);
        assert_eq!(told.refused().map(|(step, _, _)| step), Some(0));
    }
}
