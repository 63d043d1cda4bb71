//! What is to be done is done: commands go to the wire, ends are told.

use readings::command::CommandState;
use tello::command::Command;

use super::super::down::Down;
use super::super::reports::Report;
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
        if out.iter().any(|command| Down::of(*command).is_some()) {
            self.down_unsent = false;
        }
        let down = (!self.down_unsent).then(|| self.down.waiting());
        let sent = self
            .queue
            .in_flight()
            .into_iter()
            .chain(down.into_iter().flatten());
        for ticket in sent {
            self.reports.sent(&mut ticket.wish);
        }
        self.set_gate(about);
        out
    }

    /// The system did not take `command`, which one of these `steps` says is sent: nothing
    /// of it was. A down-command is repeated, as ever; any other ends here, for nobody
    /// flies what was meant a time-out ago.
    pub(in super::super::super) fn not_sent(
        &mut self,
        command: Command,
        error: &str,
        steps: &mut Vec<Report>,
        about: &Snapshot,
    ) -> Outgoing {
        let is_it =
            |step: &Report| step.state == CommandState::Sent && step.wish.command == command;
        let mut todo = Todo::new();
        if Down::of(command).is_some() {
            steps.retain(|step| !is_it(step));
            self.down_unsent = true;
            for ticket in self.down.waiting() {
                ticket.wish.take_back_sent();
            }
        } else if let Some(place) = steps.iter().rposition(is_it) {
            let outcome = Outcome::Unsent(error.to_owned());
            if self.queue.unsent(command, &outcome, about.now, &mut todo) {
                steps.remove(place);
            } else {
                // One that is never answered: sending it was its end.
                steps[place].state = CommandState::Refused;
                steps[place].why = outcome.why().map(Into::into);
            }
        }
        self.carry_out(todo, about)
    }

    fn release_to_wire(
        &mut self,
        command: Command,
        about: &Snapshot,
        out: &mut Outgoing,
        todo: &mut Todo<Ticket>,
    ) {
        if command.is_manoeuvre()
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
        if command.takes_off() {
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
            (command, Outcome::Refused(_) | Outcome::Unsent(_)) if command.takes_off() => {
                self.belief.takeoff_refused(&about.motion)
            }
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
