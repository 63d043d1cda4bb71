//! Figures that a test injects: `host.toml` under the board's root.
//!
//! The file is read anew for each sample, so that a test changes it as it goes.
//! It is never looked for on a real machine, where the root is `/`.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::HostSnapshot;

/// Name of the file.
const FILE: &str = "host.toml";
/// Most bytes of it that are read.
const MAX_BYTES: u64 = 64 * 1024;

/// The file, and whether it is known to be bad.
pub(super) struct Injected {
    path: PathBuf,
    /// What was last found wrong: said once, not each second.
    complaint: String,
}

impl Injected {
    pub(super) fn under(root: &Path) -> Injected {
        Injected {
            path: root.join(FILE),
            complaint: String::new(),
        }
    }

    /// What the file says: nothing when it is missing or wrong.
    pub(super) fn read(&mut self) -> HostSnapshot {
        let (injected, complaint) = match self.parse() {
            Ok(injected) => (injected, String::new()),
            Err(complaint) => (HostSnapshot::default(), complaint),
        };
        if complaint != self.complaint {
            if !complaint.is_empty() {
                tracing::warn!(
                    file = %self.path.display(),
                    "no host figures are taken from the file: {complaint}"
                );
            }
            self.complaint = complaint;
        }
        injected
    }

    fn parse(&self) -> Result<HostSnapshot, String> {
        let mut text = String::new();
        match std::fs::File::open(&self.path) {
            Ok(file) => file.take(MAX_BYTES).read_to_string(&mut text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
        .map_err(|error| error.to_string())?;
        toml::from_str(&text).map_err(|error| error.to_string())
    }
}
