//! Commands to one drone: what may be sent, in which order, and what came of it.
//!
//! [`queue`] keeps one command in flight and matches replies; [`down`] lands and
//! stops, past the queue; [`belief`] says whether the drone flies; [`admission`]
//! refuses what makes no sense now, all from one [`snapshot`] of the drone;
//! [`guard`] acts for an operator who is gone and for an empty battery;
//! [`presence`] knows which operators are there. All pure and given `now`.
//! [`executor`] is what the link's task drives: it owns no socket, since a drone
//! has one client port and the link owns that.

mod admission;
mod belief;
mod down;
mod executor;
mod guard;
mod patience;
mod presence;
mod queue;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

pub use admission::Refusal;
pub(super) use belief::FRESH_WITHIN;
pub use belief::{Basis, Flight, Phase};
pub(super) use executor::{CommandExecutor, Intervention, Outgoing};
pub(super) use guard::Policy;
pub use presence::Presence;
pub(super) use presence::Presences;
pub use queue::Outcome;
pub(super) use snapshot::Snapshot;

use tello::command::Command;

/// Requests that may wait for a drone's task; it takes them at once, so more is
/// a runaway caller, who is refused.
pub(super) const MAX_REQUESTS: usize = 16;

/// Who commands a drone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Tells operators apart; never shown. The digest of a key, or a fixed word.
    pub id: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
}

/// A command on its way to a drone's task.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) by: Operator,
    /// Told at once whether the command is taken.
    pub(super) admitted: oneshot::Sender<Result<(), Refusal>>,
    /// Told what came of it.
    pub(super) outcome: oneshot::Sender<Outcome>,
}

/// A command that was taken; what comes of it is told later.
#[derive(Debug)]
pub struct Pending(pub(super) oneshot::Receiver<Outcome>);

impl Pending {
    /// What came of it within `patience`; `None` while it is under way.
    pub async fn settled_within(&mut self, patience: Duration) -> Option<Outcome> {
        match timeout(patience, &mut self.0).await {
            Ok(outcome) => Some(outcome.unwrap_or(Outcome::Superseded)),
            Err(_) => None,
        }
    }

    /// What came of it. Every command has a time-out, so this ends.
    pub async fn settled(self) -> Outcome {
        self.0.await.unwrap_or(Outcome::Superseded)
    }
}
