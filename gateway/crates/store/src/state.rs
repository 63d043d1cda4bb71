//! The state of an open store, which the writer thread and the handles share.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::Database;
use tokio::sync::watch;

use super::batch::Batch;
use super::evidence::Evidence;
use super::medium::Medium;
use super::mirror::Mirror;

/// Whether writes become durable, and what is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the medium takes writes at present.
    pub healthy: bool,
    /// Why not.
    pub reason: Option<Arc<str>>,
    /// What was lost and has not been reported yet (see `Store::loss_reported`).
    pub lost: Option<Arc<str>>,
}

/// State that the writer changes and the handles read.
#[derive(Debug)]
pub(super) struct StoreState {
    /// The database; none while it is being opened again.
    pub(super) db: RwLock<Option<Database>>,
    /// What is durable.
    pub(super) mirror: Mutex<Mirror>,
    /// What waits for the next batch.
    pub(super) batch: Mutex<Batch>,
    /// Lines of the audit trail that wait for it.
    pub(super) evidence: Mutex<Evidence>,
    /// Counters of the medium.
    pub(super) medium: Arc<Medium>,
    /// Commits that reached the medium.
    pub(super) commits: AtomicU64,
    /// Commits and snapshots that failed.
    pub(super) failures: AtomicU64,
    /// Requests queued for the writer.
    pub(super) queued: AtomicU64,
    /// Whether alerts leave notifications in the outbox.
    pub(super) notify: AtomicBool,
    /// Notifications dropped at capacity.
    pub(super) outbox_dropped: AtomicU64,
    /// Number of commits that changed the outbox, for those who deliver.
    pub(super) outbox: watch::Sender<u64>,
    /// Watched by the gateway for its alerts.
    pub(super) health: watch::Sender<Health>,
    /// Whether the writer's thread has ended, however it came about.
    pub(super) writer_ended: watch::Sender<bool>,
}

/// Held by the writer's thread: says that it has ended, also by a panic.
pub(super) struct WriterLife(pub(super) Arc<StoreState>);

impl Drop for WriterLife {
    fn drop(&mut self) {
        self.0.writer_ended.send_replace(true);
    }
}

// A panic while one of these is held leaves complete values behind: they are
// replaced or extended, never half edited. So poisoning is passed over.

/// Locks a mutex.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading.
pub(super) fn read_lock<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing.
pub(super) fn write_lock<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}
