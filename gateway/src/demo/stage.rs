//! What can be made to happen in the demo, so that a visitor sees what the gateway does
//! about it. Done to the simulated drones, which the gateway meets as it meets real ones.

use std::sync::Arc;
use std::time::Duration;

use tello_simulator::{Impairment, SimulatedDrone};

/// Charge that a battery falls to: under the line of a critical alert.
const NEARLY_EMPTY_PCT: f64 = 8.0;

/// For how long a drone is silent: long enough to be seen as lost, and to be seen come back.
const SILENT_FOR: Duration = Duration::from_secs(12);

/// Charge under which a drone gets a fresh battery before it flies by itself.
const USED_PCT: u8 = 60;

/// What can happen, by the names of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The first drone's battery is nearly empty.
    Battery,
    /// The first drone goes silent for a while.
    Silence,
    /// The first drone switches itself off and on.
    Restart,
    /// All is as at the start.
    Calm,
}

impl Happening {
    /// Names of all.
    pub(crate) const NAMES: &[&str] = &["battery", "silence", "restart", "calm"];

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Happening> {
        match name {
            "battery" => Some(Happening::Battery),
            "silence" => Some(Happening::Silence),
            "restart" => Some(Happening::Restart),
            "calm" => Some(Happening::Calm),
            _ => None,
        }
    }
}

/// The demo's drones; they fly as long as it lives.
#[derive(Debug)]
pub(crate) struct Stage(Vec<SimulatedDrone>);

impl Stage {
    /// With these on it.
    pub(crate) fn new(drones: Vec<SimulatedDrone>) -> Arc<Stage> {
        Arc::new(Stage(drones))
    }

    /// A fresh battery for one of them that is not full and on the ground.
    pub(super) fn refresh(&self, drone: usize, battery_pct: Option<u8>) {
        let is_used = battery_pct.is_some_and(|left| left < USED_PCT);
        if let Some(drone) = self.0.get(drone).filter(|_| is_used) {
            drone.charge();
        }
    }

    /// Makes it happen.
    pub(crate) fn make(self: &Arc<Self>, happening: Happening) {
        let Some(first) = self.0.first() else { return };
        match happening {
            Happening::Battery => first.drain(NEARLY_EMPTY_PCT),
            Happening::Restart => first.reboot(),
            Happening::Silence => {
                first.impair(Impairment {
                    frozen: true,
                    ..Impairment::default()
                });
                let stage = Arc::downgrade(self);
                // (It may be asked for again meanwhile: the first end is then the end.)
                tokio::spawn(async move {
                    tokio::time::sleep(SILENT_FOR).await;
                    if let Some(first) = stage.upgrade().as_ref().and_then(|stage| stage.0.first())
                    {
                        first.impair(Impairment::default());
                    }
                });
            }
            Happening::Calm => {
                for drone in &self.0 {
                    drone.impair(Impairment::default());
                    drone.renew();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_that_happens() {
        for name in Happening::NAMES {
            assert!(Happening::named(name).is_some(), "{name}");
        }
        assert_eq!(Happening::named("rain"), None);
    }
}
