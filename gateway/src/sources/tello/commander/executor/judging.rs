//! Whether a command may be given now: the queue's room, and what is known of the
//! drone, when it is asked and again when its turn comes.

use tello::command::Command;

use super::super::admission::{Grounds, admit};
use super::super::down::Down;
use super::super::queue::WAITS_FOR;
use super::super::snapshot::Snapshot;
use super::CommandExecutor;
use crate::sources::vehicles::Refusal;

/// Height of a take-off, in cm: 0.8 to 1.2 m were captured.
const TAKEOFF_HEIGHT_CM: i32 = 120;

impl CommandExecutor {
    pub(super) fn admit(&self, command: Command, about: &Snapshot) -> Result<(), Refusal> {
        let is_down = Down::of(command).is_some();
        if !is_down && !self.queue.has_room() {
            return Err(Refusal::Full);
        }
        // Held longer than a manoeuvre may wait: its turn would not come.
        if command.is_manoeuvre() && self.queue.held_for(about.now) > WAITS_FOR {
            return Err(Refusal::Busy);
        }
        admit(command, about, self.grounds(about))
    }

    fn grounds(&self, about: &Snapshot) -> Grounds {
        Grounds {
            flight: self.flight(about),
            // One that a take-off waits for is as good as gone: land and stop are taken,
            // and take the take-off back.
            grounded: self.belief.is_grounded(&about.motion, about.now) && !self.queue.takes_off(),
            takeoff_battery_pct: self.guard.policy().takeoff_battery_pct,
            height_cm: self.height_at_the_end_cm(about),
        }
    }

    /// Where the drone will be when all it was told is done. A move under way
    /// counts whole: too much rather than too little under a ceiling.
    fn height_at_the_end_cm(&self, about: &Snapshot) -> i32 {
        let from_cm = about.height_cm.unwrap_or(0);
        self.queue
            .commands()
            .fold(from_cm, |height_cm, command| match command.way() {
                Some(way) => way.end_from(height_cm),
                None if command.takes_off() => height_cm + TAKEOFF_HEIGHT_CM,
                None => height_cm,
            })
    }

    /// Judges a manoeuvre again when its turn comes, from what is known then.
    pub(super) fn judge_when_sent(
        &self,
        command: Command,
        about: &Snapshot,
    ) -> Result<(), Refusal> {
        let grounds = Grounds {
            flight: self.belief.flight(&about.motion, None, about.now),
            height_cm: about.height_cm.unwrap_or(0),
            ..self.grounds(about)
        };
        admit(command, about, grounds)
    }
}
