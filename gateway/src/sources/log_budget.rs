//! How many lines a source may write into the log: however many things of it come and go,
//! one budget for all of them.
//!
//! Pure: takes `now` in milliseconds.

/// A budget of so many per period, for log lines.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sources) struct Budget {
    period_began_ms: u64,
    spent: u32,
}

impl Budget {
    /// Whether one more is within `most` of this period.
    pub(in crate::sources) fn spend(&mut self, most: u32, period_ms: u64, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.period_began_ms) >= period_ms {
            *self = Budget {
                period_began_ms: now_ms,
                spent: 0,
            };
        }
        let within = self.spent < most;
        // What is refused is not spent: another caller may be allowed more.
        self.spent += u32::from(within);
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_per_period() {
        let mut budget = Budget::default();
        let spent = (0..200_u64).filter(|n| budget.spend(3, 100, *n)).count();
        assert_eq!(spent, 6);
    }
}
