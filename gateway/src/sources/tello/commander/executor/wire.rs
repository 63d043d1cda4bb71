//! What is to be done is done: commands go to the wire, ends are told.

use readings::command::CommandState;
use tello::command::Command;

use super::super::aiming::leads_to;
use super::super::down::Down;
use super::super::outputs::{Output, Outputs};
use super::super::reports::{Report, Wish};
use super::super::snapshot::Snapshot;
use super::kinds::{leads_down, restarts};
use super::ticket::{Ended, Ticket};
use super::{CommandExecutor, Outgoing, SINKING_TOLD_FOR};
use crate::sources::vehicles::{Aim, Outcome, Refusal};

impl CommandExecutor {
    pub(super) fn carry_out(&mut self, mut outputs: Outputs<Ticket>, about: &Snapshot) -> Outgoing {
        let mut out = Outgoing::new();
        // What is taken back may let the next one go, which is judged in turn; the
        // line is short, and gets shorter each time.
        while !outputs.is_empty() {
            let mut next = Outputs::new();
            for action in outputs {
                match action {
                    Output::Send(command) => {
                        self.release_to_wire(command, about, &mut out, &mut next)
                    }
                    Output::Finish(ticket, outcome) => self.close(ticket, outcome, about),
                }
            }
            outputs = next;
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
            if let Some(wish) = &mut ticket.wish {
                self.reports.sent(wish);
            }
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
        let mut outputs = Outputs::new();
        if restarts(command) {
            self.restart.not_told();
        }
        if Down::of(command).is_some() {
            steps.retain(|step| !is_it(step));
            self.down_unsent = true;
            for ticket in self.down.waiting() {
                if let Some(wish) = &mut ticket.wish {
                    wish.take_back_sent();
                }
            }
            self.down.not_sent();
        } else if let Some(place) = steps.iter().rposition(is_it) {
            let outcome = Outcome::Unsent(error.to_owned());
            if self
                .queue
                .unsent(command, &outcome, about.now, &mut outputs)
            {
                steps.remove(place);
            } else {
                // One that is never answered: sending it was its end.
                steps[place].state = CommandState::Refused;
                steps[place].why = outcome.why().map(Into::into);
            }
        }
        self.carry_out(outputs, about)
    }

    fn release_to_wire(
        &mut self,
        command: Command,
        about: &Snapshot,
        out: &mut Outgoing,
        outputs: &mut Outputs<Ticket>,
    ) {
        if self
            .queue
            .in_flight()
            .is_some_and(|ticket| ticket.is_forsaken())
        {
            return self.take_back(Outcome::Stale, about, outputs);
        }
        let aim = self.queue.in_flight().and_then(|ticket| ticket.aim());
        let command = match aim.filter(|_| command.is_manoeuvre()) {
            None => command,
            Some(aim) => match self.take_aim(aim, about, outputs) {
                Some(command) => command,
                None => return,
            },
        };
        if let Err(why) = self.judge_when_sent(command, about) {
            return self.take_back(Outcome::Forbidden(why), about, outputs);
        }
        self.note_for_rival(command, about);
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
        if let Some(on) = command.idles() {
            self.belief.idle_told(on, &about.motion, about.now);
        }
        if restarts(command) {
            self.restart.told(about.now);
        }
        // Fewer than these a call, see its type.
        let _ = out.push(command);
        self.queue.left(command, about.now, outputs);
    }

    /// What was about to leave stays here. Of a repetition nobody says that it was not sent:
    /// the first was, and had no reply.
    fn take_back(&mut self, outcome: Outcome, about: &Snapshot, outputs: &mut Outputs<Ticket>) {
        let ticket = self.queue.in_flight();
        let wish = ticket.and_then(|ticket| ticket.wish.as_ref());
        let is_again = wish.is_some_and(Wish::is_sent);
        let outcome = if is_again { Outcome::NoReply } else { outcome };
        // Control has changed hands: what the one gave who has it now stays, and is judged
        // when its turn comes.
        let lost = matches!(outcome, Outcome::Forbidden(Refusal::Controlled(_)));
        let ticket = self.queue.in_flight().filter(|_| lost);
        let loser = ticket.and_then(|ticket| ticket.by.clone());
        let goes_along = |ticket: &Ticket| loser.as_ref().is_none_or(|by| ticket.is_of(by));
        self.queue
            .take_back(outcome, goes_along, about.now, outputs);
    }

    /// The command that leads to `aim` from the state of now, in place of what stood for
    /// it in the line; none: nothing is to be sent now.
    fn take_aim(
        &mut self,
        aim: Aim,
        about: &Snapshot,
        outputs: &mut Outputs<Ticket>,
    ) -> Option<Command> {
        if about.motion.heard() <= Some(self.queue.last_end()) {
            // That state is of before the end of the move before.
            self.queue.put_back(about.now);
            return None;
        }
        match leads_to(aim, about.height_cm, about.yaw_deg) {
            Ok(Some(command)) => {
                self.queue.leaves_as(command, about.now);
                if let Some(ticket) = self.queue.in_flight() {
                    ticket.command = command;
                    if let Some(wish) = &mut ticket.wish {
                        wish.becomes(command);
                    }
                }
                Some(command)
            }
            Ok(None) => {
                self.queue
                    .take_back(Outcome::Done, |_| true, about.now, outputs);
                None
            }
            Err(why) => {
                self.take_back(Outcome::Forbidden(why), about, outputs);
                None
            }
        }
    }

    fn close(&mut self, ticket: Ticket, outcome: Outcome, about: &Snapshot) {
        if leads_down(ticket.command) {
            self.told_to_sink_until = about.now.plus(SINKING_TOLD_FOR);
        }
        match (ticket.command, &outcome) {
            (command, Outcome::Refused(_) | Outcome::Unsent(_)) if command.takes_off() => {
                self.belief.takeoff_refused(&about.motion)
            }
            (command, Outcome::Refused(_) | Outcome::Unsent(_))
                if command.idles() == Some(true) =>
            {
                self.belief.idle_refused();
            }
            (Command::StreamOn, Outcome::Done) if ticket.is_forsaken() => {
                self.stream_forsaken = true;
            }
            (Command::StreamOn, Outcome::Done) => self.stream_asked = Some(about.now),
            (Command::StreamOff, Outcome::Done) => self.stream_asked = None,
            _ => {}
        }
        if ticket.command == Command::Takeoff && !self.belief.may_fly() {
            // It never left the ground.
            self.controls.end_of_flight(&self.drone);
        }
        tracing::debug!(command = %ticket.command, ?outcome, "command ended");
        match ticket.wish {
            Some(wish) => {
                self.identity.heeds(ticket.command, &outcome);
                self.reports.ended(wish, &outcome);
            }
            None => self.identity.answered(ticket.command, &outcome, about.now),
        }
        if let Some(to) = ticket.outcome {
            self.ended.push(Ended { to, outcome });
        }
    }

    /// Tells those who wait what ended. Called once it can be seen: who hears that the
    /// video was ended, and asks, is not told that it streams.
    pub(in super::super::super) fn tell_ends(&mut self) {
        for Ended { to, outcome } in self.ended.drain(..) {
            // Whoever asked may be gone.
            let _ = to.send(outcome);
        }
    }
}
