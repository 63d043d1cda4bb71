//! Every state that the command executor can be brought into by short steps, and what must
//! hold in each: breadth first, until nothing new is found.
//!
//! A state is what decides what may be sent: what is believed of the flight, link, age of
//! the states, what is in flight and waits, who is there and has control, latch, sticks. Of each
//! the first way that leads there is kept, and walked anew for each step beyond it: an
//! executor cannot be copied. Times are told apart as far as the executor does.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tello::command::Direction;

use super::bench::Bench;
use super::*;
use crate::sources::tello::commander::StickFrame;
use crate::sources::vehicles::{Operator, Presence, TakeoffHold};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Somebody wishes it: the first flyer, or the second.
    Wish(usize, Wished),
    Sticks,
    /// States for half a second: on the ground, in the air, sinking.
    Ground,
    Air,
    Sinks,
    /// Three seconds of time for a proof.
    Rests,
    /// Nothing is heard for two seconds.
    Silence,
    Ok,
    Busy,
    Refused,
    Goes(usize),
    Comes(usize),
    Takes(usize),
    Latch(bool),
    Link(LinkIs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wished {
    Takeoff,
    Land,
    Stop,
    Emergency,
    Up,
    MotorOn,
    Battery,
}

/// As [`LinkState`], in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LinkIs {
    Connected,
    Lost,
    Disconnected,
}

const STEPS: &[Step] = &[
    Step::Wish(0, Wished::Takeoff),
    Step::Wish(0, Wished::Land),
    Step::Wish(0, Wished::Stop),
    Step::Wish(0, Wished::Emergency),
    Step::Wish(0, Wished::Up),
    Step::Wish(0, Wished::MotorOn),
    Step::Wish(0, Wished::Battery),
    Step::Wish(1, Wished::Land),
    Step::Wish(1, Wished::Up),
    Step::Sticks,
    Step::Ground,
    Step::Air,
    Step::Sinks,
    Step::Rests,
    Step::Silence,
    Step::Ok,
    Step::Busy,
    Step::Refused,
    Step::Goes(0),
    Step::Comes(0),
    Step::Takes(1),
    Step::Latch(true),
    Step::Latch(false),
    Step::Link(LinkIs::Connected),
    Step::Link(LinkIs::Lost),
    Step::Link(LinkIs::Disconnected),
];

/// How long ways are walked at every change: what takes seconds, unoptimised.
const STEPS_AT_EVERY_CHANGE: usize = 3;

/// Longest way that is walked at all, and most states: the search ends by itself before.
const MOST_STEPS: usize = 20;
const MOST_STATES: usize = 100_000;

#[derive(Default)]
struct Latch(AtomicBool);

impl TakeoffHold for Latch {
    fn why_not(&self, _id: &str) -> Option<Arc<str>> {
        self.0.load(Relaxed).then(|| "latched".into())
    }
}

/// An executor that was brought somewhere, and what is seen of it there.
struct Walk {
    bench: Bench,
    latch: Arc<Latch>,
    flyers: [(Presence, Operator, bool); 2],
    /// What the last step sent.
    sent: Vec<Command>,
}

impl Walk {
    fn begin() -> Walk {
        let mut bench = Bench::new();
        let latch = Arc::new(Latch::default());
        bench.executor.takeoff = TakeoffGate::new(&"d".into(), latch.clone());
        let flyer = |name: &str| {
            let presence = bench
                .controls
                .presences()
                .open(&name.into(), None, bench.now);
            presence.say(bench.now);
            let session = Some(presence.id());
            let operator = Operator {
                id: name.into(),
                name: name.into(),
                session,
            };
            (presence, operator, true)
        };
        let flyers = [flyer("a"), flyer("b")];
        Walk {
            bench,
            latch,
            flyers,
            sent: Vec::new(),
        }
    }

    fn along(way: &[Step]) -> Walk {
        let mut walk = Walk::begin();
        for step in way {
            walk.step(*step);
        }
        walk
    }

    /// Time in which states arrive, or do not.
    fn pass(&mut self, ms: u64, is_heard: bool) {
        let state = self.bench.state;
        if !is_heard {
            self.bench.state = None;
        }
        for _ in 0..ms / 100 {
            for (presence, _, is_there) in &self.flyers {
                if *is_there {
                    presence.say(self.bench.now);
                }
            }
            self.bench.pass(100);
        }
        self.bench.state = state;
    }

    fn command(wished: Wished) -> Command {
        match wished {
            Wished::Takeoff => Command::Takeoff,
            Wished::Land => Command::Land,
            Wished::Stop => Command::Stop,
            Wished::Emergency => Command::Emergency,
            Wished::Up => Command::Move {
                direction: Direction::Up,
                distance_cm: 50,
            },
            Wished::MotorOn => Command::parse("motoron").expect("of the table"),
            Wished::Battery => Command::Read(tello::command::Query::Battery),
        }
    }

    fn wish(&mut self, who: usize, command: Command) -> Result<(), Refusal> {
        let by = self.flyers[who].1.clone();
        self.bench.ask_by(by, command).map(drop)
    }

    /// Takes a step; what the executor made of a wish.
    fn step(&mut self, step: Step) -> Option<Result<(), Refusal>> {
        self.bench.sent.clear();
        let mut verdict = None;
        match step {
            Step::Wish(who, wished) => verdict = Some(self.wish(who, Walk::command(wished))),
            Step::Sticks => {
                let frame = StickFrame {
                    axes: [0, 50, 0, 0],
                    by: self.flyers[0].1.clone(),
                    at: self.bench.now,
                };
                let (out, _) = self.bench.executor.take_sticks(frame, &self.bench.about());
                self.bench.note(out);
            }
            Step::Ground | Step::Rests => {
                self.bench.set(false, 0);
                self.pass(if step == Step::Rests { 3_000 } else { 500 }, true);
            }
            Step::Air => {
                self.bench.set(true, 80);
                self.pass(1_100, true);
            }
            Step::Sinks => {
                self.bench.set(true, 60);
                self.pass(300, true);
                self.bench.set(true, 40);
                self.pass(300, true);
            }
            Step::Silence => self.pass(2_000, false),
            Step::Ok => self.bench.hear("ok"),
            Step::Busy => self.bench.hear("error Not joystick"),
            Step::Refused => self.bench.hear("error"),
            Step::Goes(who) => self.flyers[who].2 = false,
            Step::Comes(who) => self.flyers[who].2 = true,
            Step::Takes(who) => {
                let by = &self.flyers[who].1;
                let _ = self.bench.controls.take(&"d".into(), by, self.bench.now);
            }
            Step::Latch(is_held) => self.latch.0.store(is_held, Relaxed),
            Step::Link(link) => {
                self.bench.link = match link {
                    LinkIs::Connected => LinkState::Connected,
                    LinkIs::Lost => LinkState::Lost,
                    LinkIs::Disconnected => LinkState::Disconnected,
                }
            }
        }
        self.sent = self
            .bench
            .sent
            .drain(..)
            .map(|(_, command)| command)
            .collect();
        verdict
    }

    /// What tells this state from others.
    fn state(&self) -> String {
        let (executor, about) = (&self.bench.executor, self.bench.about());
        let now = about.now;
        let control = self.bench.controls.of("d", now);
        let control = control.map(|control| control.by.name);
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            executor.flight(&about),
            (about.link, about.is_fresh(), about.motion.sinks(now)),
            executor
                .queue
                .commands()
                .map(|command| command.to_string())
                .collect::<Vec<_>>(),
            (
                executor.queue.in_manoeuvre(now),
                executor.queue.expects_reply()
            ),
            (executor.down.active(), executor.down.is_overdue()),
            (executor.sticks_wish.is_some(), executor.rival.sign()),
            (
                control,
                executor.operator.as_ref().map(|by| by.name.clone())
            ),
            self.flyers.each_ref().map(|(_, by, _)| self
                .bench
                .controls
                .presences()
                .is_there(by, now)),
            (
                self.latch.0.load(Relaxed),
                self.bench
                    .state
                    .map(|state| (state.motors_run, state.height_cm))
            )
        )
    }
}

/// What must hold after `step`, which came to `verdict`.
fn judge(walk: &Walk, step: Step, verdict: Option<&Result<(), Refusal>>, dark: bool) {
    let held = walk.latch.0.load(Relaxed);
    for command in &walk.sent {
        let starts = command.takes_off() || command.idles() == Some(true);
        assert!(!(starts && held), "{command} while it is held");
        let is_down = Down::of(*command).is_some() || *command == Command::Rc([0; 4]);
        assert!(is_down || !dark, "{command} into the dark");
    }
    let (Step::Wish(who, wished), Some(verdict)) = (step, verdict) else {
        return;
    };
    let command = Walk::command(wished);
    let about = walk.bench.about();
    if command.is_manoeuvre() && verdict.is_ok() {
        let holder = walk.bench.controls.of("d", about.now);
        let is_free = holder.is_none_or(|control| control.by.name == walk.flyers[who].1.name);
        assert!(is_free, "{command} of somebody who has no control");
    }
}

/// Whatever the state, down can be wished, and leaves: unless the ground is proven, or
/// there is no drone.
fn can_come_down(mut walk: Walk) {
    let about = walk.bench.about();
    // What the newest state shows it takes in first, as with every wish.
    let out = walk.bench.executor.tick(&about);
    walk.bench.note(out);
    let executor = &walk.bench.executor;
    let is_grounded = executor.known(&about).grounded && !executor.queue.takes_off();
    let has_link = matches!(about.link, LinkState::Connected | LinkState::Lost)
        || executor.flight(&about).may_fly();
    for command in [Command::Land, Command::Stop, Command::Emergency] {
        let is_owed = has_link && (!is_grounded || command == Command::Emergency);
        walk.bench.sent.clear();
        let was_active = walk.bench.executor.down.active();
        let verdict = walk.wish(1, command);
        assert_eq!(verdict.is_ok(), is_owed, "{command}: {verdict:?}");
        let left = |command: Command| {
            let sent = walk.bench.sent.iter();
            sent.into_iter()
                .any(|(_, sent)| Down::of(*sent) == Down::of(command))
        };
        // A landing that sinks is joined, and nothing milder ends the cut of the motors.
        let is_joined = was_active.is_some() && command != Command::Emergency;
        assert!(
            !is_owed || left(command) || is_joined || left_as_sticks(&walk, command),
            "{command} was taken and did not leave"
        );
        if is_owed {
            return;
        }
    }
}

/// Firmware that knows no `stop` is told to let go of the sticks.
fn left_as_sticks(walk: &Walk, command: Command) -> bool {
    let centred = walk
        .bench
        .sent
        .iter()
        .any(|(_, sent)| *sent == Command::Rc([0; 4]));
    command == Command::Stop && centred
}

/// Walks on from every new state, up to ways of that length; how many states there are,
/// and how long the longest way is that led to a new one.
fn explore(most_steps: usize) -> (usize, usize) {
    let mut known = BTreeSet::from([Walk::begin().state()]);
    let mut ways: VecDeque<Vec<Step>> = VecDeque::from([Vec::new()]);
    let mut longest = 0;
    while let Some(way) = ways.pop_front() {
        longest = longest.max(way.len());
        for step in STEPS {
            let state = state_after(&way, *step);
            if known.insert(state) && way.len() < most_steps {
                assert!(known.len() < MOST_STATES, "too many states to see them all");
                let mut further = way.clone();
                further.push(*step);
                ways.push_back(further);
            }
        }
    }
    (known.len(), longest)
}

/// The state that `step` leads to; all that must hold on the way there, and in it, does.
fn state_after(way: &[Step], step: Step) -> String {
    let mut walk = Walk::along(way);
    let about = walk.bench.about();
    let was_dark = walk.bench.executor.may_fly() && !about.is_fresh();
    let is_seen = matches!(step, Step::Ground | Step::Air | Step::Sinks | Step::Rests);
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let verdict = walk.step(step);
        judge(&walk, step, verdict.as_ref(), was_dark && !is_seen);
        let state = walk.state();
        can_come_down(walk);
        state
    }));
    judged.unwrap_or_else(|_| panic!("after {way:?}, by {step:?}"))
}

#[test]
fn every_state_that_few_steps_reach_keeps_what_is_promised() {
    let (states, _) = explore(STEPS_AT_EVERY_CHANGE);
    assert!(states > 100, "{states} states");
}

#[test]
#[ignore = "takes long unoptimised: `.ci/field` runs it in the release profile"]
fn every_state_that_can_be_reached_keeps_what_is_promised() {
    let (states, longest) = explore(MOST_STEPS);
    assert!(longest < MOST_STEPS, "{states} states, and ways go on");
}
