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

/// Datagrams of strangers in a window that make a flood. Three times what as many
/// drones send as are noticed without being configured (64, ten a second each).
const FLOOD: u32 = 2_000;

/// Of a flood, so many in a window are heard still: what they cost is a two-hundredth of
/// a core, and drones that are not configured are among them in a small flood.
const HEARD: u32 = 1_000;

/// Below this share of [`HEARD`] more are let in again. Wider than a step, so that a flood
/// that keeps its pace keeps its filter.
const FEW_OF_HEARD: u32 = 16;

/// Length of a window; also how often it is looked whether a flood is over.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// How many of strangers' datagrams come in: one in so many, a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OneIn(u32);

impl OneIn {
    /// Nobody floods.
    pub(super) const ALL: OneIn = OneIn(1);
    /// When a flood begins: a drone that is not configured is heard every 1.6 s then, and
    /// counts as gone after 5 s.
    pub(super) const FIRST: OneIn = OneIn(16);
    /// Of a million a second, two hundred and fifty.
    const LEAST: OneIn = OneIn(4096);
    /// From one to the next.
    const STEP: u32 = 4;

    /// The number, for the kernel's filter.
    pub(super) const fn get(self) -> u32 {
        self.0
    }

    /// As it was stored: none for what is no power of two.
    pub(super) fn new(one_in: u32) -> Option<OneIn> {
        one_in.is_power_of_two().then_some(OneIn(one_in))
    }

    fn fewer(self) -> OneIn {
        match self {
            OneIn::ALL => OneIn::FIRST,
            OneIn(one_in) => OneIn((one_in * OneIn::STEP).min(OneIn::LEAST.0)),
        }
    }

    fn more(self) -> OneIn {
        OneIn((self.0 / OneIn::STEP).max(OneIn::FIRST.0))
    }
}

/// Counts strangers' datagrams on one socket.
#[derive(Debug)]
pub(super) struct FloodDetector {
    begun: Mono,
    /// That came in, in this window.
    heard: u32,
    let_in: OneIn,
}

impl Default for FloodDetector {
    fn default() -> FloodDetector {
        FloodDetector {
            begun: Mono::default(),
            heard: 0,
            let_in: OneIn::ALL,
        }
    }
}

impl FloodDetector {
    /// Counts a datagram from an address that is no drone's. What is to come in from now
    /// on, if that changes.
    pub(super) fn count(&mut self, now: Mono) -> Option<OneIn> {
        self.heard += 1;
        let most = match self.let_in {
            OneIn::ALL => FLOOD,
            _ => HEARD,
        };
        if self.heard < most || now.since(self.begun) >= WINDOW {
            return self.look(now);
        }
        // At once: a whole window of it would take the room of drones.
        (self.begun, self.heard) = (now, 0);
        self.change(self.let_in.fewer())
    }

    /// Judges the window, if it is over.
    pub(super) fn look(&mut self, now: Mono) -> Option<OneIn> {
        if now.since(self.begun) < WINDOW {
            return None;
        }
        self.begun = now;
        let heard = std::mem::take(&mut self.heard);
        let sent = u64::from(heard) * u64::from(self.let_in.get());
        // Half: what swells and ebbs around the limit is one flood, not many.
        if sent < u64::from(FLOOD / 2) {
            return self.change(OneIn::ALL);
        }
        match heard < HEARD / FEW_OF_HEARD {
            true => self.change(self.let_in.more()),
            false => None,
        }
    }

    fn change(&mut self, to: OneIn) -> Option<OneIn> {
        let is_change = self.let_in != to;
        self.let_in = to;
        is_change.then_some(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    fn count(detector: &mut FloodDetector, datagrams: u32, at: u64) -> Vec<u32> {
        (0..datagrams)
            .filter_map(|_| detector.count(ms(at)))
            .map(OneIn::get)
            .collect()
    }

    #[test]
    fn a_flood_begins_at_once_and_ends_when_it_has_ebbed() {
        let mut detector = FloodDetector::default();
        assert_eq!(count(&mut detector, FLOOD - 1, 10), Vec::<u32>::new());
        assert_eq!(count(&mut detector, 1, 20), [16]);
        // With the filter, a sixteenth arrives of what is sent.
        for second in 0..3 {
            let nothing = Vec::<u32>::new();
            let at = 500 + second * 1_000;
            assert_eq!(count(&mut detector, FLOOD / 16, at), nothing);
            assert_eq!(detector.look(ms(at + 520)), None, "it goes on");
        }
        assert_eq!(detector.look(ms(4_020)), Some(OneIn::ALL));
        assert_eq!(detector.look(ms(5_020)), None, "once");
    }

    #[test]
    fn of_whatever_pace_few_are_heard_and_the_filter_stays_as_it_is() {
        for sent_a_second in [20_000, 200_000, 2_000_000] {
            let (mut detector, mut let_in, mut changes) = (FloodDetector::default(), 1, 0);
            let (mut heard, mut settled) = (0, 0);
            // Ten seconds by the tenth of a millisecond, as a kernel that is exact would do.
            for tick in 0..100_000 {
                let arrived = |tick: u64| tick * sent_a_second / 10_000 / u64::from(let_in);
                for _ in arrived(tick)..arrived(tick + 1) {
                    heard += 1;
                    if let Some(one_in) = detector.count(ms(tick / 10)) {
                        (let_in, changes) = (one_in.get(), changes + 1);
                        break;
                    }
                }
                if tick % 10_000 == 0
                    && let Some(one_in) = detector.look(ms(tick / 10))
                {
                    (let_in, changes) = (one_in.get(), changes + 1);
                }
                if tick == 20_000 {
                    (heard, settled) = (0, changes);
                }
            }
            assert!(heard <= 8 * HEARD, "{heard} of {sent_a_second} a second");
            assert!(heard >= 8 * HEARD / FEW_OF_HEARD, "{heard}: somebody is");
            assert_eq!(changes, settled, "{sent_a_second} a second");
        }
    }

    #[test]
    fn many_drones_that_are_not_configured_are_no_flood() {
        let mut detector = FloodDetector::default();
        for second in 1..100 {
            assert_eq!(count(&mut detector, 640, second * 1_000), Vec::<u32>::new());
        }
    }
}
