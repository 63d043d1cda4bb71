//! What is durable, mirrored in memory: the small tables as encoded bytes.
//!
//! Pure. The mirror answers reads while the medium is away, plans changes
//! without touching the disk, and is what a damaged store is put right from.
//! Histories and the audit trail are large and stay on disk; of them only the
//! ids are here. This module must never hold what is not durable: operations
//! are applied after their commit.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::{OutboxRecord, codec};

/// The tables. The numbers are part of the archive and journal formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub(super) enum Table {
    /// Schema version, epoch, sequence of the newest commit.
    Meta = 1,
    /// API keys by hash.
    Keys = 2,
    /// Alerts by sequence.
    Alerts = 3,
    /// Rules by name.
    Rules = 4,
    /// Audit records by number.
    Audit = 5,
    /// History chunks by number.
    History = 6,
    /// Notifications to be sent, by number.
    Outbox = 7,
    /// Number of the newest notification delivered, by target.
    Delivered = 8,
}

impl Table {
    /// Every table.
    pub(super) const ALL: [Table; 8] = [
        Table::Meta,
        Table::Keys,
        Table::Alerts,
        Table::Rules,
        Table::Audit,
        Table::History,
        Table::Outbox,
        Table::Delivered,
    ];

    /// Those that a snapshot holds: everything that is acknowledged.
    /// Histories are best effort and most of the bytes.
    pub(super) const SNAPSHOT: [Table; 7] = [
        Table::Meta,
        Table::Keys,
        Table::Alerts,
        Table::Rules,
        Table::Audit,
        Table::Outbox,
        Table::Delivered,
    ];

    /// Its name in the store.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Keys => "keys",
            Table::Alerts => "alerts",
            Table::Rules => "rules",
            Table::Audit => "audit",
            Table::History => "history",
            Table::Outbox => "outbox",
            Table::Delivered => "delivered",
        }
    }

    /// Whether its records are mirrored in memory.
    pub(super) const fn mirrored(self) -> bool {
        matches!(
            self,
            Table::Keys | Table::Alerts | Table::Rules | Table::Outbox | Table::Delivered
        )
    }

    /// Most records of a mirrored table. The rooms bound theirs far lower;
    /// this one only keeps a fault of theirs from filling card and memory.
    pub(super) const CAPACITY: usize = 16_384;
}

impl From<Table> for u8 {
    fn from(table: Table) -> u8 {
        table as u8
    }
}

impl TryFrom<u8> for Table {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Table, &'static str> {
        Table::ALL
            .into_iter()
            .find(|table| *table as u8 == number)
            .ok_or("no such table")
    }
}

/// One record put (`value`) or removed (none).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Op {
    /// The table.
    pub(super) table: Table,
    /// The key, ordered as its bytes.
    pub(super) key: Vec<u8>,
    /// The encoded record; none removes it.
    pub(super) value: Option<Vec<u8>>,
}

/// A stored piece of history: what one batch appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Its key.
    pub(super) id: u64,
    /// Distinct minutes in it.
    pub(super) minutes: u32,
    /// Encoded size.
    pub(super) bytes: u64,
}

/// Key of the text of a loss that is not reported yet, in [`Table::Meta`].
pub(super) const LOST: &[u8] = b"lost";

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// The mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mirror {
    keys: Records,
    alerts: Records,
    rules: Records,
    outbox: Records,
    delivered: Records,
    /// Number of the newest commit.
    pub(super) seq: u64,
    /// Random number of this store.
    pub(super) epoch: u32,
    /// What was lost and is not reported yet.
    pub(super) lost: Option<String>,
    /// Whether it mirrors the file; false for a copy in memory.
    pub(super) on_medium: bool,
    /// Audit records present: first number and one past the last.
    pub(super) audit: std::ops::Range<u64>,
    /// History chunks present, oldest first.
    pub(super) history: VecDeque<Chunk>,
}

impl Mirror {
    /// The records of a mirrored table; empty for the others.
    pub(super) fn records(&self, table: Table) -> &Records {
        static NONE: Records = Records::new();
        match table {
            Table::Keys => &self.keys,
            Table::Alerts => &self.alerts,
            Table::Rules => &self.rules,
            Table::Outbox => &self.outbox,
            Table::Delivered => &self.delivered,
            Table::Meta | Table::Audit | Table::History => &NONE,
        }
    }

    fn records_mut(&mut self, table: Table) -> Option<&mut Records> {
        match table {
            Table::Keys => Some(&mut self.keys),
            Table::Alerts => Some(&mut self.alerts),
            Table::Rules => Some(&mut self.rules),
            Table::Outbox => Some(&mut self.outbox),
            Table::Delivered => Some(&mut self.delivered),
            Table::Meta | Table::Audit | Table::History => None,
        }
    }

    /// Decoded records of a mirrored table in key order. They were decoded
    /// once when the store was opened, so none is skipped here.
    pub(super) fn decoded<T: serde::de::DeserializeOwned>(&self, table: Table) -> Vec<T> {
        self.records(table)
            .values()
            .filter_map(|bytes| codec::decode(bytes).ok())
            .collect()
    }

    /// The first notification after number `after`.
    pub(super) fn outbox_after(&self, after: u64) -> Option<(u64, OutboxRecord)> {
        let next = (Bound::Excluded(numbered(after)), Bound::Unbounded);
        let (key, value) = self.outbox.range::<Vec<u8>, _>(next).next()?;
        Some((number_of(key)?, codec::decode(value).ok()?))
    }

    /// Takes what has been committed as number `seq`.
    pub(super) fn apply(&mut self, seq: u64, ops: Vec<Op>) {
        self.seq = self.seq.max(seq);
        for op in ops {
            self.apply_one(op);
        }
    }

    /// Takes one operation.
    pub(super) fn apply_one(&mut self, op: Op) {
        match op.table {
            Table::Meta => self.note_meta(&op),
            Table::Audit => self.note_audit(&op),
            Table::History => self.note_chunk(&op),
            Table::Keys | Table::Alerts | Table::Rules | Table::Outbox | Table::Delivered => {
                if let Some(records) = self.records_mut(op.table) {
                    match op.value {
                        Some(value) => drop(records.insert(op.key, value)),
                        None => drop(records.remove(&op.key)),
                    }
                }
            }
        }
    }

    fn note_meta(&mut self, op: &Op) {
        if op.key == LOST {
            self.lost = op
                .value
                .as_ref()
                .and_then(|value| codec::decode(value).ok());
        }
    }

    fn note_audit(&mut self, op: &Op) {
        let Some(number) = number_of(&op.key) else {
            return;
        };
        match (&op.value, self.audit.is_empty()) {
            (Some(_), true) => self.audit = number..number + 1,
            (Some(_), false) => self.audit.end = self.audit.end.max(number + 1),
            // Removed from either end, one by one.
            (None, _) if number + 1 == self.audit.end => {
                self.audit.end = number.max(self.audit.start)
            }
            (None, _) => self.audit.start = self.audit.start.max(number + 1).min(self.audit.end),
        }
    }

    fn note_chunk(&mut self, op: &Op) {
        let Some(id) = number_of(&op.key) else { return };
        match &op.value {
            Some(value) => {
                let chunk = Chunk {
                    id,
                    minutes: chunk_minutes(value),
                    bytes: value.len() as u64,
                };
                self.history.push_back(chunk);
            }
            None => self.history.retain(|chunk| chunk.id != id),
        }
    }
}

/// Distinct minutes in an encoded chunk: the longest of its series, as all
/// series of a batch cover the same time.
pub(super) fn chunk_minutes(value: &[u8]) -> u32 {
    let records: Vec<super::HistoryRecord> = codec::decode(value).unwrap_or_default();
    records
        .iter()
        .map(|record| record.steps.len() as u32)
        .max()
        .unwrap_or(0)
        .max(1)
}

/// Key of a numbered record: big-endian, so that bytes order as numbers do.
pub(super) fn numbered(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The number in a key of a numbered record.
pub(super) fn number_of(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}
