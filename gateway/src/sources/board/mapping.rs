//! Which metric a sensor's role becomes, and what several sensors of one
//! metric say together.
//!
//! Pure. All of the board is one source, `board`: rules and histories are kept
//! per source and metric, so their number must not follow the number of dongles
//! plugged in. Each sensor by itself is shown in health and at `/metrics`.

use boards::{Absence, Freshness, Quantity, Role, Sensor, SensorIndex, Sensors};

use readings::{Metric, Reading};

/// The metrics of which one member that is gone may be the one that stands for all:
/// their alerts outlast it until a person has seen that it is gone.
const MISSED: [Metric; 4] = [
    Metric::BatteryLevel,
    Metric::Undervoltage,
    Metric::Throttled,
    Metric::StorageWear,
];

/// Whether one member of `metric` that is gone may stand for all.
pub(super) fn is_missed(metric: Metric) -> bool {
    MISSED.contains(&metric)
}

/// Whether a sensor that had a value is away: gone, or its source says that it has
/// nothing any more, as the slot of a battery that was taken out does.
fn is_absence(why: Absence) -> bool {
    why != Absence::NotYetRead
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
    /// A member that had a value and has none, if its absence must not end what the
    /// value said. What is `forgotten` was seen by a person, or is long gone.
    pub(super) fn missed(
        &self,
        value_of: impl Fn(SensorIndex) -> Freshness,
        forgotten: &[bool],
    ) -> Option<(SensorIndex, Absence)> {
        if !MISSED.contains(&self.mapping.metric) {
            return None;
        }
        let remembered = |index: &&SensorIndex| !forgotten[index.place()];
        self.members
            .iter()
            .filter(remembered)
            .find_map(|index| match value_of(*index) {
                Freshness::Stale { why: Some(why), .. } if is_absence(why) => Some((*index, why)),
                _ => None,
            })
    }

    /// What the members say together; nothing while none is fresh, and nothing that
    /// is better than what a missed member said last: absence resolves nothing. A
    /// flag about a link counts only once it was set: a radio nobody uses is down
    /// for good reason.
    pub(super) fn reading(
        &self,
        value_of: impl Fn(SensorIndex) -> Freshness,
        was_set: &[bool],
        forgotten: &[bool],
    ) -> Option<Reading> {
        let counts =
            |index: &SensorIndex| self.mapping.metric != Metric::WifiLink || was_set[index.place()];
        let fresh = self
            .members
            .iter()
            .filter(|index| counts(index))
            .filter_map(|index| value_of(*index).value());
        let folded = match self.mapping.fold {
            Fold::Least => fresh.min_by(f64::total_cmp),
            Fold::Greatest => fresh.max_by(f64::total_cmp),
        };
        let is_better_than = |last: f64| match self.mapping.fold {
            Fold::Least => folded.is_some_and(|value| value > last),
            Fold::Greatest => folded.is_some_and(|value| value < last),
        };
        let missed = |index: &SensorIndex| match value_of(*index) {
            Freshness::Stale {
                last,
                why: Some(why),
            } => is_absence(why) && is_better_than(last.value) && !forgotten[index.place()],
            _ => false,
        };
        if MISSED.contains(&self.mapping.metric) && self.members.iter().any(missed) {
            return None;
        }
        // Gauges overshoot: 106 % was reported of a common UPS HAT.
        let (low, high) = self.mapping.metric.plausible();
        let value = folded? * self.mapping.factor;
        let is_share = matches!(
            self.mapping.metric,
            Metric::BatteryLevel | Metric::StorageWear
        );
        Reading::plausible(
            self.mapping.metric,
            if is_share {
                value.clamp(low, high)
            } else {
                value
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use boards::{Board, Tree};

    use super::*;

    #[test]
    fn a_guess_counts_only_while_the_battery_is_emptied() {
        let guess = |value| {
            Some(Reading {
                metric: Metric::TimeToEmpty,
                value,
            })
        };
        assert_eq!(time_left(guess(120.0), Some(true)), guess(120.0));
        assert_eq!(time_left(guess(120.0), None), guess(120.0));
        assert_eq!(time_left(guess(120.0), Some(false)), guess(604_800.0));
        assert_eq!(time_left(guess(0.0), Some(true)), None, "no guess");
        assert_eq!(time_left(None, Some(true)), None);
    }

    /// Two radios and two fans, one of which stands still.
    const TWO_OF_EACH: &str = "# boards manifest 1
/proc/net/wireless = \"h\\nh\\n wlan0: 0000   60.  -50.  -256        0      0      0      0      0        0\\n wlan1: 0000   60.  -81.  -256        0      0      0      0      0        0\\n\"
/sys/class/net/wlan0/operstate = \"up\\n\"
/sys/class/net/wlan0/device -> ../../../a
/sys/class/net/wlan0/phy80211 -> ../../ieee80211/phy0
/sys/class/net/wlan1/operstate = \"down\\n\"
/sys/class/net/wlan1/device -> ../../../b
/sys/class/net/wlan1/phy80211 -> ../../ieee80211/phy1
/sys/class/net/eth0/operstate = \"down\\n\"
/sys/class/net/eth0/device -> ../../../c
/sys/class/hwmon/hwmon0/name = \"pwmfan\\n\"
/sys/class/hwmon/hwmon0/fan1_input = \"2400\\n\"
/sys/class/hwmon/hwmon0/fan2_input = \"0\\n\"
";

    fn sampled() -> Board {
        let tree = Tree::from_manifest(TWO_OF_EACH).expect("a manifest");
        let mut board = Board::of(tree, None::<&Path>);
        board.sample(0, &mut |_, _| {});
        board
    }

    fn reading(board: &Board, metric: Metric, was_set: bool) -> Option<f64> {
        let groups = groups(board.sensors(), &[]);
        let group = groups.iter().find(|group| group.mapping.metric == metric)?;
        let was_set = [was_set; boards::MAX_SENSORS];
        group
            .reading(
                |index| board.sensors().value(index, 0),
                &was_set,
                &[false; boards::MAX_SENSORS],
            )
            .map(|reading| reading.value)
    }

    #[test]
    fn the_weakest_signal_and_the_slowest_fan_stand_for_all() {
        let board = sampled();
        assert_eq!(reading(&board, Metric::WifiSignal, true), Some(-81.0));
        assert_eq!(reading(&board, Metric::FanSpeed, true), Some(0.0));
    }

    #[test]
    fn a_link_counts_only_for_radios_that_were_up() {
        let board = sampled();
        assert_eq!(
            reading(&board, Metric::WifiLink, true),
            Some(0.0),
            "wlan1 was up and is down"
        );
        assert_eq!(reading(&board, Metric::WifiLink, false), None);
        let groups = groups(board.sensors(), &[]);
        let links = groups
            .iter()
            .find(|group| group.mapping.metric == Metric::WifiLink)
            .expect("links");
        assert_eq!(links.members.len(), 2, "a cable is no radio");
    }

    #[test]
    fn of_named_drone_interfaces_only_those_count() {
        let board = sampled();
        let signal = |named: &str| {
            let groups = groups(board.sensors(), &[named.to_owned()]);
            let group = groups
                .into_iter()
                .find(|group| group.mapping.metric == Metric::WifiSignal)?;
            group.reading(
                |index| board.sensors().value(index, 0),
                &[true; boards::MAX_SENSORS],
                &[false; boards::MAX_SENSORS],
            )
        };
        assert_eq!(
            signal("wlan0").map(|reading| reading.value),
            Some(-50.0),
            "wlan1 is the site's"
        );
        assert_eq!(signal("wlan7"), None);
        let groups = groups(board.sensors(), &["eth0".to_owned()]);
        assert!(
            groups
                .iter()
                .any(|group| group.mapping.metric == Metric::WifiLink),
            "a drone behind a cable"
        );
    }

    #[test]
    fn of_several_batteries_the_emptiest_is_judged() {
        let battery = |name: &str, capacity: u8, status: &str| {
            let path = format!("/sys/class/power_supply/{name}");
            format!(
                "{path}/type = \"Battery\\n\"\n{path}/capacity = \"{capacity}\\n\"\n{path}/status = \"{status}\\n\"\n"
            )
        };
        let manifest = format!(
            "# boards manifest 1\n{}{}{}/sys/class/power_supply/mouse/scope = \"Device\\n\"\n",
            battery("BAT0", 98, "Full"),
            battery("BAT1", 9, "Discharging"),
            battery("mouse", 2, "Discharging"),
        );
        let mut board = Board::of(
            Tree::from_manifest(&manifest).expect("a manifest"),
            None::<&Path>,
        );
        board.sample(0, &mut |_, _| {});
        assert_eq!(
            reading(&board, Metric::BatteryLevel, true),
            Some(9.0),
            "the mouse's is not the board's"
        );
        assert_eq!(reading(&board, Metric::OnBattery, true), Some(1.0));
        let batteries = groups(board.sensors(), &[]);
        let levels = batteries
            .iter()
            .find(|group| group.mapping.metric == Metric::BatteryLevel)
            .expect("levels");
        assert_eq!(levels.members.len(), 2);
    }

    #[test]
    fn a_battery_taken_out_does_not_leave_its_word_to_a_fuller_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |name: &str, file: &str, text: &str| {
            let path = dir.path().join("sys/class/power_supply").join(name);
            std::fs::create_dir_all(&path).expect("made");
            std::fs::write(path.join(file), text).expect("written");
        };
        for (name, capacity) in [("BAT0", "90\n"), ("BAT1", "12\n")] {
            put(name, "type", "Battery\n");
            put(name, "capacity", capacity);
        }
        let mut board = Board::open(dir.path(), None).expect("a board");
        board.sample(0, &mut |_, _| {});
        let level = |board: &Board, now_ms: u64, forgotten: bool| {
            let all = groups(board.sensors(), &[]);
            let group = all
                .into_iter()
                .find(|g| g.mapping.metric == Metric::BatteryLevel);
            let group = group.expect("levels");
            let value = |index| board.sensors().value(index, now_ms);
            let forgotten = [forgotten; boards::MAX_SENSORS];
            let missed = group.missed(value, &forgotten).is_some();
            let reading = group.reading(value, &[true; boards::MAX_SENSORS], &forgotten);
            (reading.map(|reading| reading.value), missed)
        };
        assert_eq!(level(&board, 0, false), (Some(12.0), false));
        let taken_out = dir.path().join("sys/class/power_supply/BAT1");
        std::fs::remove_dir_all(taken_out).expect("taken out");
        board.sample(60_000, &mut |_, _| {});
        assert_eq!(level(&board, 60_000, false), (None, true), "12 % stands");
        assert_eq!(level(&board, 60_000, true), (Some(90.0), false), "seen");
        put("BAT0", "capacity", "5\n");
        board.sample(120_000, &mut |_, _| {});
        assert_eq!(
            level(&board, 120_000, false),
            (Some(5.0), true),
            "worse is told"
        );
    }

    #[test]
    fn nothing_fresh_is_no_reading() {
        let board = sampled();
        let groups = groups(board.sensors(), &[]);
        let stale = |index| board.sensors().value(index, 10_000_000);
        assert!(groups.iter().all(|group| {
            group
                .reading(
                    stale,
                    &[true; boards::MAX_SENSORS],
                    &[false; boards::MAX_SENSORS],
                )
                .is_none()
        }));
    }
}
