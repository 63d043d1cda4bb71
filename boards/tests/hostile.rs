//! Trees that mislead: values that are not of now, words that are not alarms, numbers
//! that wander, and a table so full that it could hide what the board is judged by.

use std::fs;
use std::path::Path;

use boards::{Absence, Board, Freshness, MAX_SENSORS, Role, Tree};

fn of_files(files: &[(&str, &str)]) -> Board {
    let lines = files
        .iter()
        .map(|(path, text)| format!("/sys/{path} = \"{text}\\n\"\n"));
    let manifest = format!("# boards manifest 1\n{}", lines.collect::<String>());
    let tree = Tree::from_manifest(&manifest).expect("a manifest");
    let mut board = Board::of(tree, None);
    board.sample(0, &mut |_, _| {});
    board
}

fn worth(board: &Board, name: &str, now_ms: u64) -> Freshness {
    let sensors = board.sensors();
    let index = sensors
        .find(name)
        .unwrap_or_else(|_| panic!("{name} is not among {:?}", sensors.all()));
    sensors.value(index, now_ms)
}

fn names(board: &Board) -> Vec<&str> {
    let all = board.sensors().all().iter();
    all.map(|sensor| sensor.name.as_str()).collect()
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join("sys").join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::write(path, format!("{text}\n")).expect("file");
}

fn take_away(root: &Path, path: &str) {
    fs::remove_dir_all(root.join("sys").join(path)).expect("removed");
}

/// A board on a directory, sampled on the test's own thread.
fn open(root: &Path) -> Board {
    let mut board = Board::open(root, None).expect("a tree").read_inline();
    board.sample(0, &mut |_, _| {});
    board
}

/// A system on the one and data on the other: the second is worn out.
#[test]
fn of_two_soldered_media_each_is_judged() {
    let medium = |number: u8, file: &str| format!("bus/mmc/devices/mmc{number}:0001/{file}");
    let dir = tempfile::tempdir().expect("directory");
    for (number, life, reserve) in [(0, "0x01 0x01", "0x01"), (2, "0x0b 0x0b", "0x03")] {
        put(dir.path(), &medium(number, "type"), "MMC");
        put(dir.path(), &medium(number, "life_time"), life);
        put(dir.path(), &medium(number, "pre_eol_info"), reserve);
    }
    let board = open(dir.path());
    for (role, worst) in [(Role::SdWear, 110.0), (Role::SdReserve, 3.0)] {
        let values = board.sensors().by_role(role);
        let values = values.filter_map(|index| board.sensors().value(index, 0).value());
        let all: Vec<f64> = values.collect();
        assert_eq!(
            (all.len(), all.contains(&worst)),
            (2, true),
            "{role:?}: {all:?}"
        );
    }
}

/// `in_temp_peak_raw` is the highest value since the chip was reset: it never comes down.
#[test]
fn what_a_chip_remembers_is_no_value_of_now() {
    let board = of_files(&[
        ("bus/iio/devices/iio:device0/name", "hdc3020"),
        ("bus/iio/devices/iio:device0/in_temp_raw", "25000"),
        ("bus/iio/devices/iio:device0/in_temp_scale", "1"),
        ("bus/iio/devices/iio:device0/in_temp_peak_raw", "99000"),
        ("bus/iio/devices/iio:device0/in_temp_trough_raw", "-20000"),
        (
            "bus/iio/devices/iio:device0/in_humidityrelative_peak_raw",
            "1",
        ),
    ]);
    assert_eq!(names(&board), ["iio:hdc3020:temp"]);
}

/// What the class calls warm and cool is charged more slowly, and is no fault.
#[test]
fn a_battery_that_is_warm_is_not_unhealthy_and_none_is_neither() {
    let unhealthy = |word: &str| {
        let board = of_files(&[
            ("class/power_supply/b/type", "Battery"),
            ("class/power_supply/b/health", word),
        ]);
        worth(&board, "power:b:unhealthy", 0)
    };
    for (word, expected) in [
        ("Good", 0.0),
        ("Warm", 0.0),
        ("Cool", 0.0),
        ("Overheat", 1.0),
        ("Cold", 1.0),
        ("Cell imbalance", 1.0),
    ] {
        assert_eq!(unhealthy(word).value(), Some(expected), "{word}");
    }
    let none = unhealthy("No battery");
    assert!(
        matches!(none, Freshness::Absent(Absence::Unavailable(_))),
        "{none:?}"
    );
}

#[test]
fn alarms_of_the_humidity_are_alarms() {
    let board = of_files(&[
        ("class/hwmon/hwmon0/name", "sht3x"),
        ("class/hwmon/hwmon0/humidity1_input", "98000"),
        ("class/hwmon/hwmon0/humidity1_alarm", "1"),
    ]);
    let alarms: Vec<_> = board.sensors().by_role(Role::Alarm).collect();
    assert_eq!(alarms.len(), 1, "{:?}", board.sensors().all());
    assert_eq!(board.sensors().value(alarms[0], 0).value(), Some(1.0));
}

/// Where the clock cannot be lowered the kernel makes the processor pause.
#[test]
fn a_processor_that_is_made_to_pause_is_slowed_down() {
    for kind in ["idle-cpu0", "thermal-idle-0"] {
        let board = of_files(&[
            ("class/thermal/cooling_device0/type", kind),
            ("class/thermal/cooling_device0/cur_state", "30"),
        ]);
        let throttled = board.sensors().by_role(Role::Throttled).next();
        let value = throttled.map(|index| board.sensors().value(index, 0).value());
        assert_eq!(value, Some(Some(1.0)), "{kind}");
    }
}

/// Three hundred zones come before the supply's alarm, the battery and the clock.
#[test]
fn a_full_table_does_not_hide_what_the_board_is_judged_by() {
    let zones = (0..300).map(|number| {
        let path = format!("/sys/class/thermal/thermal_zone{number}");
        format!("{path}/type = \"zone{number}\\n\"\n{path}/temp = \"40000\\n\"\n")
    });
    let manifest = format!(
        "# boards manifest 1\n{}{}",
        zones.collect::<String>(),
        "/sys/class/hwmon/hwmon0/name = \"rpi_volt\\n\"
/sys/class/hwmon/hwmon0/in0_lcrit_alarm = \"1\\n\"
/sys/class/power_supply/b/type = \"Battery\\n\"
/sys/class/power_supply/b/capacity = \"4\\n\"
/proc/uptime = \"10.0 20.0\\n\"
"
    );
    let tree = Tree::from_manifest(&manifest).expect("a manifest");
    let mut board = Board::of(tree, None);
    board.sample(0, &mut |_, _| {});
    let judged = |role| {
        let index = board.sensors().by_role(role).next()?;
        board.sensors().value(index, 0).value()
    };
    assert_eq!(judged(Role::SocTemperature), Some(40.0));
    assert_eq!(judged(Role::Undervoltage), Some(1.0));
    assert_eq!(judged(Role::CompanionBattery), Some(4.0));
    assert_eq!(judged(Role::Uptime), Some(10.0));
    let left_out = board.sensors().left_out();
    assert_eq!(board.sensors().all().len(), MAX_SENSORS);
    assert_eq!(left_out.count, 300 + 3 - MAX_SENSORS);
    assert!(left_out.names.iter().all(|name| name.contains("zone")));
}

/// A mark that turns the direction of writing makes one name read as another.
#[test]
fn what_a_driver_prints_turns_no_text_round() {
    let board = of_files(&[
        ("class/hwmon/hwmon0/name", "chip"),
        ("class/hwmon/hwmon0/temp1_input", "40000"),
        (
            "class/hwmon/hwmon0/temp1_label",
            "a\u{202e}b\u{2066}c\u{200f}",
        ),
    ]);
    let label = &board.sensors().all()[0].label;
    assert_eq!(label, "a\u{fffd}b\u{fffd}c\u{fffd}");
}

/// Wi-Fi drivers count their radios: after a reload of the driver, or on another port for
/// a moment, the first is the fourth.
#[test]
fn a_radio_whose_driver_counts_on_is_the_same_radio() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let radio = |number: u32, milli_c: &str| {
        let chip = format!("class/hwmon/hwmon{number}");
        put(
            dir.path(),
            &format!("{chip}/name"),
            &format!("mt7921_phy{number}"),
        );
        put(dir.path(), &format!("{chip}/temp1_input"), milli_c);
        let zone = format!("class/thermal/thermal_zone{number}");
        put(
            dir.path(),
            &format!("{zone}/type"),
            &format!("iwlwifi_{}", number + 1),
        );
        put(dir.path(), &format!("{zone}/temp"), milli_c);
    };
    radio(0, "50000");
    let mut board = open(dir.path());
    let before: Vec<String> = names(&board).into_iter().map(str::to_owned).collect();
    assert_eq!(before, ["thermal:iwlwifi_1", "hwmon:mt7921_phy0:temp1"]);
    for entry in ["class/hwmon/hwmon0", "class/thermal/thermal_zone0"] {
        take_away(dir.path(), entry);
    }
    radio(3, "61000");
    board.sample(20_000, &mut |_, _| {});
    assert_eq!(names(&board), before);
    for name in &before {
        assert_eq!(worth(&board, name, 20_000).value(), Some(61.0), "{name}");
    }
}

/// Its driver may set another gain at each start.
#[test]
fn a_converter_that_comes_back_with_another_scale_is_read_by_that() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let converter = |scale: &str| {
        let path = "bus/iio/devices/iio:device0";
        put(dir.path(), &format!("{path}/in_voltage0_raw"), "1000");
        put(dir.path(), &format!("{path}/in_voltage0_scale"), scale);
        put(dir.path(), &format!("{path}/name"), "ads1015");
    };
    converter("3");
    let mut board = open(dir.path());
    let value = |board: &Board, now_ms| worth(board, "iio:ads1015:voltage0", now_ms).value();
    assert_eq!(value(&board, 0), Some(3.0));
    take_away(dir.path(), "bus/iio/devices/iio:device0");
    board.sample(10_000, &mut |_, _| {});
    converter("0.125");
    board.sample(20_000, &mut |_, _| {});
    assert_eq!(value(&board, 20_000), Some(0.125));
}

/// The kernel tells no wear of an NVMe disk, but whether it has given it up.
#[test]
fn a_disk_that_the_kernel_gave_up_is_an_alarm() {
    let disk = |state: &str| {
        of_files(&[
            ("class/nvme/nvme0/model", "ACME 970  "),
            ("class/nvme/nvme0/firmware_rev", "2B2Q"),
            ("class/nvme/nvme0/serial", "S3CRET"),
            ("class/nvme/nvme0/state", state),
        ])
    };
    for (state, expected) in [("live", 0.0), ("resetting", 0.0), ("dead", 1.0)] {
        let board = disk(state);
        assert_eq!(
            worth(&board, "nvme:nvme0:failed", 0).value(),
            Some(expected),
            "{state}"
        );
        let alarm = board.sensors().by_role(Role::Alarm).next();
        assert!(alarm.is_some(), "{state}");
    }
    let report = disk("live").report(0).to_string();
    for part in [
        "ACME 970, firmware 2B2Q",
        "nvme0 was not asked for its wear",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    assert!(!report.contains("S3CRET"), "{report}");
}

/// What root's own asker left in `/run`: read while it is of now and of this disk.
#[test]
fn what_a_disk_was_heard_to_say_is_its_wear_while_it_is_of_now() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
        fs::write(path, text).expect("file");
    };
    let said = |text: &str| write("run/mfg-drone-disks/nvme0", text);
    let uptime = |seconds: u64| write("proc/uptime", &format!("{seconds}.00 9.00\n"));
    write("sys/class/nvme/nvme0/model", "ACME 970\n");
    write("sys/class/nvme/nvme0/serial", "S3CRET              \n");
    uptime(100);
    let mut board = open(dir.path());
    assert!(!names(&board).iter().any(|name| name.contains("life-used")));
    // FNV-1a of `S3CRET`.
    let of_it = "de60e7b7762f2bc7";
    said(&format!("nvme1 99.00 1 83 4 10 {of_it}\n"));
    let mut worth_at = |second: u64, name: &str| {
        board.sample(second * 1_000, &mut |_, _| {});
        worth(&board, &format!("nvme:nvme0:{name}"), second * 1_000)
    };
    assert_eq!(worth_at(10, "life-used").value(), Some(83.0));
    assert_eq!(worth_at(10, "spare").value(), Some(4.0));
    assert_eq!(worth_at(10, "spare-low").value(), Some(1.0));
    assert_eq!(worth_at(10, "read-only").value(), Some(0.0));
    // Replaced by another file of that name, as it is written.
    write(
        "run/mfg-drone-disks/.nvme0.new",
        &format!("nvme1 100.00 8 84 4 10 {of_it}\n"),
    );
    let here = dir.path().join("run/mfg-drone-disks");
    fs::rename(here.join(".nvme0.new"), here.join("nvme0")).expect("renamed");
    assert_eq!(worth_at(80, "life-used").value(), Some(84.0));
    assert_eq!(worth_at(80, "read-only").value(), Some(1.0));
    let why = |now: Freshness| match now {
        Freshness::Stale { why: Some(why), .. } => why,
        other => panic!("{other:?}"),
    };
    // Nobody asks any more.
    uptime(2_600);
    assert_eq!(why(worth_at(150, "life-used")), Absence::Outdated);
    // Another disk in the same slot.
    uptime(110);
    assert_eq!(worth_at(300, "life-used").value(), Some(84.0));
    write("sys/class/nvme/nvme0/serial", "OTHER\n");
    let other = why(worth_at(400, "life-used"));
    assert!(matches!(other, Absence::Unavailable(_)), "{other:?}");
    write("sys/class/nvme/nvme0/serial", "S3CRET\n");
    said("nvme1 100.00 0 what 4 10");
    assert_eq!(why(worth_at(500, "spare")), Absence::NotANumber);
}
