//! A drone's pictures in the containers that players take: fragmented MP4 and MPEG-TS.
//!
//! What is written is what one track of H.264 without reordering needs, and no more: a
//! muxer for everything is a hundred times as much program. Nothing is decoded. Pure.

mod mp4;
mod ts;

pub use mp4::{Mp4, NewParameters};
pub use ts::Ts;

/// Ticks of both containers in a second.
const TIMESCALE: u64 = 90_000;

/// A picture as the drone coded it.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// An access unit in Annex B; one that needs no other has its parameter sets.
    pub unit: &'a [u8],
    /// Whether it needs no other.
    pub key: bool,
    /// When it came, in milliseconds on any clock that does not jump.
    pub at_ms: u64,
}

/// Kinds of NAL units, by the lower five bits of their first byte.
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;

fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// Ticks since the first picture.
#[derive(Debug, Default)]
struct Clock {
    first_ms: Option<u64>,
    last: Option<u64>,
}

impl Clock {
    /// The time of a picture: never before or with the one before it.
    fn ticks(&mut self, at_ms: u64) -> u64 {
        let first = *self.first_ms.get_or_insert(at_ms);
        let ticks = at_ms.saturating_sub(first) * TIMESCALE / 1000;
        let after = self.last.map_or(0, |last| last + 1);
        let ticks = ticks.max(after);
        self.last = Some(ticks);
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_stands_still() {
        let mut clock = Clock::default();
        let ticks = [1_000, 1_033, 1_033, 1_000, 1_066].map(|at| clock.ticks(at));
        assert_eq!(ticks, [0, 2_970, 2_971, 2_972, 5_940]);
    }
}
