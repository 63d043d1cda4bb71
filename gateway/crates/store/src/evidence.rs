//! Lines of the audit trail that wait for the next batch, in a file of their own.
//!
//! A line about a failed key must be there after a kill, and a commit costs a hundred
//! times its bytes. So it is appended here before anybody hears of it, synced within a
//! second by the writer's thread, and moves into the store with the next batch. Killed in
//! between, the next start finds it here; the few that it finds in both are told apart.
//!
//! ```text
//! "MFGAUDT1" · frame*          (frames as in the journal, each an encoded AuditRecord)
//! ```
//!
//! Must never refuse a line because the medium does: it waits in memory then, as it
//! would without this file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::journal::{frame, take_frame};
use super::medium::Medium;
use super::{AuditRecord, codec, dir};
use readings::clock::Mono;

const MAGIC: &[u8; 8] = b"MFGAUDT1";
/// Its name in the state directory.
pub(super) const NAME: &str = "audit-waiting";
/// Longest that a line waits for its `fsync`, from the first that is not synced.
const SYNC_WITHIN: Duration = Duration::from_millis(500);
/// Most lines that wait, when no batch can be written; the oldest goes.
pub(super) const CAPACITY: usize = 2_048;
/// Most bytes of the file; what does not fit waits in memory alone.
const MAX_BYTES: u64 = 1024 * 1024;

/// The waiting lines.
#[derive(Debug)]
pub(super) struct Evidence {
    path: PathBuf,
    waiting: VecDeque<AuditRecord>,
    /// Number of the first that waits; they are counted from the start on.
    first: u64,
    file: Option<Arc<File>>,
    length: u64,
    sync_due: Option<Mono>,
    /// Lines dropped at capacity, since start.
    pub(super) dropped: u64,
}

impl Evidence {
    /// What waits in `dir` and is not among the `stored` newest lines.
    pub(super) fn open(dir: &Path, stored: impl Fn(usize) -> Vec<AuditRecord>) -> Evidence {
        let path = dir.join(NAME);
        let mut waiting = VecDeque::from(
            std::fs::read(&path)
                .map(|bytes| parse(&bytes))
                .unwrap_or_default(),
        );
        if !waiting.is_empty() {
            // Those that the last batch took come before what was committed since; more than
            // as many again is not committed between two batches.
            let stored = stored(CAPACITY * 2);
            waiting.retain(|line| !stored.contains(line));
        }
        Evidence {
            path,
            waiting,
            first: 0,
            file: None,
            length: 0,
            sync_due: None,
            dropped: 0,
        }
    }

    /// Keeps a line. `now` begins its time until the `fsync`.
    pub(super) fn add(&mut self, line: AuditRecord, medium: &Medium, now: Mono) {
        let bytes = frame(&codec::encode(&line));
        self.waiting.push_back(line);
        if self.waiting.len() > CAPACITY {
            self.waiting.pop_front();
            self.first += 1;
            self.dropped += 1;
        }
        let Some(file) = self.file.as_ref().filter(|_| self.length < MAX_BYTES) else {
            return;
        };
        match medium.write(file, self.length, &bytes) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                self.sync_due.get_or_insert(now.plus(SYNC_WITHIN));
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// Those that wait, newest first.
    pub(super) fn newest_first(&self) -> Vec<AuditRecord> {
        self.waiting.iter().rev().cloned().collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Those that wait, and the number up to which they are settled once they are stored.
    pub(super) fn take(&self) -> (Vec<AuditRecord>, u64) {
        let lines: Vec<_> = self.waiting.iter().cloned().collect();
        let up_to = self.first + lines.len() as u64;
        (lines, up_to)
    }

    /// Every line before number `up_to` is in the store: the file holds the rest.
    pub(super) fn settle(&mut self, up_to: u64, medium: &Medium) {
        let stored = usize::try_from(up_to.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.waiting.drain(..stored.min(self.waiting.len()));
        self.first = self.first.max(up_to);
        self.rewrite(medium);
    }

    /// Writes the file anew, also after it is gone.
    pub(super) fn rewrite(&mut self, medium: &Medium) {
        let mut bytes = MAGIC.to_vec();
        for line in &self.waiting {
            bytes.extend_from_slice(&frame(&codec::encode(line)));
        }
        let written = dir::open_private(&self.path, false).and_then(|file| {
            // In this order a full medium keeps what it has; what is torn does not check.
            medium.write(&file, 0, &bytes)?;
            file.set_len(bytes.len() as u64)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                self.file = Some(Arc::new(file));
                self.length = bytes.len() as u64;
                self.sync_due = (!self.waiting.is_empty()).then(|| Mono::now().plus(SYNC_WITHIN));
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// When the file is to be synced, if it is.
    pub(super) fn sync_due(&self) -> Option<Mono> {
        self.sync_due
    }

    /// The file, to be synced now: not under the lock, for that takes its time.
    pub(super) fn take_unsynced(&mut self) -> Option<Arc<File>> {
        self.sync_due.take().and(self.file.clone())
    }

    /// Lines wait in memory until the next batch, which tries again.
    pub(super) fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(%error, "audit lines wait in memory for the next batch");
        (self.file, self.sync_due) = (None, None);
    }
}

/// The whole lines at the start of a file.
fn parse(bytes: &[u8]) -> Vec<AuditRecord> {
    let mut rest = bytes.strip_prefix(MAGIC.as_slice()).unwrap_or_default();
    let mut lines = Vec::new();
    while let Some((body, after)) = take_frame(rest) {
        lines.extend(codec::decode(body));
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::samples;

    fn line(at_us: i64) -> AuditRecord {
        AuditRecord {
            at_us,
            ..samples::audit()
        }
    }

    fn nothing(_: usize) -> Vec<AuditRecord> {
        Vec::new()
    }

    #[test]
    fn format_1_is_what_it_always_was() {
        let (dir, medium) = (tempfile::tempdir().expect("a directory"), Medium::default());
        let mut evidence = Evidence::open(dir.path(), nothing);
        evidence.rewrite(&medium);
        evidence.add(line(1), &medium, Mono::ZERO);
        evidence.add(line(2), &medium, Mono::ZERO);
        let bytes = std::fs::read(dir.path().join(NAME)).expect("read");
        let kept = include_bytes!("golden/v1/evidence.bin");
        let golden = samples::golden("evidence.bin", &bytes, kept);
        assert_eq!(
            bytes, golden,
            "the file's format changed; make a new version"
        );
        assert_eq!(parse(&golden), [line(1), line(2)]);
        for end in 0..golden.len() {
            assert!(parse(&golden[..end]).len() < 2, "torn at {end}");
        }
    }

    #[test]
    fn what_is_in_the_store_already_does_not_come_twice() {
        let (dir, medium) = (tempfile::tempdir().expect("a directory"), Medium::default());
        let mut evidence = Evidence::open(dir.path(), nothing);
        evidence.rewrite(&medium);
        for at_us in 1..4 {
            evidence.add(line(at_us), &medium, Mono::ZERO);
        }
        drop(evidence);
        let evidence = Evidence::open(dir.path(), |_| vec![line(2), line(1)]);
        assert_eq!(evidence.newest_first(), [line(3)]);
    }

    #[test]
    fn it_is_bounded_and_settles_what_was_stored_alone() {
        let (dir, medium) = (tempfile::tempdir().expect("a directory"), Medium::default());
        let mut evidence = Evidence::open(dir.path(), nothing);
        evidence.rewrite(&medium);
        let many = CAPACITY as i64 + 3;
        for at_us in 0..many {
            evidence.add(line(at_us), &medium, Mono::ZERO);
        }
        assert_eq!((evidence.len(), evidence.dropped), (CAPACITY, 3));
        let (lines, up_to) = evidence.take();
        assert_eq!(lines[0], line(3));
        evidence.add(line(many), &medium, Mono::ZERO);
        evidence.settle(up_to, &medium);
        assert_eq!(evidence.newest_first(), [line(many)]);
        let bytes = std::fs::read(dir.path().join(NAME)).expect("read");
        assert_eq!(parse(&bytes), [line(many)]);
    }
}
