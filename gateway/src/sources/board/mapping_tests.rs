//! What the members of a group say together, on boards that come and go.

use std::path::Path;

use boards::{Board, Tree};

use super::*;

/// Nobody has seen anything, and no alert stands.
const NOTHING_SAID: Waited<'_> = Waited {
    forgotten: &[false; boards::MAX_SENSORS],
    standing: &[],
};

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
            NOTHING_SAID,
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
            NOTHING_SAID,
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
        let waited = Waited {
            forgotten: &[forgotten; boards::MAX_SENSORS],
            standing: &[],
        };
        let missed = group.missed(value, waited).next().is_some();
        let reading = group.reading(value, &[true; boards::MAX_SENSORS], waited);
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

/// Of each kind of alert: the one it is of vanishes, and the other is well.
#[test]
fn what_keeps_an_alert_standing_does_not_leave_its_word_to_another() {
    let (alarm, reserve) = ("in0_alarm", "pre_eol_info");
    let chip = |number: u8, file: &str| format!("sys/class/hwmon/hwmon{number}/{file}");
    let medium = |number: u8, file: &str| format!("sys/bus/mmc/devices/mmc{number}:0001/{file}");
    let fan = "fan1_input";
    let cases = [
        (
            Metric::SensorAlarm,
            ">=",
            1.0,
            [0, 1].map(|n| chip(n, alarm)),
            ["1\n", "0\n"],
        ),
        (
            Metric::StorageReserve,
            ">=",
            2.0,
            [0, 1].map(|n| medium(n, reserve)),
            ["0x02\n", "0x01\n"],
        ),
        (
            Metric::FanSpeed,
            "<",
            500.0,
            [0, 1].map(|n| chip(n, fan)),
            ["0\n", "2400\n"],
        ),
        (
            Metric::Temperature,
            ">=",
            80.0,
            [0, 1].map(|n| chip(n, "temp1_input")),
            ["91000\n", "48000\n"],
        ),
    ];
    // Wear is read once in hours.
    const LATER_MS: u64 = 200_000_000;
    for (metric, operator, threshold, files, values) in cases {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        for number in [0, 1] {
            put(&chip(number, "name"), &format!("max3178{number}\n"));
            put(&medium(number, "type"), "MMC\n");
            put(&medium(number, "name"), &format!("CARD{number}\n"));
            put(&files[usize::from(number)], values[usize::from(number)]);
        }
        let mut board = Board::open(dir.path(), None).expect("a board");
        board.sample(0, &mut |_, _| {});
        let mut rule = alerting::RuleText::new("r", metric, operator, threshold, "warning");
        rule.hysteresis = threshold / 10.0;
        let rule = Arc::new(Rule::parse(&rule).expect("a rule"));
        let said = |board: &Board, now_ms: u64, standing: &[Arc<Rule>]| {
            let all = groups(board.sensors(), &[]);
            let group = all.iter().find(|g| g.mapping.metric == metric);
            let group = group.unwrap_or_else(|| panic!("{metric}: no group"));
            let value = |index| board.sensors().value(index, now_ms);
            let waited = Waited {
                standing,
                ..NOTHING_SAID
            };
            let reading = group.reading(value, &[true; boards::MAX_SENSORS], waited);
            (
                reading.map(|reading| reading.value),
                group.missed(value, waited).count(),
            )
        };
        let (first, missed) = said(&board, 0, std::slice::from_ref(&rule));
        let worst = first.unwrap_or_else(|| panic!("{metric}: no value"));
        assert!(!rule.clears(worst) && missed == 0, "{metric}: {worst}");
        std::fs::remove_file(dir.path().join(&files[0])).expect("gone");
        // What is slow waits for a round of its own.
        for round in 0..10 {
            board.sample(LATER_MS - 10_000 + round * 1_000, &mut |_, _| {});
        }
        assert_eq!(
            said(&board, LATER_MS, std::slice::from_ref(&rule)),
            (None, 1),
            "{metric}"
        );
        // With no alert there is nothing to end: what is left is shown.
        let (rest, missed) = said(&board, LATER_MS, &[]);
        assert!(rest.is_some_and(|rest| rest != worst), "{metric}: {rest:?}");
        assert_eq!(missed, 0, "{metric}");
    }
}

#[test]
fn nothing_fresh_is_no_reading() {
    let board = sampled();
    let groups = groups(board.sensors(), &[]);
    let stale = |index| board.sensors().value(index, 10_000_000);
    assert!(groups.iter().all(|group| {
        group
            .reading(stale, &[true; boards::MAX_SENSORS], NOTHING_SAID)
            .is_none()
    }));
}
