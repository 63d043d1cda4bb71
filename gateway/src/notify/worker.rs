//! The delivery worker of one channel: takes the next notification, sends it, backs off,
//! notes the progress.
//!
//! In order: a notification that does not arrive holds up those behind it, for this
//! channel alone. Progress is deferred to the store's next commit of
//! alerts or batch, because a commit for each delivery would double the write
//! budget for the sake of a repetition after a power cut.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Hides;
use super::channel::{Channel, NotDelivered, Notification};
use store::{Change, Store};

/// First wait after a failure; doubles with each.
pub(super) const BACK_OFF_MIN: Duration = Duration::from_secs(1);
/// Longest wait: a channel that works again is found within five minutes.
const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// Attempts after which a notification that is refused is given up, so that one
/// that the other side cannot take does not hold up all others: the waits between them,
/// 1 + 2 + … + 64 s, are some two minutes.
const REFUSALS: u32 = 8;

/// Counters of a channel.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Notifications that arrived.
    pub(super) sent: AtomicU64,
    /// Attempts that failed.
    pub(super) failed: AtomicU64,
    /// Notifications given up.
    pub(super) refused: AtomicU64,
}

/// How far each channel has come.
#[derive(Debug)]
pub(super) struct Progress(Mutex<Vec<u64>>);

impl Progress {
    /// Channels at these positions.
    pub(super) fn new(positions: Vec<u64>) -> Progress {
        Progress(Mutex::new(positions))
    }

    /// Moves channel `index` on; the position all have reached.
    fn advance(&self, index: usize, to: u64) -> u64 {
        let mut positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = positions.get_mut(index) {
            *position = to;
        }
        positions.iter().copied().min().unwrap_or(u64::MAX)
    }

    fn of(&self, index: usize) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(index)
            .copied()
            .unwrap_or(0)
    }

    /// Removes what every channel has sent.
    pub(super) fn drop_delivered(&self, store: &Store) {
        let everywhere = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .min();
        drop_up_to(store, everywhere.unwrap_or(u64::MAX));
    }
}

fn drop_up_to(store: &Store, everywhere: u64) {
    let mut after = 0;
    while let Some((number, _)) = store
        .outbox_after(after)
        .filter(|(number, _)| *number <= everywhere)
    {
        store.defer(vec![Change::DropOutbox(number)]);
        after = number;
    }
}

/// Delivers by one channel.
#[derive(Clone)]
pub(super) struct DeliveryWorker {
    /// How it is sent.
    pub(super) channel: Arc<dyn Channel>,
    /// Its place in the progress.
    pub(super) index: usize,
    /// Where notifications come from.
    pub(super) store: Store,
    /// How far all have come.
    pub(super) progress: Arc<Progress>,
    /// What is counted.
    pub(super) counters: Arc<Counters>,
    /// What it is not to hear.
    pub(super) hides: Hides,
    /// The first wait; tests take none.
    pub(super) back_off_min: Duration,
}

impl DeliveryWorker {
    /// Delivers for ever.
    pub(super) async fn run(self) {
        let mut changes = self.store.outbox_changes();
        loop {
            changes.mark_unchanged();
            while let Some((number, record)) = self.store.outbox_after(self.progress.of(self.index))
            {
                let notification = Notification {
                    record,
                    delivery: number.to_string(),
                };
                // A level that this version does not know ranks below all.
                let is_meant = notification.level() >= self.channel.min_level();
                if is_meant && !(self.hides)(&notification.record) {
                    self.deliver(number, &notification).await;
                }
                let everywhere = self.progress.advance(self.index, number);
                let name = self.channel.name().to_owned();
                self.store.defer(vec![Change::Delivered(name, number)]);
                drop_up_to(&self.store, everywhere);
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends until it arrives, is given up, or has made room in the outbox.
    async fn deliver(&self, number: u64, notification: &Notification) {
        let mut attempts = 0;
        let mut refusals = 0;
        loop {
            let error = match self.channel.send(notification).await {
                Ok(()) => {
                    self.counters.sent.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(error) => error,
            };
            self.counters.failed.fetch_add(1, Ordering::Relaxed);
            attempts += 1;
            refusals += u32::from(matches!(error, NotDelivered::Refused(_)));
            tracing::warn!(channel = self.channel.name(), %error, attempts, "a notification did not arrive");
            if refusals >= REFUSALS {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            tokio::time::sleep(wait(self.back_off_min, attempts, &error)).await;
            if self
                .store
                .outbox_after(number - 1)
                .is_none_or(|(next, _)| next != number)
            {
                // Dropped for a worse one while it waited.
                return;
            }
        }
    }
}

/// The wait after `attempts` failures, the last of which was `error`.
fn wait(first: Duration, attempts: u32, error: &NotDelivered) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(attempts - 1).unwrap_or(u32::MAX));
    let asked = match error {
        NotDelivered::Retry { after, .. } => after.unwrap_or_default(),
        NotDelivered::Refused(_) => Duration::ZERO,
    };
    doubled.max(asked).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_heed_the_other_side() {
        let lost = NotDelivered::retry("no answer");
        let waits: Vec<u64> = (1..12)
            .map(|attempts| wait(BACK_OFF_MIN, attempts, &lost).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(wait(BACK_OFF_MIN, u32::MAX, &lost), BACK_OFF_MAX);
        let later = |seconds| NotDelivered::Retry {
            reason: "answered with 429".to_owned(),
            after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(wait(BACK_OFF_MIN, 1, &later(60)).as_secs(), 60);
        assert_eq!(wait(BACK_OFF_MIN, 1, &later(3600)), BACK_OFF_MAX);
    }
}
