//! The command executor of one drone: takes requests, drives queue, down-commands
//! and guard, says what to send. The link's task calls it and owns the socket.

mod asking;
mod guarding;
mod judging;
mod kinds;
mod restart;
mod rivalry;
mod runaway;
mod sticking;
mod ticket;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use readings::clock::Mono;
use readings::command::CommandIds;
use tello::command::Command;
use tello::reply::Reply;

use super::belief::Belief;
use super::down::{Down, DownCommands, Known};
use super::guard::{FlightGuard, Policy};
use super::identity::Identity;
use super::outputs::Outputs;
use super::queue::{Gate, Queue, QueueStats};
use super::reports::{Report, Reports, Wish};
use super::rival::RivalWatch;
use super::snapshot::Snapshot;
use super::sticks::Sticks;
use super::{Admission, Request, Wished};
use crate::sources::vehicles::{
    CommandError, Controls, Flight, LinkState, Operator, Outcome, Phase, Refusal, TakeoffGate,
};
use kinds::{flies, leads_down};
use restart::Restart;
use runaway::Runaway;
use ticket::{Asker, Ended, Ticket};

/// How often the guard looks.
const GUARD_EVERY: Duration = Duration::from_secs(1);

/// How long a drone that was asked to stream may send no video before it is asked
/// again, and between asking: it takes about a second to begin.
const STREAM_AGAIN: Duration = Duration::from_secs(5);

/// How long after a manoeuvre that leads down a drone may still be seen to sink.
const SINKING_TOLD_FOR: Duration = Duration::from_secs(3);

/// Most sends of one event: a down-command, what was due, and the guard.
const MAX_SENDS: usize = 8;

/// Commands to put on the wire, in order.
pub(in super::super) type Outgoing = heapless::Vec<Command, MAX_SENDS>;

/// What the gateway did by itself, for the log and the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Intervention {
    /// Landed because the battery is nearly empty.
    LandedForBattery,
    /// Landed or stopped because the operator is gone.
    ActedForOperator,
}

/// Why a drone lands that nobody wants any more.
const NOBODY_WANTS: &str = "it was disconnected in the air";

impl Intervention {
    /// Why, in words.
    const fn why(self) -> &'static str {
        match self {
            Intervention::LandedForBattery => "its battery is nearly empty",
            Intervention::ActedForOperator => "the connection of its operator is lost",
        }
    }
}

/// The command executor of one drone.
pub(in super::super) struct CommandExecutor {
    queue: Queue<Ticket>,
    down: DownCommands<Ticket>,
    guard: FlightGuard,
    /// Id of the drone, by which control of it is known.
    drone: Arc<str>,
    controls: Controls,
    /// Whether its last state proved the ground.
    was_grounded: bool,
    /// What keeps it on the ground that is not its own.
    takeoff: TakeoffGate,
    reports: Reports,
    belief: Belief,
    rival: RivalWatch,
    /// Whether its sticks are held.
    sticks_held: bool,
    sticks: Sticks,
    /// Who flies by them, as a command that lasts while they do.
    sticks_wish: Option<Wish>,
    /// Whose the newest mode is.
    sticks_by: Option<Operator>,
    /// Why frames are not taken, as that was last told.
    sticks_refused: Option<Refusal>,
    /// Whether a silent flight was given up since the last look at it.
    gave_up: bool,
    operator: Option<Operator>,
    last_sent: Mono,
    /// When one was last sent that begins the drone's own 15 s anew.
    last_held_up: Mono,
    /// Until when sinking is what the drone was told to do.
    told_to_sink_until: Mono,
    guard_at: Mono,
    intervention: Option<Intervention>,
    /// When the drone was last asked to stream; none when it is not to.
    stream_asked: Option<Mono>,
    /// Whether it began to stream for somebody who waits no more.
    stream_forsaken: bool,
    /// Whether the down-command under way has not left the gateway yet.
    down_unsent: bool,
    /// Whether it goes on by a stick that nobody holds.
    runaway: Runaway,
    restart: Restart,
    identity: Identity,
    /// Why it is taken for another drone, in words.
    mistaken: Option<Arc<str>>,
    /// What ended, and who is to be told; no longer than the line.
    ended: Vec<Ended>,
}

impl CommandExecutor {
    pub(in super::super) fn new(
        policy: Policy,
        (drone, controls): (Arc<str>, Controls),
        ids: CommandIds,
        takeoff: TakeoffGate,
    ) -> CommandExecutor {
        CommandExecutor {
            queue: Queue::new(),
            down: DownCommands::new(),
            guard: FlightGuard::new(policy),
            drone,
            controls,
            was_grounded: true,
            takeoff,
            reports: Reports::new(ids),
            belief: Belief::default(),
            rival: RivalWatch::default(),
            sticks_held: false,
            sticks: Sticks::default(),
            sticks_wish: None,
            sticks_by: None,
            sticks_refused: None,
            gave_up: false,
            operator: None,
            last_sent: Mono::ZERO,
            last_held_up: Mono::ZERO,
            told_to_sink_until: Mono::ZERO,
            guard_at: Mono::ZERO,
            intervention: None,
            stream_asked: None,
            stream_forsaken: false,
            down_unsent: false,
            runaway: Runaway::default(),
            restart: Restart::default(),
            identity: Identity::default(),
            mistaken: None,
            ended: Vec::new(),
        }
    }

    /// The drone was in the air when the gateway last ran, and may be until `until`.
    pub(in super::super) fn recall(&mut self, until: Mono) {
        self.belief.recall(until);
        self.runaway.recall();
    }

    /// What the drone is doing, and what that rests on.
    pub(in super::super) fn flight(&self, about: &Snapshot) -> Flight {
        let lands = self.down.active() == Some(Down::Land) && self.belief.may_fly();
        let told = if lands {
            Some(Phase::Landing)
        } else if self.queue.takes_off() {
            Some(Phase::TakingOff)
        } else {
            None
        };
        self.belief.flight(&about.motion, told, about.now)
    }

    /// When a command was last sent that keeps a drone in the air: any but those that
    /// bring it down.
    pub(in super::super) fn last_held_up(&self) -> Mono {
        self.last_held_up
    }

    /// Whether it is, or may be, in the air.
    pub(in super::super) fn may_fly(&self) -> bool {
        self.belief.may_fly()
    }

    /// Whether a silent flight was given up since the last call, because its
    /// battery cannot have lasted.
    pub(in super::super) fn take_given_up(&mut self) -> bool {
        std::mem::take(&mut self.gave_up)
    }

    /// Takes a request, or not; its sender is to be told which.
    pub(in super::super) fn take(
        &mut self,
        request: Request,
        about: &Snapshot,
    ) -> (Outgoing, Admission) {
        let Request {
            wish: wished,
            by,
            own,
            admitted,
            outcome,
        } = request;
        let mut outputs = Outputs::new();
        self.see(about, &mut outputs);
        let (aim, towards) = match wished {
            Wished::Command(command) | Wished::Awaited(command) | Wished::Judged(command) => {
                (None, Ok(command))
            }
            Wished::Aim(aim) => (Some(aim), self.towards(aim, about)),
        };
        let command = towards.clone().unwrap_or(Command::Stop);
        let mut wish = match &own {
            None => self.reports.wish(command, &by),
            Some(own) => self.reports.wish_of_gateway(command, own),
        };
        wish.aim = aim;
        let id = wish.id;
        let verdict = match towards.and_then(|command| self.admit_from(&by, command, about)) {
            // Asked, and not given: nobody hears of it.
            Ok(()) if matches!(wished, Wished::Judged(_)) => Ok(id),
            Ok(()) => {
                self.reports
                    .queued(&wish, own.as_ref().map(|own| own.why.clone()));
                Ok(id)
            }
            Err(why) => {
                self.reports.refused(&wish, &why);
                Err(CommandError::Refused { id, why })
            }
        };
        if verdict.is_ok() && !matches!(wished, Wished::Judged(_)) {
            // Who brings a drone down, or asks for its camera, does not fly it: the flyer
            // stays who told it to move, and is missed when he goes.
            if flies(command) {
                if command.takes_off() || self.belief.may_fly() {
                    self.controls.fly(&self.drone, &by, about.now);
                }
                self.is_flown_by(by.clone(), about.now);
                self.rival.taken_over();
            } else if own.is_none()
                && self.operator.is_none()
                && !matches!(command, Command::Read(_))
            {
                self.is_flown_by(by.clone(), about.now);
            }
            let asker = Asker {
                by: own.is_none().then_some(by),
                outcome: Some(outcome),
                awaited: matches!(wished, Wished::Awaited(_)),
            };
            self.submit(wish, asker, about, &mut outputs);
        }
        let to = admitted;
        (self.carry_out(outputs, about), Admission { to, verdict })
    }

    fn is_flown_by(&mut self, by: Operator, now: Mono) {
        let is_there = self.controls.presences().is_there(&by, now);
        self.guard.commanded(is_there);
        self.operator = Some(by);
    }

    fn known(&self, about: &Snapshot) -> Known {
        Known {
            grounded: self.belief.is_grounded(&about.motion, about.now),
            may_fly: self.belief.may_fly(),
        }
    }

    /// Takes in what the states show, and what may be sent after that.
    fn see(&mut self, about: &Snapshot, outputs: &mut Outputs<Ticket>) {
        let stood = self.belief.was_on_ground();
        let gave_up = self.belief.see(&about.motion, about.battery_pct, about.now);
        self.look_for_rival(stood, about);
        self.restart.see(about.motion.heard(), about.now);
        if gave_up {
            self.gave_up = true;
            self.down.cancel(&Outcome::Unconfirmed, outputs);
        }
        let is_grounded = self.belief.is_grounded(&about.motion, about.now);
        if is_grounded && !std::mem::replace(&mut self.was_grounded, is_grounded) {
            self.controls.end_of_flight(&self.drone);
        }
        self.was_grounded = is_grounded;
        self.set_gate(about);
    }

    fn set_gate(&mut self, about: &Snapshot) {
        let unseen = self.belief.may_fly() && !about.is_fresh();
        self.queue
            .set_gate(if self.down.active().is_some() || unseen {
                Gate::Closed
            } else if self.sinks_untold(about) {
                Gate::MovesOnly
            } else {
                Gate::Open
            });
    }

    /// Whether it comes down without having been told: by its own 15 s rule, for
    /// an empty battery, or by another hand. Any command would end that.
    fn sinks_untold(&self, about: &Snapshot) -> bool {
        self.belief.may_fly()
            && about.motion.sinks(about.now)
            && about.now >= self.told_to_sink_until
            && !self.queue.commands().any(leads_down)
    }

    fn submit(
        &mut self,
        wish: Wish,
        asker: Asker,
        about: &Snapshot,
        outputs: &mut Outputs<Ticket>,
    ) {
        let command = wish.command;
        let ticket = Some(Ticket {
            command,
            wish: Some(wish),
            by: asker.by,
            outcome: asker.outcome,
            awaited: asker.awaited,
        });
        self.sticks_give_way(command, about.now);
        if let Some(down) = Down::of(command) {
            let in_manoeuvre = self.queue.in_manoeuvre(about.now);
            self.queue.clear_all(outputs);
            self.queue.expect_stray_reply();
            self.down.begin(down, ticket, in_manoeuvre, about, outputs);
        } else {
            if command.takes_off() {
                // Nothing that was meant for the flight before outlives it.
                self.down.cancel(&Outcome::Superseded, outputs);
                self.set_gate(about);
            }
            self.queue.submit(command, ticket, about.now, outputs);
        }
        self.set_gate(about);
    }

    /// Takes a reply from the drone.
    pub(in super::super) fn reply(&mut self, reply: &Reply<'_>, about: &Snapshot) -> Outgoing {
        let mut outputs = Outputs::new();
        self.see(about, &mut outputs);
        self.look_at_reply(reply, about);
        if self.down.active().is_some() {
            self.down
                .reply(reply, self.known(about), about, &mut outputs);
        } else {
            self.queue.reply(reply, about.now, &mut outputs);
        }
        self.carry_out(outputs, about)
    }

    /// Lets time pass, and the guard look.
    pub(in super::super) fn tick(&mut self, about: &Snapshot) -> Outgoing {
        let mut outputs = Outputs::new();
        self.see(about, &mut outputs);
        self.down.look(self.known(about), about, &mut outputs);
        self.set_gate(about);
        self.queue.tick(about.now, &mut outputs);
        self.ask_who_it_is(about, &mut outputs);
        let mut out = self.carry_out(outputs, about);
        self.brake_runaway(about);
        out.extend(self.move_sticks(about));
        if std::mem::take(&mut self.stream_forsaken) {
            out.extend(self.ask_unwished(Command::StreamOff, about));
        }
        if about.now >= self.guard_at {
            self.guard_at = about.now.plus(GUARD_EVERY);
            out.extend(self.stand_guard(about));
        }
        out
    }

    /// Puts a command in the line that nobody wished for and nobody waits for.
    fn ask_unwished(&mut self, command: Command, about: &Snapshot) -> Outgoing {
        let mut outputs = Outputs::new();
        self.queue.submit(command, None, about.now, &mut outputs);
        self.carry_out(outputs, about)
    }

    /// What came of commands since the last call.
    pub(in super::super) fn take_reports(&mut self) -> Vec<Report> {
        self.reports.take()
    }

    /// Whether a landing was asked for, and is neither confirmed nor ended in time.
    pub(in super::super) fn is_landing_overdue(&self) -> bool {
        self.down.is_overdue()
    }

    /// Nobody wants the drone any more: nothing waits, and one in the air lands.
    pub(in super::super) fn release(&mut self, about: &Snapshot) -> Outgoing {
        let lands = self.belief.may_fly()
            && self.guard.policy().on_operator_loss == crate::config::OnOperatorLoss::Land;
        self.operator = None;
        let mut outputs = Outputs::new();
        if lands {
            let wish = self.reports.own(Command::Land, NOBODY_WANTS);
            self.submit(wish, Asker::default(), about, &mut outputs);
        } else {
            self.queue.clear_all(&mut outputs);
        }
        let mut out = self.carry_out(outputs, about);
        // The stream of one that may fly ends with it: nothing more is sent there.
        if self.stream_asked.take().is_some() && !self.belief.may_fly() {
            out.extend(self.ask_unwished(Command::StreamOff, about));
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
    pub(in super::super) fn stream_again(&mut self, about: &Snapshot) -> Outgoing {
        let due = self
            .stream_asked
            .is_some_and(|asked| about.now.since(asked) >= STREAM_AGAIN);
        let may = about.link == LinkState::Connected
            && self.mistaken.is_none()
            && !self.belief.may_fly()
            && self.is_idle();
        if !(due && may) {
            return Outgoing::new();
        }
        self.stream_asked = Some(about.now);
        self.ask_unwished(Command::StreamOn, about)
    }

    /// The link asks the drone into SDK mode, and a reply to that may come.
    pub(in super::super) fn expect_sdk_reply(&mut self) {
        self.queue.expect_sdk_reply();
    }

    /// Whether a reply that comes now could be mistaken for another's. A landing
    /// that goes on and on does not count: no reply ends it.
    pub(in super::super) fn is_idle(&self) -> bool {
        self.queue.is_idle() && self.down.active().is_none_or(|down| down == Down::Land)
    }

    pub(in super::super) fn stats(&self) -> QueueStats {
        self.queue.stats()
    }
}

#[cfg(test)]
#[path = "executor_bench.rs"]
mod bench;

#[cfg(test)]
#[path = "executor_exploration.rs"]
mod exploration;

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reports_tests.rs"]
mod reports_tests;

#[cfg(test)]
#[path = "executor_flyer_tests.rs"]
mod flyer_tests;

#[cfg(test)]
#[path = "executor_ground_tests.rs"]
mod ground_tests;

#[cfg(test)]
#[path = "executor_sticks_tests.rs"]
mod sticks_tests;

#[cfg(test)]
#[path = "executor_waiting_tests.rs"]
mod waiting_tests;
