//! What opening a state directory would come to, without opening it.
//!
//! For `check`: it must change nothing, not even by making the directory, which
//! would belong to whoever asked. Follows the steps of [`crate::Store::open_with`]
//! one by one, and refuses where they refuse.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, FsWord, access};
use rustix::io::Errno;

use super::disk::{self, Trouble};
use super::{OpenError, dir};

/// What an open would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// A new store would be made.
    New,
    /// The store would be opened.
    Sound,
    /// It would be put right, with a loss that would be an alert.
    Damaged(String),
    /// It would be read, and nothing could be saved.
    ReadOnly,
}

/// What opening the store in `path` would come to.
///
/// # Errors
/// [`OpenError`], as opening it would.
pub fn outlook(path: &Path) -> Result<Outlook, OpenError> {
    judge(path).map_err(|reason| OpenError {
        dir: path.display().to_string(),
        reason,
    })
}

fn judge(path: &Path) -> Result<Outlook, String> {
    if !path.is_dir() {
        if path.symlink_metadata().is_ok() {
            return Err("it is not a directory; move it away".to_owned());
        }
        let above = path.ancestors().skip(1).find(|above| above.exists());
        // A relative path ends in nothing: the current directory.
        let above = above.unwrap_or(Path::new("."));
        let cannot = |why: &dyn std::fmt::Display| {
            let above = above.display();
            format!("it cannot be made in {above}: {why}; create it or make it writable")
        };
        return match access(above, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) if is_the_kernels(above) => Err(cannot(&"the kernel keeps no files there")),
            Ok(()) => Ok(Outlook::New),
            Err(error) => Err(cannot(&io::Error::from(error))),
        };
    }
    owned(path)?;
    let is_read_only = access(path, Access::WRITE_OK) == Err(Errno::ROFS);
    unlocked(path)?;
    let store = path.join(dir::STORE);
    match disk::open_copy(&store) {
        Ok(_) if is_read_only => Ok(Outlook::ReadOnly),
        Ok(_) => Ok(Outlook::Sound),
        Err(Trouble::Damaged(reason)) => Ok(Outlook::Damaged(reason)),
        Err(Trouble::Medium(_)) if is_missing(&store) && !is_read_only => Ok(Outlook::New),
        Err(trouble) => Err(trouble.to_string()),
    }
}

/// Whether a path lies in a file system that the kernel makes up: root may write there,
/// by its mode, and yet no directory can be made.
fn is_the_kernels(path: &Path) -> bool {
    const SYSFS: FsWord = 0x6265_6572; // `SYSFS_MAGIC` of linux/magic.h
    rustix::fs::statfs(path)
        .is_ok_and(|found| [rustix::fs::PROC_SUPER_MAGIC, SYSFS].contains(&found.f_type))
}

fn is_missing(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// An open sets the directory's mode, which only its owner may.
fn owned(path: &Path) -> Result<(), String> {
    let owner = fs::metadata(path).map_err(|error| error.to_string())?.uid();
    let user = rustix::process::geteuid();
    if user.is_root() || user.as_raw() == owner {
        return Ok(());
    }
    Err(format!(
        "it belongs to user {owner} and this is user {}; run as the user who owns it",
        user.as_raw()
    ))
}

/// Whether nobody has the directory. The lock is given back at once.
fn unlocked(path: &Path) -> Result<(), String> {
    let file = match File::open(path.join(dir::LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(format!("{error}; run as the user who owns it"));
        }
        // It is made by whoever opens first.
        Err(_) => return Ok(()),
    };
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map_err(|error| error.to_string()),
        Err(TryLockError::WouldBlock) => {
            Err("another process has it open; stop it first".to_owned())
        }
        Err(TryLockError::Error(error)) => Err(format!("cannot lock it: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn it_foretells_what_opening_comes_to() {
        let above = tempfile::tempdir().expect("temporary directory");
        let dir = above.path().join("deep/state");
        assert_eq!(outlook(&dir).expect("can be made"), Outlook::New);
        assert!(!dir.exists(), "nothing is made");

        let (store, _) = Store::open(&dir).expect("opened");
        let held = outlook(&dir).expect_err("held").to_string();
        assert!(held.contains("another process"), "{held}");
        drop(store);
        assert_eq!(outlook(&dir).expect("sound"), Outlook::Sound);

        fs::write(dir.join(dir::STORE), b"no store").expect("written");
        assert!(matches!(outlook(&dir), Ok(Outlook::Damaged(_))));
        Store::open(&dir).expect("put right, as foretold");

        let file = above.path().join("file");
        fs::write(&file, b"").expect("written");
        let made_up = ["/proc/below", "/sys/below"].map(std::path::PathBuf::from);
        for path in [file.clone(), file.join("below")].iter().chain(&made_up) {
            assert!(outlook(path).is_err(), "{}", path.display());
            assert!(Store::open(path).is_err(), "{}", path.display());
        }
    }
}
