//! The handle to an open store: opening, committing, deferring, closing.
//!
//! Asks the writer thread and waits for its answer; touches no file itself once the store
//! is open. What can be read is in `queries`.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use super::change::{Change, StorageError};
use super::disk::Trouble;
use super::engine::{Engine, Options, Reply};
use super::evidence::Evidence;
use super::medium::Medium;
use super::state::{Health, StoreState, WriterLife, lock};
use super::writer::{self, Request};
use super::{Config, OpenError, Recovery, dir, disk, opening, upkeep};
use readings::clock::Mono;

/// Handle to the store; clones share it. When the last one is dropped the
/// store is flushed and closed, as by [`Store::close`].
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) open: Arc<OpenStore>,
}

#[derive(Debug)]
pub(super) struct OpenStore {
    pub(super) state: Arc<StoreState>,
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

    pub(super) fn start(
        options: Options,
        medium: Arc<Medium>,
    ) -> Result<(Store, Recovery), OpenError> {
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
        let evidence = Evidence::open(&options.dir, |newest| disk::audit(&opened.db, newest));
        let state = Arc::new(StoreState {
            db: Some(opened.db).into(),
            mirror: opened.mirror.into(),
            batch: Mutex::default(),
            evidence: Mutex::new(evidence),
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
    /// a key that is still there. Oldest out at capacity, and counted. A deferred
    /// [`Change::Audit`] survives a kill when this returns, and after half a second a
    /// power cut.
    pub fn defer(&self, changes: Vec<Change>) {
        let state = &self.open.state;
        let mut is_evidence = false;
        for change in changes {
            if let Change::Audit(line) = change {
                lock(&state.evidence).add(line, &state.medium, Mono::now());
                is_evidence = true;
            } else {
                lock(&state.batch).add(change);
            }
        }
        // The writer may sleep until the next batch. With a full queue it does not.
        if is_evidence && let Some(queue) = &self.open.queue {
            state.queued.fetch_add(1, Ordering::Relaxed);
            if queue.try_send(Request::Look).is_err() {
                state.queued.fetch_sub(1, Ordering::Relaxed);
            }
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

    /// From now on each event of an alert leaves a notification in the outbox,
    /// in the same commit as the alert; or no longer.
    pub fn keep_outbox(&self, keep: bool) {
        self.open.state.notify.store(keep, Ordering::Relaxed);
    }

    /// Writes a consistent copy of everything, checked by reading it back,
    /// 0600, to `path`; the gateway goes on meanwhile. [`crate::restore`] takes it.
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
}
