//! What the crate makes of each tree, held against a golden file: detection,
//! every sensor with its value, limits and notes.

use std::fs;
use std::path::{Path, PathBuf};

use boards::{Board, Confidence, Role, Tree};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn open(name: &str) -> Board {
    let path = folder("trees").join(format!("{name}.tree"));
    Board::open(&path, None).unwrap_or_else(|error| panic!("{error}"))
}

/// A board whose every sensor was read once.
fn sampled(name: &str) -> Board {
    let mut board = open(name);
    board.sample(0, &mut |_, _| {});
    board
}

fn value(board: &Board, role: Role) -> Option<f64> {
    let index = board.sensors().by_role(role).next()?;
    board.sensors().value(index, 0).value()
}

const TREES: [&str; 14] = [
    "pi-3b",
    "pi-4b",
    "pi-4b-ups",
    "pi-5",
    "pi-zero-2-w",
    "jetson-nano",
    "jetson-orin-nano",
    "rock-5b",
    "x86",
    "unknown-arm64",
    "odroid-n2-plus",
    "qualcomm-rb5",
    "tinker-board",
    "x86-two-batteries",
];

#[test]
fn every_tree_reports_as_recorded() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for name in TREES {
        let board = sampled(name);
        let text = board.report(0).to_string();
        let golden = folder("golden").join(format!("{name}.txt"));
        if update {
            fs::write(&golden, &text).expect("golden file");
        }
        let recorded = fs::read_to_string(&golden).unwrap_or_default();
        assert!(
            text == recorded,
            "{name} differs from {}:\n{text}",
            golden.display()
        );
    }
}

#[test]
fn every_tree_is_in_the_list_and_labelled() {
    let mut names: Vec<String> = fs::read_dir(folder("trees"))
        .expect("trees")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "tree"))
        .map(|path| {
            path.file_stem()
                .expect("name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let mut listed = TREES.map(str::to_owned);
    listed.sort();
    assert_eq!(names, listed);
    for name in TREES {
        let text = fs::read_to_string(folder("trees").join(format!("{name}.tree"))).expect("tree");
        assert!(text.contains("NOT captured on a board"), "{name}");
    }
}

#[test]
fn the_roles_a_gateway_maps_are_there() {
    let pi = sampled("pi-3b");
    assert_eq!(value(&pi, Role::SocTemperature), Some(52.616));
    assert_eq!(value(&pi, Role::Undervoltage), Some(1.0));
    assert_eq!(value(&pi, Role::Throttled), Some(1.0));
    assert_eq!(value(&pi, Role::UndervoltageSinceBoot), Some(1.0));
    assert_eq!(value(&pi, Role::WifiSignal), Some(-66.0));
    assert_eq!(value(&pi, Role::ClockSynchronised), Some(1.0));
    assert_eq!(value(&pi, Role::SdWear), None);
    // Below the documented 90 °C: the device tree switches off at 80 °C.
    assert_eq!(pi.sensors().temperature_limits().critical_c, Some(80.0));

    let rock = sampled("rock-5b");
    assert_eq!(value(&rock, Role::SdWear), Some(30.0));
    assert_eq!(value(&rock, Role::Throttled), Some(1.0));

    let zero = sampled("pi-zero-2-w");
    assert_eq!(value(&zero, Role::WifiSignal), None);
    assert_eq!(value(&zero, Role::ClockSynchronised), Some(0.0));
    assert_eq!(value(&zero, Role::CompanionBattery), Some(87.0));
    assert_eq!(zero.sensors().hats().len(), 1);
}

#[test]
fn a_ups_hat_is_a_companion_battery_with_an_estimate() {
    let board = sampled("pi-4b-ups");
    let index = board
        .sensors()
        .by_role(Role::CompanionBattery)
        .next()
        .expect("battery");
    let sensor = board.sensors().sensor(index);
    assert!(sensor.estimated);
    assert!(sensor.label.contains("Waveshare"), "{}", sensor.label);
    // 7.68 V is 3.84 V a cell: between 58 % at 3.80 V and 72 % at 3.90 V.
    let percent = value(&board, Role::CompanionBattery).expect("charge");
    assert!((percent - 63.6).abs() < 0.01, "{percent}");
    assert_eq!(value(&board, Role::CompanionBatteryVoltage), Some(7.68));
    assert_eq!(value(&board, Role::CompanionBatteryCurrent), Some(-0.64));
    assert_eq!(value(&board, Role::OnBattery), Some(1.0));
    // The mouse's battery is not the board's.
    let index = board
        .sensors()
        .by_role(Role::OnBattery)
        .next()
        .expect("sensor");
    assert!(board.sensors().sensor(index).name.contains("ina219"));
}

#[test]
fn an_unknown_board_still_has_its_sensors() {
    let board = sampled("unknown-arm64");
    assert_eq!(board.detected().confidence, Confidence::Architecture);
    assert_eq!(value(&board, Role::SocTemperature), Some(48.0));
    assert_eq!(value(&board, Role::CompanionBattery), Some(72.0));
    assert_eq!(value(&board, Role::OnBattery), Some(1.0));
    assert_eq!(board.sensors().temperature_limits().throttle_c, Some(75.0));
}

/// Telephones' kernels name no processor, and register the battery first.
#[test]
fn a_battery_is_not_the_temperature_of_the_board() {
    let zones = [
        "battery",
        "wlan0-thermal",
        "tsens_tz_sensor4",
        "tsens_tz_sensor5",
    ];
    let mut manifest = String::from("# boards manifest 1\n");
    for (number, kind) in zones.iter().enumerate() {
        let zone = format!("/sys/class/thermal/thermal_zone{number}");
        manifest += &format!(
            "{zone}/type = \"{kind}\\n\"\n{zone}/temp = \"{}000\\n\"\n",
            30 + number
        );
    }
    let soc = |manifest: &str| {
        let mut board = Board::of(Tree::from_manifest(manifest).expect("a manifest"), None);
        board.sample(0, &mut |_, _| {});
        value(&board, Role::SocTemperature)
    };
    assert_eq!(soc(&manifest), Some(32.0));
    // Where nothing else is there, none is better than a wrong one.
    assert_eq!(soc(&manifest.replace("tsens_tz_", "skin-")), None);
}

#[test]
fn single_roles_are_held_once_or_once_a_battery() {
    for name in TREES {
        let board = open(name);
        for (_, sensor) in board.sensors().iter().filter(|(_, s)| s.role.is_single()) {
            let holders = board
                .sensors()
                .by_role(sensor.role)
                .map(|index| board.sensors().sensor(index));
            let of_same =
                holders.filter(|other| other.subject == sensor.subject || !is_battery(sensor.role));
            assert_eq!(of_same.count(), 1, "{name}: {:?}", sensor.role);
        }
    }
}

fn is_battery(role: Role) -> bool {
    use Role::{CompanionBattery, CompanionBatteryCurrent, CompanionBatteryVoltage, OnBattery};
    [
        CompanionBattery,
        CompanionBatteryCurrent,
        CompanionBatteryVoltage,
        OnBattery,
    ]
    .contains(&role)
}

#[test]
fn every_battery_the_board_runs_from_is_one() {
    let board = sampled("x86-two-batteries");
    let charges = board
        .sensors()
        .by_role(Role::CompanionBattery)
        .map(|index| board.sensors().value(index, 0).value());
    // Not the mouse's.
    assert_eq!(charges.collect::<Vec<_>>(), [Some(98.0), Some(41.0)]);
}

/// A mini PC: the zone has no limits of its own, the same sensor's chip has.
#[test]
fn limits_of_the_processors_chip_are_those_of_its_zone() {
    let manifest = "# boards manifest 1
/sys/class/thermal/thermal_zone0/type = \"x86_pkg_temp\\n\"
/sys/class/thermal/thermal_zone0/temp = \"44000\\n\"
/sys/class/hwmon/hwmon0/name = \"coretemp\\n\"
/sys/class/hwmon/hwmon0/temp1_input = \"44000\\n\"
/sys/class/hwmon/hwmon0/temp1_max = \"71000\\n\"
/sys/class/hwmon/hwmon0/temp1_crit = \"85000\\n\"
/sys/class/hwmon/hwmon1/name = \"nct6798\\n\"
/sys/class/hwmon/hwmon1/temp1_input = \"36000\\n\"
/sys/class/hwmon/hwmon1/temp1_max = \"50000\\n\"
";
    let board = Board::of(Tree::from_manifest(manifest).expect("a manifest"), None);
    let limits = board.sensors().temperature_limits();
    assert_eq!(
        (limits.throttle_c, limits.critical_c),
        (Some(71.0), Some(85.0))
    );
}

#[test]
fn an_error_number_is_no_voltage_of_a_battery() {
    let manifest = "# boards manifest 1
/sys/class/power_supply/ups/type = \"UPS\\n\"
/sys/class/power_supply/ups/voltage_now = \"-1\\n\"
";
    let mut board = Board::of(Tree::from_manifest(manifest).expect("a manifest"), None);
    board.sample(0, &mut |_, _| {});
    assert_eq!(value(&board, Role::CompanionBatteryVoltage), None);
}

/// A BMP280 and a BME280 in a housing, as `drivers/iio/pressure/bmp280-core.c` shows
/// them: kilopascals, thousandths of a degree and of a percent.
#[test]
fn the_pressure_of_the_air_is_a_reading() {
    let manifest = "# boards manifest 1
/sys/bus/iio/devices/iio:device0/name = \"bme280\\n\"
/sys/bus/iio/devices/iio:device0/in_pressure_input = \"101.325000000\\n\"
/sys/bus/iio/devices/iio:device0/in_temp_input = \"22310\\n\"
/sys/bus/iio/devices/iio:device0/in_humidityrelative_input = \"48320\\n\"
/sys/bus/iio/devices/iio:device1/name = \"bmp280\\n\"
/sys/bus/iio/devices/iio:device1/in_pressure_input = \"0.000000000\\n\"
/sys/bus/iio/devices/iio:device2/name = \"lps22hb\\n\"
/sys/bus/iio/devices/iio:device2/in_pressure_raw = \"4150272\\n\"
/sys/bus/iio/devices/iio:device2/in_pressure_scale = \"0.000024414\\n\"
";
    let mut board = Board::of(Tree::from_manifest(manifest).expect("a manifest"), None);
    board.sample(0, &mut |_, _| {});
    let report = board.report(0);
    let named = |name: &str| {
        report
            .sensors
            .iter()
            .find(|sensor| sensor.name == name)
            .expect("the sensor")
    };
    let pressure = named("iio:bme280:pressure");
    assert_eq!(
        (
            pressure.value.map(f64::round),
            pressure.unit,
            pressure.state
        ),
        (Some(101_325.0), "Pa", "fresh")
    );
    assert_eq!(named("iio:bme280:humidityrelative").value, Some(48.32));
    assert_eq!(
        named("iio:lps22hb:pressure")
            .value
            .map(|pascal| (pascal / 100.0).round()),
        Some(1_013.0)
    );
    let dead = named("iio:bmp280:pressure");
    assert!(
        dead.value.is_none()
            && dead
                .reason
                .as_deref()
                .is_some_and(|why| why.contains("implausible")),
        "{dead:?}"
    );
    assert!(report.to_string().contains("1013.2 hPa"), "{report}");
}

#[test]
fn a_report_is_json_with_units_and_reasons() {
    let json = serde_json::to_value(sampled("pi-5").report(0)).expect("json");
    assert_eq!(json["board"]["id"], "raspberry-pi-5");
    let sensors = json["sensors"].as_array().expect("sensors");
    let soc = sensors
        .iter()
        .find(|s| s["role"] == "soc_temperature")
        .expect("soc");
    assert_eq!(
        (soc["value"].as_f64(), soc["unit"].as_str()),
        (Some(51.8), Some("°C"))
    );
}

#[test]
fn a_capture_of_a_tree_opens_as_the_same_board() {
    for name in TREES {
        let board = sampled(name);
        let mut text = Vec::new();
        let summary = boards::capture(board.tree(), &mut text).expect("capture");
        assert!(
            summary.entries > 10 && summary.unreadable == 0,
            "{name}: {summary:?}"
        );
        let again = Tree::from_manifest(&String::from_utf8(text).expect("text")).expect("opens");
        let mut again = Board::of(again, None);
        again.sample(0, &mut |_, _| {});
        assert_eq!(
            again.report(0).to_string(),
            board.report(0).to_string(),
            "{name}"
        );
    }
}

#[test]
fn the_machine_this_runs_on_is_taken_as_it_is() {
    let mut board = Board::open(Path::new("/"), None).expect("the running machine");
    board.sample(0, &mut |_, _| {});
    let report = board.report(0);
    assert!(!report.board.why.is_empty());
    // Whatever is missing is explained.
    assert!(!report.sensors.is_empty() || !report.notes.is_empty());
}

// No assertion: it compiles or it does not.
#[test]
fn a_board_can_be_moved_to_the_thread_that_samples_it() {
    fn sendable<T: Send + 'static>(_: &T) {}
    sendable(&open("pi-4b"));
}
