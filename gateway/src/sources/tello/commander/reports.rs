//! What comes of each command, step by step, for events and the list of commands.
//!
//! Pure: steps are noted here while the executor works, and taken out by the link's
//! task, which knows the time. What the gateway asks for itself to stay in touch (a
//! keep-alive, a stream again) is nobody's wish and makes no report.

use std::sync::Arc;

use readings::clock::wall_now;
use readings::command::{CommandId, CommandIds, CommandState};
use readings::event::{EventKind, EventLog, NewEvent, Values};
use tello::command::Command;

use super::Wished;
use super::down::Down;
use crate::sources::vehicles::{Aim, GATEWAY, Operator, Outcome, OwnWish, Refusal};

/// One step of one command.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Report {
    pub(super) wish: Wish,
    pub(super) state: CommandState,
    pub(super) why: Option<Arc<str>>,
}

/// A command as it was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    pub(super) id: CommandId,
    pub(super) command: Command,
    /// What it is to reach, until it leaves.
    pub(super) aim: Option<Aim>,
    pub(super) kind: EventKind,
    who: Arc<str>,
    is_sent: bool,
}

impl Wish {
    /// It leaves as `command`.
    pub(super) fn becomes(&mut self, command: Command) {
        (self.command, self.aim) = (command, None);
    }

    /// It in words.
    fn text(&self) -> String {
        match self.aim {
            Some(aim) => aim.to_string(),
            None => self.command.to_string(),
        }
    }

    /// Whether it left the gateway.
    pub(super) fn is_sent(&self) -> bool {
        self.is_sent
    }

    /// It did not leave the gateway after all.
    pub(super) fn take_back_sent(&mut self) {
        self.is_sent = false;
    }
}

/// The steps that were not taken out yet: what one call of the executor can cause, which
/// is bounded by the commands that it holds.
#[derive(Debug)]
pub(super) struct Reports {
    ids: CommandIds,
    steps: Vec<Report>,
}

impl Reports {
    pub(super) fn new(ids: CommandIds) -> Reports {
        Reports {
            ids,
            steps: Vec::new(),
        }
    }

    /// A command of an operator, not taken yet.
    pub(super) fn wish(&self, command: Command, by: &Operator) -> Wish {
        self.new_wish(command, EventKind::Command, by.name.clone())
    }

    /// A command that the gateway gives by itself, not taken yet; one that was announced
    /// has its id.
    pub(super) fn wish_of_gateway(&self, command: Command, own: &OwnWish) -> Wish {
        let mut wish = self.new_wish(command, EventKind::Guard, GATEWAY.into());
        wish.id = own.announced.unwrap_or(wish.id);
        wish
    }

    /// A command that the gateway gives by itself is taken.
    pub(super) fn own(&mut self, command: Command, why: &str) -> Wish {
        let wish = self.new_wish(command, EventKind::Guard, GATEWAY.into());
        self.note(&wish, CommandState::Queued, Some(why.into()));
        wish
    }

    fn new_wish(&self, command: Command, kind: EventKind, who: Arc<str>) -> Wish {
        Wish {
            id: self.ids.next(),
            command,
            aim: None,
            kind,
            who,
            is_sent: false,
        }
    }

    /// It is taken.
    pub(super) fn queued(&mut self, wish: &Wish, why: Option<Arc<str>>) {
        self.note(wish, CommandState::Queued, why);
    }

    /// It is not taken.
    pub(super) fn refused(&mut self, wish: &Wish, why: &Refusal) {
        self.note(wish, CommandState::Refused, Some(why.to_string().into()));
    }

    /// It is on the wire; of repetitions the first counts.
    pub(super) fn sent(&mut self, wish: &mut Wish) {
        if !std::mem::replace(&mut wish.is_sent, true) {
            self.note(wish, CommandState::Sent, None);
        }
    }

    /// It has come to an end.
    pub(super) fn ended(&mut self, mut wish: Wish, outcome: &Outcome) {
        match end_of(wish.command, outcome) {
            CommandState::Sent => self.sent(&mut wish),
            state => self.note(&wish, state, outcome.why().map(Into::into)),
        }
    }

    fn note(&mut self, wish: &Wish, state: CommandState, why: Option<Arc<str>>) {
        self.steps.push(Report {
            wish: wish.clone(),
            state,
            why,
        });
    }

    /// The steps since the last call.
    pub(super) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.steps)
    }
}

/// What an outcome says of the drone. A down-command ends well by the drone's state
/// alone; a manoeuvre by the drone's word.
fn end_of(command: Command, outcome: &Outcome) -> CommandState {
    match outcome {
        // Neither is answered, or by its answer alone: what the states show counts.
        Outcome::Done if Down::of(command).is_some() || matches!(command, Command::Rc(_)) => {
            CommandState::Confirmed
        }
        Outcome::Done | Outcome::Answer(_) => CommandState::Answered,
        Outcome::Sent => CommandState::Sent,
        Outcome::NoReply | Outcome::Unconfirmed => CommandState::Unconfirmed,
        Outcome::Superseded => CommandState::Overtaken,
        Outcome::Refused(_)
        | Outcome::CannotStop
        | Outcome::Dropped
        | Outcome::Stale
        | Outcome::Forbidden(_)
        | Outcome::Unsent(_) => CommandState::Refused,
    }
}

/// Publishes a step of a command to `drone`.
pub(in super::super) fn publish(events: &EventLog, drone: &Arc<str>, report: Report) {
    let Report { wish, state, why } = report;
    let event = NewEvent {
        drone: Some(drone.clone()),
        kind: wish.kind,
        who: Some(wish.who.clone()),
        why,
        values: Values::Command {
            command_id: wish.id,
            command: wish.text().into(),
            state,
        },
    };
    events.publish(event, wall_now());
}

/// Publishes that a command did not even reach the task of `drone`; its id all the same.
pub(in super::super) fn publish_refusal(
    events: &EventLog,
    drone: &Arc<str>,
    (wished, by): (Wished, &Operator),
    why: &Refusal,
) -> CommandId {
    let mut reports = Reports::new(events.command_ids());
    let mut wish = reports.wish(Command::Stop, by);
    match wished {
        Wished::Command(command) | Wished::Awaited(command) | Wished::Judged(command) => {
            wish.command = command
        }
        Wished::Aim(aim) => wish.aim = Some(aim),
    }
    reports.refused(&wish, why);
    for report in reports.take() {
        publish(events, drone, report);
    }
    wish.id
}
