//! Sticks against a virtual clock: whatever stops, and whenever.

use proptest::prelude::*;
use tello::state::parse;

use super::*;

/// A drone that is heard every 100 ms, a thumb, and what was sent.
struct Bench {
    sticks: Sticks,
    motion: Motion,
    now: Mono,
    /// Whether its states arrive, and the speed that they show, in dm/s.
    heard: bool,
    speed: i32,
    height_cm: i32,
    /// The frame that comes every 30 ms.
    thumb: Option<Axes>,
    sent: Vec<(u64, Axes)>,
}

const BEGAN: Mono = Mono::from_millis(10_000);
const STEP_MS: u64 = 10;
const FORWARD: Axes = [0, 60, 0, 0];

impl Bench {
    fn new() -> Bench {
        Bench {
            sticks: Sticks::default(),
            motion: Motion::default(),
            now: BEGAN,
            heard: true,
            speed: 0,
            height_cm: 100,
            thumb: None,
            sent: vec![],
        }
    }

    fn at(&self) -> u64 {
        u64::try_from(self.now.since(BEGAN).as_millis()).expect("a short test")
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.now = self.now.plus(Duration::from_millis(STEP_MS));
            if self.heard && self.at().is_multiple_of(100) {
                let text = format!("vgx:{};vgy:0;vgz:0;h:{};", self.speed, self.height_cm);
                self.motion.take(&parse(text.as_bytes()).state, self.now);
            }
            if let Some(axes) = self.thumb.filter(|_| self.at().is_multiple_of(30)) {
                self.sticks.take(axes, self.now);
            }
            let seen = Seen {
                now: self.now,
                motion: &self.motion,
                height_cm: Some(self.height_cm),
                ceiling_cm: 300,
            };
            if let Some(axes) = self.sticks.due(&seen) {
                self.sent.push((self.at(), axes));
            }
        }
    }

    fn sent(&mut self) -> Vec<(u64, Axes)> {
        std::mem::take(&mut self.sent)
    }
}

/// A drone that flies forward by a thumb for a second.
fn flown() -> Bench {
    let mut bench = Bench::new();
    bench.pass(200);
    (bench.thumb, bench.speed) = (Some(FORWARD), 6);
    bench.pass(1_000);
    let sent = bench.sent();
    assert!(sent.iter().all(|(_, axes)| *axes == FORWARD));
    assert!((20..=31).contains(&sent.len()), "30 Hz at most: {sent:?}");
    bench
}

#[test]
fn a_thumb_that_stops_is_zero_until_the_drone_stands() {
    let mut bench = flown();
    let last = bench.at();
    bench.thumb = None;
    bench.pass(600);
    bench.speed = 0;
    bench.pass(5_000);
    let zeros: Vec<u64> = bench
        .sent()
        .into_iter()
        .filter(|(_, axes)| *axes == CENTRED)
        .map(|(at, _)| at)
        .collect();
    assert!((300..=330).contains(&(zeros[0] - last)), "{zeros:?}");
    assert!(zeros.windows(2).all(|pair| pair[1] - pair[0] == 100));
    // It was seen to stand 300 ms after it did.
    let until = zeros[zeros.len() - 1] - last;
    assert!((800..=1_000).contains(&until), "{zeros:?} after {last}");
    assert!(!bench.sticks.is_on());
    assert_eq!(bench.sticks.take_ended(), Some(Ended::Stood));
}

#[test]
fn one_that_does_not_stop_is_sent_zero_for_a_second_and_then_nothing() {
    let mut bench = flown();
    bench.thumb = None;
    bench.pass(10_000);
    let zeros = bench.sent();
    let zeros = zeros.iter().filter(|(_, axes)| *axes == CENTRED).count();
    assert_eq!(zeros, 10);
    assert_eq!(bench.sticks.wake_at(), None);
    assert_eq!(bench.sticks.take_ended(), Some(Ended::Unseen));
}

#[test]
fn nothing_but_zero_goes_to_a_drone_that_is_not_seen_and_then_nothing() {
    let mut bench = flown();
    bench.heard = false;
    let last = bench.at();
    bench.pass(10_000);
    let sent = bench.sent();
    let moved = sent.iter().rfind(|(_, axes)| *axes == FORWARD);
    assert!(moved.is_some_and(|(at, _)| at - last <= 500), "{moved:?}");
    let zeros = sent.iter().filter(|(_, axes)| *axes == CENTRED).count();
    assert_eq!(zeros, 10, "the thumb goes on and on: {sent:?}");
    // Seen again, it is steered again.
    bench.heard = true;
    bench.pass(300);
    assert!(bench.sent().iter().any(|(_, axes)| *axes == FORWARD));
}

#[test]
fn a_frame_is_sent_again_for_one_that_was_lost() {
    let mut bench = Bench::new();
    bench.pass(200);
    bench.sticks.take(FORWARD, bench.now);
    bench.pass(290);
    let sent = bench.sent();
    assert_eq!(sent.len(), 3, "{sent:?}");
}

#[test]
fn up_fades_below_the_ceiling_and_is_down_above_it_and_down_is_never_less() {
    let throttle = |height_cm: Option<i32>, asked: i8| {
        let seen = Seen {
            now: BEGAN,
            motion: &Motion::default(),
            height_cm,
            ceiling_cm: 300,
        };
        within([7, -8, asked, 9], &seen)
    };
    for (height_cm, asked, expected) in [
        (Some(100), 100, 100),
        (Some(250), 100, 50),
        (Some(299), 100, 1),
        (Some(300), 100, 0),
        (Some(300), 0, 0),
        (Some(301), 0, -20),
        (Some(400), 100, -40),
        (Some(900), 100, -50),
        (Some(299), -70, -70),
        (Some(400), -100, -100),
        (None, 50, 0),
        (None, -50, -50),
    ] {
        let [roll, pitch, up, yaw] = throttle(height_cm, asked);
        assert_eq!([roll, pitch, yaw], [7, -8, 9]);
        assert_eq!(up, expected, "{height_cm:?} {asked}");
    }
}

#[test]
fn who_was_told_down_is_flown_again_by_control_that_was_taken_since() {
    let mut bench = flown();
    assert!(bench.sticks.may_fly(BEGAN));
    bench.sticks.block(bench.now);
    bench.thumb = None;
    bench.pass(3_000);
    assert!(
        bench.sent().is_empty(),
        "what lands has no zeros in its way"
    );
    assert!(!bench.sticks.may_fly(BEGAN));
    assert!(bench.sticks.may_fly(bench.now));
}

#[test]
fn a_stop_has_zeros_beside_it_because_old_firmware_does_not_know_it() {
    let mut bench = flown();
    bench.thumb = None;
    bench.sticks.stop(bench.now);
    bench.pass(3_000);
    let sent = bench.sent();
    assert!(sent.len() >= 9 && sent.iter().all(|(_, axes)| *axes == CENTRED));
    // One that was not flown by sticks is sent none.
    let mut other = Bench::new();
    other.sticks.stop(other.now);
    other.pass(1_000);
    assert!(other.sent().is_empty());
}

proptest! {
    /// Thumb, states and drone stop and go on at any moment.
    #[test]
    fn nothing_that_moves_is_sent_on_what_is_old(
        changes in prop::collection::vec((1_u64..60, any::<[bool; 3]>()), 1..40),
    ) {
        let mut bench = Bench::new();
        let (mut thumbed, mut heard) = (0, 0);
        for (steps, [thumb, states, moves]) in changes {
            bench.thumb = thumb.then_some(FORWARD);
            bench.heard = states;
            bench.speed = if moves { 6 } else { 0 };
            for _ in 0..steps {
                bench.pass(STEP_MS);
                let at = bench.at();
                if thumb && at.is_multiple_of(30) { thumbed = at; }
                if states && at.is_multiple_of(100) { heard = at; }
                for (at, axes) in bench.sent() {
                    if axes != CENTRED {
                        prop_assert!(at - thumbed < 300, "frame of {thumbed} at {at}");
                        prop_assert!(at - heard <= 500, "state of {heard} at {at}");
                    }
                    prop_assert!(at - thumbed <= 300 + 1_000 + STEP_MS, "{at} after {thumbed}");
                }
            }
        }
        bench.thumb = None;
        bench.pass(2_400);
        bench.sent();
        bench.pass(5_000);
        prop_assert!(bench.sent().is_empty());
    }
}
