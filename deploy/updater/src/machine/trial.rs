//! A system on trial: kept by evidence, left without.
//!
//! The system judges itself ([`Commit`]). One that does not get so far is left by
//! [`deadline`], which needs nothing but the card and the clock, and by the boot
//! script, which gives it one start.

use super::{Action, Answer, Ended, Landing, Machine, Observed, PAUSE_S, Queue, tell};
use crate::reach::Reach;
use crate::slot::{BootChange, BootState, FULL_TRIES, Slot};
use crate::status::{Status, reason};
use update_status::State;

/// Seconds from the kernel's start after which a trial that is not confirmed is
/// restarted. For systems that do not even get to be judged: later than
/// [`Patience`] ends.
pub const DEADLINE_S: u64 = 900;

/// How long a system is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So long it must work without a break, in seconds.
    pub hold_s: u64,
    /// Within this time from the start of the judgement, in seconds: a Pi Zero needs
    /// one minute to start.
    pub patience_s: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            hold_s: 20,
            patience_s: 300,
        }
    }
}

/// What speaks for a system at one moment, or against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Seconds since the kernel's start. (The wall clock jumps when it is set.)
    pub now_s: u64,
    /// Whether the gateway is well, or what it says is wrong.
    pub gateway: Result<(), String>,
    /// Since this start somebody else's request was answered, with a key.
    pub asked: bool,
    /// What there is of the site's network.
    pub reach: Reach,
}

/// What evidence leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again.
    Wait,
    /// The system works.
    Keep,
    /// It does not, and had its time.
    GoBack,
}

/// Evidence so far.
#[derive(Clone, Debug)]
pub struct Judgement {
    patience: Patience,
    /// How the board could be reached before; none when that is not known.
    before: Option<Reach>,
    asked: bool,
    began_s: Option<u64>,
    well_since_s: Option<u64>,
    /// What was wrong when something last was.
    fault: String,
}

impl Judgement {
    /// Without any.
    #[must_use]
    pub const fn new(patience: Patience, before: Option<Reach>) -> Judgement {
        Judgement {
            patience,
            before,
            asked: false,
            began_s: None,
            well_since_s: None,
            fault: String::new(),
        }
    }

    /// Takes more into account.
    pub fn hear(&mut self, evidence: &Evidence) -> Verdict {
        let now_s = evidence.now_s;
        let began_s = *self.began_s.get_or_insert(now_s);
        if now_s.saturating_sub(began_s) > self.patience.patience_s {
            return Verdict::GoBack;
        }
        // (A gateway that is started again forgets who asked it before.)
        self.asked |= evidence.asked;
        match self.fault_of(evidence) {
            None => {
                let since_s = *self.well_since_s.get_or_insert(now_s);
                if now_s.saturating_sub(since_s) >= self.patience.hold_s {
                    return Verdict::Keep;
                }
            }
            Some(fault) => {
                self.well_since_s = None;
                self.fault = fault;
            }
        }
        Verdict::Wait
    }

    /// What evidence speaks against the system, if any does. One request from outside
    /// says more of the network than the board can see.
    fn fault_of(&self, evidence: &Evidence) -> Option<String> {
        let within_s = self.patience.patience_s;
        if let Err(fault) = &evidence.gateway {
            return Some(format!(
                "its gateway was not healthy within {within_s} s: {fault}"
            ));
        }
        let before = self.before.filter(|_| !self.asked)?;
        let lost = Reach::lost(before, evidence.reach)?;
        Some(format!(
            "it could not be reached within {within_s} s: {lost}"
        ))
    }

    /// Why the system is left, in a line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.fault
    }
}

/// Judges a system on trial; any other one is left alone.
#[derive(Debug)]
pub struct Commit {
    slot: Slot,
    status: Status,
    queue: Queue,
    judgement: Judgement,
    /// What is noted when it is kept.
    floor: Action,
    /// It is being noted.
    noting_floor: bool,
    going_back: bool,
    landing: Landing,
}

impl Commit {
    /// By what was found.
    #[must_use]
    pub fn new(seen: &Observed, patience: Patience) -> Commit {
        let before = seen.trial.as_ref().and_then(|trial| trial.before);
        // By who is on trial, not by what was told: that may be of another system.
        let first = if seen.is_on_trial() {
            Action::Gather
        } else {
            Action::End(Ended::Well)
        };
        Commit {
            slot: seen.slot,
            status: Status {
                // What is kept is what runs, whatever was told before.
                version: seen.version.clone(),
                ..seen.status.clone()
            },
            queue: Queue::from([first]),
            judgement: Judgement::new(patience, before),
            floor: seen.floor(),
            noting_floor: false,
            going_back: false,
            landing: Landing::default(),
        }
    }

    fn judged(&mut self, evidence: &Evidence) {
        let (slot, other) = (self.slot, self.slot.other());
        match self.judgement.hear(evidence) {
            Verdict::Wait => self.queue.extend([Action::Pause(PAUSE_S), Action::Gather]),
            Verdict::Keep => {
                let keep = BootChange::prefer(slot).tries(slot, FULL_TRIES);
                let committed = tell(&mut self.status, State::Committed, "");
                let end = Action::End(Ended::Well);
                let floor = self.floor.clone();
                self.queue.extend([
                    Action::Switch(keep),
                    committed,
                    floor,
                    Action::ForgetTrial,
                    end,
                ]);
            }
            Verdict::GoBack => {
                self.going_back = true;
                // What was left for this system gets all its tries: it worked. Before the
                // wait for the ground, so that a power cut ends the trial as well.
                let back = BootChange::prefer(other)
                    .tries(other, FULL_TRIES)
                    .tries(slot, 0);
                self.queue.extend([
                    Action::RecordFailure(reason(self.judgement.reason())),
                    Action::Switch(back),
                    Action::AskAir,
                ]);
            }
        }
    }

    /// A system that cannot be reached from everywhere may fly a drone all the same.
    fn air(&mut self, flying: bool, now_s: u64) {
        if self.landing.waits(flying, now_s) {
            self.queue.extend(Landing::again());
        } else {
            let end = Action::End(Ended::Well);
            self.queue.extend([Action::Reboot, end]);
        }
    }

    fn failed(&mut self, why: String) {
        // A medium that refuses is one more reason to go back. Without the switch the
        // system is not kept: its one try is used up, and the deadline restarts it. A floor
        // that is not noted is the next update's to note: the system is kept by then, and
        // left on trial it would refuse updates until somebody restarts it.
        if !self.going_back && !self.noting_floor {
            self.queue.clear();
            self.queue.push_back(Action::End(Ended::Failed));
        }
        self.queue.push_front(Action::Log(why));
    }
}

impl Machine for Commit {
    fn next(&mut self, answer: Answer) -> Action {
        match answer {
            Answer::Evidence(evidence) => self.judged(&evidence),
            Answer::Air { flying, now_s } => self.air(flying, now_s),
            Answer::Failed(why) => self.failed(why),
            _ => {}
        }
        let end = Action::End(Ended::Failed);
        let next = self.queue.pop_front().unwrap_or(end);
        self.noting_floor = matches!(next, Action::SetFloor { .. });
        next
    }
}

/// What there is to do at `now_s` seconds from the kernel's start, so that a trial
/// that gets nowhere ends.
#[must_use]
pub fn deadline(slot: Slot, boot: &BootState, now_s: u64) -> Deadline {
    // Its one try is used up, and it was not given more: a system on trial.
    if boot.left(slot) > 0 {
        Deadline::Over
    } else if now_s < DEADLINE_S {
        Deadline::Wait(DEADLINE_S - now_s)
    } else {
        Deadline::Restart
    }
}

/// See [`deadline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// The system is not on trial, or was kept.
    Over,
    /// Look again after so many seconds.
    Wait(u64),
    /// Into the other slot.
    Restart,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        hold_s: 4,
        patience_s: 10,
    };

    fn hear(judgement: &mut Judgement, now_s: u64, well: bool) -> Verdict {
        let gateway = if well { Ok(()) } else { Err("down".to_owned()) };
        judgement.hear(&Evidence {
            now_s,
            gateway,
            asked: false,
            reach: Reach::default(),
        })
    }

    #[test]
    fn well_without_a_break_is_kept() {
        let mut judgement = Judgement::new(PATIENCE, None);
        for (now_s, well, verdict) in [
            (100, false, Verdict::Wait),
            (102, true, Verdict::Wait),
            (104, true, Verdict::Wait),
            (105, false, Verdict::Wait),
            (106, true, Verdict::Wait),
            (109, true, Verdict::Wait),
            (110, true, Verdict::Keep),
        ] {
            assert_eq!(hear(&mut judgement, now_s, well), verdict, "{now_s}");
        }
    }

    #[test]
    fn patience_ends_also_for_one_that_comes_and_goes() {
        let mut judgement = Judgement::new(PATIENCE, None);
        for now_s in 0..=10 {
            assert_eq!(hear(&mut judgement, now_s, now_s % 2 == 0), Verdict::Wait);
        }
        assert_eq!(hear(&mut judgement, 11, true), Verdict::GoBack);
        let why = "its gateway was not healthy within 10 s: down";
        assert_eq!(judgement.reason(), why);
    }

    /// Judged every second for as long as there is patience.
    fn verdict(before: Option<&str>, now: &str, asked_at_s: Option<u64>) -> (Verdict, String) {
        let mut judgement = Judgement::new(PATIENCE, before.map(Reach::parse));
        for now_s in 0.. {
            let verdict = judgement.hear(&Evidence {
                now_s,
                gateway: Ok(()),
                asked: asked_at_s == Some(now_s),
                reach: Reach::parse(now),
            });
            if verdict != Verdict::Wait {
                return (verdict, judgement.reason().to_owned());
            }
        }
        unreachable!("patience has an end");
    }

    #[test]
    fn link_and_address_that_were_there_must_come_back() {
        for (before, now, kept) in [
            (Some("link address neighbour"), "link address", true),
            (Some("link address neighbour"), "link", false),
            (Some("link address"), "", false),
            (Some("link"), "link", true),
            (Some("link"), "", false),
            (Some(""), "", true),
            // Without a record only the gateway counts.
            (None, "", true),
        ] {
            let wanted = if kept { Verdict::Keep } else { Verdict::GoBack };
            let (verdict, why) = verdict(before, now, None);
            assert_eq!(verdict, wanted, "{before:?}; {now}");
            let told = why.starts_with("it could not be reached within 10 s: no ");
            assert_eq!(told, !kept, "{why}");
        }
    }

    #[test]
    fn one_request_from_outside_is_enough() {
        // (Once, and remembered; at the very end it does not hold long enough.)
        for (asked_at_s, wanted) in [(0, Verdict::Keep), (6, Verdict::Keep), (7, Verdict::GoBack)] {
            let (verdict, _) = verdict(Some("link address"), "", Some(asked_at_s));
            assert_eq!(verdict, wanted, "{asked_at_s}");
        }
    }

    #[test]
    fn going_back_switches_first_and_then_waits_for_the_ground() {
        let trial = super::super::Trial {
            slot: Slot::B,
            version: "0.2.0".to_owned(),
            before: None,
            lowers_floor: false,
        };
        let seen = Observed {
            slot: Slot::B,
            version: "0.2.0".to_owned(),
            compatible: String::new(),
            status: Status::default(),
            trial: Some(trial),
            failure: None,
            other_version: None,
            boot: BootState::new(Some(Slot::B), 3, 0),
            remembers: true,
        };
        let mut commit = Commit::new(&seen, PATIENCE);
        commit.queue.clear();
        commit.judgement.began_s = Some(0);
        let late = Answer::Evidence(Evidence {
            now_s: 11,
            gateway: Err("down".to_owned()),
            asked: false,
            reach: Reach::default(),
        });
        assert!(matches!(commit.next(late), Action::RecordFailure(_)));
        // A card that refuses the reason does not stop it.
        let refused = Answer::Failed("full".to_owned());
        assert!(matches!(commit.next(refused), Action::Log(_)));
        let switch = commit.next(Answer::Done);
        let back = BootChange::prefer(Slot::A);
        assert_eq!(
            switch,
            Action::Switch(back.tries(Slot::A, 3).tries(Slot::B, 0))
        );
        assert_eq!(commit.next(Answer::Done), Action::AskAir);
        let air = |flying| Answer::Air { flying, now_s: 12 };
        assert_eq!(commit.next(air(true)), Action::Pause(PAUSE_S));
        assert_eq!(commit.next(Answer::Done), Action::AskAir);
        assert_eq!(commit.next(air(false)), Action::Reboot);
    }

    #[test]
    fn only_a_used_up_try_has_a_deadline() {
        let boot = |left| BootState::new(Some(Slot::B), 3, left);
        assert_eq!(deadline(Slot::B, &boot(1), 10_000), Deadline::Over);
        assert_eq!(
            deadline(Slot::B, &boot(0), 30),
            Deadline::Wait(DEADLINE_S - 30)
        );
        assert_eq!(deadline(Slot::B, &boot(0), DEADLINE_S), Deadline::Restart);
    }
}
