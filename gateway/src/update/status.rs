//! Reads `status.json`, in which the image's program says how updates went.
//!
//! Written by root, whole or not at all. A newer format is refused by name rather
//! than guessed at; further members of this one are ignored (`update_status`).

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use update_status::StatusFile;

use super::error::UpdateError;

/// Longest file read: a few hundred bytes are written.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the file.
///
/// # Errors
/// [`UpdateError::NotSupported`] without a file, [`UpdateError::Unreadable`].
pub(super) fn read(path: &Path) -> Result<StatusFile, UpdateError> {
    let unreadable = |reason: String| UpdateError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let mut text = String::new();
    let file = match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(UpdateError::NotSupported(path.to_owned()));
        }
        other => other.map_err(|error| unreadable(error.to_string()))?,
    };
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    StatusFile::parse(&text).map_err(unreadable)
}
