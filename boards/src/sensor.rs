//! One sensor: what it is, what it last said, and why it says nothing.
//!
//! "Unknown" is a state of its own here. A sensor that cannot be read is
//! [`Absence`] with a reason, never zero and never the last value for ever.

use std::fmt;

use rustix::io::Errno;
use serde::Serialize;

use crate::quantity::{Quantity, Range, Role};

/// Which sensor, for as long as the [`Sensors`](crate::Sensors) live: a sensor
/// that vanishes keeps its place, and a new one is added behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SensorIndex(pub(crate) u16);

impl SensorIndex {
    /// The place in [`Sensors::all`](crate::Sensors::all).
    pub fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// What a sensor is. It does not change while the sensor is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sensor {
    /// Unique, and the same at every start however devices are numbered, for example
    /// `thermal:cpu-thermal`, `hwmon:rpi_volt:in0_lcrit_alarm` or
    /// `hwmon:ina219@1-0042:in1`.
    pub name: String,
    /// What it was called before names said where a sensor is, if that was otherwise;
    /// two sensors may share it.
    pub formerly: Option<String>,
    /// For people: the driver's or the profile's label.
    pub label: String,
    /// The interface, battery or zone it belongs to, where there is one (`wlan0`).
    pub subject: Option<String>,
    /// What is measured.
    pub quantity: Quantity,
    /// What it means to the board.
    pub role: Role,
    /// Values outside are faults, not readings.
    pub range: Range,
    /// Computed from another quantity by a curve rather than measured.
    pub estimated: bool,
    /// The file it is read from, as a path of the tree.
    pub source: String,
    /// Milliseconds between samples.
    pub period_ms: u64,
    /// A reading older than this is stale.
    pub max_age_ms: u64,
}

/// One value read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reading {
    /// In the unit of the sensor's quantity.
    pub value: f64,
    /// On the caller's monotonic clock.
    pub at_ms: u64,
}

impl Reading {
    /// A flag's meaning.
    pub fn is_set(self) -> bool {
        self.value != 0.0
    }
}

/// What one attempt to sample gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// A value.
    Reading(Reading),
    /// None, and why.
    Absent(Absence),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Absence {
    /// Nobody has sampled it so far.
    NotYetRead,
    /// The file or the device behind it is gone (`ENOENT`, `ENODEV`, `ENXIO`).
    Vanished,
    /// The device has no value just now (`EAGAIN`, `EBUSY`, `ENODATA`, `ETIMEDOUT`).
    NotReady,
    /// Reading is not permitted (`EACCES`, `EPERM`).
    Denied,
    /// Reading failed with this error number.
    Io(i32),
    /// What was read is not what this kind of file holds.
    NotANumber,
    /// A value that no working sensor of this kind gives.
    Implausible(f64),
    /// The driver says that the sensor is broken or its wire is off.
    Faulty,
    /// Two files of one device say what cannot both be so: which.
    Contradicted(&'static str),
    /// A temperature that rose by more at once than anything heats: from, to.
    Jumped(f64, f64),
    /// The read did not end in time, or its bus still hangs in an earlier one.
    Stuck,
    /// Another program measures it, and has not done so for too long.
    Outdated,
    /// The source says itself that it has nothing.
    Unavailable(&'static str),
}

impl Absence {
    pub(crate) fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NODEV | Errno::NXIO => Absence::Vanished,
            Errno::AGAIN | Errno::BUSY | Errno::NODATA | Errno::TIMEDOUT => Absence::NotReady,
            Errno::ACCESS | Errno::PERM => Absence::Denied,
            other => Absence::Io(other.raw_os_error()),
        }
    }

    /// Whether the sensor is there, and says what cannot be or that it is broken.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(
            self,
            Absence::Faulty
                | Absence::Implausible(_)
                | Absence::Jumped(..)
                | Absence::Contradicted(_)
        )
    }

    /// Whether that is trouble also of a sensor that never had a value: it is there, and
    /// what it says is at fault, or who measures it.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        self.is_fault() || matches!(self, Absence::NotANumber | Absence::Outdated)
    }

    /// A short word for a metric's label or a script.
    pub fn kind(self) -> &'static str {
        match self {
            Absence::NotYetRead => "not_yet_read",
            Absence::Vanished => "vanished",
            Absence::NotReady => "not_ready",
            Absence::Denied => "denied",
            Absence::Io(_) => "io",
            Absence::NotANumber => "not_a_number",
            Absence::Implausible(_) => "implausible",
            Absence::Faulty => "faulty",
            Absence::Jumped(..) => "jumped",
            Absence::Contradicted(_) => "contradicted",
            Absence::Stuck => "stuck",
            Absence::Outdated => "outdated",
            Absence::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::NotYetRead => f.write_str("not read yet"),
            Absence::Vanished => {
                f.write_str("gone: unplugged or its driver unloaded; looked for again")
            }
            Absence::NotReady => f.write_str("the device has no value now; tried again later"),
            Absence::Denied => f.write_str("not permitted: give the service's user read access"),
            Absence::Io(errno) => {
                write!(
                    f,
                    "read failed: {}",
                    std::io::Error::from_raw_os_error(*errno)
                )
            }
            Absence::NotANumber => f.write_str("the file holds no value of this kind"),
            Absence::Implausible(value) => {
                write!(f, "implausible value {value}: sensor or driver fault")
            }
            Absence::Faulty => {
                f.write_str("the driver says that the sensor is faulty: check it and its wire")
            }
            Absence::Stuck => f.write_str(
                "not read in time: its bus or its driver is stuck; the others are read on",
            ),
            Absence::Outdated => f.write_str(
                "not asked for too long: see mfg-drone-disks.timer and mfg-drone-disks.service",
            ),
            Absence::Jumped(from, to) => write!(
                f,
                "rose from {from} °C to {to} °C at once: fault of the sensor or its wire"
            ),
            Absence::Contradicted(how) => write!(f, "it contradicts itself: {how}"),
            Absence::Unavailable(reason) => f.write_str(reason),
        }
    }
}

/// What a sensor is worth at some instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Freshness {
    /// Read within the sensor's `max_age_ms`.
    Fresh(Reading),
    /// The last attempts gave nothing (or were not made); this is the last
    /// value, which must not be judged by.
    Stale {
        /// The last value.
        last: Reading,
        /// Why there is none since; `None` when nobody sampled.
        why: Option<Absence>,
    },
    /// No value.
    Absent(Absence),
}

impl Freshness {
    /// The value, if it may be judged by.
    pub fn value(self) -> Option<f64> {
        match self {
            Freshness::Fresh(reading) => Some(reading.value),
            _ => None,
        }
    }
}
