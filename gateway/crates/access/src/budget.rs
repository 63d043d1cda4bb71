//! How many lines of one kind the security log and the audit trail take.
//!
//! Both are bounded and drop the oldest: without a budget, a flood of wrong
//! keys would wash away the very line that tells how it began, and wear the SD
//! card. What is left out is counted and told with the next line.

use std::time::Duration;

use readings::clock::Mono;

/// Lines of one kind in a window. A person mistyping, or a few misconfigured
/// clients, stay far below; a flood is told by its beginning and its number.
const LINES: u32 = 30;
/// Length of a window.
const WINDOW: Duration = Duration::from_secs(60);

/// The budget of one kind of line.
#[derive(Debug, Default)]
pub(super) struct Budget {
    opened: Mono,
    used: u32,
    suppressed: u64,
}

impl Budget {
    /// Takes a line from the budget: how many were left out since the last one
    /// written, or none when this one is left out too.
    pub(super) fn take(&mut self, now: Mono) -> Option<u64> {
        if now.since(self.opened) >= WINDOW {
            (self.opened, self.used) = (now, 0);
        }
        if self.used == LINES {
            self.suppressed += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_its_number_told_in_the_next_window() {
        let mut budget = Budget::default();
        let written = (0..100)
            .filter(|_| budget.take(Mono::from_millis(5)).is_some())
            .count();
        assert_eq!(written, LINES as usize);
        assert_eq!(budget.take(Mono::from_millis(59_999)), None);
        assert_eq!(budget.take(Mono::from_millis(60_000)), Some(71));
        assert_eq!(budget.take(Mono::from_millis(60_001)), Some(0));
    }
}
