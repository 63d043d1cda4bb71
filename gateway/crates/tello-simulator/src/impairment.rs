//! A bad network between a simulated drone and its client, on demand and seeded.
//!
//! Pure: datagrams go in with `now` and come out when they are due, if at all.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::rng::Rng;

/// Longest datagram a simulated drone sends: a piece of a frame.
pub(super) const MAX_DATAGRAM_BYTES: usize = 1460;

/// Most replies and states on their way: over a second at 10 Hz, doubled. At
/// capacity the newest is lost, as on a full link.
pub(super) const ON_THE_WAY: usize = 32;

/// The same for pieces of frames: over a second of them, doubled.
pub(super) const FRAMES_ON_THE_WAY: usize = 256;

/// What the network does to the drone's datagrams.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impairment {
    /// Percent lost.
    pub drop_pct: u8,
    /// Percent that arrive twice.
    pub duplicate_pct: u8,
    /// Percent with some bytes replaced.
    pub garble_pct: u8,
    /// Percent cut off somewhere.
    pub truncate_pct: u8,
    /// Delay of each.
    pub delay: Duration,
    /// Random delay on top; over 100 ms it reorders states.
    pub jitter: Duration,
    /// Whether a binary packet precedes each reply, as seen on real drones.
    pub binary_before_reply: bool,
    /// Whether the drone hangs: says nothing and hears nothing.
    pub frozen: bool,
}

/// A datagram and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Where it goes.
    pub to: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl Outgoing {
    /// A datagram of `text`, cut at the longest there can be.
    pub(super) fn new(to: SocketAddr, text: &[u8]) -> Outgoing {
        Outgoing {
            to,
            bytes: text[..text.len().min(MAX_DATAGRAM_BYTES)].to_vec(),
        }
    }
}

/// The line to the client.
pub(super) struct Line {
    impairment: Impairment,
    rng: Rng,
    on_the_way: Vec<(Instant, Outgoing)>,
    capacity: usize,
}

impl Line {
    pub(super) fn new(impairment: Impairment, seed: u64, capacity: usize) -> Line {
        Line {
            impairment,
            rng: Rng::new(seed),
            on_the_way: Vec::new(),
            capacity,
        }
    }

    pub(super) fn change(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    pub(super) fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Puts a datagram on the line.
    pub(super) fn put(&mut self, mut outgoing: Outgoing, now: Instant) {
        if self.rng.chance(self.impairment.drop_pct) {
            return;
        }
        if self.rng.chance(self.impairment.garble_pct) {
            self.garble(&mut outgoing.bytes);
        }
        if self.rng.chance(self.impairment.truncate_pct) {
            let length = self.rng.below(outgoing.bytes.len() as u64) as usize;
            outgoing.bytes.truncate(length);
        }
        if self.rng.chance(self.impairment.duplicate_pct) {
            self.delay(outgoing.clone(), now);
        }
        self.delay(outgoing, now);
    }

    fn delay(&mut self, outgoing: Outgoing, now: Instant) {
        let jitter_ms = self
            .rng
            .below(self.impairment.jitter.as_millis() as u64 + 1);
        let due = now + self.impairment.delay + Duration::from_millis(jitter_ms);
        if self.on_the_way.len() < self.capacity {
            self.on_the_way.push((due, outgoing));
        }
    }

    fn garble(&mut self, bytes: &mut [u8]) {
        for _ in 0..=self.rng.below(4) {
            let at = self.rng.below(bytes.len() as u64) as usize;
            let byte = self.rng.draw() as u8;
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
    }

    /// The next datagram that has arrived by `now`.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Outgoing> {
        let (index, (due, _)) = self
            .on_the_way
            .iter()
            .enumerate()
            .min_by_key(|(_, (due, _))| *due)?;
        // `remove` keeps the order, so that equal delays do not reorder.
        (*due <= now).then(|| self.on_the_way.remove(index).1)
    }

    /// When the next one arrives.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.on_the_way.iter().map(|(due, _)| *due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(impairment: Impairment, count: u64) -> Vec<(u64, Vec<u8>)> {
        let to = "127.0.0.1:8890".parse().expect("an address");
        let mut line = Line::new(impairment, 7, ON_THE_WAY);
        let mut arrived = Vec::new();
        let begun = Instant::now();
        for tick in 0..count + 20 {
            let now = begun + Duration::from_millis(tick * 100);
            if tick < count {
                line.put(Outgoing::new(to, format!("time:{tick};").as_bytes()), now);
            }
            while let Some(outgoing) = line.arrived(now) {
                arrived.push((tick, outgoing.bytes.to_vec()));
            }
        }
        arrived
    }

    #[test]
    fn a_good_line_delivers_everything_at_once_and_in_order() {
        let arrived = run(Impairment::default(), 50);
        assert_eq!(arrived.len(), 50);
        assert!(
            arrived
                .iter()
                .all(|(tick, bytes)| *bytes == format!("time:{tick};").as_bytes())
        );
    }

    #[test]
    fn a_bad_line_does_what_it_is_told_and_the_same_every_time() {
        let bad = Impairment {
            drop_pct: 30,
            duplicate_pct: 30,
            garble_pct: 20,
            jitter: Duration::from_millis(300),
            ..Impairment::default()
        };
        let arrived = run(bad.clone(), 500);
        assert_eq!(arrived, run(bad, 500));
        assert!((400..520).contains(&arrived.len()), "{}", arrived.len());
        let intact = arrived
            .iter()
            .filter(|(_, bytes)| bytes.starts_with(b"time:") && bytes.ends_with(b";"))
            .count();
        assert!(intact < arrived.len());
    }

    #[test]
    fn a_full_line_loses_the_newest() {
        let slow = Impairment {
            delay: Duration::from_secs(60),
            ..Impairment::default()
        };
        let to = "127.0.0.1:8890".parse().expect("an address");
        let mut line = Line::new(slow, 1, ON_THE_WAY);
        let begun = Instant::now();
        for n in 0..100u8 {
            line.put(Outgoing::new(to, &[n]), begun);
        }
        let mut count = 0;
        while line.arrived(begun + Duration::from_secs(60)).is_some() {
            count += 1;
        }
        assert_eq!(count, ON_THE_WAY);
    }
}
