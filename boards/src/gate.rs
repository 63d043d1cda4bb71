//! A second file of a device that says whether the first one means anything.
//!
//! A gauge without a battery says 0 %, a broken thermistor 127 °C and a fan whose wire
//! is off 0 rpm; the kernel tells so in a file beside the value. A gate that cannot be
//! read lets the value pass: not every driver has it. Allocates nothing.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::pread;

use crate::battery::{NO_CELL_V, NO_VOLTAGE, percent_left};
use crate::number::decimal;
use crate::sensor::Absence;

/// Longer than any word a gate holds.
const GATE_BYTES: usize = 32;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateKind {
    /// hwmon `tempN_fault`, `fanN_fault`: 1 is a broken sensor.
    Fault,
    /// power_supply `present`: 0 is an empty place for a battery.
    Present,
    /// thermal `mode`: `disabled` is a zone the kernel does not measure.
    Mode,
    /// power_supply `voltage_now` beside a charge, with the number of cells: no cell that
    /// is nearly full is empty, and where there is no voltage there is no battery. A gauge
    /// that lost its memory says 0 %, and one without a battery too.
    Cells(u8),
    /// power_supply `voltage_now` of a battery that is taken for one cell, because nobody
    /// says how many it has.
    OneCell,
    /// power_supply `status` beside a charge: none that is full is empty.
    Full,
    /// power_supply `energy_now` or `charge_now` beside a charge, with the `…_full` that the
    /// gauge has learned: what it has counted. The two are of different models (a gauge
    /// leaves a reserve out of one, or allows for the cold), so they may differ, and the
    /// first one counts; far apart, one of them is made up, and nobody knows which.
    Counted,
}

/// A lithium cell with so much, µV, has a fifth of its charge at least.
const NOT_EMPTY_UV: f64 = 3_600_000.0;
/// More than any lithium cell has: there are more of them than was thought.
const MORE_THAN_ONE_UV: f64 = 4_450_000.0;

/// More than two models of one battery differ by, %: reserves make a fifth, and common
/// gauges (bq27xxx) allow for the cold in what is full and not in what is left, a third.
const CONTRADICTS_PCT: f64 = 40.0;

/// The file and its kind.
#[derive(Debug)]
pub(crate) struct Gate {
    path: PathBuf,
    kind: GateKind,
    /// What [`GateKind::Counted`] divides by.
    full: Option<PathBuf>,
}

impl Gate {
    pub(crate) fn new(path: PathBuf, kind: GateKind) -> Gate {
        let name = path.file_name().and_then(|name| name.to_str());
        let counted = name.filter(|_| kind == GateKind::Counted);
        let full = counted.and_then(|name| Some(format!("{}_full", name.strip_suffix("_now")?)));
        Gate {
            full: full.map(|full| path.with_file_name(full)),
            path,
            kind,
        }
    }

    /// Why `value`, as it was read, means nothing now, if it does.
    pub(crate) fn closed(&self, value: &[u8]) -> Option<Absence> {
        // Only an empty battery is asked whether it is one.
        let doubts_empty = matches!(self.kind, GateKind::Cells(_) | GateKind::Full);
        if doubts_empty && percent_left(value) != Ok(0.0) {
            return None;
        }
        let mut buffer = [0; GATE_BYTES];
        let said = read(&self.path, &mut buffer)?;
        if self.kind == GateKind::Counted {
            let mut buffer = [0; GATE_BYTES];
            let full = read(self.full.as_ref()?, &mut buffer)?;
            return contradicted(value, decimal(said).ok()?, decimal(full).ok()?);
        }
        self.kind.closed_by(said)
    }
}

fn read<'a>(path: &Path, buffer: &'a mut [u8; GATE_BYTES]) -> Option<&'a [u8]> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty()).ok()?;
    let length = pread(&file, buffer.as_mut_slice(), 0).ok()?;
    Some(&buffer[..length])
}

/// Whether the charge that was read cannot be of a battery with `now` of `full`. A gauge
/// that has not learned what full is has counted nothing.
fn contradicted(value: &[u8], now: f64, full: f64) -> Option<Absence> {
    let charge = percent_left(value).ok()?;
    // In the cold more may be left than is full.
    let counted = (100.0 * now / full).clamp(0.0, 100.0);
    let is_apart = full > 0.0 && (charge - counted).abs() > CONTRADICTS_PCT;
    is_apart.then_some(Absence::Contradicted(
        "the charge, and the energy or charge that the gauge has counted, are far apart",
    ))
}

impl GateKind {
    fn closed_by(self, bytes: &[u8]) -> Option<Absence> {
        match self {
            GateKind::Fault => decimal(bytes)
                .is_ok_and(|value| value != 0.0)
                .then_some(Absence::Faulty),
            GateKind::Present => decimal(bytes)
                .is_ok_and(|value| value == 0.0)
                .then_some(Absence::Unavailable("no battery is inserted")),
            GateKind::Cells(cells) => match decimal(bytes).ok()? / f64::from(cells) {
                cell if cell < NO_CELL_V * 1e6 => Some(NO_VOLTAGE),
                cell if (NOT_EMPTY_UV..=MORE_THAN_ONE_UV).contains(&cell) => {
                    Some(Absence::Contradicted(
                        "the gauge says 0 %, the voltage is not an empty battery's",
                    ))
                }
                _ => None,
            },
            GateKind::Full => {
                bytes
                    .trim_ascii()
                    .eq_ignore_ascii_case(b"full")
                    .then_some(Absence::Contradicted(
                        "the gauge says 0 %, and that the battery is full",
                    ))
            }
            GateKind::OneCell => decimal(bytes)
                .is_ok_and(|microvolts| microvolts > MORE_THAN_ONE_UV)
                .then_some(Absence::Unavailable("nobody says how many cells it has")),
            // It takes two files.
            GateKind::Counted => None,
            GateKind::Mode => bytes
                .trim_ascii()
                .eq_ignore_ascii_case(b"disabled")
                .then_some(Absence::Unavailable("the thermal zone is disabled")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_driver_s_own_word_closes_a_gate() {
        assert_eq!(GateKind::Fault.closed_by(b"1\n"), Some(Absence::Faulty));
        assert_eq!(GateKind::Fault.closed_by(b"0\n"), None);
        assert_eq!(GateKind::Fault.closed_by(b"noise"), None);
        assert!(GateKind::Present.closed_by(b"0\n").is_some());
        assert_eq!(GateKind::Present.closed_by(b"1\n"), None);
        assert!(GateKind::Mode.closed_by(b"disabled\n").is_some());
        assert_eq!(GateKind::Mode.closed_by(b"enabled\n"), None);
        assert!(GateKind::Full.closed_by(b"Full\n").is_some());
        assert_eq!(GateKind::Full.closed_by(b"Discharging\n"), None);
    }

    #[test]
    fn a_charge_and_what_was_counted_may_differ_but_not_by_much() {
        let is_closed = |charge: &[u8], now, full| contradicted(charge, now, full).is_some();
        assert!(is_closed(b"80\n", 2e6, 50e6));
        assert!(is_closed(b"4\n", 45e6, 50e6));
        // A reserve of a fifth, and the cold.
        assert!(!is_closed(b"60\n", 42e6, 50e6));
        assert!(!is_closed(b"65\n", 75e6, 50e6));
        assert!(is_closed(b"50\n", 2e6, 50e6));
        // What is full was never learned.
        assert!(!is_closed(b"80\n", 2e6, 0.0));
        assert!(!is_closed(b"80\n", 2e6, -1.0));
        // A share is one of the two, as well.
        assert!(is_closed(b"2000000\n50000000\n-\n-\n", 4e6, 5e6));
        assert!(!is_closed(b"noise\n", 4e6, 5e6));
    }
}
