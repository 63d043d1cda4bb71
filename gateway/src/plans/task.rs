//! Gives what plans decide to the drones, and tells plans what came of it.
//!
//! One task for all plans: it waits for outcomes, for events of other commands and for
//! time; what is decided is [`super::run`]'s.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use readings::clock::{Mono, wall_now};
use readings::command::{CommandId, CommandState};
use readings::event::{Event, EventKind, NewEvent, Values};
use tello::command::Command;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::run::{PlanAction, PlanInputs};
use super::{Book, Entry, Plans};
use crate::sources::vehicles::{
    CommandError, Operator, Outcome, OwnWish, Pending, Refusal, Vehicles,
};

/// Between two looks while a plan is under way.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A landing that is not taken is asked for again, so often and after so long: with a full
/// queue before it the next one has room.
const LANDS: (u32, Duration) = (10, Duration::from_secs(1));

/// Which command of which plan.
type CommandPosition = (Arc<str>, usize, usize);

/// What came of something.
enum CommandProgress {
    /// The command of a row was taken, or not.
    Taken(CommandPosition, Result<Pending, CommandError>),
    /// It came to its end.
    Settled(CommandPosition, Outcome),
    /// A drone was brought down; its state says how that went.
    BroughtDown,
}

/// What is waited for.
type PendingCommands = FuturesUnordered<BoxFuture<'static, CommandProgress>>;

impl Plans {
    /// Flies plans until `stop`. Begun again after a fault it ends those that were under
    /// way: nobody knows what became of their commands.
    pub(crate) async fn run(self, stop: CancellationToken) {
        for entry in &mut self.book().entries {
            entry
                .run
                .end("the part of the gateway that flies plans began again", true);
        }
        let mut events = self.0.events.subscribe();
        let mut waits = PendingCommands::new();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_busy = self.carry_out(&waits);
            tokio::select! {
                Some(progress) = waits.next() => {
                    let more = self.hear(progress);
                    waits.extend(more);
                }
                event = events.recv() => match event {
                    Ok(event) => self.notice(&event),
                    Err(RecvError::Lagged(_)) => self.notice_again(),
                    Err(RecvError::Closed) => return,
                },
                _ = looks.tick(), if is_busy => self.look(),
                () = self.0.wake.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Does what the plans decided; whether one is under way.
    fn carry_out(&self, waits: &PendingCommands) -> bool {
        let mut is_busy = false;
        for entry in &mut self.book().entries {
            let acts = entry.run.take_acts();
            if entry.run.state.is_over() && entry.ended.is_none() {
                entry.ended = Some(wall_now());
            }
            for act in acts {
                match act {
                    PlanAction::Send {
                        step,
                        row,
                        drone,
                        command,
                    } => {
                        let place = (entry.id.clone(), step, row);
                        let drone = entry.run.plan.drones[drone].clone();
                        let (vehicles, by) = (self.0.vehicles.clone(), entry.by.clone());
                        waits.push(Box::pin(send(vehicles, place, drone, command, by)));
                    }
                    PlanAction::Bring {
                        drone,
                        command,
                        why,
                    } => {
                        let drone = entry.run.plan.drones[drone].clone();
                        let why = format!("plan {}: {why}", entry.id);
                        waits.push(Box::pin(bring(
                            self.0.vehicles.clone(),
                            drone,
                            command,
                            why,
                        )));
                    }
                    PlanAction::Tell(why) => self.tell(entry, why),
                }
            }
            is_busy |= !entry.run.state.is_over();
        }
        is_busy
    }

    /// Says how a plan is, to whoever listens and to the audit trail.
    fn tell(&self, entry: &Entry, why: Option<Arc<str>>) {
        let (run, plan) = (&entry.run, &entry.run.plan);
        let (step, steps) = (run.at + 1, plan.steps.len());
        let drone = match &plan.drones[..] {
            [only] => Some(only.clone()),
            _ => None,
        };
        let event = NewEvent {
            drone,
            kind: EventKind::Plan,
            who: Some(entry.name.clone()),
            why: why.clone(),
            values: Values::Plan {
                plan_id: entry.id.clone(),
                name: plan.name.clone(),
                state: run.state.name(),
                step,
                steps,
            },
        };
        self.0.events.publish(event, wall_now());
        let mut told = format!(
            "plan {} ({}): {}, step {step} of {steps}",
            entry.id,
            plan.name,
            run.state.name()
        );
        match why {
            Some(why) => told.push_str(&format!(": {why}")),
            None => {
                for (drone, task) in plan
                    .steps
                    .get(run.at)
                    .into_iter()
                    .flat_map(|step| &step.tasks)
                {
                    told.push_str(&format!(", {} {task}", plan.drones[*drone]));
                }
            }
        }
        let starter = &entry.starter;
        self.0
            .access
            .record_flight(&starter.actor, starter.session, starter.client, &told);
    }

    /// Tells a plan what came of something; what is waited for next.
    fn hear(&self, progress: CommandProgress) -> Option<BoxFuture<'static, CommandProgress>> {
        let now = Mono::now();
        let mut book = self.book();
        match progress {
            CommandProgress::Taken(place, given) => {
                let (_, step, row) = place;
                let run = book.run_of(&place)?;
                match given {
                    Ok(pending) => {
                        run.given(step, row, pending.id());
                        return Some(Box::pin(async move {
                            CommandProgress::Settled(place, pending.settled().await)
                        }));
                    }
                    Err(error) => {
                        if let CommandError::Refused { id, .. } = &error {
                            run.given(step, row, *id);
                        }
                        run.settled(step, row, Err(error.to_string().into()), now);
                    }
                }
            }
            CommandProgress::Settled(place, outcome) => {
                let (_, step, row) = place;
                let run = book.run_of(&place)?;
                match (outcome.why(), outcome) {
                    (_, Outcome::Superseded) => run.overtaken(step, row, now),
                    (None, _) => run.settled(step, row, Ok(()), now),
                    (Some(why), _) => run.settled(step, row, Err(why.into()), now),
                }
            }
            CommandProgress::BroughtDown => {}
        }
        None
    }

    /// A command that is none of a plan's may take a drone out of it.
    fn notice(&self, event: &Event) {
        let Values::Command {
            command_id,
            command,
            state,
        } = &event.values
        else {
            return;
        };
        let (Some(drone), who) = (&event.drone, event.who.as_ref()) else {
            return;
        };
        let why = event.why.as_deref().unwrap_or("the gateway did");
        self.notice_command(
            (*command_id, *state),
            event.kind,
            drone,
            (who, why),
            command,
        );
    }

    /// Some events were missed: what the newest commands say stands for them.
    fn notice_again(&self) {
        for record in self.0.events.commands().into_iter().rev() {
            let began = self.book().entries.iter().map(|entry| entry.started).min();
            let Some(drone) = record
                .drone
                .as_ref()
                .filter(|_| began <= Some(record.given))
            else {
                continue;
            };
            // A guard's command counts once it was sent; a person's when it is given.
            let state = match record.kind {
                EventKind::Command if record.state != CommandState::Refused => CommandState::Queued,
                _ => record.state,
            };
            let why = record.why.as_deref().unwrap_or("the gateway did");
            let by = (record.who.as_ref(), why);
            self.notice_command((record.id, state), record.kind, drone, by, &record.command);
        }
    }

    fn notice_command(
        &self,
        (id, state): (CommandId, CommandState),
        kind: EventKind,
        drone: &Arc<str>,
        (who, why): (Option<&Arc<str>>, &str),
        command: &str,
    ) {
        let mut book = self.book();
        let Some(entry) = book.entries.iter_mut().find(|entry| entry.run.has(drone)) else {
            return;
        };
        let parsed = Command::parse(command);
        let is_down = matches!(
            parsed,
            Ok(Command::Land | Command::Stop | Command::Emergency)
        );
        let now = Mono::now();
        match (kind, state) {
            // (An announced landing is queued, and may be called off.)
            (EventKind::Guard, CommandState::Sent) if is_down => {
                // (It may be told before the next look that nobody flies it: that is why.)
                match self.is_flown(&entry.by, now) {
                    true => entry.run.brought_down(drone, why, now),
                    false => entry.run.flyer_gone(),
                }
            }
            (EventKind::Command, CommandState::Queued) if who != Some(&entry.by.name) => {
                let moves = match parsed {
                    Ok(command) => {
                        is_down || command.is_manoeuvre() || matches!(command, Command::Rc(_))
                    }
                    // A target: no word of the SDK's.
                    Err(_) => true,
                };
                if moves {
                    let who = who.map_or("somebody", |who| who);
                    let what = format!("{who} told it {command} (command {id})");
                    entry.run.taken_over(drone, &what, now);
                }
            }
            _ => {}
        }
    }

    /// Whether the flyer of a plan is there.
    fn is_flown(&self, by: &Operator, now: Mono) -> bool {
        let controls = self.0.vehicles.controls();
        controls.presences().is_there(by, now)
    }

    /// Looks at time, flyers, control and what holds drones.
    fn look(&self) {
        let now = Mono::now();
        let controls = self.0.vehicles.controls();
        for entry in &mut self.book().entries {
            if entry.run.state.is_over() {
                continue;
            }
            let drones = &entry.run.plan.drones;
            let other = |id: &Arc<str>| {
                let control = controls.of(id, now)?;
                (control.by.session != entry.by.session).then_some(control.by.name)
            };
            let seen = PlanInputs {
                flyer_is_there: self.is_flown(&entry.by, now),
                held: drones.iter().map(|id| self.0.hold.why_not(id)).collect(),
                taken_by: drones.iter().map(other).collect(),
            };
            entry.run.tick(&seen, now);
        }
    }
}

impl Book {
    fn run_of(&mut self, (id, ..): &CommandPosition) -> Option<&mut super::Run> {
        let mut entries = self.entries.iter_mut();
        entries
            .find(|entry| entry.id == *id)
            .map(|entry| &mut entry.run)
    }
}

async fn send(
    vehicles: Vehicles,
    place: CommandPosition,
    drone: Arc<str>,
    command: Command,
    by: Operator,
) -> CommandProgress {
    let given = vehicles.command(&drone, command, &by).await;
    CommandProgress::Taken(place, given)
}

async fn bring(
    vehicles: Vehicles,
    drone: Arc<str>,
    command: Command,
    why: String,
) -> CommandProgress {
    let why: Arc<str> = why.into();
    for _ in 0..LANDS.0 {
        let own = OwnWish {
            why: why.clone(),
            announced: None,
        };
        match vehicles.act(&drone, command, own).await {
            // There is nobody to bring down.
            Ok(_)
            | Err(
                CommandError::Unknown(_)
                | CommandError::Refused {
                    why: Refusal::NotConnected | Refusal::NotAirborne,
                    ..
                },
            ) => break,
            Err(error) => {
                tracing::error!(%drone, %command, %error, "a plan's drone is not brought down; it is tried again");
                sleep(LANDS.1).await;
            }
        }
    }
    CommandProgress::BroughtDown
}
