//! `[logging]`: log files, their limits, and the journal.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::limits::{GIB, KIB, Limit, limit};

/// The ranges of its numbers.
pub(super) const LIMITS: &[Limit] = &[
    limit("logging", "max_file_bytes", (64.0 * KIB, GIB), " bytes"),
    limit("logging", "max_files", (0.0, 100.0), ""),
];

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where log lines go besides the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Journal {
    /// The journal when started by systemd, else standard error.
    #[default]
    Auto,
    /// Always the journal.
    Always,
    /// Standard error only.
    Never,
}

/// `[logging]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logging {
    /// Directory of `app.log`, `security.log`, `performance.log`; none: no files.
    pub dir: Option<PathBuf>,
    /// Level, or targets with levels: `info` or `info,mfg_drone_gateway::sources::tello=debug`.
    pub level: String,
    /// Format of the files and of standard error.
    pub format: LogFormat,
    /// Size in bytes at which a file is rotated.
    pub max_file_bytes: u64,
    /// Rotated files kept of each log.
    pub max_files: usize,
    /// Use of the systemd journal.
    pub journal: Journal,
    /// The site's syslog server (RFC 5424): `udp://HOST`, `tcp://HOST` or `tls://HOST`.
    pub syslog: Option<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Logging {
            dir: None,
            level: "info".to_owned(),
            format: LogFormat::Text,
            max_file_bytes: 4 * 1024 * 1024,
            max_files: 3,
            journal: Journal::Auto,
            syslog: None,
        }
    }
}
