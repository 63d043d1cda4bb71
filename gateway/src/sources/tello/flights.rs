//! Which drones are in the air, kept over a restart of the gateway.
//!
//! A gateway that is restarted in mid-flight must not say `landed`, nor send anything to
//! a drone that lands by itself, nor take an update. So a take-off and a landing are
//! written to a small file; the next run believes it until the drone is heard, or its
//! battery cannot have lasted. Never on the path of a command: a task looks at the
//! roster. Apart from the store, whose records an older program has to know.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use readings::clock::{Mono, sleep};
use readings::virtual_time;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::commander::endurance;
use super::roster::{DroneRecord, Roster};
use crate::sources::vehicles::boot_ms;
use crate::state_file::StateFile;

/// Name of the file.
const FILE: &str = "flights.json";

/// How often it is looked who flies: a take-off takes seconds.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Writes at once, and the time after which there is another one: what flaps for a day
/// writes 740 times some 12 KB, which is 9 MB. Until then a change waits for its turn.
const WRITES: u32 = 20;
const WRITE_EVERY: Duration = Duration::from_secs(120);

/// A drone in the air.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptFlight {
    drone: Arc<str>,
    /// The boot of the machine in which it took off.
    boot: Arc<str>,
    /// When it took off, in milliseconds of that boot. The wall clock of a board without
    /// a battery says nothing of a time between two runs.
    took_off_ms: u64,
    battery_pct: Option<u8>,
}

impl KeptFlight {
    /// How long it may still last, in the boot and at the time given; none: no longer.
    /// How long a reboot took nobody knows, so it counts as no time.
    fn may_last(&self, boot: &str, boot_ms: u64) -> Option<Duration> {
        let flown = match *self.boot == *boot {
            true => Duration::from_millis(boot_ms.saturating_sub(self.took_off_ms)),
            false => Duration::ZERO,
        };
        endurance(self.battery_pct)
            .checked_sub(flown)
            .filter(|left| !left.is_zero())
    }
}

/// Who is in the air, with the charge at take-off as far as it is known.
type Airborne = BTreeMap<Arc<str>, Option<u8>>;

/// The budget of writes: so many at once, and one more each interval.
#[derive(Debug)]
struct WriteBudget {
    left: u32,
    renewed: Mono,
}

impl WriteBudget {
    fn new(now: Mono) -> WriteBudget {
        WriteBudget {
            left: WRITES,
            renewed: now,
        }
    }

    /// Whether a write may be made now; if so, it counts as made.
    fn take(&mut self, now: Mono) -> bool {
        while self.left < WRITES && now.since(self.renewed) >= WRITE_EVERY {
            (self.left, self.renewed) = (self.left + 1, self.renewed.plus(WRITE_EVERY));
        }
        if self.left == WRITES {
            self.renewed = now;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// The record of who is in the air.
#[derive(Clone)]
pub(super) struct FlightRecord {
    file: StateFile,
    boot: Arc<str>,
    kept: Vec<KeptFlight>,
}

impl FlightRecord {
    /// That of the state directory `dir`.
    pub(super) fn open(dir: &Path) -> FlightRecord {
        FlightRecord::of(StateFile::at(dir, FILE))
    }

    /// That in `file`.
    pub(super) fn of(file: StateFile) -> FlightRecord {
        let kept = file.read();
        FlightRecord {
            file,
            boot: boot(),
            kept,
        }
    }

    /// Tells the drones of `roster` that were in the air when the gateway last ran.
    pub(super) fn recall(&self, roster: &Roster) {
        let (now, boot_ms) = (Mono::now(), boot_ms());
        for flight in &self.kept {
            let Some(left) = flight.may_last(&self.boot, boot_ms) else {
                continue;
            };
            let known = roster
                .slots
                .iter()
                .find(|slot| slot.plan.id == flight.drone);
            // (A simulator of ours begins on the ground, whatever flew under its id before.)
            if let Some(slot) = known.filter(|slot| !slot.is_own_simulator()) {
                tracing::warn!(target: "security", event = "flight_recalled", drone = %flight.drone,
                    "it was in the air when the gateway last ran");
                slot.recall(now.plus(left));
            }
        }
    }

    /// Keeps the record, until cancelled.
    pub(super) async fn keep(mut self, roster: Arc<Roster>, cancel: CancellationToken) {
        let mut budget = WriteBudget::new(Mono::now());
        loop {
            if let Some(flights) = self.next(&airborne(&roster), boot_ms())
                && budget.take(Mono::now())
            {
                match self.file.write(&flights).await {
                    Ok(()) => self.kept = flights,
                    // Tried again, within the budget.
                    Err(error) => tracing::warn!(%error, "who is in the air is not saved"),
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// What is to be written: none when the same drones fly as before.
    fn next(&self, airborne: &Airborne, boot_ms: u64) -> Option<Vec<KeptFlight>> {
        let is_same = self.kept.len() == airborne.len()
            && self
                .kept
                .iter()
                .all(|flight| airborne.contains_key(&flight.drone));
        if is_same {
            return None;
        }
        let of = |(drone, battery_pct): (&Arc<str>, &Option<u8>)| {
            let known = self.kept.iter().find(|flight| flight.drone == *drone);
            known.cloned().unwrap_or_else(|| KeptFlight {
                drone: drone.clone(),
                boot: self.boot.clone(),
                took_off_ms: boot_ms,
                battery_pct: *battery_pct,
            })
        };
        Some(airborne.iter().map(of).collect())
    }
}

/// The drones that were in the air when the gateway last ran, and may be still; by the
/// state directory `dir`.
pub(super) fn may_still_fly(dir: &Path) -> Vec<Arc<str>> {
    let (record, boot_ms) = (FlightRecord::open(dir), boot_ms());
    let kept = record.kept.into_iter();
    kept.filter(|flight| flight.may_last(&record.boot, boot_ms).is_some())
        .map(|flight| flight.drone)
        .collect()
}

/// Who may be in the air. Our own simulators end with us.
fn airborne(roster: &Roster) -> Airborne {
    let lasts = |slot: &&DroneRecord| !slot.is_own_simulator() && slot.link().flight.may_fly();
    let flying = roster.slots.iter().filter(lasts);
    flying
        .map(|slot| (slot.plan.id.clone(), slot.live().state().battery_pct))
        .collect()
}

/// The boot of the machine; empty, and so another one each time, when it does not say.
fn boot() -> Arc<str> {
    if virtual_time::here().is_some() {
        return "world".into();
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| "".into(), |id| id.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kept: Vec<KeptFlight>) -> FlightRecord {
        FlightRecord {
            file: StateFile::at(Path::new("/nowhere"), FILE),
            boot: "now".into(),
            kept,
        }
    }

    fn flight(boot: &str, battery_pct: Option<u8>) -> KeptFlight {
        KeptFlight {
            drone: "d1".into(),
            boot: boot.into(),
            took_off_ms: 10_000,
            battery_pct,
        }
    }

    #[test]
    fn a_flight_lasts_no_longer_than_its_battery_over_a_restart_and_a_reboot() {
        let of_now = flight("now", Some(10));
        let lasts =
            |flight: &KeptFlight, at_ms| flight.may_last("now", at_ms).map(|left| left.as_secs());
        assert_eq!(lasts(&of_now, 10_000), Some(90));
        assert_eq!(lasts(&of_now, 99_000), Some(1));
        assert_eq!(lasts(&of_now, 100_000), None);
        // After a reboot nobody knows how long it has flown.
        assert_eq!(lasts(&flight("before", Some(10)), 100_000), Some(90));
        assert_eq!(lasts(&flight("before", None), 0), Some(900));
    }

    #[test]
    fn only_a_change_is_written_and_a_flight_keeps_its_take_off() {
        let mut record = record(vec![flight("before", Some(50))]);
        let mut airborne = Airborne::from([("d1".into(), Some(40))]);
        assert_eq!(record.next(&airborne, 99_000), None);
        airborne.insert("d2".into(), Some(90));
        let flights = record.next(&airborne, 99_000).expect("another one flies");
        assert_eq!(flights[0], flight("before", Some(50)));
        assert_eq!((flights[1].took_off_ms, &*flights[1].boot), (99_000, "now"));
        record.kept = flights;
        airborne.remove("d1");
        assert_eq!(
            record.next(&airborne, 99_500).map(|left| left.len()),
            Some(1)
        );
    }

    #[test]
    fn what_flaps_for_a_day_stays_in_the_budget() {
        let mut budget = WriteBudget::new(Mono::ZERO);
        let looks = 24 * 3_600_000 / LOOK_EVERY.as_millis() as u64;
        let writes = (0..looks)
            .filter(|look| budget.take(Mono::from_millis(look * LOOK_EVERY.as_millis() as u64)))
            .count();
        assert!((720..=740).contains(&writes), "{writes}");
    }
}
