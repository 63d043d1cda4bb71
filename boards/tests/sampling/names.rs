//! What a sensor is called and means: by a user's profile, by its device.

use std::os::unix::fs::symlink;

use boards::{Board, Role};

use crate::bench::{Bench, one_zone, put};

#[test]
fn a_broken_profile_of_the_user_is_named_and_stops_nothing() {
    let bench = one_zone();
    let profiles = tempfile::tempdir().expect("temporary directory");
    put(
        profiles.path(),
        "mine.toml",
        "id = \"mine\"\nnaem = \"Mine\"\n",
    );
    let board = Board::open(bench.dir.path(), Some(profiles.path())).expect("board");
    let [problem] = board.problems() else {
        panic!("{:?}", board.problems());
    };
    assert_eq!(problem.line, Some(2));
    assert!(board.report(0).to_string().contains("mine.toml:2"));
    assert_eq!(board.sensors().all().len(), 1);
}

#[test]
fn a_users_profile_gives_channels_names_meanings_and_scale() {
    let bench = Bench::new(&[
        ("proc/device-tree/compatible", "acme,carrier\0"),
        ("sys/class/hwmon/hwmon0/name", "ads7828\n"),
        ("sys/class/hwmon/hwmon0/in0_input", "1000\n"),
        ("sys/class/hwmon/hwmon0/in1_input", "7\n"),
        ("sys/bus/iio/devices/iio:device0/name", "mcp3008\n"),
        ("sys/bus/iio/devices/iio:device0/in_voltage0_raw", "512\n"),
        (
            "sys/bus/iio/devices/iio:device0/in_voltage_scale",
            "3.222656250\n",
        ),
    ]);
    let profiles = tempfile::tempdir().expect("temporary directory");
    let profile = r#"
        id = "acme"
        name = "Acme carrier"
        [match]
        compatible = ["acme,carrier"]
        [[sensor]]
        chip = "ads7828"
        channel = "in0"
        label = "Flight battery"
        role = "companion_battery_voltage"
        factor = 11.0
        charge = { cells = 3, points = [[3.0, 0.0], [4.0, 100.0]] }
        [[sensor]]
        chip = "ads7828"
        channel = "in1"
        ignore = true
        [[sensor]]
        chip = "mcp3008"
        channel = "voltage0"
        factor = 2.0
    "#;
    put(profiles.path(), "acme.toml", profile);
    let mut board = Board::open(bench.dir.path(), Some(profiles.path())).expect("board");
    assert_eq!(board.problems(), []);
    board.sample(0, &mut |_, _| {});
    let of = |name: &str| {
        let (index, sensor) = board.sensors().iter().find(|(_, s)| s.name == name)?;
        Some((
            sensor.label.clone(),
            sensor.role,
            board.sensors().value(index, 0).value()?,
        ))
    };
    let battery = (
        "Flight battery".to_owned(),
        Role::CompanionBatteryVoltage,
        11.0,
    );
    assert_eq!(of("hwmon:ads7828:in0"), Some(battery));
    let (_, role, percent) = of("hwmon:ads7828:estimate").expect("estimate");
    // 11 V is 3.67 V a cell.
    assert_eq!((role, percent.round()), (Role::CompanionBattery, 67.0));
    assert_eq!(of("hwmon:ads7828:in1"), None);
    assert_eq!(of("iio:mcp3008:voltage0").expect("channel").2, 3.3);
}

#[test]
fn two_equal_chips_without_a_device_are_two_sensors() {
    let mut bench = Bench::new(&[
        ("sys/class/hwmon/hwmon0/name", "nvme\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "40000\n"),
        ("sys/class/hwmon/hwmon1/name", "nvme\n"),
        ("sys/class/hwmon/hwmon1/temp1_input", "50000\n"),
    ]);
    bench.sample(0);
    let values: Vec<(String, Option<f64>)> = bench
        .board
        .sensors()
        .iter()
        .map(|(index, s)| {
            (
                s.name.clone(),
                bench.board.sensors().value(index, 0).value(),
            )
        })
        .collect();
    let expected = [("hwmon:nvme:temp1", 40.0), ("hwmon:nvme:temp1#2", 50.0)];
    assert_eq!(
        values,
        expected.map(|(name, value)| (name.to_owned(), Some(value)))
    );
}

/// As on a real system: class entries are links into `/sys/devices`.
#[test]
fn links_of_sysfs_are_followed_inside_the_tree() {
    let device = "sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0042";
    let bench = Bench::new(&[
        (&format!("{device}/hwmon/hwmon2/name"), "ina219\n"),
        (&format!("{device}/hwmon/hwmon2/in1_input"), "8000\n"),
        ("sys/class/hwmon/.keep", ""),
    ]);
    let root = bench.dir.path();
    let link = |target: &str, path: &str| symlink(target, root.join(path)).expect("link");
    link(
        "../../devices/platform/soc/fe804000.i2c/i2c-1/1-0042/hwmon/hwmon2",
        "sys/class/hwmon/hwmon2",
    );
    link("../../../1-0042", &format!("{device}/hwmon/hwmon2/device"));
    let mut board = Board::open(root, None).expect("board");
    board.sample(0, &mut |_, _| {});
    let battery = board
        .sensors()
        .by_role(Role::CompanionBattery)
        .next()
        .expect("estimate");
    assert_eq!(board.sensors().value(battery, 0).value(), Some(84.0));
    assert_eq!(board.sensors().hats(), ["Waveshare UPS HAT (B)"]);
}
