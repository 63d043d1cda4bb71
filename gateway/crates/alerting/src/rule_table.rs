//! The rules in effect, laid out for evaluation: a slot each, found by metric.
//!
//! Pure. Apart from the layers they come from (`ruleset`), because a reading is judged
//! by this alone.

use std::sync::Arc;

use super::rule::Rule;
use super::ruleset::MAX_RULES;
use readings::{METRIC_COUNT, Metric};

/// The rules in effect, laid out for evaluation. A rule keeps its slot while
/// it exists, so that its cells keep their state when other rules change.
pub(super) struct RuleTable {
    slots: Box<[Option<Arc<Rule>>]>,
    /// Slots of the enabled rules, by metric.
    by_metric: [Box<[u16]>; METRIC_COUNT],
}

impl RuleTable {
    pub(super) fn empty() -> RuleTable {
        RuleTable {
            slots: vec![None; MAX_RULES].into(),
            by_metric: std::array::from_fn(|_| Box::default()),
        }
    }

    /// The table of other rules; those that stay keep their slots.
    pub(super) fn next<'a>(&self, rules: impl Iterator<Item = &'a Arc<Rule>>) -> RuleTable {
        let mut slots: Vec<Option<Arc<Rule>>> = vec![None; MAX_RULES];
        let mut new = Vec::new();
        for rule in rules {
            match self.slot_of(&rule.name) {
                Some(slot) => slots[slot] = Some(rule.clone()),
                None => new.push(rule.clone()),
            }
        }
        // The engine resets the cells of a slot that changes hands.
        let free = slots.iter_mut().filter(|slot| slot.is_none());
        for (slot, rule) in free.zip(new) {
            *slot = Some(rule);
        }
        let watching = |metric: Metric| {
            let enabled = slots.iter().enumerate().filter(|(_, rule)| {
                rule.as_ref()
                    .is_some_and(|rule| rule.enabled && rule.metric == metric)
            });
            enabled.map(|(slot, _)| slot as u16).collect()
        };
        let by_metric = std::array::from_fn(|index| watching(Metric::ALL[index]));
        RuleTable {
            slots: slots.into(),
            by_metric,
        }
    }

    /// Slots and rules that look at `metric`.
    pub(super) fn watching(&self, metric: Metric) -> impl Iterator<Item = (usize, &Rule)> {
        self.by_metric[metric.index()]
            .iter()
            .filter_map(|slot| Some((usize::from(*slot), self.rule(usize::from(*slot))?)))
    }

    pub(super) fn rule(&self, slot: usize) -> Option<&Rule> {
        self.slots[slot].as_deref()
    }

    pub(super) fn shared_rule(&self, slot: usize) -> Option<&Arc<Rule>> {
        self.slots[slot].as_ref()
    }

    pub(super) fn slot_of(&self, name: &str) -> Option<usize> {
        self.slots
            .iter()
            .position(|rule| rule.as_ref().is_some_and(|rule| &*rule.name == name))
    }
}
