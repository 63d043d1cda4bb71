//! The attributes of the kernel's ABI documents that no other test reads: each with what it
//! is worth, or that it is not read.

use boards::{Board, Tree};

/// A device, its kind, one file of it, and the sensors that are made of it.
type Line = (
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, f64)],
);

const HWMON: &str = "class/hwmon/hwmon0";
const SUPPLY: &str = "class/power_supply/b";
const IIO: &str = "bus/iio/devices/iio:device0";

fn read(device: &str, kind: (&str, &str), lines: &[Line]) {
    for (files, expected) in lines {
        let mut manifest = String::from("# boards manifest 1\n");
        for (file, text) in [&[kind], *files].concat() {
            manifest.push_str(&format!("/sys/{device}/{file} = \"{text}\\n\"\n"));
        }
        let tree = Tree::from_manifest(&manifest).expect("a manifest");
        let mut board = Board::of(tree, None);
        board.sample(0, &mut |_, _| {});
        let sensors = board.sensors();
        let told: Vec<(&str, Option<f64>)> = sensors
            .iter()
            .map(|(index, sensor)| (&*sensor.name, sensors.value(index, 0).value()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(n, v)| (*n, Some(*v))).collect();
        assert_eq!(told, expected, "{files:?}");
    }
}

#[test]
fn of_hardware_monitors() {
    let lines: &[Line] = &[
        (&[("power1_average", "2500000")], &[("hwmon:c:power1", 2.5)]),
        (&[("curr1_alarm", "1")], &[("hwmon:c:curr1_alarm", 1.0)]),
        (&[("power1_alarm", "1")], &[("hwmon:c:power1_alarm", 1.0)]),
        (&[("fan1_alarm", "1")], &[("hwmon:c:fan1_alarm", 1.0)]),
        (
            &[("humidity1_input", "41000")],
            &[("hwmon:c:humidity1", 41.0)],
        ),
        (&[("pwm1", "255")], &[("hwmon:c:pwm1", 100.0)]),
        // An opened case and a count of energy are not read.
        (&[("intrusion0_alarm", "1")], &[]),
        (&[("energy1_input", "900000000")], &[]),
        (
            &[("temp1_input", "40000"), ("temp1_emergency", "110000")],
            &[("hwmon:c:temp1", 40.0)],
        ),
    ];
    read(HWMON, ("name", "c"), lines);
}

#[test]
fn of_power_supplies() {
    let lines: &[Line] = &[
        (
            &[("energy_avg", "20000000"), ("energy_full", "50000000")],
            &[("power:b:charge", 40.0)],
        ),
        (
            &[
                ("charge_now", "2000000"),
                ("charge_full", "5000000"),
                ("charge_empty", "1000000"),
            ],
            &[("power:b:charge", 25.0)],
        ),
        (
            &[("time_to_empty_now", "600")],
            &[("power:b:time_to_empty_now", 600.0)],
        ),
    ];
    read(SUPPLY, ("type", "Battery"), lines);
}

#[test]
fn of_converters() {
    let lines: &[Line] = &[
        (
            &[("in_voltage0_mean_raw", "1000"), ("in_voltage0_scale", "2")],
            &[("iio:c:voltage0_mean", 2.0)],
        ),
        (
            &[("in_current0_raw", "1500"), ("in_current_scale", "1")],
            &[("iio:c:current0", 1.5)],
        ),
        (&[("in_power0_input", "2500")], &[("iio:c:power0", 2.5)]),
        (&[("in_voltage0_peak_raw", "1000")], &[]),
    ];
    read(IIO, ("name", "c"), lines);
}
