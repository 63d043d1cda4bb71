//! When a metric that the board had is missing for good enough reason to tell.
//!
//! Pure: takes `now`. A sensor that fails has no reading, so no rule can speak
//! of it; this says once that the watch over the board has a hole, and once
//! that it is closed. A sensor that comes and goes must not make a storm, so
//! both take time.

use std::mem::{Discriminant, discriminant};

use boards::{Absence, Freshness, SensorIndex};

use super::mapping::Group;
use crate::sources::loss::{LossChange, LossDetector};
use readings::Metric;

/// The metrics whose loss is told: those a person relies on to be warned.
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
const BACK_AFTER_MS: u64 = 90_000;

/// What is to be said of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LossNotice {
    /// No sensor of the metric has a value; the first one's reason.
    Lost(SensorIndex, Absence),
    /// One has again.
    Back,
}

/// The watch over one metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// How long it must be missing.
    lost_after_ms: u64,
    /// Whether it was ever there; what never was cannot be lost.
    known: bool,
    detector: LossDetector,
    /// The sensor and the kind of reason that were told.
    told: Option<(SensorIndex, Discriminant<Absence>)>,
}

/// How a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Fresh,
    Missing(SensorIndex, Absence),
    /// Nothing to measure, said by the source itself: a radio without a network.
    Silent,
}

/// How the metric of `group` is. One that has a value is missing all the same while
/// a member that had one is, unless that one is `forgotten`: of two batteries the one
/// taken out may be the empty one.
pub(super) fn state(
    group: &Group,
    value_of: impl Fn(SensorIndex) -> Freshness,
    forgotten: &[bool],
) -> State {
    if let Some((index, why)) = group.missed(&value_of, forgotten) {
        return State::Missing(index, why);
    }
    let mut missing = State::Silent;
    for index in &group.members {
        match value_of(*index) {
            Freshness::Fresh(_) => return State::Fresh,
            Freshness::Absent(Absence::Unavailable(_) | Absence::NotYetRead)
            | Freshness::Stale {
                why: Some(Absence::Unavailable(_)) | None,
                ..
            } => {}
            Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => {
                if missing == State::Silent {
                    missing = State::Missing(*index, why);
                }
            }
        }
    }
    missing
}

impl Guard {
    /// Over a metric that is lost when it is missing for so long.
    pub(super) fn new(lost_after_ms: u64) -> Guard {
        Guard {
            lost_after_ms,
            known: false,
            detector: LossDetector::default(),
            told: None,
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

    /// What `state` at `now_ms` means.
    pub(super) fn observe(&mut self, state: State, now_ms: u64) -> Option<LossNotice> {
        if state == State::Fresh && !std::mem::replace(&mut self.known, true) {
            // Ends a loss of the last run, if one stands.
            return Some(LossNotice::Back);
        }
        let missing = match state {
            State::Missing(index, why) if self.known => Some((index, why)),
            _ => None,
        };
        let patience_ms = (self.lost_after_ms, BACK_AFTER_MS);
        let change = self
            .detector
            .observe(missing.is_none(), now_ms, patience_ms);
        let now = missing.map(|(index, why)| (index, discriminant(&why)));
        // It is lost by another reason now: its alert takes those words.
        let is_other = self.is_lost() && now.is_some() && self.told != now;
        let change = change.or(is_other.then_some(LossChange::Lost))?;
        self.told = now;
        Some(match (change, missing) {
            (LossChange::Lost, Some((index, why))) => LossNotice::Lost(index, why),
            (_, _) => LossNotice::Back,
        })
    }
}

#[cfg(test)]
mod tests {
    use boards::{Board, Tree};

    use super::*;

    /// An index; only a board makes one.
    fn index() -> SensorIndex {
        let tree = Tree::from_manifest("# boards manifest 1\n/proc/uptime = \"1.0 1.0\\n\"\n")
            .expect("a manifest");
        let board = Board::of(tree, None);
        board.sensors().iter().next().expect("uptime").0
    }

    #[test]
    fn what_never_was_is_never_lost() {
        let (mut guard, missing) = (
            Guard::new(30_000),
            State::Missing(index(), Absence::Vanished),
        );
        assert!((0..100).all(|minute| guard.observe(missing, minute * 60_000).is_none()));
    }

    #[test]
    fn a_loss_is_told_once_and_its_end_once() {
        let (mut guard, missing) = (Guard::new(30_000), State::Missing(index(), Absence::Io(5)));
        guard.observe(State::Fresh, 0);
        assert_eq!(guard.observe(missing, 1_000), None);
        assert_eq!(guard.observe(missing, 30_999), None);
        assert_eq!(
            guard.observe(missing, 31_000),
            Some(LossNotice::Lost(index(), Absence::Io(5)))
        );
        assert_eq!(guard.observe(missing, 900_000), None);
        assert_eq!(guard.observe(State::Fresh, 1_000_000), None);
        assert_eq!(
            guard.observe(State::Fresh, 1_090_000),
            Some(LossNotice::Back)
        );
        assert_eq!(guard.observe(State::Fresh, 2_000_000), None);
    }

    #[test]
    fn a_sensor_that_comes_and_goes_makes_no_storm() {
        let (mut guard, missing) = (Guard::new(30_000), State::Missing(index(), Absence::Io(5)));
        guard.observe(State::Fresh, 0);
        // A day of failing for a minute and working for half a minute.
        let told = (0..86_400_u64)
            .filter(|second| {
                let state = if second % 90 < 60 {
                    missing
                } else {
                    State::Fresh
                };
                guard.observe(state, second * 1000).is_some()
            })
            .count();
        assert_eq!(told, 1);
    }
}
