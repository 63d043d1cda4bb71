//! Motors that idle on the ground, and what a drone's SDK does not know.

use super::super::identity::word;
use super::bench::Bench;
use super::*;
use crate::sources::vehicles::Refusal;

fn command(text: &str) -> Command {
    Command::parse(text).expect(text)
}

/// One that says it has SDK 3.0, on the ground.
fn tt() -> Bench {
    let mut bench = Bench::new();
    bench.executor.identity.sdk = word("30");
    bench
}

/// A drone whose motors idle by its own word.
fn idling() -> Bench {
    let mut bench = tt();
    bench.ask(command("motoron")).expect("taken");
    bench.hear("ok");
    bench.set(true, 0);
    bench.pass(3_000);
    assert_eq!(bench.phase(), Phase::Idling);
    bench.sent();
    bench
}

#[test]
fn idling_is_neither_rest_nor_flight_and_ends_by_itself() {
    let mut bench = idling();
    assert!(!bench.executor.may_fly());
    let up = bench.ask(command("up 50")).err();
    assert_eq!(up, Some(Refusal::NotAirborne));
    let reboot = bench.ask(command("reboot")).err();
    assert_eq!(reboot, Some(Refusal::NotOnGround), "propellers turn");
    bench.pass(56_000);
    assert_eq!(bench.count(command("motoroff")), 0);
    bench.pass(4_000);
    // Once, and again for want of an answer.
    assert!(bench.count(command("motoroff")) >= 1, "{:?}", bench.sent());
    bench.hear("ok");
    bench.set(false, 0);
    bench.pass(3_000);
    assert_eq!(bench.phase(), Phase::Landed);
    bench.ask(command("reboot")).expect("at rest");
}

#[test]
fn motors_that_go_on_are_taken_for_a_flight() {
    let mut bench = idling();
    bench.ask(command("motoroff")).expect("taken");
    bench.hear("ok");
    bench.pass(12_000);
    assert_eq!(
        bench.phase(),
        Phase::Flying,
        "nothing shows that they stand"
    );
}

#[test]
fn what_rises_while_it_idles_flies() {
    let mut bench = idling();
    bench.set(true, 40);
    bench.pass(1_000);
    assert_eq!(bench.phase(), Phase::Flying);
    let off = bench.ask(command("motoroff")).err();
    assert_eq!(off, Some(Refusal::NotOnGround));
}

#[test]
fn motors_are_turned_on_by_the_same_list_as_a_take_off() {
    let mut bench = Bench::flying(80);
    bench.executor.identity.sdk = word("30");
    assert_eq!(
        bench.ask(command("motoron")).err(),
        Some(Refusal::NotOnGround)
    );
    let mut bench = tt();
    if let Some(state) = &mut bench.state {
        state.battery_pct = 9;
    }
    assert!(matches!(
        bench.ask(command("motoron")).err(),
        Some(Refusal::BatteryLow { .. })
    ));
    // A refusal leaves it at rest.
    let mut bench = tt();
    bench.ask(command("motoron")).expect("taken");
    bench.hear("error");
    assert_eq!(bench.phase(), Phase::Landed);
    // A take-off ends it.
    let mut bench = idling();
    bench.ask(Command::Takeoff).expect("taken");
    assert_eq!(bench.phase(), Phase::TakingOff);
}

#[test]
fn what_its_sdk_does_not_know_is_not_sent() {
    // The bench's drone knows no `sn?`: SDK 1.3.
    let mut bench = Bench::new();
    bench.pass(1_000);
    bench.sent();
    for (text, needs) in [("mon", 2), ("go 0 0 50 30 m1", 2), ("EXT led 0 0 0", 3)] {
        let refused = bench.ask(command(text)).err();
        assert_eq!(
            refused,
            Some(Refusal::NotInSdk { needs, found: 1 }),
            "{text}"
        );
    }
    let words = Refusal::NotInSdk { needs: 3, found: 2 }.to_string();
    assert!(words.contains("SDK 3.0") && words.contains("SDK 2.0"));
    assert!(bench.sent().is_empty());
    bench.ask(command("speed 50")).expect("it knows that");
}

#[test]
fn a_drone_that_restarts_is_sent_no_take_off_until_it_is_heard_anew() {
    let mut bench = tt();
    bench.ask(command("reboot")).expect("taken");
    let before = bench.ask(Command::Takeoff).err();
    bench.hear("ok");
    bench.pass(1_000);
    let after = bench.ask(Command::Takeoff).err();
    assert_eq!(
        (before, after),
        (Some(Refusal::Restarts), Some(Refusal::Restarts))
    );
    // Gone, and back after a while.
    let state = bench.state.take();
    bench.pass(9_000);
    assert!(!bench.executor.may_fly());
    bench.state = state;
    bench.pass(3_000);
    bench.sent();
    bench.ask(Command::Takeoff).expect("it is there again");
    assert_eq!(bench.sent(), ["takeoff"]);
}

#[test]
fn a_drone_that_does_not_restart_takes_off() {
    let mut bench = tt();
    bench.ask(command("reboot")).expect("taken");
    let about = bench.about();
    bench
        .executor
        .not_sent(command("reboot"), "no buffer", &mut vec![], &about);
    bench.ask(Command::Takeoff).expect("it did not leave");
    let mut bench = tt();
    bench.ask(command("reboot")).expect("taken");
    bench.hear("ok");
    bench.pass(14_000);
    assert_eq!(bench.ask(Command::Takeoff).err(), Some(Refusal::Restarts));
    bench.pass(2_000);
    bench.ask(Command::Takeoff).expect("it goes on streaming");
}
