//! Sensors that open alerts of an earlier run name, until they have a value in this one.
//!
//! A battery that was taken out before a restart has no place here, and the one beside it
//! would end what was said of it. The alerts themselves have the lasting names of their
//! sensors, which were durable before anybody heard of them, whatever pulled the plug.
//! Pure: takes `now`.

use std::sync::Arc;

use alerting::{Alert, BOARD_SENSOR_LOST as LOST};
use boards::{Freshness, MAX_SENSORS, SensorIndex, Sensors};
use readings::{BOARD, Metric};

use super::conditions;
use super::loss::UNSEEN_FOR_MS;
use super::mapping::{Fold, Group, Mapping};

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missing {
    pub metric: Metric,
    pub name: Arc<str>,
}

/// All of them; at most as many as open alerts about the board name, and those that were
/// lost beside them up to the places of a board.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    missing: Vec<Missing>,
    /// The values that rules have told, which are open still.
    told: Vec<(Metric, f64)>,
    /// Since when this run looks for them, until their absence was told.
    since_ms: Option<u64>,
    /// Those whose absence was told.
    told_missing: Vec<Missing>,
    /// Others that are missing as well, and since when: not yet for long enough to be told.
    beside: Vec<(Missing, u64)>,
}

impl Remembered {
    /// What `open` says, the open alerts about the board and what is below it.
    pub(super) fn of(open: &[Arc<Alert>]) -> Remembered {
        let mut remembered = Remembered::default();
        // What has ended is waited for by nobody, resolved or not.
        for alert in open.iter().filter(|alert| alert.is_open()) {
            match alert.measured {
                Some(measured) if &*alert.subject == BOARD => {
                    remembered.told.push((measured.metric, measured.value));
                    remembered.add(measured.metric, &alert.sensors);
                }
                None if &*alert.origin == LOST => {
                    let mut metrics = Metric::ALL.iter().copied();
                    let is_of = |metric: &Metric| *conditions::subject(*metric) == *alert.subject;
                    if let Some(metric) = metrics.find(is_of) {
                        remembered.add(metric, &alert.sensors);
                    }
                }
                _ => {}
            }
        }
        remembered
    }

    /// Each of them that is waited for now.
    pub(super) fn all(&self) -> &[Missing] {
        &self.missing
    }

    fn add(&mut self, metric: Metric, names: &[Arc<str>]) {
        for name in names {
            let missing = Missing {
                metric,
                name: name.clone(),
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

    /// Waits no more for sensors whose loss `is_seen`, and after a day for none.
    pub(super) fn forget(&mut self, now_ms: u64, is_seen: impl Fn(Metric) -> bool) {
        let is_old = |since: u64| now_ms.saturating_sub(since) >= UNSEEN_FOR_MS;
        let is_old = self.since_ms.is_some_and(is_old);
        self.missing
            .retain(|missing| !is_old && !is_seen(missing.metric));
    }

    /// The others of `metric` that are missing now, while one of it is waited for. What is
    /// missing for `lost_after_ms` is waited for as well: they are one alert.
    pub(super) fn join(
        &mut self,
        metric: Metric,
        missing: &[Arc<str>],
        now_ms: u64,
        lost_after_ms: u64,
    ) {
        self.beside
            .retain(|(one, _)| one.metric != metric || missing.contains(&one.name));
        for name in missing {
            let one = Missing {
                metric,
                name: name.clone(),
            };
            if !self.beside.iter().any(|(known, _)| *known == one) {
                self.beside.push((one, now_ms));
            }
        }
        let is_long = |since: u64| now_ms.saturating_sub(since) >= lost_after_ms;
        for (one, since) in &self.beside {
            let is_room = self.missing.len() < MAX_SENSORS;
            if is_room && is_long(*since) && !self.missing.contains(one) {
                self.missing.push(one.clone());
            }
        }
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
    pub(super) fn missed(
        &mut self,
        now_ms: u64,
        lost_after_ms: u64,
    ) -> Vec<(Metric, Vec<Arc<str>>)> {
        let is_due = |since: u64| now_ms.saturating_sub(since) >= lost_after_ms;
        if self.missing == self.told_missing || !self.since_ms.is_some_and(is_due) {
            return Vec::new();
        }
        let of = |all: &[Missing], metric: Metric| -> Vec<Arc<str>> {
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
            (
                metric,
                missing.map(|missing| missing.name.clone()).collect(),
            )
        };
        metrics.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use alerting::{AlertType, Level, Measured};
    use boards::Board;
    use readings::clock::wall_now;

    use super::super::mapping;
    use super::*;

    fn alert(origin: &str, subject: &str, measured: Option<Measured>, of: &[&str]) -> Arc<Alert> {
        Arc::new(Alert {
            seq: 1,
            id: "alert_1".into(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "t".into(),
            message: "in any words, by nobody (at all)".to_owned(),
            details: None,
            origin: origin.into(),
            subject: subject.into(),
            measured,
            sensors: of.iter().map(|&name| name.into()).collect(),
            created: wall_now(),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        })
    }

    fn told(metric: Metric, value: f64, threshold: f64, by: &str) -> Arc<Alert> {
        let measured = Measured {
            metric,
            value,
            threshold,
        };
        alert("system_monitor", BOARD, Some(measured), &[by])
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
        let both = ["power:BAT1:charge", "power:BAT2:charge"];
        let open = [
            told(level, 12.0, 20.0, both[0]),
            alert(LOST, "board/battery_level", None, &both),
        ];
        let mut remembered = Remembered::of(&open);
        let groups = mapping::groups(board.sensors(), &[]);
        let group = groups.iter().find(|group| group.mapping.metric == level);
        let mapping = group.expect("levels").mapping;
        remembered.meet(board.sensors(), &groups, 0);
        assert!(remembered.withholds(&mapping, 90.0));
        let both = both.map(Arc::from).to_vec();
        assert_eq!(remembered.missed(29_999, 30_000), []);
        assert_eq!(remembered.missed(30_000, 30_000), [(level, both)]);
        assert_eq!(remembered.missed(31_000, 30_000), [], "once");
        // The first is back and full: the other may be the empty one.
        plug_in(dir.path(), "BAT1", "80\n");
        board.sample(60_000, &mut |_, _| {});
        let groups = mapping::groups(board.sensors(), &[]);
        remembered.meet(board.sensors(), &groups, 60_000);
        assert!(remembered.awaits(level) && remembered.withholds(&mapping, 80.0));
        let rest = vec![Arc::from("power:BAT2:charge")];
        assert_eq!(remembered.missed(61_000, 30_000), [(level, rest)]);
        remembered.forget(62_000, |metric| metric == level);
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
}
