//! The newest frames of one drone, shared by everybody who watches it.
//!
//! One ring a drone, whatever the number of viewers: a viewer is a place in it.
//! So a viewer that is slow, or never reads, costs nobody memory; it finds its
//! place overwritten and goes on with the next whole picture, since a decoder
//! cannot do without one. Pure.

use std::collections::VecDeque;

use bytes::Bytes;
use readings::clock::Mono;
use tello::h264::Sps;

/// Most frames kept: two seconds, so that whoever comes finds the last whole
/// picture, which drones send about once a second, and all that built on it.
const MAX_FRAMES: usize = 64;

/// Most bytes kept: two seconds at 2 Mbit/s, a Tello's usual rate. With more the
/// oldest go sooner.
pub(super) const MAX_RING_BYTES: usize = 512 * 1024;

/// Frames a viewer may be behind while a newer whole picture is there: half a
/// second. Later is of no use to who steers by it.
const MAX_BEHIND: u64 = 15;

/// One picture as the drone coded it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// An access unit in Annex B; one that needs no other has its parameter sets.
    pub(super) bytes: Bytes,
    /// Whether it needs no other.
    pub(super) key: bool,
    /// When it was whole.
    pub(super) at: Mono,
    /// The parameter set it is coded by.
    pub(super) sps: Sps,
}

/// The frames, oldest first, numbered from the start of the stream.
#[derive(Debug, Default)]
pub(super) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    next: u64,
}

/// A viewer's place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Number of the frame it needs next; none before its first.
    next: Option<u64>,
    /// Whether it lost its place and needs a whole picture.
    lost: bool,
}

impl Ring {
    /// Adds the newest frame; the oldest go for it.
    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
        self.next += 1;
        while self.frames.len() > MAX_FRAMES || self.bytes > MAX_RING_BYTES {
            let Some(gone) = self.frames.pop_front() else {
                break;
            };
            self.bytes -= gone.bytes.len();
        }
    }

    /// The frame a viewer gets next, if it is there, and how many it never gets.
    pub(super) fn take(&self, place: &mut Place) -> Option<(&Frame, u64)> {
        let oldest = self.next - self.frames.len() as u64;
        let wanted = place.next.unwrap_or(oldest);
        let fits = place.next.is_some() && !place.lost && wanted >= oldest;
        let newest_key = self
            .frames
            .iter()
            .rposition(|frame| frame.key)
            .map(|index| oldest + index as u64);
        let is_late = self.next.saturating_sub(wanted) > MAX_BEHIND
            && newest_key.is_some_and(|key| key > wanted);
        let number = if fits && !is_late {
            wanted
        } else {
            // One that is lost waits for a whole picture it has not had.
            place.lost = true;
            newest_key.filter(|key| *key >= wanted)?
        };
        let frame = self.frames.get((number - oldest) as usize)?;
        let skipped = place.next.map_or(0, |wanted| number - wanted);
        *place = Place {
            next: Some(number + 1),
            lost: false,
        };
        Some((frame, skipped))
    }

    /// Lets go of every frame; the numbers go on.
    pub(super) fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tello_simulator::clip;

    use super::*;

    fn frame(key: bool, tag: u64, length: usize) -> Frame {
        let sps = Sps::find(clip::CLIP).expect("a set");
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.resize(length.max(8), 0);
        Frame {
            bytes: bytes.into(),
            key,
            at: Mono::ZERO,
            sps,
        }
    }

    fn tag(frame: &Frame) -> u64 {
        u64::from_le_bytes(frame.bytes[..8].try_into().expect("eight"))
    }

    fn ring(keys: impl IntoIterator<Item = bool>, length: usize) -> Ring {
        let mut ring = Ring::default();
        for (tag, key) in keys.into_iter().enumerate() {
            ring.push(frame(key, tag as u64, length));
        }
        ring
    }

    #[test]
    fn a_new_viewer_begins_with_the_newest_whole_picture() {
        let ring = ring([true, false, true, false, false], 10);
        let mut place = Place::default();
        let seen: Vec<u64> =
            std::iter::from_fn(|| ring.take(&mut place).map(|(frame, _)| tag(frame))).collect();
        assert_eq!(seen, [2, 3, 4]);
        assert!(Ring::default().take(&mut Place::default()).is_none());
    }

    #[test]
    fn a_viewer_that_is_overtaken_goes_on_with_a_whole_picture() {
        let mut ring = ring([true], 10);
        let mut place = Place::default();
        assert_eq!(
            ring.take(&mut place)
                .map(|(frame, skipped)| (tag(frame), skipped)),
            Some((0, 0))
        );
        for n in 1..200 {
            ring.push(frame(false, n, 10));
        }
        assert!(ring.take(&mut place).is_none(), "nothing it could decode");
        ring.push(frame(true, 200, 10));
        ring.push(frame(false, 201, 10));
        assert_eq!(
            ring.take(&mut place)
                .map(|(frame, skipped)| (tag(frame), skipped)),
            Some((200, 199))
        );
        assert_eq!(
            ring.take(&mut place)
                .map(|(frame, skipped)| (tag(frame), skipped)),
            Some((201, 0))
        );
    }

    #[test]
    fn a_viewer_that_is_late_does_not_fall_further_behind() {
        let mut ring = ring([true, false], 10);
        let mut place = Place::default();
        ring.take(&mut place);
        for n in 2..30 {
            ring.push(frame(n == 25, n, 10));
        }
        assert_eq!(
            ring.take(&mut place)
                .map(|(frame, skipped)| (tag(frame), skipped)),
            Some((25, 24))
        );
    }

    proptest! {
        /// Whatever comes and however viewers read: the bounds hold, a viewer gets
        /// each frame at most once and in order, and after a gap a whole picture.
        #[test]
        fn bounds_and_order_hold(
            steps in proptest::collection::vec((any::<bool>(), 0usize..60_000, 0usize..4), 1..200),
        ) {
            let (mut ring, mut place, mut last) = (Ring::default(), Place::default(), None);
            for (number, (key, length, reads)) in steps.into_iter().enumerate() {
                ring.push(frame(key, number as u64, length));
                prop_assert!(ring.frames.len() <= MAX_FRAMES && ring.bytes() <= MAX_RING_BYTES);
                prop_assert_eq!(ring.bytes(), ring.frames.iter().map(|frame| frame.bytes.len()).sum::<usize>());
                for _ in 0..reads {
                    let Some((got, skipped)) = ring.take(&mut place) else { break };
                    let follows = last.is_some_and(|last| tag(got) == last + 1);
                    prop_assert!(got.key || follows);
                    prop_assert!(last.is_none_or(|last| tag(got) == last + 1 + skipped));
                    last = Some(tag(got));
                }
            }
        }
    }
}
