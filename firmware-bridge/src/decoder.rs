//! The incremental frame decoder: bytes in, checked frames out.
//!
//! Constant work per byte inside a frame, work bounded by the largest frame at
//! a delimiter, one fixed buffer. It cannot panic and cannot lose step: any
//! delimiter starts afresh, so garbage costs at most the frame it hit.

use cobs::{DecodeResult, DecoderState};

use crate::frame::{CRC_BYTES, CRC32, DELIMITER, HEADER_BYTES, Header, MAX_RAW_BYTES};

/// A frame whose check sum held. Its message is not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Version, direction, sequence number.
    pub header: Header,
    /// The encoded message.
    pub message: &'a [u8],
}

/// Why bytes between two delimiters are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Longer than any frame can be.
    Oversize,
    /// Not COBS, or shorter than the smallest frame.
    Malformed,
    /// The check sum does not match.
    Crc,
}

/// Counters of one decoder. They only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameStats {
    /// Frames whose check sum held.
    pub frames: u64,
    /// Frames with a wrong check sum.
    pub crc_errors: u64,
    /// Bytes between delimiters that were not COBS or too short.
    pub malformed: u64,
    /// Runs longer than any frame.
    pub oversize: u64,
    /// Bytes that belonged to no good frame, delimiters excluded.
    pub garbage_bytes: u64,
}

/// Finds frames in a stream of bytes.
#[derive(Debug)]
pub struct Decoder {
    cobs: DecoderState,
    raw: [u8; MAX_RAW_BYTES],
    len: usize,
    /// Bytes seen since the last delimiter, kept or not.
    seen: u64,
    overflowed: bool,
    stats: FrameStats,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cobs: DecoderState::Idle,
            raw: [0; MAX_RAW_BYTES],
            len: 0,
            seen: 0,
            overflowed: false,
            stats: FrameStats {
                frames: 0,
                crc_errors: 0,
                malformed: 0,
                oversize: 0,
                garbage_bytes: 0,
            },
        }
    }

    /// Takes one byte. Something comes out only at a delimiter that ends a
    /// non-empty run of bytes.
    pub fn feed(&mut self, byte: u8) -> Option<Result<Frame<'_>, Rejected>> {
        if byte == DELIMITER {
            return self.finish();
        }
        self.seen = self.seen.saturating_add(1);
        if !self.overflowed
            && let Ok(DecodeResult::DataContinue(decoded)) = self.cobs.feed(byte)
        {
            match self.raw.get_mut(self.len) {
                Some(place) => {
                    *place = decoded;
                    self.len += 1;
                }
                None => self.overflowed = true,
            }
        }
        None
    }

    /// Forgets a half-received frame, for a port that was opened anew.
    pub fn resynchronise(&mut self) {
        self.stats.garbage_bytes = self.stats.garbage_bytes.saturating_add(self.seen);
        self.restart();
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> FrameStats {
        self.stats
    }

    fn restart(&mut self) {
        self.cobs = DecoderState::Idle;
        self.len = 0;
        self.seen = 0;
        self.overflowed = false;
    }

    fn finish(&mut self) -> Option<Result<Frame<'_>, Rejected>> {
        if self.seen == 0 {
            // Between two frames, or right after start.
            return None;
        }
        let complete = matches!(self.cobs.feed(DELIMITER), Ok(DecodeResult::DataComplete));
        let (len, seen, overflowed) = (self.len, self.seen, self.overflowed);
        self.restart();

        let checked = if overflowed {
            Err(Rejected::Oversize)
        } else if complete {
            check(&self.raw[..len])
        } else {
            Err(Rejected::Malformed)
        };
        match &checked {
            Ok(_) => self.stats.frames += 1,
            Err(rejected) => {
                self.stats.garbage_bytes = self.stats.garbage_bytes.saturating_add(seen);
                match rejected {
                    Rejected::Oversize => self.stats.oversize += 1,
                    Rejected::Malformed => self.stats.malformed += 1,
                    Rejected::Crc => self.stats.crc_errors += 1,
                }
            }
        }
        Some(checked)
    }
}

fn check(raw: &[u8]) -> Result<Frame<'_>, Rejected> {
    let (body, checksum) = raw
        .split_last_chunk::<CRC_BYTES>()
        .ok_or(Rejected::Malformed)?;
    let (header, message) = body
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(Rejected::Malformed)?;
    if CRC32.checksum(body) != u32::from_le_bytes(*checksum) {
        return Err(Rejected::Crc);
    }
    Ok(Frame {
        header: Header::from_bytes(*header),
        message,
    })
}

#[cfg(test)]
mod bounds;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Direction, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, encode};
    use proptest::prelude::*;

    extern crate std;
    use std::vec::Vec;

    fn frame(sequence: u16, message: &[u8]) -> Vec<u8> {
        let header = Header {
            direction: Direction::ToHost,
            version: 1,
            sequence,
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        encode(header, message, &mut buffer).expect("fits").to_vec()
    }

    fn accepted(decoder: &mut Decoder, bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut frames = Vec::new();
        for byte in bytes {
            if let Some(Ok(frame)) = decoder.feed(*byte) {
                frames.push((frame.header.sequence, frame.message.to_vec()));
            }
        }
        frames
    }

    #[test]
    fn a_broken_check_sum_is_counted_and_costs_one_frame() {
        let mut bytes = frame(1, b"first");
        bytes[6] ^= 0x10;
        bytes.extend(frame(2, b"second"));
        let mut decoder = Decoder::new();
        assert_eq!(accepted(&mut decoder, &bytes), [(2, b"second".to_vec())]);
        assert_eq!(decoder.stats().crc_errors, 1);
        assert_eq!(decoder.stats().frames, 1);
    }

    #[test]
    fn endless_bytes_without_a_delimiter_are_counted_once() {
        let mut decoder = Decoder::new();
        assert_eq!(accepted(&mut decoder, &[0x55; 100_000]), []);
        assert_eq!(accepted(&mut decoder, &frame(7, b"ok")).len(), 1);
        assert_eq!(decoder.stats().oversize, 1);
        assert_eq!(decoder.stats().garbage_bytes, 100_000);
    }

    proptest! {
        /// Whatever stands before it, an intact frame is accepted.
        #[test]
        fn an_intact_frame_is_accepted_after_any_garbage(
            garbage in proptest::collection::vec(any::<u8>(), 0..400),
            message in proptest::collection::vec(any::<u8>(), 0..=MAX_MESSAGE_BYTES),
            sequence in any::<u16>(),
        ) {
            let mut decoder = Decoder::new();
            accepted(&mut decoder, &garbage);
            let after = accepted(&mut decoder, &frame(sequence, &message));
            prop_assert_eq!(after, [(sequence, message)]);
        }

        /// Every byte is either part of an accepted frame or counted.
        #[test]
        fn every_byte_is_accounted_for(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut decoder = Decoder::new();
            let frames = accepted(&mut decoder, &bytes);
            prop_assert!(frames.is_empty(), "random bytes passed a CRC-32");
            decoder.resynchronise();
            let payload = bytes.iter().filter(|byte| **byte != DELIMITER).count() as u64;
            prop_assert_eq!(decoder.stats().garbage_bytes, payload);
        }
    }
}
