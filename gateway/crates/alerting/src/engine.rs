//! Every rule at every source: the cells, and who must look at them when.
//!
//! Allocates when a source is seen first and when rules change, never on a
//! reading. Reads no clock and does no I/O. One lock a source, so that drones
//! do not wait for each other. What fires waits in its cell until the committer
//! drains it: nothing queues and nothing is lost, however slow the medium is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cell::{Cell, CellChange, Step};
use super::rule::Rule;
use super::ruleset::{MAX_RULES, RuleTable};
use readings::clock::Mono;
use readings::{MAX_SOURCES, Reading, SourceId};

/// Evaluation state of all rules and sources.
pub(super) struct Engine {
    /// The rules new sources begin with.
    current: Mutex<Arc<RuleTable>>,
    sources: Box<[Mutex<Option<SourceCells>>]>,
    /// Sources whose cells have something for the committer.
    dirty: Box<[AtomicBool]>,
    counters: Counters,
}

struct SourceCells {
    source: SourceId,
    table: Arc<RuleTable>,
    /// Indexed by the table's slots.
    cells: Box<[Cell]>,
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
            counters: Counters::default(),
        }
    }

    /// Judges readings of one source. True: the committer has something to do.
    pub(super) fn observe(
        &self,
        source: SourceId,
        name: &str,
        readings: &[Reading],
        now: Mono,
    ) -> bool {
        let mut tally = Tally::default();
        let mut guard = self.cells(source);
        let state = guard.get_or_insert_with(|| self.begin(source));
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
                tally.note(cell.observe(rule, reading.value, now));
                state.any_pending |= cell.is_pending();
            }
        }
        self.finish(source, &tally)
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
        *self.cells(source) = None;
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

    fn begin(&self, source: SourceId) -> SourceCells {
        let table = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        SourceCells {
            source,
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
mod tests {
    use super::super::defaults::default_rules;
    use super::super::rule::tests::text;
    use super::super::ruleset::Rulebook;
    use super::*;
    use crate::{Config, RuleText};
    use readings::{Metric, SourceKind, Sources};

    struct Bench {
        engine: Engine,
        rules: Rulebook,
        sources: Sources,
    }

    impl Bench {
        fn new(rules: Vec<RuleText>) -> Bench {
            let config = Config {
                rule: rules,
                ..Config::default()
            };
            let rules = Rulebook::new(&config, default_rules()).expect("valid");
            Bench {
                engine: Engine::new(rules.table().clone()),
                rules,
                sources: Sources::default(),
            }
        }

        fn observe(&self, source: &str, metric: Metric, value: f64, second: u64) -> bool {
            let id = self
                .sources
                .register(source, SourceKind::Drone)
                .expect("room");
            self.engine.observe(
                id,
                source,
                &[Reading { metric, value }],
                Mono::from_millis(second * 1000),
            )
        }

        fn raised(&self) -> Vec<(String, String)> {
            let drained = self.engine.drain();
            let raised = drained
                .into_iter()
                .filter(|change| change.cell.transition.raised);
            raised
                .map(|change| {
                    (
                        self.sources.name(change.source).to_string(),
                        change.rule.name.to_string(),
                    )
                })
                .collect()
        }

        fn configure(&mut self, rules: Vec<RuleText>) {
            self.rules
                .configure(&Config {
                    rule: rules,
                    ..Config::default()
                })
                .expect("valid");
            self.engine.replace(self.rules.table());
        }
    }

    fn pair(source: &str, rule: &str) -> (String, String) {
        (source.to_owned(), rule.to_owned())
    }

    #[test]
    fn over_the_critical_line_both_rules_fire_and_each_source_for_itself() {
        let bench = Bench::new(vec![]);
        assert!(bench.observe("board", Metric::MemoryUsage, 95.0, 0));
        assert!(bench.observe("drone_001", Metric::BatteryLevel, 19.0, 0));
        assert_eq!(
            bench.engine.stats().cells_waiting,
            4,
            "with the proof that no Critical Battery of before stands"
        );
        assert_eq!(
            bench.raised(),
            [
                pair("board", "High Memory Usage"),
                pair("board", "Critical Memory Usage"),
                pair("drone_001", "Low Battery")
            ]
        );
        assert!(
            bench.observe("drone_002", Metric::BatteryLevel, 19.0, 1),
            "one drone does not mute another"
        );
        assert_eq!(bench.raised(), [pair("drone_002", "Low Battery")]);
        assert!(!bench.observe("board", Metric::MemoryUsage, 99.0, 3600));
        assert!(bench.raised().is_empty());
        assert_eq!(bench.engine.stats().cells_waiting, 0);
    }

    #[test]
    fn an_absent_metric_a_disabled_rule_another_source_and_nan_never_fire() {
        let off = RuleText {
            name: "Off".into(),
            enabled: false,
            ..text(">=", 0.0)
        };
        let other = RuleText {
            name: "Other".into(),
            source: Some("drone_009".into()),
            ..text(">=", 0.0)
        };
        let bench = Bench::new(vec![off, other]);
        bench.observe("board", Metric::CpuUsage, 50.0, 0);
        bench.observe("board", Metric::CpuUsage, f64::NAN, 1);
        bench.engine.tick(Mono::from_millis(1_000_000));
        assert!(bench.raised().is_empty());
        assert_eq!(bench.engine.stats().not_finite, 1);
        bench.observe("drone_009", Metric::CpuUsage, 50.0, 2);
        assert_eq!(bench.raised(), [pair("drone_009", "Other")]);
    }

    #[test]
    fn a_hold_time_ends_by_tick() {
        let bench = Bench::new(vec![]);
        assert!(!bench.observe("drone_001", Metric::DroneTemperature, 93.0, 0));
        assert!(!bench.engine.tick(Mono::from_millis(9_999)));
        assert!(bench.engine.tick(Mono::from_millis(10_000)));
        assert_eq!(bench.raised().len(), 2);
    }

    #[test]
    fn changed_rules_keep_running_episodes_and_start_over_for_other_metrics() {
        let mine = || RuleText {
            name: "Mine".into(),
            ..text(">=", 50.0)
        };
        let mut bench = Bench::new(vec![mine()]);
        bench.observe("board", Metric::CpuUsage, 60.0, 0);
        assert_eq!(bench.raised(), [pair("board", "Mine")]);
        bench.configure(vec![RuleText {
            threshold: 55.0,
            level: "critical".into(),
            ..mine()
        }]);
        bench.observe("board", Metric::CpuUsage, 60.0, 1);
        assert!(bench.raised().is_empty(), "still the same episode");
        bench.configure(vec![RuleText {
            threshold: 70.0,
            ..mine()
        }]);
        bench.observe("board", Metric::CpuUsage, 60.0, 2);
        let ended = bench.engine.drain();
        assert!(
            ended[0].cell.transition.ended_before,
            "by the new threshold it is over"
        );
        bench.configure(vec![RuleText {
            metric: "memory_usage".into(),
            cooldown_minutes: 0,
            ..mine()
        }]);
        bench.observe("board", Metric::CpuUsage, 99.0, 3);
        bench.observe("board", Metric::MemoryUsage, 60.0, 3);
        let raised = bench.raised();
        assert!(raised.contains(&pair("board", "Mine")), "{raised:?}");
        bench.configure(vec![]);
        bench.observe("board", Metric::MemoryUsage, 60.0, 4);
        assert!(bench.raised().is_empty());
    }

    #[test]
    fn switching_a_rule_off_and_on_is_no_way_around_the_cool_down() {
        let mine = || RuleText {
            name: "Mine".into(),
            ..text(">=", 50.0)
        };
        let mut bench = Bench::new(vec![mine()]);
        bench.observe("board", Metric::CpuUsage, 60.0, 0);
        assert_eq!(bench.raised().len(), 1);
        bench.configure(vec![RuleText {
            enabled: false,
            ..mine()
        }]);
        bench.configure(vec![mine()]);
        bench.observe("board", Metric::CpuUsage, 60.0, 1);
        assert!(bench.raised().is_empty());
        assert_eq!(bench.engine.stats().silenced, 1);
        bench.observe("board", Metric::CpuUsage, 60.0, 300);
        assert_eq!(bench.raised().len(), 1);
    }

    #[test]
    fn no_episode_is_lost_between_two_threads() {
        const EPISODES: u64 = 20_000;
        let flap = RuleText {
            name: "Flap".into(),
            cooldown_minutes: 0,
            ..text(">=", 50.0)
        };
        let config = Config {
            rule: vec![flap],
            default_rules: false,
            ..Config::default()
        };
        let rules = Rulebook::new(&config, vec![]).expect("valid");
        let engine = Engine::new(rules.table().clone());
        let source = Sources::default()
            .register("board", SourceKind::Board)
            .expect("room");
        let observe = |value| {
            engine.observe(
                source,
                "board",
                &[Reading {
                    metric: Metric::CpuUsage,
                    value,
                }],
                Mono::ZERO,
            );
        };
        let (mut raised, mut open) = (0, false);
        let mut take = || {
            for change in engine.drain() {
                let transition = change.cell.transition;
                open &= !transition.ended_before;
                assert!(!(open && transition.raised), "raised twice");
                raised += u64::from(transition.raised);
                open = if transition.raised {
                    transition.stands
                } else {
                    open
                };
            }
        };
        std::thread::scope(|scope| {
            let flapping = scope.spawn(|| {
                for _ in 0..EPISODES {
                    observe(60.0);
                    observe(40.0);
                }
                observe(60.0);
            });
            while !flapping.is_finished() {
                take();
            }
        });
        take();
        assert!(open);
        assert_eq!(raised + engine.stats().folded, EPISODES + 1);
    }
}
