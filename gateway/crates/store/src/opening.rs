//! Opening the store whatever state it is in, without ever starting silently empty.
//!
//! In order: the store as it is; the store put right from the journal; a new
//! store from snapshot and journal, the damaged one set aside; a copy in
//! memory while the medium takes no writes; an empty store that says so.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use redb::Database;

use super::disk::{self, Trouble};
use super::medium::Medium;
use super::mirror::{Mirror, Op};
use super::{Recovery, crash, dir, journal, snapshot};

/// An open store and what was found.
pub(super) struct Opened {
    /// The database.
    pub(super) db: Database,
    /// Its mirror.
    pub(super) mirror: Mirror,
    /// What was found.
    pub(super) recovery: Recovery,
    /// Why it is a copy in memory, if it is.
    pub(super) medium: Option<String>,
}

/// Opens what is in `dir`; falls back to a copy in memory when the medium
/// takes no writes.
pub(super) fn open(dir: &Path, medium: &Arc<Medium>) -> Result<Opened, Trouble> {
    match open_writable(dir, medium) {
        Err(Trouble::Medium(reason) | Trouble::Worn(reason)) => open_in_memory(dir, &reason),
        outcome => outcome,
    }
}

/// Opens what is in `dir` for writing.
pub(super) fn open_writable(dir: &Path, medium: &Arc<Medium>) -> Result<Opened, Trouble> {
    let _left = std::fs::remove_file(dir.join(dir::STORE_NEW));
    let mut opened = match disk::open(&dir.join(dir::STORE), medium) {
        Ok((db, mirror)) => {
            crash::point("open.opened");
            mend(dir, db, mirror)
        }
        Err(Trouble::Medium(_)) if is_missing(dir) => match snapshot::recover(dir) {
            None if is_untouched(dir) => create(dir, medium),
            found => rebuild(dir, medium, "the store's file is missing", found),
        },
        Err(Trouble::Damaged(reason)) => rebuild(dir, medium, &reason, snapshot::recover(dir)),
        Err(other) => Err(other),
    }?;
    opened.recovery.lost.clone_from(&opened.mirror.lost);
    Ok(opened)
}

fn is_missing(dir: &Path) -> bool {
    matches!(std::fs::symlink_metadata(dir.join(dir::STORE)), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether no store ever was here: no snapshot, no journal, nothing set aside.
fn is_untouched(dir: &Path) -> bool {
    snapshot::greatest_seq(dir) == 0 && dir::starting_with(dir, dir::CORRUPT).is_empty()
}

/// Applies what the journal has and the store has not. That happens when the
/// card lost pages it had confirmed and redb fell back to an earlier commit.
fn mend(dir: &Path, db: Database, mut mirror: Mirror) -> Result<Opened, Trouble> {
    let missing = journal::following(dir, Some(mirror.epoch), mirror.seq);
    let mut recovery = Recovery::default();
    if let Some(last) = missing.last() {
        let seq = last.seq;
        recovery.mended = Some(format!(
            "{} commits the card had lost were put back from the journal",
            missing.len()
        ));
        let ops: Vec<Op> = missing.into_iter().flat_map(|entry| entry.ops).collect();
        disk::write(&db, seq, &ops)?;
        mirror.apply(seq, ops);
    }
    Ok(Opened {
        db,
        mirror,
        recovery,
        medium: None,
    })
}

fn create(dir: &Path, medium: &Arc<Medium>) -> Result<Opened, Trouble> {
    let opened = build(dir, medium, 0, &[], None)?;
    let recovery = Recovery {
        created: true,
        ..Recovery::default()
    };
    Ok(Opened { recovery, ..opened })
}

/// Builds a store from what was recovered, under a new epoch: numbers given
/// out after the loss must not make the ids of alerts that were lost.
fn rebuild(
    dir: &Path,
    medium: &Arc<Medium>,
    reason: &str,
    found: Option<snapshot::Recovered>,
) -> Result<Opened, Trouble> {
    let lost = lost_text(reason, found.as_ref());
    let found = found.unwrap_or_default();
    let seq = found.seq.max(snapshot::greatest_seq(dir)) + 1;
    build(dir, medium, seq, &found.ops, Some(lost))
}

fn lost_text(reason: &str, found: Option<&snapshot::Recovered>) -> String {
    match found {
        Some(found) => format!(
            "the store was damaged ({reason}) and was rebuilt from {} up to {}; \
             keys, alerts and rules changed after that, and the stored history, may be lost",
            found.snapshot.as_deref().unwrap_or("its journal"),
            Timestamp::from_microsecond(found.at_us)
                .map_or_else(|_| "an unknown time".to_owned(), |at| format!("{at:.0}")),
        ),
        None => format!(
            "the store was damaged ({reason}) and no usable snapshot was left: \
             all keys, alerts, rules and histories are lost"
        ),
    }
}

/// Makes the same store on other blocks of the card; the old file keeps the
/// failing ones occupied.
pub(super) fn move_elsewhere(dir: &Path, medium: &Arc<Medium>) -> Result<Opened, Trouble> {
    let (db, mirror) = disk::open(&dir.join(dir::STORE), medium)?;
    let ops = disk::read_all(&db);
    let _worn = disk::close(db);
    build(dir, medium, mirror.seq, &ops?, mirror.lost)
}

/// Makes a whole store under another name before it takes its place. The
/// loss is written into it: reported at every start until an alert says it.
fn build(
    dir: &Path,
    medium: &Arc<Medium>,
    seq: u64,
    ops: &[Op],
    lost: Option<String>,
) -> Result<Opened, Trouble> {
    let (fresh, path) = (dir.join(dir::STORE_NEW), dir.join(dir::STORE));
    let aside = if is_missing(dir) {
        None
    } else {
        Some(dir::next_aside(dir))
    };
    let lost = lost.map(|lost| match &aside {
        Some(name) => format!("{lost}; the damaged file is kept as {name}"),
        None => lost,
    });
    let mut ops = ops.to_vec();
    ops.push(disk::loss_op(lost.as_deref()));
    let (db, _) = disk::create(&fresh, medium, random_epoch(), seq, &ops)?;
    disk::close(db)?;
    crash::point("open.created");
    if let Some(name) = aside {
        dir::set_aside(dir, &name)?;
        crash::point("open.set_aside");
    }
    std::fs::rename(&fresh, &path)?;
    dir::sync(dir, medium)?;
    crash::point("open.rebuilt");
    let (db, mirror) = disk::open(&path, medium)?;
    Ok(Opened {
        db,
        mirror,
        recovery: Recovery::default(),
        medium: None,
    })
}

/// Reads what is there without writing to it.
fn open_in_memory(dir: &Path, reason: &str) -> Result<Opened, Trouble> {
    let refused = |text: String| {
        Trouble::Medium(format!(
            "{text} ({reason}); free space or replace the medium"
        ))
    };
    let (db, mirror, recovery) = match disk::open_copy(&dir.join(dir::STORE)) {
        Ok((db, mirror)) => (db, mirror, Recovery::default()),
        Err(Trouble::Damaged(damage)) => {
            let found = snapshot::recover(dir);
            let lost = lost_text(&damage, found.as_ref());
            let found = found.ok_or_else(|| refused(lost.clone()))?;
            let (db, mirror) = disk::create_in_memory(random_epoch(), found.seq + 1, &found.ops)?;
            (
                db,
                mirror,
                Recovery {
                    lost: Some(lost),
                    ..Recovery::default()
                },
            )
        }
        Err(Trouble::Medium(text) | Trouble::Worn(text)) => return Err(refused(text)),
        Err(newer) => return Err(newer),
    };
    let Opened {
        db,
        mirror,
        recovery: mended,
        ..
    } = mend(dir, db, mirror)?;
    Ok(Opened {
        db,
        mirror,
        recovery: Recovery {
            mended: mended.mended,
            ..recovery
        },
        medium: Some(reason.to_owned()),
    })
}

/// An epoch for a new store.
pub(super) fn random_epoch() -> u32 {
    // Without randomness the clock still tells two stores apart.
    getrandom::u32().unwrap_or_else(|_| Timestamp::now().as_microsecond() as u32)
}
