//! What others may know of the board: shared between the sampling thread and
//! the handlers.
//!
//! A lock, held only while values are copied in or out and never while a
//! sensor is read: a chip on a stuck bus must not hold up a request. Bounded by
//! [`boards::MAX_SENSORS`]; noting samples allocates nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alerting::OfSensor;
use boards::{Absence, Board, Counters, Freshness, MAX_SENSORS, Quantity, Sample, SensorIndex};

use super::mapping::{Fold, Mapping, is_watched, mapping_of};
use crate::sources::sensor_state::{ABSENT, FRESH, STALE};
use readings::Metric;
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
    /// How it is published, if it is.
    pub(super) mapping: Option<Mapping>,
    /// What it was called before names said where a sensor is.
    formerly: Option<String>,
    /// Age at which a value is stale.
    max_age_ms: u64,
}

impl Described {
    /// As alerts name it where they say `said` already.
    fn named(&self, said: &str) -> OfSensor {
        let is_said = self.name == said;
        let words = match self.label == self.name {
            true => (!is_said).then(|| self.name.clone()),
            false if is_said => Some(self.label.clone()),
            false => Some(format!("{} ({})", self.label, self.name)),
        };
        OfSensor {
            name: self.name.as_str().into(),
            words,
        }
    }
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
                now: slot.freshness(sensor.max_age_ms, self.at_ms),
                failures: slot.failures,
            })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    last: Option<boards::Reading>,
    absent: Option<Absence>,
    failures: u64,
    /// It was set at some time.
    was_set: bool,
}

impl Slot {
    fn note(&mut self, sample: Sample) {
        match sample {
            Sample::Reading(reading) => {
                (self.last, self.absent) = (Some(reading), None);
                self.was_set |= reading.is_set();
            }
            Sample::Absent(why) => {
                self.absent = Some(why);
                self.failures += 1;
            }
        }
    }

    /// As `boards` judges it, at a later instant than the last sample's.
    fn freshness(&self, max_age_ms: u64, now_ms: u64) -> Freshness {
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
    /// Of a board that has links to drones at those interfaces.
    pub(super) fn new(board: &Board, drone_interfaces: &[String]) -> BoardView {
        let profile = &board.detected().profile;
        BoardView {
            profile: profile.id.as_str().to_owned(),
            name: board.detected().name(),
            latest: Mutex::new(Latest {
                described: describe(board, drone_interfaces),
                slots: Box::new([Slot::default(); MAX_SENSORS]),
                counters: board.sensors().counters(),
                hung: board.sensors().hung(),
            }),
        }
    }

    /// The sensors are others than before; the places that another one has now, with what
    /// the one before was.
    pub(super) fn describe(
        &self,
        board: &Board,
        drone_interfaces: &[String],
    ) -> Vec<(usize, Described)> {
        let described = describe(board, drone_interfaces);
        let mut latest = self.latest();
        let old_and_new = latest.described.iter().zip(described.iter());
        let given_away: Vec<(usize, Described)> = old_and_new
            .enumerate()
            .filter(|(_, (old, new))| old.name != new.name)
            .map(|(place, (old, _))| (place, old.clone()))
            .collect();
        for (place, _) in &given_away {
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

    /// The sensor that the board's value of `metric` is of: the one that says so, though it
    /// may have gone since, else the least or the greatest of those that have a value, by
    /// how the metric is made.
    #[must_use]
    pub fn sensor_of(&self, metric: Metric, value: f64) -> Option<OfSensor> {
        let latest = self.latest();
        let now_ms = Mono::now().as_millis();
        let members = latest.described.iter().zip(&*latest.slots);
        let members = members.filter_map(|(sensor, slot)| {
            let mapping = sensor.mapping.filter(|mapping| mapping.metric == metric)?;
            mapping
                .counts(slot.was_set)
                .then_some((sensor, slot, mapping))
        });
        let says_so = |(_, slot, mapping): &(&Described, &Slot, Mapping)| {
            let last = slot.last.map(|last| mapping.metric_value(last.value));
            last.is_some_and(|last| last.total_cmp(&value).is_eq())
        };
        let weight = |(sensor, slot, mapping): &(&Described, &Slot, Mapping)| {
            let value = slot.freshness(sensor.max_age_ms, now_ms).value()?;
            Some(match mapping.fold {
                Fold::Least => -value,
                Fold::Greatest => value,
            })
        };
        let said = members.clone().find(says_so);
        let (sensor, ..) = said.or_else(|| {
            let weighed = members.filter_map(|member| Some((weight(&member)?, member)));
            let worst = weighed.max_by(|one, other| one.0.total_cmp(&other.0));
            worst.map(|(_, member)| member)
        })?;
        Some(sensor.named(""))
    }

    /// The sensor that a rule calls `name`, by its own name or by the one it had before.
    #[must_use]
    pub fn called(&self, name: &str) -> Option<OfSensor> {
        let latest = self.latest();
        let own = latest.described.iter().find(|sensor| sensor.name == name);
        let mut formerly = latest.described.iter();
        let formerly = formerly.find(|sensor| sensor.formerly.as_deref() == Some(name));
        Some(own.or(formerly)?.named(name))
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

fn describe(board: &Board, drone_interfaces: &[String]) -> Arc<[Described]> {
    let sensors = board.sensors().all().iter();
    sensors
        .map(|sensor| Described {
            name: sensor.name.clone(),
            label: sensor.label.clone(),
            subject: sensor.subject.clone(),
            role: role_name(sensor.role),
            quantity: sensor.quantity,
            metric: mapping_of(sensor.role).map(|mapping| mapping.metric.name()),
            mapping: mapping_of(sensor.role)
                .filter(|_| is_watched(board.sensors(), sensor, drone_interfaces)),
            formerly: sensor.formerly.clone(),
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
        assert_eq!(
            slot.freshness(6_000, 0),
            Freshness::Absent(Absence::NotYetRead)
        );
        let last = Reading {
            value: 48.7,
            at_ms: 1_000,
        };
        slot.note(Sample::Reading(last));
        assert_eq!(slot.freshness(6_000, 7_000), Freshness::Fresh(last));
        assert_eq!(
            slot.freshness(6_000, 7_001),
            Freshness::Stale { last, why: None },
            "the thread is stuck"
        );
        slot.note(Sample::Absent(Absence::NotReady));
        assert_eq!(
            slot.freshness(6_000, 2_000),
            Freshness::Fresh(last),
            "busy for a moment"
        );
        slot.note(Sample::Absent(Absence::Io(5)));
        assert_eq!(
            slot.freshness(6_000, 2_000),
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
