//! A plan whose drones do what the test says.

use readings::command::{BootId, CommandIds};
use serde_json::json;

use super::*;
use crate::config::Drones;

const BEGAN: Mono = Mono::from_millis(100_000);

fn after(ms: u64) -> Mono {
    BEGAN.plus(Duration::from_millis(ms))
}

/// Two drones that rise, move, wait and land.
fn plan(on_failure: &str) -> Arc<Plan> {
    let config = "[[drone]]\nid = \"a\"\n[[drone]]\nid = \"b\"\n[[group]]\nid = \"g\"\ndrones = [\"a\", \"b\"]";
    let drones: Drones = toml::from_str(config).expect("a configuration");
    let plan = json!({"name": "p", "steps": [
        {"group": "g", "command": "takeoff", "on_failure": on_failure},
        {"on_failure": on_failure, "timeout_s": 20, "together": [
            {"drones": ["a"], "command": "move", "direction": "left", "distance": 50},
            {"drones": ["b"], "command": "move", "direction": "right", "distance": 50},
        ]},
        {"group": "g", "command": "wait", "seconds": 5, "on_failure": on_failure},
        {"group": "g", "command": "land", "on_failure": on_failure},
    ]});
    Arc::new(Plan::read(plan.as_object().expect("an object"), &drones).expect("a plan"))
}

fn seen() -> PlanInputs {
    PlanInputs {
        flyer_is_there: true,
        held: vec![None, None],
        taken_by: vec![None, None],
    }
}

/// A plan, and what it did so far.
struct Bench {
    run: Run,
    now: Mono,
    sent: Vec<String>,
    brought: Vec<String>,
    /// What the last call had sent: step, row.
    open: Vec<(usize, usize)>,
}

impl Bench {
    fn new(on_failure: &str) -> Bench {
        let run = Run::new(plan(on_failure), BEGAN);
        let mut bench = Bench {
            run,
            now: BEGAN,
            sent: vec![],
            brought: vec![],
            open: vec![],
        };
        bench.take();
        bench
    }

    fn take(&mut self) {
        for act in self.run.take_acts() {
            match act {
                PlanAction::Send {
                    step,
                    row,
                    drone,
                    command,
                } => {
                    self.sent
                        .push(format!("{} {command}", self.run.plan.drones[drone]));
                    self.open.push((step, row));
                }
                PlanAction::Bring { drone, command, .. } => {
                    self.brought
                        .push(format!("{} {command}", self.run.plan.drones[drone]));
                }
                PlanAction::Tell(_) => {}
            }
        }
    }

    fn tick(&mut self, ms: u64) {
        self.now = self.now.plus(Duration::from_millis(ms));
        self.run.tick(&seen(), self.now);
        self.take();
    }

    /// Everything that was sent comes to a good end but what `refuses` names.
    fn obey(&mut self, refuses: Option<(usize, usize)>) {
        for (step, row) in std::mem::take(&mut self.open) {
            let end = match refuses {
                Some(refused) if refused == (step, row) => Err("error".into()),
                _ => Ok(()),
            };
            self.run.settled(step, row, end, self.now);
        }
        self.take();
    }

    /// Lets it go on until it is over, hovers, or nothing happens any more.
    fn fly(&mut self, refuses: Option<(usize, usize)>) {
        for _ in 0..12 {
            self.obey(refuses);
            if self.run.state != State::Running {
                return;
            }
            self.tick(1_000);
        }
    }
}

#[test]
fn the_next_step_begins_when_every_drone_has_confirmed() {
    let mut bench = Bench::new("land");
    assert_eq!(bench.sent, ["a takeoff", "b takeoff"]);
    bench.run.settled(0, 0, Ok(()), bench.now);
    bench.tick(1_000);
    assert_eq!(bench.sent.len(), 2, "b has not confirmed");
    bench.run.settled(0, 1, Ok(()), bench.now);
    bench.take();
    assert_eq!(bench.sent[2..], ["a left 50", "b right 50"]);
    bench.open.retain(|(step, _)| *step == 1);
    bench.obey(None);
    // Both wait for five seconds, from the barrier on.
    bench.tick(4_900);
    assert_eq!((bench.run.at, bench.sent.len()), (2, 4));
    bench.tick(100);
    assert_eq!(bench.sent[4..], ["a land", "b land"]);
    bench.fly(None);
    assert_eq!((bench.run.state, bench.brought.len()), (State::Done, 0));
}

/// One drone refuses at every step in turn, under every policy.
#[test]
fn a_drone_that_refuses_decides_about_the_rest_as_the_plan_says() {
    for (step, flies) in [(0, "takeoff"), (1, "left 50"), (3, "land")] {
        for (on_failure, state, brought) in [
            ("land", State::Failed, &["a land", "b land"][..]),
            ("go_on", State::Done, &["a land"]),
        ] {
            let mut bench = Bench::new(on_failure);
            bench.fly(Some((step, 0)));
            let told = format!("step {step}, {on_failure}: {:?}", bench.run);
            assert_eq!(bench.run.state, state, "{told}");
            // The other confirmed that very landing.
            let brought = if (step, on_failure) == (3, "land") {
                &["a land", "b land"][..]
            } else {
                brought
            };
            assert_eq!(bench.brought, brought, "{told}");
            assert!(matches!(bench.run.rows[step][0], Row::Failed(..)), "{told}");
            let later = bench.sent.iter().rfind(|sent| sent.starts_with("a "));
            assert_eq!(
                later.map(String::as_str),
                Some(&*format!("a {flies}")),
                "{told}"
            );
            if on_failure == "go_on" {
                assert_eq!(
                    bench.sent.last().map(String::as_str),
                    Some("b land"),
                    "{told}"
                );
            }
        }
        // Hover: the other is stopped where it moves, for half a minute at most. One that takes
        // off hovers in the end by itself.
        let stopped: &[&str] = match step {
            0 => &["a land"],
            _ => &["a land", "b stop"],
        };
        let mut bench = Bench::new("hover");
        let first = |bench: &mut Bench| {
            while bench.run.at < step {
                bench.obey(None);
                bench.tick(1_000);
            }
            bench.run.settled(step, 0, Err("error".into()), bench.now);
            bench.take();
        };
        first(&mut bench);
        assert_eq!(bench.brought, stopped, "{:?}", bench.run);
        let sent = bench.sent.len();
        bench.tick(29_900);
        assert!(matches!(bench.run.state, State::Hovers(_)));
        assert_eq!(bench.brought.len(), stopped.len());
        bench.tick(100);
        assert_eq!(bench.run.state, State::Failed, "{:?}", bench.run);
        assert_eq!(
            (&bench.brought[stopped.len()..], bench.sent.len()),
            (&["b land".to_owned()][..], sent)
        );
        // Resumed in time, the other goes on.
        let mut bench = Bench::new("hover");
        first(&mut bench);
        bench.open.retain(|(_, row)| step == 0 && *row == 1);
        bench.run.resume(bench.now).expect("it hovers");
        bench.take();
        bench.fly(None);
        assert_eq!(bench.run.state, State::Done);
    }
}

#[test]
fn a_flyer_who_is_gone_and_a_latch_end_it_with_a_landing_and_nothing_more_is_sent() {
    type Spoil = fn(&mut PlanInputs);
    let spoils: [Spoil; 2] = [
        |seen| seen.flyer_is_there = false,
        |seen| seen.held[1] = Some("the emergency stop is engaged".into()),
    ];
    for spoil in spoils {
        let mut bench = Bench::new("go_on");
        bench.obey(None);
        let mut spoilt = seen();
        spoil(&mut spoilt);
        bench.run.tick(&spoilt, after(100));
        bench.take();
        assert_eq!(
            (bench.run.state, &bench.brought[..]),
            (
                State::Ended,
                &["a land".to_owned(), "b land".to_owned()][..]
            )
        );
        // What comes late begins nothing, and nobody resumes it.
        let sent = bench.sent.len();
        bench.obey(None);
        bench.tick(60_000);
        assert!(bench.run.resume(bench.now).is_err() && bench.run.pause().is_err());
        assert_eq!(bench.sent.len(), sent);
    }
}

#[test]
fn a_drone_that_a_person_takes_leaves_alone_and_the_other_goes_on() {
    let mut bench = Bench::new("land");
    bench.obey(None);
    // Its own command is overtaken by theirs, whichever is told first.
    bench.run.overtaken(1, 0, bench.now);
    bench.run.taken_over("a", "ben told it land", bench.now);
    bench.take();
    assert_eq!(
        (bench.run.state, &bench.run.rows[1][0]),
        (State::Running, &Row::Left)
    );
    bench.open.retain(|(_, row)| *row == 1);
    bench.fly(None);
    assert_eq!((bench.run.state, bench.brought.len()), (State::Done, 0));
    assert_eq!(bench.sent.last().map(String::as_str), Some("b land"));
    // One that is overtaken by nothing that is known has failed.
    let mut bench = Bench::new("land");
    bench.obey(None);
    bench.run.overtaken(1, 0, bench.now);
    bench.tick(499);
    assert_eq!(bench.run.state, State::Running);
    bench.tick(1);
    assert_eq!(bench.run.state, State::Failed);
    // Who takes control takes the drone; the last one ends the plan.
    let mut bench = Bench::new("land");
    let both = Some(Arc::from("ben"));
    bench.run.tick(
        &PlanInputs {
            taken_by: vec![both.clone(), both],
            ..seen()
        },
        after(10),
    );
    bench.take();
    assert_eq!((bench.run.state, bench.brought.len()), (State::Ended, 0));
}

#[test]
fn a_landing_of_the_gateway_is_a_failure_of_that_drone() {
    let mut bench = Bench::new("go_on");
    bench.obey(None);
    bench
        .run
        .brought_down("b", "its battery is nearly empty", bench.now);
    bench.take();
    assert_eq!((bench.run.state, bench.brought.len()), (State::Running, 0));
    let mut bench = Bench::new("land");
    bench.obey(None);
    bench
        .run
        .brought_down("b", "its battery is nearly empty", bench.now);
    bench.take();
    assert_eq!(
        (bench.run.state, &bench.brought[..]),
        (State::Failed, &["a land".to_owned()][..])
    );
}

#[test]
fn a_late_drone_has_failed_and_a_pause_holds_the_next_step() {
    let mut bench = Bench::new("land");
    bench.obey(None);
    bench.tick(19_999);
    assert_eq!(bench.run.state, State::Running);
    bench.tick(1);
    assert_eq!(bench.run.state, State::Failed);
    assert!(
        bench
            .run
            .why
            .as_deref()
            .is_some_and(|why| why.contains("20 s"))
    );

    let mut bench = Bench::new("land");
    bench.run.pause().expect("it runs");
    bench.obey(None);
    bench.tick(60_000);
    assert_eq!((bench.run.at, bench.run.state), (0, State::Paused));
    bench.run.resume(bench.now).expect("it is paused");
    bench.take();
    assert_eq!(bench.run.at, 1);
    bench.run.end("ben ended it", true);
    bench.take();
    assert_eq!((bench.run.state, bench.brought.len()), (State::Ended, 2));
}

#[test]
fn a_command_has_its_id_in_what_it_comes_to() {
    let mut bench = Bench::new("land");
    let id = CommandIds::new(BootId(1)).next();
    bench.run.given(0, 1, id);
    bench.run.settled(0, 1, Ok(()), bench.now);
    assert_eq!(bench.run.rows[0][1], Row::Done(Some(id)));
}
