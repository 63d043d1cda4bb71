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
