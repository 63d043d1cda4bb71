//! What is stored, as it can be read; and the counters.
//!
//! Keys, alerts, rules and the outbox come from the mirror in memory. Histories and the
//! audit trail are read from the file, which takes its time.

use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::handle::Store;
use super::mirror::{self, Table};
use super::state::{Health, lock, read_lock};
use super::{
    AlertRecord, AuditRecord, HistoryRecord, KeyRecord, OutboxRecord, RuleRecord, StoreStats,
    codec, disk, plan,
};

impl Store {
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

    /// The newest time that a key, an alert or the audit trail holds, in microseconds since
    /// 1970: it is no earlier now. Reads the file.
    #[must_use]
    pub fn newest_us(&self) -> i64 {
        let keys = self
            .keys()
            .into_iter()
            .map(|key| key.created_us.max(key.last_used_us.unwrap_or(0)));
        let alerts = self.alerts().into_iter().map(|alert| alert.created_us);
        let lines = self.audit(1).into_iter().map(|line| line.at_us);
        keys.chain(alerts).chain(lines).max().unwrap_or(0)
    }

    /// The newest `limit` audit records, newest first, with those that wait for the next
    /// batch. Reads the file: call it from a blocking task.
    #[must_use]
    pub fn audit(&self, limit: usize) -> Vec<AuditRecord> {
        let waiting = lock(&self.open.state.evidence).newest_first();
        let mut stored = read_lock(&self.open.state.db)
            .as_ref()
            .map(|db| disk::audit(db, limit.saturating_add(waiting.len())))
            .unwrap_or_default();
        // A batch may have stored them since.
        stored.retain(|line| !waiting.contains(line));
        let (mut waiting, mut stored) = (
            waiting.into_iter().peekable(),
            stored.into_iter().peekable(),
        );
        let merged = std::iter::from_fn(|| match (waiting.peek(), stored.peek()) {
            (Some(one), Some(other)) if one.at_us < other.at_us => stored.next(),
            (Some(_), _) => waiting.next(),
            (None, _) => stored.next(),
        });
        merged.take(limit).collect()
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
        if let Some(db) = &*read_lock(&self.open.state.db) {
            disk::read_each(db, table, newest_first, &mut each);
        }
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
            let (batch, evidence) = (lock(&state.batch), lock(&state.evidence));
            let waiting = batch.len() + evidence.len();
            (waiting as u64, batch.dropped + evidence.dropped)
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
}
