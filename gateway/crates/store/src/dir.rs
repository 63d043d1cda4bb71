//! The state directory: who may read it, who has it open, what is in it.
//!
//! Directory 0700 and files 0600, because hashes of keys and the audit trail
//! are in them. One gateway at a time: the lock is the kernel's, so that it
//! ends with the process, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::medium::Medium;

/// The store.
pub(super) const STORE: &str = "gateway.redb";
/// A store being built, before it takes its name.
pub(super) const STORE_NEW: &str = "gateway.redb.new";
/// Start of the name of a damaged store that was set aside.
pub(super) const CORRUPT: &str = "gateway.redb.corrupt-";
pub(super) const LOCK: &str = "gateway.lock";
/// Damaged stores kept for inspection.
pub(super) const CORRUPT_KEPT: usize = 2;

/// Makes the directory, readable by its owner alone.
pub(super) fn prepare(dir: &Path) -> io::Result<()> {
    if !dir.is_dir() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    // A directory on a read-only medium keeps the mode it has.
    match fs::set_permissions(dir, fs::Permissions::from_mode(0o700)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

/// Creates or opens a file for reading and writing, 0600. A `fresh` one takes
/// the place of what was there.
pub(super) fn open_private(path: &Path, fresh: bool) -> io::Result<File> {
    if fresh && path.exists() {
        fs::remove_file(path)?;
    }
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .create_new(fresh)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Which file it is, whatever its name: device and number.
pub(super) type FileId = (u64, u64);

/// The file at `path` now; none when there is none.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Makes renames and removals in `dir` durable.
pub(super) fn sync(dir: &Path, medium: &Medium) -> io::Result<()> {
    medium.sync(&File::open(dir)?)
}

/// Holds the directory for this process.
#[derive(Debug)]
pub(super) struct Lock {
    file: Option<File>,
}

impl Drop for Lock {
    /// Gives the lock up, not only this handle of it: a child process between its
    /// fork and its exec has another one, and would go on holding the directory.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _held_until_closed = file.unlock();
        }
    }
}

impl Lock {
    /// Whether it is the lock of `dir` as that is now. (A medium without a file for it needs none.)
    fn is_of(&self, dir: &Path) -> bool {
        let held = self.file.as_ref().and_then(|file| file.metadata().ok());
        held.is_none_or(|held| file_id(&dir.join(LOCK)) == Some((held.dev(), held.ino())))
    }

    /// Takes a directory that was removed or replaced anew.
    pub(super) fn renew(&mut self, dir: &Path) -> Result<(), String> {
        if !self.is_of(dir) {
            prepare(dir).map_err(|error| error.to_string())?;
            *self = lock(dir)?;
        }
        Ok(())
    }
}

/// Takes the directory, or says who has it.
///
/// A read-only medium without a lock file cannot be locked and needs not be:
/// nobody can write to it.
pub(super) fn lock(dir: &Path) -> Result<Lock, String> {
    let path = dir.join(LOCK);
    let mut file = match open_private(&path, false).or_else(|_| File::open(&path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(format!("{error}; run as the user who owns it"));
        }
        Err(_) => return Ok(Lock { file: None }),
    };
    match file.try_lock() {
        Ok(()) => {
            // For the message below only; on a full or read-only medium it stays empty.
            let _unwritten = file
                .set_len(0)
                .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
            Ok(Lock { file: Some(file) })
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _unread = file.read_to_string(&mut pid);
            let who = if pid.is_empty() {
                "another process".to_owned()
            } else {
                format!("process {pid}")
            };
            Err(format!("{who} has it open; stop it first"))
        }
        Err(TryLockError::Error(error)) => Err(format!("cannot lock it: {error}")),
    }
}

/// Files of `dir` whose name starts with `prefix`, in order of name.
pub(super) fn starting_with(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// The name a damaged store is to get. Numbered, because the wall clock of a
/// board may not know the date.
pub(super) fn next_aside(dir: &Path) -> String {
    let last = starting_with(dir, CORRUPT).pop();
    let number = last
        .as_deref()
        .and_then(Path::to_str)
        .and_then(|path| path.rsplit('-').next()?.parse::<u32>().ok());
    format!("{CORRUPT}{:06}", number.unwrap_or(0) + 1)
}

/// Gives a damaged store its other name; the newest few are kept.
pub(super) fn set_aside(dir: &Path, name: &str) -> io::Result<()> {
    fs::rename(dir.join(STORE), dir.join(name))?;
    let kept = starting_with(dir, CORRUPT);
    for old in &kept[..kept.len().saturating_sub(CORRUPT_KEPT)] {
        // One more file than wished for is no reason to stop.
        let _left = fs::remove_file(old);
    }
    Ok(())
}

/// Overwrites a file and removes it, for secrets. What a flash card keeps in
/// spare blocks is out of reach of software.
pub(super) fn wipe(path: &Path) -> io::Result<()> {
    let length = fs::metadata(path)?.len();
    let mut file = OpenOptions::new().write(true).open(path)?;
    let zeros = [0; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let step = left.min(zeros.len() as u64);
        file.write_all(&zeros[..step as usize])?;
        left -= step;
    }
    file.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that is being started has a copy of every handle until it begins.
    #[test]
    fn a_directory_given_up_is_free_whoever_has_a_copy_of_the_handle() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let held = lock(dir.path()).expect("locked");
        let copy = held
            .file
            .as_ref()
            .expect("a file")
            .try_clone()
            .expect("copied");
        assert!(lock(dir.path()).expect_err("held").contains("has it open"));
        drop(held);
        lock(dir.path()).expect("free");
        drop(copy);
    }
}
