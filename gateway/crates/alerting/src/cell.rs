//! The life of one rule at one source: quiet, pending, firing, cleared.
//!
//! Pure: takes the rule, the value and `now`; no clock, no allocation, no I/O.
//!
//! * A bad value makes the cell pending; once it was bad for the rule's hold
//!   time and the cool-down since the last firing is over, the cell fires.
//! * A firing cell stays so until the value has come back by the hysteresis:
//!   one alert an episode, however long it lasts.
//! * A value inside the hysteresis neither fires nor clears.
//! * After a clear, or after an operator resolved the alert of a value that is
//!   still bad, the cell may fire again when the cool-down is over. One that has
//!   become clearly worse since it was resolved does not wait for that.

use std::time::Duration;

use super::rule::Rule;
use super::transition::{PendingTransition, Transition};
use readings::clock::Mono;

/// A pending value not reported for this long (or for the rule's hold time, if
/// that is longer) is absent, and an absent metric never fires. Well above the
/// slowest ordinary sensor.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// Clearly worse: further beyond the threshold than when its alert was resolved, by this
/// share of the threshold. A value that jitters is not worse.
const WORSE: f64 = 0.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Quiet,
    Pending,
    Firing,
}

/// State of one rule at one source.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    phase: Phase,
    /// Whether this pending episode was counted as silenced by the cool-down.
    silenced: bool,
    /// The book may hold an open alert from before this run: the first clear
    /// is handed over although nothing fired.
    unproven: bool,
    transition: PendingTransition,
    /// Start of the pending episode.
    since: Mono,
    /// Last reading.
    seen: Mono,
    /// Newest bad value.
    value: f64,
    fired: Option<Mono>,
    /// The value whose alert was resolved although it was bad.
    resolved_value: Option<f64>,
    raised_value: f64,
    raised_at: Mono,
    ended_at: Mono,
}

/// What a step did, for the counters and the committer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing anybody must hear of.
    Nothing,
    /// It would have fired; the cool-down silenced it. Once an episode.
    Silenced,
    /// A transition waits for the committer.
    Waits,
    /// As `Waits`, folded into an alert that waited already.
    Folded,
}

/// A transition of one cell, as the committer takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CellChange {
    /// What happened.
    pub transition: Transition,
    /// The value that fired.
    pub value: f64,
    /// When it fired.
    pub raised_at: Mono,
    /// When it ended.
    pub ended_at: Mono,
}

impl Cell {
    pub(super) const NEW: Cell = Cell {
        phase: Phase::Quiet,
        silenced: false,
        unproven: true,
        transition: PendingTransition::NONE,
        since: Mono::ZERO,
        seen: Mono::ZERO,
        value: 0.0,
        fired: None,
        resolved_value: None,
        raised_value: 0.0,
        raised_at: Mono::ZERO,
        ended_at: Mono::ZERO,
    };

    /// Judges a reading.
    pub(super) fn observe(&mut self, rule: &Rule, value: f64, now: Mono) -> Step {
        self.seen = now;
        if rule.breaches(value) {
            self.value = value;
            match self.phase {
                Phase::Firing => return Step::Nothing,
                Phase::Pending => {}
                Phase::Quiet => self.begin_pending(now),
            }
            return self.fire_when_due(rule, now);
        }
        match self.phase {
            Phase::Firing if rule.clears(value) => self.end(now),
            Phase::Firing => Step::Nothing,
            Phase::Pending | Phase::Quiet => {
                self.phase = Phase::Quiet;
                if self.unproven && rule.clears(value) {
                    self.end(now)
                } else {
                    Step::Nothing
                }
            }
        }
    }

    /// Whether that value would end an alert.
    pub(super) fn would_end(&self, rule: &Rule, value: f64) -> bool {
        self.phase == Phase::Firing && !rule.breaches(value) && rule.clears(value)
    }

    /// Lets time pass for a pending cell.
    pub(super) fn tick(&mut self, rule: &Rule, now: Mono) -> Step {
        if self.phase != Phase::Pending {
            return Step::Nothing;
        }
        if now.since(self.seen) > rule.hold.max(STALE_AFTER) {
            self.phase = Phase::Quiet;
            return Step::Nothing;
        }
        self.fire_when_due(rule, now)
    }

    /// The alert of this cell is gone (resolved by an operator, or dropped as
    /// too old): a value that is still bad may fire again after the cool-down.
    pub(super) fn release(&mut self) {
        // A beginning that still waits belongs to a later alert: keep it.
        if self.phase == Phase::Firing && !self.transition.begins() {
            self.phase = Phase::Quiet;
            self.transition = PendingTransition::NONE;
            self.resolved_value = Some(self.value);
        }
    }

    /// Starts over for a rule that now watches something else. The cool-down is
    /// kept: switching a rule off and on is no way around it.
    pub(super) fn reset(&mut self) {
        *self = Cell {
            fired: self.fired,
            ..Cell::NEW
        };
    }

    /// Takes what waits for the committer.
    pub(super) fn take(&mut self) -> Option<CellChange> {
        let transition = self.transition.take()?;
        Some(CellChange {
            transition,
            value: self.raised_value,
            raised_at: self.raised_at,
            ended_at: self.ended_at,
        })
    }

    pub(super) fn waits(&self) -> bool {
        self.transition.waits()
    }

    pub(super) fn is_pending(&self) -> bool {
        self.phase == Phase::Pending
    }

    pub(super) fn is_firing(&self) -> bool {
        self.phase == Phase::Firing
    }

    /// Whether the cool-down since the last firing is over.
    pub(super) fn may_fire(&self, rule: &Rule, now: Mono) -> bool {
        let is_over = |fired: Mono| now.since(fired) >= rule.cooldown;
        self.fired.is_none_or(is_over)
    }

    fn is_worse(&self, rule: &Rule) -> bool {
        let excess = |value: f64| (value - rule.threshold).abs();
        self.resolved_value
            .is_some_and(|then| excess(self.value) > excess(then) + rule.threshold.abs() * WORSE)
    }

    fn begin_pending(&mut self, now: Mono) {
        self.phase = Phase::Pending;
        self.since = now;
        self.silenced = false;
    }

    fn fire_when_due(&mut self, rule: &Rule, now: Mono) -> Step {
        if now.since(self.since) < rule.hold {
            return Step::Nothing;
        }
        if !self.may_fire(rule, now) && !self.is_worse(rule) {
            let step = if self.silenced {
                Step::Nothing
            } else {
                Step::Silenced
            };
            self.silenced = true;
            return step;
        }
        self.phase = Phase::Firing;
        (self.unproven, self.resolved_value) = (false, None);
        self.fired = Some(now);
        self.raised_value = self.value;
        self.raised_at = now;
        if self.transition.raise() {
            Step::Folded
        } else {
            Step::Waits
        }
    }

    fn end(&mut self, now: Mono) -> Step {
        self.phase = Phase::Quiet;
        (self.unproven, self.resolved_value) = (false, None);
        self.ended_at = now;
        self.transition.end();
        Step::Waits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rule::tests::text;
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    fn rule(change: impl FnOnce(&mut crate::RuleText)) -> Rule {
        let mut rule = text(">=", 95.0);
        change(&mut rule);
        Rule::parse(&rule).expect("valid")
    }

    #[test]
    fn fires_at_exactly_the_threshold_once_an_episode() {
        let rule = rule(|_| {});
        let mut cell = Cell::NEW;
        assert_eq!(cell.observe(&rule, 95.0, at(1)), Step::Waits);
        let fired = cell.take().expect("waits");
        assert!(fired.transition.raised && fired.transition.stands);
        assert_eq!((fired.value, fired.raised_at), (95.0, at(1)));
        assert_eq!(
            cell.observe(&rule, 99.0, at(10_000)),
            Step::Nothing,
            "still the same alert, long after the cool-down"
        );
    }

    #[test]
    fn the_first_good_value_of_a_run_ends_an_alert_of_the_run_before() {
        let rule = rule(|rule| rule.hysteresis = 5.0);
        let mut cell = Cell::NEW;
        assert_eq!(
            cell.observe(&rule, 92.0, at(1)),
            Step::Nothing,
            "inside the hysteresis nothing is proven"
        );
        assert_eq!(cell.observe(&rule, 50.0, at(2)), Step::Waits);
        let ended = cell.take().expect("waits").transition;
        assert!(ended.ended_before && !ended.raised);
        assert_eq!(cell.observe(&rule, 50.0, at(3)), Step::Nothing, "once");
    }

    #[test]
    fn a_hold_time_can_end_by_a_tick_but_not_for_an_absent_value() {
        let rule = rule(|rule| rule.for_s = 10);
        let mut cell = Cell::NEW;
        assert_eq!(cell.observe(&rule, 96.0, at(0)), Step::Nothing);
        assert_eq!(cell.tick(&rule, at(9)), Step::Nothing);
        assert_eq!(cell.tick(&rule, at(10)), Step::Waits);
        let mut silent = Cell::NEW;
        silent.observe(&rule, 96.0, at(0));
        assert_eq!(silent.tick(&rule, at(31)), Step::Nothing);
        assert!(!silent.is_pending(), "nothing is known of it any more");
    }

    #[test]
    fn after_an_operator_resolved_it_may_fire_again_when_the_cool_down_is_over() {
        let rule = rule(|_| {});
        let mut cell = Cell::NEW;
        cell.observe(&rule, 96.0, at(0));
        cell.take();
        cell.release();
        assert_eq!(cell.observe(&rule, 96.0, at(299)), Step::Silenced);
        assert_eq!(
            cell.observe(&rule, 96.0, at(299)),
            Step::Nothing,
            "counted once"
        );
        assert_eq!(cell.observe(&rule, 96.0, at(300)), Step::Waits);
        cell.release();
        assert!(
            cell.take().expect("waits").transition.stands,
            "an alert the committer has not seen is not released"
        );
    }

    #[test]
    fn what_has_become_clearly_worse_since_it_was_resolved_does_not_wait() {
        let rule = rule(|_| {});
        let mut cell = Cell::NEW;
        cell.observe(&rule, 96.0, at(0));
        cell.take();
        cell.release();
        assert_eq!(cell.observe(&rule, 105.0, at(10)), Step::Silenced);
        assert_eq!(cell.observe(&rule, 106.0, at(11)), Step::Waits);
        assert_eq!(cell.take().map(|change| change.value), Some(106.0));
    }

    /// The plainest statement of the life cycle: recomputed from the whole
    /// history at every step, without flags or remembered phases.
    #[derive(Default)]
    struct Model {
        /// (time, value) of the readings since the last clear, release or staleness.
        episode: Vec<(u64, f64)>,
        open: bool,
        last_fired: Option<u64>,
        raised: Vec<(u64, f64)>,
        ended: Vec<u64>,
    }

    impl Model {
        fn reading(&mut self, rule: &Rule, value: f64, now: u64) {
            if self.open {
                if rule.clears(value) {
                    self.open = false;
                    self.ended.push(now);
                    self.episode.clear();
                }
                return;
            }
            if rule.breaches(value) {
                self.episode.push((now, value))
            } else {
                self.episode.clear()
            }
            self.due(rule, now);
        }

        fn tick(&mut self, rule: &Rule, now: u64) {
            let limit = rule.hold.as_secs().max(STALE_AFTER.as_secs());
            if !self.open
                && self
                    .episode
                    .last()
                    .is_some_and(|(seen, _)| now - seen > limit)
            {
                self.episode.clear();
            }
            self.due(rule, now);
        }

        fn due(&mut self, rule: &Rule, now: u64) {
            let (Some((since, _)), Some((_, value))) = (self.episode.first(), self.episode.last())
            else {
                return;
            };
            let held = now - since >= rule.hold.as_secs();
            let cool = self
                .last_fired
                .is_none_or(|fired| now - fired >= rule.cooldown.as_secs());
            if !self.open && held && cool {
                self.open = true;
                self.last_fired = Some(now);
                self.raised.push((now, *value));
                self.episode.clear();
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Event {
        Reading(f64),
        Tick,
        Resolve,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_cell_does_what_the_naive_model_does(
            operator in prop::sample::select(vec![">", "<", ">=", "<=", "==", "!="]),
            for_s in prop::sample::select(vec![0u32, 1, 5, 60]),
            cooldown_minutes in 0u32..4,
            hysteresis in prop::sample::select(vec![0.0, 1.0, 3.0]),
            events in prop::collection::vec((0u64..45, prop_oneof![
                6 => (90i32..100).prop_map(|value| Event::Reading(f64::from(value))),
                2 => Just(Event::Tick),
                1 => Just(Event::Resolve),
            ]), 1..120),
        ) {
            let rule = rule(|rule| {
                rule.operator = operator.to_owned();
                rule.for_s = for_s;
                rule.cooldown_minutes = cooldown_minutes;
                rule.hysteresis = if operator == "!=" { 0.0 } else { hysteresis };
            });
            let mut cell = Cell::NEW;
            cell.unproven = false;
            let mut model = Model::default();
            let (mut now, mut raised, mut ended) = (0, Vec::new(), Vec::new());
            for (step, event) in events {
                now += step;
                match event {
                    Event::Reading(value) => {
                        cell.observe(&rule, value, at(now));
                        model.reading(&rule, value, now);
                    }
                    Event::Tick => {
                        cell.tick(&rule, at(now));
                        model.tick(&rule, now);
                    }
                    Event::Resolve => {
                        cell.release();
                        model.open = false;
                    }
                }
                if let Some(change) = cell.take() {
                    if change.transition.ended_before { ended.push(change.ended_at.as_millis() / 1000) }
                    if change.transition.raised { raised.push((change.raised_at.as_millis() / 1000, change.value)) }
                }
                prop_assert_eq!(cell.phase == Phase::Firing, model.open);
            }
            prop_assert_eq!(raised, model.raised);
            prop_assert_eq!(ended, model.ended);
        }
    }
}
