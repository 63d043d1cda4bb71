//! `[recording]`: flights that are kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::limits::{GIB, Limit, MIB, limit};

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    limit(
        "recording",
        "max_bytes",
        (16.0 * MIB, 1024.0 * GIB),
        " bytes",
    )
    .or_zero("no recordings"),
    limit(
        "recording",
        "max_bytes_a_day",
        (MIB, 1024.0 * GIB),
        " bytes",
    )
    .hint(": what is written wears out the SD card"),
    limit("recording", "max_days", (1.0, 3650.0), " days").or_zero("never by age"),
];

/// What is recorded of a drone's video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordedVideo {
    /// Nothing.
    #[default]
    Off,
    /// Whole pictures, about one a second.
    Key,
    /// Every picture.
    All,
}

/// `[recording]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Where recordings lie; empty: `recordings` in the state directory.
    pub dir: PathBuf,
    /// What is recorded of a drone's video, while it streams; its bytes count.
    pub video: RecordedVideo,
    /// Bytes of recordings kept; the oldest that are not pinned go for new ones. 0: flights
    /// are not recorded.
    pub max_bytes: u64,
    /// Bytes that recordings may write in 24 hours.
    pub max_bytes_a_day: u64,
    /// Days after which a recording goes unless it is pinned. 0: never by its age.
    pub max_days: u32,
}

impl Recording {
    /// The directory of the recordings of the gateway whose state is in `state`.
    pub(crate) fn dir_in(&self, state: &Path) -> PathBuf {
        match self.dir.as_os_str().is_empty() {
            true => state.join("recordings"),
            false => self.dir.clone(),
        }
    }
}

impl Default for Recording {
    fn default() -> Self {
        Recording {
            dir: PathBuf::new(),
            video: RecordedVideo::Off,
            // Some thousand flights of a battery each.
            max_bytes: 2_000_000_000,
            // Some four hours of three drones in the air.
            max_bytes_a_day: 500_000_000,
            max_days: 90,
        }
    }
}
