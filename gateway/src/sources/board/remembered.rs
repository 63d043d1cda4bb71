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
use super::mapping::{Fold, Group, Mapping};

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missing {
    pub metric: Metric,
    pub name: String,
}

/// All of them; at most as many as open alerts about the board name.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    missing: Vec<Missing>,
    /// The values that rules have told, which are open still.
    told: Vec<(Metric, f64)>,
    /// Since when this run looks for them, until their absence was told.
    since_ms: Option<u64>,
    /// Those whose absence was told.
    told_missing: Vec<Missing>,
}

impl Remembered {
    /// What `open` says, the open alerts about the board and what is below it.
    pub(super) fn of(open: &[Arc<Alert>]) -> Remembered {
        let mut remembered = Remembered::default();
        for alert in open {
            match alert.measured {
                Some(measured) if &*alert.subject == BOARD => {
                    remembered.told.push((measured.metric, measured.value));
                    remembered.add(measured.metric, named_by_rule(&alert.message));
                }
                None if &*alert.origin == LOST => {
                    let mut metrics = Metric::ALL.iter().copied();
                    let is_of = |metric: &Metric| *conditions::subject(*metric) == *alert.subject;
                    if let Some(metric) = metrics.find(is_of) {
                        remembered.add(metric, named_by_loss(&alert.message));
                    }
                }
                _ => {}
            }
        }
        remembered
    }

    fn add<'a>(&mut self, metric: Metric, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            let missing = Missing {
                metric,
                name: name.to_owned(),
            };
            if !self.missing.contains(&missing) {
                self.missing.push(missing);
            }
        }
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

    /// The metrics of which a sensor's absence is to be told, when they all had time to
    /// appear, with those that are missing; and again when they are others.
    pub(super) fn missed(&mut self, now_ms: u64, lost_after_ms: u64) -> Vec<(Metric, Vec<&str>)> {
        let is_due = |since: u64| now_ms.saturating_sub(since) >= lost_after_ms;
        if self.missing == self.told_missing || !self.since_ms.is_some_and(is_due) {
            return Vec::new();
        }
        let of = |all: &[Missing], metric: Metric| -> Vec<String> {
            let all = all.iter().filter(|missing| missing.metric == metric);
            all.map(|missing| missing.name.clone()).collect()
        };
        let mut metrics: Vec<Metric> = self.missing.iter().map(|missing| missing.metric).collect();
        metrics.dedup();
        metrics.retain(|metric| of(&self.missing, *metric) != of(&self.told_missing, *metric));
        self.told_missing.clone_from(&self.missing);
        let named = |metric: Metric| {
            let missing = self
                .missing
                .iter()
                .filter(|missing| missing.metric == metric);
            (metric, missing.map(|missing| &*missing.name).collect())
        };
        metrics.into_iter().map(named).collect()
    }
}

/// The sensor that a rule's alert names at its end: `…, by UPS (power:ups)`.
fn named_by_rule(message: &str) -> Option<&str> {
    let (_, sensor) = message.rsplit_once(", by ")?;
    name_in(sensor)
}

/// The sensors that a loss names: `… no longer known: UPS (power:ups): vanished; …`.
fn named_by_loss(message: &str) -> impl Iterator<Item = &str> {
    let known = message.split_once(conditions::NO_LONGER_KNOWN);
    let all = known.map_or("", |(_, all)| all).split(conditions::AND_OF);
    all.filter_map(|sensor| {
        let (sensor, _) = sensor.split_once("): ")?;
        sensor.rsplit_once(" (").map(|(_, name)| name)
    })
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
    use alerting::{AlertType, Level, Measured};
    use boards::Board;
    use readings::clock::wall_now;

    use super::super::mapping;
    use super::*;

    fn alert(origin: &str, subject: &str, message: &str, measured: Option<Measured>) -> Arc<Alert> {
        Arc::new(Alert {
            seq: 1,
            id: "alert_1".into(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "t".into(),
            message: message.to_owned(),
            details: None,
            origin: origin.into(),
            subject: subject.into(),
            measured,
            created: wall_now(),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        })
    }

    fn told(metric: Metric, value: f64, threshold: f64, by: &str) -> Arc<Alert> {
        let message = format!("A rule: {metric} of board is {value} (< {threshold}), by {by}");
        let measured = Measured {
            metric,
            value,
            threshold,
        };
        alert("system_monitor", BOARD, &message, Some(measured))
    }

    /// A board whose battery `BAT0` is there; the others come with [`plug_in`].
    fn board(dir: &std::path::Path) -> Board {
        plug_in(dir, "BAT0", "90\n");
        let mut board = Board::open(dir, None).expect("a board");
        board.sample(0, &mut |_, _| {});
        board
    }

    fn plug_in(dir: &std::path::Path, name: &str, capacity: &str) {
        let path = dir.join("sys/class/power_supply").join(name);
        std::fs::create_dir_all(&path).expect("made");
        std::fs::write(path.join("type"), "Battery\n").expect("written");
        std::fs::write(path.join("capacity"), capacity).expect("written");
    }

    #[test]
    fn every_one_of_several_is_waited_for_and_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut board = board(dir.path());
        let level = Metric::BatteryLevel;
        let sensor = board
            .sensors()
            .all()
            .iter()
            .find(|s| s.name == "power:BAT0:charge");
        let mut lost: Vec<_> = vec![sensor.expect("BAT0").clone(); 2];
        lost[0].name = "power:BAT1:charge".to_owned();
        lost[1].name = "power:BAT2:charge".to_owned();
        let why = boards::Absence::Vanished;
        let lost = conditions::lost(level, &[(&lost[0], why), (&lost[1], why)], true);
        let open = [
            told(level, 12.0, 20.0, "BAT1 (power:BAT1:charge)"),
            alert(LOST, "board/battery_level", &lost.message, None),
        ];
        let mut remembered = Remembered::of(&open);
        let groups = mapping::groups(board.sensors(), &[]);
        let group = groups.iter().find(|group| group.mapping.metric == level);
        let mapping = group.expect("levels").mapping;
        remembered.meet(board.sensors(), &groups, 0);
        assert!(remembered.withholds(&mapping, 90.0));
        let both = vec!["power:BAT1:charge", "power:BAT2:charge"];
        assert_eq!(remembered.missed(29_999, 30_000), []);
        assert_eq!(remembered.missed(30_000, 30_000), [(level, both)]);
        assert_eq!(remembered.missed(31_000, 30_000), [], "once");
        // The first is back and full: the other may be the empty one.
        plug_in(dir.path(), "BAT1", "80\n");
        board.sample(60_000, &mut |_, _| {});
        let groups = mapping::groups(board.sensors(), &[]);
        remembered.meet(board.sensors(), &groups, 60_000);
        assert!(remembered.awaits(level) && remembered.withholds(&mapping, 80.0));
        let rest = vec!["power:BAT2:charge"];
        assert_eq!(remembered.missed(61_000, 30_000), [(level, rest)]);
        remembered.forget(|metric| metric == level);
        assert!(
            !remembered.withholds(&mapping, 80.0),
            "a person has seen it"
        );
    }

    #[test]
    fn what_any_metric_told_is_waited_for() {
        for metric in [
            Metric::SensorAlarm,
            Metric::StorageReserve,
            Metric::Temperature,
        ] {
            let open = [told(metric, 3.0, 2.0, "hwmon:max31785@7-0052:x")];
            assert!(Remembered::of(&open).awaits(metric), "{metric}");
        }
    }

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
        assert!(named_by_loss(lost).eq(["power:ups"]));
    }
}
