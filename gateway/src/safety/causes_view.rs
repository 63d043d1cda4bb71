//! What may be known from outside: latched stops, announced landings, and their veto.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use alerting::Alerts;
use readings::clock::wall_now;
use readings::command::{CommandId, CommandState};
use readings::event::EventLog;

use super::stops::EmergencyStop;
use super::{Safety, left_s, task, words};
use crate::config::{OnBridgeLost, OnEmergencyStop};

/// An emergency stop at one instant.
#[derive(Clone, Debug)]
pub(crate) struct LatchedStop {
    /// Name of its bridge.
    pub(crate) bridge: String,
    /// Whether that is configured.
    pub(crate) configured: bool,
    /// None while it is not known.
    pub(crate) engaged: Option<bool>,
    /// Since when it is latched, microseconds since 1970.
    pub(crate) latched_us: Option<i64>,
    /// Whether an admin has overridden the loss of its bridge.
    pub(crate) overridden: bool,
    /// What it does to drones in the air.
    pub(crate) on_emergency_stop: OnEmergencyStop,
    /// What happens while its bridge is lost.
    pub(crate) on_lost: OnBridgeLost,
    /// The drones that it is for; none: all.
    pub(crate) drones: Vec<String>,
    /// Why those may not take off.
    pub(crate) refuses: Option<String>,
}

/// A landing of which the flyer of a drone is warned.
#[derive(Clone, Debug)]
pub(crate) struct Announced {
    /// The id of the command that it will be.
    pub(crate) id: Option<CommandId>,
    /// Why.
    pub(crate) why: String,
    /// Seconds until it is sent.
    pub(crate) in_s: f64,
}

impl From<&EmergencyStop> for LatchedStop {
    fn from(stop: &EmergencyStop) -> LatchedStop {
        let config = stop.config.as_ref();
        LatchedStop {
            bridge: stop.bridge.to_string(),
            configured: config.is_some(),
            engaged: stop.engaged,
            latched_us: stop.latched_us,
            overridden: stop.overridden,
            on_emergency_stop: stop.on_stop(),
            on_lost: stop.on_lost(),
            drones: config
                .map(|config| config.drones.clone())
                .unwrap_or_default(),
            refuses: stop.why_not(),
        }
    }
}

impl Safety {
    /// Every emergency stop that is known to be there.
    #[must_use]
    pub(crate) fn stops(&self) -> Vec<LatchedStop> {
        self.table().stops.all().map(LatchedStop::from).collect()
    }

    /// Whether latches are on the medium, as far as was tried.
    #[must_use]
    pub(crate) fn is_kept(&self) -> bool {
        !self.0.unkept.load(Relaxed)
    }

    /// The landing that is announced to the flyer of a drone.
    #[must_use]
    pub(crate) fn announced(&self, id: &str) -> Option<Announced> {
        let drone = self.index(id)?;
        let table = self.table();
        let (origin, due) = table.causes.announced(drone)?;
        Some(Announced {
            id: table.announced[drone],
            why: words::cause(origin, Some(&table.limits[drone].limits)),
            in_s: left_s(*due),
        })
    }

    /// The flyer vetoes the landing that is announced; what it was for, if one was.
    pub(crate) fn veto(
        &self,
        id: &str,
        by: &Arc<str>,
        events: &EventLog,
        alerts: &Alerts,
    ) -> Option<String> {
        let drone = self.index(id)?;
        let mut table = self.table();
        let origin = table.causes.veto(drone)?;
        let why = words::cause(&origin, Some(&table.limits[drone].limits));
        let announced = table.announced[drone].take();
        drop(table);
        if let Some(command_id) = announced {
            let words = format!("vetoed by {by}: {why}");
            let event = task::landing(id.into(), command_id, CommandState::Refused, words);
            events.publish(event, wall_now());
        }
        alerts.clear(task::ANNOUNCED, id);
        self.0.counts.vetoed.fetch_add(1, Relaxed);
        Some(why)
    }
}
