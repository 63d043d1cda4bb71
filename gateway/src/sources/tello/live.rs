//! The newest state of one drone and what its datagrams were like.
//!
//! Takes each datagram together with `now`; decides whether it is news. Pure:
//! no socket, no clock, no allocation. The state port writes here, the API and
//! the link read.

use std::time::Duration;

use heapless::Vec;
use jiff::Timestamp;
use readings::clock::Mono;
use tello::faults::{FaultKind, FaultTotals};
use tello::state::{State, parse};

use super::motion::Motion;
use super::rate::Rate;

/// A datagram equal to the one before it within this time is a duplicate made by
/// the network: the drone's own are at least 45 ms apart (captured).
const DUPLICATE_WITHIN: Duration = Duration::from_millis(20);

/// Motor time that steps back by no more than this, without a pause, is an older
/// datagram overtaken on the way; a restarting drone is silent for longer.
const REORDERED_BY_S: u32 = 2;

/// See [`REORDERED_BY_S`].
const REORDERED_WITHIN: Duration = Duration::from_secs(1);

/// Longest datagram compared for duplicates; real ones have at most 177 bytes.
const COMPARED_BYTES: usize = 256;

/// Counts of one drone's state datagrams since start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StateStats {
    /// Datagrams from its address.
    pub datagrams: u64,
    /// Those that were not as firmware writes them.
    pub malformed: u64,
    /// Malformations by kind.
    pub faults: FaultTotals,
    /// Those that came twice; dropped.
    pub duplicates: u64,
    /// Those overtaken by a newer one; dropped.
    pub reordered: u64,
    /// Times its motor time began anew: it was restarted.
    pub restarts: u64,
}

/// When a drone was last heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heard {
    /// For ages and time-outs.
    pub(crate) at: Mono,
    /// For people.
    pub(crate) wall: Timestamp,
}

/// The newest state of one drone.
#[derive(Default)]
pub(crate) struct Live {
    state: State,
    heard: Option<Heard>,
    motion: Motion,
    previous: Vec<u8, COMPARED_BYTES>,
    rate: Rate,
    stats: StateStats,
}

impl Live {
    /// Takes a datagram of this drone; its state when it is news.
    pub(crate) fn take(&mut self, datagram: &[u8], now: Mono, wall: Timestamp) -> Option<State> {
        self.stats.datagrams += 1;
        if self.is_duplicate(datagram, now) {
            self.stats.duplicates += 1;
            return None;
        }
        let parsed = parse(datagram);
        if !parsed.faults.is_empty() {
            self.stats.malformed += 1;
            self.stats.faults.add(&parsed.faults);
        }
        if parsed.state.is_empty() {
            return None; // noise does not prove that the drone is there
        }
        if self.is_reordered(&parsed.state, now) {
            self.stats.reordered += 1;
            return None;
        }
        self.count_restarts(&parsed.state);
        self.motion.take(&parsed.state, now);
        let cut = parsed.faults.has(FaultKind::Truncated);
        self.state = if cut {
            parsed.state.over(&self.state)
        } else {
            parsed.state
        };
        self.heard = Some(Heard { at: now, wall });
        self.rate.add(now, 1);
        self.previous.clear();
        // Longer ones are simply not compared.
        let _ = self.previous.extend_from_slice(datagram);
        Some(parsed.state)
    }

    fn is_duplicate(&self, datagram: &[u8], now: Mono) -> bool {
        !self.previous.is_empty()
            && self
                .heard
                .is_some_and(|heard| now.since(heard.at) < DUPLICATE_WITHIN)
            && *self.previous == *datagram
    }

    fn is_reordered(&self, state: &State, now: Mono) -> bool {
        let (Some(new), Some(old), Some(heard)) =
            (state.motor_time_s, self.state.motor_time_s, self.heard)
        else {
            return false;
        };
        new < old && old - new <= REORDERED_BY_S && now.since(heard.at) < REORDERED_WITHIN
    }

    fn count_restarts(&mut self, state: &State) {
        if let (Some(new), Some(old)) = (state.motor_time_s, self.state.motor_time_s) {
            self.stats.restarts += u64::from(new < old);
        }
    }

    /// The newest state.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// When a state last arrived.
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.heard
    }

    /// What its states show of its motors and motion.
    pub(crate) fn motion(&self) -> Motion {
        self.motion
    }

    /// States in the second before `now`.
    pub(crate) fn rate(&self, now: Mono) -> u32 {
        self.rate.last_second(now)
    }

    /// Counts since start.
    pub(crate) fn stats(&self) -> StateStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    fn take(live: &mut Live, text: &str, at: u64) -> Option<State> {
        live.take(text.as_bytes(), ms(at), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn noise_is_counted_and_does_not_prove_presence() {
        let mut live = Live::default();
        assert_eq!(take(&mut live, "ok", 1_000), None);
        assert_eq!(live.heard(), None);
        assert_eq!((live.stats().datagrams, live.stats().malformed), (1, 1));
        assert!(take(&mut live, "bat:50;", 1_100).is_some());
        assert_eq!(live.heard().map(|heard| heard.at), Some(ms(1_100)));
    }

    #[test]
    fn a_datagram_that_came_twice_counts_once() {
        let mut live = Live::default();
        assert!(take(&mut live, "bat:50;", 1_000).is_some());
        assert!(take(&mut live, "bat:50;", 1_005).is_none());
        assert!(
            take(&mut live, "bat:50;", 1_100).is_some(),
            "an idle drone may say the same again"
        );
        assert_eq!((live.stats().duplicates, live.rate(ms(1_100))), (1, 2));
    }

    #[test]
    fn an_overtaken_datagram_is_dropped_and_a_restart_is_not() {
        let mut live = Live::default();
        take(&mut live, "time:40;bat:50;", 1_000);
        assert!(take(&mut live, "time:39;bat:51;", 1_050).is_none());
        assert_eq!(
            (live.state().battery_pct, live.stats().reordered),
            (Some(50), 1)
        );
        assert!(take(&mut live, "time:0;bat:50;", 9_000).is_some());
        assert_eq!(live.stats().restarts, 1);
    }

    #[test]
    fn a_cut_datagram_keeps_what_it_lacks() {
        let mut live = Live::default();
        take(&mut live, "h:0;bat:50;", 1_000);
        let published = take(&mut live, "h:10;ba", 1_100).expect("complete fields count");
        assert_eq!(
            published.battery_pct, None,
            "nothing old is published again"
        );
        assert_eq!(
            (live.state().height_cm, live.state().battery_pct),
            (Some(10), Some(50))
        );
        take(&mut live, "h:20;", 1_200);
        assert_eq!(live.state().battery_pct, None, "a whole datagram replaces");
    }
}
