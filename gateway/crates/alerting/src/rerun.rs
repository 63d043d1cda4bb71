//! Rules judged once more over readings of before: what would have fired when.
//!
//! By the same cells as every reading, on the clock of whoever kept the readings, so that
//! hold times and cool-downs are those of the time. Pure.

use std::time::Duration;

use super::cell::Cell;
use super::rule::Rule;
use readings::Reading;
use readings::clock::Mono;

/// How often a running gateway lets its rules see time pass.
const TICK: Duration = Duration::from_secs(1);

/// The rules that look at one source, and what they have seen.
pub struct Rerun {
    rules: Vec<(Rule, Cell)>,
    ticked: Option<Mono>,
}

impl Rerun {
    /// Those of `rules` that look at the source called `name`.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>, name: &str) -> Rerun {
        let looks = |rule: &Rule| rule.enabled && rule.covers(name);
        let rules = rules.into_iter().filter(looks);
        Rerun {
            rules: rules.map(|rule| (rule, Cell::NEW)).collect(),
            ticked: None,
        }
    }

    /// Takes the state of `before` into the rules that both have.
    #[must_use]
    pub fn after(mut self, before: Rerun) -> Rerun {
        for (rule, cell) in before.rules {
            let same = self.rules.iter_mut().find(|(new, _)| new.continues(&rule));
            if let Some((_, place)) = same {
                *place = cell;
            }
        }
        self.ticked = before.ticked;
        self
    }

    /// Notes that the rule called `name` fired at `at` by that value, and whether its alert
    /// still stands.
    pub fn fired_before(&mut self, name: &str, value: f64, at: Mono, stands: bool) {
        let Some((rule, cell)) = self.rules.iter_mut().find(|(rule, _)| *rule.name == *name) else {
            return;
        };
        let held = at.as_millis().saturating_sub(rule.hold.as_millis() as u64);
        cell.observe(rule, value, Mono::from_millis(held));
        cell.observe(rule, value, at);
        let beyond = rule.hysteresis + rule.threshold.abs() + 1.0;
        let good = [
            rule.threshold - beyond,
            rule.threshold + beyond,
            rule.threshold,
        ];
        if let Some(good) = good.into_iter().find(|value| rule.clears(*value))
            && !stands
        {
            cell.observe(rule, good, at);
        }
        let _ = cell.take();
    }

    /// Judges a batch of readings; names of the rules that fire by it.
    pub fn observe(&mut self, readings: &[Reading], now: Mono) -> Vec<(Mono, String)> {
        let mut fired = self.tick(now);
        for (rule, cell) in &mut self.rules {
            for reading in readings.iter().filter(|r| r.metric == rule.metric) {
                cell.observe(rule, reading.value, now);
                note(rule, cell, now, &mut fired);
            }
        }
        fired
    }

    /// Lets time pass up to `now`, by the second as a running gateway does.
    fn tick(&mut self, now: Mono) -> Vec<(Mono, String)> {
        let mut fired = Vec::new();
        let mut at = self.ticked.unwrap_or(now);
        while at < now {
            for (rule, cell) in &mut self.rules {
                cell.tick(rule, at);
                note(rule, cell, at, &mut fired);
            }
            at = at.plus(TICK);
        }
        self.ticked = Some(at);
        fired
    }
}

fn note(rule: &Rule, cell: &mut Cell, now: Mono, fired: &mut Vec<(Mono, String)>) {
    if cell.take().is_some_and(|change| change.transition.raised) {
        fired.push((now, rule.name.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use readings::Metric;

    use super::super::rule::tests::text;
    use super::*;
    use crate::RuleText;

    fn rule(change: impl FnOnce(&mut RuleText)) -> Rule {
        let mut written = text("<=", 20.0);
        written.metric = Metric::BatteryLevel.name().to_owned();
        written.cooldown_minutes = 5;
        change(&mut written);
        Rule::parse(&written).expect("a rule")
    }

    fn battery(value: f64) -> [Reading; 1] {
        [Reading {
            metric: Metric::BatteryLevel,
            value,
        }]
    }

    fn s(second: u64) -> Mono {
        Mono::from_millis(second * 1000)
    }

    #[test]
    fn it_fires_when_the_rule_did_and_is_silent_while_it_was() {
        let held = rule(|rule| rule.for_s = 2);
        let name = held.name.to_string();
        let mut rerun = Rerun::new([held], "d1");
        assert!(rerun.observe(&battery(20.0), s(1000)).is_empty());
        assert_eq!(rerun.observe(&battery(30.0), s(1001)), []);
        assert_eq!(rerun.observe(&battery(19.0), s(1002)), []);
        // Nothing was heard for a while: its time passes all the same.
        let fired = rerun.observe(&battery(19.0), s(1009));
        assert_eq!(fired, [(s(1004), name.clone())]);
        // Over and bad again within the cool-down, and after it.
        assert_eq!(rerun.observe(&battery(50.0), s(1010)), []);
        let fired: Vec<_> = (1020..1310)
            .flat_map(|second| rerun.observe(&battery(10.0), s(second)))
            .collect();
        assert_eq!(fired, [(s(1304), name)]);
    }

    #[test]
    fn what_fired_before_is_known() {
        let name = rule(|_| {}).name.to_string();
        for (stands, expected) in [(true, vec![]), (false, vec![s(1200)])] {
            let mut rerun = Rerun::new([rule(|_| {})], "d1");
            rerun.fired_before(&name, 15.0, s(900), stands);
            let mut fired = Vec::new();
            for second in 1000..1300 {
                fired.extend(rerun.observe(&battery(15.0), s(second)));
            }
            let times: Vec<Mono> = fired.into_iter().map(|(at, _)| at).collect();
            assert_eq!(times, expected, "stands: {stands}");
        }
        let other = rule(|rule| rule.source = Some("d2".to_owned()));
        let off = rule(|rule| rule.enabled = false);
        let mut rerun = Rerun::new([other, off], "d1");
        assert_eq!(rerun.observe(&battery(1.0), s(1)), []);
        // A rule that was changed goes on with what it has seen.
        let mut before = Rerun::new([rule(|_| {})], "d1");
        assert_eq!(before.observe(&battery(15.0), s(1)).len(), 1);
        let mut after = Rerun::new([rule(|rule| rule.threshold = 25.0)], "d1").after(before);
        assert_eq!(after.observe(&battery(15.0), s(2)), []);
    }
}
