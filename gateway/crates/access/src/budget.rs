//! How many lines of one kind the security log and the audit trail take from one principal.
//!
//! Both are bounded and drop the oldest: without a budget, a flood of wrong keys or of
//! commands would wash away the very line that tells how it began, and those of everybody
//! else; and wear the SD card. What is left out is counted and told with the next line.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::Duration;

use readings::clock::Mono;

/// Lines of one kind in a window. A person mistyping, or a few misconfigured
/// clients, stay far below; a flood is told by its beginning and its number.
pub(super) const LINES: u32 = 30;
/// The same of commands in the log: four a second are flown by hand.
pub(super) const COMMANDS: u32 = 240;
/// Length of a window.
const WINDOW: Duration = Duration::from_secs(60);
/// Principals that are told apart in a window; further ones share one budget.
const PRINCIPALS: usize = 128;

/// The budget of one kind of line.
#[derive(Debug, Default)]
struct Budget {
    opened: Mono,
    used: u32,
    suppressed: u64,
}

impl Budget {
    /// Takes one of `lines` from the budget: how many were left out since the last one
    /// written, or none when this one is left out too.
    fn take(&mut self, lines: u32, now: Mono) -> Option<u64> {
        if self.is_over(now) {
            (self.opened, self.used) = (now, 0);
        }
        if self.used >= lines {
            self.suppressed += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.suppressed))
    }

    fn is_over(&self, now: Mono) -> bool {
        now.since(self.opened) >= WINDOW
    }
}

/// A budget for each principal and kind of line. It does not grow with either.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    of: Vec<(u64, Budget)>,
    /// Of those for whom there is no room.
    others: Budget,
    hasher: RandomState,
}

impl Budgets {
    /// Takes a line from the budget of `owner`, as [`Budget::take`].
    pub(super) fn take(&mut self, owner: impl Hash, lines: u32, now: Mono) -> Option<u64> {
        let owner = self.hasher.hash_one(owner);
        let known = self.of.iter().position(|(of, _)| *of == owner);
        let at = known.or_else(|| self.room(owner, now));
        match at.and_then(|at| self.of.get_mut(at)) {
            Some((_, budget)) => budget.take(lines, now),
            None => self.others.take(lines, now),
        }
    }

    /// Place of a new budget for `owner`: of one whose window is over, if need be.
    fn room(&mut self, owner: u64, now: Mono) -> Option<usize> {
        if self.of.len() < PRINCIPALS {
            self.of.push((owner, Budget::default()));
            return Some(self.of.len() - 1);
        }
        let at = self.of.iter().position(|(_, budget)| budget.is_over(now))?;
        let (_, former) = std::mem::replace(&mut self.of[at], (owner, Budget::default()));
        // What it left out is told by whoever comes next: the number is not lost.
        self.others.suppressed += former.suppressed;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(budgets: &mut Budgets, owner: &str, lines: u32, at: u64) -> usize {
        (0..lines)
            .filter(|_| budgets.take(owner, LINES, Mono::from_millis(at)).is_some())
            .count()
    }

    #[test]
    fn a_flood_is_cut_and_its_number_told_in_the_next_window() {
        let mut budgets = Budgets::default();
        assert_eq!(written(&mut budgets, "a", 100, 5), LINES as usize);
        let mut take = |at| budgets.take("a", LINES, Mono::from_millis(at));
        assert_eq!(take(59_999), None);
        assert_eq!(take(60_000), Some(71));
        assert_eq!(take(60_001), Some(0));
    }

    #[test]
    fn one_principal_does_not_use_up_what_is_another_s() {
        let mut budgets = Budgets::default();
        assert_eq!(written(&mut budgets, "flood", 1_000, 5), LINES as usize);
        assert_eq!(written(&mut budgets, "somebody", 5, 5), 5);
    }

    #[test]
    fn more_principals_than_there_is_room_for_share_one_budget() {
        let mut budgets = Budgets::default();
        let mut all = |at| -> usize {
            let owners = 0..PRINCIPALS + 500;
            owners
                .map(|owner| written(&mut budgets, &owner.to_string(), 1, at))
                .sum()
        };
        assert_eq!(all(5), PRINCIPALS + LINES as usize);
        assert_eq!(
            all(70_000),
            PRINCIPALS + LINES as usize,
            "the next window is as good"
        );
        assert_eq!(budgets.of.len(), PRINCIPALS);
    }
}
