//! What others may know of the board: shared between the sampling thread and
//! the handlers.
//!
//! A lock, held only while values are copied in or out and never while a
//! sensor is read: a chip on a stuck bus must not hold up a request. Bounded by
//! [`boards::MAX_SENSORS`]; noting samples allocates nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boards::{Absence, Board, Counters, Freshness, MAX_SENSORS, Quantity, Sample, SensorIndex};

use super::mapping::{Fold, mapping_of};
use crate::sources::sensor_state::{ABSENT, FRESH, STALE};
use readings::clock::Mono;

/// What a sensor is.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Unique and stable, for example `thermal:cpu-thermal`.
    pub name: String,
    /// For people.
    pub label: String,
    /// Interface, battery or zone it belongs to.
    pub subject: Option<String>,
    /// What it means, in snake case.
    pub role: String,
    /// What is measured.
    pub quantity: Quantity,
    /// Name of the metric that rules see it as.
    pub metric: Option<&'static str>,
    /// Computed by a curve rather than measured.
    pub estimated: bool,
    /// Which of several of its metric stands for all.
    fold: Option<Fold>,
    /// Age at which a value is stale.
    max_age_ms: u64,
}

/// A sensor at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorView<'a> {
    /// What it is.
    pub sensor: &'a Described,
    /// What it is worth.
    pub now: Freshness,
    /// Samples that gave no value.
    pub failures: u64,
}

impl SensorView<'_> {
    /// The last value, however old.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        match self.now {
            Freshness::Fresh(last) | Freshness::Stale { last, .. } => Some(last.value),
            Freshness::Absent(_) => None,
        }
    }

    /// `fresh`, `stale` or `absent`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self.now {
            Freshness::Fresh(_) => FRESH,
            Freshness::Stale { .. } => STALE,
            Freshness::Absent(_) => ABSENT,
        }
    }

    /// Why there is no fresh value, if there is none.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self.now {
            Freshness::Fresh(_) => None,
            Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => {
                Some(why.to_string())
            }
            Freshness::Stale { why: None, .. } => {
                Some("not read in time: a bus or its driver is stuck".to_owned())
            }
        }
    }
}

/// All sensors, copied out.
#[derive(Clone, Debug)]
pub struct Snapshot {
    described: Arc<[Described]>,
    slots: Vec<Slot>,
    /// What has happened so far.
    pub counters: Counters,
    /// Readers that hang in the kernel.
    pub hung: usize,
    at_ms: u64,
}

impl Snapshot {
    /// Every sensor ever found, in order of discovery.
    pub fn sensors(&self) -> impl Iterator<Item = SensorView<'_>> {
        self.described
            .iter()
            .zip(&self.slots)
            .map(|(sensor, slot)| SensorView {
                sensor,
                now: slot.worth(sensor.max_age_ms, self.at_ms),
                failures: slot.failures,
            })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    last: Option<boards::Reading>,
    absent: Option<Absence>,
    failures: u64,
}

impl Slot {
    fn note(&mut self, sample: Sample) {
        match sample {
            Sample::Reading(reading) => (self.last, self.absent) = (Some(reading), None),
            Sample::Absent(why) => {
                self.absent = Some(why);
                self.failures += 1;
            }
        }
    }

    /// As `boards` judges it, at a later instant than the last sample's.
    fn worth(&self, max_age_ms: u64, now_ms: u64) -> Freshness {
        match (self.last, self.absent) {
            (Some(last), None | Some(Absence::NotReady))
                if now_ms.saturating_sub(last.at_ms) <= max_age_ms =>
            {
                Freshness::Fresh(last)
            }
            (Some(last), why) => Freshness::Stale { last, why },
            (None, why) => Freshness::Absent(why.unwrap_or(Absence::NotYetRead)),
        }
    }
}

/// The board as handlers see it.
#[derive(Debug)]
pub struct BoardView {
    /// Identifier of the profile, for example `raspberry-pi-4b`.
    pub profile: String,
    /// Name of the board.
    pub name: String,
    latest: Mutex<Latest>,
}

#[derive(Debug)]
struct Latest {
    described: Arc<[Described]>,
    slots: Box<[Slot; MAX_SENSORS]>,
    counters: Counters,
    hung: usize,
}

impl BoardView {
    pub(super) fn new(board: &Board) -> BoardView {
        let profile = &board.detected().profile;
        BoardView {
            profile: profile.id.as_str().to_owned(),
            name: board.detected().name(),
            latest: Mutex::new(Latest {
                described: describe(board),
                slots: Box::new([Slot::default(); MAX_SENSORS]),
                counters: board.sensors().counters(),
                hung: board.sensors().hung(),
            }),
        }
    }

    /// The sensors are others than before; the places that another one has now.
    pub(super) fn describe(&self, board: &Board) -> Vec<usize> {
        let described = describe(board);
        let mut latest = self.latest();
        let old_and_new = latest.described.iter().zip(described.iter());
        let given_away: Vec<usize> = old_and_new
            .enumerate()
            .filter(|(_, (old, new))| old.name != new.name)
            .map(|(place, _)| place)
            .collect();
        for place in &given_away {
            latest.slots[*place] = Slot::default();
        }
        latest.described = described;
        given_away
    }

    /// Takes the samples of a round.
    pub(super) fn note(&self, samples: &[(SensorIndex, Sample)], counters: Counters, hung: usize) {
        let mut latest = self.latest();
        for (index, sample) in samples {
            latest.slots[index.place()].note(*sample);
        }
        latest.counters = counters;
        latest.hung = hung;
    }

    /// The sensor that the board's value of `metric` is of: the least or the greatest of
    /// those that have one, by how the metric is made. For people.
    #[must_use]
    pub fn sensor_of(&self, metric: &str) -> Option<String> {
        let snapshot = self.snapshot();
        let values = snapshot.sensors().filter_map(|view| {
            let value = (view.sensor.metric == Some(metric)).then_some(view.now.value())??;
            let weight = match view.sensor.fold? {
                Fold::Least => -value,
                Fold::Greatest => value,
            };
            Some((weight, view.sensor))
        });
        let (_, worst) = values.max_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(match worst.label == worst.name {
            true => worst.name.clone(),
            false => format!("{} ({})", worst.label, worst.name),
        })
    }

    /// Everything known now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let latest = self.latest();
        Snapshot {
            described: latest.described.clone(),
            slots: latest.slots[..latest.described.len()].to_vec(),
            counters: latest.counters,
            hung: latest.hung,
            at_ms: Mono::now().as_millis(),
        }
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        // Valid after every statement above.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(board: &Board) -> Arc<[Described]> {
    let sensors = board.sensors().all().iter();
    sensors
        .map(|sensor| Described {
            name: sensor.name.clone(),
            label: sensor.label.clone(),
            subject: sensor.subject.clone(),
            role: role_name(sensor.role),
            quantity: sensor.quantity,
            metric: mapping_of(sensor.role).map(|mapping| mapping.metric.name()),
            fold: mapping_of(sensor.role).map(|mapping| mapping.fold),
            estimated: sensor.estimated,
            max_age_ms: sensor.max_age_ms,
        })
        .collect()
}

/// The name as profiles write it.
fn role_name(role: boards::Role) -> String {
    serde_json::to_value(role)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use boards::Reading;

    use super::*;

    #[test]
    fn a_value_is_worth_something_while_it_is_young_and_nothing_failed() {
        let mut slot = Slot::default();
        assert_eq!(slot.worth(6_000, 0), Freshness::Absent(Absence::NotYetRead));
        let last = Reading {
            value: 48.7,
            at_ms: 1_000,
        };
        slot.note(Sample::Reading(last));
        assert_eq!(slot.worth(6_000, 7_000), Freshness::Fresh(last));
        assert_eq!(
            slot.worth(6_000, 7_001),
            Freshness::Stale { last, why: None },
            "the thread is stuck"
        );
        slot.note(Sample::Absent(Absence::NotReady));
        assert_eq!(
            slot.worth(6_000, 2_000),
            Freshness::Fresh(last),
            "busy for a moment"
        );
        slot.note(Sample::Absent(Absence::Io(5)));
        assert_eq!(
            slot.worth(6_000, 2_000),
            Freshness::Stale {
                last,
                why: Some(Absence::Io(5))
            }
        );
        assert_eq!(slot.failures, 2);
    }

    #[test]
    fn roles_have_the_names_of_profiles() {
        assert_eq!(role_name(boards::Role::SocTemperature), "soc_temperature");
    }
}
