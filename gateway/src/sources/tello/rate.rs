//! How often something happens: a sliding second in steps of 100 ms.
//!
//! Pure and of fixed size; counts datagrams of state, and frames and bytes of
//! video.

use readings::clock::Mono;

/// Length of one of [`Rate`]'s steps in ms.
const STEP_MS: u64 = 100;

/// Steps in [`Rate`]: one second.
const STEPS: usize = 10;

/// What happened in the last second, in steps of 100 ms.
#[derive(Debug, Default)]
pub(super) struct Rate {
    counts: [u32; STEPS],
    newest_step: u64,
}

impl Rate {
    /// Adds `amount`, which happened now.
    pub(super) fn add(&mut self, now: Mono, amount: u32) {
        let step = now.as_millis() / STEP_MS;
        for passed in self.newest_step + 1..=step.min(self.newest_step + STEPS as u64) {
            self.counts[passed as usize % STEPS] = 0;
        }
        if step > self.newest_step + STEPS as u64 {
            self.counts = [0; STEPS];
        }
        self.newest_step = self.newest_step.max(step);
        let count = &mut self.counts[self.newest_step as usize % STEPS];
        *count = count.saturating_add(amount);
    }

    /// The sum of the second before `now`.
    pub(super) fn last_second(&self, now: Mono) -> u32 {
        let step = now.as_millis() / STEP_MS;
        let oldest = step.saturating_sub(STEPS as u64 - 1);
        (oldest..=step)
            .filter(|step| *step <= self.newest_step && self.newest_step - step < STEPS as u64)
            .map(|step| self.counts[step as usize % STEPS])
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain list of instants.
        #[test]
        fn the_rate_counts_the_steps_of_the_last_second(gaps in proptest::collection::vec(0u64..700, 1..60)) {
            let (mut rate, mut times, mut now) = (Rate::default(), Vec::new(), 0);
            for gap in gaps {
                now += gap;
                rate.add(Mono::from_millis(now), 1);
                times.push(now);
                let ask = now + gap / 2;
                let oldest = (ask / STEP_MS).saturating_sub(STEPS as u64 - 1);
                let expected = times.iter().filter(|at| **at / STEP_MS >= oldest).count();
                prop_assert_eq!(rate.last_second(Mono::from_millis(ask)) as usize, expected);
            }
        }
    }
}
