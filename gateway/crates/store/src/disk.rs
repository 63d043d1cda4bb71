//! The store on redb: opening, checking, reading and writing operations.
//!
//! Nothing outside this file knows redb. Two of its traits shape the room:
//! after any I/O error a database must be closed and opened again, and a
//! damaged page may panic; both come out of here as [`Trouble`]. Every open
//! checks every page, which the bounds of the tables keep well under a second.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    StorageBackend, TableDefinition,
};
use thiserror::Error;

use super::codec::{self, DecodeError};
use super::medium::{Backend, Medium};
use super::mirror::{LOST, Mirror, Op, Table};
use super::{AlertRecord, AuditRecord, KeyRecord, OutboxRecord, RuleRecord, crash};

/// Page cache of redb. The working set of a commit is a dozen pages.
const CACHE_BYTES: usize = 2 * 1024 * 1024;
/// Version of the tables as a whole; a newer one is refused.
pub(super) const SCHEMA: u64 = 1;
/// Free space worth a compaction at start, besides being over half the file.
const COMPACTION_BYTES: u64 = 4 * 1024 * 1024;

const KEY_SCHEMA: &[u8] = b"schema";
const KEY_EPOCH: &[u8] = b"epoch";
const KEY_SEQ: &[u8] = b"seq";

/// Why the disk did not do it, by what is to be done about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The content is not what was written: set aside and rebuild.
    #[error("{0}")]
    Damaged(String),
    /// The medium refuses: wait and open again.
    #[error("{0}")]
    Medium(String),
    /// Blocks under the file fail (EIO): wait, and if it lasts build the store
    /// anew on other blocks.
    #[error("{0}")]
    Worn(String),
    /// Written by a newer gateway: leave alone.
    #[error("{0}")]
    Newer(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Trouble::Damaged(error.to_string())
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Trouble::Worn(error.to_string())
            }
            _ => Trouble::Medium(error.to_string()),
        }
    }
}

impl Trouble {
    fn of(error: impl Into<redb::Error>) -> Trouble {
        match error.into() {
            redb::Error::Io(error) => Trouble::from(error),
            error @ (redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
                Trouble::Medium(error.to_string())
            }
            error => Trouble::Damaged(error.to_string()),
        }
    }
}

/// Runs `work`, taking a panic of redb over a damaged page for what it is.
fn contained<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied());
        Err(Trouble::Damaged(format!(
            "damaged page: {}",
            text.unwrap_or("no further detail")
        )))
    })
}

const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true);
    builder
}

/// Opens the store at `path` and loads its mirror.
pub(super) fn open(path: &Path, medium: &Arc<Medium>) -> Result<(Database, Mirror), Trouble> {
    let file = File::options().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    if size == 0 {
        return Err(Trouble::Damaged("the file is empty".to_owned()));
    }
    let (db, mut mirror) = checked(Backend::new(file, medium.clone()), size)?;
    mirror.on_medium = true;
    Ok((db, mirror))
}

/// Opens a copy of the store in memory, when the medium takes no writes:
/// recovery after an unclean stop has to write.
pub(super) fn open_copy(path: &Path) -> Result<(Database, Mirror), Trouble> {
    let bytes = std::fs::read(path)?;
    if bytes.is_empty() {
        return Err(Trouble::Damaged("the file is empty".to_owned()));
    }
    let copy = InMemoryBackend::new();
    copy.set_len(bytes.len() as u64)?;
    copy.write(0, &bytes)?;
    checked(copy, bytes.len() as u64)
}

fn checked(backend: impl StorageBackend, size: u64) -> Result<(Database, Mirror), Trouble> {
    contained(move || {
        let mut db = builder()
            .create_with_backend(backend)
            .map_err(Trouble::of)?;
        check_schema(&db)?;
        let mirror = load(&db)?;
        compact_if_worthwhile(&mut db, size)?;
        Ok((db, mirror))
    })
}

/// Creates a store holding `ops` as commit `seq` under `epoch`.
pub(super) fn create(
    path: &Path,
    medium: &Arc<Medium>,
    epoch: u32,
    seq: u64,
    ops: &[Op],
) -> Result<(Database, Mirror), Trouble> {
    let file = super::dir::open_private(path, true)?;
    create_on(Backend::new(file, medium.clone()), epoch, seq, ops)
}

/// The same in memory, when the medium takes no writes.
pub(super) fn create_in_memory(
    epoch: u32,
    seq: u64,
    ops: &[Op],
) -> Result<(Database, Mirror), Trouble> {
    create_on(InMemoryBackend::new(), epoch, seq, ops)
}

fn create_on(
    backend: impl StorageBackend,
    epoch: u32,
    seq: u64,
    ops: &[Op],
) -> Result<(Database, Mirror), Trouble> {
    contained(|| {
        let db = builder()
            .create_with_backend(backend)
            .map_err(Trouble::of)?;
        let mut all = vec![meta(KEY_SCHEMA, SCHEMA), meta(KEY_EPOCH, u64::from(epoch))];
        all.extend_from_slice(ops);
        write_to(&db, seq, &all)?;
        let mirror = load(&db)?;
        Ok((db, mirror))
    })
}

/// The operation that records the epoch.
pub(super) fn epoch_op(epoch: u32) -> Op {
    meta(KEY_EPOCH, u64::from(epoch))
}

/// The operation that keeps a loss until it is reported, or that ends it.
pub(super) fn loss_op(text: Option<&str>) -> Op {
    Op {
        table: Table::Meta,
        key: LOST.to_vec(),
        value: text.map(|text| codec::encode(&text)),
    }
}

fn meta(key: &[u8], value: u64) -> Op {
    Op {
        table: Table::Meta,
        key: key.to_vec(),
        value: Some(codec::encode(&value)),
    }
}

/// Applies `ops` as commit `seq`; they are on the medium when it returns.
pub(super) fn write(db: &Database, seq: u64, ops: &[Op]) -> Result<(), Trouble> {
    contained(|| write_to(db, seq, ops))
}

fn write_to(db: &Database, seq: u64, ops: &[Op]) -> Result<(), Trouble> {
    let mut transaction = db.begin_write().map_err(Trouble::of)?;
    // One phase: one `fsync`. A torn commit was never acknowledged and is
    // rolled back at open; the journal tells if an acknowledged one was.
    transaction
        .set_durability(Durability::Immediate)
        .map_err(Trouble::of)?;
    for table in Table::ALL {
        let mut of_table = ops.iter().filter(|op| op.table == table).peekable();
        if of_table.peek().is_none() && table != Table::Meta {
            continue;
        }
        let mut records = transaction
            .open_table(definition(table))
            .map_err(Trouble::of)?;
        for op in of_table {
            match &op.value {
                Some(value) => drop(
                    records
                        .insert(op.key.as_slice(), value.as_slice())
                        .map_err(Trouble::of)?,
                ),
                None => drop(records.remove(op.key.as_slice()).map_err(Trouble::of)?),
            }
        }
        if table == Table::Meta {
            records
                .insert(KEY_SEQ, codec::encode(&seq).as_slice())
                .map_err(Trouble::of)?;
        }
    }
    crash::point("commit.planned");
    transaction.commit().map_err(Trouble::of)
}

/// Every record, as operations that make the same store elsewhere.
pub(super) fn read_all(db: &Database) -> Result<Vec<Op>, Trouble> {
    let mut ops = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
        read(db, table, false, |key, value| {
            ops.push(Op {
                table,
                key: key.to_vec(),
                value: Some(value.to_vec()),
            });
            true
        })?;
    }
    Ok(ops)
}

/// Calls `each` with the records of a table in key order until it says stop.
pub(super) fn read(
    db: &Database,
    table: Table,
    newest_first: bool,
    mut each: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), Trouble> {
    contained(|| {
        let transaction = db.begin_read().map_err(Trouble::of)?;
        let records = match transaction.open_table(definition(table)) {
            Ok(records) => records,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(error) => return Err(Trouble::of(error)),
        };
        let mut range = records.iter().map_err(Trouble::of)?;
        while let Some(record) = if newest_first {
            range.next_back()
        } else {
            range.next()
        } {
            let (key, value) = record.map_err(Trouble::of)?;
            if !each(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    })
}

/// Closes; an error means that the next open has to recover.
pub(super) fn close(db: Database) -> Result<(), Trouble> {
    contained(move || db.close().map_err(Trouble::of))
}

fn check_schema(db: &Database) -> Result<(), Trouble> {
    match meta_value(db, KEY_SCHEMA)? {
        Some(SCHEMA) => Ok(()),
        Some(schema) if schema > SCHEMA => Err(Trouble::Newer(format!(
            "it was written by a newer gateway (schema {schema}, this one knows {SCHEMA}); \
             install that version, or move the directory away to start afresh"
        ))),
        Some(schema) => migrate(db, schema),
        None => Err(Trouble::Damaged("it holds no schema version".to_owned())),
    }
}

/// Brings an older schema forward, one step at a time, each its own commit
/// that also records the version reached: a power cut between two steps goes
/// on where it stopped. Schema 1 is the first, so no step exists yet.
fn migrate(_db: &Database, schema: u64) -> Result<(), Trouble> {
    Err(Trouble::Damaged(format!(
        "there never was a schema {schema}"
    )))
}

fn meta_value(db: &Database, wanted: &[u8]) -> Result<Option<u64>, Trouble> {
    let mut found = None;
    read(db, Table::Meta, false, |key, value| {
        if key == wanted {
            found = Some(codec::decode::<u64>(value));
        }
        found.is_none()
    })?;
    found.transpose().map_err(undecodable)
}

fn undecodable(error: DecodeError) -> Trouble {
    match error {
        DecodeError::Newer(_) => {
            Trouble::Newer(format!("{error}; install the version that wrote it"))
        }
        DecodeError::Malformed => Trouble::Damaged(error.to_string()),
    }
}

/// Loads the mirror, decoding every record once so that later reads cannot fail.
fn load(db: &Database) -> Result<Mirror, Trouble> {
    let mut mirror = Mirror::default();
    mirror.seq = meta_value(db, KEY_SEQ)?.unwrap_or(0);
    mirror.epoch = meta_value(db, KEY_EPOCH)?.unwrap_or(0) as u32;
    for table in Table::ALL {
        let mut bad = None;
        read(db, table, false, |key, value| {
            let decodes = match table {
                Table::Keys => codec::decode::<KeyRecord>(value).map(drop),
                Table::Alerts => codec::decode::<AlertRecord>(value).map(drop),
                Table::Rules => codec::decode::<RuleRecord>(value).map(drop),
                Table::Outbox => codec::decode::<OutboxRecord>(value).map(drop),
                Table::Delivered => codec::decode::<u64>(value).map(drop),
                Table::Meta | Table::Audit | Table::History => Ok(()),
            };
            bad = decodes.err();
            if bad.is_none() {
                mirror.apply_one(Op {
                    table,
                    key: key.to_vec(),
                    value: Some(value.to_vec()),
                });
            }
            bad.is_none()
        })?;
        if let Some(error) = bad {
            return Err(undecodable(error));
        }
    }
    Ok(mirror)
}

/// Gives space back to the card after a fuller time. At start only: it needs
/// the database for itself.
fn compact_if_worthwhile(db: &mut Database, size: u64) -> Result<(), Trouble> {
    let mut live = 0;
    {
        let transaction = db.begin_read().map_err(Trouble::of)?;
        for table in Table::ALL {
            if let Ok(records) = transaction.open_table(definition(table)) {
                let stats = records.stats().map_err(Trouble::of)?;
                live += stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
            }
        }
    }
    if size > 2 * live && size - live > COMPACTION_BYTES {
        db.compact().map_err(Trouble::of)?;
    }
    Ok(())
}

/// The newest `limit` audit records of the store itself, newest first.
pub(super) fn audit(db: &Database, limit: usize) -> Vec<AuditRecord> {
    let mut records = Vec::new();
    if limit > 0 {
        read_each(db, Table::Audit, true, &mut |record| {
            records.push(record);
            records.len() < limit
        });
    }
    records
}

/// Calls `each` with every record of `table`, until it says stop; none while the medium
/// cannot be read. One that does not decode is passed over.
pub(super) fn read_each<T: serde::de::DeserializeOwned>(
    db: &Database,
    table: Table,
    newest_first: bool,
    each: &mut impl FnMut(T) -> bool,
) {
    let outcome = read(db, table, newest_first, |_, value| {
        codec::decode(value).map_or(true, &mut *each)
    });
    if let Err(trouble) = outcome {
        tracing::warn!(%trouble, table = table.name(), "stored records cannot be read");
    }
}
