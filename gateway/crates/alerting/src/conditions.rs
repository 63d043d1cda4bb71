//! Conditions: states that are not readings (a silent drone, a failing store).
//!
//! Pure: takes `now`. Raised and ended by other rooms, which need not know
//! whether the committer is busy: what changes waits here in flags, one state for
//! each key and subject.
//!
//! * An alert of a condition that stood at the end of the last run is inherited:
//!   raised again it continues that alert, not raised again within
//!   [`INHERITED_FOR`] it is over. A key in [`UNTIL_HEARD`] stands until its sensor is
//!   heard again or an operator resolves it: that nothing is heard of a sensor in
//!   this run proves nothing.
//! * One that comes and goes ends late, and later each time ([`Damping`]): one alert
//!   tells of the whole of it, and how often it came.
//! * A standing condition that is raised again in other words has another reason now:
//!   its alert takes those words, in place and without telling anybody, at once the first
//!   time and ever less often after that.
//! * A standing condition that is raised again at a higher level has become worse: its
//!   alert ends, and another one tells of that.
//! * One that nobody looks at any more keeps its alert until a person resolves it.
//! * A standing condition whose alert an operator resolved is raised anew after
//!   [`RENEWED_AFTER`]: resolving does not make it untrue. Acknowledging keeps
//!   the alert and its silence.
//! * A key in [`EVENTS`] tells what happened once, not what stands: its alert is
//!   forgotten here as soon as the committer has it, and stays until an operator
//!   resolves it.

use std::sync::Arc;
use std::time::Duration;

use super::damping::{CALM, Damping, EndBudget};
use super::model::Condition;
use super::rule_text::USUAL_COOLDOWN_MINUTES;
use super::transition::{PendingTransition, Transition};
use readings::clock::Mono;

/// Most conditions at a time: a handful for each of 64 drones and the rest of
/// the gateway. Beyond it a new one is refused and counted.
pub(super) const MAX_CONDITIONS: usize = 512;
/// How long a condition of the last run may take to be raised again: longer
/// than any room needs to find out what is wrong.
const INHERITED_FOR: Duration = Duration::from_secs(5 * 60);
/// Least time between two changes of an alert's words.
const WORDS_EVERY: Duration = Duration::from_secs(10);
/// The usual cool-down of rules, for conditions.
const RENEWED_AFTER: Duration = Duration::from_secs(60 * USUAL_COOLDOWN_MINUTES as u64);

/// Keys of conditions that happen rather than stand. Nothing ends them by
/// itself: that data was lost stays true after five quiet minutes.
const EVENTS: &[&str] = &[STORE_LOSS, UPDATE_ENDED];

/// Keys of conditions that only a value ends: a sensor or a drone that was lost before a
/// restart and is not there after it is still lost, and a chip that is not there says
/// nothing of its alarm.
const UNTIL_HEARD: &[&str] = &[
    BOARD_FURTHER_ALARM,
    BOARD_SENSOR_LOST,
    BRIDGE_SENSOR_LOST,
    BRIDGE_STOP_UNKNOWN,
    DRONE_LANDING_UNCONFIRMED,
    DRONE_SILENT,
    DRONE_UPSIDE_DOWN,
];

/// Keys of conditions that end when they end: a person presses a button each time, and
/// each time means something.
const UNDAMPED: &[&str] = &[BRIDGE_BUTTON];

/// Key of the alert that a button of a bridge is pressed.
pub const BRIDGE_BUTTON: &str = "bridge_button";
/// Key of the alert that a drone is not heard.
pub const DRONE_SILENT: &str = "drone_silent";
/// Key of the alert that a landing is neither confirmed nor ended.
pub const DRONE_LANDING_UNCONFIRMED: &str = "drone_landing_unconfirmed";
/// Key of the alert that a drone lies on its back.
pub const DRONE_UPSIDE_DOWN: &str = "drone_upside_down";

/// Key of the alert that a chip of the board gives an alarm beside another one.
pub const BOARD_FURTHER_ALARM: &str = "board_further_alarm";
/// Key of the alert that a metric of the board is no longer known.
pub const BOARD_SENSOR_LOST: &str = "board_sensor_lost";
/// Key of the alert that a sensor of a bridge is no longer known.
pub const BRIDGE_SENSOR_LOST: &str = "bridge_sensor_lost";
/// Key of the alert that a board does not say whether its emergency stop is engaged.
pub const BRIDGE_STOP_UNKNOWN: &str = "bridge_stop_unknown";
/// Key of the alert about stored data that was lost.
pub const STORE_LOSS: &str = "store_recovered";
/// Key of the alert about an update that was left or refused.
pub const UPDATE_ENDED: &str = "update_ended";

/// Whether alerts of `key` tell an event.
pub(super) fn is_event(key: &str) -> bool {
    EVENTS.contains(&key)
}

/// Every condition that stands, waits for the committer, or has gone lately.
#[derive(Default)]
pub(super) struct Conditions {
    states: Vec<ConditionState>,
    refused: u64,
    ends: Arc<EndBudget>,
}

struct ConditionState {
    key: Arc<str>,
    subject: Arc<str>,
    /// None while it is only inherited.
    what: Option<Condition>,
    /// The sensors that `what` names.
    sensors: Vec<Arc<str>>,
    transition: PendingTransition,
    stands: bool,
    /// When it was inherited, until it is raised in this run.
    inherited: Option<Mono>,
    /// When its alert was resolved although it stands.
    released: Option<Mono>,
    /// Whether nobody looks at it any more.
    let_go: bool,
    damping: Damping,
    /// When it is over, unless it comes again before.
    ends_at: Option<Mono>,
    /// How often it came again while its alert stood.
    again: u32,
    /// How often it had come when its words were made.
    came: u32,
    words: Words,
    raised_at: Mono,
    ended_at: Mono,
}

/// New words for a standing alert: whether they wait, and when others were taken last.
#[derive(Default)]
struct Words {
    wait: bool,
    /// They are due, and the committer's to take.
    due: bool,
    damping: Damping,
    taken: Mono,
}

impl Words {
    /// Whether they may be written at `now`; if so, they are the committer's.
    fn take_turn(&mut self, ends: &EndBudget, now: Mono) -> bool {
        let since = now.since(self.taken);
        if since >= CALM {
            self.damping = Damping::default();
        }
        // After the first ones each must wait, as an end would.
        let may = self.damping.came() == 0 || since >= self.damping.steady_for().max(WORDS_EVERY);
        if !(self.wait && may && ends.take_spare(now)) {
            return false;
        }
        (self.wait, self.due, self.taken) = (false, true, now);
        self.damping.note();
        true
    }
}

/// A transition of one condition, as the committer takes it.
#[derive(Clone, Debug)]
pub(super) struct ConditionChange {
    pub key: Arc<str>,
    pub subject: Arc<str>,
    pub what: Option<Condition>,
    pub sensors: Vec<Arc<str>>,
    pub transition: Transition,
    /// Whether the alert that stands takes the words of `what`.
    pub reworded: bool,
    pub raised_at: Mono,
    pub ended_at: Mono,
    /// How often it came again while the alert stood that ended.
    pub again: u32,
}

impl Conditions {
    /// None yet; `ends` may be written.
    pub(super) fn new(ends: Arc<EndBudget>) -> Conditions {
        Conditions {
            ends,
            ..Conditions::default()
        }
    }

    /// As [`Conditions::raise_naming`], of no sensor.
    pub(super) fn raise(&mut self, condition: Condition, now: Mono) -> bool {
        self.raise_naming(condition, Vec::new(), now)
    }

    /// Raises what is of those sensors. True: the committer has something to do.
    pub(super) fn raise_naming(
        &mut self,
        condition: Condition,
        sensors: Vec<Arc<str>>,
        now: Mono,
    ) -> bool {
        let known = self.position(condition.key, &condition.subject);
        let index = match known {
            Some(index) => index,
            None if !self.has_room() => {
                self.refused += 1;
                return false;
            }
            None => {
                self.states.push(ConditionState::new(
                    condition.key.into(),
                    condition.subject.clone(),
                ));
                self.states.len() - 1
            }
        };
        let state = &mut self.states[index];
        (state.inherited, state.let_go) = (None, false);
        // Of many its words may name the same few.
        let is_of_others = state.sensors != sensors;
        state.sensors = sensors;
        if !state.stands {
            state.begin_with(condition, now);
            return true;
        }
        if state.ends_at.take().is_some() {
            state.damping.note();
            state.again = state.again.saturating_add(1);
        }
        let is_worse = |known: &Condition| condition.level > known.level;
        if state.what.as_ref().is_some_and(is_worse) {
            state.transition.end();
            state.ended_at = now;
            state.begin_with(condition, now);
            return true;
        }
        state.reword(condition, is_of_others);
        state.words.take_turn(&self.ends, now)
    }

    /// Raises what may stand already by another cause: its alert ends, and another one tells
    /// of this, however often either came. For a caller who knows that people have seen the
    /// first: it is what bounds their number.
    pub(super) fn raise_anew(
        &mut self,
        condition: Condition,
        sensors: Vec<Arc<str>>,
        now: Mono,
    ) -> bool {
        let known = self.position(condition.key, &condition.subject);
        let Some(index) = known.filter(|index| self.states[*index].stands) else {
            return self.raise_naming(condition, sensors, now);
        };
        let state = &mut self.states[index];
        (state.inherited, state.let_go, state.ends_at) = (None, false, None);
        state.transition.end();
        (state.ended_at, state.sensors) = (now, sensors);
        (state.what, state.words.wait) = (Some(condition), false);
        state.begin(now);
        true
    }

    /// True: the committer has something to do.
    pub(super) fn clear(&mut self, key: &str, subject: &str, now: Mono) -> bool {
        let Some(index) = self
            .position(key, subject)
            .filter(|index| self.states[*index].stands)
        else {
            return false;
        };
        let state = &mut self.states[index];
        let wait = state.damping.steady_for();
        let ends = state.ends_at.is_none() && wait.is_zero() && self.ends.take(now);
        if ends {
            state.end(now);
        } else {
            state.ends_at.get_or_insert(now.plus(wait));
        }
        ends
    }

    /// Nothing will be heard any more of what a standing condition is about: its alert
    /// stays as it is, and is not renewed once an operator has resolved it.
    pub(super) fn leave(&mut self, key: &str, subject: &str) {
        let Some(index) = self.position(key, subject) else {
            return;
        };
        if self.states[index].released.is_some() {
            self.states.remove(index);
        } else {
            self.states[index].let_go = true;
        }
    }

    /// Takes over an open alert of the last run.
    pub(super) fn inherit(&mut self, key: &Arc<str>, subject: &Arc<str>, now: Mono) {
        if !is_event(key) && self.has_room() && self.position(key, subject).is_none() {
            let state = ConditionState::new(key.clone(), subject.clone());
            self.states.push(ConditionState {
                stands: true,
                inherited: Some(now),
                ..state
            });
        }
    }

    /// The alert of a condition is gone although the condition may stand.
    pub(super) fn release(&mut self, key: &str, subject: &str, now: Mono) {
        let Some(index) = self.position(key, subject) else {
            return;
        };
        let state = &mut self.states[index];
        if state.inherited.is_some() || (state.let_go && state.stands) {
            self.states.remove(index);
        } else if state.stands && !state.transition.begins() {
            state.released = Some(now);
        }
    }

    /// Lets time pass. True: the committer has something to do.
    pub(super) fn tick(&mut self, now: Mono) -> bool {
        let mut waits = false;
        self.states
            .retain(|state| state.is_needed() || now.since(state.ended_at) < CALM);
        for state in self.states.iter_mut().filter(|state| state.stands) {
            waits |= state.words.take_turn(&self.ends, now);
            if let Some(at) = state.ends_at {
                if now >= at && self.ends.take(now) {
                    state.end(now);
                    waits = true;
                }
            } else if state
                .inherited
                .is_some_and(|since| now.since(since) >= INHERITED_FOR)
                && !UNTIL_HEARD.contains(&&*state.key)
            {
                state.end(now);
                waits = true;
            } else if state
                .released
                .is_some_and(|since| now.since(since) >= RENEWED_AFTER)
            {
                state.begin(now);
                waits = true;
            }
        }
        waits
    }

    /// Takes what waits, oldest state first, and forgets what is over.
    pub(super) fn drain(&mut self) -> Vec<ConditionChange> {
        let changes = self
            .states
            .iter_mut()
            .filter_map(ConditionState::take)
            .collect();
        self.states.retain(|state| !is_event(&state.key));
        changes
    }

    pub(super) fn standing(&self) -> usize {
        self.states.iter().filter(|state| state.stands).count()
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether there is room for another one; what has gone lately makes it.
    fn has_room(&mut self) -> bool {
        if self.states.len() < MAX_CONDITIONS {
            return true;
        }
        let gone = self.states.iter().enumerate();
        let oldest = gone
            .filter(|(_, state)| !state.is_needed())
            .min_by_key(|(_, state)| state.ended_at);
        let oldest = oldest.map(|(index, _)| index);
        if let Some(index) = oldest {
            self.states.remove(index);
        }
        oldest.is_some()
    }

    fn position(&self, key: &str, subject: &str) -> Option<usize> {
        self.states
            .iter()
            .position(|state| &*state.key == key && &*state.subject == subject)
    }
}

impl ConditionState {
    fn new(key: Arc<str>, subject: Arc<str>) -> ConditionState {
        ConditionState {
            key,
            subject,
            what: None,
            sensors: Vec::new(),
            transition: PendingTransition::NONE,
            stands: false,
            inherited: None,
            released: None,
            let_go: false,
            damping: Damping::default(),
            ends_at: None,
            again: 0,
            came: 0,
            words: Words::default(),
            raised_at: Mono::ZERO,
            ended_at: Mono::ZERO,
        }
    }

    /// Whether it stands or the committer has to hear of it.
    fn is_needed(&self) -> bool {
        self.stands || self.transition.waits() || self.words.due
    }

    /// It has come, as `condition` says; how often that was is said with it.
    fn begin_with(&mut self, condition: Condition, now: Mono) {
        if !UNDAMPED.contains(&&*self.key) {
            self.damping.note();
        }
        self.came = self.damping.came();
        self.what = Some(condition);
        self.words.wait = false;
        self.begin(now);
    }

    /// It stands, and is as `condition` says now: a repetition changes nothing, and one
    /// that is less grave not the level.
    fn reword(&mut self, condition: Condition, is_of_others: bool) {
        let level = self
            .what
            .as_ref()
            .map_or(condition.level, |known| known.level);
        let condition = Condition { level, ..condition };
        let is_same = !is_of_others && self.what.as_ref() == Some(&condition);
        if is_same || is_event(&self.key) {
            return;
        }
        // What waits to be told is told in its newest words.
        self.words.wait = !self.transition.begins();
        self.came = self.damping.came();
        self.what = Some(condition);
    }

    /// What it is, and how often it has come.
    fn worded(&self) -> Option<Condition> {
        let mut condition = self.what.clone()?;
        if self.came > 1 {
            condition.message.push_str(&format!(
                " (It has come {} times: this alert stands until it stays away.)",
                self.came
            ));
        }
        Some(condition)
    }

    fn begin(&mut self, now: Mono) {
        self.stands = true;
        self.released = None;
        self.raised_at = now;
        self.transition.raise();
    }

    fn end(&mut self, now: Mono) {
        self.stands = false;
        self.inherited = None;
        self.released = None;
        self.ends_at = None;
        self.ended_at = now;
        self.transition.end();
    }

    fn take(&mut self) -> Option<ConditionChange> {
        let reworded = std::mem::take(&mut self.words.due);
        let transition = self.transition.take();
        if transition.is_none() && !reworded {
            return None;
        }
        Some(ConditionChange {
            key: self.key.clone(),
            subject: self.subject.clone(),
            what: self.worded(),
            sensors: self.sensors.clone(),
            transition: transition.unwrap_or(Transition::NONE),
            reworded,
            raised_at: self.raised_at,
            ended_at: self.ended_at,
            again: std::mem::take(&mut self.again),
        })
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
pub(super) mod tests;
