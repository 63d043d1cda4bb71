//! Whether a command may be given now: the queue's room, and what is known of the
//! drone, when it is asked and again when its turn comes.

use tello::command::{Command, Direction};

use super::super::admission::{Grounds, admit};
use super::super::aiming::leads_to;
use super::super::down::Down;
use super::super::queue::WAITS_FOR;
use super::super::snapshot::Snapshot;
use super::kinds::flies;
use super::{CommandExecutor, Ticket};
use crate::sources::vehicles::{Aim, Bounds, MIN_MOVE_CM, Operator, Refusal, TAKEOFF_HEIGHT_CM};

impl CommandExecutor {
    /// Whether `by` may give `command` now.
    pub(super) fn admit_from(
        &self,
        by: &Operator,
        command: Command,
        about: &Snapshot,
    ) -> Result<(), Refusal> {
        self.admit(command, about)?;
        if !flies(command) {
            return Ok(());
        }
        let admitted = self.controls.admit(&self.drone, by, about.now);
        admitted.map_err(Refusal::Controlled)
    }

    fn admit(&self, command: Command, about: &Snapshot) -> Result<(), Refusal> {
        let is_down = Down::of(command).is_some();
        if !is_down && !self.queue.has_room() {
            return Err(Refusal::Full);
        }
        // Held longer than a manoeuvre may wait: its turn would not come.
        if command.is_manoeuvre() && self.queue.held_for(about.now) > WAITS_FOR {
            return Err(Refusal::Busy);
        }
        admit(command, about, &self.grounds(about, command))
    }

    fn grounds(&self, about: &Snapshot, command: Command) -> Grounds {
        Grounds {
            flight: self.flight(about),
            // One that a take-off waits for is as good as gone: land and stop are taken,
            // and take the take-off back.
            grounded: self.belief.is_grounded(&about.motion, about.now) && !self.queue.takes_off(),
            on_floor: self.belief.is_on_floor(&about.motion, about.now),
            sdk: self.identity.sdk_major(),
            is_known: self.identity.knows(command),
            takeoff_battery_pct: self.guard.policy().takeoff_battery_pct,
            bounds: Bounds {
                height_cm: self.height_at_the_end_cm(about),
                height_limit_cm: self.guard.policy().height_limit_cm,
                battery_pct: about.battery_now_pct(),
                land_battery_pct: self.guard.policy().land_battery_pct,
                pad_cm: about.pad_cm.filter(|_| about.is_fresh()),
                pad_limit_cm: self.guard.policy().pad_limit_cm,
            },
            mistaken: self.mistaken.clone(),
            held: (command.takes_off() || command.idles() == Some(true))
                .then(|| self.takeoff.why_not())
                .flatten(),
        }
    }

    /// What would lead to `aim` from where the commands before it take the drone. One
    /// that is there may be elsewhere when its turn comes: the smallest move stands for it.
    pub(super) fn towards(&self, aim: Aim, about: &Snapshot) -> Result<Command, Refusal> {
        let stands_for = match aim {
            Aim::Altitude(_) => Command::Move {
                direction: Direction::Down,
                distance_cm: MIN_MOVE_CM.unsigned_abs() as u16,
            },
            Aim::Heading(_) => Command::Rotate {
                clockwise: true,
                angle_deg: 1,
            },
        };
        let height_cm = self.height_at_the_end_cm(about);
        Ok(leads_to(aim, height_cm, about.yaw_deg)?.unwrap_or(stands_for))
    }

    /// Where the drone will be when all it was told is done. A move under way
    /// counts whole: too much rather than too little under a ceiling.
    fn height_at_the_end_cm(&self, about: &Snapshot) -> Option<i32> {
        let begins_cm = about.height_under_ceiling_cm()?;
        let then = |height_cm, (command, ticket): (Command, Option<&Ticket>)| match (
            ticket.and_then(Ticket::aim),
            command.way(),
        ) {
            (Some(Aim::Altitude(target_cm)), _) => target_cm,
            (_, Some(way)) => way.end_from(height_cm),
            _ if command.takes_off() => height_cm + TAKEOFF_HEIGHT_CM,
            _ => height_cm,
        };
        Some(self.queue.entries().fold(begins_cm, then))
    }

    /// Judges a manoeuvre again when its turn comes, from what is known then.
    pub(super) fn judge_when_sent(
        &self,
        command: Command,
        about: &Snapshot,
    ) -> Result<(), Refusal> {
        let mut grounds = self.grounds(about, command);
        grounds.flight = self.belief.flight(&about.motion, None, about.now);
        grounds.bounds.height_cm = about.height_under_ceiling_cm();
        admit(command, about, &grounds)
    }
}
