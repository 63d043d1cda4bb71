//! `[update]`: updates of the whole system.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::{GIB, KIB, Limit, limit};

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    // One packet of a bundle, and as much as the updater on the board takes.
    limit("update", "max_bundle_bytes", (KIB, 2.0 * GIB), " bytes"),
];

/// `[update]`: only where the system was started from an image.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Update {
    /// Directory shared with the image's update program.
    pub dir: PathBuf,
    /// Largest bundle taken, in bytes; `server.max_body_bytes` does not apply to it.
    pub max_bundle_bytes: u64,
}

impl Default for Update {
    fn default() -> Self {
        // A root slot is smaller than this, and a bundle is its packed content.
        Update {
            dir: PathBuf::from("/var/lib/mfg-drone-update"),
            max_bundle_bytes: 1024 * 1024 * 1024,
        }
    }
}
