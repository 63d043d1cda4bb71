//! The demo's drones that fly by themselves, so that there is something to see: up, about,
//! down before the battery is low, a fresh battery, and again.
//!
//! Through the same door as any operator, under a name that says what it is. Whoever takes
//! control of such a drone, or tells it anything, has it: it is left alone until it has been
//! on the ground for a while. What comes next is pure; the task does it.

use std::sync::Arc;
use std::time::Duration;

use readings::clock::Mono;
use readings::event::EventLog;

use tello::command::{Command, Direction};

use super::Stage;
use crate::sources::vehicles::{DroneView, LinkState, Operator, Phase, Vehicles};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two moves: shorter than the 15 s after which a drone lands by itself.
const MOVE_EVERY: Duration = Duration::from_secs(6);
/// Charge at which it lands: above the line of the first alert.
const ENOUGH_PCT: u8 = 30;
/// How long a drone that somebody had is left alone on the ground.
const LEFT_FOR: Duration = Duration::from_secs(60);

/// Its way, over and over: it comes back to where it began.
const WAY: [Command; 6] = [
    moved(Direction::Up, 60),
    moved(Direction::Forward, 80),
    turned(),
    moved(Direction::Forward, 80),
    turned(),
    moved(Direction::Down, 60),
];

const fn moved(direction: Direction, distance_cm: u16) -> Command {
    Command::Move {
        direction,
        distance_cm,
    }
}

const fn turned() -> Command {
    Command::Rotate {
        clockwise: true,
        angle_deg: 180,
    }
}

/// Which drone, and how it flies.
struct Plan {
    drone: usize,
    /// On the ground before each flight, the first as well.
    rest: Duration,
    flight: Duration,
}

/// The first flies most of the time; the hot one now and then, which cools it.
const PLANS: [Plan; 2] = [
    Plan {
        drone: 0,
        rest: Duration::from_secs(20),
        flight: Duration::from_secs(180),
    },
    Plan {
        drone: 2,
        rest: Duration::from_secs(240),
        flight: Duration::from_secs(40),
    },
];

/// What is done next.
#[derive(Debug, PartialEq)]
enum Next {
    Wait,
    /// A fresh battery, then up.
    TakeOff,
    Fly(Command),
    Land,
}

/// One drone's flights.
struct Pilot {
    plan: &'static Plan,
    /// Since when it takes off at the earliest counts.
    free_since: Mono,
    /// The flight that is its own.
    flight: Option<Flight>,
}

#[derive(Clone, Copy)]
struct Flight {
    since: Mono,
    moved_at: Mono,
    step: usize,
    /// Whether it was seen in the air.
    is_up: bool,
}

impl Pilot {
    /// `is_somebodys`: a person has control of it, or was the last to tell it anything.
    fn next(&mut self, view: &DroneView, is_somebodys: bool, now: Mono) -> Next {
        if is_somebodys || view.link != LinkState::Connected {
            self.flight = None;
        }
        let phase = view.flight.phase;
        let Some(mut flight) = self.flight else {
            let waits = if is_somebodys {
                LEFT_FOR
            } else {
                self.plan.rest
            };
            if view.link != LinkState::Connected || phase != Phase::Landed || view.control.is_some()
            {
                self.free_since = now;
            }
            return match now.since(self.free_since) >= waits {
                true => self.take_off(now),
                false => Next::Wait,
            };
        };
        flight.is_up |= phase == Phase::Flying;
        self.flight = Some(flight);
        match phase {
            // Down again, or never up: the flight is over.
            Phase::Landed if flight.is_up || now.since(flight.since) > LEFT_FOR => {
                (self.flight, self.free_since) = (None, now);
                Next::Wait
            }
            Phase::Flying if self.is_over(&flight, view, now) => Next::Land,
            Phase::Flying if now.since(flight.moved_at) >= MOVE_EVERY => {
                let command = WAY[flight.step % WAY.len()];
                (flight.moved_at, flight.step) = (now, flight.step + 1);
                self.flight = Some(flight);
                Next::Fly(command)
            }
            _ => Next::Wait,
        }
    }

    fn take_off(&mut self, now: Mono) -> Next {
        self.free_since = now;
        self.flight = Some(Flight {
            since: now,
            moved_at: now,
            step: 0,
            is_up: false,
        });
        Next::TakeOff
    }

    /// It lands where it began, unless its battery does not wait for that.
    fn is_over(&self, flight: &Flight, view: &DroneView, now: Mono) -> bool {
        let is_low = view.battery_pct.is_none_or(|left| left <= ENOUGH_PCT);
        is_low || (now.since(flight.since) >= self.plan.flight && flight.step % WAY.len() == 0)
    }
}

/// Flies them until the gateway stops.
pub(crate) async fn fly(stage: Arc<Stage>, vehicles: Vehicles, events: EventLog) {
    let by = Operator {
        id: "demo".into(),
        name: "Demo (simulated)".into(),
        session: None,
    };
    let begun = Mono::now();
    let mut pilots = PLANS.each_ref().map(|plan| Pilot {
        plan,
        free_since: begun,
        flight: None,
    });
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for pilot in &mut pilots {
            let id = super::DRONES[pilot.plan.drone].id;
            let Some(view) = vehicles.view(id) else {
                continue;
            };
            let is_somebodys = view.control.is_some() || told_by_another(&events, id, &by);
            let command = match pilot.next(&view, is_somebodys, Mono::now()) {
                Next::Wait => continue,
                Next::TakeOff => {
                    stage.refresh(pilot.plan.drone, view.battery_pct);
                    Command::Takeoff
                }
                Next::Fly(command) => command,
                Next::Land => Command::Land,
            };
            // (What is refused shows in the list of commands; the next look says what then.)
            drop(vehicles.command(id, command, &by).await);
        }
    }
}

/// Whether the newest command of the drone is somebody else's.
fn told_by_another(events: &EventLog, id: &str, by: &Operator) -> bool {
    let commands = events.commands();
    let own = commands
        .iter()
        .filter(|one| one.drone.as_deref() == Some(id) && !one.command.starts_with("command"));
    let newest = own.max_by_key(|one| one.given);
    newest.is_some_and(|one| one.who.as_ref() != Some(&by.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        pilot: Pilot,
        view: DroneView,
        now: Mono,
    }

    impl Bench {
        fn new() -> Bench {
            let mut view = DroneView::unheard("drone_001", LinkState::Connected);
            view.battery_pct = Some(80);
            let now = Mono::now();
            let pilot = Pilot {
                plan: &PLANS[0],
                free_since: now,
                flight: None,
            };
            Bench { pilot, view, now }
        }

        /// What it does in the next `s` seconds, without what is nothing.
        fn run(&mut self, s: u64, is_somebodys: bool) -> Vec<Next> {
            let mut done = Vec::new();
            for _ in 0..s {
                self.now = self.now.plus(LOOK_EVERY);
                let next = self.pilot.next(&self.view, is_somebodys, self.now);
                match next {
                    Next::TakeOff => self.view.flight.phase = Phase::Flying,
                    Next::Land => self.view.flight.phase = Phase::Landed,
                    _ => {}
                }
                done.push(next);
            }
            done.retain(|next| *next != Next::Wait);
            done
        }
    }

    #[test]
    fn it_goes_up_and_about_and_lands_where_it_began() {
        let mut bench = Bench::new();
        assert_eq!(bench.run(19, false), []);
        let done = bench.run(240, false);
        assert_eq!(done[0], Next::TakeOff);
        let moves = done.iter().take_while(|next| **next != Next::Land).count() - 1;
        assert!(
            moves > 20 && moves.is_multiple_of(WAY.len()),
            "{moves} moves"
        );
        assert!(done.contains(&Next::Land));
    }

    #[test]
    fn a_low_battery_ends_it_at_once() {
        let mut bench = Bench::new();
        bench.run(60, false);
        bench.view.battery_pct = Some(ENOUGH_PCT);
        assert_eq!(bench.run(1, false), [Next::Land]);
    }

    #[test]
    fn what_somebody_has_is_left_alone_and_not_landed() {
        let mut bench = Bench::new();
        bench.run(60, false);
        assert_eq!(bench.run(300, true), [], "in the air");
        bench.view.flight.phase = Phase::Landed;
        assert_eq!(bench.run(LEFT_FOR.as_secs() - 2, true), [], "just landed");
        assert_eq!(bench.run(5, true)[0], Next::TakeOff);
    }
}
