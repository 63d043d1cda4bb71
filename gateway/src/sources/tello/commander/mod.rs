//! Commands to one drone: what may be sent, in which order, and what came of it.
//!
//! [`queue`] keeps one command in flight and matches [`replies`]; [`down`] lands and
//! stops, past the queue; [`belief`] says whether the drone flies; [`admission`]
//! refuses what makes no sense now, all from one [`snapshot`] of the drone;
//! [`reports`] notes what comes of each command; [`guard`] acts for an operator who is gone and for an empty battery;
//! All pure and given `now`; which operators are there is asked of the caller's presences.
//! [`executor`] is what the link's task drives: it owns no socket, since a drone
//! has one client port and the link owns that.

mod admission;
mod belief;
mod down;
mod executor;
mod guard;
mod patience;
mod queue;
mod replies;
mod reports;
mod snapshot;
mod todo;

use tokio::sync::oneshot;

pub(super) use belief::FRESH_WITHIN;
pub(super) use executor::{CommandExecutor, Intervention, Outgoing};
pub(super) use guard::Policy;
pub(super) use reports::{publish, publish_refusal};
pub(super) use snapshot::Snapshot;

use readings::command::CommandId;
use tello::command::Command;

use crate::sources::vehicles::{CommandError, Operator, Outcome, OwnWish};

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

/// A command on its way to a drone's task.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) by: Operator,
    /// Of what the gateway gives by itself.
    pub(super) own: Option<OwnWish>,
    /// Told at once whether the command is taken, and under which id.
    pub(super) admitted: oneshot::Sender<Verdict>,
    /// Told what came of it.
    pub(super) outcome: oneshot::Sender<Outcome>,
}
