//! When something is lost for good enough reason to tell, and when it is back.
//!
//! Pure: takes `now` in milliseconds. A cable with a bad contact or a sensor that
//! comes and goes must not make a storm of alerts or durable writes.

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sources) enum LossChange {
    /// It is lost.
    Lost,
    /// It is back.
    Back,
}

/// The watch over one thing that can be lost.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sources) struct LossDetector {
    lost: bool,
    /// Since when the other state lasts.
    turning_since_ms: Option<u64>,
}

impl LossDetector {
    /// Takes how it is now. The state must be another for `patience_ms` (of
    /// loss, of return) before that is news.
    pub(in crate::sources) fn observe(
        &mut self,
        good: bool,
        now_ms: u64,
        patience_ms: (u64, u64),
    ) -> Option<LossChange> {
        if good != self.lost {
            self.turning_since_ms = None;
            return None;
        }
        let since = *self.turning_since_ms.get_or_insert(now_ms);
        let (loss_ms, return_ms) = patience_ms;
        if now_ms.saturating_sub(since) < if good { return_ms } else { loss_ms } {
            return None;
        }
        self.turning_since_ms = None;
        self.lost = !good;
        Some(if good {
            LossChange::Back
        } else {
            LossChange::Lost
        })
    }

    /// Whether its loss was told and stands.
    pub(in crate::sources) fn is_lost(self) -> bool {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_and_its_end_are_told_once_each_and_take_their_time() {
        let mut detector = LossDetector::default();
        let patience = (1_000, 3_000);
        assert_eq!(detector.observe(true, 0, patience), None);
        assert_eq!(detector.observe(false, 100, patience), None);
        assert_eq!(detector.observe(false, 1_099, patience), None);
        assert_eq!(
            detector.observe(false, 1_100, patience),
            Some(LossChange::Lost)
        );
        assert_eq!(detector.observe(false, 9_000, patience), None);
        assert_eq!(detector.observe(true, 9_001, patience), None);
        assert_eq!(
            detector.observe(false, 9_500, patience),
            None,
            "a moment in between is not back"
        );
        assert_eq!(detector.observe(true, 10_000, patience), None);
        assert!(detector.is_lost());
        assert_eq!(
            detector.observe(true, 13_000, patience),
            Some(LossChange::Back)
        );
        assert_eq!(
            detector.observe(false, 13_001, (0, 3_000)),
            Some(LossChange::Lost),
            "without patience at once"
        );
    }

    #[test]
    fn a_bad_contact_makes_no_storm() {
        let mut detector = LossDetector::default();
        // An hour of two seconds with the board, one second without.
        let told = (0..36_000_u64).filter(|tenth| {
            detector
                .observe(tenth % 30 < 20, tenth * 100, (0, 3_000))
                .is_some()
        });
        assert_eq!(told.count(), 1);
    }
}
