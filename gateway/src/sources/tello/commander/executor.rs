//! The command executor of one drone: takes requests, drives the queue and the guard, says
//! what to send. The link's task calls it and owns the socket.

use std::time::Duration;

use tello::command::{Command, Query};
use tello::reply::Reply;
use tokio::sync::oneshot;

use super::super::LinkState;
use super::admission::{Circumstances, Refusal, admit};
use super::guard::{Act, Guard, Policy, Sight};
use super::phase::{Confirmed, Phase, Sign, phase};
use super::presence::Presences;
use super::queue::{Do, Outcome, Queue, QueueStats, Todo};
use super::{Operator, Request};
use readings::clock::Mono;

/// How often the guard looks.
const GUARD_EVERY: Duration = Duration::from_secs(1);

/// How long a drone that was asked to stream may send no video before it is asked
/// again, and between asking: it takes about a second to begin.
const STREAM_AGAIN: Duration = Duration::from_secs(5);

/// Commands to put on the wire, in order.
pub(in super::super) type Outgoing = heapless::Vec<Command, 8>;

/// What the executor is told about its drone at each call.
#[derive(Clone, Debug)]
pub(in super::super) struct Surroundings {
    pub(in super::super) now: Mono,
    pub(in super::super) link: LinkState,
    pub(in super::super) reason: Option<String>,
    pub(in super::super) sign: Sign,
    pub(in super::super) battery_pct: Option<u8>,
    pub(in super::super) height_cm: Option<i32>,
}

/// What the guard did, for the log and the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Intervention {
    /// Landed because the battery is nearly empty.
    LandedForBattery,
    /// Landed or stopped because the operator is gone.
    ActedForOperator,
}

/// Whom to tell what came of a command.
struct Ticket {
    command: Command,
    outcome: Option<oneshot::Sender<Outcome>>,
}

/// The command executor of one drone.
pub(in super::super) struct CommandExecutor {
    queue: Queue<Ticket>,
    guard: Guard,
    presences: Presences,
    confirmed: Confirmed,
    operator: Option<Operator>,
    last_sent: Mono,
    guard_at: Mono,
    intervention: Option<Intervention>,
    warns: bool,
    /// When the drone was last asked to stream; none when it is not to.
    stream_asked: Option<Mono>,
}

impl CommandExecutor {
    pub(in super::super) fn new(policy: Policy, presences: Presences) -> CommandExecutor {
        CommandExecutor {
            queue: Queue::new(),
            guard: Guard::new(policy),
            presences,
            confirmed: Confirmed::Nothing,
            operator: None,
            last_sent: Mono::ZERO,
            guard_at: Mono::ZERO,
            intervention: None,
            warns: false,
            stream_asked: None,
        }
    }

    /// What the drone is doing.
    pub(in super::super) fn phase(&self, about: &Surroundings) -> Phase {
        let told = if self.queue.holds(Command::Land) {
            Some(Phase::Landing)
        } else if self.queue.holds(Command::Takeoff) {
            Some(Phase::TakingOff)
        } else {
            None
        };
        phase(self.confirmed, about.sign, told, about.now)
    }

    /// Takes a request, or tells its sender why not.
    pub(in super::super) fn take(&mut self, request: Request, about: &Surroundings) -> Outgoing {
        let Request {
            command,
            by,
            admitted,
            outcome,
        } = request;
        let verdict = self.admit(command, about);
        let taken = verdict.is_ok();
        // The sender may have hung up; its command is carried out all the same.
        let _ = admitted.send(verdict);
        if !taken {
            return Outgoing::new();
        }
        if !matches!(command, Command::Read(_)) {
            self.guard.commanded(self.presences.is_there(&by));
            self.operator = Some(by);
        }
        self.submit(command, Some(outcome), about.now)
    }

    fn admit(&self, command: Command, about: &Surroundings) -> Result<(), Refusal> {
        let overtakes = matches!(command, Command::Land | Command::Stop | Command::Emergency);
        if !overtakes && !self.queue.has_room() {
            return Err(Refusal::Full);
        }
        admit(
            command,
            &Circumstances {
                link: about.link,
                reason: about.reason.clone(),
                phase: self.phase(about),
                battery_pct: about.battery_pct,
                takeoff_battery_pct: self.guard.policy().takeoff_battery_pct,
                height_cm: about.height_cm,
            },
        )
    }

    fn submit(
        &mut self,
        command: Command,
        outcome: Option<oneshot::Sender<Outcome>>,
        now: Mono,
    ) -> Outgoing {
        if command == Command::Emergency {
            self.confirmed = Confirmed::Landed(now);
        }
        let mut todo = Todo::new();
        self.queue
            .submit(command, Some(Ticket { command, outcome }), now, &mut todo);
        self.carry_out(todo, now)
    }

    /// Takes a reply from the drone.
    pub(in super::super) fn reply(&mut self, reply: &Reply<'_>, now: Mono) -> Outgoing {
        let mut todo = Todo::new();
        self.queue.reply(reply, now, &mut todo);
        self.carry_out(todo, now)
    }

    /// Lets time pass, and the guard look.
    pub(in super::super) fn tick(&mut self, about: &Surroundings) -> Outgoing {
        let mut todo = Todo::new();
        self.queue.tick(about.now, &mut todo);
        let mut out = self.carry_out(todo, about.now);
        if about.now >= self.guard_at {
            self.guard_at = about.now.plus(GUARD_EVERY);
            out.extend(self.stand_guard(about));
        }
        out
    }

    fn stand_guard(&mut self, about: &Surroundings) -> Outgoing {
        let phase = self.phase(about);
        let sight = Sight {
            now: about.now,
            flying: about.link != LinkState::Disconnected
                && matches!(phase, Phase::Flying | Phase::TakingOff),
            operator: self
                .operator
                .as_ref()
                .map(|operator| self.presences.is_there(operator)),
            last_sent: self.last_sent,
            battery_pct: about.battery_pct,
        };
        self.warns = self.guard.warns(sight);
        match self.guard.look(sight) {
            Some(Act::KeepAlive) if self.queue.is_idle() => {
                self.submit(Command::Read(Query::Battery), None, about.now)
            }
            Some(Act::KeepAlive) | None => Outgoing::new(),
            Some(Act::LandForBattery) => {
                self.intervene(Command::Land, Intervention::LandedForBattery, about.now)
            }
            Some(Act::LandForOperator) => {
                self.intervene(Command::Land, Intervention::ActedForOperator, about.now)
            }
            Some(Act::HoverForOperator) => {
                self.intervene(Command::Stop, Intervention::ActedForOperator, about.now)
            }
        }
    }

    fn intervene(&mut self, command: Command, intervention: Intervention, now: Mono) -> Outgoing {
        self.intervention = Some(intervention);
        self.submit(command, None, now)
    }

    /// What the guard did since the last call.
    pub(in super::super) fn take_intervention(
        &mut self,
    ) -> Option<(Intervention, Option<&Operator>)> {
        self.intervention
            .take()
            .map(|intervention| (intervention, self.operator.as_ref()))
    }

    /// Whether the battery of a flying drone is worth a warning.
    pub(in super::super) fn warns(&self) -> bool {
        self.warns
    }

    /// Nobody wants the drone any more: nothing waits, and one in the air lands.
    pub(in super::super) fn release(&mut self, about: &Surroundings) -> Outgoing {
        let flies = matches!(self.phase(about), Phase::Flying | Phase::TakingOff);
        self.operator = None;
        let mut out = if flies
            && self.guard.policy().on_operator_loss == crate::config::OnOperatorLoss::Land
        {
            self.submit(Command::Land, None, about.now)
        } else {
            let mut todo = Todo::new();
            self.queue.clear_all(&mut todo);
            self.carry_out(todo, about.now)
        };
        if self.stream_asked.take().is_some() {
            out.extend(self.submit(Command::StreamOff, None, about.now));
        }
        out
    }

    /// Whether the drone was asked to stream, and said yes.
    pub(in super::super) fn streams(&self) -> bool {
        self.stream_asked.is_some()
    }

    /// Asks a drone on the ground for its video again: one that was restarted has
    /// forgotten it. Never in the air, where any command ends a landing that the
    /// drone began by itself.
    pub(in super::super) fn stream_again(&mut self, about: &Surroundings) -> Outgoing {
        let due = self
            .stream_asked
            .is_some_and(|asked| about.now.since(asked) >= STREAM_AGAIN);
        let may = about.link == LinkState::Connected
            && self.phase(about) == Phase::Landed
            && self.queue.is_idle();
        if !(due && may) {
            return Outgoing::new();
        }
        self.stream_asked = Some(about.now);
        self.submit(Command::StreamOn, None, about.now)
    }

    /// A reply to what the link itself sent may still come.
    pub(in super::super) fn expect_stray_reply(&mut self) {
        self.queue.expect_stray_reply();
    }

    /// What the link sent was answered.
    pub(in super::super) fn clear_stray_reply(&mut self) {
        self.queue.clear_stray_reply();
    }

    /// Whether no command is under way.
    pub(in super::super) fn is_idle(&self) -> bool {
        self.queue.is_idle()
    }

    /// When [`CommandExecutor::tick`] has something to do next, at the latest.
    pub(in super::super) fn wake_at(&self) -> Option<Mono> {
        self.queue.wake_at()
    }

    pub(in super::super) fn stats(&self) -> QueueStats {
        self.queue.stats()
    }

    fn carry_out(&mut self, todo: Todo<Ticket>, now: Mono) -> Outgoing {
        let mut out = Outgoing::new();
        for action in todo {
            match action {
                Do::Send(command) => {
                    self.last_sent = now;
                    // At most three sends an event, see `Todo`.
                    let _ = out.push(command);
                }
                Do::Finish(ticket, outcome) => self.close(ticket, outcome, now),
            }
        }
        out
    }

    fn close(&mut self, ticket: Ticket, outcome: Outcome, now: Mono) {
        match (ticket.command, &outcome) {
            (Command::Takeoff, Outcome::Done) => self.confirmed = Confirmed::Airborne(now),
            (Command::Land, Outcome::Done) => self.confirmed = Confirmed::Landed(now),
            (Command::StreamOn, Outcome::Done) => self.stream_asked = Some(now),
            (Command::StreamOff, Outcome::Done) => self.stream_asked = None,
            _ => {}
        }
        tracing::debug!(command = %ticket.command, ?outcome, "command ended");
        if let Some(told) = ticket.outcome {
            // Whoever asked may be gone.
            let _ = told.send(outcome);
        }
    }
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
