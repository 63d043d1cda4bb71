//! A contact that bounces gives one event.

/// Equal looks in a row before a change is believed.
const LOOKS: u8 = 3;

/// Least time between two looks that count: two looks in the same moment are
/// one look.
const LOOK_MS: u64 = 9;

/// A contact, looked at every ten milliseconds or so. Starts as open (false).
#[derive(Debug, Clone, Copy, Default)]
pub struct Debounced {
    settled: bool,
    differing: u8,
    looked_ms: Option<u64>,
}

impl Debounced {
    /// Takes a look; the new state when it has just settled.
    pub fn look(&mut self, raw: bool, now_ms: u64) -> Option<bool> {
        if self
            .looked_ms
            .is_some_and(|looked| now_ms.saturating_sub(looked) < LOOK_MS)
        {
            return None;
        }
        self.looked_ms = Some(now_ms);
        if raw == self.settled {
            self.differing = 0;
            return None;
        }
        self.differing += 1;
        if self.differing < LOOKS {
            return None;
        }
        self.differing = 0;
        self.settled = raw;
        Some(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bouncing_gives_one_event_and_a_glitch_none() {
        let mut contact = Debounced::default();
        let raw = [
            true, false, true, false, true, true, true, true, false, true, false, false, false,
        ];
        let events: heapless::Vec<_, 16> = raw
            .iter()
            .zip((0..).step_by(10))
            .filter_map(|(raw, now_ms)| contact.look(*raw, now_ms))
            .collect();
        assert_eq!(events, [true, false]);
    }

    #[test]
    fn many_looks_in_one_moment_are_one() {
        let mut contact = Debounced::default();
        for now_ms in [0, 0, 1, 2, 3, 10, 11] {
            assert_eq!(contact.look(true, now_ms), None);
        }
        assert_eq!(contact.look(true, 20), Some(true));
    }
}
