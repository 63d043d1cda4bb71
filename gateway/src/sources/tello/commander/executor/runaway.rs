//! A drone that goes on by the last stick that it heard: one whose gateway ended in
//! mid-flight, or whose next command was lost. It is braked by centred sticks as soon as
//! that is seen, for whatever is decided of it takes its time.

use std::time::Duration;

use readings::clock::Mono;

use super::super::snapshot::Snapshot;
use super::CommandExecutor;
use crate::sources::vehicles::{CEILING_CM, Phase};

/// How long a recalled drone is looked at, once its states come again.
const LOOKED_AT_FOR: Duration = Duration::from_secs(2);

/// How long states are looked at before anything is done: one of them alone does not say
/// whether it sinks.
const SEEN_AFTER: Duration = Duration::from_millis(250);

/// How far above the limit it is braked, and again after so much more: a hovering drone
/// drifts, and the end of a climb is not exact.
const OVER_CM: i32 = 30;

/// What is known of a drone that may go on by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Runaway {
    /// Whether it flew when the gateway last ran, and nothing is known of it since.
    is_recalled: bool,
    /// Since when its states come again.
    seen: Option<Mono>,
    /// How high it was when it was braked above the limit.
    braked_at_cm: Option<i32>,
}

impl Runaway {
    pub(super) fn recall(&mut self) {
        self.is_recalled = true;
    }

    /// Whether it is looked at, because it flew when the gateway last ran.
    pub(super) fn is_recalled(&self) -> bool {
        self.is_recalled
    }
}

impl CommandExecutor {
    /// Centres the sticks of a drone that moves and does not sink, where nobody holds them.
    /// (One that sinks may be landing by itself, which any command would end.)
    pub(super) fn brake_runaway(&mut self, about: &Snapshot) {
        if !about.is_fresh() {
            return;
        }
        let may_be_braked = self.flight(about).phase == Phase::Flying
            && self.down.active().is_none()
            && self.rival.sign().is_none()
            && self.mistaken.is_none();
        let moves = about.motion.moves() && !self.sinks_untold(about);
        let is_recalled = self.is_recalled(about.now, may_be_braked);
        let may_be_braked = may_be_braked && moves && !self.sticks.is_on();
        if may_be_braked && (is_recalled || self.climbs_over(about)) {
            self.runaway.is_recalled = false;
            self.sticks.let_go(about.now);
        }
    }

    /// Whether it flew when the gateway last ran, and has been seen for long enough.
    fn is_recalled(&mut self, now: Mono, may_be_braked: bool) -> bool {
        if !self.runaway.is_recalled {
            return false;
        }
        let seen_for = now.since(*self.runaway.seen.get_or_insert(now));
        let is_known = seen_for > LOOKED_AT_FOR || !may_be_braked || self.operator.is_some();
        self.runaway.is_recalled = !is_known;
        !is_known && seen_for >= SEEN_AFTER
    }

    /// Whether it is above its limit, and higher than when it was last braked for that.
    fn climbs_over(&mut self, about: &Snapshot) -> bool {
        let limit_cm = self.guard.policy().height_limit_cm;
        let limit_cm = limit_cm.map_or(CEILING_CM, i32::from).min(CEILING_CM);
        let Some(height_cm) = about.height_under_ceiling_cm() else {
            return false;
        };
        if height_cm <= limit_cm {
            self.runaway.braked_at_cm = None;
        }
        let from_cm = self.runaway.braked_at_cm.unwrap_or(limit_cm) + OVER_CM;
        let climbs = height_cm >= from_cm;
        if climbs {
            self.runaway.braked_at_cm = Some(height_cm);
        }
        climbs
    }
}
