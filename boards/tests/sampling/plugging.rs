//! Any order of plugging and unplugging, compared with a model.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use crate::bench::Bench;

/// What is plugged in where: by kind of zone, its number and temperature.
type Plugged = BTreeMap<u8, (u8, i32)>;

#[derive(Debug, Clone)]
enum Step {
    Plug { kind: u8, number: u8, milli_c: i32 },
    Unplug { kind: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    // Now and then a value no sensor gives.
    let milli_c = prop_oneof![4 => -20_000..104_000_i32, 1 => Just(-274_000)];
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

/// What is done to monitors of one kind, which only their address tells apart: plugged in
/// under a number, taken out, or all renumbered at once.
#[derive(Debug, Clone)]
enum Move {
    Plug {
        address: u8,
        number: u8,
        millivolts: u16,
    },
    Unplug {
        address: u8,
    },
    Rotate,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0..4_u8, 0..6_u8, 1..9_000_u16)
            .prop_map(|(address, number, millivolts)| Move::Plug { address, number, millivolts }),
        1 => (0..4_u8).prop_map(|address| Move::Unplug { address }),
        2 => Just(Move::Rotate),
    ]
}

/// Where the monitors are: by address, their number and millivolts.
type Monitors = BTreeMap<u8, (u8, u16)>;

fn path(number: u8) -> String {
    format!("sys/class/hwmon/hwmon{number}")
}

fn make(bench: &Bench, address: u8, number: u8, millivolts: u16) {
    bench.put(
        &format!("{}/in1_input", path(number)),
        &format!("{millivolts}\n"),
    );
    let link = bench.dir.path().join(path(number)).join("device");
    symlink(format!("../../../1-004{address}"), link).expect("link");
    bench.put(&format!("{}/name", path(number)), "ina219\n");
}

fn do_move(step: &Move, monitors: &mut Monitors, bench: &Bench) {
    match *step {
        Move::Plug {
            address,
            number,
            millivolts,
        } => {
            let is_there = |at: &u8, is: &(u8, u16)| *at == address || is.0 == number;
            monitors.retain(|at, is| {
                if is_there(at, is) {
                    bench.remove(&path(is.0));
                }
                !is_there(at, is)
            });
            make(bench, address, number, millivolts);
            monitors.insert(address, (number, millivolts));
        }
        Move::Unplug { address } => {
            if let Some((number, _)) = monitors.remove(&address) {
                bench.remove(&path(number));
            }
        }
        Move::Rotate => {
            for (number, _) in monitors.values() {
                bench.remove(&path(*number));
            }
            for (address, (number, millivolts)) in monitors.iter_mut() {
                *number = (*number + 1) % 6;
                make(bench, *address, *number, *millivolts);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever numbers monitors of one kind get, each sample is of the one at its address:
    /// at once, not only when all has settled.
    #[test]
    fn equal_chips_are_never_taken_for_each_other(steps in proptest::collection::vec(any_move(), 1..12)) {
        let mut bench = Bench::new(&[]);
        let mut monitors = Monitors::new();
        let mut now_ms = 0;
        for step in &steps {
            do_move(step, &mut monitors, &bench);
            // (No whole number of searches: a step comes between two of them, too.)
            for _ in 0..61 {
                now_ms += 2_000;
                bench.sample(now_ms);
                for (index, sensor) in bench.board.sensors().iter() {
                    let Some(rest) = sensor.name.strip_prefix("hwmon:ina219@1-004") else {
                        continue;
                    };
                    let address: u8 = rest[..1].parse().expect("an address");
                    let is_volts = rest.ends_with(":in1");
                    let now = bench.board.sensors().value(index, now_ms).value();
                    let expected = monitors.get(&address).map(|(_, milli)| f64::from(*milli) / 1e3);
                    prop_assert!(!is_volts || now.is_none() || now == expected, "{}: {now:?}", sensor.name);
                }
            }
            for (address, (_, millivolts)) in &monitors {
                let name = format!("hwmon:ina219@1-004{address}:in1");
                let index = bench.board.sensors().find(&name).expect("found");
                let now = bench.board.sensors().value(index, now_ms).value();
                prop_assert_eq!(now, Some(f64::from(*millivolts) / 1e3), "{} after {:?}", name, step);
            }
        }
    }
}
