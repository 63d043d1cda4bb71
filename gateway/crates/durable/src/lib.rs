//! Small files that are there whole or not at all, also after a power cut.
//!
//! A crate of its own because keys, certificates, photos, requests to the update program
//! and state beside the store all need the same three steps in the same order, and a copy
//! that leaves one of them out is seen only when the power goes:
//!
//! 1. the bytes are written to a file beside the target and **synced**: else the new name
//!    could survive a power cut without what it names;
//! 2. that file is **renamed** onto the target: whoever reads sees the old or the new;
//! 3. the **directory is synced**: else the old name may be back after a power cut, though
//!    the caller has already told somebody.
//!
//! The store and recordings write their large files themselves: they append, and count
//! each byte against a budget. This crate must never hold a path or a format of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// End of the name of a file that is not whole yet. A start may remove what bears it.
pub const UNFINISHED: &str = ".new";

/// Puts `bytes` in place of what is at `path`, readable by its owner alone (0600). When it
/// returns, they are on the medium. Two writers of one path must wait for each other.
///
/// # Errors
/// The medium refuses; what was there before is untouched, and no half is left beside it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    // (Of a process that was killed. Opened once more it would keep its mode, and a link
    // in its place would be followed.)
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write(&unfinished, bytes).and_then(|()| rename(&unfinished, path));
    if written.is_err() {
        // On a full medium the half would take what little is left.
        let _absent = fs::remove_file(&unfinished);
    }
    written
}

/// Renames a file that is whole and synced onto `to`, in the same directory, durably.
///
/// # Errors
/// The medium refuses.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory_of(to)
}

/// Makes durable what changed among the names beside `path`: a file that was made,
/// renamed or removed.
///
/// # Errors
/// The medium refuses.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        // A bare name lies in the working directory, which `parent` calls "".
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    };
    File::open(directory)?.sync_all()
}

/// The whole name with an end: `leaf.key` and `leaf.pem` are two files while they are made.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("listed");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("read").file_name().to_string_lossy().into())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_written_last_is_there_alone_and_for_its_owner_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("leaf.key");
        for bytes in [&b"first, and longer"[..], b"second", b""] {
            replace(&path, bytes).expect("written");
            assert_eq!(fs::read(&path).expect("read"), bytes);
            let mode = path.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(names(dir.path()), ["leaf.key"]);
    }

    #[test]
    fn what_a_killed_writer_left_gives_the_next_neither_its_bytes_nor_its_mode_nor_its_target() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, other) = (dir.path().join("key"), dir.path().join("other"));
        let left = dir.path().join("key.new");
        fs::write(&left, "half of a longer one").expect("written");
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).expect("set");
        replace(&path, b"whole").expect("written");
        let mode = path.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        fs::write(&other, "untouched").expect("written");
        symlink(&other, &left).expect("linked");
        replace(&path, b"again").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"again");
        assert_eq!(fs::read(&other).expect("read"), b"untouched");
        assert_eq!(names(dir.path()), ["key", "other"]);
    }

    #[test]
    fn where_it_cannot_be_written_the_old_stays_and_no_half_is_left() {
        let dir = tempfile::tempdir().expect("a directory");
        // A file does not take the place of a directory.
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).expect("made");
        replace(&taken, b"bytes").expect_err("refused");
        assert_eq!(names(dir.path()), ["taken"]);
        // What lies where the half is to be cannot be removed.
        let path = dir.path().join("kept");
        fs::write(&path, "old").expect("written");
        fs::create_dir(dir.path().join("kept.new")).expect("made");
        replace(&path, b"bytes").expect_err("refused");
        assert_eq!(fs::read(&path).expect("read"), b"old");
        let nowhere = replace(&dir.path().join("none").join("file"), b"").expect_err("refused");
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn two_files_that_differ_in_their_last_end_do_not_share_a_half() {
        assert_eq!(
            unfinished(Path::new("a/leaf.key")),
            Path::new("a/leaf.key.new")
        );
        assert_eq!(
            unfinished(Path::new("a/leaf.pem")),
            Path::new("a/leaf.pem.new")
        );
    }

    #[test]
    fn a_bare_name_lies_in_the_working_directory_and_the_root_in_itself() {
        sync_directory_of(Path::new("name")).expect("the working directory");
        sync_directory_of(Path::new("/")).expect("the root");
        let missing = sync_directory_of(Path::new("/nowhere/name")).expect_err("not there");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
