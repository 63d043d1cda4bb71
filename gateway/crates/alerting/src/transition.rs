//! How a change of state waits for the committer: as flags, not in a queue.
//!
//! The side that knows (a rule cell, a condition) sets flags; the committer takes
//! them when it comes round. However long the committer is held up by a slow medium,
//! nothing is lost and nothing grows. What can happen in between is folded:
//! the end of the alert the committer knows, then one new alert, then its end.

/// Flags of one cell or condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PendingTransition {
    /// The alert the committer knows (if any) has ended.
    ended_before: bool,
    /// A new one has begun since.
    raised: bool,
    /// The state stands now.
    stands: bool,
}

/// What the committer takes: apply in the order of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transition {
    /// End the alert known from before.
    pub ended_before: bool,
    /// Raise a new alert, or continue the known one if it has not ended.
    pub raised: bool,
    /// False: end the one just raised.
    pub stands: bool,
}

impl Transition {
    /// Nothing began or ended.
    pub(super) const NONE: Transition = Transition {
        ended_before: false,
        raised: false,
        stands: true,
    };
}

impl PendingTransition {
    /// Nothing stands and nothing waits.
    pub(super) const NONE: PendingTransition = PendingTransition {
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
        // An end after a waiting beginning is that one's; else the committer's.
        self.ended_before |= !self.raised;
        self.stands = false;
    }

    /// Whether something waits for the committer.
    pub(super) fn waits(&self) -> bool {
        self.ended_before || self.raised
    }

    /// Whether a beginning waits for the committer.
    pub(super) fn begins(&self) -> bool {
        self.raised
    }

    /// Takes what waits.
    pub(super) fn take(&mut self) -> Option<Transition> {
        if !self.waits() {
            return None;
        }
        let taken = Transition {
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
        /// Whenever the committer looks, it ends up with the true state, and every
        /// beginning since it last looked left at least one alert behind.
        #[test]
        fn the_committer_always_ends_up_with_the_true_state(events in prop::collection::vec((any::<bool>(), any::<bool>()), 0..64)) {
            let mut transition = PendingTransition::NONE;
            let (mut truth, mut known_open) = (false, false);
            let (mut began, mut raised) = (false, 0);
            for (raise, look) in events {
                // Beginnings and ends alternate, as the state machines ensure.
                if raise != truth {
                    if raise { transition.raise(); began = true } else { transition.end() }
                    truth = raise;
                }
                if look {
                    let before = raised;
                    if let Some(taken) = transition.take() {
                        if taken.ended_before { known_open = false }
                        if taken.raised {
                            prop_assert!(!known_open, "one alert an episode");
                            raised += 1;
                            known_open = taken.stands;
                        }
                    }
                    prop_assert_eq!(known_open, truth);
                    prop_assert_eq!(raised > before, began);
                    prop_assert!(!transition.waits());
                    began = false;
                }
            }
        }
    }
}
