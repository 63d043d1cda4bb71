//! Who flies a drone, who has control of it, and who is missed.

use tello::command::{Direction, Query};

use super::bench::Bench;
use super::*;
use crate::sources::vehicles::Refusal;

const UP: Command = Command::Move {
    direction: Direction::Up,
    distance_cm: 100,
};

/// Seed 46 of the simulated world: a reply between two looks put the next one off.
#[test]
fn the_guard_is_woken_for_its_look() {
    let mut bench = Bench::flying(80);
    bench.pass(1_000);
    let looked = bench.executor.guard_at;
    assert_eq!(bench.executor.wake_at(), Some(looked));
    assert!(looked.since(bench.now) <= GUARD_EVERY);
}

#[test]
fn a_flyer_who_is_gone_is_missed_and_nobody_else_of_the_key_takes_the_place() {
    let mut bench = Bench::flying(80);
    let by = bench.attend("a");
    bench
        .ask_by(by, Command::parse("speed 50").expect("a command"))
        .expect("taken");
    bench.hear("ok");
    bench.pass(11_000);
    bench.sent();
    // A wall display with the same key goes on saying that somebody looks at it.
    let _display = bench.attend("a");
    bench.pass(2_900);
    assert_eq!(bench.count(Command::Land), 0);
    bench.pass(1_200);
    assert_eq!(
        bench.count(Command::Land),
        1,
        "3 s, and a look of the guard"
    );
}

/// It was a moment in a loaded suite: the first word of presence came after the take-off,
/// and the key was revoked before the guard looked.
#[test]
fn a_flyer_whose_session_ends_before_the_first_look_is_missed() {
    for says in [true, false] {
        let mut bench = Bench::flying(80);
        bench.pass(1_000);
        let presence = bench
            .controls
            .presences()
            .open(&"a".into(), None, bench.now);
        let by = Operator {
            session: Some(presence.id()),
            id: "a".into(),
            name: "a".into(),
        };
        bench.ask_by(by, UP).expect("taken");
        bench.hear("ok");
        if says {
            presence.say(bench.now);
            presence.revoke();
        } else {
            drop(presence);
        }
        bench.sent();
        bench.pass(5_000);
        assert_eq!(bench.count(Command::Land), 1, "somebody said so: {says}");
    }
}

#[test]
fn what_belongs_to_no_session_keeps_nobody_up_and_is_not_missed() {
    let mut bench = Bench::flying(80);
    let _display = bench.attend("a");
    bench
        .ask_as("a", Command::parse("speed 50").expect("a command"))
        .expect("taken");
    bench.hear("ok");
    bench.sent();
    bench.pass(30_000);
    assert!(
        bench.sent().is_empty(),
        "the drone's own 15 s do their work"
    );
}

#[test]
fn control_keeps_others_from_flying_and_nobody_from_bringing_down() {
    let mut bench = Bench::flying(80);
    let ann = bench.attend("ann");
    bench.ask_by(ann.clone(), UP).expect("taken");
    bench.hear("ok");
    bench.pass(200);
    let refused = Refusal::Controlled("ann".into());
    assert_eq!(bench.ask_as("ben", UP).err(), Some(refused));
    bench
        .ask_as("ben", Command::Read(Query::Wifi))
        .expect("no flight");
    bench.hear("90");
    bench.ask_as("ben", Command::Stop).expect("never limited");
    bench.ask_as("ben", Command::Land).expect("never limited");
    bench.touch_down();
    bench.pass(3_000);
    assert_eq!(
        bench.controls.of("d", bench.now),
        None,
        "the flight is over"
    );
}

#[test]
fn who_takes_control_in_the_air_is_whose_flight_it_is() {
    let mut bench = Bench::flying(80);
    let ann = bench.attend("ann");
    bench.ask_by(ann, UP).expect("taken");
    bench.hear("ok");
    let ben = bench.attend("ben");
    let (drone, now) = ("d".into(), bench.now);
    bench.controls.take(&drone, &ben, now).expect("a session");
    bench.sent();
    bench.pass(12_000);
    assert_eq!(bench.count(Command::Land), 0, "ann is gone, ben is there");
    bench.attending = None;
    bench.pass(4_100);
    assert_eq!(bench.count(Command::Land), 1);
}

/// Ann's second move waits when Ben takes control, and Ben's own behind it: hers goes, with
/// why, and his is flown.
#[test]
fn what_the_new_pilot_gave_outlives_what_the_old_one_may_not_fly_any_more() {
    let mut bench = Bench::flying(80);
    let ann = bench.attend("ann");
    let turn = |angle_deg| Command::Rotate {
        clockwise: true,
        angle_deg,
    };
    bench.ask_by(ann.clone(), UP).expect("taken");
    let mut hers = [10, 20].map(|deg| bench.ask_by(ann.clone(), turn(deg)).expect("taken"));
    let ben = bench.attend("ben");
    let (drone, now) = ("d".into(), bench.now);
    bench.controls.take(&drone, &ben, now).expect("a session");
    bench.ask_by(ben, turn(30)).expect("taken");
    bench.sent();
    bench.hear("ok");
    bench.pass(200);
    assert_eq!(bench.sent(), ["cw 30"]);
    let refused = Outcome::Forbidden(Refusal::Controlled("ben".into()));
    let ends = hers.each_mut().map(|told| told.try_recv().expect("over"));
    assert_eq!(ends, [refused, Outcome::Dropped]);
}

#[test]
fn who_brings_a_drone_down_does_not_fly_it() {
    let mut bench = Bench::flying(80);
    let up = Command::Move {
        direction: Direction::Up,
        distance_cm: 20,
    };
    bench.ask_as("flyer", up).expect("taken");
    bench.ask_as("wall tablet", Command::Stop).expect("taken");
    let operator = bench.executor.operator.as_ref();
    assert_eq!(operator.map(|operator| &*operator.name), Some("flyer"));
}
