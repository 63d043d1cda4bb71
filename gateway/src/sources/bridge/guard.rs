//! When something is lost for good enough reason to tell, and when it is back.
//!
//! Pure: takes `now` in milliseconds. A cable with a bad contact, a chattering
//! stop or a talkative board must not make a storm of alerts, durable writes or
//! log lines; what is held back here is counted by the caller.

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is lost.
    Lost,
    /// It is back.
    Back,
}

/// The watch over one thing that can be lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guard {
    lost: bool,
    /// Since when the other state lasts.
    turning_since_ms: Option<u64>,
}

impl Guard {
    /// Takes how it is now. The state must be another for `patience_ms` (of
    /// loss, of return) before that is news.
    pub(super) fn observe(
        &mut self,
        good: bool,
        now_ms: u64,
        patience_ms: (u64, u64),
    ) -> Option<News> {
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
        Some(if good { News::Back } else { News::Lost })
    }

    /// Whether its loss was told and stands.
    pub(super) fn is_lost(self) -> bool {
        self.lost
    }
}

/// How long an emergency stop must be released before it counts as released.
const RELEASED_AFTER_MS: u64 = 2_000;

/// The emergency stop: engaged at once, released only after a while.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stop {
    engaged: Option<bool>,
    released_since_ms: Option<u64>,
}

impl Stop {
    /// Takes what the board says. What is to be published at once, if anything.
    pub(super) fn set(&mut self, engaged: bool, now_ms: u64) -> Option<bool> {
        if engaged || self.engaged != Some(true) {
            self.released_since_ms = None;
            let news = self.engaged != Some(engaged);
            self.engaged = Some(engaged);
            return news.then_some(engaged);
        }
        self.released_since_ms.get_or_insert(now_ms);
        None
    }

    /// Its state now, once it is known; to be published from time to time.
    pub(super) fn state(&mut self, now_ms: u64) -> Option<bool> {
        if self
            .released_since_ms
            .is_some_and(|since| now_ms.saturating_sub(since) >= RELEASED_AFTER_MS)
        {
            *self = Stop {
                engaged: Some(false),
                released_since_ms: None,
            };
        }
        self.engaged
    }
}

/// A budget of so many per period, for log lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    period_began_ms: u64,
    spent: u32,
}

impl Budget {
    /// Whether one more is within `most` of this period.
    pub(super) fn spend(&mut self, most: u32, period_ms: u64, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.period_began_ms) >= period_ms {
            *self = Budget {
                period_began_ms: now_ms,
                spent: 0,
            };
        }
        self.spent = self.spent.saturating_add(1);
        self.spent <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_and_its_end_are_told_once_each_and_take_their_time() {
        let mut guard = Guard::default();
        let patience = (1_000, 3_000);
        assert_eq!(guard.observe(true, 0, patience), None);
        assert_eq!(guard.observe(false, 100, patience), None);
        assert_eq!(guard.observe(false, 1_099, patience), None);
        assert_eq!(guard.observe(false, 1_100, patience), Some(News::Lost));
        assert_eq!(guard.observe(false, 9_000, patience), None);
        assert_eq!(guard.observe(true, 9_001, patience), None);
        assert_eq!(
            guard.observe(false, 9_500, patience),
            None,
            "a moment in between is not back"
        );
        assert_eq!(guard.observe(true, 10_000, patience), None);
        assert!(guard.is_lost());
        assert_eq!(guard.observe(true, 13_000, patience), Some(News::Back));
        assert_eq!(
            guard.observe(false, 13_001, (0, 3_000)),
            Some(News::Lost),
            "without patience at once"
        );
    }

    #[test]
    fn a_bad_contact_makes_no_storm() {
        let mut guard = Guard::default();
        // An hour of two seconds with the board, one second without.
        let told = (0..36_000_u64).filter(|tenth| {
            guard
                .observe(tenth % 30 < 20, tenth * 100, (0, 3_000))
                .is_some()
        });
        assert_eq!(told.count(), 1);
    }

    #[test]
    fn a_stop_engages_at_once_and_a_chattering_one_stays_engaged() {
        let mut stop = Stop::default();
        assert_eq!(stop.state(0), None, "unknown until the board has said so");
        assert_eq!(stop.set(false, 0), Some(false));
        assert_eq!(stop.set(true, 10), Some(true));
        assert_eq!(stop.set(false, 20), None);
        assert_eq!(stop.set(true, 30), None, "it never ended");
        assert_eq!(stop.set(false, 1_000), None);
        assert_eq!(
            stop.set(false, 2_500),
            None,
            "repeated by the state message"
        );
        assert_eq!(stop.state(2_999), Some(true));
        assert_eq!(stop.state(3_000), Some(false));
        assert_eq!(stop.set(true, 3_001), Some(true));
    }

    #[test]
    fn a_budget_is_per_period() {
        let mut budget = Budget::default();
        let spent = (0..200_u64).filter(|n| budget.spend(3, 100, *n)).count();
        assert_eq!(spent, 6);
    }
}
