//! How often a rule would have fired, had it been there: judged over kept steps by the
//! same cells as every reading, on a clock of its own. Pure.
//!
//! Of a step only the least and the greatest value are known, not their order nor how
//! long each lasted. So there are two answers. *At least*: everything that is not
//! certain went well: the value came back wherever it may have, a bad moment fell into
//! the cool-down wherever it may have, and a hold time ran only over steps that were bad
//! whenever there was a reading. *At most*: the reverse; dips inside a step do not interrupt a hold
//! time, and an alert ends wherever it may have. A rule is counted once a step at most.
//! Where both agree, that is what would have happened.
//!
//! Not known: what stood before the first step, and what happened while nothing was
//! recorded.

use std::time::Duration;

use super::cell::Cell;
use super::rule::{Operator, Rule};
use readings::Metric;
use readings::clock::Mono;

/// What is known of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Its start, on any clock that does not jump.
    pub start: Mono,
    /// How long it is.
    pub length: Duration,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
}

/// How often, between these bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Firings {
    /// Certainly so often.
    pub at_least: u32,
    /// Possibly so often.
    pub at_most: u32,
}

/// Between two judgements of a value that stays as it is: as often as the rule clock
/// of a running gateway ticks.
const TICK: Duration = Duration::from_secs(1);

/// A rule that is only tried out.
pub struct Preview(Rule);

impl Preview {
    /// This rule, as if it were switched on.
    #[must_use]
    pub const fn of(rule: Rule) -> Preview {
        Preview(rule)
    }

    /// What it watches.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.0.metric
    }

    /// Whether it looks at the source called `name`.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.0.covers(name)
    }

    /// How often it would have fired for one source, over its steps in order.
    #[must_use]
    pub fn judge(&self, steps: &[Step]) -> Firings {
        let at_least = self.count(steps, |trial, step| trial.step_at_least(step));
        let at_most = self
            .count(steps, |trial, step| trial.step_at_most(step))
            .max(at_least);
        Firings { at_least, at_most }
    }

    fn count(&self, steps: &[Step], judge: fn(&mut Trial<'_>, &Step)) -> u32 {
        let mut trial = Trial {
            rule: &self.0,
            cell: Cell::NEW,
            fired: 0,
            is_last: false,
        };
        let mut before: Option<Mono> = None;
        for (left, step) in (0..steps.len()).rev().zip(steps) {
            trial.is_last = left == 0;
            if let Some(ended) = before {
                trial.wait(ended, step.start);
            }
            if is_known(step) {
                trial.observe(step.min, step.start);
            } else {
                judge(&mut trial, step);
            }
            before = Some(step.start.plus(step.length));
        }
        trial.fired
    }
}

/// One rule at one source, over the past.
struct Trial<'a> {
    rule: &'a Rule,
    cell: Cell,
    fired: u32,
    /// Whether nothing is known of what comes after the step.
    is_last: bool,
}

impl Trial<'_> {
    /// Nothing is known but that time passes.
    fn wait(&mut self, from: Mono, to: Mono) {
        let mut now = from;
        while self.cell.is_pending() && now < to {
            self.cell.tick(self.rule, now);
            self.note();
            now = now.plus(TICK);
        }
    }

    /// The value stays as it is, from the start of the step to its end.
    fn hold(&mut self, step: &Step, value: f64) {
        let end = step.start.plus(step.length);
        let mut now = step.start;
        self.observe(value, now);
        // Nothing but a hold time or a cool-down can end without a change.
        while self.cell.is_pending() && now.plus(TICK) < end {
            now = now.plus(TICK);
            self.observe(value, now);
        }
    }

    /// As [`Trial::hold`], but where an alert may have ended, it ends as soon as it is
    /// raised, and the next one is on its way. (While a hold time runs, no dip is
    /// believed in.)
    fn hold_with_dips(&mut self, step: &Step, bad: f64, good: f64) {
        let end = step.start.plus(step.length);
        let mut now = step.start;
        while now < end {
            self.observe(bad, now);
            if self.cell.is_firing() {
                self.cell.end_at_once();
                self.observe(good, now);
                if self.rule.hold.is_zero() {
                    return;
                }
                self.observe(bad, now);
            }
            now = now.plus(TICK);
        }
    }

    fn observe(&mut self, value: f64, now: Mono) {
        self.cell.observe(self.rule, value, now);
        self.note();
    }

    fn note(&mut self) {
        if self
            .cell
            .take()
            .is_some_and(|change| change.transition.raised)
        {
            self.fired += 1;
        }
    }

    fn step_at_least(&mut self, step: &Step) {
        let (rule, end) = (self.rule, last_moment(step));
        let reached = [step.min, step.max];
        let bad = reached.into_iter().find(|value| rule.breaches(*value));
        let Some(bad) = bad else {
            return self.not_bad(step);
        };
        let Some(good) = harmless(rule, step) else {
            self.bad_whenever_read(step, bad);
            if self.cell.is_firing() {
                self.cell.end_late(rule);
            }
            return;
        };
        if self.cell.is_firing() {
            // Bad first, then whatever good was certainly reached.
            self.observe(bad, end);
            self.cell.end_late(rule);
            let ended = reached.into_iter().find(|value| rule.clears(*value));
            return ended.map_or((), |good| self.observe(good, end));
        }
        // A moment is enough for a rule that does not wait, unless it may have fallen
        // into the cool-down; and the later it was, the longer the next one is silent.
        let is_certain = rule.hold.is_zero() && self.cell.may_fire(rule, step.start);
        if is_certain {
            return self.observe(bad, end);
        }
        self.good_throughout(step, good);
    }

    /// No value was bad, but some may be within the hysteresis: an alert ends for certain
    /// when all bad time was undone before a value that ends it.
    fn not_bad(&mut self, step: &Step) {
        let rule = self.rule;
        let was_undone = self.cell.is_undone();
        let reached = [step.min, step.max];
        let lasting = reached.into_iter().find(|value| !rule.clears(*value));
        self.good_throughout(step, lasting.unwrap_or(step.min));
        let ending = reached.into_iter().find(|value| rule.clears(*value));
        if let (Some(good), true) = (ending, was_undone) {
            self.observe(good, last_moment(step));
        }
    }

    /// As if the value had been good all the time: what was bad before has ended with the
    /// step before it, and is undone by all of this one; but an alert ends late.
    fn good_throughout(&mut self, step: &Step, good: f64) {
        if self.cell.is_firing() {
            // All of it counts, which it does only reading by reading.
            let mut now = step.start;
            while self.cell.is_firing() && now < last_moment(step) {
                self.observe(good, now);
                now = now.plus(TICK);
            }
        } else {
            self.observe(good, step.start);
        }
        self.observe(good, last_moment(step));
    }

    /// Bad at every reading of the step; but how much of it has readings is not known,
    /// so an episode begins at its end for certain, and none ends in the last one.
    fn bad_whenever_read(&mut self, step: &Step, bad: f64) {
        let is_point = step.length <= TICK;
        if is_point || self.cell.is_pending() && !self.is_last {
            self.hold(step, bad);
        } else if self.cell.is_pending() {
            self.observe(bad, step.start);
        } else {
            // Its one reading may have been before the cool-down was over.
            let is_silenced =
                self.rule.hold.is_zero() && !self.cell.may_fire(self.rule, step.start);
            let at = if is_silenced {
                step.start
            } else {
                last_moment(step)
            };
            self.observe(bad, at);
        }
    }

    fn step_at_most(&mut self, step: &Step) {
        let rule = self.rule;
        let possible = values(rule, step);
        let bad = possible.iter().find(|value| rule.breaches(**value));
        let ending = possible.iter().find(|value| rule.clears(**value));
        if let (Some(good), true) = (ending, self.cell.is_firing()) {
            self.cell.end_at_once();
            self.observe(*good, step.start);
        }
        let Some(bad) = bad else {
            // Within the hysteresis at best: an episode that is pending ends.
            return self.observe(step.min, step.start);
        };
        match ending {
            Some(good) => self.hold_with_dips(step, *bad, *good),
            None => self.hold(step, *bad),
        }
    }
}

/// Whether nothing about the step is in doubt: one value, for as long as a value stands.
fn is_known(step: &Step) -> bool {
    step.length <= TICK && step.min.total_cmp(&step.max).is_eq()
}

fn last_moment(step: &Step) -> Mono {
    let last = step.length.saturating_sub(Duration::from_millis(1));
    step.start.plus(last)
}

/// Values that may have been reached in the step, and that a rule tells apart.
fn values(rule: &Rule, step: &Step) -> Vec<f64> {
    let within = |value: &f64| (step.min..=step.max).contains(value);
    let (at, by) = (rule.threshold, rule.hysteresis);
    let mut values = vec![step.min, step.max];
    values.extend([at, at - by, at + by].iter().filter(|value| within(value)));
    if matches!(rule.operator, Operator::Equal | Operator::NotEqual) {
        values.push(f64::midpoint(step.min, step.max));
    }
    values
}

/// A value of the step that is not bad, if there may have been one.
fn harmless(rule: &Rule, step: &Step) -> Option<f64> {
    let mut values = values(rule, step).into_iter();
    values.find(|value| !rule.breaches(*value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rule::tests::text;
    use super::*;
    use crate::RuleText;

    fn preview(change: impl FnOnce(&mut RuleText)) -> Preview {
        let mut rule = text(">=", 50.0);
        rule.cooldown_minutes = 5;
        change(&mut rule);
        Preview::of(Rule::parse(&rule).expect("valid"))
    }

    /// Minutes one after the other.
    fn minutes(values: &[(f64, f64)]) -> Vec<Step> {
        let minute = |(at, (min, max)): (u64, &(f64, f64))| Step {
            start: Mono::from_millis(at * 60_000),
            length: Duration::from_secs(60),
            min: *min,
            max: *max,
        };
        (0..).zip(values).map(minute).collect()
    }

    fn between(at_least: u32, at_most: u32) -> Firings {
        Firings { at_least, at_most }
    }

    #[test]
    fn what_is_certain_is_said_so() {
        let rule = preview(|_| {});
        let (good, bad) = ((10.0, 20.0), (60.0, 70.0));
        assert_eq!(rule.judge(&[]), between(0, 0));
        assert_eq!(rule.judge(&minutes(&[good; 30])), between(0, 0));
        assert_eq!(
            rule.judge(&minutes(&[bad; 30])),
            between(1, 1),
            "one episode"
        );
        let twice = [vec![bad], vec![good; 9], vec![bad], vec![good]].concat();
        assert_eq!(rule.judge(&minutes(&twice)), between(2, 2));
        let touched = [vec![good], vec![(10.0, 50.0)], vec![good]].concat();
        assert_eq!(
            rule.judge(&minutes(&touched)),
            between(1, 1),
            "a moment is enough"
        );
    }

    #[test]
    fn what_is_not_known_is_between_two_bounds() {
        let (both, bad) = ((10.0, 70.0), (60.0, 70.0));
        let held = preview(|rule| rule.for_s = 120);
        assert_eq!(held.judge(&minutes(&[both; 10])), between(0, 1 + 1));
        let certain = [vec![both], vec![bad; 4], vec![both]].concat();
        assert_eq!(held.judge(&minutes(&certain)), between(1, 1));
        let rule = preview(|_| {});
        let unclear = rule.judge(&minutes(&[both; 20]));
        assert!(unclear.at_least >= 2 && unclear.at_most == 4, "{unclear:?}");
        let damped = preview(|rule| rule.hysteresis = 45.0);
        assert_eq!(
            damped.judge(&minutes(&[both; 20])),
            between(1, 1),
            "it never clears"
        );
    }

    #[test]
    fn a_hold_time_ends_without_a_further_reading_as_in_the_engine() {
        let held = preview(|rule| rule.for_s = 300);
        let mut steps = minutes(&[(60.0, 60.0), (10.0, 10.0)]);
        steps[1].start = Mono::from_millis(3_600_000);
        assert_eq!(held.judge(&steps), between(0, 1));
        steps[1].start = Mono::from_millis(120_000);
        assert_eq!(held.judge(&steps), between(0, 0), "it came back in time");
    }

    /// A value a second; what the engine would make of it.
    fn truth(rule: &Preview, values: &[f64]) -> u32 {
        let steps: Vec<Step> = (0..)
            .zip(values)
            .map(|(at, value)| Step {
                start: Mono::from_millis(at * 1000),
                length: Duration::from_secs(1),
                min: *value,
                max: *value,
            })
            .collect();
        let judged = rule.judge(&steps);
        assert_eq!(
            judged.at_least, judged.at_most,
            "single values leave no doubt"
        );
        judged.at_least
    }

    proptest! {
        /// Whatever happened inside the minutes, the bounds hold.
        #[test]
        fn the_truth_lies_between_the_bounds(
            cooldown in 1_u32..6,
            hold in 0_u32..200,
            hysteresis in 0_u32..30,
            runs in prop::collection::vec((0_u32..100, 1_usize..150), 1..60),
        ) {
            let rule = preview(|rule| {
                rule.cooldown_minutes = cooldown;
                rule.for_s = hold;
                rule.hysteresis = f64::from(hysteresis);
            });
            let values: Vec<f64> = runs
                .iter()
                .flat_map(|(value, length)| std::iter::repeat_n(f64::from(*value), *length))
                .collect();
            let range = |minute: &[f64]| {
                let least = minute.iter().copied().fold(f64::INFINITY, f64::min);
                (least, minute.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            };
            let coarse: Vec<(f64, f64)> = values.chunks(60).map(range).collect();
            let (bounds, fired) = (rule.judge(&minutes(&coarse)), truth(&rule, &values));
            prop_assert!(bounds.at_least <= fired && fired <= bounds.at_most, "{bounds:?}, {fired}");
        }
    }
}
