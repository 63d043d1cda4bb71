//! A drone that still follows the last stick of a gateway that ended in mid-flight: it
//! heard no zero, and goes on. The next run brakes it as soon as it is seen.

use std::time::Duration;

use readings::clock::Mono;

use super::super::snapshot::Snapshot;
use super::CommandExecutor;
use crate::sources::vehicles::Phase;

/// How long a recalled drone is looked at, once its states come again.
const LOOKED_AT_FOR: Duration = Duration::from_secs(2);

/// How long states are looked at before anything is done: one of them alone does not say
/// whether it sinks.
const SEEN_AFTER: Duration = Duration::from_millis(250);

/// Whether a drone is looked at for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runaway {
    /// It is not: no flight was recalled, or it is known by now.
    None,
    /// It is, since its states came again.
    Sought(Option<Mono>),
}

impl CommandExecutor {
    /// Centres the sticks of a recalled drone that moves and does not sink. (One that sinks
    /// may be landing by itself, which any command would end.)
    pub(super) fn brake_runaway(&mut self, about: &Snapshot) {
        let Runaway::Sought(since) = self.runaway else {
            return;
        };
        if !about.is_fresh() {
            return;
        }
        let since = since.unwrap_or(about.now);
        self.runaway = Runaway::Sought(Some(since));
        let is_known = about.now.since(since) > LOOKED_AT_FOR
            || self.flight(about).phase != Phase::Flying
            || self.operator.is_some()
            || self.down.active().is_some()
            || self.rival.sign().is_some();
        if is_known {
            self.runaway = Runaway::None;
        } else if about.now.since(since) >= SEEN_AFTER
            && about.motion.moves()
            && !self.sinks_untold(about)
        {
            self.runaway = Runaway::None;
            self.sticks.let_go(about.now);
        }
    }
}
