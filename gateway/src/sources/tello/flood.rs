//! Floods from strangers: when one has begun, and which datagrams the kernel is then
//! told to keep to itself, before they take room among those of drones.
//!
//! Without a filter, whatever comes in faster than it is read pushes honest datagrams
//! out of the socket. A filter is set only in a flood: until then everybody is heard, so
//! that drones which are not configured are noticed. It goes by the sender's address,
//! so it is no help against somebody who sends in a drone's name.
//!
//! Pure: takes `now`; the program is in `filter`.

use std::time::Duration;

use readings::clock::Mono;

use super::filter::LET_IN_ONE_OF;

/// Datagrams of strangers in a window that make a flood. Three times what as many
/// drones send as are noticed without being configured (64, ten a second each).
const FLOOD: u32 = 2_000;

/// Length of a window; also how often it is looked whether a flood is over.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// Counts strangers' datagrams on one socket.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    begun: Mono,
    counted: u32,
    flooded: bool,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    Begins,
    Ends,
}

impl Strangers {
    /// Counts a datagram from an address that is no drone's.
    pub(super) fn count(&mut self, now: Mono) -> Option<Flood> {
        self.counted += if self.flooded { LET_IN_ONE_OF } else { 1 };
        if !self.flooded && self.counted >= FLOOD && now.since(self.begun) < WINDOW {
            self.flooded = true;
            return Some(Flood::Begins);
        }
        self.look(now)
    }

    /// Judges the window, if it is over.
    pub(super) fn look(&mut self, now: Mono) -> Option<Flood> {
        if now.since(self.begun) < WINDOW {
            return None;
        }
        let counted = std::mem::take(&mut self.counted);
        self.begun = now;
        // Half: what swells and ebbs around the limit is one flood, not many.
        (self.flooded && counted < FLOOD / 2).then(|| {
            self.flooded = false;
            Flood::Ends
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    fn count(strangers: &mut Strangers, datagrams: u32, at: u64) -> Vec<Flood> {
        (0..datagrams)
            .filter_map(|_| strangers.count(ms(at)))
            .collect()
    }

    #[test]
    fn a_flood_begins_at_once_and_ends_when_it_has_ebbed() {
        let mut strangers = Strangers::default();
        assert_eq!(count(&mut strangers, FLOOD - 1, 10), []);
        assert_eq!(count(&mut strangers, 1, 20), [Flood::Begins]);
        assert_eq!(strangers.look(ms(1_000)), None, "that was the first window");
        // With the filter, a sixteenth arrives of what is sent.
        assert_eq!(count(&mut strangers, FLOOD / 16, 1_500), []);
        assert_eq!(strangers.look(ms(2_000)), None, "it goes on");
        assert_eq!(strangers.look(ms(3_000)), Some(Flood::Ends));
        assert_eq!(strangers.look(ms(4_000)), None, "once");
    }

    #[test]
    fn many_drones_that_are_not_configured_are_no_flood() {
        let mut strangers = Strangers::default();
        for second in 1..100 {
            assert_eq!(count(&mut strangers, 640, second * 1_000), []);
        }
    }
}
