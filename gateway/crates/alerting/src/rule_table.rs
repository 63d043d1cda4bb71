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
pub(crate) const MAX_CONFIG_RULES: usize = 104;
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

    /// Slots of the enabled rules that have an action.
    pub(super) fn acting(&self) -> impl Iterator<Item = usize> {
        let acts = |rule: &Arc<Rule>| rule.enabled && rule.action.is_some();
        let slots = self.slots.iter().enumerate();
        slots.filter_map(move |(slot, rule)| rule.as_ref().filter(|rule| acts(rule)).map(|_| slot))
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

#[cfg(test)]
mod tests {
    use super::super::rule::tests::text;
    use super::*;

    fn rule(name: &str, metric: Metric, enabled: bool) -> Arc<Rule> {
        Arc::new(Rule {
            name: name.into(),
            metric,
            enabled,
            ..Rule::parse(&text(">", 1.0)).expect("valid")
        })
    }

    fn names(table: &RuleTable, metric: Metric) -> Vec<(usize, &str)> {
        let watching = table.watching(metric);
        watching.map(|(slot, rule)| (slot, &*rule.name)).collect()
    }

    #[test]
    fn a_rule_keeps_its_slot_and_a_new_one_takes_the_first_that_is_free() {
        let [a, b, c] = ["a", "b", "c"].map(|name| rule(name, Metric::CpuUsage, true));
        let first = RuleTable::empty().next([&a, &b].into_iter());
        assert_eq!(names(&first, Metric::CpuUsage), [(0, "a"), (1, "b")]);
        let second = first.next([&c, &b].into_iter());
        assert_eq!(names(&second, Metric::CpuUsage), [(0, "c"), (1, "b")]);
        assert_eq!((second.slot_of("b"), second.slot_of("a")), (Some(1), None));
        assert!(second.rule(2).is_none() && second.shared_rule(2).is_none());
        assert_eq!(second.shared_rule(0), Some(&c));
    }

    #[test]
    fn a_reading_is_judged_by_the_enabled_rules_of_its_metric() {
        let rules = [
            rule("on", Metric::CpuUsage, true),
            rule("off", Metric::CpuUsage, false),
            rule("other", Metric::MemoryUsage, true),
        ];
        let table = RuleTable::empty().next(rules.iter());
        assert_eq!(names(&table, Metric::CpuUsage), [(0, "on")]);
        assert_eq!(names(&table, Metric::MemoryUsage), [(2, "other")]);
        assert!(names(&table, Metric::Temperature).is_empty());
        assert!(table.rule(1).is_some(), "listed all the same");
    }

    #[test]
    fn every_layer_has_its_room() {
        assert_eq!(MAX_RULES, 260);
        let rules: Vec<Arc<Rule>> = (0..MAX_RULES)
            .map(|n| rule(&n.to_string(), Metric::CpuUsage, true))
            .collect();
        let table = RuleTable::empty().next(rules.iter());
        assert_eq!(table.watching(Metric::CpuUsage).count(), MAX_RULES);
        assert_eq!(table.slot_of("255"), Some(255));
    }
}
