//! Which sources bridges have: a place for each board, and for each of its sensors.
//!
//! Every configured bridge has a place of its own for the board itself, so that an
//! emergency stop is never left out, and [`MAX_SENSORS`] for its sensors, so that no
//! board takes another's. A board that names its sensors anew at every start gives
//! up the places of those that vanished, the oldest first. It must never give up a
//! place whose alert nobody has seen yet.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firmware_bridge::sensor::MAX_SENSORS;
use readings::{SourceId, SourceKind};

use crate::sources::sink::{Noticed, Pipeline, ReadingSink as _};

/// Who is shown to have resolved an alert about a sensor whose place another took.
const ANOTHER_SENSOR: &str = "another sensor";
/// Who is shown to have resolved an alert about a bridge that was taken out.
const CONFIGURATION: &str = "configuration";

/// A place taken.
struct SourceSlot {
    name: Arc<str>,
    bridge: Arc<str>,
    id: SourceId,
    /// Since when its board has no such sensor, on a count of changes; none while it
    /// has one.
    vanished: Option<u64>,
}

/// The places that bridges take.
pub(super) struct SourceSlots {
    pipeline: Pipeline,
    table: Mutex<Table>,
    refused: AtomicU64,
}

#[derive(Default)]
struct Table {
    source_slots: Vec<SourceSlot>,
    /// Rises with every change, so that what vanished first is known.
    changes: u64,
    /// What is gone for good and by what, until the upkeep has resolved what
    /// is open about it. Bounded by the sensors met between two of its rounds.
    gone: Vec<(Arc<str>, &'static str)>,
}

impl SourceSlots {
    pub(super) fn new(pipeline: Pipeline) -> SourceSlots {
        SourceSlots {
            pipeline,
            table: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// The source of a bridge itself. It has a place for every configured bridge.
    pub(super) fn board(&self, bridge: &str) -> Option<SourceId> {
        self.slot_for(bridge, &super::source(bridge), true)
    }

    /// The source of a sensor its board has; none when its bridge has no place left.
    pub(super) fn sensor(&self, bridge: &str, name: &str) -> Option<SourceId> {
        self.slot_for(bridge, name, true)
    }

    /// A place for a source that an earlier run stored. Whether its board still has
    /// such a sensor is not known: until it has, the place may go to another.
    pub(super) fn adopt(&self, bridge: &str, name: &str) -> Option<SourceId> {
        self.slot_for(bridge, name, false)
    }

    /// A board has sensors of these names now, and no others.
    pub(super) fn describe(&self, bridge: &str, names: &[Arc<str>]) {
        let board = super::source(bridge);
        let mut table = self.table();
        table.changes += 1;
        let change = table.changes;
        for slot in table
            .source_slots
            .iter_mut()
            .filter(|s| &*s.bridge == bridge)
        {
            let is_there = *slot.name == *board || names.contains(&slot.name);
            if !is_there {
                slot.vanished.get_or_insert(change);
            }
        }
    }

    /// Of bridges that are not `wanted` every place may go to another.
    pub(super) fn keep(&self, wanted: impl Fn(&str) -> bool) {
        let mut table = self.table();
        table.changes += 1;
        let change = table.changes;
        for slot in table.source_slots.iter_mut().filter(|s| !wanted(&s.bridge)) {
            slot.vanished.get_or_insert(change);
        }
    }

    /// Times a sensor got no place.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts one that got no place.
    pub(super) fn count_refused(&self, count: usize) {
        self.refused.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Notes bridges that are no longer configured.
    pub(super) fn note_removed(&self, bridges: impl Iterator<Item = Arc<str>>) {
        let removed = bridges.map(|bridge| (bridge, CONFIGURATION));
        self.table().gone.extend(removed);
    }

    /// What is gone for good since the last call, and by what.
    pub(super) fn take_gone(&self) -> Vec<(Arc<str>, &'static str)> {
        std::mem::take(&mut self.table().gone)
    }

    fn slot_for(&self, bridge: &str, name: &str, is_there: bool) -> Option<SourceId> {
        let mut table = self.table();
        let change = table.changes;
        if let Some(slot) = table
            .source_slots
            .iter_mut()
            .find(|slot| &*slot.name == name)
        {
            slot.vanished = (!is_there).then_some(change);
            return Some(slot.id);
        }
        let taken = table
            .source_slots
            .iter()
            .filter(|s| &*s.bridge == bridge)
            .count();
        let id = if taken < places(bridge, name, &table) {
            self.pipeline.register(name, SourceKind::Bridge).ok()
        } else {
            None
        };
        let id = match id {
            Some(id) => id,
            None => self.reuse(&mut table, bridge, name)?,
        };
        table.source_slots.push(SourceSlot {
            name: name.into(),
            bridge: bridge.into(),
            id,
            vanished: (!is_there).then_some(change),
        });
        Some(id)
    }

    /// Gives the place of what vanished longest ago to `name`: one of the bridge's
    /// own or of a bridge that is no longer configured.
    fn reuse(&self, table: &mut Table, bridge: &str, name: &str) -> Option<SourceId> {
        let source_slots = table.source_slots.iter().enumerate();
        let mut vanished: Vec<(u64, usize)> = source_slots
            .filter_map(|(at, slot)| Some((slot.vanished?, at)))
            .collect();
        vanished.sort_unstable();
        let own_full = table
            .source_slots
            .iter()
            .filter(|s| &*s.bridge == bridge)
            .count();
        let own_only = own_full >= places(bridge, name, table);
        let (_, at) = vanished.into_iter().find(|(_, at)| {
            let slot = &table.source_slots[*at];
            let may = &*slot.bridge == bridge || (!own_only && is_removed(slot, table));
            may && self.is_seen(&slot.name)
        })?;
        let slot = table.source_slots.remove(at);
        self.pipeline.hand_over(slot.id, name);
        table.gone.push((slot.name, ANOTHER_SENSOR));
        Some(slot.id)
    }

    /// Whether nothing is open about `name` that nobody has seen.
    fn is_seen(&self, name: &str) -> bool {
        self.pipeline.noticed(name) != Noticed::Unseen
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Valid after every statement above.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many places a bridge may have taken before it takes one for `name`. The
/// sensors leave the board's own place free, whoever comes first.
fn places(bridge: &str, name: &str, table: &Table) -> usize {
    let board = super::source(bridge);
    let has_own = table.source_slots.iter().any(|slot| *slot.name == *board);
    if name == board || has_own {
        MAX_SENSORS + 1
    } else {
        MAX_SENSORS
    }
}

/// Whether nothing of the slot's bridge is there: it is no longer configured.
fn is_removed(slot: &SourceSlot, table: &Table) -> bool {
    let mut others = table
        .source_slots
        .iter()
        .filter(|s| s.bridge == slot.bridge);
    others.all(|other| other.vanished.is_some())
}
