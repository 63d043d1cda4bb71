//! What sampling costs: an hour of board time over a tree, for a counter of
//! instructions. With `--sysinfo` the same hour of sysinfo's temperatures,
//! which it reads of the running machine only.
//!
//! ```sh
//! CARGO_PROFILE_SHIP_STRIP=none cargo build --profile ship -p boards --example sample_cost
//! valgrind --tool=callgrind --toggle-collect='*one_hour*' \
//!     target/ship/examples/sample_cost boards/tests/trees/pi-4b.tree
//! ```
//!
//! `--made 60` makes up a board of so many sensors: chips on six busses.
//!
//! Descriptors are kept open as on a running board. The kernel's own work is
//! not in the count.
#![expect(clippy::disallowed_methods, reason = "measures real time")]

use std::path::Path;
use std::time::Instant;

use boards::{Board, Handles, Tree};
use sysinfo::Components;

/// Seconds of board time.
const HOUR: u64 = 3_600;

/// What an hour took.
struct Hour {
    what: &'static str,
    sensors: usize,
    samples: u64,
    reads: u64,
}

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "/".to_owned());
    let start = Instant::now();
    let made = std::env::args()
        .nth(2)
        .and_then(|number| number.parse().ok());
    let hour = if let ("--made", Some(sensors)) = (argument.as_str(), made) {
        match Tree::from_manifest(&made_up(sensors)) {
            Ok(tree) => one_hour_of_boards(&mut Board::of(tree.with_handles(Handles::Keep), None)),
            Err(error) => fail(&error.to_string()),
        }
    } else if argument == "--sysinfo" {
        match Components::new_with_refreshed_list() {
            Ok(mut components) => one_hour_of_sysinfo(&mut components),
            Err(error) => fail(&error.to_string()),
        }
    } else {
        match Tree::open(Path::new(&argument)) {
            Ok(tree) => one_hour_of_boards(&mut Board::of(tree.with_handles(Handles::Keep), None)),
            Err(error) => fail(&error.to_string()),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "{}: {} sensors, {} samples from {} reads in an hour; {:.2} µs a sample, {:.5} % of a core",
        hour.what,
        hour.sensors,
        hour.samples,
        hour.reads,
        seconds * 1e6 / hour.samples.max(1) as f64,
        seconds / HOUR as f64 * 100.0,
    ));
}

/// So many channels, four a chip, on six busses.
fn made_up(sensors: u32) -> String {
    let mut text = String::from("# boards manifest 1\n");
    for sensor in 0..sensors {
        let (chip, channel) = (sensor / 4, sensor % 4);
        let path = format!("/sys/class/hwmon/hwmon{chip}");
        if channel == 0 {
            let (bus, address) = (chip % 6, 0x40 + chip / 6);
            text += &format!(
                "{path}/name = \"ina3221\\n\"\n{path}/device -> ../../../{bus}-{address:04x}\n"
            );
        }
        text += &format!("{path}/in{channel}_input = \"{}\\n\"\n", 5_000 + sensor);
    }
    text
}

#[expect(clippy::print_stdout, reason = "an example for the command line")]
fn say(line: &str) {
    println!("{line}");
}

fn fail(reason: &str) -> ! {
    say(reason);
    std::process::exit(2);
}

#[inline(never)]
fn one_hour_of_boards(board: &mut Board) -> Hour {
    let mut samples = 0;
    for second in 0..HOUR {
        board.sample(second * 1_000, &mut |_, _| samples += 1);
    }
    Hour {
        what: "boards",
        sensors: board.sensors().all().len(),
        samples,
        reads: board.sensors().counters().reads,
    }
}

/// sysinfo has one rate for all: that of the temperatures here.
#[inline(never)]
fn one_hour_of_sysinfo(components: &mut Components) -> Hour {
    let mut samples = 0;
    for _ in 0..HOUR / 2 {
        components.refresh(false);
        samples += components.len() as u64;
    }
    Hour {
        what: "sysinfo",
        sensors: components.len(),
        samples,
        reads: samples,
    }
}
