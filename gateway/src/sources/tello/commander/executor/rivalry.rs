//! What the executor tells its watch for another controller.

use tello::command::Command;
use tello::reply::Reply;

use super::super::rival::RivalSign;
use super::super::snapshot::Snapshot;
use super::CommandExecutor;

impl CommandExecutor {
    /// The sign of another controller that stands.
    pub(in super::super::super) fn rival(&self) -> Option<RivalSign> {
        self.rival.sign()
    }

    /// Its states were lost on the ground, and came back with the first `command`.
    pub(in super::super::super) fn states_taken_back(&mut self, about: &Snapshot) {
        self.rival.states_taken_back(about.now);
    }

    /// `stood`: whether it was on the ground before the newest state.
    pub(super) fn look_for_rival(&mut self, stood: bool, about: &Snapshot) {
        let moves = self.down.active().is_some()
            || self.sticks_held
            || self.queue.commands().any(Command::is_manoeuvre)
            || self.queue.in_manoeuvre(about.now);
        // Of a flight of the run before nobody knows what it was told.
        if moves || !about.is_fresh() || self.runaway.is_recalled() {
            self.rival.commanded(about.now);
        }
        let may_fly = self.belief.may_fly();
        self.rival
            .see(stood && may_fly, may_fly, &about.motion, about.now);
    }

    /// An answer to nothing is noted; what the app's protocol says is no answer.
    pub(super) fn look_at_reply(&mut self, reply: &Reply<'_>, about: &Snapshot) {
        if !matches!(reply, Reply::Binary | Reply::Noise) {
            let is_asked = self.down.active().is_some() || self.queue.expects_reply();
            self.rival.heard(reply, is_asked, about.now);
        }
    }

    /// `command` leaves.
    pub(super) fn note_for_rival(&mut self, command: Command, about: &Snapshot) {
        match command {
            command if command.takes_off() => self.rival.takeoff_sent(about.now),
            Command::Rc(sticks) => self.sticks_held = sticks != [0; 4],
            _ => {}
        }
        if !matches!(command, Command::Read(_) | Command::Rc(_)) {
            self.sticks_held = false;
        }
        if command.is_manoeuvre() || matches!(command, Command::Rc(_)) {
            self.rival.commanded(about.now);
        }
    }
}
