//! Backing up a running store; restoring and resetting a directory no gateway has open.
//!
//! The latter two take the directory's lock first. A restore checks the whole backup
//! before it touches anything and replaces the store by a rename.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::archive::{self, Header};
use super::disk::{self, Trouble};
use super::medium::Medium;
use super::mirror::Table;
use super::state::{StoreState, lock, read_lock};
use super::{OpenError, dir, opening, snapshot};

/// The store a restore replaced; one is kept.
const REPLACED: &str = "gateway.redb.replaced";

/// Copies everything to `path` by way of a file beside it.
pub(super) fn backup(state: &StoreState, path: &Path) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = Path::new(&unfinished);
    // A backup usually goes to another medium: not counted against this one.
    let medium = Medium::default();
    let db = read_lock(&state.db);
    let db = db
        .as_ref()
        .ok_or_else(|| io::Error::other("the store cannot be read at present; try again"))?;
    let (seq, epoch) = {
        let mirror = lock(&state.mirror);
        (mirror.seq, mirror.epoch)
    };
    let at_us = Timestamp::now().as_microsecond();
    let copied = snapshot::copy(
        db,
        &Table::ALL,
        unfinished,
        &Header {
            schema: disk::SCHEMA,
            seq,
            epoch,
            at_us,
        },
        &medium,
    );
    if let Err(error) = copied.and_then(|()| fs::rename(unfinished, path)) {
        let _absent = fs::remove_file(unfinished);
        return Err(error);
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    dir::sync(parent, &medium)
}

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Records put back.
    pub records: usize,
    /// When the backup was taken.
    pub taken: Timestamp,
}

/// Puts the backup `from` in place of the store in `dir`.
///
/// # Errors
/// [`OpenError`] when the backup does not check, the directory is in use or
/// not writable; the store is then as it was.
pub fn restore(from: &Path, dir: &Path) -> Result<Restored, OpenError> {
    let fail = |reason: String| OpenError {
        dir: dir.display().to_string(),
        reason,
    };
    let (header, ops) = archive::read(from)
        .map_err(|error| fail(format!("the backup {} is refused: {error}", from.display())))?;
    if header.schema > disk::SCHEMA {
        return Err(fail(
            "the backup was written by a newer gateway; install that version to restore it"
                .to_owned(),
        ));
    }
    dir::prepare(dir).map_err(|error| fail(error.to_string()))?;
    let _lock = dir::lock(dir).map_err(fail)?;
    let medium = Arc::new(Medium::default());
    let seq = header.seq.max(snapshot::greatest_seq(dir)) + 1;
    let fresh = dir.join(dir::STORE_NEW);
    // Loading it back decodes every record, so a backup that cannot be used
    // is refused here. The epoch is new: see `opening::rebuild`.
    let built = disk::create(&fresh, &medium, opening::random_epoch(), seq, &ops)
        .and_then(|(db, _)| disk::close(db));
    built.map_err(|trouble: Trouble| fail(format!("the backup cannot be used: {trouble}")))?;
    replace(dir, &medium)
        .map_err(|error| fail(format!("the backup was not put in place: {error}")))?;
    Ok(Restored {
        records: ops.len(),
        taken: Timestamp::from_microsecond(header.at_us).unwrap_or_default(),
    })
}

fn replace(dir: &Path, medium: &Medium) -> io::Result<()> {
    let store = dir.join(dir::STORE);
    match fs::rename(&store, dir.join(REPLACED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(dir.join(dir::STORE_NEW), store)?;
    dir::sync(dir, medium)?;
    // They lead to what was replaced. Left by a power cut here they are of
    // another epoch and not applied.
    snapshot::remove_all(dir)?;
    dir::sync(dir, medium)
}

/// Overwrites and removes every file under the state directory: store,
/// snapshots, certificates, first keys. The directory itself stays.
///
/// # Errors
/// [`OpenError`] when a gateway has it open or a file cannot be wiped.
pub fn reset(dir: &Path) -> Result<usize, OpenError> {
    let fail = |reason: String| OpenError {
        dir: dir.display().to_string(),
        reason,
    };
    let _lock = dir::lock(dir).map_err(fail)?;
    wipe_under(dir).map_err(|error| fail(format!("not everything was wiped: {error}")))
}

/// How many files were wiped. Links are removed, not followed.
fn wipe_under(dir: &Path) -> io::Result<usize> {
    let mut wiped = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            wiped += wipe_under(&entry.path())?;
            fs::remove_dir(entry.path())?;
        } else if kind.is_file() {
            dir::wipe(&entry.path())?;
            wiped += 1;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(wiped)
}
