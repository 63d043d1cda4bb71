//! What may be kept and written, and why nothing is.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use crate::key::KeyError;

/// Most recordings kept, whatever their size: the list is held in memory, some 600 bytes
/// each, and looked through whole.
pub const MAX_RECORDINGS: usize = 2000;

/// Free bytes of the medium that recordings leave to everything else on it, the durable
/// state among it.
pub(crate) const LEFT_FREE_BYTES: u64 = 64 << 20;

/// What may be kept and written.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all recordings.
    pub max_bytes: u64,
    /// Bytes written in 24 hours.
    pub max_bytes_a_day: u64,
    /// Days after which one goes unless it is pinned; 0: never by age.
    pub max_days: u32,
}

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// What is pinned leaves no room.
    #[error(
        "recordings that are pinned leave no room in the {0} bytes of recording.max_bytes; unpin or remove some"
    )]
    Pinned(u64),
    /// The day's bytes are written.
    #[error(
        "the {0} bytes of recording.max_bytes_a_day are written; recording goes on as the day passes"
    )]
    Spent(u64),
    /// The medium is nearly full.
    #[error(
        "the medium has less than {LEFT_FREE_BYTES} bytes free, which are left to the gateway's state; free space"
    )]
    Full,
    /// The medium refuses.
    #[error("{}: {source}", dir.display())]
    Medium {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Counts since start.
#[derive(Debug, Default)]
pub struct LibraryStats {
    /// Recordings begun.
    pub begun: AtomicU64,
    /// Recordings removed for newer ones, or for their age.
    pub evicted: AtomicU64,
    /// Recordings that were ended at a start.
    pub recovered: AtomicU64,
    /// Bytes written.
    pub written: AtomicU64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_to_free_space_reads_how_much() {
        let told = RecordingError::Full.to_string();
        assert!(told.contains("less than 67108864 bytes"), "{told}");
        let told = RecordingError::Spent(9).to_string();
        assert!(
            told.contains("9 bytes of recording.max_bytes_a_day"),
            "{told}"
        );
    }
}
