//! At every start, before the gateway: what became of an update.
//!
//! Only what outlived the last power cut can be asked. The boot script has counted
//! this start already, so the tries left say nothing of what was meant: the order
//! does, together with who is on trial.

use super::{Action, Answer, Ended, Machine, Observed, Queue, tell};
use crate::slot::{BootChange, FULL_TRIES};
use crate::status::State;

const CUT_BEFORE_WRITTEN: &str =
    "the power was cut, or the board restarted, before the bundle was written; install it again";
const CUT_BEFORE_SWITCH: &str =
    "the power was cut before the new system was switched to; install it again";
const DID_NOT_COME_UP: &str =
    "the new system did not come up, or the power was cut before it was confirmed";

/// Decides what became of an update. Goes through its actions whatever comes of
/// them: with a full or damaged data partition the board must still get its tries
/// back, or it would leave a slot that works.
#[derive(Debug)]
pub struct Settle {
    queue: Queue,
    ended: Ended,
}

impl Settle {
    /// By what was found.
    #[must_use]
    pub fn new(seen: &Observed) -> Settle {
        Settle {
            queue: settle(seen).into(),
            ended: Ended::Well,
        }
    }
}

impl Machine for Settle {
    fn next(&mut self, answer: Answer) -> Action {
        if let Answer::Failed(why) = answer {
            self.ended = Ended::Failed;
            self.queue.push_front(Action::Log(why));
        }
        let end = Action::End(self.ended);
        self.queue.pop_front().unwrap_or(end)
    }
}

/// The actions that settle what was found.
#[must_use]
pub fn settle(seen: &Observed) -> Vec<Action> {
    let (slot, other) = (seen.slot, seen.slot.other());
    let mut status = seen.status.clone();
    let mut actions = vec![Action::RecordVersion(slot, seen.version.clone())];
    match &seen.trial {
        Some(trial) if trial.slot == slot => {
            actions.push(tell(&mut status, State::Trying, ""));
            // One try, and that was this start: nothing is given back.
            return actions;
        }
        Some(_) if seen.boot.first == Some(slot) => {
            actions.push(Action::ForgetTrial);
            actions.push(match &seen.failure {
                Some(why) => tell(&mut status, State::RolledBack, why),
                None => tell(&mut status, State::Failed, CUT_BEFORE_SWITCH),
            });
        }
        Some(_) => {
            let why = seen.failure.as_deref().unwrap_or(DID_NOT_COME_UP);
            let back = BootChange::prefer(slot).tries(other, 0);
            actions.push(Action::Switch(back));
            actions.push(Action::ForgetTrial);
            actions.push(tell(&mut status, State::RolledBack, why));
        }
        None if seen.boot.first == Some(other) => {
            // No update: the slot before this one used up its starts.
            status.version = seen.other_version.clone().unwrap_or_default();
            let why = format!(
                "slot {} did not start three times in a row: broken, or the power was cut each time",
                other.name()
            );
            actions.push(Action::Switch(BootChange::prefer(slot)));
            actions.push(tell(&mut status, State::RolledBack, &why));
        }
        None => actions.push(match status.state {
            State::Verifying | State::Installing | State::Rebooting => {
                tell(&mut status, State::Failed, CUT_BEFORE_WRITTEN)
            }
            _ => Action::Show,
        }),
    }
    // A system that is not on trial has nothing to prove: getting here is enough, so
    // that a board whose power comes and goes does not use up its starts.
    if seen.boot.left(slot) != FULL_TRIES {
        actions.push(Action::Switch(
            BootChange::default().tries(slot, FULL_TRIES),
        ));
    }
    actions
}
