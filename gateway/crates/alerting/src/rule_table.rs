//! The rules in effect, laid out for evaluation: a slot each, found by metric.
//!
//! Pure. Apart from the layers they come from (`ruleset`), because a reading is judged
//! by this alone.

use std::sync::Arc;

use super::rule::Rule;
use readings::{METRIC_COUNT, Metric};

/// Most default rules: the twelve built in and those other rooms add.
pub const MAX_DEFAULT_RULES: usize = 44;
/// Most rules in the configuration: one for each of 64 drones and some more.
pub const MAX_CONFIG_RULES: usize = 104;
/// Most rules made, changed or deleted through the API.
pub const MAX_API_RULES: usize = 112;
/// Most rules in all. The layers add up to it, so that no layer can be refused
/// for what another one holds. Every source has a cell for each.
pub const MAX_RULES: usize = MAX_DEFAULT_RULES + MAX_CONFIG_RULES + MAX_API_RULES;

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
