//! At every start, before the gateway: what became of an update.
//!
//! Only what outlived the last power cut can be asked. The boot script has counted
//! this start already, so the tries left say nothing of what was meant: the order
//! does, together with who is on trial.

use super::{Action, Answer, Ended, Machine, Observed, Queue, tell};
use crate::slot::{BootChange, FULL_TRIES, Slot};
use update_status::State;

const CUT_BEFORE_WRITTEN: &str =
    "the power was cut, or the board restarted, before the bundle was written; install it again";
const CUT_BEFORE_SWITCH: &str =
    "the power was cut before the new system was switched to; install it again";
const DID_NOT_COME_UP: &str =
    "the new system did not come up, or the power was cut before it was confirmed";

/// Decides what became of an update. A file that cannot be written stops nothing: with
/// a full or damaged data partition the board must still get its tries back, or it
/// would leave a slot that works.
#[derive(Debug)]
pub struct Settle {
    queue: Queue,
    switching: bool,
    ended: Ended,
}

impl Settle {
    /// By what was found.
    #[must_use]
    pub fn new(seen: &Observed) -> Settle {
        Settle {
            queue: settle(seen).into(),
            switching: false,
            ended: Ended::Well,
        }
    }
}

impl Machine for Settle {
    fn next(&mut self, answer: Answer) -> Action {
        if let Answer::Failed(why) = answer {
            self.ended = Ended::Failed;
            if self.switching {
                // Who is on trial must not be forgotten while the boot script prefers it.
                self.queue.clear();
            }
            self.queue.push_front(Action::Log(why));
        }
        let end = Action::End(self.ended);
        let next = self.queue.pop_front().unwrap_or(end);
        self.switching = matches!(next, Action::Switch(_));
        next
    }
}

/// The actions that settle what was found. What became of an update is told first,
/// then the boot state is written, all of it at once, then the trial is forgotten:
/// whichever of them a power cut prevents, the next start decides the same again.
#[must_use]
pub fn settle(seen: &Observed) -> Vec<Action> {
    let (slot, other) = (seen.slot, seen.slot.other());
    let mut status = seen.status.clone();
    // A system that is not on trial has nothing to prove: getting here is enough, so
    // that a board whose power comes and goes does not use up its starts.
    let mut boot = BootChange::default().tries(slot, FULL_TRIES);
    let mut actions = vec![Action::RecordVersion(slot, seen.version.clone())];
    let trial = seen.trial.as_ref().map(|trial| trial.slot);
    if trial == Some(slot) && status.state == State::Committed {
        // It was kept; only the last step is missing.
        actions.extend([
            Action::Show,
            Action::Switch(back_to(slot)),
            seen.floor(),
            Action::ForgetTrial,
        ]);
        return actions;
    }
    let outcome = if trial == Some(slot) {
        // One try, and that was this start: nothing is given back.
        boot = BootChange::default();
        status.version.clone_from(&seen.version);
        Some((State::Trying, String::new()))
    } else if seen.boot.first == Some(other) {
        boot = back_to(slot);
        if trial == Some(other) {
            boot = boot.tries(other, 0);
            Some((State::RolledBack, did_not_prove_itself(seen)))
        } else {
            // No update: the slot before this one used up its starts.
            status.version = seen.other_version.clone().unwrap_or_default();
            Some((State::RolledBack, used_up(other)))
        }
    } else {
        untold(seen)
    };
    if !seen.remembers && (seen.boot.left(slot) == 0 || seen.boot.first != Some(slot)) {
        // This may be a trial that cannot know of itself: the deadline ends it. A system
        // that has tries left was trusted before, and stays so with a dead data partition.
        boot = BootChange::default();
    }
    actions.push(match outcome {
        Some((state, why)) => tell(&mut status, state, &why),
        None => Action::Show,
    });
    if seen.boot.after(&boot) != seen.boot {
        actions.push(Action::Switch(boot));
    }
    actions
}

/// What became of an update and was not told yet, on a board that starts the slot
/// which it prefers.
fn untold(seen: &Observed) -> Option<(State, String)> {
    let failed = |why: &str| Some((State::Failed, why.to_owned()));
    match seen.status.state {
        State::Verifying | State::Installing => failed(CUT_BEFORE_WRITTEN),
        State::Rebooting if seen.failure.is_none() => failed(CUT_BEFORE_SWITCH),
        State::Rebooting | State::Trying => Some((State::RolledBack, did_not_prove_itself(seen))),
        // That this slot took over could not be told at its first start.
        State::Committed if seen.status.version != seen.version => {
            Some((State::RolledBack, used_up(seen.slot.other())))
        }
        State::Idle | State::Committed | State::RolledBack | State::Failed => None,
    }
}

fn did_not_prove_itself(seen: &Observed) -> String {
    let why = seen.failure.as_deref();
    why.unwrap_or(DID_NOT_COME_UP).to_owned()
}

fn used_up(slot: Slot) -> String {
    let name = slot.name();
    format!(
        "slot {name} did not start three times in a row: broken, or the power was cut each time"
    )
}

/// The slot that runs is the first to be tried, with all its tries.
const fn back_to(slot: Slot) -> BootChange {
    BootChange::prefer(slot).tries(slot, FULL_TRIES)
}
