//! A flight plan as people write it, read into what is flown: JSON in, typed commands out.
//!
//! The commands and their values are those of the SDK's table ([`tello::catalog`]), so that
//! a new entry there can stand in a plan without a line here. Strict: what it does not know
//! is a fault, because a misspelled time-out that is passed over is none. Pure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tello::catalog::{Effect, Kind, entry};
use tello::command::{Command, Direction, Extension};
use tello::path;

use crate::config::Drones;

/// Most steps of a plan: at a second each more than any battery lasts.
pub(crate) const MAX_STEPS: usize = 200;
/// Most commands of a plan, each drone of a step counted: ten drones in every step. A plan
/// is held, and answered, whole.
const MAX_TASKS: usize = 2_000;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Seconds that a step may take, and without a word of the plan.
pub(super) const TIMEOUTS_S: (u64, u64) = (1, 600);
const TIMEOUT_S: u64 = 120;
/// Seconds of one `wait`.
pub(super) const WAITS_S: (u64, u64) = (1, 120);

/// What happens to the rest of a plan when a drone fails at a step. The drone that failed
/// at a manoeuvre lands in any case: it is not where the plan takes it to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// Every drone of the plan lands, and the plan is over.
    #[default]
    Land,
    /// They hover until a person resumes or ends the plan; nobody does: they land.
    Hover,
    /// The others go on.
    GoOn,
}

impl OnFailure {
    pub(super) const ALL: [OnFailure; 3] = [OnFailure::Land, OnFailure::Hover, OnFailure::GoOn];

    pub(super) const fn name(self) -> &'static str {
        match self {
            OnFailure::Land => "land",
            OnFailure::Hover => "hover",
            OnFailure::GoOn => "go_on",
        }
    }
}

/// What one drone does in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Task {
    /// This.
    Fly(Command),
    /// It stays as it is for so long.
    Wait(Duration),
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Task::Fly(command) => command.fmt(f),
            Task::Wait(time) => write!(f, "wait {}", time.as_secs()),
        }
    }
}

/// One step: it is over when every drone in it has confirmed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Drones, by their place in the plan's list, each once; and what each does.
    pub(super) tasks: Vec<(usize, Task)>,
    pub(super) timeout: Duration,
    pub(super) on_failure: OnFailure,
}

/// A plan that can be judged and flown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(super) name: Arc<str>,
    /// Ids of its drones, in the order in which they first appear.
    pub(super) drones: Vec<Arc<str>>,
    pub(super) steps: Vec<Step>,
}

/// What is wrong with a plan: where, as `steps[2].distance`, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) at: String,
    pub(crate) why: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.why)
    }
}

impl Plan {
    /// Ids of its drones.
    pub(crate) fn drones(&self) -> &[Arc<str>] {
        &self.drones
    }

    /// Reads a plan for the drones and groups that are configured.
    ///
    /// # Errors
    /// The first fault of each step, or of what is around them.
    pub(crate) fn read(plan: &Map<String, Value>, drones: &Drones) -> Result<Plan, Vec<Fault>> {
        let alone = |at: &str, why: String| {
            let at = at.to_owned();
            vec![Fault { at, why }]
        };
        let mut known = plan
            .keys()
            .filter(|key| !["$schema", "name", "steps"].contains(&key.as_str()));
        if let Some(key) = known.next() {
            return Err(alone(key, "a plan has a name and steps".to_owned()));
        }
        let name = plan.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(alone(
                "name",
                format!("must be a text of 1 to {MAX_NAME_BYTES} bytes"),
            ));
        }
        let steps = plan.get("steps").and_then(Value::as_array);
        let Some(steps) = steps.filter(|steps| (1..=MAX_STEPS).contains(&steps.len())) else {
            return Err(alone(
                "steps",
                format!("must be a list of 1 to {MAX_STEPS} steps"),
            ));
        };
        let mut reader = Reader {
            config: drones,
            drones: Vec::new(),
        };
        let (mut read, mut faults) = (Vec::new(), Vec::new());
        for (index, step) in steps.iter().enumerate() {
            match reader.step(step) {
                Ok(step) => read.push(step),
                Err((key, why)) => {
                    let dot = if key.is_empty() { "" } else { "." };
                    let at = format!("steps[{index}]{dot}{key}");
                    faults.push(Fault { at, why });
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let tasks: usize = read.iter().map(|step: &Step| step.tasks.len()).sum();
        if tasks > MAX_TASKS {
            let why =
                format!("have {tasks} commands, each drone counted, and {MAX_TASKS} are the most");
            return Err(alone("steps", why));
        }
        Ok(Plan {
            name: name.into(),
            drones: reader.drones,
            steps: read,
        })
    }
}

/// The key at fault, and why.
type Wrong = (String, String);

fn wrong<T>(key: impl Into<String>, why: impl Into<String>) -> Result<T, Wrong> {
    Err((key.into(), why.into()))
}

struct Reader<'a> {
    config: &'a Drones,
    drones: Vec<Arc<str>>,
}

impl Reader<'_> {
    fn step(&mut self, step: &Value) -> Result<Step, Wrong> {
        let Some(step) = step.as_object() else {
            return wrong("", "must be an object");
        };
        let mut given = Members::of(step);
        let timeout_s = given.number("timeout_s", TIMEOUTS_S)?.unwrap_or(TIMEOUT_S);
        let on_failure = match given.text("on_failure")? {
            None => OnFailure::default(),
            Some(name) => {
                let mut all = OnFailure::ALL.into_iter();
                match all.find(|one| one.name() == name) {
                    Some(one) => one,
                    None => return wrong("on_failure", "must be land, hover or go_on"),
                }
            }
        };
        let mut tasks = Vec::new();
        match given.take("together") {
            None => self.order(&mut given, &mut tasks)?,
            Some(Value::Array(orders)) if !orders.is_empty() => {
                for (index, order) in orders.iter().enumerate() {
                    let at = |(key, why): Wrong| (format!("together[{index}].{key}"), why);
                    let Some(order) = order.as_object() else {
                        return wrong(format!("together[{index}]"), "must be an object");
                    };
                    let mut order = Members::of(order);
                    self.order(&mut order, &mut tasks).map_err(at)?;
                    order.all_known().map_err(at)?;
                }
            }
            Some(_) => {
                return wrong(
                    "together",
                    "must be a list of commands, each with its drones",
                );
            }
        }
        given.all_known()?;
        Ok(Step {
            tasks,
            timeout: Duration::from_secs(timeout_s),
            on_failure,
        })
    }

    /// A command and the drones that it is for.
    fn order(
        &mut self,
        given: &mut Members<'_>,
        tasks: &mut Vec<(usize, Task)>,
    ) -> Result<(), Wrong> {
        let ids: Vec<&str> = match (given.take("drones"), given.text("group")?) {
            (Some(Value::Array(ids)), None) if !ids.is_empty() => ids
                .iter()
                .map(|id| id.as_str().unwrap_or_default())
                .collect(),
            (None, Some(wanted)) => {
                let mut groups = self.config.group.iter();
                match groups.find(|group| group.id == wanted) {
                    Some(group) => group.drones.iter().map(String::as_str).collect(),
                    None => {
                        return wrong(
                            "group",
                            format!("there is no group {wanted:?}: see [[drones.group]]"),
                        );
                    }
                }
            }
            _ => return wrong("drones", "name either drones, as a list of ids, or a group"),
        };
        let task = task(given)?;
        for id in ids {
            if !self.config.drone.iter().any(|drone| drone.id == id) {
                return wrong(
                    "drones",
                    format!("there is no drone {id:?}: see [[drones.drone]]"),
                );
            }
            let known = self.drones.iter().position(|known| **known == *id);
            let drone = known.unwrap_or_else(|| {
                self.drones.push(id.into());
                self.drones.len() - 1
            });
            if tasks.iter().any(|(other, _)| *other == drone) {
                return wrong("drones", format!("{id} is named twice in one step"));
            }
            tasks.push((drone, task));
        }
        Ok(())
    }
}

/// What the members beside the drones stand for.
fn task(given: &mut Members<'_>) -> Result<Task, Wrong> {
    let Some(word) = given.text("command")? else {
        return wrong("command", "is missing");
    };
    let command = match word {
        "takeoff" => Command::Takeoff,
        "land" => Command::Land,
        "stop" => Command::Stop,
        "wait" => {
            let seconds = given.needed("seconds", WAITS_S)?;
            return Ok(Task::Wait(Duration::from_secs(seconds)));
        }
        "move" => {
            let word = given.text("direction")?.unwrap_or_default();
            let mut all = Direction::ALL.into_iter();
            let Some(direction) = all.find(|direction| direction.word() == word) else {
                return wrong(
                    "direction",
                    "must be up, down, left, right, forward or back",
                );
            };
            let distance_cm = given.needed("distance", (20, 500))? as u16;
            Command::Move {
                direction,
                distance_cm,
            }
        }
        "rotate" => {
            let clockwise = match given.text("direction")? {
                Some("clockwise") => true,
                Some("counter_clockwise") => false,
                _ => return wrong("direction", "must be clockwise or counter_clockwise"),
            };
            let angle_deg = given.needed("angle", (1, 360))? as u16;
            Command::Rotate {
                clockwise,
                angle_deg,
            }
        }
        "ext" => {
            let text = given.text("text")?.unwrap_or_default();
            match Extension::new(text) {
                Some(extension) => Command::Extension(extension),
                None => return wrong("text", "is nothing that can stand behind EXT"),
            }
        }
        word => return listed(word, given).map(Task::Fly),
    };
    Ok(Task::Fly(command))
}

/// A command of the SDK's table.
fn listed(word: &str, given: &mut Members<'_>) -> Result<Command, Wrong> {
    let Some(entry) = entry(word).filter(|entry| entry.effect != Effect::Restarts) else {
        return wrong("command", format!("{word:?} is no command of a plan"));
    };
    let mut values = Vec::with_capacity(entry.parameters.len());
    for parameter in entry.parameters {
        let value = match given.take(parameter.name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let read = match (parameter.kind, value) {
                    (Kind::Choice(_), Value::String(name)) => parameter.kind.of_name(name),
                    (Kind::Choice(_), _) => None,
                    (_, value) => value.as_i64().and_then(|value| value.try_into().ok()),
                };
                if read.is_none() {
                    return wrong(parameter.name, format!("must be {}", parameter.kind));
                }
                read
            }
        };
        values.push((parameter.name, value));
    }
    let of = |wanted: &tello::catalog::Parameter| {
        let found = values.iter().find(|(name, _)| *name == wanted.name);
        found.and_then(|(_, value)| *value)
    };
    let listed = match entry.with(of) {
        Ok(listed) => listed,
        Err(parameter) => return wrong(parameter.name, format!("must be {}", parameter.kind)),
    };
    match path::way(&listed) {
        Ok(_) => Ok(Command::Listed(listed)),
        Err(error) => wrong("command", error.to_string()),
    }
}

/// The members of an object that were not looked at yet.
struct Members<'a> {
    members: Vec<(&'a str, &'a Value)>,
}

impl<'a> Members<'a> {
    fn of(object: &'a Map<String, Value>) -> Members<'a> {
        let members = object.iter().map(|(key, value)| (key.as_str(), value));
        Members {
            members: members.collect(),
        }
    }

    fn take(&mut self, key: &str) -> Option<&'a Value> {
        let at = self.members.iter().position(|(known, _)| *known == key)?;
        Some(self.members.swap_remove(at).1)
    }

    fn text(&mut self, key: &str) -> Result<Option<&'a str>, Wrong> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => wrong(key, "must be a text"),
        }
    }

    fn number(&mut self, key: &str, (least, most): (u64, u64)) -> Result<Option<u64>, Wrong> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => match value
                .as_u64()
                .filter(|value| (least..=most).contains(value))
            {
                Some(value) => Ok(Some(value)),
                None => wrong(
                    key,
                    format!("must be a whole number from {least} to {most}"),
                ),
            },
        }
    }

    fn needed(&mut self, key: &str, range: (u64, u64)) -> Result<u64, Wrong> {
        match self.number(key, range)? {
            Some(value) => Ok(value),
            None => wrong(
                key,
                format!("must be a whole number from {} to {}", range.0, range.1),
            ),
        }
    }

    fn all_known(&self) -> Result<(), Wrong> {
        match self.members.first() {
            None => Ok(()),
            Some((key, _)) => wrong(*key, "is not known here"),
        }
    }
}
