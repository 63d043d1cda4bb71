//! Bytes written in a day: flash wears out by them, however little is kept.
//!
//! Pure: counts by the hour on a clock that its caller gives.

/// Hours of a day.
const HOURS: usize = 24;

/// Bytes written in each of the last 24 hours.
#[derive(Debug, Default)]
pub(crate) struct Daily {
    hours: [u64; HOURS],
    /// The hour that is counted now.
    newest: u64,
}

impl Daily {
    /// Adds bytes written in `hour`, counted from any moment.
    pub(crate) fn add(&mut self, hour: u64, bytes: u64) {
        self.advance(hour);
        let now = &mut self.hours[(self.newest % HOURS as u64) as usize];
        *now = now.saturating_add(bytes);
    }

    /// Bytes written in the day up to `hour`.
    pub(crate) fn spent(&mut self, hour: u64) -> u64 {
        self.advance(hour);
        self.hours
            .iter()
            .fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    fn advance(&mut self, hour: u64) {
        let passed = hour.saturating_sub(self.newest).min(HOURS as u64);
        for hour in 1..=passed {
            self.hours[((self.newest + hour) % HOURS as u64) as usize] = 0;
        }
        if passed == HOURS as u64 {
            self.hours = [0; HOURS];
        }
        self.newest = self.newest.max(hour);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain list.
        #[test]
        fn a_day_is_the_last_24_hours(steps in proptest::collection::vec((0u64..30, 0u64..1000), 1..60)) {
            let (mut daily, mut list, mut hour) = (Daily::default(), Vec::new(), 0);
            for (passed, bytes) in steps {
                hour += passed;
                daily.add(hour, bytes);
                list.push((hour, bytes));
                let expected: u64 = list
                    .iter()
                    .filter(|(at, _)| at + 24 > hour)
                    .map(|(_, bytes)| bytes)
                    .sum();
                prop_assert_eq!(daily.spent(hour), expected);
            }
        }
    }
}
