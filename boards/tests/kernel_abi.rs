//! What the kernel's ABI documents say of a value, each line with its test: a device
//! that says that it has nothing, or is broken, has no value.

use boards::{Absence, Board, Freshness, Quantity, Role, Tree};

fn board(files: &[(&str, &str)]) -> Board {
    let mut manifest = String::from("# boards manifest 1\n");
    for (path, text) in files {
        manifest.push_str(&format!("/sys/{path} = \"{text}\\n\"\n"));
    }
    let tree = Tree::from_manifest(&manifest).expect("a manifest");
    let mut board = Board::of(tree, None);
    board.sample(0, &mut |_, _| {});
    board
}

fn value(board: &Board, name: &str) -> Freshness {
    let sensors = board.sensors();
    let (index, _) = sensors
        .iter()
        .find(|(_, sensor)| sensor.name == name)
        .unwrap_or_else(|| panic!("{name} is not among {:?}", sensors.all()));
    sensors.value(index, 0)
}

fn role(board: &Board, name: &str) -> Role {
    let all = board.sensors().all();
    all.iter().find(|s| s.name == name).expect("found").role
}

#[test]
fn energy_and_charge_give_the_share_without_capacity() {
    for what in ["energy", "charge"] {
        let now = format!("class/power_supply/b/{what}_now");
        let full = format!("class/power_supply/b/{what}_full");
        let board = board(&[
            ("class/power_supply/b/type", "Battery"),
            (&now, "2000000"),
            (&full, "50000000"),
        ]);
        assert_eq!(value(&board, "power:b:charge").value(), Some(4.0));
        assert_eq!(role(&board, "power:b:charge"), Role::CompanionBattery);
    }
}

#[test]
fn a_level_and_a_health_are_alarms() {
    let board = board(&[
        ("class/power_supply/b/type", "Battery"),
        ("class/power_supply/b/capacity_level", "Critical"),
        ("class/power_supply/b/health", "Overheat"),
        ("class/power_supply/c/type", "Battery"),
        ("class/power_supply/c/capacity_level", "Normal"),
        ("class/power_supply/c/health", "Unknown"),
    ]);
    assert_eq!(value(&board, "power:b:charge_low").value(), Some(1.0));
    assert_eq!(value(&board, "power:b:unhealthy").value(), Some(1.0));
    assert_eq!(role(&board, "power:b:unhealthy"), Role::Alarm);
    assert_eq!(value(&board, "power:c:charge_low").value(), Some(0.0));
    assert!(matches!(
        value(&board, "power:c:unhealthy"),
        Freshness::Absent(Absence::Unavailable(_))
    ));
}

#[test]
fn a_place_without_a_battery_has_no_charge() {
    let board = board(&[
        ("class/power_supply/b/type", "Battery"),
        ("class/power_supply/b/present", "0"),
        ("class/power_supply/b/capacity", "0"),
    ]);
    assert!(matches!(
        value(&board, "power:b:charge"),
        Freshness::Absent(Absence::Unavailable(_))
    ));
}

#[test]
fn the_charger_of_a_mouse_is_no_external_power() {
    let board = board(&[
        ("class/power_supply/pad/type", "Wireless"),
        ("class/power_supply/pad/scope", "Device"),
        ("class/power_supply/pad/online", "1"),
    ]);
    assert_eq!(role(&board, "power:pad:connected"), Role::Other);
}

#[test]
fn a_fault_is_a_fault() {
    let board = board(&[
        ("class/hwmon/hwmon0/name", "nct6775"),
        ("class/hwmon/hwmon0/temp5_input", "127000"),
        ("class/hwmon/hwmon0/temp5_fault", "1"),
        ("class/hwmon/hwmon0/fan1_input", "0"),
        ("class/hwmon/hwmon0/fan1_fault", "1"),
        ("class/hwmon/hwmon0/fan2_input", "900"),
        ("class/hwmon/hwmon0/fan2_fault", "0"),
    ]);
    for name in ["hwmon:nct6775:temp5", "hwmon:nct6775:fan1"] {
        assert_eq!(value(&board, name), Freshness::Absent(Absence::Faulty));
    }
    assert_eq!(value(&board, "hwmon:nct6775:fan2").value(), Some(900.0));
}

#[test]
fn a_processor_is_not_at_the_ends_of_its_sensor() {
    for milli in ["-40000", "127000"] {
        let board = board(&[
            ("class/thermal/thermal_zone0/type", "cpu-thermal"),
            ("class/thermal/thermal_zone0/temp", milli),
        ]);
        assert!(
            matches!(
                value(&board, "thermal:cpu-thermal"),
                Freshness::Absent(Absence::Implausible(_))
            ),
            "{milli}"
        );
    }
}

#[test]
fn a_disabled_zone_is_not_read() {
    let board = board(&[
        ("class/thermal/thermal_zone0/type", "cpu-thermal"),
        ("class/thermal/thermal_zone0/temp", "0"),
        ("class/thermal/thermal_zone0/mode", "disabled"),
    ]);
    assert!(matches!(
        value(&board, "thermal:cpu-thermal"),
        Freshness::Absent(Absence::Unavailable(_))
    ));
}

#[test]
fn steps_without_a_scale_are_no_volts_and_a_shared_scale_counts() {
    let board = board(&[
        ("bus/iio/devices/iio:device0/name", "ads1015"),
        ("bus/iio/devices/iio:device0/in_voltage3_raw", "1500"),
        ("bus/iio/devices/iio:device1/name", "mcp3424"),
        (
            "bus/iio/devices/iio:device1/in_voltage0-voltage1_raw",
            "1500",
        ),
        ("bus/iio/devices/iio:device1/in_voltage-voltage_scale", "2"),
    ]);
    let sensors = board.sensors().all();
    let raw = sensors.iter().find(|s| s.name == "iio:ads1015:voltage3");
    assert_eq!(raw.map(|s| s.quantity), Some(Quantity::Count));
    assert_eq!(
        value(&board, "iio:mcp3424:voltage0-voltage1").value(),
        Some(3.0)
    );
}

#[test]
fn a_power_supply_s_own_chip_is_not_counted_twice() {
    let manifest = "# boards manifest 1
/sys/class/power_supply/BAT0/type = \"Battery\\n\"
/sys/class/power_supply/BAT0/voltage_now = \"12000000\\n\"
/sys/class/hwmon/hwmon0/name = \"BAT0\\n\"
/sys/class/hwmon/hwmon0/in0_input = \"12000\\n\"
/sys/class/hwmon/hwmon0/device -> ../../power_supply/BAT0
";
    let board = Board::of(Tree::from_manifest(manifest).expect("a manifest"), None);
    let all = board.sensors().all();
    let volts = all.iter().filter(|s| s.quantity == Quantity::Voltage);
    assert_eq!(volts.count(), 1, "{all:?}");
}

#[test]
fn what_the_battery_feeds_is_no_external_power() {
    for (name, role) in [
        ("ip5xxx-boost", Role::Other),
        ("usb-otg", Role::Other),
        ("ip5xxx-usb", Role::ExternalPower),
    ] {
        let path = |file: &str| format!("class/power_supply/{name}/{file}");
        let board = board(&[(&path("type"), "USB"), (&path("online"), "1")]);
        let sensors = board.sensors().all();
        assert_eq!(sensors[0].role, role, "{name}");
    }
}

#[test]
fn a_battery_without_a_gauge_is_judged_by_its_cells_or_its_level() {
    let percent = |files: &[(&str, &str)]| {
        let mut all = vec![("type", "Battery")];
        all.extend(files);
        let all: Vec<(String, &str)> = all
            .iter()
            .map(|(file, text)| (format!("class/power_supply/b/{file}"), *text))
            .collect();
        let all: Vec<(&str, &str)> = all
            .iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        let board = board(&all);
        let index = board.sensors().by_role(Role::CompanionBattery).next()?;
        assert!(board.sensors().sensor(index).estimated);
        board.sensors().value(index, 0).value().map(f64::round)
    };
    assert_eq!(percent(&[("voltage_now", "3300000")]), Some(5.0));
    let three = [
        ("voltage_now", "11100000"),
        ("voltage_max_design", "12600000"),
    ];
    assert_eq!(percent(&three), Some(40.0));
    let level = [("voltage_now", "3900000"), ("capacity_level", "Critical")];
    assert_eq!(percent(&level), Some(5.0));
    // Nobody knows how many cells.
    assert_eq!(percent(&[("voltage_now", "11100000")]), None);
    let lead = [("voltage_now", "4100000"), ("technology", "Pb")];
    assert_eq!(percent(&lead), None);
}

#[test]
fn how_long_a_battery_lasts_is_told() {
    let board = board(&[
        ("class/power_supply/b/type", "Battery"),
        ("class/power_supply/b/capacity", "80"),
        ("class/power_supply/b/time_to_empty_avg", "5400"),
        ("class/power_supply/b/cycle_count", "212"),
    ]);
    assert_eq!(value(&board, "power:b:time_to_empty").value(), Some(5400.0));
    assert_eq!(value(&board, "power:b:cycles").value(), Some(212.0));
    assert!(board.report(0).to_string().contains("1 h 30 min"));
}

#[test]
fn a_board_that_tells_no_processors_temperature_is_judged_by_what_it_has() {
    let chip = |number: u8, name: &str, milli: &str| {
        [
            (format!("class/hwmon/hwmon{number}/name"), name.to_owned()),
            (
                format!("class/hwmon/hwmon{number}/temp1_input"),
                milli.to_owned(),
            ),
        ]
    };
    let roles = |chips: &[[(String, String); 2]]| -> Vec<Role> {
        let files: Vec<(&str, &str)> = chips
            .iter()
            .flatten()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let board = board(&files);
        board
            .sensors()
            .all()
            .iter()
            .map(|sensor| sensor.role)
            .collect()
    };
    let (beside, disk) = (chip(0, "lm75", "95000"), chip(1, "nvme", "60000"));
    assert_eq!(
        roles(&[beside.clone(), disk.clone()]),
        [Role::BoardTemperature, Role::Temperature]
    );
    let processor = chip(2, "cpu_thermal", "50000");
    assert_eq!(
        roles(&[beside, disk, processor]),
        [Role::SocTemperature, Role::Temperature, Role::Temperature]
    );
}

#[test]
fn a_supplys_own_chip_is_counted_once_though_nothing_leads_to_it() {
    let board = board(&[
        ("class/power_supply/tcpm-source-psy-4-0022/type", "USB"),
        ("class/power_supply/tcpm-source-psy-4-0022/online", "1"),
        (
            "class/power_supply/tcpm-source-psy-4-0022/voltage_now",
            "5000000",
        ),
        ("class/hwmon/hwmon3/name", "tcpm_source_psy_4_0022"),
        ("class/hwmon/hwmon3/in0_input", "5000"),
    ]);
    let names: Vec<&str> = board
        .sensors()
        .all()
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    let expected =
        ["voltage", "connected"].map(|what| format!("power:tcpm-source-psy-4-0022:{what}"));
    assert_eq!(names, expected);
}

#[test]
fn thermometers_on_one_wire_and_the_cell_of_the_clock_are_read() {
    let board = board(&[
        (
            "bus/w1/devices/28-0316a2795cff/w1_slave",
            "72 01 : crc=57 YES\\n72 01 t=23125",
        ),
        ("bus/w1/devices/28-0000000000aa/temperature", "-4500"),
        ("bus/w1/devices/01-0000000000aa/temperature", "1"),
        ("class/rtc/rtc0/battery_voltage", "3012000"),
    ]);
    assert_eq!(
        value(&board, "w1:28-0316a2795cff:temp").value(),
        Some(23.125)
    );
    assert_eq!(value(&board, "w1:28-0000000000aa:temp").value(), Some(-4.5));
    assert_eq!(value(&board, "rtc:rtc0:battery").value(), Some(3.012));
    assert_eq!(board.sensors().all().len(), 3);
}

#[test]
fn a_rail_is_one_by_voltage_current_and_power() {
    let board = board(&[
        ("class/hwmon/hwmon0/name", "ina3221"),
        ("class/hwmon/hwmon0/in2_input", "5064"),
        ("class/hwmon/hwmon0/in2_label", "VDD_CPU_GPU_CV"),
        ("class/hwmon/hwmon0/curr2_input", "144"),
        ("class/hwmon/hwmon1/name", "pwm_tach"),
        ("class/hwmon/hwmon1/rpm", "2100"),
    ]);
    let sensors = board.sensors().all();
    let labels = sensors.iter().map(|sensor| sensor.label.as_str());
    assert_eq!(
        labels
            .filter(|label| label.contains("VDD_CPU_GPU_CV"))
            .count(),
        2
    );
    assert_eq!(value(&board, "hwmon:pwm_tach:rpm").value(), Some(2100.0));
}

#[test]
fn what_a_driver_prints_reaches_no_terminal_raw() {
    let board = board(&[
        ("class/hwmon/hwmon0/name", "evil\\x1b]0;x\\x07"),
        ("class/hwmon/hwmon0/temp1_input", "40000"),
        ("class/hwmon/hwmon0/temp1_label", "\\x1b[2J"),
        ("class/thermal/thermal_zone0/type", "zone\\x1b[31m"),
        ("class/thermal/thermal_zone0/temp", "40000"),
        ("firmware/devicetree/base/model", "\\x1b[1mBoard"),
    ]);
    let report = board.report(0).to_string();
    let raw = |c: char| c.is_control() && c != '\n';
    assert!(!report.contains(raw), "{report:?}");
    assert!(
        board
            .sensors()
            .all()
            .iter()
            .all(|s| !s.name.contains(raw) && !s.label.contains(raw))
    );
}

/// A gauge that was just given its battery says 0 %, and `status` is "Unknown".
#[test]
fn a_battery_that_is_nearly_full_is_not_empty() {
    let percent = |capacity: &str, microvolts: &str, more: (&str, &str)| {
        let board = board(&[
            ("class/power_supply/b/type", "Battery"),
            ("class/power_supply/b/status", "Unknown"),
            ("class/power_supply/b/capacity", capacity),
            ("class/power_supply/b/voltage_now", microvolts),
            more,
        ]);
        value(&board, "power:b:charge").value()
    };
    let one = ("class/power_supply/b/scope", "System");
    assert_eq!(percent("0", "4100000", one), None);
    assert_eq!(percent("0", "3010000", one), Some(0.0));
    assert_eq!(percent("57", "4100000", one), Some(57.0));
    // No voltage at all: the slot is empty, whatever the driver says of `present`.
    assert_eq!(percent("0", "0", one), None);
    assert_eq!(percent("0", "12000", one), None);
    let two = ("class/power_supply/b/voltage_max_design", "8400000");
    assert_eq!(percent("0", "7900000", two), None);
    assert_eq!(percent("0", "6100000", two), Some(0.0));
}

/// One of several cells, whose number nobody says, that its gauge calls full.
#[test]
fn a_battery_that_is_called_full_is_not_empty() {
    let percent = |capacity: &str, status: &str| {
        let board = board(&[
            ("class/power_supply/b/type", "Battery"),
            ("class/power_supply/b/status", status),
            ("class/power_supply/b/capacity", capacity),
            ("class/power_supply/b/voltage_now", "12600000"),
        ]);
        value(&board, "power:b:charge").value()
    };
    assert_eq!(percent("0", "Full"), None);
    assert_eq!(percent("0", "Discharging"), Some(0.0));
    assert_eq!(percent("100", "Full"), Some(100.0));
}

/// Most kernels show these thermometers as chips. Their bus is as slow then.
#[test]
fn thermometers_on_one_wire_that_are_chips_have_the_time_they_take() {
    let mut manifest = String::from("# boards manifest 1\n");
    for number in 0..20 {
        let chip = format!("/sys/class/hwmon/hwmon{number}");
        manifest.push_str(&format!(
            "{chip}/name = \"w1_slave_temp\\n\"\n{chip}/temp1_input = \"20000\\n\"\n{chip}/device -> ../../../28-0316a2795c{number:02}\n"
        ));
    }
    let tree = Tree::from_manifest(&manifest).expect("a manifest");
    let board = Board::of(tree, None);
    let all = board.sensors().all();
    assert_eq!(all.len(), 20);
    for sensor in all {
        // A turn of each takes 7.5 s with the rest after it.
        assert_eq!((sensor.period_ms, sensor.max_age_ms), (30_000, 240_000));
    }
}

/// Nobody says which of the two is the processor's, and numbers wander.
#[test]
fn of_two_zones_that_are_called_the_same_both_are_judged() {
    for (first, second) in [("45000", "95000"), ("95000", "45000")] {
        let board = board(&[
            ("class/thermal/thermal_zone0/type", "cpu-thermal"),
            ("class/thermal/thermal_zone0/temp", first),
            ("class/thermal/thermal_zone1/type", "cpu-thermal"),
            ("class/thermal/thermal_zone1/temp", second),
            ("class/thermal/thermal_zone2/type", "gpu-thermal"),
            ("class/thermal/thermal_zone2/temp", "30000"),
        ]);
        let judged = [Role::SocTemperature, Role::BoardTemperature];
        let sensors = board.sensors();
        let all = judged.map(|role| sensors.by_role(role).collect::<Vec<_>>());
        let [one, other] = all.each_ref().map(Vec::len);
        assert_eq!((one, other), (1, 1), "{:?}", sensors.all());
        let worth = all.concat().into_iter();
        let hottest = worth.filter_map(|index| sensors.value(index, 0).value());
        assert_eq!(hottest.fold(0.0, f64::max), 95.0);
    }
}
