//! Who may fly by sticks, and what ends it.

use tello::command::Direction;

use super::super::StickFrame;
use super::bench::Bench;
use super::*;
use crate::sources::vehicles::boot_ms;

const FORWARD: [i8; 4] = [0, 50, 0, 0];

/// A drone in the air, and who took control of it.
fn flown() -> (Bench, Operator) {
    let mut bench = Bench::flying(80);
    let by = bench.attend("ann");
    take_control(&bench, &by);
    bench.sent();
    (bench, by)
}

fn take_control(bench: &Bench, by: &Operator) {
    let (drone, now) = ("d".into(), bench.now);
    bench.controls.take(&drone, by, now).expect("a session");
}

fn hold(bench: &mut Bench, by: &Operator, axes: [i8; 4]) -> Option<Refusal> {
    let frame = StickFrame {
        axes,
        by: by.clone(),
        at: bench.now,
    };
    let (out, refused) = bench.executor.take_sticks(frame, &bench.about());
    bench.note(out);
    refused
}

#[test]
fn sticks_need_control_and_a_drone_in_the_air() {
    let mut bench = Bench::flying(80);
    let by = bench.attend("ann");
    bench.sent();
    assert_eq!(hold(&mut bench, &by, FORWARD), Some(Refusal::NoControl));
    assert_eq!(hold(&mut bench, &by, FORWARD), None, "told once");
    take_control(&bench, &by);
    let other = Operator {
        name: "ben".into(),
        session: None,
        ..by.clone()
    };
    let held = Refusal::Controlled("ann".into());
    assert_eq!(hold(&mut bench, &other, FORWARD), Some(held));
    assert!(bench.sent().is_empty());
    assert_eq!(hold(&mut bench, &by, FORWARD), None);
    assert_eq!(bench.sent(), ["rc 0 50 0 0"]);

    let mut landed = Bench::new();
    let by = landed.attend("ann");
    take_control(&landed, &by);
    landed.sent();
    assert_eq!(hold(&mut landed, &by, FORWARD), Some(Refusal::NotAirborne));
    assert!(landed.sent().is_empty());
}

#[test]
fn a_mode_is_one_command_that_ends_with_its_last_frame() {
    let (mut bench, by) = flown();
    bench.executor.take_reports();
    for _ in 0..5 {
        assert_eq!(hold(&mut bench, &by, FORWARD), None);
        bench.pass(100);
    }
    bench.pass(3_000);
    let states: Vec<String> = bench
        .executor
        .take_reports()
        .iter()
        .map(|step| format!("{:?}", step.state))
        .collect();
    assert_eq!(states, ["Queued", "Sent", "Confirmed"], "once each");
    let sent = bench.sent();
    assert!(sent.iter().filter(|text| *text == "rc 0 0 0 0").count() >= 3);
}

#[test]
fn after_a_down_command_only_control_taken_anew_flies_by_sticks() {
    for down in [Command::Land, Command::Stop, Command::Emergency] {
        let (mut bench, by) = flown();
        assert_eq!(hold(&mut bench, &by, FORWARD), None);
        bench.ask_as("anybody", down).expect("never limited");
        bench.sent();
        let refused = hold(&mut bench, &by, FORWARD);
        assert_eq!(refused, Some(Refusal::ControlAnew), "{down}");
        bench.pass(1_000);
        let moved = bench.sent().into_iter().any(|text| text == "rc 0 50 0 0");
        assert!(!moved, "{down}");
    }
    let (mut bench, by) = flown();
    bench.ask_as("anybody", Command::Stop).expect("taken");
    bench.hear("ok");
    bench.pass(1_000);
    take_control(&bench, &by);
    bench.sent();
    assert_eq!(hold(&mut bench, &by, FORWARD), None);
    assert_eq!(bench.sent(), ["rc 0 50 0 0"]);
}

#[test]
fn a_move_comes_in_their_place_and_no_zero_in_its_way() {
    let (mut bench, by) = flown();
    assert_eq!(hold(&mut bench, &by, FORWARD), None);
    let up = Command::Move {
        direction: Direction::Up,
        distance_cm: 50,
    };
    bench.ask_by(by.clone(), up).expect("taken");
    bench.pass(200);
    assert_eq!(bench.sent(), ["rc 0 50 0 0", "up 50"]);
    assert_eq!(hold(&mut bench, &by, FORWARD), Some(Refusal::Busy));
    bench.pass(1_000);
    assert!(bench.sent().iter().all(|text| !text.starts_with("rc")));
}

#[test]
fn who_holds_sticks_is_missed_like_any_flyer() {
    let (mut bench, by) = flown();
    hold(&mut bench, &by, FORWARD);
    // The page is gone: neither frames nor presence.
    bench.attending = None;
    bench.pass(4_500);
    assert_eq!(bench.count(Command::Land), 1);
}

#[test]
fn control_that_changes_hands_ends_what_the_thumb_before_asked_for() {
    let (mut bench, ann) = flown();
    assert_eq!(hold(&mut bench, &ann, FORWARD), None);
    assert_eq!(bench.sent(), ["rc 0 50 0 0"]);
    let ben = bench.attend("ben");
    take_control(&bench, &ben);
    bench.pass(100);
    assert_eq!(bench.sent(), ["rc 0 0 0 0"], "within a frame");
    // Who has control now flies at once.
    bench.now = bench.now.plus(Duration::from_millis(40));
    assert_eq!(hold(&mut bench, &ben, [0, -30, 0, 0]), None);
    assert_eq!(bench.sent(), ["rc 0 -30 0 0"]);
    assert_eq!(
        hold(&mut bench, &ann, FORWARD),
        Some(Refusal::Controlled("ben".into()))
    );
    assert!(!bench.sent().contains(&"rc 0 50 0 0".to_owned()));
}

#[test]
fn who_takes_over_between_two_frames_is_not_taken_for_who_flew_before() {
    let (mut bench, ann) = flown();
    hold(&mut bench, &ann, FORWARD);
    let ben = bench.attend("ben");
    take_control(&bench, &ben);
    bench.sent();
    bench.now = bench.now.plus(Duration::from_millis(40));
    assert_eq!(hold(&mut bench, &ben, [0, -30, 0, 0]), None);
    assert_eq!(bench.sent(), ["rc 0 -30 0 0"]);
}

/// From the newest frame to the text on the wire, 30 times a second: nothing is allocated.
#[test]
fn a_frame_allocates_nothing() {
    use std::fmt::Write as _;

    let (mut bench, by) = flown();
    // The first begins the mode, which is reported as a command.
    assert_eq!(hold(&mut bench, &by, FORWARD), None);
    bench.executor.take_reports();
    let (mut sent, mut count) = (0, 0);
    for n in 0..90_u32 {
        bench.pass(100);
        // (What passed has sent the frame before once more: a new one keeps its distance.)
        bench.now = bench.now.plus(Duration::from_millis(50));
        let about = bench.about();
        let frame = StickFrame {
            axes: [(n % 100) as i8, 50, 0, 0],
            by: by.clone(),
            at: bench.now,
        };
        let counted = allocation_counter::measure(|| {
            let (out, refused) = bench.executor.take_sticks(frame.clone(), &about);
            assert!(refused.is_none());
            for command in out {
                let mut text = heapless::String::<104>::new();
                let _ = write!(text, "{command}");
                sent += 1;
            }
        });
        count += counted.count_total;
    }
    assert_eq!((count, sent), (0, 90));
}

#[test]
fn after_a_standstill_sticks_are_not_held() {
    let (mut bench, by) = flown();
    assert_eq!(hold(&mut bench, &by, FORWARD), None);
    bench.sent();
    let standstills = bench.controls.standstills();
    standstills.look(boot_ms().saturating_sub(60_000));
    let back = FORWARD.map(|axis| -axis);
    let refused = hold(&mut bench, &by, back);
    assert!(
        matches!(refused, Some(Refusal::StoodStill { .. })),
        "{refused:?}"
    );
    assert_eq!(hold(&mut bench, &by, back), None, "told once");
    bench.pass(1_000);
    let sent = bench.sent();
    assert!(!sent.contains(&"rc 0 -50 0 0".to_owned()), "{sent:?}");
    assert!(sent.ends_with(&["rc 0 0 0 0".to_owned()]), "{sent:?}");
}

#[test]
fn what_a_recalled_drone_was_told_is_no_sign_of_another_controller() {
    let mut bench = Bench::flying(80);
    // As of a process that has just begun, and hears the drone at once.
    bench.executor.rival = RivalWatch::default();
    let until = bench.now.plus(Duration::from_secs(60));
    bench.executor.recall(until);
    for height_cm in [110, 140, 170] {
        bench.set(true, height_cm);
        bench.pass(500);
        assert_eq!(bench.executor.rival(), None, "at {height_cm} cm");
    }
}
