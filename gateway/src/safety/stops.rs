//! Emergency stops: what each bridge's says, and what it leaves behind.
//!
//! Pure. An emergency stop latches: once engaged, no drone that it is for takes off until
//! it is released and a person has reset it, over every restart. While a bridge with one
//! is lost nobody could stop a drone, so none takes off either; an admin may override
//! that, and a latch of a bridge that is gone, with a reason.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::causes::{ALL, Drones};
use crate::config::{Bridge, MAX_BRIDGES, OnBridgeLost, OnEmergencyStop};

/// Most that are kept: those of the configuration, and latches of three times as many
/// that were taken out of it. The oldest of more goes.
const MAX_STOPS: usize = 4 * MAX_BRIDGES;

/// The emergency stop of one bridge.
#[derive(Clone, Debug)]
pub(super) struct EmergencyStop {
    pub(super) bridge: Arc<str>,
    /// None of a bridge that is no longer configured.
    pub(super) config: Option<Bridge>,
    /// The drones that it is for.
    pub(super) drones: Drones,
    /// Whether the bridge is known to have one.
    pub(super) exists: bool,
    /// None while it is not known: the bridge is lost, or was not met yet.
    pub(super) engaged: Option<bool>,
    /// Since when it is latched, microseconds since 1970.
    pub(super) latched_us: Option<i64>,
    /// Whether an admin has let drones take off although its bridge is lost.
    pub(super) overridden: bool,
}

/// As it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredStop {
    bridge: String,
    latched_us: Option<i64>,
    overridden: bool,
}

/// What a bridge has newly said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopChange {
    Pressed,
    Released,
    Lost,
    Back,
}

/// Why a latch stays.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum StopError {
    /// It is engaged.
    #[error("the emergency stop of bridge {0} is still engaged: release it first")]
    Engaged(Arc<str>),
    /// Its bridge does not say.
    #[error(
        "the emergency stop of bridge {0} is latched and the bridge is lost, so that nobody knows \
         whether it is released: bring it back, or have an admin override it with a reason"
    )]
    Unknown(Arc<str>),
    /// There is none.
    #[error("there is no emergency stop of a bridge {0}")]
    NoSuch(String),
    /// It can be reset as usual.
    #[error("bridge {0} is there: release its emergency stop, and reset it")]
    NotLost(Arc<str>),
}

impl EmergencyStop {
    fn new(bridge: &str) -> EmergencyStop {
        EmergencyStop {
            bridge: bridge.into(),
            config: None,
            drones: ALL,
            exists: false,
            engaged: None,
            latched_us: None,
            overridden: false,
        }
    }

    /// What it does to drones in the air.
    pub(super) fn on_stop(&self) -> OnEmergencyStop {
        let config = self.config.as_ref();
        config
            .and_then(|config| config.on_emergency_stop)
            .unwrap_or_default()
    }

    /// What happens while its bridge is lost.
    pub(super) fn on_lost(&self) -> OnBridgeLost {
        let config = self.config.as_ref();
        config.and_then(|config| config.on_lost).unwrap_or_default()
    }

    /// Whether drones stay on the ground because its bridge is lost.
    fn is_missed(&self) -> bool {
        self.exists
            && self.config.is_some()
            && self.engaged.is_none()
            && !self.overridden
            && self.on_lost() != OnBridgeLost::Nothing
    }

    /// Why its drones may not take off.
    pub(super) fn why_not(&self) -> Option<String> {
        let bridge = &self.bridge;
        if self.latched_us.is_none() {
            return self.is_missed().then(|| {
                format!(
                    "bridge {bridge}, which has an emergency stop, is lost: bring it back, or have an \
                     admin override it with a reason"
                )
            });
        }
        Some(match self.engaged {
            Some(true) => format!(
                "the emergency stop of bridge {bridge} is engaged: release it, then reset it"
            ),
            Some(false) => format!(
                "the emergency stop of bridge {bridge} was engaged, and nobody has reset it since"
            ),
            None => StopError::Unknown(bridge.clone()).to_string(),
        })
    }
}

/// Every emergency stop.
#[derive(Debug, Default)]
pub(super) struct Stops {
    stops: Vec<EmergencyStop>,
    /// Whether what is kept has changed since it was asked last.
    changed: bool,
}

impl Stops {
    /// Those of the last run.
    pub(super) fn restored(kept: Vec<StoredStop>) -> Stops {
        let stop = |kept: StoredStop| EmergencyStop {
            latched_us: kept.latched_us,
            overridden: kept.overridden,
            exists: true,
            ..EmergencyStop::new(&kept.bridge)
        };
        Stops {
            stops: kept.into_iter().take(MAX_STOPS).map(stop).collect(),
            changed: false,
        }
    }

    /// The bridges that are configured; `drones` finds those that one names.
    pub(super) fn configure(&mut self, bridges: &[Bridge], drones: impl Fn(&[String]) -> Drones) {
        for stop in &mut self.stops {
            let wanted = bridges
                .iter()
                .find(|one| *one.name == *stop.bridge && one.enabled);
            if stop.config.as_ref() != wanted {
                // Another board, perhaps: nothing is known of it yet.
                (stop.config, stop.engaged) = (None, None);
            }
        }
        self.stops.retain(|stop| {
            stop.config.is_some()
                || stop.latched_us.is_some()
                || bridges.iter().any(|one| *one.name == *stop.bridge)
        });
        for config in bridges.iter().filter(|one| one.enabled) {
            let stop = self.entry(&config.name);
            stop.exists |= config.names_emergency_stop();
            stop.drones = drones(&config.drones);
            stop.config = Some(config.clone());
        }
        self.changed = true;
    }

    /// What the bridge says of its stop; none: it is lost.
    pub(super) fn input(
        &mut self,
        bridge: &str,
        engaged: Option<bool>,
        wall_us: i64,
    ) -> Option<StopChange> {
        let stop = self.stops.iter_mut().find(|stop| *stop.bridge == *bridge)?;
        let before = std::mem::replace(&mut stop.engaged, engaged);
        let kept = (stop.latched_us, stop.overridden, stop.exists);
        let change = match (before, engaged) {
            (before, now) if before == now => None,
            (_, Some(true)) => {
                stop.exists = true;
                stop.latched_us.get_or_insert(wall_us);
                Some(StopChange::Pressed)
            }
            (Some(true), Some(false)) => Some(StopChange::Released),
            (_, Some(false)) => Some(StopChange::Back),
            (_, None) => Some(StopChange::Lost),
        };
        // Who is back is missed again when it goes.
        stop.overridden &= engaged.is_none();
        self.changed |= kept != (stop.latched_us, stop.overridden, stop.exists);
        change
    }

    /// A person resets what is latched; which bridges that was.
    ///
    /// # Errors
    /// [`StopError`]; then nothing is reset.
    pub(super) fn reset(&mut self) -> Result<Vec<Arc<str>>, StopError> {
        let latched = || self.stops.iter().filter(|stop| stop.latched_us.is_some());
        for stop in latched() {
            match stop.engaged {
                Some(false) => {}
                Some(true) => return Err(StopError::Engaged(stop.bridge.clone())),
                None => return Err(StopError::Unknown(stop.bridge.clone())),
            }
        }
        let reset: Vec<Arc<str>> = latched().map(|stop| stop.bridge.clone()).collect();
        for stop in &mut self.stops {
            stop.latched_us = None;
        }
        self.changed |= !reset.is_empty();
        Ok(reset)
    }

    /// An admin lets drones take off without a bridge that is lost, or gone.
    ///
    /// # Errors
    /// [`StopError`].
    pub(super) fn override_lost(&mut self, bridge: &str) -> Result<(), StopError> {
        let known = self.stops.iter().position(|stop| *stop.bridge == *bridge);
        let place = known.ok_or_else(|| StopError::NoSuch(bridge.to_owned()))?;
        let stop = &mut self.stops[place];
        if stop.engaged.is_some() {
            return Err(StopError::NotLost(stop.bridge.clone()));
        }
        (stop.latched_us, stop.overridden) = (None, true);
        if stop.config.is_none() {
            self.stops.remove(place);
        }
        self.changed = true;
        Ok(())
    }

    /// Why the drone of that bit may not take off.
    pub(super) fn why_not(&self, drone: Drones) -> Option<String> {
        let mut of_drone = self.stops.iter().filter(|stop| stop.drones & drone != 0);
        of_drone.find_map(EmergencyStop::why_not)
    }

    /// Why nobody flies the drone of that bit on: one that acts on drones in the air is
    /// engaged.
    pub(super) fn engaged(&self, drone: Drones) -> Option<String> {
        let acts = |stop: &&EmergencyStop| {
            stop.drones & drone != 0
                && stop.engaged == Some(true)
                && stop.on_stop() != OnEmergencyStop::Nothing
        };
        let stop = self.stops.iter().find(acts)?;
        Some(format!(
            "the emergency stop of bridge {} is engaged",
            stop.bridge
        ))
    }

    /// Every one that is known to be there.
    pub(super) fn all(&self) -> impl Iterator<Item = &EmergencyStop> {
        self.stops
            .iter()
            .filter(|stop| stop.exists || stop.engaged.is_some())
    }

    /// That of a bridge.
    pub(super) fn of(&self, bridge: &str) -> Option<&EmergencyStop> {
        self.stops.iter().find(|stop| *stop.bridge == *bridge)
    }

    /// What is to be kept, if that has changed.
    pub(super) fn take_changed(&mut self) -> Option<Vec<StoredStop>> {
        std::mem::take(&mut self.changed).then(|| {
            let known = self.stops.iter().filter(|stop| stop.exists);
            let kept = |stop: &EmergencyStop| StoredStop {
                bridge: stop.bridge.to_string(),
                latched_us: stop.latched_us,
                overridden: stop.overridden,
            };
            known.map(kept).collect()
        })
    }

    /// It was not kept after all.
    pub(super) fn not_kept(&mut self) {
        self.changed = true;
    }

    fn entry(&mut self, bridge: &str) -> &mut EmergencyStop {
        let place = self.stops.iter().position(|stop| *stop.bridge == *bridge);
        let place = place.unwrap_or_else(|| {
            if self.stops.len() >= MAX_STOPS
                && let Some(oldest) = self.stops.iter().position(|stop| stop.config.is_none())
            {
                self.stops.remove(oldest);
            }
            self.stops.push(EmergencyStop::new(bridge));
            self.stops.len() - 1
        });
        &mut self.stops[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(text: &str) -> Bridge {
        let text = format!("name = \"mast\"\nselector = \"2e8a:000a\"\n{text}");
        toml::from_str(&text).expect("a bridge")
    }

    fn stops(text: &str) -> Stops {
        let mut stops = Stops::default();
        stops.configure(&[bridge(text)], |_| ALL);
        stops
    }

    fn restarted(stops: &mut Stops, bridges: &[Bridge]) -> Stops {
        let text = serde_json::to_string(&stops.take_changed().expect("changed")).expect("JSON");
        let mut again = Stops::restored(serde_json::from_str(&text).expect("JSON"));
        again.configure(bridges, |_| ALL);
        again
    }

    #[test]
    fn an_emergency_stop_latches_until_it_is_released_and_reset() {
        let mut stops = stops("");
        assert_eq!(stops.why_not(1), None, "nobody knows that it has one");
        assert_eq!(stops.input("mast", Some(false), 1), Some(StopChange::Back));
        assert_eq!(
            stops.input("mast", Some(true), 2),
            Some(StopChange::Pressed)
        );
        assert_eq!(stops.input("mast", Some(true), 3), None);
        let why = stops.why_not(1).expect("engaged");
        assert!(why.contains("mast is engaged"), "{why}");
        assert_eq!(stops.reset(), Err(StopError::Engaged("mast".into())));
        assert_eq!(
            stops.input("mast", Some(false), 4),
            Some(StopChange::Released)
        );
        let why = stops.why_not(1).expect("latched");
        assert!(why.contains("nobody has reset it"), "{why}");
        assert_eq!(stops.of("mast").and_then(|stop| stop.latched_us), Some(2));
        assert_eq!(
            stops.override_lost("mast"),
            Err(StopError::NotLost("mast".into()))
        );
        assert_eq!(stops.reset(), Ok(vec!["mast".into()]));
        assert_eq!(stops.why_not(1), None);
        assert_eq!(stops.reset(), Ok(vec![]));
    }

    #[test]
    fn a_latch_survives_restarts_and_its_bridge() {
        let mut before = stops("");
        before.input("mast", Some(true), 7);
        let mut stops = restarted(&mut before, &[bridge("")]);
        assert_eq!(stops.reset(), Err(StopError::Unknown("mast".into())));
        // Its bridge is taken out of the configuration.
        let mut stops = restarted(&mut stops, &[]);
        assert!(stops.why_not(1).is_some());
        assert_eq!(
            stops.override_lost("base"),
            Err(StopError::NoSuch("base".into()))
        );
        assert_eq!(stops.override_lost("mast"), Ok(()));
        assert_eq!(stops.why_not(1), None);
        assert_eq!(restarted(&mut stops, &[]).why_not(1), None);
    }

    #[test]
    fn a_bridge_with_a_stop_that_is_lost_keeps_drones_on_the_ground() {
        let mut stops = stops("on_lost = \"refuse_takeoff\"");
        let why = stops.why_not(1).expect("not met yet");
        assert!(why.contains("is lost"), "{why}");
        stops.input("mast", Some(false), 1);
        assert_eq!(stops.why_not(1), None);
        assert_eq!(stops.input("mast", None, 2), Some(StopChange::Lost));
        assert!(stops.why_not(1).is_some());
        assert_eq!(stops.override_lost("mast"), Ok(()));
        assert_eq!(stops.why_not(1), None);
        let mut stops = restarted(&mut stops, &[bridge("on_lost = \"refuse_takeoff\"")]);
        assert_eq!(stops.why_not(1), None, "overridden over a restart");
        // Once back, it is missed again.
        stops.input("mast", Some(false), 3);
        stops.input("mast", None, 4);
        assert!(stops.why_not(1).is_some());
        let mut silent = self::stops("on_lost = \"nothing\"");
        silent.input("mast", Some(false), 1);
        silent.input("mast", None, 2);
        assert_eq!(silent.why_not(1), None);
    }

    #[test]
    fn it_is_for_its_drones_alone() {
        let mut stops = Stops::default();
        stops.configure(&[bridge("drones = [\"d1\"]")], |named| {
            assert_eq!(named, ["d1"]);
            0b10
        });
        stops.input("mast", Some(true), 1);
        assert!(stops.why_not(0b10).is_some() && stops.why_not(0b01).is_none());
        assert!(stops.engaged(0b10).is_some() && stops.engaged(0b01).is_none());
        stops.input("mast", Some(false), 2);
        assert!(stops.why_not(0b10).is_some(), "latched");
        assert_eq!(stops.engaged(0b10), None, "who flies may go on");
        let mut idle = self::stops("on_emergency_stop = \"nothing\"");
        idle.input("mast", Some(true), 1);
        assert_eq!(idle.engaged(1), None, "nothing is done in the air");
    }
}
