//! How long to wait before trying a port again.
//!
//! Doubling from a quick first try (a replugged board is back in a moment) to
//! a slow one (an absent board must cost nothing). No jitter: the links of one
//! gateway do not compete for anything.

use std::time::Duration;

/// First wait.
const FIRST: Duration = Duration::from_millis(50);

/// Longest wait: how late a board plugged in hours later is noticed.
const LONGEST: Duration = Duration::from_secs(2);

/// A doubling wait.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The wait before the next try; the one after will be twice as long.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST);
        wait
    }

    /// Something worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_ceiling_and_starts_over() {
        let mut backoff = Backoff::default();
        let waits: std::vec::Vec<_> = (0..8).map(|_| backoff.wait().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        backoff.reset();
        assert_eq!(backoff.wait(), FIRST);
    }
}
