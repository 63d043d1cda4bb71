//! State datagrams as they come, kept for half a minute: what a flight began with is known
//! only once it has begun.
//!
//! A ring of bytes a drone, taken when its first datagram comes; after that nothing is
//! allocated, and the lock is held for a copy. The oldest goes for the newest. While the
//! drone is being recorded that is a loss, which is counted and told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use readings::clock::Mono;
use readings::{MAX_SOURCES, SourceId};

use crate::sources::sink::Tap;

/// Bytes of a ring: half a minute of 177 bytes at 20 Hz, the most that firmware sends. It
/// also bridges a medium that stands still for as long.
const RING_BYTES: usize = 128 * 1024;

/// Time and length in front of each datagram.
const HEAD_BYTES: usize = 10;

/// The rings, one a source that was heard.
pub(crate) struct StateTap {
    rings: Box<[Mutex<Ring>]>,
}

impl StateTap {
    /// Of which nothing was heard.
    pub(crate) fn new() -> StateTap {
        StateTap {
            rings: (0..MAX_SOURCES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Counts from now on what gives way, or no longer.
    pub(super) fn count_losses(&self, source: SourceId, count: bool) {
        let mut ring = self.ring(source);
        (ring.counts, ring.lost) = (count, 0);
    }

    /// Takes what is there, oldest first, and how many gave way since the last time.
    pub(super) fn take(&self, source: SourceId) -> (Vec<(Mono, Vec<u8>)>, u64) {
        let mut copied = Vec::new();
        let lost = {
            let mut ring = self.ring(source);
            // (Room outside the lock would be a guess; this is one call of the allocator.)
            copied.reserve_exact(ring.length);
            ring.copy_to(&mut copied);
            (ring.start, ring.length) = (0, 0);
            std::mem::take(&mut ring.lost)
        };
        (datagrams(&copied), lost)
    }

    fn ring(&self, source: SourceId) -> MutexGuard<'_, Ring> {
        // Plain values: after a panic a damaged datagram at worst.
        self.rings[source.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for StateTap {
    fn heard(&self, source: SourceId, datagram: &[u8], at: Mono) {
        self.ring(source).push(datagram, at);
    }
}

#[derive(Default)]
struct Ring {
    bytes: Box<[u8]>,
    start: usize,
    length: usize,
    counts: bool,
    lost: u64,
}

impl Ring {
    fn push(&mut self, datagram: &[u8], at: Mono) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; RING_BYTES].into_boxed_slice();
        }
        let needed = HEAD_BYTES + datagram.len();
        let Ok(length) = u16::try_from(datagram.len()) else {
            return; // no datagram of UDP
        };
        while self.length + needed > self.bytes.len() {
            self.drop_oldest();
        }
        self.put(&at.as_millis().to_le_bytes());
        self.put(&length.to_le_bytes());
        self.put(datagram);
    }

    fn put(&mut self, bytes: &[u8]) {
        let at = (self.start + self.length) % RING_BYTES;
        let first = bytes.len().min(RING_BYTES - at);
        self.bytes[at..at + first].copy_from_slice(&bytes[..first]);
        self.bytes[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        self.length += bytes.len();
    }

    fn drop_oldest(&mut self) {
        let byte = |offset: usize| self.bytes[(self.start + offset) % RING_BYTES];
        let length = usize::from(u16::from_le_bytes([byte(8), byte(9)]));
        let gone = HEAD_BYTES + length;
        self.start = (self.start + gone) % RING_BYTES;
        self.length -= gone;
        self.lost += u64::from(self.counts);
    }

    fn copy_to(&self, to: &mut Vec<u8>) {
        let first = self.length.min(self.bytes.len() - self.start);
        to.extend_from_slice(&self.bytes[self.start..self.start + first]);
        to.extend_from_slice(&self.bytes[..self.length - first]);
    }
}

/// The datagrams of a ring's bytes.
fn datagrams(mut bytes: &[u8]) -> Vec<(Mono, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() {
        let [a, b, c, d, e, f, g, h, low, high] = *head;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let at = Mono::from_millis(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        let (datagram, behind) = rest.split_at(length.min(rest.len()));
        found.push((at, datagram.to_vec()));
        bytes = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use readings::{SourceKind, Sources};

    use super::*;

    #[test]
    fn nothing_is_allocated_after_the_first_datagram() {
        let source = Sources::default()
            .register("d1", SourceKind::Drone)
            .expect("room");
        let tap = StateTap::new();
        tap.heard(source, b"first", Mono::ZERO);
        let counted = allocation_counter::measure(|| {
            for n in 0..5_000 {
                tap.heard(source, &[b'x'; 177], Mono::from_millis(n));
            }
        });
        assert_eq!(counted.count_total, 0, "{counted:?}");
        let (kept, lost) = tap.take(source);
        assert_eq!((kept.len(), lost), (RING_BYTES / (177 + HEAD_BYTES), 0));
        assert_eq!(kept[0].0, Mono::from_millis(5_000 - kept.len() as u64));
        assert!(tap.take(source).0.is_empty());
    }

    proptest! {
        /// Against a plain list: the newest are there, and each that is not was counted.
        #[test]
        fn the_newest_are_kept_and_the_rest_counted(
            lengths in proptest::collection::vec(0usize..2048, 1..400),
            takes_at in 0usize..400,
        ) {
            let source = Sources::default().register("d1", SourceKind::Drone).expect("room");
            let tap = StateTap::new();
            tap.count_losses(source, true);
            let (mut pushed, mut taken, mut lost) = (Vec::new(), Vec::new(), 0);
            for (n, length) in lengths.iter().enumerate() {
                let datagram = vec![n as u8; *length];
                tap.heard(source, &datagram, Mono::from_millis(n as u64));
                pushed.push((Mono::from_millis(n as u64), datagram));
                if n == takes_at {
                    let (kept, gone) = tap.take(source);
                    prop_assert_eq!(kept.len() as u64 + gone, pushed.len() as u64);
                    prop_assert_eq!(&kept[..], &pushed[gone as usize..]);
                    taken.extend(kept);
                    lost += gone;
                }
            }
            let (kept, gone) = tap.take(source);
            prop_assert_eq!((taken.len() + kept.len()) as u64 + lost + gone, pushed.len() as u64);
            prop_assert_eq!(&kept[..], &pushed[pushed.len() - kept.len()..]);
        }
    }
}
