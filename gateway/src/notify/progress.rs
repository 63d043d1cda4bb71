//! How far each channel has come in the outbox, and what it counts.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use store::{Change, Store};
use tokio::sync::Notify;

/// Counters of a channel.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Notifications that arrived.
    pub(super) sent: AtomicU64,
    /// Attempts that failed.
    pub(super) failed: AtomicU64,
    /// Notifications given up.
    pub(super) refused: AtomicU64,
    /// Why the last attempt failed, if it did.
    problem: Mutex<Option<String>>,
}

impl Counters {
    /// Why the last attempt failed.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone()
    }

    pub(super) fn set_problem(&self, reason: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}

/// How far each channel has come.
#[derive(Debug)]
pub(super) struct Progress {
    positions: Mutex<Vec<u64>>,
    woken: Notify,
}

impl Progress {
    /// Channels at these positions.
    pub(super) fn new(positions: Vec<u64>) -> Progress {
        Progress {
            positions: Mutex::new(positions),
            woken: Notify::new(),
        }
    }

    /// Moves channel `index` on, and removes what all have sent.
    pub(super) fn advance(&self, index: usize, to: u64, store: &Store) {
        if let Some(position) = self.lock().get_mut(index) {
            *position = to;
        }
        self.drop_delivered(store);
    }

    /// Where channel `index` is.
    pub(super) fn of(&self, index: usize) -> u64 {
        self.lock().get(index).copied().unwrap_or(0)
    }

    /// Removes what every channel has sent.
    pub(super) fn drop_delivered(&self, store: &Store) {
        let everywhere = self.lock().iter().copied().min().unwrap_or(u64::MAX);
        let mut after = 0;
        while let Some((number, _)) = store
            .outbox_after(after)
            .filter(|(number, _)| *number <= everywhere)
        {
            store.defer(vec![Change::DropOutbox(number)]);
            after = number;
        }
    }

    /// Has every channel that waits after a failure try at once.
    pub(super) fn wake(&self) {
        self.woken.notify_waiters();
    }

    /// Until somebody says that the network may be back.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
