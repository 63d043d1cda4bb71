//! Signs that somebody else controls the drone: another gateway, or the maker's app.
//!
//! A drone takes commands from anybody and says nothing of whose they are. So this looks
//! at what nobody here asked for: a take-off, a move, answers, its states that go elsewhere
//! and come back only when it is asked. Two who keep one drone alive fight over it: while a
//! sign stands, the gateway keeps it alive no more. Pure; given `now`. Must never keep a
//! down-command from being sent.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use readings::clock::Mono;
use tello::reply::Reply;

use super::super::motion::Motion;

/// After the last command that moves a drone, it may move for this long.
const SETTLES: Duration = Duration::from_secs(4);

/// How long it must move that nobody asked to: wind pushes, and a hand.
const MOVES_FOR: Duration = Duration::from_millis(1_500);

/// How far it must rise that nobody asked to, in cm: `h` has steps of 10, and drifts.
const ROSE_BY_CM: i32 = 60;

/// After it was told to take off, its motors are ours.
const TAKEOFF_IS_OURS: Duration = Duration::from_secs(30);

/// Answers to nothing, or states taken back, that are a sign; and within which time. One
/// may be late, or the drone was switched on anew.
const ANSWERS: u32 = 3;
const TAKEN_BACK: u32 = 2;
const WITHIN: Duration = Duration::from_secs(120);

/// The same answer once more within this time is the one before: a bad network doubles.
const DOUBLED_WITHIN: Duration = Duration::from_secs(1);

/// How long a sign stands: in the air for the rest of the flight; one whose states go
/// elsewhere is left to the other for longer, or the two would take it in turns.
const STANDS: Duration = Duration::from_secs(60);
const LEFT_TO_THE_OTHER: Duration = Duration::from_secs(600);

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum RivalSign {
    /// It took off.
    TookOff,
    /// It moves.
    Moves,
    /// It answers commands that were not sent from here.
    Answers,
    /// Its states go elsewhere until it is asked for them again.
    StatesTaken,
}

impl RivalSign {
    /// In words.
    pub(in super::super) const fn words(self) -> &'static str {
        match self {
            RivalSign::TookOff => "it took off, and nobody here told it to",
            RivalSign::Moves => "it moves, and nobody here told it to",
            RivalSign::Answers => "it answers commands that were not sent from here",
            RivalSign::StatesTaken => {
                "its states go elsewhere, again and again, until it is asked for them anew"
            }
        }
    }
}

/// So many of a thing within [`WITHIN`].
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    count: u32,
    began: Mono,
}

impl Run {
    /// Counts one more; whether that is `enough`.
    fn note(&mut self, enough: u32, now: Mono) -> bool {
        if self.count == 0 || now.since(self.began) > WITHIN {
            *self = Run {
                count: 0,
                began: now,
            };
        }
        self.count += 1;
        self.count >= enough
    }
}

/// The watch over one drone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RivalWatch {
    sign: Option<RivalSign>,
    seen: Mono,
    /// Until when it moves because of what was sent from here.
    ours_until: Mono,
    told_takeoff: Option<Mono>,
    /// Its height when it came to rest.
    rests_at_cm: Option<i32>,
    answers: Run,
    /// The last answer, as a number, and when it came.
    last_answer: Option<(u64, Mono)>,
    taken_back: Run,
}

impl RivalWatch {
    /// The sign that stands.
    pub(super) fn sign(&self) -> Option<RivalSign> {
        self.sign
    }

    /// Something that moves it is under way from here.
    pub(super) fn commanded(&mut self, now: Mono) {
        self.ours_until = now.plus(SETTLES);
        self.rests_at_cm = None;
    }

    /// It was told to take off.
    pub(super) fn takeoff_sent(&mut self, now: Mono) {
        self.told_takeoff = Some(now);
        self.commanded(now);
    }

    /// An operator flies it knowingly: what was seen before is his to judge.
    pub(super) fn taken_over(&mut self) {
        self.sign = None;
    }

    /// It answered; `is_asked`: something was sent whose answer that may be.
    pub(super) fn heard(&mut self, reply: &Reply<'_>, is_asked: bool, now: Mono) {
        let mut hasher = DefaultHasher::new();
        reply.hash(&mut hasher);
        let answer = hasher.finish();
        let is_doubled = self
            .last_answer
            .is_some_and(|(last, at)| last == answer && now.since(at) < DOUBLED_WITHIN);
        if is_asked || !is_doubled {
            self.last_answer = Some((answer, now));
        }
        if !is_asked && !is_doubled {
            self.answered(now);
        }
    }

    /// It answered, and nothing was asked.
    fn answered(&mut self, now: Mono) {
        if self.answers.note(ANSWERS, now) {
            self.note(RivalSign::Answers, now);
        }
    }

    /// Its states were lost, and came back with the first `command`.
    pub(super) fn states_taken_back(&mut self, now: Mono) {
        if self.taken_back.note(TAKEN_BACK, now) {
            self.note(RivalSign::StatesTaken, now);
        }
    }

    /// Takes in what its states show. `took_off`: they show running motors, and showed the
    /// ground before.
    pub(super) fn see(&mut self, took_off: bool, may_fly: bool, motion: &Motion, now: Mono) {
        let is_ours = self
            .told_takeoff
            .is_some_and(|at| now.since(at) <= TAKEOFF_IS_OURS);
        if took_off && !is_ours {
            self.note(RivalSign::TookOff, now);
        }
        if may_fly && now >= self.ours_until && self.moves(motion, now) {
            self.note(RivalSign::Moves, now);
        }
        if !may_fly {
            self.rests_at_cm = None;
            let stands = match self.sign {
                Some(RivalSign::StatesTaken) => LEFT_TO_THE_OTHER,
                _ => STANDS,
            };
            if now.since(self.seen) >= stands {
                self.sign = None;
            }
        }
    }

    fn moves(&mut self, motion: &Motion, now: Mono) -> bool {
        // By its own rule, or for its battery: that is no other hand.
        if motion.sinks(now) {
            self.rests_at_cm = None;
            return false;
        }
        let Some(height_cm) = motion.height_cm() else {
            return motion.races_for(now) >= MOVES_FOR;
        };
        let rests_at_cm = *self.rests_at_cm.get_or_insert(height_cm);
        height_cm - rests_at_cm >= ROSE_BY_CM || motion.races_for(now) >= MOVES_FOR
    }

    fn note(&mut self, sign: RivalSign, now: Mono) {
        self.sign.get_or_insert(sign);
        self.seen = now;
    }
}

#[cfg(test)]
mod tests {
    use tello::state::parse;

    use super::*;

    struct Bench {
        watch: RivalWatch,
        motion: Motion,
        now: Mono,
    }

    impl Bench {
        fn new() -> Bench {
            Bench {
                watch: RivalWatch::default(),
                motion: Motion::default(),
                now: Mono::from_millis(100_000),
            }
        }

        fn flies(&mut self, ms: u64, text: &str) {
            for _ in 0..ms / 100 {
                self.now = self.now.plus(Duration::from_millis(100));
                self.motion.take(&parse(text.as_bytes()).state, self.now);
                self.watch.see(false, true, &self.motion, self.now);
            }
        }
    }

    #[test]
    fn a_take_off_is_ours_when_it_was_told_and_a_sign_when_not() {
        let mut bench = Bench::new();
        bench.watch.takeoff_sent(bench.now);
        let motion = Motion::default();
        bench
            .watch
            .see(true, true, &motion, bench.now.plus(Duration::from_secs(9)));
        assert_eq!(bench.watch.sign(), None);
        let later = bench.now.plus(Duration::from_secs(60));
        bench.watch.see(true, true, &motion, later);
        assert_eq!(bench.watch.sign(), Some(RivalSign::TookOff));
        // It stands for the flight, and a minute.
        let hour = later.plus(Duration::from_secs(3_600));
        bench.watch.see(false, true, &motion, hour);
        assert!(bench.watch.sign().is_some());
        bench.watch.see(false, false, &motion, hour);
        assert_eq!(bench.watch.sign(), None);
    }

    #[test]
    fn moves_are_a_sign_when_nobody_asked_for_them() {
        let still = "time:9;vgx:0;vgy:0;vgz:0;h:80;";
        let wind = "time:9;vgx:2;vgy:-2;vgz:0;h:80;";
        let mut bench = Bench::new();
        bench.flies(60_000, wind);
        assert_eq!(bench.watch.sign(), None);
        bench.watch.commanded(bench.now);
        bench.flies(3_900, "time:9;vgx:0;vgy:-6;vgz:0;h:160;");
        bench.flies(3_000, still);
        assert_eq!(bench.watch.sign(), None, "ours, and its end");
        bench.flies(1_400, "time:9;vgx:5;vgy:3;vgz:0;h:80;");
        bench.flies(1_000, still);
        assert_eq!(bench.watch.sign(), None, "a hand");
        bench.flies(1_700, "time:9;vgx:5;vgy:3;vgz:0;h:80;");
        assert_eq!(bench.watch.sign(), Some(RivalSign::Moves));
        bench.watch.taken_over();
        assert_eq!(bench.watch.sign(), None);
        let mut rises = Bench::new();
        rises.flies(5_000, still);
        rises.flies(500, "time:9;vgx:0;vgy:0;vgz:0;h:140;");
        assert_eq!(rises.watch.sign(), Some(RivalSign::Moves));
    }

    #[test]
    fn a_landing_of_its_own_is_no_other_hand() {
        let mut bench = Bench::new();
        bench.flies(5_000, "time:9;vgx:0;vgy:0;vgz:0;h:120;");
        for height in (0..=11).rev() {
            bench.flies(500, &format!("time:9;vgx:6;vgy:0;vgz:0;h:{};", height * 10));
        }
        assert_eq!(bench.watch.sign(), None);
    }

    #[test]
    fn an_answer_that_the_network_doubles_is_nobody_else_s() {
        let mut watch = RivalWatch::default();
        let at = Mono::from_millis;
        for second in 0..60 {
            watch.heard(&Reply::Ok, true, at(second * 1_000));
            watch.heard(&Reply::Ok, false, at(second * 1_000 + 300));
            watch.heard(&Reply::Ok, false, at(second * 1_000 + 400));
        }
        assert_eq!(watch.sign(), None);
        // The next is as late as none that was doubled, and others are none of these.
        watch.heard(&Reply::Ok, false, at(60_500));
        watch.heard(&Reply::Text("87"), false, at(60_600));
        watch.heard(&Reply::Text("86"), false, at(60_700));
        assert_eq!(watch.sign(), Some(RivalSign::Answers));
    }

    #[test]
    fn one_stray_answer_is_none_and_three_are() {
        let mut bench = Bench::new();
        let at = |second: u64| Mono::from_millis(second * 1_000);
        bench.watch.answered(at(0));
        bench.watch.answered(at(100));
        bench.watch.answered(at(200));
        assert_eq!(bench.watch.sign(), None, "not within two minutes");
        bench.watch.answered(at(250));
        bench.watch.answered(at(251));
        assert_eq!(bench.watch.sign(), Some(RivalSign::Answers));
        let mut taken = RivalWatch::default();
        taken.states_taken_back(at(0));
        assert_eq!(taken.sign(), None);
        taken.states_taken_back(at(60));
        assert_eq!(taken.sign(), Some(RivalSign::StatesTaken));
        taken.see(false, false, &Motion::default(), at(659));
        assert!(taken.sign().is_some());
        taken.see(false, false, &Motion::default(), at(660));
        assert_eq!(taken.sign(), None);
    }
}
