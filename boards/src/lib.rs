//! Which board is this, and what do its sensors say?
//!
//! ```no_run
//! # use std::path::Path;
//! let mut board = boards::Board::open(Path::new("/"), Some(Path::new("/etc/mfg-drone/boards.d")))?;
//! println!("{}", board.detected().profile.name);
//! // From a thread that may wait, on any monotonic clock:
//! let now_ms = 0;
//! board.sample(now_ms, &mut |index, sample| println!("{index:?} {sample:?}"));
//! println!("{}", board.report(now_ms));
//! # Ok::<(), boards::TreeError>(())
//! ```
//!
//! The kernel shows a board's sensors as files; this crate finds them, gives
//! each a unit, a plausible range, a rate and a meaning, and reads them without
//! allocating. It runs the same on a captured directory tree. It knows nothing
//! of the gateway: a caller maps a [`Role`] to its own metrics and rules.
//!
//! Two things the kernel tells only when it is asked: a radio's stations by
//! nl80211 and the clock's state by `adjtimex`. On the running machine they are
//! asked for, on a captured tree the files that say something like it are read.
//!
//! It never writes to the board, never opens a device node, and never takes a
//! missing sensor for a failure of its own. [`ask_disks`] alone opens some, for a program
//! of root's beside the one that reads: what an NVMe disk says of its wear is in no file.

mod battery;
mod capture;
mod decode;
mod detect;
mod discover;
mod disk_health;
mod gate;
mod hot_plug;
mod kernel;
mod lanes;
mod location;
mod manifest;
mod number;
mod probe;
mod profile;
mod quantity;
mod rates;
mod readers;
mod redact;
mod report;
mod sampler;
mod sensor;
mod source;
mod tree;

use std::path::Path;
use std::sync::Arc;

pub use battery::Curve;
pub use capture::{CaptureSummary, capture};
pub use detect::{Confidence, Detected, detect};
pub use discover::{Fact, LeftOut, MAX_SENSORS, TripKind, TripPoint};
pub use disk_health::ask_disks;
pub use manifest::ManifestError;
pub use profile::{
    Address, Channel, DeviceAddress, Fan, Hat, HatMatch, Id, Led, Matches, Power, Profile,
    ProfileError, Profiles, Reset, ResetFormat, Sign, Thermal, Throttling, TreePath, Uart,
    Watchdog, Words,
};
pub use quantity::{Quantity, Range, Role};
pub use report::{BoardReport, Report, SensorReport, report};
pub use sampler::{Counters, Sensors, TemperatureLimits};
pub use sensor::{Absence, Freshness, Reading, Sample, Sensor, SensorIndex};
pub use tree::{Handles, Tree, TreeError};

/// A board and its sensors.
#[derive(Debug)]
pub struct Board {
    tree: Tree,
    detected: Detected,
    sensors: Sensors,
}

impl Board {
    /// Detects the board of a tree (`/` for this one; a directory or a capture
    /// for another) and finds its sensors. A user's profiles come from
    /// `profile_dir`; those that are refused are listed by
    /// [`Board::problems`] and do not stop anything.
    ///
    /// # Errors
    /// The tree does not exist or is no capture.
    pub fn open(root: &Path, profile_dir: Option<&Path>) -> Result<Self, TreeError> {
        Ok(Self::of(Tree::open(root)?, profile_dir))
    }

    /// The same for a tree that is already open.
    pub fn of(tree: Tree, profile_dir: Option<&Path>) -> Self {
        Self::described(tree, profile_dir, Words::default())
    }

    /// The same with what the user says of it beside any profile.
    pub fn described(tree: Tree, profile_dir: Option<&Path>, words: Words) -> Self {
        let profiles = Arc::new(profile_dir.map_or_else(Profiles::embedded, Profiles::load));
        let mut detected = detect(&tree, &profiles);
        detected.words = Arc::new(words);
        let sensors = Sensors::open(&tree, &detected);
        Board {
            tree,
            detected,
            sensors,
        }
    }

    /// Has the calling thread read by itself, and hang by itself: an allocation counter
    /// sees one thread only.
    #[doc(hidden)]
    #[must_use]
    pub fn read_inline(mut self) -> Self {
        self.sensors.read_inline();
        self
    }

    /// Which board, and why.
    pub fn detected(&self) -> &Detected {
        &self.detected
    }

    /// What the sensors are and what they last said.
    pub fn sensors(&self) -> &Sensors {
        &self.sensors
    }

    /// The tree everything is read from.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Profiles that were refused.
    pub fn problems(&self) -> &[ProfileError] {
        self.detected.profiles.problems()
    }

    /// Temperatures at which the kernel or the firmware does something.
    pub fn trip_points(&self) -> &[TripPoint] {
        self.sensors.trip_points()
    }

    /// Looks for devices that came or went when that is due, then reads every
    /// sensor that is due and calls back for each. May block on a slow bus.
    pub fn sample(&mut self, now_ms: u64, emit: &mut dyn FnMut(SensorIndex, Sample)) {
        self.sensors.rescan(now_ms);
        self.sensors.sample(now_ms, emit);
    }

    /// Keeps the place of a sensor that is gone, or lets another have it when the
    /// table is full. A caller holds what it still tells somebody about.
    pub fn hold(&mut self, index: SensorIndex, held: bool) {
        self.sensors.hold(index, held);
    }

    /// When the next [`Board::sample`] has something to do.
    pub fn next_due_ms(&self) -> u64 {
        self.sensors.next_due_ms()
    }

    /// Everything known at `now_ms`.
    pub fn report(&self, now_ms: u64) -> Report {
        report(&self.detected, &self.sensors, now_ms)
    }
}
