//! One battery, told by several files of the kernel's `power_supply` class: which of them
//! counts, and what is told when they contradict one another.

use std::fs;
use std::path::Path;

use boards::{Absence, Board, Freshness, Role};

const BATTERY: &str = "sys/class/power_supply/b";

fn put(root: &Path, file: &str, text: &str) {
    let directory = root.join(BATTERY);
    fs::create_dir_all(&directory).expect("directory");
    fs::write(directory.join(file), format!("{text}\n")).expect("file");
}

struct Battery {
    dir: tempfile::TempDir,
    board: Board,
    now_ms: u64,
}

impl Battery {
    fn of(files: &[(&str, &str)]) -> Battery {
        let dir = tempfile::tempdir().expect("temporary directory");
        put(dir.path(), "type", "Battery");
        for (file, text) in files {
            put(dir.path(), file, text);
        }
        let board = Board::open(dir.path(), None).expect("board").read_inline();
        Battery {
            dir,
            board,
            now_ms: 0,
        }
    }

    /// Its charge, after a minute in which these files changed.
    fn after(&mut self, files: &[(&str, &str)]) -> Freshness {
        for (file, text) in files {
            put(self.dir.path(), file, text);
        }
        self.now_ms += 60_000;
        self.board.sample(self.now_ms, &mut |_, _| {});
        let sensors = self.board.sensors();
        let mut charges = sensors.by_role(Role::CompanionBattery);
        let charge = charges.next().expect("a charge");
        assert_eq!(charges.next(), None, "one battery, one charge");
        sensors.value(charge, self.now_ms)
    }
}

fn charge(files: &[(&str, &str)]) -> Freshness {
    Battery::of(files).after(&[])
}

fn is_contradicted(now: Freshness) -> bool {
    match now {
        Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => {
            matches!(why, Absence::Contradicted(_)) && why.is_fault()
        }
        _ => false,
    }
}

#[test]
fn the_gauges_own_word_counts_before_what_it_has_counted() {
    for what in ["energy", "charge"] {
        let (now, full) = (format!("{what}_now"), format!("{what}_full"));
        let files = [
            ("capacity", "60"),
            (&*now, "42000000"),
            (&*full, "50000000"),
        ];
        assert_eq!(charge(&files).value(), Some(60.0), "{what}");
    }
}

#[test]
fn energy_counts_before_charge() {
    let both = [
        ("energy_now", "20000000"),
        ("energy_full", "50000000"),
        ("charge_now", "3000000"),
        ("charge_full", "5000000"),
    ];
    assert_eq!(charge(&both).value(), Some(40.0));
}

#[test]
fn what_cannot_both_be_so_is_a_fault_and_no_value() {
    let counted = |capacity, now| [("capacity", capacity), ("energy_now", now)];
    let full = ("energy_full", "50000000");
    for (capacity, now) in [("80", "2000000"), ("4", "45000000"), ("0", "45000000")] {
        let [capacity, now] = counted(capacity, now);
        let told = charge(&[capacity, now, full]);
        assert!(is_contradicted(told), "{capacity:?}, {now:?}: {told:?}");
    }
    let two = charge(&[
        ("energy_now", "2000000"),
        ("energy_full", "50000000"),
        ("charge_now", "4500000"),
        ("charge_full", "5000000"),
    ]);
    assert!(is_contradicted(two), "{two:?}");
    // A count of nothing, while the voltage is that of a full cell.
    let empty = charge(&[
        ("energy_now", "0"),
        ("energy_full", "50000000"),
        ("voltage_now", "4100000"),
    ]);
    assert!(is_contradicted(empty), "{empty:?}");
}

#[test]
fn a_fault_that_is_over_is_over() {
    let mut battery = Battery::of(&[
        ("capacity", "80"),
        ("charge_now", "100000"),
        ("charge_full", "5000000"),
    ]);
    assert!(is_contradicted(battery.after(&[])));
    let mended = battery.after(&[("charge_now", "3900000")]);
    assert_eq!(mended.value(), Some(80.0));
}

#[test]
fn an_old_battery_holds_less_than_it_was_made_for() {
    let old = [
        ("capacity", "95"),
        ("charge_now", "2400000"),
        ("charge_full_design", "5000000"),
    ];
    assert_eq!(charge(&old).value(), Some(95.0));
    // Where nothing else is told it is what there is.
    assert_eq!(charge(&old[1..]).value(), Some(48.0));
    // And a place without a battery contradicts nothing.
    let away = [("capacity", "0"), ("present", "0"), ("energy_now", "45")];
    let away = charge(&[away[0], away[1], away[2], ("energy_full", "50")]);
    assert!(
        matches!(away, Freshness::Absent(Absence::Unavailable(_))),
        "{away:?}"
    );
}

#[test]
fn what_is_left_in_an_empty_battery_is_not_counted() {
    let files = [
        ("energy_now", "12000000"),
        ("energy_full", "52000000"),
        ("energy_empty", "2000000"),
    ];
    assert_eq!(charge(&files).value(), Some(20.0));
    let average = [("charge_avg", "1000000"), ("charge_full", "4000000")];
    assert_eq!(charge(&average).value(), Some(25.0));
}

/// No entry of a class comes or goes with a pack in a bay.
#[test]
fn another_pack_in_the_same_bay_holds_what_it_holds() {
    let mut bay = Battery::of(&[
        ("present", "0"),
        ("energy_now", "0"),
        ("energy_full", "0"),
        ("energy_full_design", "40000000"),
    ]);
    assert_eq!(bay.after(&[]).value(), None);
    let small = [
        ("present", "1"),
        ("energy_now", "20000000"),
        ("energy_full", "40000000"),
    ];
    assert_eq!(bay.after(&small).value(), Some(50.0));
    let large = [("energy_full", "100000000")];
    assert_eq!(bay.after(&large).value(), Some(20.0));
    // It has not learned what full is: what it was made for will do.
    assert_eq!(bay.after(&[("energy_full", "0")]).value(), Some(50.0));
    let nothing = bay.after(&[("energy_full_design", "0")]);
    assert_eq!(nothing.value(), None, "never a division by nothing");
}

/// A place of which only the voltage is told: without a battery it is nothing, not 0 %.
#[test]
fn a_place_without_a_voltage_is_no_empty_battery() {
    let mut bay = Battery::of(&[("voltage_now", "3800000")]);
    assert_eq!(bay.after(&[]).value(), Some(58.0));
    let taken_out = bay.after(&[("voltage_now", "12000")]);
    assert!(
        matches!(
            taken_out,
            Freshness::Stale {
                why: Some(Absence::Unavailable(_)),
                ..
            }
        ),
        "{taken_out:?}"
    );
    assert_eq!(bay.after(&[("voltage_now", "3000000")]).value(), Some(0.0));
    // Three cells where one was: nobody says so.
    assert_eq!(bay.after(&[("voltage_now", "11100000")]).value(), None);
    // One that is put in later.
    let mut empty = Battery::of(&[("voltage_now", "0"), ("present", "0")]);
    assert_eq!(empty.after(&[]).value(), None);
    let put_in = empty.after(&[("voltage_now", "3300000"), ("present", "1")]);
    assert_eq!(put_in.value(), Some(5.0));
}

/// A driver shows a file that its chip does not fill. (A directory stands for it: nothing
/// reads one.)
#[test]
fn a_capacity_that_never_reads_is_as_none() {
    let energy = [("energy_now", "20000000"), ("energy_full", "50000000")];
    let charge = [("charge_now", "3000000"), ("charge_full", "5000000")];
    let level = [("capacity_level", "Low")];
    let all = [&energy[..], &charge, &level].concat();
    for (from, percent) in [(0, Some(40.0)), (2, Some(60.0)), (4, Some(15.0)), (5, None)] {
        let mut battery = Battery::of(&[]);
        let battery_dir = battery.dir.path().join(BATTERY);
        fs::create_dir(battery_dir.join("capacity")).expect("directory");
        for (file, text) in &all[from..] {
            put(battery.dir.path(), file, text);
        }
        let board = Board::open(battery.dir.path(), None).expect("board");
        battery.board = board.read_inline();
        let told = battery.after(&[]);
        assert_eq!(told.value(), percent, "{:?}: {told:?}", &all[from..]);
        // The gauge has learned it.
        fs::remove_dir(battery_dir.join("capacity")).expect("removed");
        assert_eq!(battery.after(&[("capacity", "52")]).value(), Some(52.0));
        // One failure of what was read before is no reason to believe another.
        fs::remove_file(battery_dir.join("capacity")).expect("removed");
        fs::create_dir(battery_dir.join("capacity")).expect("directory");
        assert_eq!(battery.after(&[]).value(), None);
    }
}

/// A driver fills the file with what is no charge: nothing, words, an error's number.
#[test]
fn a_capacity_that_never_is_a_charge_is_as_none() {
    for capacity in ["", "N/A", "-1", "255", "65535", "12 13"] {
        let energy = [("energy_now", "20000000"), ("energy_full", "50000000")];
        let garbled = [("capacity", capacity)];
        let told = charge(&[&garbled[..], &energy].concat());
        assert_eq!(told.value(), Some(40.0), "{capacity:?}: {told:?}");
        let told = charge(&[&garbled[..], &[("capacity_level", "Low")]].concat());
        assert_eq!(told.value(), Some(15.0), "{capacity:?}: {told:?}");
        // With nothing to read instead it is trouble, and told.
        let alone = charge(&garbled);
        let Freshness::Absent(why) = alone else {
            panic!("{capacity:?}: {alone:?}");
        };
        assert!(why.is_trouble(), "{capacity:?}: {why}");
    }
    // What was a charge is not doubted in favour of another one: it is unknown.
    let mut battery = Battery::of(&[
        ("capacity", "60"),
        ("charge_now", "3000000"),
        ("charge_full", "5000000"),
    ]);
    assert_eq!(battery.after(&[]).value(), Some(60.0));
    let garbled = battery.after(&[("capacity", "")]);
    assert!(
        matches!(garbled, Freshness::Stale { why: Some(why), .. } if why.is_trouble()),
        "{garbled:?}"
    );
    assert_eq!(battery.after(&[("capacity", "59")]).value(), Some(59.0));
}
