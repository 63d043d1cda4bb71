//! When to look for devices again: at once when a class directory has changed, and now
//! and then while something is missing. Looking whether one has changed allocates nothing.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, StatxFlags, open, statx};

use crate::rates::BACK_OFF_MAX_MS;
use crate::source::BUFFER_BYTES;

/// When to look for devices again.
#[derive(Debug)]
pub(crate) struct HotPlug {
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) signature: u64,
    pub(crate) due_ms: u64,
    /// While something is missing the search is repeated even if no directory
    /// changed, less and less often.
    pub(crate) forced_due_ms: u64,
    pub(crate) forced_wait_ms: u64,
    /// When to look again for what hung a search and has come back since.
    pub(crate) again_ms: Option<u64>,
    /// How long to wait with that: a device that is merely slow hangs each search, so it
    /// is looked for less and less often.
    pub(crate) again_wait_ms: u64,
}

impl HotPlug {
    pub(crate) fn look_again(&mut self, now_ms: u64) {
        self.again_ms = Some(now_ms.saturating_add(self.again_wait_ms));
        self.again_wait_ms = (self.again_wait_ms * 2).min(BACK_OFF_MAX_MS);
    }
}

/// A number that changes when an entry of a class directory comes, goes or is
/// replaced (its inode number differs then). Without allocation.
pub(crate) fn signature(directories: &[PathBuf]) -> u64 {
    directories
        .iter()
        .enumerate()
        .map(|(place, directory)| directory_signature(directory).rotate_left(place as u32))
        .fold(0, u64::wrapping_add)
}

fn directory_signature(directory: &Path) -> u64 {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = open(directory, flags, Mode::empty()) else {
        return 0;
    };
    let mut buffer = [const { MaybeUninit::<u8>::uninit() }; BUFFER_BYTES];
    // Ordinary file systems give a freed inode number to the next entry, and
    // then only the directory's time tells.
    let mtime = statx(&directory, c"", AtFlags::EMPTY_PATH, StatxFlags::MTIME).map_or(0, |stat| {
        stat.stx_mtime.tv_sec.rotate_left(30) ^ i64::from(stat.stx_mtime.tv_nsec)
    });
    let mut sum = 1_u64.wrapping_add_signed(mtime);
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        // FNV-1a over name and inode; the sum does not depend on the order.
        let bytes = entry
            .file_name()
            .to_bytes()
            .iter()
            .copied()
            .chain(entry.ino().to_le_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        sum = sum.wrapping_add(hash);
    }
    sum
}
