//! Every byte and `fsync` of this room goes through here and is counted.
//!
//! redb's storage and the store's own files (snapshots, journal) share one
//! [`Medium`]: its counters are the write budget as measured, and in tests it
//! injects the faults a worn card produces. Locks are not redb's concern here:
//! the directory is locked as a whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;

use super::crash;

/// Counters of what reached the medium.
#[derive(Debug, Default)]
pub(super) struct Medium {
    bytes: AtomicU64,
    syncs: AtomicU64,
    /// What goes wrong, in tests.
    #[cfg(test)]
    pub(super) faults: super::faults::Faults,
}

impl Medium {
    /// Bytes written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// `fsync`s issued.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Writes all of `data` at `offset`.
    pub(super) fn write(&self, file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_write(file, offset, data)?;
        file.write_all_at(data, offset)?;
        self.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        if self.faults.before_sync(file)? {
            return Ok(());
        }
        file.sync_data()
    }
}

/// redb's storage over a file.
#[derive(Debug)]
pub(super) struct Backend {
    file: File,
    medium: Arc<Medium>,
}

impl Backend {
    /// Storage in `file`.
    pub(super) fn new(file: File, medium: Arc<Medium>) -> Backend {
        Backend { file, medium }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// A block that cannot be read is damage, not a medium that refuses
    /// writes: reported as such, the store is rebuilt elsewhere on the card.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset).map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("cannot read at {offset}: {error}"),
            )
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.medium.faults.before_set_len(&self.file, len)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        crash::point("commit.before_sync");
        self.medium.sync(&self.file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.medium.write(&self.file, offset, data)
    }
}
