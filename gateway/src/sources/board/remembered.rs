//! Sensors that open alerts of an earlier run name, until they have a value in this one.
//!
//! A battery that was taken out before a restart has no place here, and the one beside it
//! would end what was said of it. The alerts themselves say which sensor it was: they were
//! durable before anybody heard of them, whatever pulled the plug. Pure: takes `now`.

use std::sync::Arc;

use alerting::{Alert, BOARD_SENSOR_LOST as LOST};
use boards::{Freshness, SensorIndex, Sensors};
use readings::{BOARD, Metric};

use super::conditions;
use super::mapping::{Fold, Group, Mapping, is_missed};

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missing {
    pub metric: Metric,
    pub name: String,
}

/// All of them; at most as many as there are open alerts about the board.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    missing: Vec<Missing>,
    /// The values that rules have told, which are open still.
    told: Vec<(Metric, f64)>,
    /// Since when this run looks for them, until their absence was told.
    since_ms: Option<u64>,
    is_told: bool,
}

impl Remembered {
    /// What `open` says, the open alerts about the board and what is below it.
    pub(super) fn of(open: &[Arc<Alert>]) -> Remembered {
        let mut remembered = Remembered::default();
        for alert in open {
            let (metric, name) = match alert.measured {
                Some(measured) if &*alert.subject == BOARD => {
                    remembered.told.push((measured.metric, measured.value));
                    (measured.metric, named_by_rule(&alert.message))
                }
                None if &*alert.origin == LOST => {
                    let lost = Metric::ALL.iter().copied();
                    let lost = lost.filter(|metric| is_missed(*metric));
                    let Some(metric) = lost
                        .into_iter()
                        .find(|metric| *conditions::subject(*metric) == *alert.subject)
                    else {
                        continue;
                    };
                    (metric, named_by_loss(&alert.message))
                }
                _ => continue,
            };
            let missing = name.map(|name| Missing {
                metric,
                name: name.to_owned(),
            });
            let is_new = |missing: &Missing| !remembered.missing.contains(missing);
            let missing = missing.filter(|_| is_missed(metric)).filter(is_new);
            remembered.missing.extend(missing);
        }
        remembered
    }

    /// Waits no more for those that have a value.
    pub(super) fn meet(&mut self, sensors: &Sensors, groups: &[Group], now_ms: u64) {
        if self.missing.is_empty() {
            return;
        }
        self.since_ms.get_or_insert(now_ms);
        let has_value = |index: SensorIndex| {
            let is_member = groups.iter().any(|group| group.members.contains(&index));
            is_member && matches!(sensors.value(index, now_ms), Freshness::Fresh(_))
        };
        self.missing
            .retain(|missing| !sensors.find(&missing.name).is_ok_and(has_value));
    }

    /// Waits no more for sensors whose loss `is_seen`.
    pub(super) fn forget(&mut self, is_seen: impl Fn(Metric) -> bool) {
        self.missing.retain(|missing| !is_seen(missing.metric));
    }

    /// Whether a sensor of `metric` is waited for.
    pub(super) fn awaits(&self, metric: Metric) -> bool {
        self.missing.iter().any(|missing| missing.metric == metric)
    }

    /// Whether `value` is better than what was told of a sensor that is waited for, and
    /// would end that.
    pub(super) fn withholds(&self, mapping: &Mapping, value: f64) -> bool {
        let is_better = |told: &f64| match mapping.fold {
            Fold::Least => value > *told,
            Fold::Greatest => value < *told,
        };
        let told = |(metric, told): &(Metric, f64)| *metric == mapping.metric && is_better(told);
        self.awaits(mapping.metric) && self.told.iter().any(told)
    }

    /// Those whose absence is to be told: once, when they had time to appear.
    pub(super) fn missed(&mut self, now_ms: u64, lost_after_ms: u64) -> Vec<Missing> {
        let is_due = |since: u64| now_ms.saturating_sub(since) >= lost_after_ms;
        if self.missing.is_empty() || self.is_told || !self.since_ms.is_some_and(is_due) {
            return Vec::new();
        }
        self.is_told = true;
        self.missing.clone()
    }
}

/// The sensor that a rule's alert names at its end: `…, by UPS (power:ups)`.
fn named_by_rule(message: &str) -> Option<&str> {
    let (_, sensor) = message.rsplit_once(", by ")?;
    name_in(sensor)
}

/// The sensor that a loss names: `… no longer known: UPS (power:ups): vanished`.
fn named_by_loss(message: &str) -> Option<&str> {
    let (_, sensor) = message.split_once(conditions::NO_LONGER_KNOWN)?;
    let (sensor, _) = sensor.split_once("): ")?;
    sensor.rsplit_once(" (").map(|(_, name)| name)
}

/// The name in `label (name)`, or all of it where the two are the same.
fn name_in(sensor: &str) -> Option<&str> {
    match sensor.strip_suffix(')') {
        Some(sensor) => sensor.rsplit_once(" (").map(|(_, name)| name),
        None => Some(sensor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_which_sensor_it_is_of() {
        let low = "Low Battery: battery_level of board is 12 % (< 20 %)";
        for (sensor, name) in [
            ("UPS (left) (power:ups)", "power:ups"),
            ("power:BAT0:charge", "power:BAT0:charge"),
        ] {
            assert_eq!(named_by_rule(&format!("{low}, by {sensor}")), Some(name));
        }
        assert_eq!(named_by_rule(low), None, "an older gateway did not say it");
        let lost = "battery_level is no longer known: UPS (power:ups): it (or all) vanished";
        assert_eq!(named_by_loss(lost), Some("power:ups"));
    }
}
