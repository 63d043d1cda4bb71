//! What is told of the board beside its values: descriptions that were refused, devices
//! that hang.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use alerting::{
    AlertType, BOARD_FURTHER_ALARM as FURTHER, BOARD_SENSOR_LOST as LOST, Condition, Level,
};
use boards::{Absence, Board, Freshness, LeftOut, MAX_SENSORS, Sensor, Sensors};
use readings::{BOARD, BOARD_SENSOR_PREFIX, Metric};

use super::alarms;
use crate::sources::loss::{LossChange, LossDetector};

/// Key of the condition that descriptions of sensors were refused.
pub(super) const REFUSED: &str = "board_description_refused";
/// Key of the condition that sensors found no place in the full table.
pub(super) const LEFT_OUT: &str = "board_sensors_left_out";
/// Key of the condition that a bus or a device does not come back from a read.
pub(super) const STUCK: &str = "board_bus_stuck";
/// What a person reads of many; the others are counted.
const MAX_NAMED: usize = 6;

/// What was refused: of files, and what fits two devices.
pub(super) fn refused(board: &Board) -> Vec<String> {
    let files = board.problems().iter().map(ToString::to_string);
    files
        .chain(board.sensors().refused().iter().cloned())
        .collect()
}

pub(super) fn description_refused(why: &[String]) -> Condition {
    Condition {
        key: REFUSED,
        subject: BOARD.into(),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Board Description Refused",
        message: named(why, "; "),
        details: Some("Everything else about the board is as before. Correct the file, then restart the gateway.".to_owned()),
    }
}

pub(super) fn sensors_left_out(left_out: &LeftOut) -> Condition {
    let more = left_out.count - left_out.names.len();
    let and_more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Condition {
        key: LEFT_OUT,
        subject: BOARD.into(),
        level: Level::Error,
        alert_type: AlertType::System,
        title: "Board Sensors Left Out",
        message: format!(
            "{MAX_SENSORS} sensors of the board are read; there is no place for {}{and_more}",
            left_out.names.join(", ")
        ),
        details: Some(
            "No rule judges them. Unplug what is not needed, or ignore channels in a board profile."
                .to_owned(),
        ),
    }
}

/// The watch over busses that hang.
#[derive(Debug, Default)]
pub(super) struct Busses {
    loss: LossDetector,
    /// More hang than were told.
    more: LossDetector,
    told: Vec<String>,
    /// Since when none hangs, until that ended what an earlier run told.
    works_since_ms: Option<u64>,
    has_worked: bool,
}

/// What is to be told of busses that hang.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hanging {
    /// Some hang, and none did before.
    First,
    /// One more hangs, which is not told.
    More,
    /// None hangs any more.
    Over,
}

impl Busses {
    /// Takes how many readers hang, and in which busses, which is asked only when it matters.
    pub(super) fn observe(
        &mut self,
        hung: usize,
        busses: impl Fn() -> Vec<String>,
        now_ms: u64,
        patience_ms: u64,
    ) -> Option<Hanging> {
        let works = hung == 0;
        match self.loss.observe(works, now_ms, (patience_ms, patience_ms)) {
            Some(LossChange::Lost) => {
                self.has_worked = true;
                self.told = busses();
                return Some(Hanging::First);
            }
            Some(LossChange::Back) => {
                (self.told, self.more) = (Vec::new(), LossDetector::default());
                return Some(Hanging::Over);
            }
            None => {}
        }
        if self.loss.is_lost() {
            return self.observe_more(works, busses, now_ms, patience_ms);
        }
        if works && !self.has_worked {
            let since_ms = *self.works_since_ms.get_or_insert(now_ms);
            self.has_worked = now_ms.saturating_sub(since_ms) >= patience_ms;
            return self.has_worked.then_some(Hanging::Over);
        }
        self.works_since_ms = None;
        None
    }

    fn observe_more(
        &mut self,
        works: bool,
        busses: impl Fn() -> Vec<String>,
        now_ms: u64,
        patience_ms: u64,
    ) -> Option<Hanging> {
        let mut new = if works { Vec::new() } else { busses() };
        new.retain(|bus| !self.told.contains(bus));
        let is_told = new.is_empty();
        match self.more.observe(is_told, now_ms, (patience_ms, 0)) {
            Some(LossChange::Lost) => {
                self.more = LossDetector::default();
                // What was told may come and go, and is no news later.
                self.told.extend(new);
                Some(Hanging::More)
            }
            _ => None,
        }
    }
}

/// What hangs now: its sensors, and devices that were never looked at.
pub(super) fn stuck(board: &Board, now_ms: u64) -> Vec<String> {
    let sensors = board.sensors();
    let is_stuck = |now| {
        matches!(
            now,
            Freshness::Absent(Absence::Stuck)
                | Freshness::Stale {
                    why: Some(Absence::Stuck),
                    ..
                }
        )
    };
    let of_sensors = sensors
        .iter()
        .filter(|(index, _)| is_stuck(sensors.value(*index, now_ms)))
        .map(|(_, sensor)| sensor.name.clone());
    let devices = sensors.stuck_devices().map(str::to_owned);
    of_sensors.chain(devices).collect()
}

/// What the loss of a metric is about.
pub(super) fn subject(metric: Metric) -> Arc<str> {
    format!("{BOARD_SENSOR_PREFIX}{metric}").into()
}

/// What the loss of some sensors of a metric means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// There is none with a value.
    None,
    /// They are judged.
    Judged,
    /// Their values do not count while they are better.
    Held,
}

/// Sensors of a metric are missing, each with why.
pub(super) fn lost(metric: Metric, missing: &[(&Sensor, Absence)], others: Others) -> Condition {
    let is_faulty = |(_, why): &(&Sensor, Absence)| why.is_fault();
    let each = |(sensor, why): &(&Sensor, Absence)| lost_as(&sensor.label, &sensor.name, why);
    let sources = missing.iter().map(|(sensor, _)| &*sensor.source);
    let sources: BTreeSet<&str> = sources.collect();
    let sources: Vec<&str> = sources.into_iter().collect();
    Condition {
        key: LOST,
        subject: subject(metric),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: match missing.iter().all(is_faulty) {
            true => "Board Sensor Faulty",
            false => "Board Sensor Lost",
        },
        message: lost_message(metric, missing.iter().map(each)),
        details: Some(match others {
            Others::Held => STANDS_UNTIL.to_owned(),
            Others::Judged => "The others are judged without it.".to_owned(),
            Others::None => format!(
                "{} does not answer. Rules on {metric} cannot fire until it does.",
                sources.join(" and ")
            ),
        }),
    }
}

/// Sensors that an earlier run told of, and of which this one has no value.
pub(super) fn not_met(metric: Metric, names: &[Arc<str>], sensors: &Sensors) -> Condition {
    let each = |name: &Arc<str>| {
        let found = sensors
            .find(name)
            .ok()
            .map(|index| (sensors.sensor(index), index));
        match found.and_then(|(sensor, index)| Some((sensor, sensors.absence(index)?))) {
            Some((sensor, why)) => lost_as(&sensor.label, name, &why),
            None => lost_as(name, name, &"it is not there since the gateway was started"),
        }
    };
    Condition {
        key: LOST,
        subject: subject(metric),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Board Sensor Lost",
        message: lost_message(metric, names.iter().map(each)),
        details: Some(STANDS_UNTIL.to_owned()),
    }
}

/// What is so of an alert that only the sensor itself can end.
const STANDS_UNTIL: &str =
    "What was said of it stands until it has a value again, or somebody acknowledges this.";

fn lost_as(label: &str, name: &str, why: &dyn fmt::Display) -> String {
    format!("{label} ({name}): {why}")
}

fn lost_message(metric: Metric, each: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = each.collect();
    format!("{metric} is no longer known: {}", named(&all, "; "))
}

/// A second alarm, which the rule that told the first cannot tell.
pub(super) fn further_alarm(sensor: &Sensor) -> Condition {
    Condition {
        key: FURTHER,
        subject: alarms::subject(&sensor.name),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Further Sensor Alarm",
        message: format!(
            "{} ({}) is set, beside another alarm of the board",
            sensor.label, sensor.name
        ),
        details: Some(
            "An alarm that always stands, for a limit that nobody set, can be left out: `ignore` in [board]."
                .to_owned(),
        ),
    }
}

pub(super) fn bus_stuck(all: &[String]) -> Condition {
    let all = match all {
        // It hung while devices were looked for, in something that has no name yet.
        [] => "a device".to_owned(),
        all => named(all, ", "),
    };
    Condition {
        key: STUCK,
        subject: BOARD.into(),
        level: Level::Error,
        alert_type: AlertType::System,
        title: "Board Bus Stuck",
        message: format!("the kernel does not come back from reading {all}"),
        details: Some(
            "A chip holds its bus, or its driver hangs; their values are unknown. The others are read on. Check the wires of the bus, then restart the board."
                .to_owned(),
        ),
    }
}

fn named(all: &[String], between: &str) -> String {
    let first = all[..all.len().min(MAX_NAMED)].join(between);
    match all.len().saturating_sub(MAX_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn who_is_there_without_a_value_is_not_called_gone() {
        let manifest = "# boards manifest 1
/sys/class/power_supply/b/type = \"Battery\\n\"
/sys/class/power_supply/b/capacity = \"broken\\n\"
";
        let tree = boards::Tree::from_manifest(manifest).expect("a manifest");
        let mut board = Board::of(tree, None);
        board.sample(0, &mut |_, _| {});
        let names = ["power:b:charge", "power:c:charge"].map(Arc::from);
        let told = not_met(Metric::BatteryLevel, &names, board.sensors()).message;
        let (there, gone) = told.split_once("; ").expect("both");
        assert!(
            there.contains("b, charge (power:b:charge): the file holds no value"),
            "{there}"
        );
        assert!(
            gone.contains("power:c:charge): it is not there since"),
            "{gone}"
        );
    }

    #[test]
    fn each_bus_that_hangs_later_is_told_and_none_twice() {
        let mut busses = Busses::default();
        let mut at = |second: u64, names: &[&str]| {
            busses.observe(names.len(), || all(names), second * 1_000, 30_000)
        };
        assert_eq!(at(0, &["a"]), None);
        assert_eq!(at(30, &["a"]), Some(Hanging::First));
        assert_eq!(at(31, &["a", "b"]), None);
        assert_eq!(at(61, &["a", "b"]), Some(Hanging::More));
        for second in 62..200 {
            assert_eq!(
                at(
                    second,
                    [&["a"][..], &["b"], &["a", "b"]][second as usize % 3]
                ),
                None
            );
        }
        assert_eq!(at(200, &[]), None);
        assert_eq!(at(230, &[]), Some(Hanging::Over));
        assert_eq!(at(300, &[]), None, "once");
    }

    #[test]
    fn what_an_earlier_run_told_ends_only_when_nothing_hangs() {
        let mut busses = Busses::default();
        let mut at =
            |second: u64, hung: usize| busses.observe(hung, || all(&["a"]), second * 1_000, 30_000);
        assert_eq!(
            (at(0, 0), at(20, 1), at(21, 0), at(49, 0)),
            (None, None, None, None)
        );
        assert_eq!(at(51, 0), Some(Hanging::Over));
    }

    #[test]
    fn what_hangs_without_a_name_is_a_device() {
        let told = bus_stuck(&[]).message;
        assert!(told.ends_with("reading a device"), "{told}");
    }
}
