//! The files of an update: where they are, and how they are written so that a power
//! cut leaves the old content or the new one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mfg_update::Slot;

use super::Fault;

/// The most that is read of one of these files, in bytes: they hold a few lines.
const MAX_BYTES: usize = 16 * 1024;

/// Where everything is.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    dir: PathBuf,
    /// What is remembered of the last update.
    pub(super) state: PathBuf,
    /// What the gateway reads.
    pub(super) status: PathBuf,
    /// Who is on trial.
    pub(super) trial: PathBuf,
    /// Why the last trial went back.
    pub(super) failure: PathBuf,
    /// The oldest version that may be installed; not there before an update was kept.
    pub(super) floor: PathBuf,
    /// Where the gateway lays bundle and request.
    pub(super) spool: PathBuf,
    /// Where they are looked at, out of its reach.
    pub(super) work: PathBuf,
    /// Version and kind of the system that runs.
    pub(super) release: PathBuf,
    /// Times that are not the program's own; usually not there.
    pub(super) settings: PathBuf,
    /// What the boot script told the kernel.
    pub(super) command_line: PathBuf,
    /// Where a stick is mounted.
    pub(super) mounted: PathBuf,
    /// The gateway's store before the trial.
    pub(super) store_copy: PathBuf,
    /// There when the data partition could not be opened (`open-state` writes it).
    pub(super) data_lost: PathBuf,
    networks: PathBuf,
    lock: PathBuf,
}

impl Places {
    /// Those of the system whose root is `root`.
    pub(crate) fn under(root: impl AsRef<Path>) -> Places {
        let root = root.as_ref();
        let dir = root.join("var/lib/mfg-drone-update");
        let image = root.join("usr/lib/mfg-image");
        Places {
            state: dir.join("state"),
            status: dir.join("status.json"),
            trial: dir.join("trial"),
            failure: dir.join("trial-failed"),
            floor: dir.join("floor"),
            spool: dir.join("spool"),
            work: dir.join("work"),
            dir,
            release: image.join("release"),
            settings: image.join("update.conf"),
            command_line: root.join("proc/cmdline"),
            mounted: root.join("run/mfg-drone-update/stick"),
            store_copy: root.join("var/lib/mfg-drone/before-update.redb"),
            data_lost: root.join("run/mfg/data-lost"),
            networks: root.join("run/systemd/network"),
            lock: root.join("run/mfg-drone-update.lock"),
        }
    }

    /// What is there when a Wi-Fi is the site's (`apply-board` writes it).
    pub(super) fn site_wifi(&self, interface: &str) -> PathBuf {
        self.networks.join(format!("10-site-{interface}.network"))
    }

    /// The version in a slot.
    pub(super) fn version(&self, slot: Slot) -> PathBuf {
        self.dir.join(format!("slot.{}", slot.name()))
    }
}

/// Waits until no other one changes anything; until the file is dropped.
pub(crate) fn lock(places: &Places) -> Result<File, Fault> {
    let path = &places.lock;
    let file = File::create(path).map_err(|error| Fault::at(path, &error))?;
    file.lock().map_err(|error| Fault::at(path, &error))?;
    Ok(file)
}

/// The beginning of a file, as text.
pub(super) fn read_at_most(path: &Path, bytes: usize) -> Result<String, Fault> {
    let mut content = Vec::new();
    let file = File::open(path).map_err(|error| Fault::at(path, &error))?;
    file.take(bytes as u64)
        .read_to_end(&mut content)
        .map_err(|error| Fault::at(path, &error))?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// A small file.
pub(super) fn read(path: &Path) -> Result<String, Fault> {
    read_at_most(path, MAX_BYTES)
}

/// A small file; empty when it is not there.
pub(super) fn read_or_empty(path: &Path) -> String {
    read(path).unwrap_or_default()
}

/// The value of the first line `NAME=VALUE`.
pub(super) fn value(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    let found = pairs.find(|(found, _)| *found == name);
    found.map(|(_, value)| value.to_owned())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(durable::UNFINISHED);
    name.into()
}

/// Writes a file, whole or not at all, and durably.
pub(super) fn put(path: &Path, text: &str) -> Result<(), Fault> {
    durable::replace(path, text.as_bytes()).map_err(|error| Fault::at(path, &error))
}

/// Writes what the gateway reads, whole or not at all. It is made anew at each start,
/// so it need not outlive a power cut: a sync while a slot is written takes seconds
/// on a card, and there is one for each line of progress.
pub(super) fn show(path: &Path, text: &str) -> Result<(), Fault> {
    let new = beside(path);
    let write = || {
        fs::write(&new, text)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
        fs::rename(&new, path)
    };
    write().map_err(|error| Fault::at(path, &error))
}

/// Makes sure, durably, that a file is not there.
pub(super) fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::at(path, &error)),
        Ok(()) => durable::sync_directory_of(path).map_err(|error| Fault::at(path, &error)),
    }
}

/// Empties a folder.
pub(super) fn clear(folder: &Path) -> Result<(), Fault> {
    let clear = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    clear().map_err(|error: std::io::Error| Fault::at(folder, &error))
}

/// The bundles in a folder.
pub(super) fn bundles(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = fs::read_dir(folder).map_err(|error| Fault::at(folder, &error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.ends_with(b".raucb") && !name.starts_with(b".")
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("slot.A");
        for text in ["0.1.0\n", "0.2.0\n"] {
            put(&path, text).expect("written");
            assert_eq!(read_or_empty(&path), text);
        }
        remove(&path).expect("removed");
        remove(&path).expect("not there, which is as well");
        assert_eq!(read_or_empty(&path), "");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let fault = put(Path::new("/nowhere/state"), "").expect_err("no folder");
        assert!(fault.0.starts_with("/nowhere/state: "), "{}", fault.0);
    }

    #[test]
    fn everybody_reads_the_status() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("status.json");
        show(&path, "{}").expect("written");
        let mode = path.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn a_folder_is_emptied_and_links_are_not_followed() {
        let (folder, elsewhere) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("another"),
        );
        let kept = elsewhere.path().join("kept");
        fs::write(&kept, "x").expect("written");
        fs::create_dir(folder.path().join("inner")).expect("made");
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).expect("linked");
        clear(folder.path()).expect("emptied");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
        assert!(kept.exists());
    }

    #[test]
    fn a_value_is_the_first_of_its_name() {
        assert_eq!(value("A=1\nB=2=3\nA=4\n", "A").as_deref(), Some("1"));
        assert_eq!(value("A=1\nB=2=3\n", "B").as_deref(), Some("2=3"));
        assert_eq!(value("no line", "A"), None);
    }

    #[test]
    fn a_hidden_file_is_no_bundle() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.raucb", "._a.raucb", "a.raucb.part"] {
            fs::write(folder.path().join(name), "x").expect("written");
        }
        assert_eq!(
            bundles(folder.path()).expect("listed"),
            [folder.path().join("a.raucb")]
        );
    }
}
