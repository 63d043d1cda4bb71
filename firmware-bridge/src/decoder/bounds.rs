//! The decoder's bounds, shown by visiting every state it can be in.
//!
//! What the decoder does next depends on the COBS state, the length so far and
//! two flags, never on the bytes it kept; those decide only whether the check
//! sum holds, and both answers are tried. That leaves some ten thousand states,
//! so the code itself is run from each of them with each of the 256 bytes: not
//! a sample, and no model beside the code that could differ from it.

use std::collections::HashSet;
use std::vec::Vec;

use cobs::DecoderState;

use super::{Decoder, FrameStats};
use crate::frame::{CRC_BYTES, CRC32, DELIMITER, HEADER_BYTES, MAX_MESSAGE_BYTES, MAX_RAW_BYTES};

extern crate std;

/// Everything that decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Control {
    /// Which COBS state, and its counter.
    cobs: (u8, u8),
    len: usize,
    seen: bool,
    overflowed: bool,
}

impl Control {
    fn of(decoder: &Decoder) -> Self {
        let cobs = match decoder.cobs {
            DecoderState::Idle => (0, 0),
            DecoderState::Grab(left) => (1, left),
            DecoderState::GrabChain(left) => (2, left),
        };
        Self {
            cobs,
            len: decoder.len,
            seen: decoder.seen > 0,
            overflowed: decoder.overflowed,
        }
    }

    /// A decoder in this state.
    fn decoder(self) -> Decoder {
        let cobs = match self.cobs {
            (0, _) => DecoderState::Idle,
            (1, left) => DecoderState::Grab(left),
            (_, left) => DecoderState::GrabChain(left),
        };
        let (raw, stats) = ([0x5a; MAX_RAW_BYTES], FrameStats::default());
        Decoder {
            cobs,
            raw,
            len: self.len,
            seen: self.seen.into(),
            overflowed: self.overflowed,
            stats,
        }
    }
}

/// Makes the kept bytes end in a check sum that holds, or does not.
fn seal(decoder: &mut Decoder, sound: bool) {
    if let Some(body) = decoder.len.checked_sub(CRC_BYTES) {
        let sum = CRC32.checksum(&decoder.raw[..body]);
        let sum = if sound { sum } else { !sum };
        decoder.raw[body..decoder.len].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Runs one byte and checks all that is promised of it; the state after it.
fn step(from: Control, byte: u8, sound: bool) -> Control {
    let mut decoder = from.decoder();
    if byte == DELIMITER {
        seal(&mut decoder, sound);
    }
    let outcome = decoder.feed(byte);
    if byte != DELIMITER {
        assert!(outcome.is_none(), "{from:?} gives something at {byte}");
    } else if let Some(Ok(frame)) = outcome {
        assert!(sound, "{from:?} accepts a wrong check sum");
        assert!(frame.message.len() <= MAX_MESSAGE_BYTES, "{from:?}");
        assert_eq!(HEADER_BYTES + frame.message.len() + CRC_BYTES, from.len);
    }
    let to = Control::of(&decoder);
    assert!(to.len <= MAX_RAW_BYTES, "{from:?} with {byte}");
    if byte == DELIMITER {
        // Whatever came before, the next frame begins afresh.
        assert_eq!(to, Control::of(&Decoder::new()), "{from:?}");
    }
    to
}

#[test]
fn every_reachable_state_keeps_its_bounds_with_every_byte() {
    let start = Control::of(&Decoder::new());
    let mut known = HashSet::from([start]);
    let mut open = Vec::from([start]);
    while let Some(from) = open.pop() {
        step(from, DELIMITER, true);
        for byte in 0..=u8::MAX {
            let to = step(from, byte, false);
            if known.insert(to) {
                open.push(to);
            }
        }
    }
    // The longest frame is among them, and the first byte too many.
    assert!(
        known
            .iter()
            .any(|state| state.len == MAX_RAW_BYTES && !state.overflowed)
    );
    assert!(known.iter().any(|state| state.overflowed));
    assert!(known.len() > 10_000, "only {} states", known.len());
}
