//! Whether a command may be given now: the queue's room, and what is known of the
//! drone, when it is asked and again when its turn comes.

use tello::command::{Command, Direction};

use super::super::admission::{Grounds, admit};
use super::super::down::Down;
use super::super::queue::WAITS_FOR;
use super::super::replies::is_manoeuvre;
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
        if is_manoeuvre(command) && self.queue.held_for(about.now) > WAITS_FOR {
            return Err(Refusal::Busy);
        }
        admit(command, about, &self.grounds(about, command))
    }

    fn grounds(&self, about: &Snapshot, command: Command) -> Grounds {
        Grounds {
            flight: self.flight(about),
            // One that a take-off waits for is as good as gone: land and stop are taken,
            // and take the take-off back.
            grounded: self.belief.is_grounded(&about.motion, about.now)
                && !self.queue.holds(Command::Takeoff),
            takeoff_battery_pct: self.guard.policy().takeoff_battery_pct,
            height_cm: self.height_at_the_end_cm(about),
            height_limit_cm: self.guard.policy().height_limit_cm,
            held: (command == Command::Takeoff)
                .then(|| self.takeoff.why_not())
                .flatten(),
        }
    }

    /// Where the drone will be when all it was told is done. A move under way
    /// counts whole: too much rather than too little under a ceiling.
    fn height_at_the_end_cm(&self, about: &Snapshot) -> i32 {
        let rise = |command| match command {
            Command::Takeoff => TAKEOFF_HEIGHT_CM,
            Command::Move {
                direction: Direction::Up,
                distance_cm,
            } => distance_cm.into(),
            Command::Move {
                direction: Direction::Down,
                distance_cm,
            } => -i32::from(distance_cm),
            Command::Go {
                to_cm: [_, _, up], ..
            } => up.into(),
            _ => 0,
        };
        about.height_cm.unwrap_or(0) + self.queue.commands().map(rise).sum::<i32>()
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
            ..self.grounds(about, command)
        };
        admit(command, about, &grounds)
    }
}
