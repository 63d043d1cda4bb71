//! When a metric that the board had is missing for good enough reason to tell.
//!
//! Pure: takes `now`. A sensor that fails has no reading, so no rule can speak
//! of it; this says once that the watch over the board has a hole, and once
//! that it is closed. A sensor that comes and goes must not make a storm, so
//! both take time.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use boards::{Absence, Freshness, SensorIndex};

use super::mapping::{Group, MISSED, Waited};
use crate::sources::loss::{LossChange, LossDetector};
use readings::Metric;

/// The metrics whose loss is told whatever they said: those a person relies on to be
/// warned. That of another is told only while it keeps an alert standing.
pub(super) const GUARDED: [Metric; 7] = [
    Metric::Temperature,
    Metric::Undervoltage,
    Metric::Throttled,
    Metric::BatteryLevel,
    Metric::StorageWear,
    Metric::WifiSignal,
    Metric::WifiLink,
];

/// How long it must be back: more than the longest back-off of a failing
/// sensor, so that one lucky read in between is not "back".
pub(super) const BACK_AFTER_MS: u64 = 90_000;

/// How long a loss is waited for somebody to see, also where nothing of it is open: its
/// alert was one too many, or a person has resolved it.
pub(super) const UNSEEN_FOR_MS: u64 = 24 * 60 * 60 * 1_000;

/// What is to be said of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LossNotice {
    /// It is lost, or for other reasons than were told.
    Lost,
    /// One has again.
    Back,
}

/// The watch over one metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// How long it must be missing.
    lost_after_ms: u64,
    /// Whether it was ever there; what never was cannot be lost, but a sensor that says
    /// what cannot be is there.
    known: bool,
    /// Whether a loss of the last run was ended, if one stood.
    has_begun: bool,
    detector: LossDetector,
    /// The sensors and their reasons that were told, as a number.
    told: Option<u64>,
    /// When they were.
    told_ms: u64,
}

/// How a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Fresh,
    /// Sensors are missing: which ones, and why, as a number.
    Missing(u64),
    /// The same, and some of them are there and say what cannot be.
    Faulty(u64),
    /// Nothing to measure, said by the source itself: a radio without a network.
    Silent,
}

/// The members of `group` that are missing, and why. A group that has a value misses
/// those all the same that had one and must not be left to the others: of two batteries
/// the one taken out may be the empty one, and of one that says what cannot be nobody knows
/// which it is.
pub(super) fn missing<'a>(
    group: &'a Group,
    value_of: impl Fn(SensorIndex) -> Freshness + Copy + 'a,
    waited: Waited<'a>,
) -> impl Iterator<Item = (SensorIndex, Absence)> + 'a {
    let is_any_missed = group.missed(value_of, waited).next().is_some();
    let is_guarded = GUARDED.contains(&group.mapping.metric);
    let is_told = is_guarded && !is_any_missed && !has_value(group, value_of);
    let is_link = matches!(group.mapping.metric, Metric::WifiLink | Metric::WifiSignal);
    let members = group.members.iter();
    members.filter_map(move |index| {
        let now = value_of(*index);
        if let Some(missed) = group.missed_member(*index, now, waited) {
            return Some((missed.index, missed.why));
        }
        match now {
            // Ordinary of a radio, which has no network; of a temperature it is that somebody
            // has disabled its zone.
            Freshness::Stale {
                why: Some(Absence::Unavailable(_)),
                ..
            } if is_link => None,
            Freshness::Fresh(_)
            | Freshness::Absent(Absence::Unavailable(_) | Absence::NotYetRead)
            | Freshness::Stale { why: None, .. } => None,
            Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => {
                let metric = group.mapping.metric;
                // The hottest place may be where the one is that says what cannot be.
                let is_told_alone = MISSED.contains(&metric) || metric == Metric::Temperature;
                let is_faulty = why.is_trouble() && is_told_alone;
                (is_told || is_faulty).then_some((*index, why))
            }
        }
    })
}

/// Whether one of its sensors has a value.
pub(super) fn has_value(group: &Group, value_of: impl Fn(SensorIndex) -> Freshness) -> bool {
    let mut values = group.members.iter().map(|index| value_of(*index));
    values.any(|now| matches!(now, Freshness::Fresh(_)))
}

/// How the metric of `group` is.
pub(super) fn state(
    group: &Group,
    value_of: impl Fn(SensorIndex) -> Freshness + Copy,
    waited: Waited<'_>,
) -> State {
    let mut which = DefaultHasher::new();
    let (mut is_missing, mut is_faulty) = (false, false);
    for (index, why) in missing(group, value_of, waited) {
        is_missing = true;
        is_faulty |= why.is_trouble();
        (index.place(), why.kind()).hash(&mut which);
    }
    if is_faulty {
        State::Faulty(which.finish())
    } else if is_missing {
        State::Missing(which.finish())
    } else if has_value(group, value_of) || !GUARDED.contains(&group.mapping.metric) {
        State::Fresh
    } else {
        State::Silent
    }
}

impl Guard {
    /// Over a metric that is lost when it is missing for so long.
    pub(super) fn new(lost_after_ms: u64) -> Guard {
        Guard {
            lost_after_ms,
            known: false,
            has_begun: false,
            detector: LossDetector::default(),
            told: None,
            told_ms: 0,
        }
    }

    /// Begins anew: nothing is left of what was lost.
    pub(super) fn forget(&mut self) {
        *self = Guard::new(self.lost_after_ms);
    }

    /// Whether its loss was told and stands.
    pub(super) fn is_lost(&self) -> bool {
        self.detector.is_lost()
    }

    /// Whether nobody needs to be waited for any more who would see what was told.
    pub(super) fn is_old(&self, now_ms: u64) -> bool {
        self.is_lost() && now_ms.saturating_sub(self.told_ms) >= UNSEEN_FOR_MS
    }

    /// It is there, while something of the last run is waited for that it does not end.
    pub(super) fn is_there(&mut self) {
        self.known = true;
    }

    /// What `state` at `now_ms` means.
    pub(super) fn observe(&mut self, state: State, now_ms: u64) -> Option<LossNotice> {
        if state == State::Fresh {
            self.known = true;
            if !std::mem::replace(&mut self.has_begun, true) && !self.is_lost() {
                return Some(LossNotice::Back);
            }
        }
        let missing = match state {
            State::Faulty(which) => Some(which),
            State::Missing(which) if self.known || self.is_lost() => Some(which),
            _ => None,
        };
        let patience_ms = (self.lost_after_ms, BACK_AFTER_MS);
        let change = self
            .detector
            .observe(missing.is_none(), now_ms, patience_ms);
        // Others are lost now, or by another reason: its alert takes those words.
        let is_other = self.is_lost() && missing.is_some() && self.told != missing;
        let change = change.or(is_other.then_some(LossChange::Lost))?;
        (self.told, self.told_ms) = (missing, now_ms);
        Some(match change {
            LossChange::Lost => LossNotice::Lost,
            LossChange::Back => LossNotice::Back,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSING: State = State::Missing(1);

    #[test]
    fn what_never_was_is_never_lost() {
        let mut guard = Guard::new(30_000);
        assert!((0..100).all(|minute| guard.observe(MISSING, minute * 60_000).is_none()));
    }

    #[test]
    fn what_says_from_the_start_what_cannot_be_is_lost() {
        let faulty = State::Faulty(1);
        let mut guard = Guard::new(30_000);
        assert_eq!(guard.observe(faulty, 0), None);
        assert_eq!(guard.observe(faulty, 30_000), Some(LossNotice::Lost));
        // That it cannot be read either is another reason, not its end.
        assert_eq!(guard.observe(MISSING, 31_000), None);
        assert_eq!(
            guard.observe(State::Missing(2), 32_000),
            Some(LossNotice::Lost)
        );
        assert_eq!(guard.observe(State::Fresh, 40_000), None);
        assert_eq!(guard.observe(State::Fresh, 130_000), Some(LossNotice::Back));
        assert_eq!(guard.observe(MISSING, 200_000), None);
        assert_eq!(guard.observe(MISSING, 230_000), Some(LossNotice::Lost));
    }

    #[test]
    fn a_loss_is_told_once_and_its_end_once() {
        let mut guard = Guard::new(30_000);
        guard.observe(State::Fresh, 0);
        assert_eq!(guard.observe(MISSING, 1_000), None);
        assert_eq!(guard.observe(MISSING, 30_999), None);
        assert_eq!(guard.observe(MISSING, 31_000), Some(LossNotice::Lost));
        assert_eq!(guard.observe(MISSING, 900_000), None);
        // Another one is missing beside it.
        let both = State::Missing(2);
        assert_eq!(guard.observe(both, 901_000), Some(LossNotice::Lost));
        assert_eq!(guard.observe(both, 902_000), None);
        assert_eq!(guard.observe(State::Fresh, 1_000_000), None);
        assert_eq!(
            guard.observe(State::Fresh, 1_090_000),
            Some(LossNotice::Back)
        );
        assert_eq!(guard.observe(State::Fresh, 2_000_000), None);
    }

    #[test]
    fn a_sensor_that_comes_and_goes_makes_no_storm() {
        let mut guard = Guard::new(30_000);
        guard.observe(State::Fresh, 0);
        // A day of failing for a minute and working for half a minute.
        let told = (0..86_400_u64)
            .filter(|second| {
                let state = if second % 90 < 60 {
                    MISSING
                } else {
                    State::Fresh
                };
                guard.observe(state, second * 1000).is_some()
            })
            .count();
        assert_eq!(told, 1);
    }
}
