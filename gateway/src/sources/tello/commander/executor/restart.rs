//! A drone that was told to restart: what it says until it is gone is of before, and what it
//! is sent it does not hear. A take-off that goes there is believed to fly it all the same,
//! and keeps hands off a drone that stands on the ground. Pure.

use std::time::Duration;

use readings::clock::Mono;

/// Longest that a drone streams on which restarts: one that is heard after it does not.
const GOES_WITHIN: Duration = Duration::from_secs(15);

/// Silence by which it is seen to have gone; a restart takes twice as long at least, and no
/// network that is only bad is silent for so long.
const GONE_FOR: Duration = Duration::from_secs(3);

/// Whether a drone restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Restart {
    /// Nobody told it to.
    #[default]
    None,
    /// It was told to, then.
    Told(Mono),
    /// It is gone.
    Gone,
}

impl Restart {
    /// It is told to restart.
    pub(super) fn told(&mut self, now: Mono) {
        *self = Restart::Told(now);
    }

    /// What would tell it did not leave.
    pub(super) fn not_told(&mut self) {
        *self = Restart::None;
    }

    /// Takes in when it was heard last.
    pub(super) fn see(&mut self, heard: Option<Mono>, now: Mono) {
        let silent = now.since(heard.unwrap_or(Mono::ZERO));
        *self = match *self {
            Restart::Told(at) if silent >= GONE_FOR && heard <= Some(at.plus(GOES_WITHIN)) => {
                Restart::Gone
            }
            Restart::Told(at) if heard >= Some(at.plus(GOES_WITHIN)) => Restart::None,
            Restart::Gone if silent < GONE_FOR => Restart::None,
            as_before => as_before,
        };
    }

    /// Whether it hears nothing, as far as is known.
    pub(super) fn is_under_way(self) -> bool {
        self != Restart::None
    }
}
