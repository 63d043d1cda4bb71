//! What is to be done is done: commands go to the wire, ends are told.

use tello::command::Command;

use super::super::down::Down;
use super::super::replies::is_manoeuvre;
use super::super::snapshot::Snapshot;
use super::super::todo::{Do, Todo};
use super::{CommandExecutor, Outgoing, SINKING_TOLD_FOR, Ticket, leads_down};
use crate::sources::vehicles::Outcome;

impl CommandExecutor {
    pub(super) fn carry_out(&mut self, mut todo: Todo<Ticket>, about: &Snapshot) -> Outgoing {
        let mut out = Outgoing::new();
        // What is taken back may let the next one go, which is judged in turn; the
        // line is short, and gets shorter each time.
        while !todo.is_empty() {
            let mut next = Todo::new();
            for action in todo {
                match action {
                    Do::Send(command) => self.release_to_wire(command, about, &mut out, &mut next),
                    Do::Finish(ticket, outcome) => self.close(ticket, outcome, about),
                }
            }
            todo = next;
        }
        let sent = self
            .queue
            .in_flight()
            .into_iter()
            .chain(self.down.waiting());
        for ticket in sent {
            self.reports.sent(&mut ticket.wish);
        }
        self.set_gate(about);
        out
    }

    fn release_to_wire(
        &mut self,
        command: Command,
        about: &Snapshot,
        out: &mut Outgoing,
        todo: &mut Todo<Ticket>,
    ) {
        if is_manoeuvre(command)
            && let Err(why) = self.judge_when_sent(command, about)
        {
            return self.queue.withdraw(why, about.now, todo);
        }
        self.last_sent = about.now;
        if !matches!(command, Command::Land | Command::Emergency) {
            self.last_held_up = about.now;
        }
        if Down::of(command).is_some() {
            self.queue.count_sent();
        }
        if command == Command::Takeoff {
            self.belief.takeoff_sent(about.now);
        }
        // Fewer than these a call, see its type.
        let _ = out.push(command);
    }

    fn close(&mut self, ticket: Ticket, outcome: Outcome, about: &Snapshot) {
        if leads_down(ticket.command) {
            self.told_to_sink_until = about.now.plus(SINKING_TOLD_FOR);
        }
        match (ticket.command, &outcome) {
            (Command::Takeoff, Outcome::Refused(_)) => self.belief.takeoff_refused(&about.motion),
            (Command::StreamOn, Outcome::Done) => self.stream_asked = Some(about.now),
            (Command::StreamOff, Outcome::Done) => self.stream_asked = None,
            _ => {}
        }
        tracing::debug!(command = %ticket.command, ?outcome, "command ended");
        self.reports.ended(ticket.wish, &outcome);
        if let Some(told) = ticket.outcome {
            // Whoever asked may be gone.
            let _ = told.send(outcome);
        }
    }
}
