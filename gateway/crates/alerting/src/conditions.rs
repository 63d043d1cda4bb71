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
//! * A standing condition whose alert an operator resolved is raised anew after
//!   [`RENEWED_AFTER`]: resolving does not make it untrue. Acknowledging keeps
//!   the alert and its silence.
//! * A key in [`EVENTS`] tells what happened once, not what stands: its alert is
//!   forgotten here as soon as the committer has it, and stays until an operator
//!   resolves it.

use std::sync::Arc;
use std::time::Duration;

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
/// The usual cool-down of rules, for conditions.
const RENEWED_AFTER: Duration = Duration::from_secs(60 * USUAL_COOLDOWN_MINUTES as u64);

/// Keys of conditions that happen rather than stand. Nothing ends them by
/// itself: that data was lost stays true after five quiet minutes.
const EVENTS: &[&str] = &[STORE_LOSS, UPDATE_ENDED];

/// Keys of conditions that only a value ends: a sensor that was lost before a
/// restart and is not there after it is still lost.
const UNTIL_HEARD: &[&str] = &[BOARD_SENSOR_LOST, BRIDGE_SENSOR_LOST, BRIDGE_STOP_UNKNOWN];

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

/// Every condition that stands or waits for the committer.
#[derive(Default)]
pub(super) struct Conditions {
    states: Vec<ConditionState>,
    refused: u64,
}

struct ConditionState {
    key: Arc<str>,
    subject: Arc<str>,
    /// None while it is only inherited.
    what: Option<Condition>,
    transition: PendingTransition,
    stands: bool,
    /// When it was inherited, until it is raised in this run.
    inherited: Option<Mono>,
    /// When its alert was resolved although it stands.
    released: Option<Mono>,
    raised_at: Mono,
    ended_at: Mono,
}

/// A transition of one condition, as the committer takes it.
#[derive(Clone, Debug)]
pub(super) struct ConditionChange {
    pub key: Arc<str>,
    pub subject: Arc<str>,
    pub what: Option<Condition>,
    pub transition: Transition,
    pub raised_at: Mono,
    pub ended_at: Mono,
}

impl Conditions {
    /// True: the committer has something to do.
    pub(super) fn raise(&mut self, condition: Condition, now: Mono) -> bool {
        let known = self.position(condition.key, &condition.subject);
        let index = match known {
            Some(index) => index,
            None if self.states.len() >= MAX_CONDITIONS => {
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
        state.inherited = None;
        if state.stands {
            // Inherited: kept for a renewal. Else a repetition, which changes nothing.
            state.what.get_or_insert(condition);
            return false;
        }
        state.what = Some(condition);
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
        self.states[index].end(now);
        true
    }

    /// Nothing will be heard any more of what a standing condition is about: its alert
    /// stays as it is, and is not renewed once an operator has resolved it.
    pub(super) fn leave(&mut self, key: &str, subject: &str, now: Mono) {
        if let Some(index) = self.position(key, subject) {
            let state = &mut self.states[index];
            if state.stands && state.released.is_none() {
                state.inherited = Some(now);
            }
        }
    }

    /// Takes over an open alert of the last run.
    pub(super) fn inherit(&mut self, key: &Arc<str>, subject: &Arc<str>, now: Mono) {
        if !is_event(key)
            && self.states.len() < MAX_CONDITIONS
            && self.position(key, subject).is_none()
        {
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
        if state.inherited.is_some() {
            self.states.remove(index);
        } else if state.stands && !state.transition.begins() {
            state.released = Some(now);
        }
    }

    /// Lets time pass. True: the committer has something to do.
    pub(super) fn tick(&mut self, now: Mono) -> bool {
        let mut waits = false;
        for state in self.states.iter_mut().filter(|state| state.stands) {
            if state
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
        self.states
            .retain(|state| state.stands && !is_event(&state.key));
        changes
    }

    pub(super) fn standing(&self) -> usize {
        self.states.iter().filter(|state| state.stands).count()
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
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
            transition: PendingTransition::NONE,
            stands: false,
            inherited: None,
            released: None,
            raised_at: Mono::ZERO,
            ended_at: Mono::ZERO,
        }
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
        self.ended_at = now;
        self.transition.end();
    }

    fn take(&mut self) -> Option<ConditionChange> {
        let transition = self.transition.take()?;
        Some(ConditionChange {
            key: self.key.clone(),
            subject: self.subject.clone(),
            what: self.what.clone(),
            transition,
            raised_at: self.raised_at,
            ended_at: self.ended_at,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use readings::{AlertType, Level};

    pub(crate) fn silent(subject: &str) -> Condition {
        Condition {
            key: "drone_silent",
            subject: subject.into(),
            level: Level::Error,
            alert_type: AlertType::Drone,
            title: "Drone silent",
            message: "no state for 3 s".to_owned(),
            details: None,
        }
    }

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    #[test]
    fn repeated_calls_change_nothing() {
        let mut conditions = Conditions::default();
        assert!(!conditions.clear("drone_silent", "d1", at(0)));
        assert!(conditions.raise(silent("d1"), at(0)));
        assert!(!conditions.raise(silent("d1"), at(1)));
        assert!(
            conditions.raise(silent("d2"), at(1)),
            "another subject is another condition"
        );
        assert_eq!(conditions.drain().len(), 2);
        assert!(!conditions.raise(silent("d1"), at(2)));
        assert!(conditions.drain().is_empty());
        assert!(conditions.clear("drone_silent", "d1", at(3)));
        assert!(!conditions.clear("drone_silent", "d1", at(3)));
        let ended = conditions.drain();
        assert!(ended[0].transition.ended_before && ended[0].ended_at == at(3));
        assert_eq!(conditions.standing(), 1);
        assert_eq!(conditions.states.len(), 1, "what is over takes no room");
    }

    #[test]
    fn an_inherited_condition_continues_or_ends() {
        let mut conditions = Conditions::default();
        conditions.inherit(&"drone_silent".into(), &"d1".into(), at(0));
        conditions.inherit(&"drone_silent".into(), &"d2".into(), at(0));
        assert!(!conditions.raise(silent("d1"), at(10)), "it has its alert");
        assert!(!conditions.tick(at(299)));
        assert!(conditions.tick(at(300)));
        let ended = conditions.drain();
        assert_eq!(ended.len(), 1);
        assert_eq!(&*ended[0].subject, "d2");
        assert!(!conditions.tick(at(9999)));
    }

    #[test]
    fn a_sensor_lost_before_a_restart_is_lost_until_it_is_heard() {
        let mut conditions = Conditions::default();
        conditions.inherit(&BRIDGE_SENSOR_LOST.into(), &"bridge/mast/v".into(), at(0));
        assert!(!conditions.tick(at(9_999)), "silence ends nothing");
        assert!(conditions.clear(BRIDGE_SENSOR_LOST, "bridge/mast/v", at(10_000)));
        assert!(conditions.drain()[0].transition.ended_before);
    }

    #[test]
    fn what_is_heard_no_more_stands_until_an_operator_resolves_it() {
        let mut conditions = Conditions::default();
        let lost = Condition {
            key: BRIDGE_SENSOR_LOST,
            ..silent("bridge/mast/v")
        };
        conditions.raise(lost.clone(), at(0));
        conditions.drain();
        conditions.leave(BRIDGE_SENSOR_LOST, "bridge/mast/v", at(1));
        assert!(!conditions.tick(at(9_999)), "silence ends nothing");
        assert_eq!(conditions.standing(), 1);
        conditions.release(BRIDGE_SENSOR_LOST, "bridge/mast/v", at(10_000));
        assert!(
            !conditions.tick(at(99_999)),
            "nobody has to resolve it twice"
        );
        assert!(conditions.raise(lost, at(100_000)), "it may come back");
    }

    #[test]
    fn a_resolved_condition_that_stands_is_renewed() {
        let mut conditions = Conditions::default();
        conditions.raise(silent("d1"), at(0));
        conditions.drain();
        conditions.release("drone_silent", "d1", at(10));
        assert!(!conditions.tick(at(309)));
        assert!(conditions.tick(at(310)));
        assert!(conditions.drain()[0].transition.raised);
        assert!(!conditions.tick(at(9999)), "once");
        conditions.release("drone_silent", "d1", at(10_000));
        conditions.clear("drone_silent", "d1", at(10_001));
        conditions.drain();
        assert!(!conditions.tick(at(99_999)), "over is over");
    }

    #[test]
    fn an_event_is_handed_over_once_and_neither_ends_nor_comes_back() {
        let mut conditions = Conditions::default();
        let lost = Condition {
            key: STORE_LOSS,
            ..silent("board")
        };
        assert!(conditions.raise(lost.clone(), Mono::ZERO));
        assert_eq!((conditions.drain().len(), conditions.standing()), (1, 0));
        // Of the last run: nothing that could be over five minutes later.
        conditions.inherit(&STORE_LOSS.into(), &"board".into(), Mono::ZERO);
        conditions.release(STORE_LOSS, "board", Mono::ZERO);
        assert!(!conditions.tick(Mono::ZERO.plus(INHERITED_FOR + RENEWED_AFTER)));
        assert!(conditions.raise(lost, Mono::ZERO), "the next loss is told");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut conditions = Conditions::default();
        for n in 0..MAX_CONDITIONS {
            assert!(conditions.raise(silent(&format!("d{n}")), at(0)));
        }
        assert!(!conditions.raise(silent("one more"), at(0)));
        assert_eq!(conditions.refused(), 1);
        conditions.clear("drone_silent", "d0", at(1));
        conditions.drain();
        assert!(conditions.raise(silent("one more"), at(2)));
    }

    #[test]
    fn what_is_inherited_is_one_and_makes_room_when_it_is_released() {
        let mut conditions = Conditions::default();
        for _ in 0..2 {
            conditions.inherit(&"drone_silent".into(), &"d1".into(), at(0));
        }
        assert_eq!(conditions.standing(), 1);
        conditions.release("drone_silent", "d2", at(1));
        conditions.release("drone_silent", "d1", at(1));
        assert_eq!(conditions.standing(), 0, "its alert is gone with it");
        assert!(conditions.raise(silent("d1"), at(2)), "a new alert");
        for n in 0..MAX_CONDITIONS {
            conditions.inherit(&"drone_silent".into(), &format!("n{n}").into(), at(0));
        }
        assert_eq!(conditions.standing(), MAX_CONDITIONS);
    }

    #[test]
    fn an_inherited_condition_that_is_raised_can_be_renewed() {
        let mut conditions = Conditions::default();
        conditions.inherit(&"drone_silent".into(), &"d1".into(), at(0));
        assert!(!conditions.raise(silent("d1"), at(1)));
        assert!(!conditions.tick(at(9_999)), "raised, so no more inherited");
        conditions.release("drone_silent", "d1", at(10_000));
        assert!(conditions.tick(at(10_300)));
        let renewed = conditions.drain().remove(0);
        assert!(renewed.transition.raised && renewed.transition.stands);
        assert_eq!(
            renewed.what.map(|condition| condition.message),
            Some(silent("d1").message)
        );
        assert_eq!(renewed.raised_at, at(10_300));
    }

    #[test]
    fn an_alert_that_the_committer_has_not_seen_is_not_released() {
        let mut conditions = Conditions::default();
        conditions.raise(silent("d1"), at(0));
        conditions.release("drone_silent", "d1", at(1));
        assert_eq!(conditions.drain().len(), 1);
        assert!(!conditions.tick(at(9_999)), "nothing is to be renewed");
    }

    #[test]
    fn sensors_of_the_board_are_lost_until_they_are_heard_as_well() {
        let mut conditions = Conditions::default();
        conditions.inherit(&BOARD_SENSOR_LOST.into(), &"board".into(), at(0));
        assert!(!conditions.tick(at(9_999)));
        assert!(is_event(STORE_LOSS) && is_event(UPDATE_ENDED));
        assert!(!is_event(BOARD_SENSOR_LOST) && !is_event(BRIDGE_SENSOR_LOST));
    }
}
