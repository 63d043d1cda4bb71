//! A plan as people and programs see it: judged, under way, or over.

use readings::command::CommandId;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Plan;
use super::forecast::{Forecast, Then};
use super::run::{Row, Run};

/// A flight plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// Its id; null of one that was only judged.
    plan_id: Option<String>,
    /// Its name.
    name: String,
    /// `fit` or `refused` when it was judged; `running`, `paused` or `hovers` (a drone
    /// failed: a person decides within 30 s); at last `done`, `failed` or `ended`.
    state: &'static str,
    /// Why it is so.
    why: Option<String>,
    /// The name of the key that started it.
    by: Option<String>,
    /// When it was started, RFC 3339.
    started_at: Option<String>,
    /// When it was over, RFC 3339.
    ended_at: Option<String>,
    /// The step that it is at, counted from one; null of one that was only judged.
    step: Option<usize>,
    /// Seconds that it lasts, roughly and at most; null once it was started.
    lasts_s: Option<u64>,
    /// Drones that are in the air after its last step; null once it was started.
    aloft: Option<Vec<String>>,
    /// How many steps it has.
    of: usize,
    /// Ids of its drones.
    drones: Vec<String>,
    /// Those of them that are no part of it any more: they failed, were brought down, or
    /// somebody flies them otherwise.
    left: Vec<String>,
    /// What its drones do in the step that it is at; none of one that was only judged.
    doing: Vec<TaskView>,
    /// Its steps in order; none of them in the list of plans.
    steps: Vec<StepView>,
}

/// A step: over when every drone in it has confirmed.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct StepView {
    /// Seconds until a drone that has not confirmed has failed.
    timeout_s: u64,
    /// What happens to the rest when a drone fails: `land`, `hover` or `go_on`.
    on_failure: &'static str,
    /// What each drone in it does.
    drones: Vec<TaskView>,
}

/// What a drone does in a step.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct TaskView {
    /// Id of the drone.
    drone_id: String,
    /// The command, as the SDK writes it.
    command: String,
    /// Its id in /api/commands, once it was given.
    #[schema(value_type = Option<String>)]
    command_id: Option<CommandId>,
    /// `fit` or `refused` when it was judged; `waits`, `under_way`, `done`, `failed`, or
    /// `left`: its drone was no part of the plan any more.
    state: &'static str,
    /// Why it was refused or failed.
    why: Option<String>,
    /// How the drone is after the step, as it was judged; null once the plan was started.
    then: Option<ThenView>,
}

/// A drone after a step, as a plan was judged.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ThenView {
    /// Height over the take-off point in cm, at most.
    height_cm: Option<i32>,
    /// Way from where the plan begins in cm, forward as it looks there; null after a way
    /// over a mission pad.
    forward_cm: Option<i32>,
    /// The same to the left.
    left_cm: Option<i32>,
    /// Degrees clockwise from where it looks at the start.
    heading_deg: i32,
    /// Battery in percent, at least.
    battery_pct: Option<u8>,
}

impl From<&Then> for ThenView {
    fn from(then: &Then) -> ThenView {
        ThenView {
            height_cm: then.height_cm,
            forward_cm: then.place_cm.map(|[forward, _]| forward),
            left_cm: then.place_cm.map(|[_, left]| left),
            heading_deg: then.heading_deg,
            battery_pct: then.battery_pct,
        }
    }
}

impl PlanView {
    fn new(
        plan: &Plan,
        state: &'static str,
        task: impl Fn(usize, usize, &mut TaskView),
    ) -> PlanView {
        let steps = plan.steps.iter().enumerate().map(|(at, step)| {
            let tasks = step.tasks.iter().enumerate().map(|(row, (drone, what))| {
                let mut view = TaskView {
                    drone_id: plan.drones[*drone].to_string(),
                    command: what.to_string(),
                    command_id: None,
                    state: "fit",
                    why: None,
                    then: None,
                };
                task(at, row, &mut view);
                view
            });
            StepView {
                timeout_s: step.timeout.as_secs(),
                on_failure: step.on_failure.name(),
                drones: tasks.collect(),
            }
        });
        PlanView {
            plan_id: None,
            name: plan.name.to_string(),
            state,
            why: None,
            by: None,
            started_at: None,
            ended_at: None,
            step: None,
            lasts_s: None,
            aloft: None,
            of: plan.steps.len(),
            drones: plan.drones.iter().map(ToString::to_string).collect(),
            left: Vec::new(),
            doing: Vec::new(),
            steps: steps.collect(),
        }
    }

    /// One that was judged.
    pub(super) fn judged(plan: &Plan, forecast: &Forecast) -> PlanView {
        let refused = forecast.refused();
        let state = if refused.is_some() { "refused" } else { "fit" };
        let mut view = PlanView::new(plan, state, |step, row, view| {
            let Some(then) = forecast.steps.get(step).and_then(|rows| rows.get(row)) else {
                return;
            };
            if then.why.is_some() {
                view.state = "refused";
            }
            (view.why, view.then) = (then.why.clone(), Some(then.into()));
        });
        view.why = refused.map(|(step, row, why)| {
            let (drone, task) = plan.steps[step].tasks[row];
            format!("step {}, {}, {task}: {why}", step + 1, plan.drones[drone])
        });
        view.lasts_s = Some(forecast.lasts.as_secs_f64().ceil() as u64);
        let aloft = forecast
            .aloft
            .iter()
            .map(|drone| plan.drones[*drone].to_string());
        view.aloft = Some(aloft.collect());
        view
    }

    /// One that was started.
    pub(super) fn started(run: &Run, id: &str, by: &str, times: [Option<String>; 2]) -> PlanView {
        let [started_at, ended_at] = times;
        let mut view = PlanView::new(&run.plan, run.state.name(), |step, row, view| {
            match &run.rows[step][row] {
                Row::Waits => view.state = "waits",
                Row::UnderWay(id) | Row::Overtaken(id, _) => {
                    (view.state, view.command_id) = ("under_way", *id);
                }
                Row::Done(id) => (view.state, view.command_id) = ("done", *id),
                Row::Failed(id, why) => {
                    (view.state, view.command_id) = ("failed", *id);
                    view.why = Some(why.to_string());
                }
                Row::Left => view.state = "left",
            }
        });
        view.plan_id = Some(id.to_owned());
        view.by = Some(by.to_owned());
        view.why = run.why.as_deref().map(str::to_owned);
        (view.started_at, view.ended_at) = (started_at, ended_at);
        view.step = Some(run.at + 1);
        view.left = run.left().map(str::to_owned).collect();
        view.doing = view
            .steps
            .get(run.at)
            .map_or(Vec::new(), |step| step.drones.clone());
        view
    }

    /// Without its steps.
    pub(super) fn in_short(mut self) -> PlanView {
        self.steps = Vec::new();
        self
    }

    /// Whether a start would be refused, and why.
    pub(crate) fn refusal(&self) -> Option<&str> {
        (self.state == "refused").then(|| self.why.as_deref().unwrap_or_default())
    }
}
