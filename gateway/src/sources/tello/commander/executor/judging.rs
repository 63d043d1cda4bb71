//! Whether a command may be given now: the queue's room, and what is known of the
//! drone, when it is asked and again when its turn comes.

use tello::command::{Command, Direction};

use super::super::admission::{Grounds, admit};
use super::super::aiming::leads_to;
use super::super::down::Down;
use super::super::queue::WAITS_FOR;
use super::super::snapshot::Snapshot;
use super::CommandExecutor;
use super::kinds::flies;
use super::ticket::Ticket;
use crate::sources::vehicles::{
    Aim, Bounds, MIN_MOVE_CM, Operator, PadPlace, Refusal, TAKEOFF_HEIGHT_CM, boot_ms,
};

/// When a command is judged: the reasons are the same, the drone is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// As the drone will be when all before it is done.
    Asked,
    /// As it is.
    Leaves,
}

impl CommandExecutor {
    /// Whether `by` may give `command` now.
    pub(super) fn admit_from(
        &self,
        by: &Operator,
        command: Command,
        about: &Snapshot,
    ) -> Result<(), Refusal> {
        // The two that are of the line alone: what has its turn has passed them.
        let is_down = Down::of(command).is_some();
        if !is_down && !self.queue.has_room() {
            return Err(Refusal::Full);
        }
        // Held longer than a manoeuvre may wait: its turn would not come.
        if command.is_manoeuvre() && self.queue.held_for(about.now) > WAITS_FOR {
            return Err(Refusal::Busy);
        }
        self.judge(Some(by), command, about, Moment::Asked)
    }

    /// Judges what has its turn again, from what is known now: between being asked and
    /// leaving, control may change hands, a latch engage, a drone turn out to be another.
    pub(super) fn judge_when_sent(
        &mut self,
        command: Command,
        about: &Snapshot,
    ) -> Result<(), Refusal> {
        if Down::of(command).is_some() {
            // What brings a drone down was judged once, and is repeated until it is seen.
            return Ok(());
        }
        let ticket = self
            .queue
            .in_flight()
            .filter(|ticket| ticket.wish.is_some());
        let Some(by) = ticket.map(|ticket| ticket.by.clone()) else {
            // What nobody wished for moves nothing: the gateway's questions, without which
            // a mistaken drone would stay one, and its camera.
            return Ok(());
        };
        self.judge(by.as_ref(), command, about, Moment::Leaves)
    }

    /// The one judgement of a command, in which every reason against one has its place:
    /// what is missing here is missing at both moments. `by`: none of the gateway's own.
    fn judge(
        &self,
        by: Option<&Operator>,
        command: Command,
        about: &Snapshot,
        moment: Moment,
    ) -> Result<(), Refusal> {
        if flies(command) {
            self.is_of_now()?;
            if self.restart.is_under_way() {
                return Err(Refusal::Restarts);
            }
        }
        admit(command, about, &self.grounds(about, command, moment))?;
        let Some(by) = by.filter(|_| flies(command)) else {
            return Ok(());
        };
        let admitted = self.controls.admit(&self.drone, by, about.now);
        admitted.map_err(Refusal::Controlled)
    }

    /// Whether what flies a drone was asked just now: for a moment after the gateway stood
    /// still, it may lie in its buffers since before.
    pub(super) fn is_of_now(&self) -> Result<(), Refusal> {
        let stood_still = self.controls.standstills().lately(boot_ms());
        stood_still.map_or(Ok(()), |for_ms| Err(Refusal::StoodStill { for_ms }))
    }

    fn grounds(&self, about: &Snapshot, command: Command, moment: Moment) -> Grounds {
        let (flight, height_cm) = match moment {
            Moment::Asked => (self.flight(about), self.height_at_the_end_cm(about)),
            Moment::Leaves => (
                self.belief.flight(&about.motion, None, about.now),
                about.height_under_ceiling_cm(),
            ),
        };
        Grounds {
            flight,
            // One that a take-off waits for is as good as gone: land and stop are taken,
            // and take the take-off back.
            grounded: self.belief.is_grounded(&about.motion, about.now) && !self.queue.takes_off(),
            on_floor: self.belief.is_on_floor(&about.motion, about.now),
            sdk: self.identity.sdk_major(),
            is_known: self.identity.knows(command),
            takeoff_battery_pct: self.guard.policy().takeoff_battery_pct,
            bounds: Bounds {
                height_cm,
                height_limit_cm: self.guard.policy().height_limit_cm,
                battery_pct: about.battery_now_pct(),
                land_battery_pct: self.guard.policy().land_battery_pct,
                pad_cm: about.pad_cm(),
                pad_limit_cm: self.guard.policy().pad_limit_cm,
                pad_place: match moment {
                    Moment::Asked => PadPlace::Later,
                    Moment::Leaves => about.pad_place(),
                },
            },
            stopped: flies(command).then(|| self.takeoff.stopped()).flatten(),
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
}
