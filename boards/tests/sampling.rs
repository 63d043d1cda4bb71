//! Sensors that come, go and misbehave while they are sampled, on a directory
//! that is changed under the board as a kernel would change sysfs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use boards::{Absence, Board, Freshness, Role, Sample};
use proptest::prelude::*;

struct Bench {
    dir: tempfile::TempDir,
    board: Board,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (path, text) in files {
            put(dir.path(), path, text);
        }
        let board = Board::open(dir.path(), None).expect("board");
        Bench { dir, board }
    }

    fn put(&self, path: &str, text: &str) {
        put(self.dir.path(), path, text);
    }

    fn remove(&self, path: &str) {
        let path = self.dir.path().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).expect("directory removed");
        } else {
            fs::remove_file(path).expect("file removed");
        }
    }

    /// Samples by sensor name.
    fn sample(&mut self, now_ms: u64) -> BTreeMap<String, Sample> {
        let mut seen = Vec::new();
        self.board
            .sample(now_ms, &mut |index, sample| seen.push((index, sample)));
        seen.into_iter()
            .map(|(index, sample)| (self.board.sensors().sensor(index).name.clone(), sample))
            .collect()
    }

    fn value(&self, role: Role, now_ms: u64) -> Freshness {
        let index = self
            .board
            .sensors()
            .by_role(role)
            .next()
            .expect("a sensor of the role");
        self.board.sensors().value(index, now_ms)
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    // Renamed over, so that a reader never sees half of it.
    let new = path.with_extension("new");
    fs::write(&new, text).expect("file");
    fs::rename(new, path).expect("renamed");
}

const ZONE: &str = "sys/class/thermal/thermal_zone0/temp";

fn one_zone() -> Bench {
    Bench::new(&[
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        (ZONE, "48000\n"),
    ])
}

fn absence(sample: Option<&Sample>) -> Option<Absence> {
    match sample {
        Some(Sample::Absent(absence)) => Some(*absence),
        _ => None,
    }
}

#[test]
fn each_sensor_is_read_at_its_own_rate() {
    let bench = one_zone();
    bench.put("proc/uptime", "10.0 20.0\n");
    let mut bench = Bench {
        board: Board::open(bench.dir.path(), None).expect("board"),
        dir: bench.dir,
    };
    let counts: Vec<usize> = (0..11)
        .map(|second| bench.sample(second * 1_000).len())
        .collect();
    // The zone every 2 s, the uptime every 10 s.
    assert_eq!(counts, [2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2]);
    assert_eq!(bench.board.next_due_ms(), 12_000);
}

#[test]
fn nonsense_is_absent_with_its_reason_and_recovers() {
    for (text, reason) in [
        ("hello\n", Absence::NotANumber),
        ("", Absence::NotANumber),
        ("-300000\n", Absence::Implausible(-300.0)),
        ("99999999\n", Absence::Implausible(99_999.999)),
        ("nan\n", Absence::NotANumber),
    ] {
        let mut bench = one_zone();
        bench.sample(0);
        assert_eq!(bench.value(Role::SocTemperature, 0).value(), Some(48.0));
        bench.put(ZONE, text);
        assert_eq!(
            absence(bench.sample(2_000).get("thermal:cpu-thermal")),
            Some(reason),
            "{text:?}"
        );
        // The old value is not judged by, however young.
        assert_eq!(bench.value(Role::SocTemperature, 2_000).value(), None);
        bench.put(ZONE, "49000\n");
        assert!(bench.sample(4_000).is_empty(), "backed off");
        bench.sample(6_000);
        assert_eq!(bench.value(Role::SocTemperature, 6_000).value(), Some(49.0));
    }
}

#[test]
fn a_negative_temperature_is_a_temperature() {
    let mut bench = one_zone();
    bench.put(ZONE, "-12500\n");
    bench.sample(0);
    assert_eq!(bench.value(Role::SocTemperature, 0).value(), Some(-12.5));
}

#[test]
fn a_directory_a_pipe_and_a_huge_file_do_no_harm() {
    let mut bench = one_zone();
    bench.sample(0);
    bench.remove(ZONE);
    fs::create_dir(bench.dir.path().join(ZONE)).expect("directory");
    assert_eq!(
        absence(bench.sample(2_000).values().next()),
        Some(Absence::Io(rustix::io::Errno::OPNOTSUPP.raw_os_error()))
    );
    bench.remove(ZONE);
    bench.put(ZONE, &"9".repeat(1 << 20));
    assert!(absence(bench.sample(6_000).values().next()).is_some());
    bench.remove(ZONE);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.dir.path().join(ZONE),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("pipe");
    assert!(absence(bench.sample(60_000).values().next()).is_some());
}

#[test]
fn a_value_grows_stale_when_nobody_samples() {
    let mut bench = one_zone();
    bench.sample(0);
    assert_eq!(bench.value(Role::SocTemperature, 6_000).value(), Some(48.0));
    assert!(matches!(
        bench.value(Role::SocTemperature, 6_001),
        Freshness::Stale { why: None, .. }
    ));
}

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

#[test]
fn the_marker_of_a_synchronised_clock_comes_and_goes() {
    let bench = one_zone();
    fs::create_dir_all(bench.dir.path().join("run/systemd/timesync")).expect("directory");
    let mut bench = Bench {
        board: Board::open(bench.dir.path(), None).expect("board"),
        dir: bench.dir,
    };
    bench.sample(0);
    assert_eq!(bench.value(Role::ClockSynchronised, 0).value(), Some(0.0));
    bench.put("run/systemd/timesync/synchronized", "");
    bench.sample(10_000);
    assert_eq!(
        bench.value(Role::ClockSynchronised, 10_000).value(),
        Some(1.0)
    );
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

/// What is plugged in where: by kind of zone, its number and temperature.
type Plugged = BTreeMap<u8, (u8, i32)>;

#[derive(Debug, Clone)]
enum Step {
    Plug { kind: u8, number: u8, milli_c: i32 },
    Unplug { kind: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    // Now and then a value no sensor gives.
    let milli_c = prop_oneof![4 => -20_000..110_000_i32, 1 => Just(-274_000)];
    prop_oneof![
        3 => (0..4_u8, 0..6_u8, milli_c)
            .prop_map(|(kind, number, milli_c)| Step::Plug { kind, number, milli_c }),
        1 => (0..4_u8).prop_map(|kind| Step::Unplug { kind }),
    ]
}

/// Does a step to the model and to the directory.
fn apply(step: &Step, plugged: &mut Plugged, bench: &Bench) {
    let zone = |number: u8| format!("sys/class/thermal/thermal_zone{number}");
    let kind = match *step {
        Step::Plug { kind, .. } | Step::Unplug { kind } => kind,
    };
    if let Some((number, _)) = plugged.remove(&kind) {
        bench.remove(&zone(number));
    }
    if let Step::Plug {
        kind,
        number,
        milli_c,
    } = *step
    {
        // Whoever had the number is unplugged.
        if let Some(other) = plugged
            .iter()
            .find(|(_, at)| at.0 == number)
            .map(|(k, _)| *k)
        {
            plugged.remove(&other);
            bench.remove(&zone(number));
        }
        bench.put(&format!("{}/temp", zone(number)), &format!("{milli_c}\n"));
        bench.put(&format!("{}/type", zone(number)), &format!("kind{kind}\n"));
        plugged.insert(kind, (number, milli_c));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two minutes after any change, what is plugged in is read under its own
    /// name, what is not is absent, and no sensor is listed twice.
    #[test]
    fn after_any_plugging_each_zone_is_read_as_itself(steps in proptest::collection::vec(step(), 1..12)) {
        let mut bench = Bench::new(&[]);
        let mut plugged = Plugged::new();
        let mut now_ms = 0;
        for step in &steps {
            apply(step, &mut plugged, &bench);
            for _ in 0..60 {
                now_ms += 2_000;
                bench.sample(now_ms);
            }
            prop_assert!(bench.board.sensors().all().len() <= 4);
            for (index, sensor) in bench.board.sensors().iter() {
                let kind: u8 = sensor.name.trim_start_matches("thermal:kind").parse().expect("a kind");
                let expected = plugged.get(&kind).map(|(_, milli)| f64::from(*milli) / 1000.0);
                let expected = expected.filter(|celsius| *celsius > -273.0);
                let value = bench.board.sensors().value(index, now_ms).value();
                prop_assert_eq!(value, expected, "{} after {:?}", &sensor.name, step);
            }
            for kind in plugged.keys() {
                let name = format!("thermal:kind{kind}");
                prop_assert!(bench.board.sensors().all().iter().any(|s| s.name == name));
            }
        }
    }
}
