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
//! in memory (`mirror`) does so while the gateway runs and the medium fails.
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
mod codec;
mod config;
pub mod crash;
mod dir;
mod disk;
mod engine;
#[cfg(test)]
mod faults;
mod journal;
mod measured;
mod medium;
mod mirror;
mod opening;
mod outlook;
mod plan;
mod records;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::{oneshot, watch};

use disk::Trouble;
use engine::{Engine, Options, Reply};
use medium::Medium;
use mirror::Table;
use state::{StoreState, WriterLife, lock, read_lock};
use writer::Request;

pub use config::Config;
pub use outlook::{Outlook, outlook};
pub use records::{
    AlertRecord, AuditRecord, HistoryRecord, KeyId, KeyRecord, OutboxEvent, OutboxRecord,
    RuleRecord,
};
pub use state::Health;
pub use upkeep::{Restored, reset, restore};

/// One change; several in one call are applied together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds or replaces a key.
    PutKey(KeyRecord),
    /// Removes a key.
    DeleteKey(KeyId),
    /// Adds or replaces an alert by its sequence number. What happened to it, if anybody is
    /// to be notified of it, goes into the outbox in the same commit.
    PutAlert(AlertRecord, Option<OutboxEvent>),
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
    /// Every notification up to this number has reached the target of that name.
    Delivered(String, u64),
    /// Removes a notification that has reached every target.
    DropOutbox(u64),
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

/// Handle to the store; clones share it. When the last one is dropped the
/// store is flushed and closed, as by [`Store::close`].
#[derive(Clone, Debug)]
pub struct Store {
    open: Arc<OpenStore>,
}

#[derive(Debug)]
struct OpenStore {
    state: Arc<StoreState>,
    /// None only while being dropped.
    queue: Option<SyncSender<Request>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for OpenStore {
    fn drop(&mut self) {
        // The writer ends when the queue does; waiting for it makes sure that
        // the directory is free again when the handle is gone.
        self.queue = None;
        if let Some(writer) = lock(&self.writer).take() {
            let _panicked = writer.join();
        }
    }
}

impl Store {
    /// Opens or creates the store in `dir` with the default settings.
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub fn open(dir: &Path) -> Result<(Store, Recovery), OpenError> {
        Store::open_with(&Config {
            dir: dir.to_owned(),
            ..Config::default()
        })
    }

    /// Opens or creates the store in `config.dir`, recovering what can be
    /// recovered. Blocks for the check of every page.
    ///
    /// # Errors
    /// [`OpenError`] when not even an empty store can be used, when another
    /// process has it, or when a newer gateway wrote it.
    pub fn open_with(config: &Config) -> Result<(Store, Recovery), OpenError> {
        Store::start(Options::new(config), Arc::new(Medium::default()))
    }

    fn start(options: Options, medium: Arc<Medium>) -> Result<(Store, Recovery), OpenError> {
        let fail = |reason: String| OpenError {
            dir: options.dir.display().to_string(),
            reason,
        };
        dir::prepare(&options.dir)
            .map_err(|error| fail(format!("{error}; create it or make it writable")))?;
        let held = dir::lock(&options.dir).map_err(fail)?;
        let opened = opening::open(&options.dir, &medium)
            .map_err(|trouble: Trouble| fail(trouble.to_string()))?;
        let recovery = Recovery {
            failing: opened.medium.clone(),
            ..opened.recovery
        };
        let lost = recovery.lost.as_deref().map(Arc::from);
        let state = Arc::new(StoreState {
            db: Some(opened.db).into(),
            mirror: opened.mirror.into(),
            batch: Mutex::default(),
            medium,
            commits: 0.into(),
            failures: 0.into(),
            queued: 0.into(),
            notify: false.into(),
            outbox_dropped: 0.into(),
            outbox: watch::Sender::new(0),
            health: watch::Sender::new(Health {
                healthy: true,
                reason: None,
                lost,
            }),
            writer_ended: watch::Sender::new(false),
        });
        let (queue, requests) = sync_channel(writer::QUEUE_CAPACITY);
        let engine = Engine::new(options.clone(), state.clone(), opened.medium, held);
        let seen = state.clone();
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                let _life = WriterLife(seen.clone());
                writer::run(engine, &requests, &seen);
            })
            .map_err(|error| fail(format!("the writer thread does not start: {error}")))?;
        let open = OpenStore {
            state,
            queue: Some(queue),
            writer: Mutex::new(Some(writer)),
        };
        Ok((
            Store {
                open: Arc::new(open),
            },
            recovery,
        ))
    }

    /// Makes `changes` durable together; returns when they are on the medium.
    ///
    /// # Errors
    /// [`StorageError`]: nothing of `changes` is to be acknowledged.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        self.ask(|reply| Request::Commit(changes, reply)).await
    }

    /// Queues changes for the next batch; may be lost at a power cut.
    ///
    /// A deferred [`Change::PutKey`] only brings usage count and last use, to
    /// a key that is still there. Oldest out at capacity, and counted.
    pub fn defer(&self, changes: Vec<Change>) {
        let mut batch = lock(&self.open.state.batch);
        for change in changes {
            batch.add(change);
        }
    }

    /// Writes what was deferred, now.
    ///
    /// # Errors
    /// [`StorageError::Busy`] and [`StorageError::Stopping`]; what the medium
    /// refuses is kept and tried again.
    pub async fn flush(&self) -> Result<(), StorageError> {
        self.ask(Request::Flush).await
    }

    /// Takes a snapshot, now.
    ///
    /// # Errors
    /// [`StorageError`] when none could be taken.
    pub async fn snapshot(&self) -> Result<(), StorageError> {
        self.ask(Request::Snapshot).await
    }

    /// Records that the loss in [`Recovery::lost`] has been raised as an alert.
    ///
    /// # Errors
    /// [`StorageError`]: it will be reported again.
    pub async fn loss_reported(&self) -> Result<(), StorageError> {
        self.ask(Request::LossReported).await
    }

    /// Writes what was deferred and closes; later commits are refused.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let mut request = Request::Close(done);
        // The queue drains by itself, so a full one only takes a moment.
        while let Some(queue) = &self.open.queue {
            match queue.try_send(request) {
                Ok(()) => {
                    self.open.state.queued.fetch_add(1, Ordering::Relaxed);
                    let _closed_before = closed.await;
                    return;
                }
                Err(TrySendError::Full(same)) => {
                    request = same;
                    tokio::task::yield_now().await;
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }

    async fn ask(&self, request: impl FnOnce(Reply) -> Request) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.open.queue.as_ref().ok_or(StorageError::Stopping)?;
        // Counted before it is sent: the writer may take it at once.
        self.open.state.queued.fetch_add(1, Ordering::Relaxed);
        if let Err(refused) = queue.try_send(request(reply)) {
            self.open.state.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(match refused {
                TrySendError::Full(_) => StorageError::Busy,
                TrySendError::Disconnected(_) => StorageError::Stopping,
            });
        }
        answer.await.unwrap_or(Err(StorageError::Stopping))
    }

    /// Every key.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyRecord> {
        lock(&self.open.state.mirror).decoded(Table::Keys)
    }

    /// Every alert, oldest first.
    #[must_use]
    pub fn alerts(&self) -> Vec<AlertRecord> {
        lock(&self.open.state.mirror).decoded(Table::Alerts)
    }

    /// Every stored rule.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleRecord> {
        lock(&self.open.state.mirror).decoded(Table::Rules)
    }

    /// Stored minute history, one record a series, oldest step first. Reads
    /// the file: call it at start or from a blocking task.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryRecord> {
        plan::merge_history(
            self.cold::<Vec<HistoryRecord>>(Table::History, false, usize::MAX)
                .into_iter(),
        )
    }

    /// Calls `each` with the stored history, batch by batch, oldest first:
    /// [`Store::history`] without holding all of it. Reads the file.
    pub fn replay_history(&self, mut each: impl FnMut(HistoryRecord)) {
        self.cold_each(Table::History, false, |records: Vec<HistoryRecord>| {
            records.into_iter().for_each(&mut each);
            true
        });
    }

    /// The newest `limit` audit records, newest first. Reads the file: call
    /// it from a blocking task.
    #[must_use]
    pub fn audit(&self, limit: usize) -> Vec<AuditRecord> {
        self.cold(Table::Audit, true, limit)
    }

    fn cold<T: serde::de::DeserializeOwned>(
        &self,
        table: Table,
        newest_first: bool,
        limit: usize,
    ) -> Vec<T> {
        let mut records = Vec::new();
        if limit > 0 {
            self.cold_each(table, newest_first, |record| {
                records.push(record);
                records.len() < limit
            });
        }
        records
    }

    /// Records that are only on disk, until `each` says stop; none while the
    /// medium cannot be read. One that does not decode is passed over.
    fn cold_each<T: serde::de::DeserializeOwned>(
        &self,
        table: Table,
        newest_first: bool,
        mut each: impl FnMut(T) -> bool,
    ) {
        let Some(db) = &*read_lock(&self.open.state.db) else {
            return;
        };
        let outcome = disk::read(db, table, newest_first, |_, value| {
            codec::decode(value).map_or(true, &mut each)
        });
        if let Err(trouble) = outcome {
            tracing::warn!(%trouble, table = table.name(), "stored records cannot be read");
        }
    }

    /// From now on each event of an alert leaves a notification in the outbox,
    /// in the same commit as the alert; or no longer.
    pub fn keep_outbox(&self, keep: bool) {
        self.open.state.notify.store(keep, Ordering::Relaxed);
    }

    /// The first notification after number `after`, with its number.
    #[must_use]
    pub fn outbox_after(&self, after: u64) -> Option<(u64, OutboxRecord)> {
        lock(&self.open.state.mirror).outbox_after(after)
    }

    /// Number of the newest notification waiting; 0 when there is none.
    #[must_use]
    pub fn outbox_newest(&self) -> u64 {
        let mirror = lock(&self.open.state.mirror);
        mirror
            .records(Table::Outbox)
            .keys()
            .next_back()
            .and_then(|key| mirror::number_of(key))
            .unwrap_or(0)
    }

    /// The newest notification known to have reached `target`.
    #[must_use]
    pub fn delivered(&self, target: &str) -> Option<u64> {
        let mirror = lock(&self.open.state.mirror);
        mirror
            .records(Table::Delivered)
            .get(target.as_bytes())
            .and_then(|bytes| codec::decode(bytes).ok())
    }

    /// Wakes the receiver when notifications were added.
    #[must_use]
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.open.state.outbox.subscribe()
    }

    /// A random number made when the store was created; part of alert ids.
    /// A store rebuilt after a loss has a new one.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        lock(&self.open.state.mirror).epoch
    }

    /// Whether writes become durable; changes wake the receiver.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.open.state.health.subscribe()
    }

    /// Waits until the writer's thread has ended; whoever waits keeps no store open.
    pub fn writer_ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ended = self.open.state.writer_ended.subscribe();
        async move {
            // An error means that the store is gone, and its writer with it.
            let _ended = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let state = &self.open.state;
        let (waiting, dropped) = {
            let batch = lock(&state.batch);
            (batch.len() as u64, batch.dropped)
        };
        StoreStats {
            commits: state.commits.load(Ordering::Relaxed),
            failures: state.failures.load(Ordering::Relaxed),
            syncs: state.medium.syncs(),
            bytes: state.medium.bytes(),
            queued: state.queued.load(Ordering::Relaxed) + waiting,
            dropped,
            outbox: lock(&state.mirror).records(Table::Outbox).len() as u64,
            outbox_dropped: state.outbox_dropped.load(Ordering::Relaxed),
            healthy: state.health.borrow().healthy,
        }
    }

    /// Writes a consistent copy of everything, checked by reading it back,
    /// 0600, to `path`; the gateway goes on meanwhile. [`restore`] takes it.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] saying what failed; `path` is then as it was.
    pub async fn backup_to(&self, path: &Path) -> Result<(), StorageError> {
        let (state, path) = (self.open.state.clone(), path.to_owned());
        let copied = tokio::task::spawn_blocking(move || upkeep::backup(&state, &path)).await;
        let outcome = copied.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        outcome.map_err(|error| {
            StorageError::Unavailable(format!("no backup was made: {error}").into())
        })
    }
}
