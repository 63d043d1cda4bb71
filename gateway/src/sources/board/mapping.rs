//! Which metric a sensor's role becomes, and what several sensors of one
//! metric say together.
//!
//! Pure. All of the board is one source, `board`: rules and histories are kept
//! per source and metric, so their number must not follow the number of dongles
//! plugged in. Each sensor by itself is shown in health and at `/metrics`.

use std::sync::Arc;

use alerting::Rule;
use boards::{Absence, Freshness, Quantity, Role, Sensor, SensorIndex, Sensors};

use readings::{Metric, Reading};

/// The metrics of which any member that is gone is missed, whatever it said: one that
/// was taken out may be worse by now. Of every other metric those are missed that keep
/// an alert standing ([`Waited::standing`]): what is left must not end it.
pub(super) const MISSED: [Metric; 4] = [
    Metric::BatteryLevel,
    Metric::Undervoltage,
    Metric::Throttled,
    Metric::StorageWear,
];

/// For whose absence it is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited<'a> {
    /// Sensors whose loss was seen by a person, or that are long gone, by their place.
    pub forgotten: &'a [bool],
    /// The rules whose alerts about the board stand.
    pub standing: &'a [Arc<Rule>],
}

/// A member that had a value and has none, and whose absence must not end what the value
/// said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub index: SensorIndex,
    pub why: Absence,
    /// What it said last, as `boards` gives it.
    last: f64,
}

/// Which of several fresh values stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// The least: the weakest signal, the slowest fan, a link that is down.
    Least,
    /// The greatest: any throttling, the most worn medium.
    Greatest,
}

/// How a role is published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mapping {
    pub metric: Metric,
    /// From the unit of `boards` to the metric's.
    factor: f64,
    pub fold: Fold,
}

impl Mapping {
    /// What a value of `boards` is as the metric.
    pub(super) fn metric_value(self, value: f64) -> f64 {
        // Gauges overshoot: 106 % was reported of a common UPS HAT.
        let is_share = matches!(self.metric, Metric::BatteryLevel | Metric::StorageWear);
        let (low, high) = self.metric.plausible();
        let value = value * self.factor;
        if is_share {
            value.clamp(low, high)
        } else {
            value
        }
    }

    /// Whether a sensor counts that was set at some time, or was not. A link does only once
    /// it was up: a radio nobody uses is down for good reason.
    pub(super) fn counts(self, was_set: bool) -> bool {
        self.metric != Metric::WifiLink || was_set
    }
}

/// How sensors of `role` are published, if they are.
///
/// Not published: what was true "since boot" (it never ends, so neither would
/// its alert), counts and voltages whose meaning only the profile's label
/// tells, and what is for people to look at.
pub(super) fn mapping_of(role: Role) -> Option<Mapping> {
    use Fold::{Greatest, Least};
    /// `boards` gives hertz.
    const MEGA: f64 = 1e-6;
    let (metric, factor, fold) = match role {
        Role::SocTemperature | Role::BoardTemperature => (Metric::Temperature, 1.0, Greatest),
        Role::Undervoltage => (Metric::Undervoltage, 1.0, Greatest),
        Role::Throttled => (Metric::Throttled, 1.0, Greatest),
        Role::CompanionBattery => (Metric::BatteryLevel, 1.0, Least),
        Role::CompanionBatteryVoltage => (Metric::Voltage, 1.0, Least),
        Role::CompanionBatteryCurrent => (Metric::Current, 1.0, Least),
        Role::OnBattery => (Metric::OnBattery, 1.0, Greatest),
        Role::TimeToEmpty => (Metric::TimeToEmpty, 1.0, Least),
        Role::ExternalPower => (Metric::ExternalPower, 1.0, Greatest),
        Role::SdWear => (Metric::StorageWear, 1.0, Greatest),
        Role::SdReserve => (Metric::StorageReserve, 1.0, Greatest),
        Role::WifiSignal => (Metric::WifiSignal, 1.0, Least),
        Role::LinkUp => (Metric::WifiLink, 1.0, Least),
        Role::ClockSynchronised => (Metric::ClockSynchronised, 1.0, Least),
        Role::CpuFrequency => (Metric::CpuFrequency, MEGA, Greatest),
        Role::CpuFrequencyCap => (Metric::CpuFrequencyCap, MEGA, Greatest),
        Role::FanSpeed => (Metric::FanSpeed, 1.0, Least),
        Role::Alarm => (Metric::SensorAlarm, 1.0, Greatest),
        _ => return None,
    };
    Some(Mapping {
        metric,
        factor,
        fold,
    })
}

/// The metric a sensor of that role is published as.
#[must_use]
pub fn metric_of(role: Role) -> Option<Metric> {
    mapping_of(role).map(|mapping| mapping.metric)
}

/// The metric that a rule of its own sees any sensor as, and the factor to its unit.
pub(super) fn own_metric(sensor: &Sensor) -> (Metric, f64) {
    if let Some(mapping) = mapping_of(sensor.role) {
        return (mapping.metric, mapping.factor);
    }
    let metric = match sensor.quantity {
        Quantity::Temperature => Metric::Temperature,
        Quantity::Voltage => Metric::Voltage,
        Quantity::Current => Metric::Current,
        Quantity::Power => Metric::Power,
        Quantity::FanSpeed => Metric::FanSpeed,
        Quantity::Percent if sensor.name.contains("humidity") => Metric::Humidity,
        _ => Metric::Generic,
    };
    (metric, 1.0)
}

/// What a gauge's guess is worth: while the battery is not being emptied it is of another
/// time, and drivers give zero for "no guess".
pub(super) fn time_left(guess: Option<Reading>, on_battery: Option<bool>) -> Option<Reading> {
    let (_, most) = Metric::TimeToEmpty.plausible();
    match on_battery {
        Some(false) => Some(Reading {
            metric: Metric::TimeToEmpty,
            value: most,
        }),
        _ => guess.filter(|guess| guess.value > 0.0),
    }
}

/// The sensors of one metric.
#[derive(Debug)]
pub(super) struct Group {
    pub mapping: Mapping,
    pub members: Vec<SensorIndex>,
}

/// The groups of all sensors; made anew when sensors come or go. At most one
/// for each role, so their number is bounded.
pub(super) fn groups(sensors: &Sensors, drone_interfaces: &[String]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, sensor) in sensors.iter() {
        let Some(mapping) = mapping_of(sensor.role) else {
            continue;
        };
        if !is_watched(sensors, sensor, drone_interfaces) {
            continue;
        }
        match groups
            .iter_mut()
            .find(|group| group.mapping.metric == mapping.metric)
        {
            Some(group) => group.members.push(index),
            None => groups.push(Group {
                mapping,
                members: vec![index],
            }),
        }
    }
    groups
}

/// Whether a sensor with a metric is published as it. Of the links only those
/// to drones are: the interfaces that the configuration names or, where it
/// names none, every radio. An unplugged cable or a weak site network is ordinary.
#[must_use]
pub fn is_watched(sensors: &Sensors, sensor: &Sensor, drone_interfaces: &[String]) -> bool {
    if !matches!(sensor.role, Role::LinkUp | Role::WifiSignal) {
        return true;
    }
    let interface = sensor.subject.as_deref();
    match drone_interfaces {
        [] => is_radio(sensors, interface),
        named => named.iter().any(|name| interface == Some(name)),
    }
}

fn is_radio(sensors: &Sensors, interface: Option<&str>) -> bool {
    let of_radio = |role| matches!(role, Role::WifiSignal | Role::WifiMissedBeacons);
    interface.is_some()
        && sensors
            .all()
            .iter()
            .any(|s| of_radio(s.role) && s.subject.as_deref() == interface)
}

impl Group {
    /// The member `index`, if it is missed.
    pub(super) fn missed_member(
        &self,
        index: SensorIndex,
        now: Freshness,
        waited: Waited<'_>,
    ) -> Option<Missed> {
        let Freshness::Stale {
            last,
            why: Some(why),
        } = now
        else {
            return None;
        };
        let last = last.value;
        let metric = self.mapping.metric;
        let is_away = match why {
            Absence::NotYetRead => false,
            // The slot of a battery that was taken out says so; a radio without a network
            // does as well, and has nothing to hide.
            Absence::Unavailable(_) => MISSED.contains(&metric),
            _ => true,
        };
        let keeps =
            |rule: &Arc<Rule>| rule.metric == metric && !rule.clears(last * self.mapping.factor);
        let is_missed = is_away
            && !waited.forgotten[index.place()]
            && (MISSED.contains(&metric) || waited.standing.iter().any(keeps));
        is_missed.then_some(Missed { index, why, last })
    }

    /// The members that are missed.
    pub(super) fn missed<'a>(
        &'a self,
        value_of: impl Fn(SensorIndex) -> Freshness + 'a,
        waited: Waited<'a>,
    ) -> impl Iterator<Item = Missed> + 'a {
        let members = self.members.iter();
        members.filter_map(move |index| self.missed_member(*index, value_of(*index), waited))
    }

    /// What the members say together; nothing while none is fresh, and nothing that
    /// is better than what a missed member said last: absence resolves nothing.
    pub(super) fn reading(
        &self,
        value_of: impl Fn(SensorIndex) -> Freshness,
        was_set: &[bool],
        waited: Waited<'_>,
    ) -> Option<Reading> {
        let counts = |index: &SensorIndex| self.mapping.counts(was_set[index.place()]);
        let fresh = self
            .members
            .iter()
            .filter(|index| counts(index))
            .filter_map(|index| value_of(*index).value());
        let folded = match self.mapping.fold {
            Fold::Least => fresh.min_by(f64::total_cmp),
            Fold::Greatest => fresh.max_by(f64::total_cmp),
        }?;
        let is_better_than = |missed: Missed| match self.mapping.fold {
            Fold::Least => folded > missed.last,
            Fold::Greatest => folded < missed.last,
        };
        if self.missed(&value_of, waited).any(is_better_than) {
            return None;
        }
        let value = self.mapping.metric_value(folded);
        Reading::plausible(self.mapping.metric, value)
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
