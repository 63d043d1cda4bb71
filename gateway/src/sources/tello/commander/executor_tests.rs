//! The command executor against a scripted drone, in virtual time.

use tello::command::{Direction, Query};
use tokio::sync::oneshot;

use super::bench::Bench;
use super::*;
use crate::sources::vehicles::{Aim, Refusal};

const UP: Command = Command::Move {
    direction: Direction::Up,
    distance_cm: 100,
};
const TURN: Command = Command::Rotate {
    clockwise: true,
    angle_deg: 90,
};

fn ended(told: &mut oneshot::Receiver<Outcome>) -> Option<Outcome> {
    told.try_recv().ok()
}

#[test]
fn a_landing_is_done_when_the_state_shows_the_ground_whatever_was_answered() {
    let mut bench = Bench::flying(80);
    let mut turn = bench.ask(TURN).expect("taken");
    let mut landing = bench.ask(Command::Land).expect("taken");
    assert_eq!(bench.sent(), ["cw 90", "land"]);
    assert_eq!(ended(&mut turn), Some(Outcome::Superseded));
    // Firmware of SDK 1.3: busy, no `stop`, and then the `ok` of the turn.
    bench.hear("error Not joystick");
    assert_eq!(bench.sent(), ["stop"]);
    bench.hear("unknown command: stop");
    bench.pass(500);
    bench.hear("ok");
    bench.pass(600);
    assert_eq!((ended(&mut landing), bench.phase()), (None, Phase::Landing));
    assert_eq!(bench.sent(), ["land"], "asked again, for it is at 80 cm");
    bench.touch_down();
    bench.pass(1_500);
    assert_eq!((ended(&mut landing), bench.phase()), (None, Phase::Landing));
    bench.pass(1_000);
    assert_eq!(ended(&mut landing), Some(Outcome::Done));
    assert_eq!(bench.phase(), Phase::Landed);
    bench.sent();
    bench.pass(60_000);
    assert!(bench.sent().is_empty(), "it outlives nothing");
}

#[test]
fn a_landing_soon_after_the_take_off_is_not_done_by_the_take_offs_ok() {
    let mut bench = Bench::new();
    let mut takeoff = bench.ask(Command::Takeoff).expect("taken");
    bench.pass(1_000);
    let mut landing = bench.ask(Command::Land).expect("taken");
    assert_eq!(ended(&mut takeoff), Some(Outcome::Superseded));
    assert_eq!(bench.sent(), ["takeoff", "land"]);
    bench.hear("error Not joystick");
    bench.pass(200);
    bench.set(true, 50);
    bench.pass(1_500);
    bench.hear("ok");
    bench.pass(100);
    assert_eq!((ended(&mut landing), bench.phase()), (None, Phase::Landing));
    bench.touch_down();
    bench.pass(2_500);
    assert_eq!(ended(&mut landing), Some(Outcome::Done));
}

#[test]
fn a_second_landing_is_no_error_and_a_landing_under_way_is_not_stopped() {
    let mut bench = Bench::flying(200);
    let mut first = bench.ask(Command::Land).expect("taken");
    bench.pass(300);
    bench.set(true, 190);
    bench.pass(200);
    let mut second = bench.ask(Command::Land).expect("no error");
    // A copy of the first, made by the network, finds it busy with landing.
    bench.hear("error Not joystick");
    bench.touch_down();
    bench.pass(2_500);
    assert!(bench.count(Command::Stop) == 0, "{:?}", bench.sent);
    assert_eq!(ended(&mut first), Some(Outcome::Done));
    assert_eq!(ended(&mut second), Some(Outcome::Done));
}

#[test]
fn a_landing_refused_for_ever_is_answered_in_time_tried_after_a_stop_and_told() {
    let mut bench = Bench::flying(80);
    let mut landing = bench.ask(Command::Land).expect("taken");
    let mut answered = 0;
    for _ in 0..300 {
        bench.pass(100);
        if bench.count(Command::Land) > answered {
            answered += 1;
            bench.hear("error");
        }
    }
    assert_eq!(ended(&mut landing), Some(Outcome::Unconfirmed));
    assert!(bench.executor.is_landing_overdue());
    let (lands, stops) = (bench.count(Command::Land), bench.count(Command::Stop));
    assert!((10..60).contains(&lands), "{lands}");
    assert!(stops >= lands / 2, "{stops} stops for {lands} landings");
    // It goes on, and ends with the ground.
    bench.sent();
    bench.pass(3_000);
    assert!(bench.count(Command::Land) >= 1);
    bench.touch_down();
    bench.pass(2_500);
    assert!(!bench.executor.is_landing_overdue());
}

#[test]
fn down_commands_go_to_a_drone_that_is_believed_to_be_landed_without_proof() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.ask(Command::Land).err(),
        Some(Refusal::NotAirborne),
        "proven"
    );
    bench.state = None;
    bench.link = LinkState::Lost;
    bench.pass(5_000);
    for command in [Command::Land, Command::Stop, Command::Emergency] {
        bench
            .ask(command)
            .expect("sent: the ground is not proven now");
        assert_eq!(bench.sent().first(), Some(&command.to_string()));
        bench.pass(6_000);
        bench.sent();
    }
}

#[test]
fn a_stop_ends_with_standing_still_or_after_three_seconds() {
    let mut bench = Bench::flying(80);
    let mut stop = bench.ask(Command::Stop).expect("taken");
    bench.pass(500);
    assert_eq!(ended(&mut stop), Some(Outcome::Done));
    bench.state = None;
    bench.sent();
    let mut unheard = bench.ask(Command::Stop).expect("taken");
    bench.pass(20_000);
    assert_eq!(ended(&mut unheard), Some(Outcome::Unconfirmed));
    assert_eq!(bench.count(Command::Stop), 6, "every half second");
}

#[test]
fn firmware_without_stop_says_that_it_cannot_stop_a_move() {
    let mut bench = Bench::flying(80);
    bench.ask(UP).expect("taken");
    let mut stop = bench.ask(Command::Stop).expect("taken");
    bench.hear("unknown command: stop");
    assert_eq!(ended(&mut stop), Some(Outcome::CannotStop));
    assert_eq!(bench.sent(), ["up 100", "stop", "rc 0 0 0 0"]);
}

#[test]
fn an_emergency_is_sent_five_times_in_a_second_and_nothing_is_believed_from_it() {
    let mut bench = Bench::flying(80);
    bench.ask(UP).expect("taken");
    bench.sent();
    let mut emergency = bench.ask(Command::Emergency).expect("taken");
    bench.pass(1_000);
    assert_eq!(bench.count(Command::Emergency), 5);
    assert_eq!(bench.phase(), Phase::Flying, "nobody may have heard it");
    bench.pass(5_000);
    assert_eq!(ended(&mut emergency), Some(Outcome::Unconfirmed));
    assert_eq!(bench.count(Command::Emergency), 5);
    let mut heard = bench.ask(Command::Emergency).expect("taken");
    bench.set(false, 0);
    bench.pass(3_000);
    assert_eq!(ended(&mut heard), Some(Outcome::Done));
    assert_eq!(bench.phase(), Phase::Landed);
    // None of it outlives the take-off that follows.
    bench.ask(Command::Takeoff).expect("taken");
    bench.sent();
    bench.pass(10_000);
    assert_eq!(bench.count(Command::Emergency), 0);
}

#[test]
fn nothing_is_sent_into_the_dark() {
    let mut bench = Bench::flying(80);
    let by = bench.attend("a");
    bench
        .ask_by(by, Command::parse("speed 50").expect("a command"))
        .expect("taken");
    bench.hear("ok");
    bench.sent();
    bench.pass(11_000);
    assert!(!bench.sent().is_empty(), "kept in the air while it is seen");
    bench.hear("80");
    bench.ask(Command::Read(Query::Wifi)).expect("taken");
    bench.state = None;
    bench.pass(1_600);
    bench.sent();
    bench.pass(60_000);
    assert!(bench.sent().is_empty(), "no keep-alive, no question again");
    assert_eq!(bench.ask(UP).err(), Some(Refusal::NotSeen));
}

#[test]
fn a_drone_that_another_controller_has_is_not_kept_alive_and_comes_down_when_told() {
    let mut bench = Bench::flying(80);
    let by = bench.attend("a");
    bench
        .ask_by(by, Command::parse("speed 50").expect("a command"))
        .expect("taken");
    bench.hear("ok");
    // Nobody here told it to rise.
    bench.pass(5_000);
    bench.set(true, 160);
    bench.pass(1_000);
    assert!(bench.executor.rival().is_some());
    bench.sent();
    bench.pass(20_000);
    assert!(bench.sent().is_empty(), "two would fight over it");
    bench.ask(Command::Land).expect("taken");
    assert_eq!(bench.sent(), ["land"]);
}

#[test]
fn a_drone_that_comes_down_untold_is_not_kept_alive() {
    let mut bench = Bench::flying(200);
    let by = bench.attend("a");
    bench
        .ask_by(by, Command::parse("speed 50").expect("a command"))
        .expect("taken");
    bench.hear("ok");
    bench.pass(3_000);
    bench.sent();
    bench.touch_down();
    assert!(bench.sent().is_empty());
}

#[test]
fn a_move_is_judged_by_the_end_of_the_line_and_again_when_it_leaves() {
    let up = |distance_cm| Command::Move {
        direction: Direction::Up,
        distance_cm,
    };
    let mut bench = Bench::flying(80);
    bench.ask(up(500)).expect("taken");
    assert_eq!(
        bench.ask(up(500)).err(),
        Some(Refusal::OutOfBounds { height_cm: 1_080 })
    );
    let mut second = bench.ask(up(400)).expect("taken");
    // It rose farther than it was told.
    bench.set(true, 700);
    bench.pass(1_000);
    bench.hear("ok");
    bench.pass(200);
    assert_eq!(
        ended(&mut second),
        Some(Outcome::Forbidden(Refusal::OutOfBounds {
            height_cm: 1_100
        }))
    );
    assert_eq!(bench.sent(), ["up 500"]);
}

#[test]
fn a_target_is_reached_from_where_the_drone_is_when_its_turn_comes() {
    let mut bench = Bench::flying(80);
    bench.ask(TURN).expect("taken");
    let mut aim = bench.aim(Aim::Heading(180)).expect("taken");
    bench.yaw_deg = 90;
    // The newest state is of before the end of the turn: it says nothing of after it.
    let heard = bench.state.take();
    bench.hear("ok");
    bench.pass(500);
    assert_eq!(bench.sent(), ["cw 90"]);
    bench.state = heard;
    bench.pass(300);
    assert_eq!(bench.sent(), ["cw 90"]);
    bench.yaw_deg = 180;
    bench.pass(2_000);
    bench.hear("ok");
    assert_eq!(ended(&mut aim), Some(Outcome::Done));
    let mut there = bench.aim(Aim::Heading(180)).expect("taken");
    bench.pass(300);
    assert_eq!(ended(&mut there), Some(Outcome::Done));
    assert!(bench.sent().is_empty(), "it has that heading");
}

#[test]
fn an_altitude_is_judged_by_the_end_of_the_line_and_reached_after_a_take_off() {
    let mut bench = Bench::flying(80);
    let up = Command::Move {
        direction: Direction::Up,
        distance_cm: 500,
    };
    bench.ask(up).expect("taken");
    for (target_cm, refused) in [
        (1_200, Some(Refusal::TooFar { distance_cm: 620 })),
        (1_050, Some(Refusal::OutOfBounds { height_cm: 1_050 })),
        (900, None),
        // From 900 cm on.
        (380, Some(Refusal::TooFar { distance_cm: 520 })),
    ] {
        assert_eq!(bench.aim(Aim::Altitude(target_cm)).err(), refused);
    }
    for (height_cm, leads_there) in [(80, Some("up 40")), (110, None)] {
        let mut bench = Bench::new();
        bench.ask(Command::Takeoff).expect("taken");
        let mut aim = bench.aim(Aim::Altitude(120)).expect("taken");
        bench.set(true, height_cm);
        bench.pass(4_000);
        bench.hear("ok");
        bench.pass(300);
        let expected: Vec<_> = ["takeoff"].into_iter().chain(leads_there).collect();
        assert_eq!(bench.sent(), expected);
        let done = leads_there.is_none().then_some(Outcome::Done);
        assert_eq!(ended(&mut aim), done, "at {height_cm} cm");
    }
}

#[test]
fn what_nobody_waits_for_any_more_is_not_sent_and_a_stream_begun_for_it_ends() {
    let mut bench = Bench::new();
    bench.ask(Command::Takeoff).expect("taken");
    let photo = bench.wish_as("a", Wished::Awaited(Command::StreamOn));
    drop(photo.expect("taken"));
    bench.set(true, 80);
    bench.pass(4_000);
    bench.hear("ok");
    bench.pass(1_000);
    assert_eq!(bench.sent(), ["takeoff"]);
    let photo = bench.wish_as("a", Wished::Awaited(Command::StreamOn));
    bench.pass(200);
    assert_eq!(bench.sent(), ["streamon"]);
    drop(photo.expect("taken"));
    bench.hear("ok");
    bench.pass(300);
    assert_eq!(bench.sent(), ["streamoff"]);
    assert!(!bench.executor.streams());
}

#[test]
fn nothing_old_is_flown() {
    let mut bench = Bench::flying(80);
    bench.ask(UP).expect("taken");
    let mut late = bench.ask(TURN).expect("taken");
    bench.pass(1_900);
    assert_eq!(ended(&mut late), None);
    bench.pass(200);
    assert_eq!(ended(&mut late), Some(Outcome::Stale));
    bench.hear("ok");
    bench.pass(5_000);
    assert_eq!(bench.sent(), ["up 100"]);
    // A refusal because it is busy holds moves, and says so; keep-alives go on.
    bench.ask(UP).expect("taken");
    bench.hear("error Not joystick");
    assert_eq!(bench.ask(TURN).err(), Some(Refusal::Busy));
    let mut read = bench.ask(Command::Read(Query::Wifi)).expect("taken");
    bench.pass(200);
    bench.hear("90");
    assert_eq!(ended(&mut read), Some(Outcome::Answer("90".to_owned())));
}

#[test]
fn a_drone_that_stopped_streaming_is_asked_again_but_not_in_the_air() {
    let mut bench = Bench::new();
    let about = bench.about();
    assert!(
        bench.executor.stream_again(&about).is_empty(),
        "never asked"
    );
    bench.ask(Command::StreamOn).expect("taken");
    bench.hear("ok");
    assert!(bench.executor.streams());
    bench.pass(4_000);
    let about = bench.about();
    assert!(bench.executor.stream_again(&about).is_empty(), "too soon");
    bench.set(true, 80);
    bench.pass(2_500);
    let about = bench.about();
    assert!(bench.executor.stream_again(&about).is_empty(), "flying");
    bench.set(false, 0);
    bench.pass(2_500);
    let about = bench.about();
    assert_eq!(bench.executor.stream_again(&about), [Command::StreamOn]);
    assert!(bench.executor.stream_again(&about).is_empty(), "once");
}

#[test]
fn a_drone_that_nobody_wants_streams_no_more_and_lands() {
    let mut bench = Bench::new();
    bench.ask(Command::StreamOn).expect("taken");
    bench.hear("ok");
    bench.pass(200);
    let about = bench.about();
    assert_eq!(bench.executor.release(&about), [Command::StreamOff]);
    assert!(bench.executor.release(&about).is_empty(), "once");
    let mut flying = Bench::flying(80);
    let about = flying.about();
    assert_eq!(flying.executor.release(&about), [Command::Land]);
}

#[test]
fn a_landing_takes_back_a_take_off_that_waits() {
    let mut bench = Bench::new();
    bench.ask(Command::StreamOn).expect("taken");
    bench.ask(Command::Takeoff).expect("waits its turn");
    assert_eq!(bench.count(Command::Takeoff), 0);
    bench.ask(Command::Land).expect("taken all the same");
    bench.pass(10_000);
    assert_eq!(bench.count(Command::Takeoff), 0, "{:?}", bench.sent);
}

#[test]
fn a_stop_is_not_done_before_the_move_it_stops_can_have_begun() {
    let mut bench = Bench::flying(80);
    let forward = Command::Move {
        direction: Direction::Forward,
        distance_cm: 500,
    };
    bench.ask(forward).expect("taken");
    bench.pass(100);
    let mut told = bench.ask(Command::Stop).expect("taken");
    bench.pass(1_000);
    assert_eq!(ended(&mut told), None, "stillness of before proves nothing");
    assert!(bench.count(Command::Stop) >= 2, "{:?}", bench.sent);
    bench.pass(1_000);
    assert_eq!(ended(&mut told), Some(Outcome::Done));
}
