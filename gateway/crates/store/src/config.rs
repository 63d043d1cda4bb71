//! `[storage]`: where durable state lives, and how much may be written.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[storage]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The state directory: store, certificates, first keys.
    pub dir: PathBuf,
    /// Seconds between writes of histories and usage counts.
    pub batch_interval_s: u64,
    /// Days of minute history kept on disk.
    pub history_days: u32,
    /// Seconds between snapshots of the store.
    pub snapshot_interval_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            dir: PathBuf::from("/var/lib/mfg-drone"),
            batch_interval_s: 300,
            history_days: 1,
            snapshot_interval_s: 24 * 3600,
        }
    }
}
