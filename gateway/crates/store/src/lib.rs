//! Durable state on an SD card: one small module over redb.
//!
//! What is committed here survives `kill -9` and power cuts; what is deferred
//! is best effort inside the write budget. Nothing outside this room knows
//! redb. This room must never be written on a timer faster than the budget.
//!
//! A commit is one redb transaction with one `fsync`, made by the writer
//! thread for everything that is queued (`writer`, `engine`), copied to a
//! journal (`journal`) and only then acknowledged. A start that finds the newest
//! commit in one of the two alone takes a snapshot before anybody is shown it;
//! so whatever was acknowledged or shown is there twice, unless the medium refuses
//! journal or snapshot (a warning, and tried again). Daily snapshots (`archive`,
//! `snapshot`) and the journal put a damaged store right (`opening`); a mirror
//! in memory (`mirror`) does so while the gateway runs and the medium fails. Deferred
//! lines of the audit trail wait for their batch in a file (`evidence`), so that a kill
//! costs none.
//!
//! # Write budget
//!
//! Goal: at most 50 MB a day for three drones and ten alerts an hour. Counted
//! through the backend by `tests/budget.rs`, over a day of 46 series, 240
//! alerts of three commits each, and a batch every five minutes (`strace` over
//! a run of commits counts the same):
//!
//! | what | bytes | `fsync`s |
//! |---|---|---|
//! | one commit of one alert | 29 KB | 1, and 1 for the journal after the answer |
//! | the same with its notification | 38 KB | the same |
//! | one batch: five minutes of 46 series, usage of 4 keys | 42–46 KB | 2 |
//! | one snapshot | 48 KB | 3 |
//! | the day, without webhooks | 32.7 MB | 2,025 |
//! | the day, each alert event sent to a webhook | 38.8 MB | 2,025 |
//!
//! A commit costs the pages of redb's trees on the way to its records, hardly
//! the records themselves: so histories are appended as one value a batch and
//! never rewritten, and usage counts ride along with them.

mod archive;
mod batch;
mod change;
mod codec;
mod config;
pub mod crash;
mod dir;
mod disk;
mod engine;
mod evidence;
#[cfg(test)]
mod faults;
mod handle;
mod journal;
mod measured;
mod medium;
mod mirror;
mod opening;
mod outlook;
mod plan;
mod queries;
mod records;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use thiserror::Error;

pub use change::{Change, StorageError};
pub use config::Config;
pub use handle::Store;
pub use outlook::{Outlook, outlook};
pub use records::{
    AlertRecord, AuditRecord, HistoryRecord, KeyId, KeyRecord, OutboxEvent, OutboxRecord,
    RuleRecord,
};
pub use state::Health;
pub use upkeep::{Restored, reset, restore};

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
    /// What was lost, for the critical alert; none when all is well. Reported at
    /// every start until [`Store::loss_reported`].
    pub lost: Option<String>,
    /// What was damaged and put right without loss, for a warning.
    pub mended: Option<String>,
    /// Why writes are refused from the start, if they are.
    pub failing: Option<String>,
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
    /// Notifications waiting in the outbox.
    pub outbox: u64,
    /// Notifications dropped at capacity.
    pub outbox_dropped: u64,
    /// Whether the medium takes writes at present.
    pub healthy: bool,
}
