//! The files of recordings on the medium: their names, their lines in the list.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::entry::Entry;
use crate::limits::{LEFT_FREE_BYTES, RecordingError};
use crate::walk::Walk;

/// Ends of names.
pub(crate) const RECORDING: &str = ".mfr";
pub(crate) const UNFINISHED: &str = ".mfr.part";
const LINE: &str = ".json";

/// The device's key, beside them.
pub(crate) const KEY: &str = "device.key";

/// The directory of recordings.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
}

impl Files {
    /// The directory, made where it is missing: only the gateway's user looks into it.
    pub(crate) fn open(dir: &Path) -> io::Result<Files> {
        if !dir.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(dir)?;
        }
        Ok(Files {
            dir: dir.to_owned(),
        })
    }

    /// Where the device's key lies.
    pub(crate) fn key(&self) -> PathBuf {
        self.dir.join(KEY)
    }

    /// What the medium refused, with the directory that it was about.
    pub(crate) fn refused(&self, source: io::Error) -> RecordingError {
        medium(&self.dir, source)
    }

    /// Removes a recording and its line.
    pub(crate) fn erase(&self, id: &str) -> io::Result<()> {
        fs::remove_file(self.path(id, RECORDING))?;
        match fs::remove_file(self.path(id, LINE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the medium has less free than is left to the gateway's state.
    pub(crate) fn is_medium_full(&self) -> io::Result<bool> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize) < LEFT_FREE_BYTES)
    }

    /// The file of a recording with this end of its name.
    pub(crate) fn path(&self, id: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{id}{end}"))
    }

    /// Has a line on the medium, whole or not at all.
    pub(crate) fn write_line(&self, entry: &Entry) -> io::Result<()> {
        durable::replace(&self.path(entry.id(), LINE), &serde_json::to_vec(entry)?)
    }

    /// The line of a recording, made anew where it is missing; none of a file that is no
    /// recording.
    pub(crate) fn line(&self, id: &str) -> io::Result<Option<Entry>> {
        let path = self.path(id, RECORDING);
        let size_bytes = fs::metadata(&path)?.len();
        let held = fs::read(self.path(id, LINE)).ok();
        let held: Option<Entry> = held.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(entry) = held.filter(|entry| entry.id() == id) {
            return Ok(Some(Entry {
                size_bytes,
                ..entry
            }));
        }
        let Ok(mut walk) = Walk::new(File::open(&path)?) else {
            return Ok(None);
        };
        while walk.step().is_ok_and(|is_more| is_more) {}
        let entry = walk
            .opening
            .filter(|opening| opening.id == id)
            .map(|opening| Entry {
                opening,
                closing: walk.closing,
                duration_us: walk.at_us,
                size_bytes,
                pinned: false,
                is_open: false,
            });
        if let Some(entry) = &entry {
            self.write_line(entry)?;
        }
        Ok(entry)
    }
}

/// A refusal of the medium.
pub(crate) fn medium(dir: &Path, source: io::Error) -> RecordingError {
    RecordingError::Medium {
        dir: dir.to_owned(),
        source,
    }
}
