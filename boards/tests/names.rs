//! Sensors are known by where they are, never by the number they got at this boot.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use boards::{Board, Role, Tree};

fn folder(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join(name)
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::write(path, text).expect("file");
}

/// `(name, role, value)` of every sensor, by name.
fn told(board: &Board, now_ms: u64) -> Vec<(String, Role, Option<f64>)> {
    let sensors = board.sensors();
    let mut told: Vec<_> = sensors
        .iter()
        .map(|(index, sensor)| {
            let value = sensors.value(index, now_ms).value();
            (sensor.name.clone(), sensor.role, value)
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

fn of_text(body: &str) -> Board {
    let tree = Tree::from_manifest(&format!("# boards manifest 1\n{body}")).expect("a manifest");
    let mut board = Board::of(tree, None);
    board.sample(0, &mut |_, _| {});
    board
}

/// Names that were given are kept: rules, histories and other people's dashboards hold
/// them. A file here is never edited; a further tree brings a further file.
#[test]
fn names_once_given_are_kept() {
    let write = std::env::var_os("WRITE_NAMES").is_some();
    let mut trees = 0;
    for entry in fs::read_dir(folder("trees")).expect("trees") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|extension| extension != "tree") {
            continue;
        }
        trees += 1;
        let board = Board::open(&path, None).expect("a tree");
        let mut names: Vec<String> = board
            .sensors()
            .all()
            .iter()
            .map(|sensor| format!("{} {:?}\n", sensor.name, sensor.role))
            .collect();
        names.sort();
        let golden = folder("names").join(path.with_extension("names").file_name().expect("name"));
        if write && !golden.exists() {
            fs::write(&golden, names.concat()).expect("written");
        }
        let kept = fs::read_to_string(&golden).unwrap_or_default();
        // More sensors may be found in a tree than before; none loses its name or meaning.
        let lost: Vec<&str> = kept
            .lines()
            .filter(|line| !names.contains(&format!("{line}\n")))
            .collect();
        assert!(
            !kept.is_empty() && lost.is_empty(),
            "{}: {lost:?} is not among\n{}",
            golden.display(),
            names.concat()
        );
    }
    assert!(trees >= 14);
}

/// One INA219 watches the battery of a HAT, another a rail of 5 V.
fn two_monitors(battery: u8, rail: u8) -> String {
    let chip = |number: u8, device: &str, millivolts: u32| {
        let path = format!("/sys/class/hwmon/hwmon{number}");
        format!(
            "{path}/name = \"ina219\\n\"\n{path}/in1_input = \"{millivolts}\\n\"\n{path}/curr1_input = \"-500\\n\"\n{path}/device -> ../../../{device}\n"
        )
    };
    chip(battery, "1-0042", 7_680) + &chip(rail, "1-0045", 5_050)
}

#[test]
fn two_equal_chips_that_swap_their_numbers_at_boot_stay_themselves() {
    let (before, after) = (of_text(&two_monitors(0, 1)), of_text(&two_monitors(1, 0)));
    assert_eq!(told(&before, 0), told(&after, 0));
    let battery = told(&before, 0)
        .into_iter()
        .find(|(name, ..)| name == "hwmon:ina219@1-0042:in1");
    let expected = (Role::CompanionBatteryVoltage, Some(7.68));
    assert_eq!(
        battery.map(|(_, role, value)| (role, value)),
        Some(expected)
    );
}

/// The same with a converter each, whose bus has another number, too.
#[test]
fn a_bus_that_is_renumbered_keeps_its_chips() {
    let chip = |bus: u8, device: u8| {
        let path = format!("/sys/bus/iio/devices/iio:device{device}");
        let real = format!(
            "/sys/devices/platform/soc/fe804000.i2c/i2c-{bus}/{bus}-0048/iio:device{device}"
        );
        format!(
            "{path} -> ../../../..{real}\n{real}/name = \"ads1115\\n\"\n{real}/in_voltage0_input = \"1200\\n\"\n"
        )
    };
    let by_node = |bus: u8| {
        let path = "/sys/class/hwmon/hwmon0";
        format!(
            "{path}/name = \"lm75\\n\"\n{path}/temp1_input = \"31000\\n\"\n{path}/device -> ../../../{bus}-0049\n{path}/of_node -> ../../../../firmware/devicetree/base/soc/i2c@7e804000/lm75@49\n"
        )
    };
    for bodies in [[chip(1, 0), chip(3, 2)], [by_node(1), by_node(4)]] {
        let [before, after] = bodies.map(|body| told(&of_text(&body), 0));
        assert_eq!(before, after);
        assert!(before[0].2.is_some(), "{before:?}");
    }
}

#[test]
fn numbers_that_swap_while_it_runs_swap_no_values() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let chip = |number: u8, device: &str, millivolts: &str| {
        let path = format!("sys/class/hwmon/hwmon{number}");
        put(dir.path(), &format!("{path}/name"), "ina219\n");
        put(dir.path(), &format!("{path}/in1_input"), millivolts);
        let link = dir.path().join(path).join("device");
        symlink(format!("../../../{device}"), link).expect("link");
    };
    chip(0, "1-0042", "7680\n");
    chip(1, "1-0045", "5050\n");
    let mut board = Board::open(dir.path(), None).expect("board");
    board.sample(0, &mut |_, _| {});
    let before = told(&board, 0);
    let hwmon = dir.path().join("sys/class/hwmon");
    for (from, to) in [("hwmon0", "x"), ("hwmon1", "hwmon0"), ("x", "hwmon1")] {
        fs::rename(hwmon.join(from), hwmon.join(to)).expect("renamed");
    }
    // Before the ten seconds of a search are over.
    board.sample(2_000, &mut |_, _| {});
    assert_eq!(told(&board, 2_000), before);
}

#[test]
fn a_converter_that_is_plugged_in_again_is_the_one_it_was() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let plug = |number: u8| {
        let device = format!("sys/devices/platform/x.i2c/i2c-1/1-0048/iio:device{number}");
        put(dir.path(), &format!("{device}/name"), "ads1115\n");
        put(dir.path(), &format!("{device}/in_voltage0_input"), "1200\n");
        let bus = dir.path().join("sys/bus/iio/devices");
        fs::create_dir_all(&bus).expect("bus");
        symlink(
            format!("../../../../{device}"),
            bus.join(format!("iio:device{number}")),
        )
        .expect("link");
    };
    plug(0);
    let mut board = Board::open(dir.path(), None).expect("board");
    board.sample(0, &mut |_, _| {});
    let before = told(&board, 0);
    assert_eq!(before.len(), 1, "{before:?}");
    fs::remove_file(dir.path().join("sys/bus/iio/devices/iio:device0")).expect("unplugged");
    board.sample(10_000, &mut |_, _| {});
    plug(3);
    board.sample(20_000, &mut |_, _| {});
    assert_eq!(told(&board, 20_000), before);
}

/// Two mice of one model; each comes back under a higher number.
#[test]
fn a_mouse_is_known_by_itself() {
    let mouse = |number: u8, serial: &str, charge: u8| {
        let path = format!("/sys/class/power_supply/hidpp_battery_{number}");
        format!(
            "{path}/type = \"Battery\\n\"\n{path}/scope = \"Device\\n\"\n{path}/capacity = \"{charge}\\n\"\n{path}/model_name = \"Wireless Mouse\\n\"\n{path}/serial_number = \"{serial}\\n\"\n"
        )
    };
    let before = told(&of_text(&(mouse(0, "aa", 10) + &mouse(1, "bb", 90))), 0);
    let after = told(&of_text(&(mouse(7, "bb", 90) + &mouse(9, "aa", 10))), 0);
    assert_eq!(before, after);
    assert_eq!(before.len(), 2);
}

fn with_profile(body: &str, sensors: &str) -> (Board, tempfile::TempDir) {
    let profiles = tempfile::tempdir().expect("temporary directory");
    let text = format!("id = \"acme\"\nname = \"Acme\"\n[match]\nmodel = [\"Acme\"]\n{sensors}");
    put(profiles.path(), "acme.toml", &text);
    let manifest = format!("# boards manifest 1\n/proc/device-tree/model = \"Acme 1\\0\"\n{body}");
    let tree = Tree::from_manifest(&manifest).expect("a manifest");
    let mut board = Board::of(tree, Some(profiles.path()));
    assert_eq!(board.problems(), []);
    board.sample(0, &mut |_, _| {});
    (board, profiles)
}

const RAIL: &str =
    "[[sensor]]\nchip = \"ina219\"\nchannel = \"in1\"\nrole = \"undervoltage\"\nlabel = \"Rail\"\n";

#[test]
fn a_description_that_fits_two_chips_is_refused_with_both_named() {
    let (board, _dir) = with_profile(&two_monitors(0, 1), RAIL);
    let [why] = board.sensors().refused() else {
        panic!("{:?}", board.sensors().refused());
    };
    for part in ["acme.toml", "1-0042", "1-0045", "ina219", "in1", "address"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(board.sensors().by_role(Role::Undervoltage).next().is_none());
    assert!(board.report(0).to_string().contains(why));
}

#[test]
fn a_description_means_one_chip_by_address_or_device() {
    for which in [
        "address = \"0045\"",
        "address = \"1-0045\"",
        "device = \"1-0045\"",
    ] {
        for numbers in [(0, 1), (1, 0)] {
            let body = two_monitors(numbers.0, numbers.1);
            let (board, _dir) = with_profile(&body, &format!("{RAIL}{which}\n"));
            assert!(board.sensors().refused().is_empty(), "{which}");
            let index = board
                .sensors()
                .by_role(Role::Undervoltage)
                .next()
                .expect("held");
            assert_eq!(
                board.sensors().sensor(index).name,
                "hwmon:ina219@1-0045:in1"
            );
        }
    }
}

#[test]
fn a_description_means_a_channel_by_the_drivers_label() {
    let body = "/sys/class/hwmon/hwmon0/name = \"ina3221\\n\"
/sys/class/hwmon/hwmon0/in1_input = \"5000\\n\"
/sys/class/hwmon/hwmon0/in1_label = \"VDD_GPU\\n\"
/sys/class/hwmon/hwmon0/in2_input = \"12100\\n\"
/sys/class/hwmon/hwmon0/in2_label = \"VDD_IN\\n\"
/sys/class/hwmon/hwmon0/device -> ../../../1-0040
";
    let words = "[[sensor]]\nchip = \"ina3221\"\nlabel = \"VDD_IN\"\nrole = \"companion_battery_voltage\"\n";
    let (board, _dir) = with_profile(body, words);
    let index = board
        .sensors()
        .by_role(Role::CompanionBatteryVoltage)
        .next()
        .expect("held");
    assert_eq!(
        board.sensors().sensor(index).name,
        "hwmon:ina3221@1-0040:in2"
    );
}

#[test]
fn a_hat_on_two_busses_is_neither() {
    let body = two_monitors(0, 1).replace("1-0045", "3-0042");
    let board = of_text(&body);
    let [why] = board.sensors().refused() else {
        panic!("{:?}", board.sensors().refused());
    };
    assert!(why.contains("1-0042") && why.contains("3-0042"), "{why}");
    assert!(board.sensors().hats().is_empty());
}

#[test]
fn an_old_name_means_its_sensor_while_it_is_one() {
    let one = of_text(
        &two_monitors(0, 1)
            .lines()
            .take(4)
            .map(|l| format!("{l}\n"))
            .collect::<String>(),
    );
    let found = one.sensors().find("hwmon:ina219:in1").expect("one");
    assert_eq!(one.sensors().sensor(found).name, "hwmon:ina219@1-0042:in1");
    let two = of_text(&two_monitors(0, 1));
    let both = ["hwmon:ina219@1-0042:in1", "hwmon:ina219@1-0045:in1"].map(str::to_owned);
    for name in ["hwmon:ina219:in1", "hwmon:ina219:in1#2"] {
        assert_eq!(two.sensors().find(name), Err(both.to_vec()), "{name}");
    }
    assert_eq!(two.sensors().find("hwmon:none:in1"), Err(Vec::new()));
}

/// What a user sends has the names that the user sees, although nothing of
/// `/sys/devices` is in it.
#[test]
fn a_capture_has_the_same_names() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let device = "sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0048";
    put(
        dir.path(),
        &format!("{device}/iio:device0/name"),
        "ads1115\n",
    );
    put(
        dir.path(),
        &format!("{device}/iio:device0/in_voltage0_input"),
        "1200\n",
    );
    put(dir.path(), &format!("{device}/hwmon/hwmon0/name"), "lm75\n");
    put(
        dir.path(),
        &format!("{device}/hwmon/hwmon0/temp1_input"),
        "31000\n",
    );
    for class in ["sys/bus/iio/devices", "sys/class/hwmon"] {
        fs::create_dir_all(dir.path().join(class)).expect("class");
    }
    let link = |target: &str, path: &str| symlink(target, dir.path().join(path)).expect("link");
    link(
        &format!("../../../../{device}/iio:device0"),
        "sys/bus/iio/devices/iio:device0",
    );
    link(
        &format!("../../../{device}/hwmon/hwmon0"),
        "sys/class/hwmon/hwmon0",
    );
    link("../../../1-0048", &format!("{device}/hwmon/hwmon0/device"));
    let board = Board::open(dir.path(), None).expect("board");
    let mut text = Vec::new();
    boards::capture(board.tree(), &mut text).expect("captured");
    let again = Tree::from_manifest(&String::from_utf8(text).expect("text")).expect("opens");
    let names = |board: &Board| -> Vec<String> {
        board
            .sensors()
            .all()
            .iter()
            .map(|sensor| sensor.name.clone())
            .collect()
    };
    let expected = [
        "hwmon:lm75@fe804000.i2c-0048:temp1",
        "iio:ads1115@fe804000.i2c-0048:voltage0",
    ];
    assert_eq!(names(&board), expected);
    assert_eq!(names(&Board::of(again, None)), expected);
}

#[test]
fn a_users_own_words_count_before_a_profile_and_leave_sensors_out() {
    let words = |text: &str| -> boards::Words {
        boards::Words {
            sensors: vec![toml::from_str(text).expect("a description")],
            ignored: vec!["hwmon:ina219@1-0042:curr*".to_owned(), "uptime".to_owned()],
        }
    };
    let body = two_monitors(0, 1) + "/proc/uptime = \"1.0 1.0\\n\"\n";
    let tree = Tree::from_manifest(&format!("# boards manifest 1\n{body}")).expect("a manifest");
    let text = "chip = \"ina219\"\nchannel = \"in1\"\naddress = \"0045\"\nlabel = \"5 V rail\"\nfactor = 2.0";
    let mut board = Board::described(tree, None, words(text));
    board.sample(0, &mut |_, _| {});
    let names: Vec<&str> = board
        .sensors()
        .all()
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    assert!(
        !names.contains(&"uptime") && !names.contains(&"hwmon:ina219@1-0042:curr1"),
        "{names:?}"
    );
    assert!(names.contains(&"hwmon:ina219@1-0045:curr1"), "{names:?}");
    let rail = board
        .sensors()
        .find("hwmon:ina219@1-0045:in1")
        .expect("found");
    assert_eq!(board.sensors().sensor(rail).label, "5 V rail");
    assert_eq!(board.sensors().value(rail, 0).value(), Some(10.1));
}

/// The host of a card and a clock are counted at each boot; their controllers stay.
#[test]
fn a_card_and_a_clock_are_known_by_their_controllers() {
    let at = |number: u8| {
        let card = format!("/sys/bus/mmc/devices/mmc{number}:0001");
        let clock = format!("/sys/class/rtc/rtc{number}");
        let real_card =
            format!("/sys/devices/platform/soc/fe340000.mmc/mmc_host/mmc{number}/mmc{number}:0001");
        let real_clock = format!("/sys/devices/platform/soc/soc:rpi_rtc/rtc/rtc{number}");
        of_text(&format!(
            "{card} -> ../../../..{real_card}\n{real_card}/type = \"MMC\\n\"\n{real_card}/life_time = \"0x01 0x02\\n\"\n{clock} -> ../../..{real_clock}\n{real_clock}/battery_voltage = \"3000000\\n\"\n"
        ))
    };
    let (first, then) = (at(0), at(1));
    assert_eq!(told(&first, 0), told(&then, 0));
    let sensors = then.sensors();
    for (former, name) in [
        ("mmc:mmc1:0001:life-used", "mmc:fe340000.mmc:life-used"),
        ("rtc:rtc1:battery", "rtc:soc:rpi_rtc:battery"),
    ] {
        let index = sensors.find(former).expect("by its former name");
        assert_eq!(sensors.sensor(index).name, name);
    }
}
