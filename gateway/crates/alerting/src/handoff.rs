//! How a change of state waits for the desk: as flags, not in a queue.
//!
//! The side that knows (a rule cell, a condition) sets flags; the desk takes
//! them when it comes round. However long the desk is held up by a slow medium,
//! nothing is lost and nothing grows. What can happen in between is folded:
//! the end of the alert the desk knows, then one new alert, then its end.

/// Flags of one cell or condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handoff {
    /// The alert the desk knows (if any) has ended.
    ended_before: bool,
    /// A new one has begun since.
    raised: bool,
    /// The state stands now.
    stands: bool,
}

/// What the desk takes: apply in the order of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// End the alert known from before.
    pub ended_before: bool,
    /// Raise a new alert, or continue the known one if it has not ended.
    pub raised: bool,
    /// False: end the one just raised.
    pub stands: bool,
}

impl Handoff {
    /// Nothing stands and nothing waits.
    pub(super) const NONE: Handoff = Handoff {
        ended_before: false,
        raised: false,
        stands: false,
    };

    /// The state begins. True if another beginning was still waiting, which
    /// this one is folded into.
    pub(super) fn raise(&mut self) -> bool {
        let folded = self.raised;
        self.raised = true;
        self.stands = true;
        folded
    }

    /// The state ends.
    pub(super) fn end(&mut self) {
        // An end after a waiting beginning is that one's; else the desk's.
        self.ended_before |= !self.raised;
        self.stands = false;
    }

    /// Whether something waits for the desk.
    pub(super) fn waits(&self) -> bool {
        self.ended_before || self.raised
    }

    /// Whether a beginning waits for the desk.
    pub(super) fn begins(&self) -> bool {
        self.raised
    }

    /// Takes what waits.
    pub(super) fn take(&mut self) -> Option<Taken> {
        if !self.waits() {
            return None;
        }
        let taken = Taken {
            ended_before: self.ended_before,
            raised: self.raised,
            stands: self.stands,
        };
        self.ended_before = false;
        self.raised = false;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whenever the desk looks, it ends up with the true state, and every
        /// beginning since it last looked left at least one alert behind.
        #[test]
        fn the_desk_always_ends_up_with_the_true_state(events in prop::collection::vec((any::<bool>(), any::<bool>()), 0..64)) {
            let mut handoff = Handoff::NONE;
            let (mut truth, mut desk_open) = (false, false);
            let (mut began, mut raised) = (false, 0);
            for (raise, look) in events {
                // Beginnings and ends alternate, as the state machines ensure.
                if raise != truth {
                    if raise { handoff.raise(); began = true } else { handoff.end() }
                    truth = raise;
                }
                if look {
                    let before = raised;
                    if let Some(taken) = handoff.take() {
                        if taken.ended_before { desk_open = false }
                        if taken.raised {
                            prop_assert!(!desk_open, "one alert an episode");
                            raised += 1;
                            desk_open = taken.stands;
                        }
                    }
                    prop_assert_eq!(desk_open, truth);
                    prop_assert_eq!(raised > before, began);
                    prop_assert!(!handoff.waits());
                    began = false;
                }
            }
        }
    }
}
