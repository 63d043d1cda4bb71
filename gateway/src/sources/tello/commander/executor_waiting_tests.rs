//! What waits its turn is judged again when it leaves, for every reason there is.

use std::sync::{Arc, Mutex};

use tello::command::{Direction, Query};
use tokio::sync::oneshot;

use super::super::identity::word;
use super::bench::Bench;
use super::*;
use crate::sources::vehicles::{Aim, Refusal, TakeoffHold, boot_ms};

const UP: Command = Command::Move {
    direction: Direction::Up,
    distance_cm: 100,
};
const TURN: Command = Command::Rotate {
    clockwise: true,
    angle_deg: 90,
};

/// `command` waits behind another that `first` names, `meanwhile` happens, and its turn
/// comes: what was sent then, and what came of it.
fn waited(
    mut bench: Bench,
    (first, command): (Command, Command),
    meanwhile: impl FnOnce(&mut Bench),
) -> (Vec<String>, Outcome) {
    let by = bench.attend("ann");
    let _before = bench.ask_by(by.clone(), first).expect("taken");
    let mut told = bench.ask_by(by, command).expect("taken");
    assert_eq!(bench.sent(), [first.to_string()], "one at a time");
    meanwhile(&mut bench);
    bench.hear("ok");
    bench.pass(300);
    (bench.sent(), told.try_recv().expect("it has ended"))
}

fn is_refused(waited: (Vec<String>, Outcome), why: &Refusal) {
    let (sent, outcome) = waited;
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(outcome, Outcome::Forbidden(why.clone()));
}

#[test]
fn control_that_changed_hands_takes_back_what_waits() {
    let why = Refusal::Controlled("ben".into());
    let speed = Command::parse("speed 50").expect("a command");
    for command in [UP, speed] {
        let taken = waited(Bench::flying(80), (TURN, command), |bench| {
            let presence = bench
                .controls
                .presences()
                .open(&"ben".into(), None, bench.now);
            presence.say(bench.now);
            let ben = Operator {
                id: "ben".into(),
                name: "ben".into(),
                session: Some(presence.id()),
            };
            let now = bench.now;
            bench
                .controls
                .take(&"d".into(), &ben, now)
                .expect("a session");
            // (It is there for as long as this lives.)
            std::mem::forget(presence);
        });
        is_refused(taken, &why);
    }
}

#[test]
fn a_drone_that_turns_out_to_be_another_gets_nothing_that_waits() {
    let words: Arc<str> = "it says the number of d2".into();
    let why = Refusal::Mistaken(words.clone());
    let stream = Command::StreamOn;
    for command in [UP, stream] {
        let mistaken = Some(words.clone());
        let taken = waited(Bench::flying(80), (TURN, command), |bench| {
            bench.executor.mistake(mistaken);
        });
        is_refused(taken, &why);
    }
}

#[test]
fn a_drone_that_is_lost_or_down_gets_nothing_that_waits() {
    let lost = waited(
        Bench::new(),
        (Command::StreamOff, Command::StreamOn),
        |bench| {
            bench.link = LinkState::Lost;
        },
    );
    assert!(lost.0.is_empty(), "{lost:?}");
    assert!(
        matches!(lost.1, Outcome::Forbidden(Refusal::Lost(_))),
        "{lost:?}"
    );
    let down = waited(Bench::flying(80), (TURN, UP), |bench| {
        bench.touch_down();
        bench.pass(1_000);
    });
    assert!(down.0.is_empty(), "{down:?}");
}

#[test]
fn a_height_that_changed_is_judged_anew() {
    let taken = waited(Bench::flying(80), (TURN, UP), |bench| {
        bench.set(true, 950);
        bench.pass(100);
    });
    is_refused(taken, &Refusal::OutOfBounds { height_cm: 1_050 });
}

/// An emergency stop that is not engaged yet.
#[derive(Default)]
struct Latch(Mutex<Option<Arc<str>>>);

impl TakeoffHold for Latch {
    fn why_not(&self, _: &str) -> Option<Arc<str>> {
        self.0.lock().expect("whole").clone()
    }

    fn stopped(&self, id: &str) -> Option<Arc<str>> {
        self.why_not(id)
    }
}

#[test]
fn while_an_emergency_stop_is_engaged_nobody_flies_on_and_nothing_keeps_it_up() {
    let latch = Arc::new(Latch::default());
    let mut bench = Bench::flying(80);
    bench.executor.takeoff = TakeoffGate::new(&"d".into(), latch.clone());
    let by = bench.attend("ann");
    let speed = Command::parse("speed 50").expect("a command");
    let _told = bench.ask_by(by.clone(), speed).expect("taken");
    bench.hear("ok");
    let why: Arc<str> = "the emergency stop is engaged".into();
    *latch.0.lock().expect("whole") = Some(why.clone());
    bench.ask_by(by.clone(), Command::Land).expect("taken");
    // Somebody stops the landing; they do not fly on from there.
    bench.ask_by(by.clone(), Command::Stop).expect("taken");
    bench.pass(1_000);
    let up = bench.ask_by(by.clone(), UP).err();
    assert_eq!(up, Some(Refusal::Stopped(why)));
    bench.sent();
    bench.pass(12_000);
    let asked = Command::Read(Query::Battery);
    assert_eq!(bench.count(asked), 0, "it lands by its own 15 s");
    *latch.0.lock().expect("whole") = None;
    bench.ask_by(by, UP).expect("released");
}

#[test]
fn a_take_off_that_waits_is_held_by_a_latch_and_a_charge_of_now() {
    let takes_off = (Command::StreamOff, Command::Takeoff);
    let latch = Arc::new(Latch::default());
    let mut bench = Bench::new();
    bench.executor.takeoff = TakeoffGate::new(&"d".into(), latch.clone());
    let why: Arc<str> = "the emergency stop is engaged".into();
    let held = waited(bench, takes_off, |_| {
        *latch.0.lock().expect("whole") = Some(why.clone());
    });
    is_refused(held, &Refusal::Held(why));
    let empty = waited(Bench::new(), takes_off, |bench| {
        if let Some(state) = &mut bench.state {
            state.battery_pct = 9;
        }
    });
    let why = Refusal::BatteryLow {
        battery_pct: 9,
        least_pct: 10,
    };
    is_refused(empty, &why);
}

#[test]
fn a_restart_that_makes_no_sense_any_more_is_neither_sent_nor_told_as_sent() {
    let reboot = Command::parse("reboot").expect("a command");
    let mut bench = Bench::new();
    bench.executor.identity.sdk = word("30");
    let taken = waited(bench, (Command::StreamOff, reboot), |bench| {
        // Somebody throws it into the air, and its motors run.
        bench.set(true, 50);
        bench.pass(1_200);
    });
    is_refused(taken, &Refusal::NotOnGround);
}

#[test]
fn what_was_sent_once_is_never_told_as_not_sent() {
    let mut bench = Bench::new();
    let mut told = bench.ask(Command::StreamOn).expect("taken");
    assert_eq!(bench.sent(), ["streamon"]);
    bench
        .executor
        .mistake(Some("it says the number of d2".into()));
    bench.pass(2_500);
    assert!(bench.sent().is_empty(), "not again");
    assert_eq!(told.try_recv().ok(), Some(Outcome::NoReply));
}

#[test]
fn what_brings_a_drone_down_is_for_anybody_and_for_any_drone() {
    let mut bench = Bench::flying(80);
    bench
        .executor
        .mistake(Some("it says the number of d2".into()));
    let by = bench.attend("ann");
    let now = bench.now;
    bench
        .controls
        .take(&"d".into(), &by, now)
        .expect("a session");
    let _told: oneshot::Receiver<Outcome> = bench.ask_as("ben", Command::Land).expect("taken");
    bench.pass(2_500);
    assert!(
        bench.count(Command::Land) >= 2,
        "and again: {:?}",
        bench.sent()
    );
}

#[test]
fn the_gateway_does_not_keep_a_mistaken_drone_in_the_air() {
    let mut bench = Bench::flying(80);
    let by = bench.attend("ann");
    let speed = Command::parse("speed 50").expect("a command");
    let _told = bench.ask_by(by, speed).expect("taken");
    bench.hear("ok");
    bench.pass(11_000);
    let asked = Command::Read(Query::Battery);
    assert!(bench.count(asked) >= 1, "somebody is there");
    bench.sent();
    bench
        .executor
        .mistake(Some("it says the number of d2".into()));
    bench.pass(12_000);
    assert_eq!(bench.count(asked), 0, "it lands by its own rule");
}

#[test]
fn a_drone_that_comes_down_by_itself_is_not_kept_up_for_its_camera() {
    let mut bench = Bench::flying(200);
    let by = bench.attend("ann");
    for height_cm in (140..=190).rev().step_by(10) {
        bench.set(true, height_cm);
        bench.pass(300);
    }
    bench.sent();
    let streams = [
        Command::StreamOn,
        Command::parse("speed 50").expect("a command"),
    ];
    for command in streams {
        let _told = bench.ask_by(by.clone(), command).expect("taken");
    }
    for height_cm in (100..=130).rev().step_by(10) {
        bench.set(true, height_cm);
        bench.pass(300);
    }
    assert!(bench.sent().is_empty(), "it would hover again");
    bench.ask_by(by, UP).expect("taken");
    bench.pass(2_300);
    assert!(
        bench.sent().contains(&UP.to_string()),
        "who flies it means to"
    );
}

/// The gateway is looked at again after a minute.
fn stand_still(bench: &Bench) {
    let standstills = bench.controls.standstills();
    standstills.look(boot_ms().saturating_sub(60_000));
}

#[test]
fn after_a_standstill_nothing_that_flies_is_taken_and_what_brings_down_is() {
    let stood_still = |refused: Refusal| {
        let words = refused.to_string();
        assert!(words.contains("the gateway stood still for"), "{words}");
        assert!(words.contains("ask again"), "{words}");
    };
    let mut bench = Bench::new();
    stand_still(&bench);
    for text in ["takeoff", "throwfly", "motoron"] {
        let command = Command::parse(text).expect(text);
        stood_still(bench.ask(command).expect_err(text));
    }
    assert!(bench.sent().is_empty());
    let mut bench = Bench::flying(80);
    stand_still(&bench);
    for text in ["up 50", "cw 90", "flip l", "go 50 0 0 50", "speed 50"] {
        let command = Command::parse(text).expect(text);
        stood_still(bench.ask(command).expect_err(text));
    }
    stood_still(bench.aim(Aim::Heading(90)).expect_err("a turn"));
    assert!(bench.sent().is_empty());
    for command in [Command::Stop, Command::Land, Command::Emergency] {
        let _told = bench.ask(command).expect("taken");
        assert_eq!(bench.sent(), [command.to_string()]);
    }
}

#[test]
fn what_waits_its_turn_over_a_standstill_is_not_flown() {
    let (sent, outcome) = waited(Bench::flying(80), (TURN, UP), |bench| stand_still(bench));
    assert!(sent.is_empty(), "{sent:?}");
    assert!(
        matches!(outcome, Outcome::Forbidden(Refusal::StoodStill { .. })),
        "{outcome:?}"
    );
}
