//! A second copy of what was committed since the last snapshot.
//!
//! Each commit's operations are appended here after redb has them and before
//! they are acknowledged: a few hundred bytes. The `fsync` follows after the
//! answer and before the next commit touches redb's file, so that a commit
//! torn by a power cut, at worst with redb's header, finds everything that was
//! acknowledged in the journal. Histories are left out.
//!
//! ```text
//! "MFGJRNL1" · u32 epoch · u64 base · entry*
//! entry = u32 length · u32 CRC-32 · postcard(JournalEntry)      (little-endian)
//! ```
//! Zeros follow, written ahead: an `fsync` inside the length of a file leaves
//! the file system's own books alone. Reading stops at the first entry that is torn or does not check.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};

use super::dir;
use super::medium::Medium;
use super::mirror::Op;

const MAGIC: &[u8; 8] = b"MFGJRNL1";
const HEADER_BYTES: usize = 8 + 4 + 8;
const CHECK: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Start of a journal's name; the number of the commit it follows comes next.
pub(super) const PREFIX: &str = "journal-";
/// Size at which a snapshot is due, after which a new journal begins: bounds
/// the disk used and the time to read it back.
pub(super) const SNAPSHOT_DUE_BYTES: u64 = 1024 * 1024;

/// Zeros written ahead at a time: some two hundred commits.
const AHEAD_BYTES: u64 = 64 * 1024;

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournalEntry {
    /// Its number.
    pub(super) seq: u64,
    /// When, microseconds since 1970.
    pub(super) at_us: i64,
    /// What it did.
    pub(super) ops: Vec<Op>,
}

/// The journal being written.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    length: u64,
    allocated: u64,
    unsynced: bool,
}

/// Name of the journal that follows commit `base`.
pub(super) fn path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{base:020}"))
}

impl Journal {
    /// Begins an empty journal after commit `base`.
    pub(super) fn begin(dir: &Path, epoch: u32, base: u64, medium: &Medium) -> io::Result<Journal> {
        let file = dir::open_private(&path(dir, base), true)?;
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&epoch.to_le_bytes());
        header.extend_from_slice(&base.to_le_bytes());
        medium.write(&file, 0, &header)?;
        let length = header.len() as u64;
        Ok(Journal {
            file,
            length,
            allocated: length,
            unsynced: true,
        })
    }

    /// Goes on with the newest journal in `dir`, if that is where commit `seq`
    /// of `epoch` left off; what is torn behind it is cut away.
    pub(super) fn resume(dir: &Path, epoch: u32, seq: u64) -> io::Result<Option<Journal>> {
        let Some(path) = dir::starting_with(dir, PREFIX).pop() else {
            return Ok(None);
        };
        let bytes = std::fs::read(&path)?;
        let (Some(base), true) = (base_of(&bytes), epoch_of(&bytes) == Some(epoch)) else {
            return Ok(None);
        };
        let (entries, length) = parse_whole(&bytes);
        if entries.last().map_or(base, |entry| entry.seq) != seq {
            return Ok(None);
        }
        let file = dir::open_private(&path, false)?;
        file.set_len(length)?;
        Ok(Some(Journal {
            file,
            length,
            allocated: length,
            unsynced: true,
        }))
    }

    /// Bytes in it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends a commit. On an error the journal ends before it and must be
    /// given up: an entry missing in between would be worse than none.
    pub(super) fn append(&mut self, entry: &JournalEntry, medium: &Medium) -> io::Result<()> {
        let mut bytes = frame(&postcard::to_allocvec(entry).map_err(io::Error::other)?);
        let end = self.length + bytes.len() as u64;
        if end > self.allocated {
            // The zeros come with the entry, in one write.
            bytes.resize(bytes.len() + AHEAD_BYTES as usize, 0);
            self.allocated = end + AHEAD_BYTES;
        }
        medium.write(&self.file, self.length, &bytes)?;
        self.length = end;
        self.unsynced = true;
        Ok(())
    }

    /// Makes it durable, if anything is not.
    pub(super) fn sync(&mut self, medium: &Medium) -> io::Result<()> {
        if std::mem::take(&mut self.unsynced) {
            medium.sync(&self.file)
        } else {
            Ok(())
        }
    }
}

/// The entries of all journals in `dir` that follow commit `after` of `epoch`
/// (any epoch when none), without a gap.
pub(super) fn following(dir: &Path, epoch: Option<u32>, after: u64) -> Vec<JournalEntry> {
    let mut entries: Vec<JournalEntry> = Vec::new();
    for path in dir::starting_with(dir, PREFIX) {
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        for entry in parse(&bytes, epoch) {
            let expected = entries.last().map_or(after, |entry| entry.seq) + 1;
            if entry.seq == expected {
                entries.push(entry);
            }
        }
    }
    entries
}

/// Epoch in a journal's header.
fn epoch_of(bytes: &[u8]) -> Option<u32> {
    let rest = bytes.strip_prefix(MAGIC.as_slice())?;
    rest.first_chunk::<4>()
        .map(|epoch| u32::from_le_bytes(*epoch))
}

/// Commit that a journal follows.
fn base_of(bytes: &[u8]) -> Option<u64> {
    bytes
        .get(12..HEADER_BYTES)?
        .try_into()
        .ok()
        .map(u64::from_le_bytes)
}

/// The whole entries at the start of a journal, if it is of `epoch`.
fn parse(bytes: &[u8], epoch: Option<u32>) -> Vec<JournalEntry> {
    match epoch_of(bytes) {
        Some(found) if epoch.is_none_or(|epoch| epoch == found) => parse_whole(bytes).0,
        _ => Vec::new(),
    }
}

/// The whole entries, and the bytes up to the end of the last.
fn parse_whole(bytes: &[u8]) -> (Vec<JournalEntry>, u64) {
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut entries = Vec::new();
    while let Some((entry, after)) = take_entry(rest) {
        entries.push(entry);
        rest = after;
    }
    (entries, (bytes.len() - rest.len()) as u64)
}

fn take_entry(bytes: &[u8]) -> Option<(JournalEntry, &[u8])> {
    let (body, rest) = take_frame(bytes)?;
    Some((postcard::from_bytes(body).ok()?, rest))
}

/// `body` with its length and its check in front.
pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&CHECK.checksum(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The body of a whole frame at the start of `bytes`, and what follows.
pub(super) fn take_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (body, rest) = rest.split_at_checked(length).filter(|_| length > 0)?;
    (CHECK.checksum(body) == u32::from_le_bytes(*check)).then_some((body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Table, numbered};
    use crate::records::samples;

    fn entry(seq: u64) -> JournalEntry {
        let op = Op {
            table: Table::Alerts,
            key: numbered(seq),
            value: (!seq.is_multiple_of(3)).then(|| vec![1, 2, 3]),
        };
        JournalEntry {
            seq,
            at_us: 1_738_314_902_123_456,
            ops: vec![op],
        }
    }

    fn written(dir: &Path, base: u64, seqs: std::ops::Range<u64>) -> Vec<u8> {
        let medium = Medium::default();
        let mut journal = Journal::begin(dir, 7, base, &medium).expect("begun");
        for seq in seqs {
            journal.append(&entry(seq), &medium).expect("appended");
        }
        let mut bytes = std::fs::read(path(dir, base)).expect("read");
        bytes.truncate(journal.length as usize);
        bytes
    }

    #[test]
    fn format_1_is_what_it_always_was() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let bytes = written(dir.path(), 4, 5..8);
        let golden = samples::golden(
            "journal.bin",
            &bytes,
            include_bytes!("golden/v1/journal.bin"),
        );
        assert_eq!(
            bytes, golden,
            "the journal format changed; make a new format"
        );
        assert_eq!(
            parse(&golden, Some(7)),
            (5..8).map(entry).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_journal_goes_on_where_it_was_left() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let medium = Medium::default();
        written(dir.path(), 4, 5..8);
        assert!(
            Journal::resume(dir.path(), 7, 9).expect("read").is_none(),
            "not where it was left"
        );
        assert!(
            Journal::resume(dir.path(), 8, 7).expect("read").is_none(),
            "of another store"
        );
        let mut journal = Journal::resume(dir.path(), 7, 7)
            .expect("read")
            .expect("resumed");
        journal.append(&entry(8), &medium).expect("appended");
        assert_eq!(following(dir.path(), Some(7), 4).len(), 4);
    }

    #[test]
    fn what_is_torn_ends_it_and_nothing_wrong_is_read() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let bytes = written(dir.path(), 0, 1..6);
        let whole = parse(&bytes, Some(7));
        assert_eq!(whole.len(), 5);
        for place in 0..bytes.len() {
            assert!(
                whole.starts_with(&parse(&bytes[..place], Some(7))),
                "cut at {place}"
            );
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            let read = parse(&damaged, Some(7));
            assert!(
                whole.starts_with(&read) && read.len() <= 5,
                "byte {place} flipped"
            );
        }
        assert_eq!(parse(&bytes, Some(8)), Vec::new(), "of another store");
    }

    #[test]
    fn journals_follow_each_other_without_a_gap() {
        let dir = tempfile::tempdir().expect("temporary directory");
        written(dir.path(), 0, 1..4);
        written(dir.path(), 3, 4..6);
        written(dir.path(), 9, 10..12);
        let seqs = |after| {
            following(dir.path(), Some(7), after)
                .iter()
                .map(|entry| entry.seq)
                .collect::<Vec<_>>()
        };
        assert_eq!(seqs(0), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(2), [3, 4, 5]);
        assert_eq!(seqs(5), Vec::<u64>::new());
        assert_eq!(seqs(9), [10, 11]);
    }
}
