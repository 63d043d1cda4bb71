//! The loop closed: rules, limits and emergency stops that act on drones.
//!
//! [`causes`] decides, [`stops`] latches, [`limits`] looks; all three are pure. Here they
//! stand behind one lock, which rules and bridges reach on their own threads, and which
//! every take-off asks. [`task`] does what was decided. Nothing here waits for the store:
//! an action leaves first, and no acknowledgement, mute, cool-down or full disk holds it
//! back. Must never land anybody for a bridge that is lost unless that was asked for.

mod causes;
mod causes_view;
mod limits;
mod measured;
mod stops;
mod task;
mod words;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alerting::{Actor, RuleActs};
use readings::clock::{Mono, wall_now};
use readings::command::CommandId;
use tokio::sync::Notify;

use causes::{ALL, Causes, Demand, Drones, Origin, bit};
use limits::DroneLimits;
use stops::{StopChange, Stops};

use crate::config::{self, Bridge, MAX_DRONES, OnBridgeLost, OnEmergencyStop};
use crate::sources::bridge::StopInputs;
use crate::sources::vehicles::TakeoffHold;
use crate::state_file::StateFile;

pub(crate) use causes_view::{Announced, LatchedStop};
pub(crate) use stops::StopError;
pub(crate) use task::SafetyTask;

/// Name of the file that keeps latched emergency stops.
const FILE: &str = "emergency_stop.json";

/// What makes the gateway act; clones share it.
#[derive(Clone)]
pub(crate) struct Safety(Arc<SafetyState>);

struct SafetyState {
    /// Ids of the drones, in order of configuration.
    ids: Box<[Arc<str>]>,
    table: Mutex<Table>,
    /// Wakes the task: something has begun or ended.
    wake: Notify,
    /// Wakes whoever keeps the latches.
    latched: Notify,
    file: StateFile,
    /// Whether the medium has refused what the file is to hold.
    unkept: AtomicBool,
    counts: Counts,
}

struct Table {
    causes: Box<Causes>,
    stops: Stops,
    limits: Box<[DroneLimits]>,
    /// Under which id each drone's landing is announced.
    announced: Box<[Option<CommandId>]>,
}

/// Counts since the start.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    announced: AtomicU64,
    vetoed: AtomicU64,
    not_taken: AtomicU64,
}

impl Safety {
    /// For the configured drones; latches are those of the last run, from the state
    /// directory `dir`.
    #[must_use]
    pub(crate) fn open(drones: &config::Drones, dir: &Path) -> Safety {
        Safety::kept_in(drones, StateFile::at(dir, FILE))
    }

    /// The same, with the latches in `file`.
    pub(crate) fn kept_in(drones: &config::Drones, file: StateFile) -> Safety {
        let configured = || drones.drone.iter().take(MAX_DRONES);
        let hovers =
            |drone: &config::Drone| drone.down.unwrap_or(drones.down) == config::Down::Hover;
        let hover = configured()
            .enumerate()
            .filter(|(_, drone)| hovers(drone))
            .fold(0, |all, (index, _)| all | bit(index));
        let table = Table {
            causes: Causes::new(hover),
            stops: Stops::restored(file.read()),
            limits: configured()
                .map(|drone| DroneLimits::new(drones.limits_of(drone)))
                .collect(),
            announced: configured().map(|_| None).collect(),
        };
        Safety(Arc::new(SafetyState {
            ids: configured().map(|drone| drone.id.as_str().into()).collect(),
            table: Mutex::new(table),
            wake: Notify::new(),
            latched: Notify::new(),
            file,
            unkept: AtomicBool::new(false),
            counts: Counts::default(),
        }))
    }

    /// A person resets the emergency stops; which bridges' that was.
    ///
    /// # Errors
    /// [`StopError`]; then nothing is reset.
    pub(crate) fn reset(&self) -> Result<Vec<Arc<str>>, StopError> {
        let reset = self.table().stops.reset();
        self.0.latched.notify_one();
        reset
    }

    /// An admin lets drones take off without a bridge that is lost, or gone.
    ///
    /// # Errors
    /// [`StopError`].
    pub(crate) fn override_lost(&self, bridge: &str) -> Result<(), StopError> {
        let done = self.table().stops.override_lost(bridge);
        self.0.latched.notify_one();
        done
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.0.ids.iter().position(|known| **known == *id)
    }

    /// The drones of these ids; none of them for an id that there is not.
    fn drones(&self, ids: impl Iterator<Item = impl AsRef<str>>) -> Drones {
        ids.filter_map(|id| self.index(id.as_ref()))
            .fold(0, |all, index| all | bit(index))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Valid after every statement: and a panic elsewhere must not keep drones up.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Actor for Safety {
    fn rule_acts(&self, acts: RuleActs<'_>) {
        let named = acts
            .rule
            .action
            .as_ref()
            .map_or(&[][..], |action| &action.drones);
        let named = self.drones(named.iter());
        let own = self.index(acts.source).map_or(0, bit);
        let origin = Origin::Rule {
            rule: acts.rule.clone(),
            source: acts.source.clone(),
            value: acts.value,
        };
        self.table().causes.rule(origin, named, own, acts.stands);
        self.0.wake.notify_one();
    }
}

impl StopInputs for Safety {
    fn bridges(&self, bridges: &[Bridge]) {
        let named = |ids: &[String]| match ids {
            [] => ALL,
            ids => self.drones(ids.iter()),
        };
        let mut table = self.table();
        let Table { causes, stops, .. } = &mut *table;
        let before: Vec<Arc<str>> = stops.all().map(|stop| stop.bridge.clone()).collect();
        stops.configure(bridges, named);
        for bridge in before {
            // Of another board, or of none, nothing stands that this one said.
            if stops.of(&bridge).is_none_or(|stop| stop.engaged.is_none()) {
                causes.end(&Origin::Stop(bridge.clone()));
                causes.end(&Origin::Lost(bridge));
            }
        }
        drop(table);
        self.0.latched.notify_one();
    }

    fn stop_input(&self, bridge: &str, engaged: Option<bool>) {
        let wall_us = wall_now().as_microsecond();
        let mut table = self.table();
        let Some(change) = table.stops.input(bridge, engaged, wall_us) else {
            return;
        };
        let Table { causes, stops, .. } = &mut *table;
        let Some(stop) = stops.of(bridge) else { return };
        let (pressed, lost) = (
            Origin::Stop(stop.bridge.clone()),
            Origin::Lost(stop.bridge.clone()),
        );
        if change != StopChange::Lost {
            causes.end(&lost);
        }
        match change {
            StopChange::Pressed => match stop.on_stop() {
                OnEmergencyStop::Land => causes.press(pressed, Demand::Land, true, stop.drones),
                OnEmergencyStop::Emergency => {
                    causes.press(pressed, Demand::Emergency, true, stop.drones);
                }
                OnEmergencyStop::Nothing => {}
            },
            StopChange::Released | StopChange::Back => causes.end(&pressed),
            StopChange::Lost if stop.exists && stop.on_lost() == OnBridgeLost::Land => {
                causes.press(lost, Demand::Land, false, stop.drones);
            }
            // What it said last still holds: nobody has released it.
            StopChange::Lost => {}
        }
        drop(table);
        self.0.wake.notify_one();
        self.0.latched.notify_one();
    }
}

impl TakeoffHold for Safety {
    fn why_not(&self, id: &str) -> Option<Arc<str>> {
        let drone = self.index(id)?;
        let table = self.table();
        if let Some(why) = table.stops.why_not(bit(drone)) {
            return Some(why.into());
        }
        let origin = table.causes.holds(drone).next()?;
        Some(words::cause(origin, None).into())
    }

    fn stopped(&self, id: &str) -> Option<Arc<str>> {
        let drone = self.index(id)?;
        self.table().stops.engaged(bit(drone)).map(Into::into)
    }
}

/// Seconds until `due`.
fn left_s(due: Mono) -> f64 {
    due.since(Mono::now()).as_secs_f64()
}

#[cfg(test)]
mod tests;
