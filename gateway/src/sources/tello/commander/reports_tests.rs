//! Each command's steps, as the executor reports them.

use readings::command::CommandState::{
    self, Answered, Confirmed, Overtaken, Queued, Refused, Sent, Unconfirmed,
};
use readings::event::EventKind;

use tello::command::Direction;

use super::bench::Bench;
use super::*;

/// The steps since the last call, as words of the command and how far it came.
fn steps(bench: &mut Bench) -> Vec<(String, CommandState)> {
    let reports = bench.executor.take_reports().into_iter();
    reports
        .map(|report| (report.wish.command.to_string(), report.state))
        .collect()
}

/// These steps of one command.
fn of(command: &str, states: &[CommandState]) -> Vec<(String, CommandState)> {
    let one = |state: &CommandState| (command.to_owned(), *state);
    states.iter().map(one).collect()
}

const UP: Command = Command::Move {
    direction: Direction::Up,
    distance_cm: 20,
};

#[test]
fn a_manoeuvre_is_answered_by_the_drone() {
    let mut bench = Bench::new();
    bench.ask(Command::Takeoff).expect("taken");
    assert_eq!(steps(&mut bench), of("takeoff", &[Queued, Sent]));
    bench.hear("ok");
    assert_eq!(steps(&mut bench), of("takeoff", &[Answered]));
}

#[test]
fn a_landing_is_confirmed_by_the_state_alone_and_sent_once_however_often() {
    let mut bench = Bench::flying(80);
    bench.ask(Command::Land).expect("taken");
    bench.hear("ok");
    bench.pass(5_000);
    assert_eq!(steps(&mut bench), of("land", &[Queued, Sent]));
    bench.set(false, 0);
    bench.pass(2_500);
    assert_eq!(steps(&mut bench), of("land", &[Confirmed]));
}

#[test]
fn what_a_landing_takes_back_is_overtaken() {
    let mut bench = Bench::flying(80);
    bench.ask(UP).expect("taken");
    bench.ask(UP).expect("waits");
    assert_eq!(
        steps(&mut bench),
        [of("up 20", &[Queued, Sent]), of("up 20", &[Queued])].concat()
    );
    bench.ask(Command::Land).expect("taken");
    let mut all = steps(&mut bench);
    all.sort_by_key(|(command, _)| command.clone());
    let expected = [of("land", &[Queued, Sent]), of("up 20", &[Overtaken; 2])];
    assert_eq!(all, expected.concat());
}

#[test]
fn a_refusal_says_why_whoever_refuses() {
    let mut bench = Bench::new();
    bench.ask(UP).expect_err("on the ground");
    let refused = bench.executor.take_reports();
    assert_eq!(refused[0].state, Refused);
    assert_eq!(refused[0].why.as_deref(), Some("the drone is not airborne"));
    bench.ask(Command::Takeoff).expect("taken");
    bench.hear("error Motor stop");
    let refused = bench.executor.take_reports().pop().expect("ended");
    assert_eq!(refused.state, Refused);
    let why = refused.why.expect("told");
    assert!(why.contains("Motor stop"), "{why}");
}

#[test]
fn silence_confirms_nothing() {
    let mut bench = Bench::new();
    bench.ask(Command::Takeoff).expect("taken");
    bench.pass(30_000);
    let last = steps(&mut bench).pop();
    assert_eq!(last, Some(("takeoff".to_owned(), Unconfirmed)));
}

#[test]
fn what_the_gateway_does_by_itself_is_reported_with_its_reason() {
    let mut bench = Bench::flying(80);
    if let Some(state) = &mut bench.state {
        state.battery_pct = 4;
    }
    bench.pass(5_000);
    let reports = bench.executor.take_reports();
    let (first, second) = (&reports[0], &reports[1]);
    assert_eq!((first.wish.kind, first.state), (EventKind::Guard, Queued));
    assert_eq!(first.why.as_deref(), Some("its battery is nearly empty"));
    assert_eq!((second.wish.id, second.state), (first.wish.id, Sent));
}

#[test]
fn what_the_system_did_not_take_is_refused_and_never_told_as_sent() {
    let mut bench = Bench::new();
    let mut told = bench.ask(Command::Takeoff).expect("taken");
    let mut reports = bench.executor.take_reports();
    let about = bench.about();
    let error = "network is unreachable";
    let executor = &mut bench.executor;
    let out = executor.not_sent(Command::Takeoff, error, &mut reports, &about);
    assert!(out.is_empty());
    reports.extend(executor.take_reports());
    let states: Vec<_> = reports.iter().map(|report| report.state).collect();
    assert_eq!(states, [Queued, Refused]);
    let why = reports[1].why.as_deref().expect("said");
    assert!(why.contains(error), "{why}");
    assert!(told.try_recv().is_err(), "before it can be looked up");
    executor.tell_ends();
    assert_eq!(told.try_recv(), Ok(Outcome::Unsent(error.to_owned())));
    assert_eq!(bench.phase(), Phase::Landed);
}

#[test]
fn a_landing_that_did_not_leave_is_sent_by_its_repetition() {
    let mut bench = Bench::flying(80);
    bench.ask(Command::Land).expect("taken");
    let mut reports = bench.executor.take_reports();
    let about = bench.about();
    let executor = &mut bench.executor;
    let _ = executor.not_sent(Command::Land, "no route", &mut reports, &about);
    reports.extend(executor.take_reports());
    let states: Vec<_> = reports.iter().map(|report| report.state).collect();
    assert_eq!(states, [Queued]);
    bench.pass(5_000);
    assert_eq!(steps(&mut bench), of("land", &[Sent]));
}

#[test]
fn no_two_commands_share_an_id_and_keep_alives_have_none() {
    let mut bench = Bench::flying(80);
    bench.ask(UP).expect("taken");
    bench.ask(UP).expect("waits");
    bench.hear("ok");
    bench.pass(60_000);
    let ids: Vec<_> = bench.executor.take_reports();
    let mut ids: Vec<_> = ids.into_iter().map(|report| report.wish.id).collect();
    ids.dedup();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 2);
}
