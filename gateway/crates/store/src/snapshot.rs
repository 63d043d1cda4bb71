//! Snapshots in two generations, and starting from them.
//!
//! A snapshot is written beside, checked by reading it back, and only then
//! takes its name; so a power cut leaves the old ones as they were. The
//! journals since the older one are kept: either snapshot leads to now.

use std::io;
use std::path::{Path, PathBuf};

use redb::Database;

use super::archive::{self, Header};
use super::journal::{self, Journal};
use super::medium::Medium;
use super::mirror::{Mirror, Op, Table};
use super::{crash, dir, disk};

const PREFIX: &str = "snapshot-";
const UNFINISHED: &str = "unfinished-snapshot";
/// Snapshots kept: the newest, and one in case the card loses that.
const KEPT: usize = 2;

/// What snapshots and journals lead to.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Operations, in order.
    pub(super) ops: Vec<Op>,
    /// Newest commit among them.
    pub(super) seq: u64,
    /// When that was, microseconds since 1970.
    pub(super) at_us: i64,
    /// Name of the snapshot it began with; none: journals alone.
    pub(super) snapshot: Option<String>,
}

/// Takes a snapshot of `db` and begins the journal that follows it.
pub(super) fn take(
    dir: &Path,
    db: &Database,
    mirror: &Mirror,
    at_us: i64,
    medium: &Medium,
) -> io::Result<Journal> {
    crash::point("snapshot.before");
    let unfinished = dir.join(UNFINISHED);
    let header = Header {
        schema: disk::SCHEMA,
        seq: mirror.seq,
        epoch: mirror.epoch,
        at_us,
    };
    copy(db, &Table::SNAPSHOT, &unfinished, &header, medium)?;
    crash::point("snapshot.written");
    std::fs::rename(&unfinished, snapshot_path(dir, mirror.seq))?;
    crash::point("snapshot.renamed");
    let journal = Journal::begin(dir, mirror.epoch, mirror.seq, medium)?;
    dir::sync(dir, medium)?;
    prune(dir);
    crash::point("snapshot.pruned");
    Ok(journal)
}

/// Writes the records of `tables` into an archive at `path` and reads it back.
pub(super) fn copy(
    db: &Database,
    tables: &[Table],
    path: &Path,
    header: &Header,
    medium: &Medium,
) -> io::Result<()> {
    let mut writer = archive::Writer::create(path, header, medium)?;
    for table in tables.iter().copied().filter(|table| *table != Table::Meta) {
        let mut outcome = Ok(());
        disk::read(db, table, false, |key, value| {
            outcome = writer.add(&Op {
                table,
                key: key.to_vec(),
                value: Some(value.to_vec()),
            });
            outcome.is_ok()
        })
        .map_err(|trouble| io::Error::other(trouble.to_string()))?;
        outcome?;
    }
    writer.finish()?;
    let (written, _) = archive::read(path)?;
    if written == *header {
        Ok(())
    } else {
        Err(io::Error::other("the archive reads back as another"))
    }
}

/// Follows the newest snapshot that checks, and the journals after it.
/// None when nothing at all is left to start from.
pub(super) fn recover(dir: &Path) -> Option<Recovered> {
    let good = dir::starting_with(dir, PREFIX)
        .into_iter()
        .rev()
        .find_map(|path| Some((archive::read(&path).ok()?, path)));
    let mut recovered = Recovered::default();
    let mut epoch = None;
    if let Some(((header, ops), path)) = good {
        epoch = Some(header.epoch);
        recovered = Recovered {
            ops,
            seq: header.seq,
            at_us: header.at_us,
            snapshot: name_of(&path),
        };
    }
    for entry in journal::following(dir, epoch, recovered.seq) {
        recovered.seq = entry.seq;
        recovered.at_us = entry.at_us;
        recovered.ops.extend(entry.ops);
    }
    (recovered.seq > 0).then_some(recovered)
}

/// The greatest commit number any file of `dir` speaks of.
pub(super) fn greatest_seq(dir: &Path) -> u64 {
    let numbers = [PREFIX, journal::PREFIX].into_iter().flat_map(|prefix| {
        dir::starting_with(dir, prefix)
            .into_iter()
            .filter_map(move |path| number_in(&path, prefix))
    });
    numbers.max().unwrap_or(0)
}

/// Removes snapshots, journals and unfinished files, all of them.
pub(super) fn remove_all(dir: &Path) -> io::Result<()> {
    for prefix in [PREFIX, journal::PREFIX, UNFINISHED] {
        for path in dir::starting_with(dir, prefix) {
            dir::wipe(&path)?;
        }
    }
    Ok(())
}

/// Removes what older generations left. Failing to is no harm: tried again
/// with the next snapshot.
fn prune(dir: &Path) {
    let snapshots = dir::starting_with(dir, PREFIX);
    let kept = &snapshots[snapshots.len().saturating_sub(KEPT)..];
    let needed_from = kept
        .first()
        .and_then(|path| number_in(path, PREFIX))
        .unwrap_or(0);
    let old_journals = dir::starting_with(dir, journal::PREFIX)
        .into_iter()
        .filter(|path| {
            kept.len() == KEPT
                && number_in(path, journal::PREFIX).is_some_and(|base| base < needed_from)
        });
    for path in snapshots[..snapshots.len() - kept.len()]
        .iter()
        .cloned()
        .chain(old_journals)
    {
        let _left = std::fs::remove_file(path);
    }
}

fn snapshot_path(dir: &Path, seq: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{seq:020}"))
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

fn number_in(path: &Path, prefix: &str) -> Option<u64> {
    path.file_name()?
        .to_str()?
        .strip_prefix(prefix)?
        .parse()
        .ok()
}
