//! Whose a command is, and who waits for what comes of it.

use tello::command::Command;
use tokio::sync::oneshot;

use super::super::reports::Wish;
use crate::sources::vehicles::{Aim, Operator, Outcome};

/// Whom to tell what came of a command.
pub(super) struct Ticket {
    pub(super) command: Command,
    /// None of what the gateway asks to know the drone.
    pub(super) wish: Option<Wish>,
    /// Who gave it; none of what the gateway gives by itself.
    pub(super) by: Option<Operator>,
    pub(super) outcome: Option<oneshot::Sender<Outcome>>,
    /// Whether it makes sense only while somebody waits for it.
    pub(super) awaited: bool,
}

/// Who gave a command, and who waits for what comes of it; nobody of the gateway's own.
#[derive(Default)]
pub(super) struct Asker {
    pub(super) by: Option<Operator>,
    pub(super) outcome: Option<oneshot::Sender<Outcome>>,
    pub(super) awaited: bool,
}

/// What came of a command, not told yet.
pub(super) struct Ended {
    pub(super) to: oneshot::Sender<Outcome>,
    pub(super) outcome: Outcome,
}

impl Ticket {
    /// The target that it leads to.
    pub(super) fn aim(&self) -> Option<Aim> {
        self.wish.as_ref().and_then(|wish| wish.aim)
    }

    /// Whether `by` gave it, in the same session.
    pub(super) fn is_of(&self, by: &Operator) -> bool {
        let is_same = |own: &Operator| (&own.id, own.session) == (&by.id, by.session);
        self.by.as_ref().is_none_or(is_same)
    }

    /// Whether nobody waits for it any more, so that it makes no sense.
    pub(super) fn is_forsaken(&self) -> bool {
        self.awaited && self.outcome.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}
