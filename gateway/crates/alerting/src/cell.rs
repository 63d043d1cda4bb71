//! The life of one rule at one source: quiet, pending, firing, cleared.
//!
//! Pure: takes the rule, the value and `now`; no clock, no allocation, no I/O.
//!
//! * A bad value makes the cell pending; once it was bad for the rule's hold
//!   time and the cool-down since the last firing is over, the cell fires.
//! * Good moments undo half of their own length of the bad time, not all of it: a value
//!   that swings round its threshold fires as well, once it was bad for more than a
//!   third of the time for long enough. Such an alert ends when its bad time is undone,
//!   not at the next swing.
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
    /// Whether the last value was bad.
    is_bad: bool,
    /// Whether it fired for its share of the time, without an unbroken hold.
    by_share: bool,
    /// Bad time less half of the good time after it, in milliseconds at the last reading;
    /// at most the rule's hold, which is at most a day.
    bad_ms: u32,
    /// Since when the value is bad without a break.
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
        is_bad: false,
        by_share: false,
        bad_ms: 0,
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
        self.count_time(rule, now);
        self.is_bad = rule.breaches(value);
        if self.is_bad {
            self.value = value;
            match self.phase {
                Phase::Firing => return Step::Nothing,
                Phase::Pending => {}
                Phase::Quiet => self.begin_pending(now),
            }
            return self.fire_when_due(rule, now);
        }
        match self.phase {
            Phase::Firing if self.by_share && self.bad_ms > 0 => Step::Nothing,
            Phase::Firing if rule.clears(value) => {
                self.bad_ms = 0;
                self.end(now)
            }
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
    pub(super) fn would_end(&self, rule: &Rule, value: f64, now: Mono) -> bool {
        let is_undone = !self.by_share || self.bad_ms_at(rule, now) == 0;
        self.phase == Phase::Firing && !rule.breaches(value) && is_undone && rule.clears(value)
    }

    /// Lets time pass for a pending cell.
    pub(super) fn tick(&mut self, rule: &Rule, now: Mono) -> Step {
        if self.phase != Phase::Pending {
            return Step::Nothing;
        }
        if self.is_stale(rule, now) {
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
            (self.is_bad, self.bad_ms) = (false, 0);
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

    /// Whether good time has undone all bad time.
    pub(super) fn is_undone(&self) -> bool {
        self.bad_ms == 0
    }

    /// Lets the next good value end the alert, however long the value swung before: for
    /// trials, which do not know how long it was good.
    pub(super) fn end_at_once(&mut self) {
        self.by_share = false;
    }

    /// Has the alert end as late as if the value had swung before, and was bad until now:
    /// for trials as well.
    pub(super) fn end_late(&mut self, rule: &Rule) {
        (self.by_share, self.bad_ms) = (true, rule.hold.as_millis() as u32);
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

    /// Adds the time since the last reading to what its value was: bad or good.
    fn count_time(&mut self, rule: &Rule, now: Mono) {
        self.bad_ms = self.bad_ms_at(rule, now);
        if self.is_stale(rule, now) && self.phase == Phase::Pending {
            self.phase = Phase::Quiet;
        }
        self.seen = now;
    }

    /// Its bad time when the next reading is of `now`.
    fn bad_ms_at(&self, rule: &Rule, now: Mono) -> u32 {
        let passed_ms = now.since(self.seen).as_millis() as u32;
        if self.is_stale(rule, now) {
            // Nobody knows how it was.
            0
        } else if self.is_bad {
            // No more than the hold: what is long over is undone in twice that time.
            let hold_ms = rule.hold.as_millis() as u32;
            self.bad_ms.saturating_add(passed_ms).min(hold_ms)
        } else {
            self.bad_ms.saturating_sub(passed_ms / 2)
        }
    }

    fn is_stale(&self, rule: &Rule, now: Mono) -> bool {
        now.since(self.seen) > rule.hold.max(STALE_AFTER)
    }

    fn begin_pending(&mut self, now: Mono) {
        self.phase = Phase::Pending;
        self.since = now;
        self.silenced = false;
    }

    fn fire_when_due(&mut self, rule: &Rule, now: Mono) -> Step {
        let is_unbroken = now.since(self.since) >= rule.hold;
        // The value has been bad since the last reading.
        let bad = Duration::from_millis(self.bad_ms.into()) + now.since(self.seen);
        if !is_unbroken && bad < rule.hold {
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
        self.by_share = !is_unbroken;
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
mod tests;
