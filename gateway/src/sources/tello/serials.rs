//! Which serial number is which drone's: as configured, as accepted after a repair, or as
//! learnt from the drone itself. Kept in a file of its own.
//!
//! A drone that says another's number stands at the other's address: commands for one
//! would fly the other. A number that nobody expects is another drone only where one was
//! given for this one; else it is learnt, since drones may be replaced. Bounded by the
//! configured drones.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::commander::{Word, word};
use super::plan::DronePlan;
use crate::state_file::StateFile;

/// Name of the file.
const FILE: &str = "serials.json";

/// As it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredSerial {
    drone: Arc<str>,
    serial: String,
    /// Given by a person, not only learnt.
    is_given: bool,
    /// What the configuration said when a person gave another one: of a later change of it,
    /// the later word counts.
    #[serde(default)]
    over: Option<String>,
}

#[derive(Debug, Default)]
struct OfDrone {
    drone: Arc<str>,
    configured: Option<Word>,
    expected: Option<Word>,
    is_given: bool,
    /// What it said on this connection.
    said: Option<Word>,
}

/// What a serial number says of a drone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Nothing speaks against it.
    Good,
    /// It is another drone: of that id, when a configured one has the number.
    Mistaken {
        expected: Option<Word>,
        of: Option<Arc<str>>,
    },
}

/// Why no serial number was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// No such drone.
    #[error("Drone not found")]
    Unknown,
    /// It said none since it was connected.
    #[error(
        "the drone has said no serial number since it was connected; it is asked on the ground"
    )]
    NotSaid,
    /// The medium refuses.
    #[error(
        "the serial number is accepted and not saved: free space or replace the medium, then try again"
    )]
    NotSaved,
}

/// The serial numbers of all drones; clones share them.
#[derive(Clone, Default)]
pub struct Serials {
    drones: Arc<Mutex<Vec<OfDrone>>>,
    file: Option<StateFile>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Serials {
    /// Those of the last run, from the state directory `dir`.
    #[must_use]
    pub fn open(dir: &Path) -> Serials {
        Serials {
            file: Some(StateFile::at(dir, FILE)),
            ..Serials::default()
        }
    }

    /// Takes up the drones of a plan.
    pub(super) fn adopt(&self, drones: &[DronePlan]) {
        let kept: Vec<StoredSerial> = self.file.as_ref().map(StateFile::read).unwrap_or_default();
        let of_drone = |plan: &DronePlan| {
            let configured = plan.serial.clone();
            let kept = kept.iter().find(|kept| kept.drone == plan.id);
            let kept = kept.filter(|kept| kept.over.as_deref() == configured.as_deref());
            let kept = kept.filter(|kept| configured.is_none() || kept.is_given);
            OfDrone {
                drone: plan.id.clone(),
                is_given: kept.map_or(configured.is_some(), |kept| kept.is_given),
                expected: kept
                    .and_then(|kept| word(&kept.serial))
                    .or(configured.clone()),
                configured,
                said: None,
            }
        };
        *self.lock() = drones.iter().map(of_drone).collect();
    }

    /// `drone` says that number, or has said none since it was connected. True: it was
    /// learnt, and is to be kept.
    pub(super) fn says(&self, drone: &str, serial: Option<&Word>) -> bool {
        let mut drones = self.lock();
        let is_another_s = |one: &OfDrone| *one.drone != *drone && one.expected.as_ref() == serial;
        let is_taken = serial.is_some() && drones.iter().any(is_another_s);
        let Some(one) = drones.iter_mut().find(|one| *one.drone == *drone) else {
            return false;
        };
        one.said = serial.cloned();
        let is_new = serial.is_some() && one.expected.as_ref() != serial;
        let learns = is_new && !one.is_given && !is_taken;
        if learns {
            one.expected = serial.cloned();
        }
        learns
    }

    /// What is to be thought of what `drone` said.
    pub(super) fn judge(&self, drone: &str) -> Judged {
        let drones = self.lock();
        let one = drones.iter().find(|one| *one.drone == *drone);
        let Some((one, said)) = one.and_then(|one| Some((one, one.said.as_ref()?))) else {
            return Judged::Good;
        };
        if one.expected.as_ref() == Some(said) {
            return Judged::Good;
        }
        let mut others = drones.iter();
        let other = others.find(|other| other.expected.as_ref() == Some(said));
        match (other, &one.expected) {
            (None, None) => Judged::Good,
            (other, expected) => Judged::Mistaken {
                expected: expected.clone(),
                of: other.map(|other| other.drone.clone()),
            },
        }
    }

    /// Whether a number is known that is `drone`'s.
    pub(super) fn knows(&self, drone: &str) -> bool {
        let drones = self.lock();
        let mut all = drones.iter();
        all.any(|one| *one.drone == *drone && one.expected.is_some())
    }

    /// The drone that has that number.
    pub(super) fn whose(&self, serial: &Word) -> Option<Arc<str>> {
        let drones = self.lock();
        let one = drones
            .iter()
            .find(|one| one.expected.as_ref() == Some(serial))?;
        Some(one.drone.clone())
    }

    /// Takes the number that `drone` says as its own from now on; which one. On the medium
    /// when this returns.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub(super) async fn accept(&self, drone: &str) -> Result<Word, AcceptError> {
        let said = {
            let mut drones = self.lock();
            let mut all = drones.iter();
            let one = all.find(|one| *one.drone == *drone);
            let said = one.ok_or(AcceptError::Unknown)?.said.clone();
            let said = said.ok_or(AcceptError::NotSaid)?;
            for one in drones.iter_mut() {
                if *one.drone == *drone {
                    (one.expected, one.is_given) = (Some(said.clone()), true);
                } else if one.expected.as_ref() == Some(&said) {
                    // One drone has it: the other says its own anew.
                    (one.expected, one.is_given) = (None, false);
                }
            }
            said
        };
        self.keep().await.map_err(|_| AcceptError::NotSaved)?;
        Ok(said)
    }

    /// Writes what is expected.
    pub(super) async fn keep(&self) -> std::io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let _turn = self.writing.lock().await;
        let kept = |one: &OfDrone| {
            let serial = one.expected.as_ref()?;
            let is_from_file = one.configured.as_ref() == Some(serial);
            (!is_from_file).then(|| StoredSerial {
                drone: one.drone.clone(),
                serial: serial.as_str().to_owned(),
                is_given: one.is_given,
                over: one.configured.as_deref().map(str::to_owned),
            })
        };
        let entries: Vec<StoredSerial> = self.lock().iter().filter_map(kept).collect();
        file.write(&entries).await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OfDrone>> {
        // The list is whole between any two statements.
        self.drones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::FleetPlan;
    use super::*;
    use crate::config::{Drone, Drones};

    fn plans(drones: &[(&str, Option<&str>)]) -> Vec<DronePlan> {
        let drone = drones.iter().enumerate().map(|(n, (id, serial))| Drone {
            id: (*id).to_owned(),
            name: None,
            mode: None,
            address: Some(std::net::IpAddr::from([10, 0, 0, n as u8 + 1])),
            command_port: None,
            interface: None,
            down: None,
            limits: Default::default(),
            serial: serial.map(str::to_owned),
        });
        let drone = drone.collect();
        let drones = Drones {
            drone,
            ..Drones::default()
        };
        FleetPlan::new(&drones).expect("good").drones
    }

    fn says(serials: &Serials, drone: &str, text: &str) -> Judged {
        serials.says(drone, word(text).as_ref());
        serials.judge(drone)
    }

    fn mistaken(expected: Option<&str>, of: Option<&str>) -> Judged {
        Judged::Mistaken {
            expected: expected.and_then(word),
            of: of.map(Into::into),
        }
    }

    #[test]
    fn drones_that_exchanged_their_addresses_are_named() {
        let serials = Serials::default();
        serials.adopt(&plans(&[("a", Some("S1")), ("b", None)]));
        assert_eq!(says(&serials, "a", "S1"), Judged::Good);
        assert_eq!(says(&serials, "b", "S2"), Judged::Good, "learnt");
        assert_eq!(says(&serials, "a", "S2"), mistaken(Some("S1"), Some("b")));
        assert_eq!(says(&serials, "b", "S1"), mistaken(Some("S2"), Some("a")));
        serials.says("a", None);
        assert_eq!(serials.judge("a"), Judged::Good, "it said nothing yet");
        assert_eq!(says(&serials, "a", "S9"), mistaken(Some("S1"), None));
        assert_eq!(
            says(&serials, "b", "S8"),
            Judged::Good,
            "another drone, learnt"
        );
    }

    #[tokio::test]
    async fn what_is_accepted_holds_over_a_restart_until_the_configuration_changes() {
        let dir = tempfile::tempdir().expect("a directory");
        let configured = plans(&[("a", Some("S1")), ("b", None)]);
        let serials = Serials::open(dir.path());
        serials.adopt(&configured);
        assert_eq!(serials.accept("a").await, Err(AcceptError::NotSaid));
        assert_eq!(serials.accept("x").await, Err(AcceptError::Unknown));
        says(&serials, "a", "S9");
        assert_eq!(serials.accept("a").await.as_deref(), Ok("S9"));
        assert_eq!(serials.judge("a"), Judged::Good);
        says(&serials, "b", "S2");
        serials.keep().await.expect("written");

        let again = Serials::open(dir.path());
        again.adopt(&configured);
        assert_eq!(says(&again, "a", "S9"), Judged::Good);
        assert_eq!(says(&again, "a", "S1"), mistaken(Some("S9"), None));
        assert_eq!(says(&again, "a", "S2"), mistaken(Some("S9"), Some("b")));

        again.adopt(&plans(&[("a", Some("S3")), ("b", None)]));
        assert_eq!(says(&again, "a", "S3"), Judged::Good);
        assert_eq!(says(&again, "a", "S9"), mistaken(Some("S3"), None));
    }
}
