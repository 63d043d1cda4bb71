//! Commands to one drone: what may be sent, in which order, and what came of it.
//!
//! [`queue`] keeps one command in flight and matches [`replies`]; [`down`] lands and
//! stops, past the queue; [`belief`] says whether the drone flies; [`admission`]
//! refuses what makes no sense now, all from one [`snapshot`] of the drone;
//! [`reports`] notes what comes of each command; [`rival`] looks for another controller;
//! [`identity`] asks which drone it is; [`guard`] acts for an operator who is gone and for an
//! empty battery. All pure and given `now`; which flyers are there, and who has control, is
//! asked of the table that all vehicles share.
//! [`sticks`] flies by thumbs, beside the queue.
//! [`executor`] is what the link's task drives: it owns no socket, since a drone
//! has one client port and the link owns that.

mod admission;
mod aiming;
mod belief;
mod down;
mod executor;
mod guard;
mod identity;
mod outputs;
mod patience;
mod queue;
mod replies;
mod reports;
mod rival;
mod snapshot;
mod sticks;

use tokio::sync::oneshot;

pub(super) use belief::{FRESH_WITHIN, endurance};
pub(super) use executor::{CommandExecutor, Intervention, Outgoing};
pub(super) use guard::Policy;
pub(super) use identity::{Word, word};
pub(super) use reports::{publish, publish_refusal};
pub(super) use snapshot::Snapshot;

use readings::clock::Mono;
use readings::command::CommandId;
use tello::command::Command;

use crate::sources::vehicles::{Aim, CommandError, Operator, Outcome, OwnWish};

/// Requests that may wait for a drone's task; it takes them at once, so more is
/// a runaway caller, who is refused.
pub(super) const MAX_REQUESTS: usize = 16;

/// Whether a command is taken.
pub(super) type Verdict = Result<CommandId, CommandError>;

/// A verdict to be told once what it says can be looked up: until the first steps of the
/// command are published, its id names nothing.
#[must_use = "whoever gave the command waits for it"]
pub(super) struct Admission {
    to: oneshot::Sender<Verdict>,
    verdict: Verdict,
}

impl Admission {
    /// Tells it. The sender may have hung up; its command is carried out all the same.
    pub(super) fn tell(self) {
        let _ = self.to.send(self.verdict);
    }
}

/// What is wished of a drone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wished {
    /// This command.
    Command(Command),
    /// This command, unless nobody waits for it any more when its turn comes.
    Awaited(Command),
    /// Whether this command would be taken; nothing is sent.
    Judged(Command),
    /// To get there, by whatever command leads there when its turn comes.
    Aim(Aim),
}

/// Sticks as somebody holds them now.
#[derive(Clone, Debug)]
pub(super) struct StickFrame {
    /// Roll, pitch, throttle, yaw, each −100 to 100.
    pub(super) axes: [i8; 4],
    pub(super) by: Operator,
    /// When it came in.
    pub(super) at: Mono,
}

/// A command on its way to a drone's task.
pub(super) struct Request {
    pub(super) wish: Wished,
    pub(super) by: Operator,
    /// Of what the gateway gives by itself.
    pub(super) own: Option<OwnWish>,
    /// Told at once whether the command is taken, and under which id.
    pub(super) admitted: oneshot::Sender<Verdict>,
    /// Told what came of it.
    pub(super) outcome: oneshot::Sender<Outcome>,
}
