//! Frames of a WebSocket as they come in, counted: how many one message is cut into.
//!
//! The library that reads messages bounds their bytes, and takes fragments without any
//! for ever: millions of them a second that never make a message. Here their headers are
//! followed, nothing else. Pure.

use thiserror::Error;

/// Most frames of one message. The longest that is taken has 16 KiB; those who fragment
/// at all do so by the kilobyte.
const MOST_FRAMES: u32 = 256;
/// Longest header of a frame: two bytes, eight of length, four of mask.
const HEADER_BYTES: usize = 2 + 8 + 4;

/// A message was cut into more than [`MOST_FRAMES`] frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a message of more than {MOST_FRAMES} frames")]
pub(super) struct TooMany;

/// Where in the stream of frames the last byte stood.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER_BYTES],
    /// Bytes of it that are there.
    length: usize,
    /// Bytes of the frame's payload still to come.
    payload: u64,
    /// Frames of the message so far.
    frames: u32,
}

impl Frames {
    /// Follows `bytes`.
    ///
    /// # Errors
    /// [`TooMany`]; the stream is not to be followed further.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.payload > 0 {
                let here = self.payload.min(bytes.len() as u64);
                self.payload -= here;
                bytes = bytes.get(here as usize..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            // It never holds more than a header: a whole one is taken out at once.
            self.header[self.length] = *first;
            self.length += 1;
            if let Some(payload) = payload_of(&self.header[..self.length]) {
                self.begun(self.header[0])?;
                (self.payload, self.length) = (payload, 0);
            }
        }
        Ok(())
    }

    /// Counts a frame by the first byte of its header.
    fn begun(&mut self, first: u8) -> Result<(), TooMany> {
        const LAST: u8 = 0x80;
        const CONTROL: u8 = 0x08;
        if first & CONTROL != 0 {
            return Ok(());
        }
        self.frames = match first & LAST {
            0 => self.frames + 1,
            _ => 0,
        };
        if self.frames >= MOST_FRAMES {
            return Err(TooMany);
        }
        Ok(())
    }
}

/// Bytes of payload, once the header is whole (RFC 6455, 5.2).
fn payload_of(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask = if second & 0x80 != 0 { 4 } else { 0 };
    let (length, so_far) = match second & 0x7F {
        126 => (
            u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (u64::from_be_bytes(header.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    (header.len() == so_far + mask).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a client: its first byte, and so many bytes of payload.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..126 => bytes.push(0x80 | length as u8),
            126..0x1_0000 => {
                bytes.push(0x80 | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend([0xFF; 4]);
        bytes.extend(vec![0x00; length]);
        bytes
    }

    fn follow(bytes: &[u8], pieces: usize) -> Result<(), TooMany> {
        let mut frames = Frames::default();
        bytes
            .chunks(pieces)
            .try_for_each(|piece| frames.follow(piece))
    }

    #[test]
    fn ordinary_messages_pass_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in [0, 1, 125, 126, 300, 70_000] {
            for _ in 0..300 / (1 + length / 1000) {
                bytes.extend(frame(0x81, length)); // whole
                bytes.extend(frame(0x89, 3)); // a ping
                bytes.extend(frame(0x02, length)); // in two
                bytes.extend(frame(0x89, 0)); // and a ping between
                bytes.extend(frame(0x80, length));
            }
        }
        for pieces in [1, 7, 4096, usize::MAX] {
            assert_eq!(follow(&bytes, pieces), Ok(()));
        }
    }

    #[test]
    fn fragments_without_end_are_told() {
        for length in [0, 1, 200] {
            let begun = frame(0x01, length);
            let more = |frames: u32| {
                let rest = (1..frames).flat_map(|_| [frame(0x00, length), frame(0x89, 0)].concat());
                begun.iter().copied().chain(rest).collect::<Vec<u8>>()
            };
            for pieces in [1, 4096] {
                assert_eq!(follow(&more(MOST_FRAMES - 1), pieces), Ok(()));
                assert_eq!(follow(&more(MOST_FRAMES), pieces), Err(TooMany));
            }
        }
    }
}
