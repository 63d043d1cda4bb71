//! Every rule at every source: the cells, and who must look at them when.
//!
//! Allocates when a source is seen first and when rules change, never on a
//! reading. Reads no clock and does no I/O. One lock a source, so that drones
//! do not wait for each other. What fires waits in its cell until the committer
//! drains it: nothing queues and nothing is lost, however slow the medium is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::acting::{ActionCells, Actor, RuleActs};
use super::cell::{Cell, CellChange, Step};
use super::damping::EndBudget;
use super::rule::Rule;
use super::rule_table::{MAX_RULES, RuleTable};
use readings::clock::Mono;
use readings::{MAX_SOURCES, Reading, SourceId};

/// Evaluation state of all rules and sources.
pub(super) struct Engine {
    /// The rules new sources begin with.
    current: Mutex<Arc<RuleTable>>,
    sources: Box<[Mutex<Option<SourceCells>>]>,
    /// Sources whose cells have something for the committer.
    dirty: Box<[AtomicBool]>,
    /// Acts for rules that say so.
    actor: OnceLock<Arc<dyn Actor>>,
    counters: Counters,
    ends: Arc<EndBudget>,
}

struct SourceCells {
    source: SourceId,
    name: Arc<str>,
    table: Arc<RuleTable>,
    /// Indexed by the table's slots.
    cells: Box<[Cell]>,
    actions: ActionCells,
    any_pending: bool,
}

#[derive(Default)]
struct Counters {
    evaluations: AtomicU64,
    not_finite: AtomicU64,
    silenced: AtomicU64,
    folded: AtomicU64,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EngineStats {
    pub evaluations: u64,
    pub not_finite: u64,
    pub silenced: u64,
    pub folded: u64,
    pub cells_waiting: usize,
}

/// A transition of one rule at one source, as the committer takes it.
#[derive(Clone, Debug)]
pub(super) struct RuleChange {
    pub source: SourceId,
    pub rule: Arc<Rule>,
    pub cell: CellChange,
}

/// Counts of one batch, added to the shared ones once.
#[derive(Default)]
struct Tally {
    evaluations: u64,
    not_finite: u64,
    silenced: u64,
    folded: u64,
    waits: bool,
}

impl Tally {
    fn note(&mut self, step: Step) {
        match step {
            Step::Nothing => {}
            Step::Silenced => self.silenced += 1,
            Step::Waits => self.waits = true,
            Step::Folded => {
                self.waits = true;
                self.folded += 1;
            }
        }
    }
}

impl Engine {
    pub(super) fn new(table: Arc<RuleTable>) -> Engine {
        Engine {
            current: Mutex::new(table),
            sources: (0..MAX_SOURCES).map(|_| Mutex::new(None)).collect(),
            dirty: (0..MAX_SOURCES).map(|_| AtomicBool::new(false)).collect(),
            actor: OnceLock::new(),
            counters: Counters::default(),
            ends: Arc::default(),
        }
    }

    /// The ends of alerts that may be written, shared with the conditions.
    pub(super) fn ends(&self) -> &Arc<EndBudget> {
        &self.ends
    }

    /// Has `actor` act for rules; the first one stays.
    pub(super) fn set_actor(&self, actor: Arc<dyn Actor>) {
        let _ = self.actor.set(actor);
    }

    /// Judges readings of one source. True: the committer has something to do.
    pub(super) fn observe(
        &self,
        source: SourceId,
        name: &Arc<str>,
        readings: &[Reading],
        now: Mono,
    ) -> bool {
        let mut tally = Tally::default();
        let mut guard = self.cells(source);
        let state = guard.get_or_insert_with(|| self.begin(source, name));
        for reading in readings {
            if !reading.value.is_finite() {
                tally.not_finite += 1;
                continue;
            }
            for (slot, rule) in state.table.watching(reading.metric) {
                if !rule.covers(name) {
                    continue;
                }
                let cell = &mut state.cells[slot];
                tally.evaluations += 1;
                // One that stands on hides nothing; the next good value is looked at again.
                if !cell.would_end(rule, reading.value, now) || self.ends.take(now) {
                    tally.note(cell.observe(rule, reading.value, now));
                    state.any_pending |= cell.is_pending();
                }
                if rule.action.is_some()
                    && let Some(stands) = state.actions.observe(slot, rule, reading.value, now)
                {
                    self.act(state.table.shared_rule(slot), name, reading.value, stands);
                }
            }
        }
        self.finish(source, &tally)
    }

    /// Tells the actor. Under the source's lock, so that it hears the changes in order.
    fn act(&self, rule: Option<&Arc<Rule>>, source: &Arc<str>, value: f64, stands: bool) {
        if let (Some(rule), Some(actor)) = (rule, self.actor.get()) {
            actor.rule_acts(RuleActs {
                rule,
                source,
                value,
                stands,
            });
        }
    }

    /// Lets time pass. True: the committer has something to do.
    pub(super) fn tick(&self, now: Mono) -> bool {
        let mut waits = false;
        for slot in &self.sources {
            let mut guard = lock(slot);
            let Some(state) = guard.as_mut().filter(|state| state.any_pending) else {
                continue;
            };
            let mut tally = Tally::default();
            state.any_pending = false;
            for (slot, cell) in state
                .cells
                .iter_mut()
                .enumerate()
                .filter(|(_, cell)| cell.is_pending())
            {
                if let Some(rule) = state.table.rule(slot) {
                    tally.note(cell.tick(rule, now));
                    state.any_pending |= cell.is_pending();
                }
            }
            waits |= self.finish(state.source, &tally);
        }
        waits
    }

    /// Takes every transition that waits, in order of sources and rules.
    pub(super) fn drain(&self) -> Vec<RuleChange> {
        let mut changes = Vec::new();
        for (slot, dirty) in self.sources.iter().zip(&self.dirty) {
            // Cleared before looking: a later transition sets it again.
            if !dirty.swap(false, Ordering::AcqRel) {
                continue;
            }
            let mut guard = lock(slot);
            let Some(state) = guard.as_mut() else {
                continue;
            };
            for (slot, cell) in state.cells.iter_mut().enumerate() {
                if let (Some(cell), Some(rule)) = (cell.take(), state.table.shared_rule(slot)) {
                    changes.push(RuleChange {
                        source: state.source,
                        rule: rule.clone(),
                        cell,
                    });
                }
            }
        }
        changes
    }

    /// The alert of `rule` at `source` is gone although its value may be bad.
    pub(super) fn release(&self, rule: &str, source: SourceId) {
        if let Some(state) = self.cells(source).as_mut()
            && let Some(slot) = state.table.slot_of(rule)
        {
            state.cells[slot].release();
        }
    }

    /// Begins anew at a source whose place another one takes.
    pub(super) fn forget(&self, source: SourceId) {
        let mut guard = self.cells(source);
        if let Some(mut state) = guard.take() {
            let (name, none) = (state.name, RuleTable::empty());
            state.actions.replace(&state.table, &none, |rule, value| {
                self.act(Some(rule), &name, value, false);
            });
        }
    }

    /// Puts other rules in effect. Cells of rules that still watch the same
    /// thing keep their state; the others start over.
    pub(super) fn replace(&self, table: &Arc<RuleTable>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = table.clone();
        for slot in &self.sources {
            if let Some(state) = lock(slot).as_mut() {
                for (slot, cell) in state.cells.iter_mut().enumerate() {
                    match (state.table.rule(slot), table.rule(slot)) {
                        (Some(old), Some(new)) if new.continues(old) => {}
                        (Some(old), Some(new)) if new.name == old.name => cell.reset(),
                        _ => *cell = Cell::NEW,
                    }
                }
                let name = &state.name;
                state.actions.replace(&state.table, table, |rule, value| {
                    self.act(Some(rule), name, value, false);
                });
                state.table = table.clone();
            }
        }
    }

    pub(super) fn stats(&self) -> EngineStats {
        let waiting = |slot: &Mutex<Option<SourceCells>>| {
            lock(slot).as_ref().map_or(0, |state| {
                state.cells.iter().filter(|cell| cell.waits()).count()
            })
        };
        let dirty = self
            .sources
            .iter()
            .zip(&self.dirty)
            .filter(|(_, dirty)| dirty.load(Ordering::Acquire));
        EngineStats {
            evaluations: self.counters.evaluations.load(Ordering::Relaxed),
            not_finite: self.counters.not_finite.load(Ordering::Relaxed),
            silenced: self.counters.silenced.load(Ordering::Relaxed),
            folded: self.counters.folded.load(Ordering::Relaxed),
            cells_waiting: dirty.map(|(slot, _)| waiting(slot)).sum(),
        }
    }

    fn begin(&self, source: SourceId, name: &Arc<str>) -> SourceCells {
        let table = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        SourceCells {
            source,
            name: name.clone(),
            actions: ActionCells::of(&table),
            table,
            cells: vec![Cell::NEW; MAX_RULES].into(),
            any_pending: false,
        }
    }

    /// Adds a batch's counts. Called under the source's lock, so that the committer
    /// cannot clear the mark between a transition and its marking.
    fn finish(&self, source: SourceId, tally: &Tally) -> bool {
        let add = |counter: &AtomicU64, n: u64| {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        };
        add(&self.counters.evaluations, tally.evaluations);
        add(&self.counters.not_finite, tally.not_finite);
        add(&self.counters.silenced, tally.silenced);
        add(&self.counters.folded, tally.folded);
        if tally.waits {
            self.dirty[source.index()].store(true, Ordering::Release);
        }
        tally.waits
    }

    fn cells(&self, source: SourceId) -> MutexGuard<'_, Option<SourceCells>> {
        lock(&self.sources[source.index()])
    }
}

/// Cells are valid after every statement: a panic elsewhere must not end the
/// evaluation of a source.
fn lock(slot: &Mutex<Option<SourceCells>>) -> MutexGuard<'_, Option<SourceCells>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
