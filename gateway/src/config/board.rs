//! `[board]`: the board's own sensors.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::{Limit, limit};

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    // Faster than 5 Hz measures mostly itself.
    limit(
        "board",
        "sample_interval_ms",
        (200.0, 60_000.0),
        " milliseconds",
    ),
    limit("board", "lost_after_s", (1.0, 3600.0), " seconds"),
];

/// `[board]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Board {
    /// Whether the board's sensors are read.
    pub enabled: bool,
    /// Root of the file tree holding /sys and /proc; only tests change it. Under
    /// another root than `/` the host's figures are those of its `host.toml`.
    pub root: PathBuf,
    /// Directory of further board profiles.
    pub profiles: PathBuf,
    /// Milliseconds between samples of processor, memory and network.
    pub sample_interval_ms: u64,
    /// Seconds a metric of the board must be missing before that is an alert:
    /// more than a driver's reload or a busy bus takes.
    pub lost_after_s: u64,
    /// Names of sensors that are left out, as `boards` shows them; a `*` at the end stands
    /// for whatever follows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Meanings of channels, as in a board profile; they count before the profile's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensor: Vec<boards::Channel>,
}

impl Default for Board {
    fn default() -> Self {
        Board {
            enabled: true,
            root: PathBuf::from("/"),
            profiles: PathBuf::from("/etc/mfg-drone/boards.d"),
            sample_interval_ms: 1000,
            lost_after_s: 30,
            ignore: Vec::new(),
            sensor: Vec::new(),
        }
    }
}
