//! Asks a drone at rest who it is, and heeds what is made of the answer.

use std::sync::Arc;

use tello::command::Command;

use super::super::identity::Identity;
use super::super::outputs::Outputs;
use super::super::snapshot::Snapshot;
use super::CommandExecutor;
use super::ticket::Ticket;
use crate::sources::vehicles::LinkState;

impl CommandExecutor {
    /// The drone is connected, again perhaps.
    pub(in super::super::super) fn meet(&mut self) {
        self.identity.met(self.belief.may_fly());
    }

    /// What the drone said of itself.
    pub(in super::super::super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// It is taken for another drone, for these reasons; or it is not any more.
    pub(in super::super::super) fn mistake(&mut self, why: Option<Arc<str>>) {
        self.mistaken = why;
    }

    /// Why it is taken for another drone.
    pub(in super::super::super) fn mistaken(&self) -> Option<&Arc<str>> {
        self.mistaken.as_ref()
    }

    /// Asks a drone that stands on the ground with nothing to do.
    pub(super) fn ask_who_it_is(&mut self, about: &Snapshot, outputs: &mut Outputs<Ticket>) {
        let may = about.link == LinkState::Connected
            && self.was_grounded
            && self.queue.is_idle()
            && self.down.active().is_none();
        let Some(query) = may.then(|| self.identity.question(about.now)).flatten() else {
            return;
        };
        let command = Command::Read(query);
        let ticket = Ticket {
            command,
            wish: None,
            by: None,
            outcome: None,
            awaited: false,
        };
        self.queue.submit(command, Some(ticket), about.now, outputs);
    }
}
