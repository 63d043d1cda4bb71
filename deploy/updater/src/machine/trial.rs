//! A system on trial: kept by evidence, left without.
//!
//! The system judges itself ([`Commit`]). One that does not get so far is left by
//! [`deadline`], which needs nothing but the card and the clock, and by the boot
//! script, which gives it one start.

use super::{Action, Answer, Ended, Machine, Observed, PAUSE_S, Queue, tell};
use crate::slot::{BootChange, BootState, FULL_TRIES, Slot};
use crate::status::{State, Status};

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
    began_s: Option<u64>,
    well_since_s: Option<u64>,
    /// What was wrong when something last was.
    fault: String,
}

impl Judgement {
    /// Without any.
    #[must_use]
    pub const fn new(patience: Patience) -> Judgement {
        Judgement {
            patience,
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
        match &evidence.gateway {
            Ok(()) => {
                let since_s = *self.well_since_s.get_or_insert(now_s);
                if now_s.saturating_sub(since_s) >= self.patience.hold_s {
                    return Verdict::Keep;
                }
            }
            Err(fault) => {
                self.well_since_s = None;
                self.fault.clone_from(fault);
            }
        }
        Verdict::Wait
    }

    /// Why the system is left, in a line.
    #[must_use]
    pub fn reason(&self) -> String {
        let (patience_s, fault) = (self.patience.patience_s, &self.fault);
        format!("its gateway was not healthy within {patience_s} s: {fault}")
    }
}

/// Judges a system on trial; any other one is left alone.
#[derive(Debug)]
pub struct Commit {
    slot: Slot,
    status: Status,
    queue: Queue,
    judgement: Judgement,
    going_back: bool,
}

impl Commit {
    /// By what was found.
    #[must_use]
    pub fn new(seen: &Observed, patience: Patience) -> Commit {
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
            judgement: Judgement::new(patience),
            going_back: false,
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
                self.queue
                    .extend([Action::Switch(keep), committed, Action::ForgetTrial, end]);
            }
            Verdict::GoBack => {
                self.going_back = true;
                // What was left for this system gets all its tries: it worked.
                let back = BootChange::prefer(other)
                    .tries(other, FULL_TRIES)
                    .tries(slot, 0);
                self.queue.extend([
                    Action::RecordFailure(self.judgement.reason()),
                    Action::Switch(back),
                    Action::Reboot,
                    Action::End(Ended::Well),
                ]);
            }
        }
    }

    fn failed(&mut self, why: String) {
        // A medium that refuses is one more reason to go back. Without the switch the
        // system is not kept: its one try is used up, and the deadline restarts it.
        if !self.going_back {
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
            Answer::Failed(why) => self.failed(why),
            _ => {}
        }
        let end = Action::End(Ended::Failed);
        self.queue.pop_front().unwrap_or(end)
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
        judgement.hear(&Evidence { now_s, gateway })
    }

    #[test]
    fn well_without_a_break_is_kept() {
        let mut judgement = Judgement::new(PATIENCE);
        for (now_s, well) in [
            (100, false),
            (102, true),
            (104, true),
            (105, false),
            (106, true),
        ] {
            assert_eq!(hear(&mut judgement, now_s, well), Verdict::Wait, "{now_s}");
        }
        assert_eq!(hear(&mut judgement, 109, true), Verdict::Wait);
        assert_eq!(hear(&mut judgement, 110, true), Verdict::Keep);
    }

    #[test]
    fn patience_ends_also_for_one_that_comes_and_goes() {
        let mut judgement = Judgement::new(PATIENCE);
        for now_s in 0..=10 {
            assert_eq!(hear(&mut judgement, now_s, now_s % 2 == 0), Verdict::Wait);
        }
        assert_eq!(hear(&mut judgement, 11, true), Verdict::GoBack);
        assert_eq!(
            judgement.reason(),
            "its gateway was not healthy within 10 s: down"
        );
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
