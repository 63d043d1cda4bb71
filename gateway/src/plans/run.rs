//! A plan that runs: which step it is at, what was told to whom, and what came of it.
//!
//! Pure: `now` and what happened in, [`PlanAction`]s out. A step is over when every drone in it has
//! confirmed (the barrier); the next one begins only then. Must never begin a step for a
//! flyer who is gone, while something keeps a drone of it on the ground, or after its end.

use std::sync::Arc;
use std::time::Duration;

use readings::clock::Mono;
use readings::command::CommandId;
use tello::command::Command;

use super::document::{OnFailure, Plan, Step, Task};

/// Longest that drones hover for a person to decide, before they land.
pub(super) const HOVERS_FOR: Duration = Duration::from_secs(30);
/// A command that was overtaken waits so long for the news of what overtook it.
const EXPLAINED_WITHIN: Duration = Duration::from_millis(500);

/// What a drone of a step has come to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    /// Its step has not begun.
    Waits,
    /// Told, or about to be.
    UnderWay(Option<CommandId>),
    /// Another command came in between; which one is not known yet.
    Overtaken(Option<CommandId>, Mono),
    Done(Option<CommandId>),
    Failed(Option<CommandId>, Arc<str>),
    /// Its drone is no part of the plan any more, or the plan ended before.
    Left,
}

impl Row {
    fn id(&self) -> Option<CommandId> {
        match self {
            Row::UnderWay(id) | Row::Overtaken(id, _) | Row::Done(id) | Row::Failed(id, _) => *id,
            Row::Waits | Row::Left => None,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Row::Waits | Row::UnderWay(_) | Row::Overtaken(..))
    }
}

/// How a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// Commands under way end; the next step waits for a person.
    Paused,
    /// A drone failed: the others hover until a person decides, or until then.
    Hovers(Mono),
    /// Every step was done by whoever was left.
    Done,
    /// A failure ended it.
    Failed,
    /// A person, a flyer who is gone or an emergency stop ended it.
    Ended,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Paused => "paused",
            State::Hovers(_) => "hovers",
            State::Done => "done",
            State::Failed => "failed",
            State::Ended => "ended",
        }
    }

    pub(super) const fn is_over(self) -> bool {
        matches!(self, State::Done | State::Failed | State::Ended)
    }
}

/// Something to be done, in order. Drones by their place in the plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PlanAction {
    /// Give this command in the flyer's name; its outcome is told to that row.
    Send {
        step: usize,
        row: usize,
        drone: usize,
        command: Command,
    },
    /// Bring it down by the gateway itself.
    Bring {
        drone: usize,
        command: Command,
        why: Arc<str>,
    },
    /// Tell people how the plan is now.
    Tell(Option<Arc<str>>),
}

/// How things are beside the plan.
pub(super) struct PlanInputs {
    pub(super) flyer_is_there: bool,
    /// Of each drone of the plan: what keeps drones like it on the ground.
    pub(super) held: Vec<Option<Arc<str>>>,
    /// Of each: who else has control of it.
    pub(super) taken_by: Vec<Option<Arc<str>>>,
}

/// A plan under way, or over.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) plan: Arc<Plan>,
    pub(super) state: State,
    /// Why it is so, where that is not plain.
    pub(super) why: Option<Arc<str>>,
    /// Index of the step it is at.
    pub(super) at: usize,
    began: Mono,
    pub(super) rows: Vec<Vec<Row>>,
    /// Of each drone: whether it is part of the plan still.
    is_in: Vec<bool>,
    acts: Vec<PlanAction>,
}

impl Run {
    /// Begins it.
    pub(super) fn new(plan: Arc<Plan>, now: Mono) -> Run {
        let rows = plan
            .steps
            .iter()
            .map(|step| vec![Row::Waits; step.tasks.len()]);
        let mut run = Run {
            state: State::Running,
            why: None,
            at: 0,
            began: now,
            rows: rows.collect(),
            is_in: vec![true; plan.drones.len()],
            acts: Vec::new(),
            plan,
        };
        run.begin(now);
        run
    }

    /// What is to be done since the last call.
    pub(super) fn take_acts(&mut self) -> Vec<PlanAction> {
        std::mem::take(&mut self.acts)
    }

    /// Whether the drone of that id is part of it still.
    pub(super) fn has(&self, id: &str) -> bool {
        self.drone(id).is_some()
    }

    /// Ids of the drones that are no part of it any more.
    pub(super) fn left(&self) -> impl Iterator<Item = &str> {
        let drones = self.plan.drones.iter().zip(&self.is_in);
        drones.filter(|(_, is_in)| !**is_in).map(|(id, _)| &**id)
    }

    /// The command of a row was taken under this id.
    pub(super) fn given(&mut self, step: usize, row: usize, id: CommandId) {
        if let Some(row @ Row::UnderWay(_)) = self.row(step, row) {
            *row = Row::UnderWay(Some(id));
        }
    }

    /// The command of a row came to its end: confirmed, or why not.
    pub(super) fn settled(
        &mut self,
        step: usize,
        row: usize,
        end: Result<(), Arc<str>>,
        now: Mono,
    ) {
        match (self.row(step, row), end) {
            (Some(place @ Row::UnderWay(_)), Ok(())) => *place = Row::Done(place.id()),
            (Some(Row::UnderWay(_)), Err(why)) => self.fail(step, row, &why, now),
            _ => {}
        }
        self.look(now);
    }

    /// The command of a row was overtaken by another.
    pub(super) fn overtaken(&mut self, step: usize, row: usize, now: Mono) {
        if let Some(place @ Row::UnderWay(_)) = self.row(step, row) {
            *place = Row::Overtaken(place.id(), now);
        }
    }

    /// A person told a drone of it something of their own: it is theirs from then on.
    pub(super) fn taken_over(&mut self, id: &str, what: &str, now: Mono) {
        if let Some(drone) = self.drone(id) {
            let why: Arc<str> = format!("{id} is no part of the plan any more: {what}").into();
            self.leaves(drone, &why);
            self.look(now);
        }
    }

    /// The gateway brings a drone of it down by itself.
    pub(super) fn brought_down(&mut self, id: &str, why: &str, now: Mono) {
        let Some(drone) = self
            .drone(id)
            .filter(|_| !matches!(self.state, State::Hovers(_)))
        else {
            return;
        };
        let why: Arc<str> = format!("{id} was brought down: {why}").into();
        self.is_in[drone] = false;
        self.close(drone, |id| Row::Failed(id, why.clone()));
        self.rest_after(&why, now);
        self.look(now);
    }

    /// Nobody flies it any more.
    pub(super) fn flyer_gone(&mut self) {
        if !self.state.is_over() {
            self.down_with_all(State::Ended, "its flyer is gone");
        }
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, seen: &PlanInputs, now: Mono) {
        if self.state.is_over() {
            return;
        }
        if !seen.flyer_is_there {
            return self.flyer_gone();
        }
        let held = |drone: &usize| seen.held.get(*drone).cloned().flatten();
        let mut present = (0..self.is_in.len()).filter(|drone| self.is_in[*drone]);
        if let Some(why) = present.find_map(|drone| held(&drone)) {
            return self.down_with_all(State::Ended, &why);
        }
        for drone in 0..self.is_in.len() {
            if let Some(name) = seen
                .taken_by
                .get(drone)
                .cloned()
                .flatten()
                .filter(|_| self.is_in[drone])
            {
                let id = self.plan.drones[drone].clone();
                self.taken_over(&id, &format!("{name} has control of it"), now);
            }
        }
        self.time_out(now);
        self.look(now);
    }

    /// A person wants it to stop before the next step.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn pause(&mut self) -> Result<(), &'static str> {
        if self.state != State::Running {
            return Err("only a plan that runs can be paused");
        }
        self.change(State::Paused, None);
        Ok(())
    }

    /// A person wants it to go on.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn resume(&mut self, now: Mono) -> Result<(), &'static str> {
        if !matches!(self.state, State::Paused | State::Hovers(_)) {
            return Err("only a plan that is paused, or hovers, goes on");
        }
        self.change(State::Running, None);
        self.look(now);
        Ok(())
    }

    /// It is over, for that reason; its drones land, or stay in the air with their flyer.
    pub(super) fn end(&mut self, why: &str, lands: bool) {
        if self.state.is_over() {
            return;
        }
        match lands {
            true => self.down_with_all(State::Ended, why),
            false => self.over(State::Ended, Some(why.into())),
        }
    }

    /// The drone of that id, while it is part of the plan.
    fn drone(&self, id: &str) -> Option<usize> {
        let drone = self.plan.drones.iter().position(|known| **known == *id)?;
        (self.is_in[drone] && !self.state.is_over()).then_some(drone)
    }

    fn row(&mut self, step: usize, row: usize) -> Option<&mut Row> {
        self.rows.get_mut(step)?.get_mut(row)
    }

    fn step(&self) -> Option<Step> {
        self.plan.steps.get(self.at).cloned()
    }

    /// Begins the step it is at.
    fn begin(&mut self, now: Mono) {
        let Some(step) = self.step() else { return };
        self.began = now;
        for (row, (drone, task)) in step.tasks.iter().enumerate() {
            let place = &mut self.rows[self.at][row];
            if !self.is_in[*drone] {
                *place = Row::Left;
                continue;
            }
            *place = Row::UnderWay(None);
            if let Task::Fly(command) = *task {
                let (step, drone) = (self.at, *drone);
                self.acts.push(PlanAction::Send {
                    step,
                    row,
                    drone,
                    command,
                });
            }
        }
        self.acts.push(PlanAction::Tell(None));
    }

    /// What is late, and what waited long enough.
    fn time_out(&mut self, now: Mono) {
        let Some(step) = self.step() else { return };
        for (row, (_, task)) in step.tasks.iter().enumerate() {
            let place = &mut self.rows[self.at][row];
            let lasted = now.since(self.began);
            match (&*place, *task) {
                (Row::UnderWay(_), Task::Wait(time)) if lasted >= time => *place = Row::Done(None),
                (Row::UnderWay(_), Task::Fly(_)) if lasted >= step.timeout => {
                    let why = format!("not confirmed within {} s", step.timeout.as_secs());
                    self.fail(self.at, row, &why, now);
                }
                (Row::Overtaken(_, since), _) if now.since(*since) >= EXPLAINED_WITHIN => {
                    let why = "another command came in between, or the drone was disconnected";
                    self.fail(self.at, row, why, now);
                }
                _ => {}
            }
            if self.state.is_over() {
                return;
            }
        }
        if let State::Hovers(until) = self.state
            && now >= until
        {
            let why = self.why.take().unwrap_or_default();
            self.down_with_all(
                State::Failed,
                &format!("{why}; nobody decided within {} s", HOVERS_FOR.as_secs()),
            );
        }
    }

    /// Goes on where every drone of the step has confirmed.
    fn look(&mut self, now: Mono) {
        while self.state == State::Running && !self.rows[self.at].iter().any(Row::is_open) {
            if !self.is_in.contains(&true) {
                let failed = self
                    .rows
                    .iter()
                    .flatten()
                    .any(|row| matches!(row, Row::Failed(..)));
                let state = if failed { State::Failed } else { State::Ended };
                let why = self.why.clone();
                return self.over(state, why.or_else(|| Some("no drone is left in it".into())));
            }
            if self.at + 1 == self.plan.steps.len() {
                // (Who failed on the way, or left, is told at the end as well.)
                return self.over(State::Done, self.why.clone());
            }
            self.at += 1;
            self.begin(now);
        }
    }

    /// A drone did not do what it was told.
    fn fail(&mut self, step: usize, row: usize, why: &str, now: Mono) {
        let Some((drone, task)) = self
            .plan
            .steps
            .get(step)
            .and_then(|step| step.tasks.get(row))
            .copied()
        else {
            return;
        };
        let words: Arc<str> = format!("{} failed at {task}: {why}", self.plan.drones[drone]).into();
        if let Some(place) = self.row(step, row) {
            *place = Row::Failed(place.id(), why.into());
        }
        // It is not where the plan takes it to be.
        if matches!(task, Task::Fly(command) if command.is_manoeuvre() || matches!(command, Command::Land))
        {
            self.is_in[drone] = false;
            self.bring(drone, Command::Land, &words);
        }
        self.rest_after(&words, now);
    }

    /// What becomes of the rest after a failure.
    fn rest_after(&mut self, why: &Arc<str>, now: Mono) {
        let on_failure = self.step().map_or(OnFailure::Land, |step| step.on_failure);
        match on_failure {
            _ if self.state.is_over() => {}
            OnFailure::Land => self.down_with_all(State::Failed, why),
            OnFailure::GoOn => {
                self.why = Some(why.clone());
                self.acts.push(PlanAction::Tell(Some(why.clone())));
            }
            OnFailure::Hover => {
                for drone in 0..self.is_in.len() {
                    if self.takes_off(drone) {
                        continue;
                    }
                    let moves = self.close(drone, |id| Row::Failed(id, "stopped".into()));
                    if self.is_in[drone] && moves {
                        self.bring(drone, Command::Stop, why);
                    }
                }
                if !matches!(self.state, State::Hovers(_)) {
                    self.change(State::Hovers(now.plus(HOVERS_FOR)), Some(why.clone()));
                }
            }
        }
    }

    /// Whether a drone is on its way up. (Stopped there, it may stand with its motors on.)
    fn takes_off(&self, drone: usize) -> bool {
        let tasks = self.plan.steps.get(self.at).map(|step| &step.tasks);
        let mut tasks = tasks.into_iter().flatten().zip(&self.rows[self.at]);
        tasks.any(|((of, task), row)| {
            let rises = matches!(task, Task::Fly(command) if command.takes_off());
            *of == drone && rises && row.is_open()
        })
    }

    /// A drone is no part of it any more, and nothing is sent to it.
    fn leaves(&mut self, drone: usize, why: &Arc<str>) {
        self.is_in[drone] = false;
        self.close(drone, |_| Row::Left);
        self.why = Some(why.clone());
        self.acts.push(PlanAction::Tell(Some(why.clone())));
    }

    /// What is open of a drone at this step becomes something else; whether anything was.
    fn close(&mut self, drone: usize, becomes: impl Fn(Option<CommandId>) -> Row) -> bool {
        let Some(step) = self.step() else {
            return false;
        };
        let mut any = false;
        for ((of, _), row) in step.tasks.iter().zip(&mut self.rows[self.at]) {
            if *of == drone && row.is_open() {
                (*row, any) = (becomes(row.id()), true);
            }
        }
        any
    }

    fn bring(&mut self, drone: usize, command: Command, why: &str) {
        let why = why.into();
        self.acts.push(PlanAction::Bring {
            drone,
            command,
            why,
        });
    }

    /// Every drone that is part of it lands, and it is over.
    fn down_with_all(&mut self, state: State, why: &str) {
        for drone in 0..self.is_in.len() {
            if self.is_in[drone] {
                self.bring(drone, Command::Land, why);
            }
        }
        self.over(state, Some(why.into()));
    }

    fn over(&mut self, state: State, why: Option<Arc<str>>) {
        for row in self.rows.iter_mut().flatten().filter(|row| row.is_open()) {
            *row = Row::Left;
        }
        self.change(state, why);
    }

    fn change(&mut self, state: State, why: Option<Arc<str>>) {
        (self.state, self.why) = (state, why.clone());
        self.acts.push(PlanAction::Tell(why));
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
