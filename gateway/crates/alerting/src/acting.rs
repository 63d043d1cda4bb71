//! What a rule does besides raising an alert: it has the gateway act on drones.
//!
//! Apart from the alert's cell (`cell`), because nothing that holds an alert back may hold
//! an action back: no cool-down, no acknowledgement, no mute, no commit to the medium. It
//! needs what an alert does not: two consistent samples. Pure; allocates when rules
//! change, never on a reading. What is done about it, how often and to whom, is the
//! [`Actor`]'s to decide.

use std::sync::Arc;
use std::time::Duration;

use super::rule::Rule;
use super::rule_table::RuleTable;
use readings::Metric;
use readings::clock::Mono;

/// Bad samples in a row that make a rule act. One alone may be a bit that fell over.
const SAMPLES: u8 = 2;

/// Between two samples of one run. Longer ago is another story.
const SAMPLES_APART: Duration = Duration::from_secs(30);

/// A rule with an action whose value has become bad, or good again, at one source.
#[derive(Clone, Copy, Debug)]
pub struct RuleActs<'a> {
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// Name of the source.
    pub source: &'a Arc<str>,
    /// The value that tipped it; of a rule that was taken away, what it was.
    pub value: f64,
    /// Whether it is bad.
    pub stands: bool,
}

/// Acts for rules.
pub trait Actor: Send + Sync + 'static {
    /// Takes each change once. Called while a reading is judged: must not wait, and must
    /// not call the alerts.
    fn rule_acts(&self, acts: RuleActs<'_>);
}

/// One rule with an action at one source.
#[derive(Clone, Copy, Debug)]
struct ActionCell {
    slot: usize,
    /// Bad samples in a row.
    bad: u8,
    since: Mono,
    seen: Mono,
    value: f64,
    stands: bool,
}

impl ActionCell {
    fn of(slot: usize) -> ActionCell {
        ActionCell {
            slot,
            bad: 0,
            since: Mono::ZERO,
            seen: Mono::ZERO,
            value: 0.0,
            stands: false,
        }
    }

    /// Judges a reading; the news, if it is one.
    fn observe(&mut self, rule: &Rule, value: f64, now: Mono) -> Option<bool> {
        if rule.breaches(value) {
            if self.bad == 0 || now.since(self.seen) > SAMPLES_APART {
                (self.bad, self.since) = (0, now);
            }
            (self.seen, self.value) = (now, value);
            self.bad = self.bad.saturating_add(1);
            let is_due = self.bad >= samples(rule.metric) && now.since(self.since) >= rule.hold;
            return (is_due && !std::mem::replace(&mut self.stands, true)).then_some(true);
        }
        self.bad = 0;
        // Inside the hysteresis what stands goes on.
        let ends = self.stands && rule.clears(value);
        if ends {
            (self.stands, self.value) = (false, value);
        }
        ends.then_some(false)
    }
}

/// The board that sends it has debounced an emergency stop, and its frame has a checksum.
fn samples(metric: Metric) -> u8 {
    if metric == Metric::EmergencyStop {
        1
    } else {
        SAMPLES
    }
}

/// The rules with an action at one source.
#[derive(Debug, Default)]
pub(super) struct ActionCells(Vec<ActionCell>);

impl ActionCells {
    /// Those of `table`.
    pub(super) fn of(table: &RuleTable) -> ActionCells {
        ActionCells(table.acting().map(ActionCell::of).collect())
    }

    /// Judges a reading for the rule in `slot`; whether it begins or ends to stand.
    pub(super) fn observe(
        &mut self,
        slot: usize,
        rule: &Rule,
        value: f64,
        now: Mono,
    ) -> Option<bool> {
        let cell = self.0.iter_mut().find(|cell| cell.slot == slot)?;
        cell.observe(rule, value, now)
    }

    /// Goes over from `old` to `new`. A rule that still does the same keeps its state;
    /// of any other that stood, `ended` is told.
    pub(super) fn replace(
        &mut self,
        old: &RuleTable,
        new: &RuleTable,
        mut ended: impl FnMut(&Arc<Rule>, f64),
    ) {
        let goes_on = |slot: usize| match (old.rule(slot), new.rule(slot)) {
            (Some(before), Some(now)) => now.continues(before) && now.action == before.action,
            _ => false,
        };
        let mut next = ActionCells::of(new);
        for cell in &self.0 {
            if goes_on(cell.slot) {
                let same = next.0.iter_mut().find(|other| other.slot == cell.slot);
                if let Some(same) = same {
                    *same = *cell;
                }
            } else if let Some(rule) = old.shared_rule(cell.slot).filter(|_| cell.stands) {
                ended(rule, cell.value);
            }
        }
        *self = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleText;

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1_000)
    }

    fn rule(metric: Metric, change: impl FnOnce(&mut RuleText)) -> Rule {
        let mut text = RuleText::new("Wind", metric, ">=", 10.0, "warning");
        text.action = Some("land".to_owned());
        change(&mut text);
        Rule::parse(&text).expect("valid")
    }

    #[test]
    fn two_consistent_samples_act_once_and_the_end_is_told_once() {
        let rule = rule(Metric::Temperature, |rule| rule.hysteresis = 2.0);
        let mut cell = ActionCell::of(0);
        assert_eq!(cell.observe(&rule, 11.0, at(1)), None);
        assert_eq!(cell.observe(&rule, 9.0, at(2)), None, "it was one alone");
        assert_eq!(cell.observe(&rule, 11.0, at(3)), None);
        assert_eq!(cell.observe(&rule, 12.0, at(4)), Some(true));
        assert_eq!(cell.observe(&rule, 13.0, at(5)), None);
        assert_eq!(
            cell.observe(&rule, 9.0, at(6)),
            None,
            "inside the hysteresis"
        );
        assert_eq!(cell.observe(&rule, 7.9, at(7)), Some(false));
        assert_eq!(cell.observe(&rule, 7.9, at(8)), None);
    }

    #[test]
    fn a_hold_time_is_kept_and_samples_far_apart_are_no_run() {
        let held = rule(Metric::Temperature, |rule| rule.for_s = 10);
        let mut cell = ActionCell::of(0);
        assert_eq!(cell.observe(&held, 11.0, at(0)), None);
        assert_eq!(cell.observe(&held, 11.0, at(9)), None);
        assert_eq!(cell.observe(&held, 11.0, at(10)), Some(true));
        let plain = rule(Metric::Temperature, |_| {});
        let mut cell = ActionCell::of(0);
        assert_eq!(cell.observe(&plain, 11.0, at(0)), None);
        assert_eq!(cell.observe(&plain, 11.0, at(31)), None);
        assert_eq!(cell.observe(&plain, 11.0, at(32)), Some(true));
    }

    #[test]
    fn an_emergency_stop_is_debounced_by_its_frame() {
        let rule = rule(Metric::EmergencyStop, |rule| rule.threshold = 1.0);
        assert_eq!(ActionCell::of(0).observe(&rule, 1.0, at(0)), Some(true));
    }

    #[test]
    fn what_a_rule_may_do_is_named() {
        let refused = |change: fn(&mut RuleText)| {
            let mut text = RuleText::new("Wind", Metric::Temperature, ">", 1.0, "info");
            change(&mut text);
            Rule::parse(&text).expect_err("refused").to_string()
        };
        let words = refused(|rule| rule.action = Some("fly".to_owned()));
        assert!(
            words.ends_with("use one of land, stop, refuse_takeoff"),
            "{words}"
        );
        let words = refused(|rule| rule.drones = vec!["d1".to_owned()]);
        assert!(words.starts_with("drones: "), "{words}");
        let words = refused(|rule| {
            (rule.action, rule.drones) = (Some("stop".to_owned()), vec!["d".to_owned(); 65]);
        });
        assert!(words.starts_with("drones: at most 64"), "{words}");
    }
}
