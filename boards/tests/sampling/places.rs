//! Places of sensors that vanish, come back, are replaced, or are too many.

use std::fs;
use std::os::unix::fs::symlink;

use boards::{Absence, Freshness, Role};

use crate::bench::{Bench, absence, one_zone};

#[test]
fn a_sensor_that_vanishes_is_found_again_in_its_old_place() {
    let mut bench = one_zone();
    bench.sample(0);
    let before = bench.board.sensors().generation();
    bench.remove("sys/class/thermal/thermal_zone0");
    assert_eq!(
        absence(bench.sample(2_000).values().next()),
        Some(Absence::Vanished)
    );
    assert!(matches!(
        bench.value(Role::SocTemperature, 2_000),
        Freshness::Stale { .. }
    ));
    // It comes back under another number.
    bench.put("sys/class/thermal/thermal_zone7/type", "cpu-thermal\n");
    bench.put("sys/class/thermal/thermal_zone7/temp", "51000\n");
    bench.sample(10_000);
    assert_eq!(
        bench.value(Role::SocTemperature, 10_000).value(),
        Some(51.0)
    );
    assert_eq!(bench.board.sensors().all().len(), 1);
    assert_eq!(
        bench.board.sensors().all()[0].source,
        "/sys/class/thermal/thermal_zone7/temp"
    );
    assert!(bench.board.sensors().generation() > before);
    let counters = bench.board.sensors().counters();
    assert_eq!((counters.vanished, counters.appeared), (1, 1));
}

#[test]
fn a_number_taken_by_another_chip_is_not_read_as_the_old_one() {
    let chip = |bench: &Bench, number: u8, name: &str, device: &str, volts: &str| {
        let path = format!("sys/class/hwmon/hwmon{number}");
        bench.put(&format!("{path}/name"), name);
        bench.put(&format!("{path}/in1_input"), volts);
        symlink(
            format!("../../../{device}"),
            bench.dir.path().join(path).join("device"),
        )
        .expect("link");
    };
    let mut bench = one_zone();
    chip(&bench, 3, "ina219\n", "1-0042", "7600\n");
    bench.sample(10_000);
    assert_eq!(
        bench.value(Role::CompanionBatteryVoltage, 10_000).value(),
        Some(7.6)
    );
    // Unplugged; another chip gets its number before anybody looks.
    bench.remove("sys/class/hwmon/hwmon3");
    chip(&bench, 3, "ina226\n", "1-0040", "12000\n");
    bench.sample(20_000);
    assert_eq!(
        bench.value(Role::CompanionBatteryVoltage, 20_000).value(),
        None
    );
    let other = bench
        .board
        .sensors()
        .iter()
        .find(|(_, s)| s.name == "hwmon:ina226@1-0040:in1")
        .expect("found")
        .0;
    assert_eq!(
        bench.board.sensors().value(other, 20_000).value(),
        Some(12.0)
    );
}

#[test]
fn a_usb_radio_plugged_in_later_is_seen() {
    let mut bench = one_zone();
    assert_eq!(bench.sample(0).len(), 1);
    fs::create_dir_all(bench.dir.path().join("sys/class/net/wlan1/wireless")).expect("directory");
    bench.put("sys/class/net/wlan1/operstate", "up\n");
    bench.put(
        "proc/net/wireless",
        "h\nh\n wlan1: 0000   50.  -60.  -256  0 0 0 0 0 0\n",
    );
    bench.sample(10_000);
    assert_eq!(bench.value(Role::WifiSignal, 10_000).value(), Some(-60.0));
    // Out of range: the interface stays, its association goes.
    bench.put(
        "proc/net/wireless",
        "h\nh\n wlan1: 0000     0     0     0  0 0 0 0 0 0\n",
    );
    bench.put("sys/class/net/wlan1/operstate", "dormant\n");
    bench.sample(12_000);
    assert_eq!(bench.value(Role::WifiSignal, 12_000).value(), None);
    assert_eq!(bench.value(Role::LinkUp, 12_000).value(), Some(0.0));
}

/// A wireless mouse comes back under a new name at each connection.
#[test]
fn the_places_of_what_vanished_go_to_what_comes() {
    let mut bench = Bench::new(&[("proc/uptime", "1.0 1.0\n")]);
    let mut now_ms = 0;
    let supply = |number: usize, file: &str| format!("sys/class/power_supply/hid-{number}/{file}");
    for number in 0..boards::MAX_SENSORS + 20 {
        bench.put(&supply(number, "type"), "Battery\n");
        bench.put(&supply(number, "scope"), "Device\n");
        bench.put(&supply(number, "capacity"), "50\n");
        now_ms += 5_000;
        bench.sample(now_ms);
        bench.remove(&format!("sys/class/power_supply/hid-{number}"));
        now_ms += 5_000;
        bench.sample(now_ms);
    }
    bench.put("sys/class/power_supply/ups/type", "UPS\n");
    bench.put("sys/class/power_supply/ups/capacity", "4\n");
    now_ms += 5_000;
    bench.sample(now_ms);
    assert_eq!(
        bench.value(Role::CompanionBattery, now_ms).value(),
        Some(4.0)
    );
    let sensors = bench.board.sensors();
    assert_eq!(sensors.all().len(), boards::MAX_SENSORS);
    assert_eq!(sensors.left_out().count, 0);
    let named = |name: &str| sensors.all().iter().any(|s| s.name == name);
    assert!(
        named("uptime") && !named("power:hid-0:charge"),
        "oldest first"
    );
    assert!(named("power:hid-275:charge"));
}

/// What the caller still tells somebody about keeps its place.
#[test]
fn a_held_place_is_not_given_away() {
    let mut bench = Bench::new(&[("proc/uptime", "1.0 1.0\n")]);
    let zone = |number: usize, file: &str| format!("sys/class/thermal/thermal_zone{number}/{file}");
    bench.put(&zone(0, "type"), "held\n");
    bench.put(&zone(0, "temp"), "50000\n");
    bench.sample(5_000);
    bench.remove("sys/class/thermal/thermal_zone0");
    bench.sample(10_000);
    let named = |bench: &Bench, name: &str| {
        let mut sensors = bench.board.sensors().iter();
        sensors
            .find(|(_, s)| s.name == name)
            .map(|(index, _)| index)
    };
    let held = named(&bench, "thermal:held").expect("known");
    bench.board.hold(held, true);
    for number in 1..=boards::MAX_SENSORS {
        bench.put(&zone(number, "type"), &format!("k{number}\n"));
        bench.put(&zone(number, "temp"), "50000\n");
    }
    bench.sample(15_000);
    assert_eq!(named(&bench, "thermal:held"), Some(held));
    assert!(bench.board.sensors().left_out().count > 0);
    assert!(!bench.board.sensors().left_out().names.is_empty());
    bench.board.hold(held, false);
    bench.sample(200_000);
    assert_eq!(named(&bench, "thermal:held"), None);
}

#[test]
fn more_sensors_than_fit_are_counted_and_left_out() {
    let zones: Vec<(String, String)> = (0..300)
        .flat_map(|n| {
            let path = format!("sys/class/thermal/thermal_zone{n}");
            [
                (format!("{path}/type"), format!("zone{n}\n")),
                (format!("{path}/temp"), "40000\n".to_owned()),
            ]
        })
        .collect();
    let files: Vec<(&str, &str)> = zones
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let mut bench = Bench::new(&files);
    assert_eq!(bench.sample(0).len(), boards::MAX_SENSORS);
    assert_eq!(bench.board.sensors().counters().left_out, 44);
}
