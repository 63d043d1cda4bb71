//! Changes that may wait: coalesced by record, bounded, oldest out.
//!
//! Pure. Usage counts and histories change far more often than the write
//! budget allows; here the newest of each waits for the next batch.

use std::collections::BTreeMap;

use super::{Change, HistoryRecord};

/// Most changes waiting: every key, and every metric of some sixty sources.
pub(super) const CAPACITY: usize = 2_048;
/// Most minute steps of one series waiting; two hours of a failing medium.
pub(super) const STEPS_CAPACITY: usize = 120;

/// Which record a change is about: two changes of one record become one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RecordKey {
    Key([u8; 32]),
    Alert(u64),
    Rule(String),
    Series(String, String),
    Target(String),
    Outbox(u64),
    /// Appended; never coalesced.
    Own(u64),
}

/// The waiting changes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    waiting: BTreeMap<RecordKey, (u64, Change)>,
    next: u64,
    /// Changes dropped at capacity, since start.
    pub(super) dropped: u64,
}

impl Batch {
    /// Changes waiting.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a change, in place of an earlier one of the same record.
    pub(super) fn add(&mut self, change: Change) {
        self.next += 1;
        let key = match &change {
            Change::PutKey(record) => RecordKey::Key(record.id.0),
            Change::DeleteKey(id) => RecordKey::Key(id.0),
            Change::PutAlert(record, _) => RecordKey::Alert(record.seq),
            Change::DeleteAlert(seq) => RecordKey::Alert(*seq),
            Change::PutRule(record) => RecordKey::Rule(record.name.clone()),
            Change::DeleteRule(name) => RecordKey::Rule(name.clone()),
            Change::History(record) => {
                RecordKey::Series(record.source.clone(), record.metric.clone())
            }
            Change::Delivered(target, _) => RecordKey::Target(target.clone()),
            Change::DropOutbox(number) => RecordKey::Outbox(*number),
            Change::Audit(_) => RecordKey::Own(self.next),
        };
        match (self.waiting.get_mut(&key), change) {
            (Some((_, Change::History(held))), Change::History(record)) => {
                self.dropped += extend(held, record)
            }
            (_, change) => drop(self.waiting.insert(key, (self.next, change))),
        }
        if self.waiting.len() > CAPACITY {
            self.drop_oldest();
        }
    }

    /// A committed change makes an earlier deferred one of its record void.
    /// Key usage stays: it only adds to whatever is stored.
    pub(super) fn supersede(&mut self, committed: &[Change]) {
        for change in committed {
            let key = match change {
                Change::PutAlert(record, _) => RecordKey::Alert(record.seq),
                Change::DeleteAlert(seq) => RecordKey::Alert(*seq),
                Change::PutRule(record) => RecordKey::Rule(record.name.clone()),
                Change::DeleteRule(name) => RecordKey::Rule(name.clone()),
                _ => continue,
            };
            self.waiting.remove(&key);
        }
    }

    /// Takes what is known of deliveries: it costs next to nothing in a commit
    /// that changes the outbox anyway, and saves sending twice after a power cut.
    pub(super) fn take_deliveries(&mut self) -> Vec<Change> {
        let of_outbox =
            |key: &RecordKey| matches!(key, RecordKey::Target(_) | RecordKey::Outbox(_));
        let keys: Vec<RecordKey> = self
            .waiting
            .keys()
            .filter(|key| of_outbox(key))
            .cloned()
            .collect();
        keys.iter()
            .filter_map(|key| self.waiting.remove(key))
            .map(|(_, change)| change)
            .collect()
    }

    /// Takes everything, in the order it came.
    pub(super) fn take(&mut self) -> Vec<Change> {
        let mut changes: Vec<_> = std::mem::take(&mut self.waiting).into_values().collect();
        changes.sort_by_key(|(order, _)| *order);
        changes.into_iter().map(|(_, change)| change).collect()
    }

    /// Puts back what could not be written, under what came meanwhile.
    pub(super) fn put_back(&mut self, changes: Vec<Change>) {
        let newer = self.take();
        for change in changes.into_iter().chain(newer) {
            self.add(change);
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .waiting
            .iter()
            .min_by_key(|(_, (order, _))| *order)
            .map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.waiting.remove(&key);
            self.dropped += 1;
        }
    }
}

/// Appends the steps of `record`; how many old ones were dropped for them.
fn extend(held: &mut HistoryRecord, record: HistoryRecord) -> u64 {
    held.steps.extend(record.steps);
    let over = held.steps.len().saturating_sub(STEPS_CAPACITY);
    held.steps.drain(..over);
    over as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::samples;

    #[test]
    fn the_newest_of_each_record_waits() {
        let mut batch = Batch::default();
        for usage in 1..=3 {
            let mut key = samples::key();
            key.usage_count = usage;
            batch.add(Change::PutKey(key));
            batch.add(Change::Audit(samples::audit()));
            batch.add(Change::History(samples::history()));
        }
        let changes = batch.take();
        assert_eq!(
            changes.len(),
            1 + 3 + 1,
            "one key, one series, three audit records"
        );
        let steps = changes.iter().find_map(|change| match change {
            Change::History(record) => Some(record.steps.len()),
            _ => None,
        });
        assert_eq!(steps, Some(6));
        assert!(
            changes
                .iter()
                .any(|change| matches!(change, Change::PutKey(key) if key.usage_count == 3))
        );
        assert_eq!(batch.len(), 0);
    }

    #[test]
    fn the_oldest_go_at_capacity_and_are_counted() {
        let mut batch = Batch::default();
        for seq in 0..CAPACITY as u64 + 10 {
            let mut alert = samples::alert();
            alert.seq = seq;
            batch.add(Change::PutAlert(alert, None));
        }
        assert_eq!((batch.len(), batch.dropped), (CAPACITY, 10));
        assert!(matches!(&batch.take()[0], Change::PutAlert(alert, _) if alert.seq == 10));
        for _ in 0..STEPS_CAPACITY {
            batch.add(Change::History(samples::history()));
        }
        assert_eq!(batch.dropped, 10 + STEPS_CAPACITY as u64);
    }

    #[test]
    fn what_is_put_back_does_not_hide_what_came_meanwhile() {
        let mut batch = Batch::default();
        let mut key = samples::key();
        key.usage_count = 1;
        batch.add(Change::PutKey(key.clone()));
        let taken = batch.take();
        key.usage_count = 2;
        batch.add(Change::PutKey(key));
        batch.put_back(taken);
        assert!(matches!(batch.take().as_slice(), [Change::PutKey(key)] if key.usage_count == 2));
    }

    #[test]
    fn a_commit_makes_an_earlier_deferred_change_void() {
        let mut batch = Batch::default();
        batch.add(Change::PutRule(samples::rule()));
        batch.add(Change::PutKey(samples::key()));
        batch.supersede(&[
            Change::DeleteRule(samples::rule().name),
            Change::DeleteKey(samples::key().id),
        ]);
        assert!(
            matches!(batch.take().as_slice(), [Change::PutKey(_)]),
            "usage is harmless and stays"
        );
    }
}
