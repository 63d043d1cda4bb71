//! Access units (one picture each) out of datagrams, by start codes alone.
//!
//! A Tello cuts its byte stream into datagrams of 1460 bytes and ends a frame
//! with a shorter one, unless the frame is an exact multiple. So lengths prove
//! nothing: a unit ends where the next begins, one frame later. Whatever the
//! division into datagrams, the same bytes give the same units. Pure.

use super::nal::{NalKind, START_CODE, find_start_code, opens_access_unit};

/// Longest access unit. A Tello's whole pictures have 20 to 60 KB, at its highest
/// bit rate (5 Mbit/s, 21 KB a frame on average) some 100 KB. A longer one is
/// dropped whole: no decoder could do anything with its beginning.
pub const MAX_UNIT_BYTES: usize = 192 * 1024;

/// Bytes of the next unit that may follow one before that shows: a start code with
/// its zero, the header, and room for one more.
const MAX_UNDECIDED_BYTES: usize = 6;

/// What was gathered.
#[derive(Debug, PartialEq)]
pub enum Gathered<'a> {
    /// A whole access unit with its start codes.
    Unit(&'a [u8]),
    /// One that was too long, dropped.
    Oversized,
}

/// Gathers access units.
#[derive(Debug, Default)]
pub struct AccessUnits {
    /// The unit being gathered, from its first start code; before one was found,
    /// what may be the beginning of a start code.
    buffer: Vec<u8>,
    /// No start code begins before this index that was not seen.
    scanned: usize,
    /// Whether the buffer begins with a start code.
    begun: bool,
    /// Whether the unit holds a slice.
    has_picture: bool,
    /// Whether the unit was found too long, and its bytes let go.
    oversized: bool,
}

impl AccessUnits {
    /// Takes bytes of the stream; gives what is complete with them to `done`.
    pub fn take(&mut self, bytes: &[u8], mut done: impl FnMut(Gathered<'_>)) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let Some(code) = find_start_code(&self.buffer, self.scanned) else {
                let tail = self.buffer.len().saturating_sub(START_CODE.len() - 1);
                self.scanned = self.scanned.max(tail);
                break;
            };
            let header = code + START_CODE.len();
            let Some(opens) = opens_access_unit(&self.buffer[header..]) else {
                self.scanned = code;
                break;
            };
            self.scanned = header;
            if opens && (self.has_picture || !self.begun) {
                // The zero before it is part of the start code.
                self.turn(
                    code - usize::from(code > 0 && self.buffer[code - 1] == 0),
                    &mut done,
                );
            }
            let kind = self.buffer.get(self.scanned).map(|byte| NalKind::of(*byte));
            self.has_picture |= self.begun && kind.is_some_and(NalKind::is_slice);
        }
        self.let_go();
    }

    /// Ends the unit before `end`, and begins the next there.
    fn turn(&mut self, end: usize, done: &mut impl FnMut(Gathered<'_>)) {
        if self.begun {
            self.complete(end, done);
        }
        self.buffer.drain(..end);
        self.scanned -= end;
        (self.begun, self.has_picture, self.oversized) = (true, false, false);
    }

    fn complete(&self, end: usize, done: &mut impl FnMut(Gathered<'_>)) {
        if self.oversized || end > MAX_UNIT_BYTES {
            done(Gathered::Oversized);
        } else {
            done(Gathered::Unit(&self.buffer[..end]));
        }
    }

    /// Lets go of bytes that cannot become part of a unit: those before the first
    /// start code, and a unit that is too long whatever comes.
    fn let_go(&mut self) {
        if self.begun && self.buffer.len() > MAX_UNIT_BYTES + MAX_UNDECIDED_BYTES {
            self.oversized = true;
        }
        if !self.begun || self.oversized {
            // All but the zero that may belong to the next start code.
            let gone = self.scanned.saturating_sub(1);
            self.buffer.drain(..gone);
            self.scanned -= gone;
        }
    }

    /// Forgets what was gathered, and gives its memory back.
    pub fn reset(&mut self) {
        *self = AccessUnits::default();
    }
}

/// The access units of a stream that is there as a whole; the last one ends with
/// it. What stands before the first is left out. For what arrives piece by piece
/// see [`AccessUnits`].
#[must_use]
pub fn access_units(stream: &[u8]) -> Vec<&[u8]> {
    let (mut begins, mut has_picture, mut from) = (Vec::new(), false, 0);
    while let Some(code) = find_start_code(stream, from) {
        from = code + START_CODE.len();
        let nal = &stream[from..];
        if opens_access_unit(nal) == Some(true) && (has_picture || begins.is_empty()) {
            // The zero before it is part of the start code.
            begins.push(code - usize::from(code > 0 && stream[code - 1] == 0));
            has_picture = false;
        }
        let is_slice = nal
            .first()
            .is_some_and(|byte| NalKind::of(*byte).is_slice());
        has_picture |= is_slice && !begins.is_empty();
    }
    let ends = begins.iter().skip(1).copied().chain([stream.len()]);
    let bounds = begins.iter().copied().zip(ends);
    bounds.map(|(begin, end)| &stream[begin..end]).collect()
}

#[cfg(test)]
#[path = "units_tests.rs"]
mod tests;
