//! Changes to operations: which bytes are put where, which old ones go.
//!
//! Pure: reads the mirror, returns operations. Bounds of the audit trail and
//! the histories are kept here, inside the same commit as what made them grow.

use std::collections::BTreeMap;

use super::codec;
use super::mirror::{Mirror, Op, Table, chunk_minutes, numbered};
use super::{AlertRecord, Change, HistoryRecord, KeyRecord, OutboxEvent, OutboxRecord};
use readings::Level;

/// Most audit records kept: weeks of a busy site, about 1 MB.
pub(super) const AUDIT_CAPACITY: u64 = 10_000;
/// How far over capacity the trail may go before the oldest are removed
/// together: removing one with each added would rewrite both ends every time.
pub(super) const AUDIT_SLACK: u64 = 256;
/// Most bytes of history: a day of 64 drones; keeps the check at start short.
pub(super) const HISTORY_CAPACITY_BYTES: u64 = 16 * 1024 * 1024;

/// Most notifications waiting. At capacity the least severe go first, the
/// oldest of them; so the worst are kept longest.
pub(super) const OUTBOX_CAPACITY: usize = 1_000;
/// Numbers of notifications are those of their commits times this: they grow
/// for ever although the outbox is empty most of the time.
const OUTBOX_STRIDE: u64 = 1 << 20;

/// Operations of one commit over the mirror; a later change of a record
/// replaces an earlier one, so that each is written once.
pub(super) struct Plan<'a> {
    mirror: &'a Mirror,
    writes: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    next_audit: u64,
    next_chunk: u64,
    /// Whether alerts leave a notification.
    notify: bool,
    next_outbox: u64,
    /// Notifications dropped at capacity.
    pub(super) dropped: u64,
}

impl<'a> Plan<'a> {
    /// An empty plan over `mirror`.
    pub(super) fn new(mirror: &'a Mirror, notify: bool) -> Plan<'a> {
        Plan {
            mirror,
            writes: BTreeMap::new(),
            next_audit: mirror.audit.end,
            next_chunk: mirror.history.back().map_or(0, |chunk| chunk.id + 1),
            notify,
            next_outbox: (mirror.seq + 1) * OUTBOX_STRIDE,
            dropped: 0,
        }
    }

    /// Adds what was asked to be made durable. False, and nothing added, when
    /// a table would outgrow its capacity.
    #[must_use]
    pub(super) fn commit(&mut self, changes: &[Change]) -> bool {
        if !changes.iter().all(|change| self.fits(change)) {
            return false;
        }
        let mut history = Vec::new();
        for change in changes {
            match change {
                Change::PutKey(record) => {
                    self.put(Table::Keys, record.id.0.to_vec(), codec::encode(record))
                }
                Change::DeleteKey(id) => self.remove(Table::Keys, id.0.to_vec()),
                Change::PutAlert(record, event) => {
                    self.notification(record, *event);
                    self.put(Table::Alerts, numbered(record.seq), codec::encode(record));
                }
                Change::Delivered(target, number) => {
                    self.put(
                        Table::Delivered,
                        target.clone().into_bytes(),
                        codec::encode(number),
                    );
                }
                Change::DropOutbox(number) => self.remove(Table::Outbox, numbered(*number)),
                Change::DeleteAlert(seq) => self.remove(Table::Alerts, numbered(*seq)),
                Change::PutRule(record) => {
                    self.put(
                        Table::Rules,
                        record.name.clone().into_bytes(),
                        codec::encode(record),
                    );
                }
                Change::DeleteRule(name) => self.remove(Table::Rules, name.clone().into_bytes()),
                Change::Audit(record) => {
                    self.put(
                        Table::Audit,
                        numbered(self.next_audit),
                        codec::encode(record),
                    );
                    self.next_audit += 1;
                }
                Change::History(record) => history.push(record.clone()),
            }
        }
        if !history.is_empty() {
            self.chunk(&history);
        }
        true
    }

    /// Adds what was deferred. A deferred key only brings its usage: it never
    /// revives a revoked key nor undoes a later change of the record.
    pub(super) fn deferred(&mut self, changes: &[Change]) {
        let mut others = Vec::with_capacity(changes.len());
        for change in changes {
            match change {
                Change::PutKey(record) => self.usage(record),
                // One that does not fit is dropped alone: the rest must not
                // wait behind it for ever.
                other if self.fits(other) => others.push(other.clone()),
                _ => {}
            }
        }
        let _fits = self.commit(&others);
    }

    fn usage(&mut self, record: &KeyRecord) {
        let key = record.id.0.to_vec();
        let Some(mut stored) = self
            .current(Table::Keys, &key)
            .and_then(|bytes| codec::decode::<KeyRecord>(bytes).ok())
        else {
            return;
        };
        stored.usage_count = stored.usage_count.max(record.usage_count);
        stored.last_used_us = record.last_used_us.or(stored.last_used_us);
        self.put(Table::Keys, key, codec::encode(&stored));
    }

    /// Puts the notification of `event` beside the change of its alert.
    ///
    /// The committer repeats what may have become durable after it gave up waiting. So
    /// what the stored record lacks is what is told: nobody hears of one event twice, and
    /// what happened while the medium stalled is not lost behind a second "raised".
    fn notification(&mut self, record: &AlertRecord, event: Option<OutboxEvent>) {
        let Some(mut event) = event.filter(|_| self.notify) else {
            return;
        };
        let stored = self.current(Table::Alerts, &numbered(record.seq));
        let stored = stored.and_then(|bytes| codec::decode::<AlertRecord>(bytes).ok());
        if let Some(stored) = stored {
            let Some(untold) = not_yet_in(&stored, record) else {
                return;
            };
            event = untold;
        }
        let notification = OutboxRecord {
            event,
            alert: record.clone(),
        };
        self.put(
            Table::Outbox,
            numbered(self.next_outbox),
            codec::encode(&notification),
        );
        self.next_outbox += 1;
    }

    fn bound_outbox(&mut self) {
        let mut waiting: BTreeMap<Vec<u8>, Option<Level>> = BTreeMap::new();
        if self.mirror.records(Table::Outbox).len() + self.writes.len() <= OUTBOX_CAPACITY {
            return;
        }
        for (key, value) in self.mirror.records(Table::Outbox) {
            waiting.insert(key.clone(), level_of(value));
        }
        for ((_, key), value) in self
            .writes
            .iter()
            .filter(|((table, _), _)| *table == Table::Outbox)
        {
            match value {
                Some(value) => drop(waiting.insert(key.clone(), level_of(value))),
                None => drop(waiting.remove(key)),
            }
        }
        let over = waiting.len().saturating_sub(OUTBOX_CAPACITY);
        let mut by_worth: Vec<_> = waiting
            .into_iter()
            .map(|(key, level)| (level, key))
            .collect();
        by_worth.sort();
        for (_, key) in by_worth.into_iter().take(over) {
            self.remove(Table::Outbox, key);
            self.dropped += 1;
        }
    }

    /// One value for all series of a batch: appended once and never
    /// rewritten, which is what keeps histories inside the write budget.
    fn chunk(&mut self, records: &[HistoryRecord]) {
        self.put(
            Table::History,
            numbered(self.next_chunk),
            codec::encode(&records),
        );
        self.next_chunk += 1;
    }

    /// The operations, with the removals that keep the bounds.
    pub(super) fn finish(mut self, history_minutes: u64) -> (Vec<Op>, u64) {
        self.bound_audit();
        self.bound_history(history_minutes);
        self.bound_outbox();
        let dropped = self.dropped;
        (self.operations(), dropped)
    }

    fn operations(self) -> Vec<Op> {
        self.writes
            .into_iter()
            .map(|((table, key), value)| Op { table, key, value })
            .collect()
    }

    fn bound_audit(&mut self) {
        let start = self.mirror.audit.start;
        if self.next_audit - start > AUDIT_CAPACITY + AUDIT_SLACK {
            for number in start..self.next_audit - AUDIT_CAPACITY {
                self.remove(Table::Audit, numbered(number));
            }
        }
    }

    /// Counts recorded minutes, not the age: after a jump of the wall clock
    /// by years nothing is thrown away that would not have been.
    fn bound_history(&mut self, history_minutes: u64) {
        let added = self
            .writes
            .iter()
            .filter(|((table, _), _)| *table == Table::History);
        let (mut minutes, mut bytes) = added.fold((0, 0), |(minutes, bytes), (_, value)| {
            let value = value.as_deref().unwrap_or_default();
            (
                minutes + u64::from(chunk_minutes(value)),
                bytes + value.len() as u64,
            )
        });
        if bytes == 0 {
            return;
        }
        let mut out = Vec::new();
        for chunk in self.mirror.history.iter().rev() {
            minutes += u64::from(chunk.minutes);
            bytes += chunk.bytes;
            if minutes > history_minutes || bytes > HISTORY_CAPACITY_BYTES {
                out.push(chunk.id);
            }
        }
        for id in out {
            self.remove(Table::History, numbered(id));
        }
    }

    fn fits(&self, change: &Change) -> bool {
        let (table, key) = match change {
            Change::PutKey(record) => (Table::Keys, record.id.0.to_vec()),
            Change::PutAlert(record, _) => (Table::Alerts, numbered(record.seq)),
            Change::PutRule(record) => (Table::Rules, record.name.clone().into_bytes()),
            _ => return true,
        };
        self.mirror.records(table).len() + self.writes.len() < Table::CAPACITY
            || self.current(table, &key).is_some()
    }

    /// The record as this plan leaves it.
    fn current(&self, table: Table, key: &[u8]) -> Option<&[u8]> {
        match self.writes.get(&(table, key.to_vec())) {
            Some(planned) => planned.as_deref(),
            None => self.mirror.records(table).get(key).map(Vec::as_slice),
        }
    }

    fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert((table, key), Some(value));
    }

    fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.writes.insert((table, key), None);
    }
}

/// The last thing in the life of `record` that `stored`, an earlier form of it, lacks. Only
/// the stamps count: a repeated record may carry another epoch, and is the same alert.
fn not_yet_in(stored: &AlertRecord, record: &AlertRecord) -> Option<OutboxEvent> {
    if record.resolved.is_some() && stored.resolved.is_none() {
        Some(OutboxEvent::Resolved)
    } else if record.acknowledged.is_some() && stored.acknowledged.is_none() {
        Some(OutboxEvent::Acknowledged)
    } else if record.cleared_us.is_some() && stored.cleared_us.is_none() {
        Some(OutboxEvent::Cleared)
    } else {
        None
    }
}

/// The level of a stored notification; one that this version does not know ranks below all.
fn level_of(value: &[u8]) -> Option<Level> {
    let record = codec::decode::<OutboxRecord>(value).ok()?;
    Level::from_name(&record.alert.level)
}

/// Operations that turn the mirrored records `found` on disk into `wanted`:
/// undoes what a failed commit may have left behind.
pub(super) fn reconcile(found: &Mirror, wanted: &Mirror) -> Vec<Op> {
    let mut ops = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| table.mirrored()) {
        let (found, wanted) = (found.records(table), wanted.records(table));
        for (key, value) in wanted {
            if found.get(key) != Some(value) {
                ops.push(Op {
                    table,
                    key: key.clone(),
                    value: Some(value.clone()),
                });
            }
        }
        for key in found.keys().filter(|key| !wanted.contains_key(*key)) {
            ops.push(Op {
                table,
                key: key.clone(),
                value: None,
            });
        }
    }
    // Appended by a commit that was refused: the numbers will be used again.
    for number in (wanted.audit.end.max(found.audit.start)..found.audit.end).rev() {
        ops.push(Op {
            table: Table::Audit,
            key: numbered(number),
            value: None,
        });
    }
    ops
}

/// Stored chunks as one record per source and metric, steps oldest first; a
/// minute written twice (by a stop within it) counts as last written.
pub(super) fn merge_history(
    chunks: impl Iterator<Item = Vec<HistoryRecord>>,
) -> Vec<HistoryRecord> {
    let mut series: BTreeMap<(String, String), HistoryRecord> = BTreeMap::new();
    for mut record in chunks.flatten() {
        let steps = std::mem::take(&mut record.steps);
        let merged = &mut series
            .entry((record.source.clone(), record.metric.clone()))
            .or_insert(record)
            .steps;
        for step in steps {
            match merged.last_mut() {
                Some(last) if last.0 == step.0 => *last = step,
                _ => merged.push(step),
            }
        }
    }
    series.into_values().collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
