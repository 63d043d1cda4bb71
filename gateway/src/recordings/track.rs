//! When a flight of one drone begins and ends, for its recording. Pure.

use std::time::Duration;

use readings::clock::Mono;
use recording::Reason;

/// How long a drone is still recorded after it was seen on the ground: what happened to it
/// there belongs to the flight.
const AFTER_LANDING: Duration = Duration::from_secs(3);

/// Silence after which what was heard last was its last word. A drone that is heard again
/// later gets a recording of its own.
const LAST_WORD: Duration = Duration::from_secs(60);

/// How long it takes until a refused recording is tried again.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Go on as it is.
    Nothing,
    /// A flight has begun.
    Begin,
    /// It has ended.
    End(Reason),
}

/// One look at a drone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Whether it is, or may be, in the air.
    pub(super) flies: bool,
    /// Whether its state arrives.
    pub(super) is_fresh: bool,
    /// When it was last heard.
    pub(super) heard: Option<Mono>,
}

/// The flight of one drone.
#[derive(Debug, Default)]
pub(super) struct Track {
    is_recorded: bool,
    grounded_since: Option<Mono>,
    not_before: Option<Mono>,
}

impl Track {
    /// Takes a look.
    pub(super) fn step(&mut self, look: Look, now: Mono) -> Step {
        if !self.is_recorded {
            let may = self.not_before.is_none_or(|then| now >= then);
            if !(look.flies && look.is_fresh && may) {
                return Step::Nothing;
            }
            *self = Track {
                is_recorded: true,
                ..Track::default()
            };
            return Step::Begin;
        }
        let silent = look.heard.map_or(Duration::MAX, |heard| now.since(heard));
        self.grounded_since = match look.flies {
            true => None,
            false => self.grounded_since.or(Some(now)),
        };
        let landed = self.grounded_since;
        if landed.is_some_and(|since| now.since(since) >= AFTER_LANDING) {
            self.is_recorded = false;
            Step::End(Reason::Landed)
        } else if silent >= LAST_WORD {
            self.is_recorded = false;
            Step::End(Reason::Silent)
        } else {
            Step::Nothing
        }
    }

    /// Nothing is recorded, because that was refused.
    pub(super) fn refused(&mut self, now: Mono) {
        self.is_recorded = false;
        self.not_before = Some(now.plus(AFTER_REFUSAL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    fn look(flies: bool, heard: u64) -> Look {
        Look {
            flies,
            is_fresh: true,
            heard: Some(ms(heard)),
        }
    }

    #[test]
    fn a_flight_ends_some_seconds_after_the_ground() {
        let mut track = Track::default();
        assert_eq!(track.step(look(false, 0), ms(0)), Step::Nothing);
        assert_eq!(track.step(look(true, 1_000), ms(1_000)), Step::Begin);
        assert_eq!(track.step(look(true, 2_000), ms(2_000)), Step::Nothing);
        assert_eq!(track.step(look(false, 3_000), ms(3_000)), Step::Nothing);
        // It bounced.
        assert_eq!(track.step(look(true, 4_000), ms(4_000)), Step::Nothing);
        assert_eq!(track.step(look(false, 5_000), ms(5_000)), Step::Nothing);
        assert_eq!(track.step(look(false, 7_999), ms(7_999)), Step::Nothing);
        let ended = track.step(look(false, 8_000), ms(8_000));
        assert_eq!(ended, Step::End(Reason::Landed));
        assert_eq!(track.step(look(false, 8_250), ms(8_250)), Step::Nothing);
    }

    #[test]
    fn a_drone_that_falls_silent_has_a_last_word_and_may_come_back() {
        let mut track = Track::default();
        assert_eq!(track.step(look(true, 0), ms(0)), Step::Begin);
        let silent = Look {
            is_fresh: false,
            ..look(true, 0)
        };
        assert_eq!(track.step(silent, ms(59_999)), Step::Nothing);
        let ended = track.step(silent, ms(60_000));
        assert_eq!(ended, Step::End(Reason::Silent));
        assert_eq!(track.step(silent, ms(61_000)), Step::Nothing);
        assert_eq!(track.step(look(true, 70_000), ms(70_000)), Step::Begin);
    }

    #[test]
    fn a_refused_recording_is_tried_again_later() {
        let mut track = Track::default();
        assert_eq!(track.step(look(true, 0), ms(0)), Step::Begin);
        track.refused(ms(100));
        assert_eq!(track.step(look(true, 30_099), ms(30_099)), Step::Nothing);
        assert_eq!(track.step(look(true, 30_100), ms(30_100)), Step::Begin);
    }
}
