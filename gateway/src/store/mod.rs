//! Durable state on an SD card: one small module over redb.
//!
//! What is committed here survives `kill -9` and power cuts; what is deferred
//! is best effort inside the write budget. Nothing outside this room knows
//! redb. This room must never be written on a timer faster than the budget.

mod records;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

pub use records::{AlertRecord, AuditRecord, HistoryRecord, KeyId, KeyRecord, RuleRecord};

/// One change; several in one call are applied together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds or replaces a key.
    PutKey(KeyRecord),
    /// Removes a key.
    DeleteKey(KeyId),
    /// Adds or replaces an alert by its sequence number.
    PutAlert(AlertRecord),
    /// Removes an alert.
    DeleteAlert(u64),
    /// Adds or replaces a rule by its name.
    PutRule(RuleRecord),
    /// Removes a rule.
    DeleteRule(String),
    /// Appends minute steps of a history.
    History(HistoryRecord),
    /// Appends to the security audit trail (bounded, oldest out).
    Audit(AuditRecord),
}

/// Why a change is not durable. The caller must not acknowledge it.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// The medium refused: full, read-only or failing.
    #[error("the change is not saved: {0}; free space or replace the medium, then try again")]
    Unavailable(Arc<str>),
    /// Too many changes are waiting.
    #[error("the change is not saved: the store is busy; try again")]
    Busy,
    /// The gateway is stopping.
    #[error("the change is not saved: the gateway is stopping")]
    Stopping,
}

/// Why the store did not open at all.
#[derive(Debug, Error)]
#[error("cannot use the state directory {dir}: {reason}")]
pub struct OpenError {
    /// The directory.
    pub dir: String,
    /// What happened and what to do.
    pub reason: String,
}

/// What was found when the store was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// The store is new.
    pub created: bool,
    /// What was lost, for the critical alert; none when all is well.
    pub lost: Option<String>,
}

/// Counters for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreStats {
    /// Commits that reached the medium.
    pub commits: u64,
    /// Commits that failed.
    pub failures: u64,
    /// `fsync`s issued.
    pub syncs: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Changes waiting.
    pub queued: u64,
    /// Deferred changes dropped at capacity.
    pub dropped: u64,
    /// Whether the medium takes writes at present.
    pub healthy: bool,
}

/// Handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens or creates the store in `dir`, recovering what can be recovered.
    ///
    /// # Errors
    /// [`OpenError`] when not even an empty store can be used.
    pub fn open(dir: &Path) -> Result<(Store, Recovery), OpenError> {
        let _ = dir;
        unimplemented!()
    }

    /// Makes `changes` durable together; returns when they are on the medium.
    ///
    /// # Errors
    /// [`StorageError`]: nothing of `changes` is to be acknowledged.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let _ = changes;
        unimplemented!()
    }

    /// Queues changes for the next batch; may be lost at a power cut.
    pub fn defer(&self, changes: Vec<Change>) {
        let _ = changes;
        unimplemented!()
    }

    /// Every key.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyRecord> {
        unimplemented!()
    }

    /// Every alert, oldest first.
    #[must_use]
    pub fn alerts(&self) -> Vec<AlertRecord> {
        unimplemented!()
    }

    /// Every stored rule.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleRecord> {
        unimplemented!()
    }

    /// Stored minute history, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryRecord> {
        unimplemented!()
    }

    /// The newest `limit` audit records, newest first.
    #[must_use]
    pub fn audit(&self, limit: usize) -> Vec<AuditRecord> {
        let _ = limit;
        unimplemented!()
    }

    /// A random number made when the store was created; part of alert ids.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        unimplemented!()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        unimplemented!()
    }
}
