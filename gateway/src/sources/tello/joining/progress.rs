//! A join that was begun by a request: one at a time, and what came of it, for whoever asks
//! later. Of the network its name alone is kept.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is asked who it is, whether it rests, and told.
    Telling,
    /// It was told, and is looked for by its serial number.
    Searching,
    /// It is there.
    Found(Ipv4Addr, Arc<str>),
    /// It was told, and is not there.
    Lost,
    /// It was not told, and why.
    Refused(String),
}

/// What came of the newest one so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Id of the drone.
    pub(crate) drone: Arc<str>,
    /// Name of the network.
    pub(crate) ssid: String,
    /// None until it said it.
    pub(crate) serial: Option<String>,
    pub(crate) stage: Stage,
}

/// The joins of a gateway.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    turn: Arc<tokio::sync::Mutex<()>>,
    newest: Mutex<Option<Progress>>,
}

/// The right to tell a drone, until it is dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Joining {
    /// Begins one; none while another goes on.
    pub(crate) fn begin(&self, drone: &Arc<str>, ssid: &str) -> Option<Turn> {
        let turn = Arc::clone(&self.turn).try_lock_owned().ok()?;
        *self.newest() = Some(Progress {
            drone: Arc::clone(drone),
            ssid: ssid.to_owned(),
            serial: None,
            stage: Stage::Telling,
        });
        Some(turn)
    }

    /// Notes how far the newest one is.
    pub(crate) fn note(&self, serial: Option<&str>, stage: Stage) {
        if let Some(newest) = self.newest().as_mut() {
            newest.stage = stage;
            newest.serial = serial.map(str::to_owned).or(newest.serial.take());
        }
    }

    /// The newest one, if it is of that drone.
    pub(crate) fn of(&self, drone: &str) -> Option<Progress> {
        self.newest()
            .clone()
            .filter(|newest| *newest.drone == *drone)
    }

    fn newest(&self) -> std::sync::MutexGuard<'_, Option<Progress>> {
        // Whole between any two statements.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_drone_is_told_at_a_time_and_the_newest_is_remembered() {
        let joining = Joining::default();
        let (one, other) = ("d1".into(), "d2".into());
        let turn = joining.begin(&one, "site").expect("the first");
        assert!(
            joining.begin(&other, "site").is_none(),
            "its turn is not over"
        );
        joining.note(Some("0TQ1"), Stage::Searching);
        joining.note(None, Stage::Lost);
        let seen = joining.of("d1").expect("remembered");
        assert_eq!(
            (seen.serial.as_deref(), seen.stage),
            (Some("0TQ1"), Stage::Lost)
        );
        assert_eq!(joining.of("d2"), None);
        drop(turn);
        assert!(joining.begin(&other, "site").is_some());
        assert_eq!(joining.of("d1"), None);
    }
}
