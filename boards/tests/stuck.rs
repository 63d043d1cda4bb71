//! A chip that does not answer costs its own values and nobody else's. Pipes stand for
//! the files of its driver: whoever reads them waits in the kernel.
//!
//! These tests take seconds: they wait for the patience with a driver to end.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use boards::{Absence, Board, Freshness, Handles, Role, Sample, Tree};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const DAMAGED: &str = "sys/class/hwmon/hwmon1/temp1_input";

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::write(path, text).expect("file");
}

/// A pipe in place of a file, and its other end.
fn hang(root: &Path, path: &str) -> File {
    let path = root.join(path);
    if path.exists() {
        fs::remove_file(&path).expect("removed");
    }
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("pipe");
    let both = OpenOptions::new().read(true).write(true).open(path);
    both.expect("opened")
}

/// A processor, and three chips of which the last two share a bus.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary directory");
    put(
        dir.path(),
        "sys/class/thermal/thermal_zone0/type",
        "cpu-thermal\n",
    );
    put(
        dir.path(),
        "sys/class/thermal/thermal_zone0/temp",
        "48000\n",
    );
    for (number, device) in [(0, "1-0048"), (1, "7-0048"), (2, "7-0049")] {
        let path = format!("sys/class/hwmon/hwmon{number}");
        put(dir.path(), &format!("{path}/name"), "lm75\n");
        put(dir.path(), &format!("{path}/temp1_input"), "31000\n");
        let link = dir.path().join(path).join("device");
        std::os::unix::fs::symlink(format!("../../../{device}"), link).expect("link");
    }
    // Read at another rate than the temperatures, so never together with them.
    put(dir.path(), "sys/class/hwmon/hwmon2/fan1_input", "900\n");
    dir
}

fn open(root: &Path) -> Board {
    let tree = Tree::open(root).expect("tree").with_handles(Handles::Pipes);
    Board::of(tree, None)
}

fn worth(board: &Board, name: &str, now_ms: u64) -> Freshness {
    let index = board
        .sensors()
        .find(name)
        .unwrap_or_else(|_| panic!("{name}"));
    board.sensors().value(index, now_ms)
}

#[test]
fn a_bus_that_hangs_takes_only_its_own_values() {
    let dir = tree();
    let mut board = open(dir.path());
    board.sample(0, &mut |_, _| {});
    assert!(
        worth(&board, "hwmon:lm75@7-0048:temp1", 0)
            .value()
            .is_some()
    );

    let mut pipe = hang(dir.path(), DAMAGED);
    put(
        dir.path(),
        "sys/class/thermal/thermal_zone0/temp",
        "95000\n",
    );
    // A minute of it.
    for second in 1..60 {
        let now_ms = second * 1_000;
        let mut soc = None;
        let hot = board.sensors().by_role(Role::SocTemperature).next();
        board.sample(now_ms, &mut |index, sample| {
            if let (Some(index), Sample::Reading(reading)) = (hot.filter(|h| *h == index), sample) {
                soc = Some((index, reading.value));
            }
        });
        if second % 2 == 0 {
            assert_eq!(soc.map(|(_, celsius)| celsius), Some(95.0), "{second} s");
        }
    }
    let now_ms = 59_000;
    assert_eq!(
        worth(&board, "hwmon:lm75@1-0048:temp1", now_ms).value(),
        Some(31.0)
    );
    let of_bus = ["7-0048:temp1", "7-0049:temp1", "7-0049:fan1"];
    for name in of_bus.map(|channel| format!("hwmon:lm75@{channel}")) {
        let name = name.as_str();
        let worth = worth(&board, name, now_ms);
        assert!(
            matches!(
                worth,
                Freshness::Stale {
                    why: Some(Absence::Stuck),
                    ..
                }
            ),
            "{name}: {worth:?}"
        );
    }
    let sensors = board.sensors();
    assert_eq!(
        (sensors.hung(), sensors.counters().late),
        (1, 1),
        "not a thread a second"
    );

    // The driver comes back with a value that nobody may believe any more.
    fs::remove_file(dir.path().join(DAMAGED)).expect("removed");
    put(dir.path(), DAMAGED, "33000\n");
    pipe.write_all(b"99000\n").expect("written");
    let mut now_ms = now_ms;
    while board.sensors().hung() > 0 {
        now_ms += 2_000;
        board.sample(now_ms, &mut |_, _| {});
    }
    assert_eq!(
        worth(&board, "hwmon:lm75@7-0048:temp1", now_ms).value(),
        Some(33.0)
    );
    assert_eq!(
        worth(&board, "hwmon:lm75@7-0049:temp1", now_ms).value(),
        Some(31.0)
    );
}

#[test]
fn a_device_that_hangs_a_search_does_not_keep_the_board_from_starting() {
    let dir = tree();
    let mut pipe = hang(dir.path(), "sys/class/hwmon/hwmon1/name");
    let mut board = open(dir.path());
    board.sample(0, &mut |_, _| {});
    assert_eq!(worth(&board, "thermal:cpu-thermal", 0).value(), Some(48.0));
    assert_eq!(
        worth(&board, "hwmon:lm75@1-0048:temp1", 0).value(),
        Some(31.0)
    );
    let stuck: Vec<&str> = board.sensors().stuck_devices().collect();
    assert_eq!(stuck, ["/sys/class/hwmon/hwmon1"]);
    let report = board.report(0).to_string();
    assert!(
        report.contains("/sys/class/hwmon/hwmon1 does not answer"),
        "{report}"
    );

    fs::remove_file(dir.path().join("sys/class/hwmon/hwmon1/name")).expect("removed");
    put(dir.path(), "sys/class/hwmon/hwmon1/name", "lm75\n");
    pipe.write_all(b"lm75\n").expect("written");
    drop(pipe);
    let mut now_ms = 0;
    while board.sensors().hung() > 0 {
        now_ms += 1_000;
        board.sample(now_ms, &mut |_, _| {});
    }
    board.sample(now_ms + 10_000, &mut |_, _| {});
    let found = worth(&board, "hwmon:lm75@7-0048:temp1", now_ms + 10_000);
    assert_eq!(found.value(), Some(31.0));
}

/// Puts a pipe in place of a file, that answers every reader after a while: a conversion
/// on 1-wire.
fn answer_slowly(root: &Path, path: &str, text: &'static str) {
    drop(hang(root, path));
    let path = root.join(path);
    std::thread::spawn(move || {
        // Opening waits for the next reader; the test's end removes the pipe.
        while let Ok(mut pipe) = OpenOptions::new().write(true).open(&path) {
            #[expect(clippy::disallowed_methods, reason = "how long the device takes")]
            std::thread::sleep(std::time::Duration::from_millis(750));
            // A reader that is gone is no fault of the thermometer.
            let _ = pipe.write_all(text.as_bytes());
        }
    });
}

/// One conversion is within the patience with a driver, three one after the other are not.
#[test]
fn thermometers_that_share_a_slow_bus_all_get_values() {
    let dir = tree();
    let wires = ["28-0316a2795c01", "28-0316a2795c02", "28-0316a2795c03"];
    for (number, wire) in (3..).zip(wires) {
        let path = format!("sys/class/hwmon/hwmon{number}");
        put(dir.path(), &format!("{path}/name"), "w1_slave_temp\n");
        put(dir.path(), &format!("{path}/temp1_input"), "20000\n");
        let link = dir.path().join(path).join("device");
        std::os::unix::fs::symlink(format!("../../../{wire}"), link).expect("link");
    }
    let mut board = open(dir.path());
    for number in 3..6 {
        let file = format!("sys/class/hwmon/hwmon{number}/temp1_input");
        answer_slowly(dir.path(), &file, "21000\n");
    }
    let mut seen = [false; 3];
    let mut now_ms = 0;
    // Enough for one conversion of each after one attempt at all together.
    for _ in 0..60 {
        board.sample(now_ms, &mut |_, _| {});
        while board.sensors().hung() > 0 {
            board.sample(now_ms, &mut |_, _| {});
            let late = board.sensors().counters().late;
            assert!(late < 3, "all together again and again");
        }
        for (seen, wire) in seen.iter_mut().zip(wires) {
            let name = format!("hwmon:w1_slave_temp@{wire}:temp1");
            *seen |= worth(&board, &name, now_ms).value() == Some(21.0);
        }
        if seen == [true; 3] {
            break;
        }
        now_ms += 2_000;
    }
    assert_eq!(seen, [true; 3], "by {now_ms} ms");
    assert_eq!(board.sensors().counters().late, 1, "together once only");
}

fn add_chip(root: &Path, number: u32, device: &str) {
    let path = format!("sys/class/hwmon/hwmon{number}");
    put(root, &format!("{path}/name"), "lm75\n");
    put(root, &format!("{path}/temp1_input"), "25000\n");
    let link = root.join(path).join("device");
    std::os::unix::fs::symlink(format!("../../../{device}"), link).expect("link");
}

/// A read shows already that a device hangs: a search need not lose a reader to learn it.
#[test]
fn a_search_leaves_out_what_a_reader_hangs_in() {
    let dir = tree();
    put(dir.path(), "sys/class/hwmon/hwmon1/temp1_crit", "95000\n");
    let mut board = open(dir.path());
    board.sample(0, &mut |_, _| {});
    let _input = hang(dir.path(), DAMAGED);
    board.sample(2_000, &mut |_, _| {});
    let _name = hang(dir.path(), "sys/class/hwmon/hwmon1/name");
    add_chip(dir.path(), 3, "3-0048");
    board.sample(20_000, &mut |_, _| {});
    let sensors = board.sensors();
    assert_eq!((sensors.hung(), sensors.counters().late), (1, 1));
    assert!(
        worth(&board, "hwmon:lm75@3-0048:temp1", 20_000)
            .value()
            .is_some()
    );
    let damaged = worth(&board, "hwmon:lm75@7-0048:temp1", 20_000);
    assert!(
        matches!(
            damaged,
            Freshness::Stale {
                why: Some(Absence::Stuck),
                ..
            }
        ),
        "not gone: {damaged:?}"
    );
    let trips = sensors
        .trip_points()
        .iter()
        .filter(|trip| trip.celsius == 95.0);
    assert_eq!(trips.count(), 1, "its limit is known still");
}

/// Each search that hangs takes a reader: they must not be all there are.
#[test]
fn searches_leave_readers_for_reads() {
    let dir = tree();
    let hang_name = |number: u32| hang(dir.path(), &format!("sys/class/hwmon/hwmon{number}/name"));
    let mut pipes = Vec::new();
    for number in 3..12 {
        add_chip(dir.path(), number, &format!("{number}-0048"));
        pipes.push(hang_name(number));
    }
    let mut board = open(dir.path());
    let after_start = board.sensors().hung();
    for turn in 1..4_u32 {
        add_chip(dir.path(), 20 + turn, &format!("{turn}-0050"));
        board.sample(u64::from(turn) * 20_000, &mut |_, _| {});
    }
    assert_eq!((after_start, board.sensors().hung()), (5, 5));
}

/// A device that takes longer than a search waits, each time.
#[test]
fn what_comes_back_from_a_hung_search_is_looked_for_less_and_less_often() {
    let dir = tree();
    let name = "sys/class/hwmon/hwmon1/name";
    let mut pipe = hang(dir.path(), name);
    let mut board = open(dir.path());
    let mut hung_at = Vec::new();
    let mut now_ms = 0;
    while hung_at.len() < 2 {
        // Its answer, too late; then it hangs anew.
        pipe.write_all(b"lm75\n").expect("written");
        drop(std::mem::replace(&mut pipe, hang(dir.path(), name)));
        while board.sensors().hung() > 0 {
            board.sample(now_ms, &mut |_, _| {});
        }
        let from_ms = now_ms;
        while board.sensors().hung() == 0 {
            now_ms += 1_000;
            board.sample(now_ms, &mut |_, _| {});
        }
        hung_at.push(now_ms - from_ms);
    }
    assert_eq!(hung_at, [10_000, 20_000]);
}
