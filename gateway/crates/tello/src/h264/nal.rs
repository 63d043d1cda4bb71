//! NAL units of an H.264 byte stream (ITU-T H.264, Annex B and clause 7): where
//! they begin, what they are, and the bits in them.
//!
//! Only as much as relaying needs: parameter sets, the first fields of a slice.
//! No picture is decoded here. Pure; whatever the bytes are, nothing panics.

/// A start code without its optional leading zero.
pub(super) const START_CODE: [u8; 3] = [0, 0, 1];

/// What a NAL unit holds, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NalKind {
    /// A slice that needs pictures before it.
    Slice,
    /// A slice of a picture that needs none.
    IdrSlice,
    /// A sequence parameter set: the size of pictures, among others.
    Sps,
    /// A picture parameter set.
    Pps,
    /// What may only stand before a picture's slices: delimiter, SEI, reserved 14–18.
    Prefix,
    /// The rest: partitions, end of stream, filler, what nobody defined.
    Other,
}

impl NalKind {
    /// By the header byte.
    pub(super) fn of(header: u8) -> NalKind {
        match header & 0x1f {
            1 => NalKind::Slice,
            5 => NalKind::IdrSlice,
            7 => NalKind::Sps,
            8 => NalKind::Pps,
            6 | 9 | 14..=18 => NalKind::Prefix,
            _ => NalKind::Other,
        }
    }

    /// Whether it is part of a picture.
    pub(super) fn is_slice(self) -> bool {
        matches!(self, NalKind::Slice | NalKind::IdrSlice)
    }
}

/// Whether a NAL unit that starts with these bytes opens the next access unit,
/// given that the one before it holds a picture (clause 7.4.1.2.3). A slice does
/// when its first macroblock is number 0, whose code is a single 1 bit.
/// `None`: more bytes are needed to tell.
pub fn opens_access_unit(nal: &[u8]) -> Option<bool> {
    let kind = NalKind::of(*nal.first()?);
    if kind.is_slice() {
        return nal.get(1).map(|byte| byte & 0x80 != 0);
    }
    Some(matches!(
        kind,
        NalKind::Sps | NalKind::Pps | NalKind::Prefix
    ))
}

/// The first start code in `bytes` from `from` on: where its `00 00 01` begins.
pub fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    // By the third byte: over 1 no start code covers it, so three are passed at once.
    while let Some(&third) = bytes.get(at + 2) {
        match third {
            0 => at += 1,
            1 if bytes[at..at + 2] == [0, 0] => return Some(at),
            _ => at += 3,
        }
    }
    None
}

/// The NAL units of an access unit, header byte first, without start codes.
pub fn nal_units(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = find_start_code(unit, 0);
    std::iter::from_fn(move || {
        let begin = next? + START_CODE.len();
        next = find_start_code(unit, begin);
        let nal = unit.get(begin..next.unwrap_or(unit.len()))?;
        // Zeros at the end belong to the next start code.
        let end = nal
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        Some(&nal[..end])
    })
}

/// Reads the bits of a NAL unit's payload, without emulation prevention bytes.
pub(super) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    zeros: u8,
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    /// From after the header byte.
    pub(super) fn of(nal: &'a [u8]) -> Bits<'a> {
        Bits {
            bytes: nal.get(1..).unwrap_or_default().iter(),
            zeros: 0,
            byte: 0,
            left: 0,
        }
    }

    /// One bit.
    pub(super) fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let mut byte = *self.bytes.next()?;
            if byte == 3 && self.zeros >= 2 {
                self.zeros = 0;
                byte = *self.bytes.next()?;
            }
            self.zeros = if byte == 0 {
                self.zeros.saturating_add(1)
            } else {
                0
            };
            (self.byte, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// A number of up to 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count.min(32)).try_fold(0, |value: u32, _| Some(value << 1 | self.bit()?))
    }

    /// An unsigned Exp-Golomb number.
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb number.
    pub(super) fn signed(&mut self) -> Option<i32> {
        let code = i64::from(self.unsigned()?);
        let magnitude = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { magnitude } else { -magnitude }).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_the_standard_codes_them() {
        // 1 | 010 | 011 | 00100 | 1010…: 0, 1, 2, 3, then four bits.
        let nal = [0x67, 0b1010_0110, 0b0100_1010];
        let mut bits = Bits::of(&nal);
        assert_eq!(
            (0..4).map(|_| bits.unsigned()).collect::<Vec<_>>(),
            [0, 1, 2, 3].map(Some)
        );
        assert_eq!(bits.bits(4), Some(0b1010));
        assert_eq!(bits.bit(), None);
        let mut bits = Bits::of(&nal);
        assert_eq!(
            (0..4).map(|_| bits.signed()).collect::<Vec<_>>(),
            [0, 1, -1, 2].map(Some)
        );
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        let mut bits = Bits::of(&[0x67, 0, 0, 3, 1, 3]);
        assert_eq!(bits.bits(32), Some(0x0000_0103));
    }

    #[test]
    fn a_unit_is_split_at_either_start_code() {
        let unit = [
            0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 8, 0, 0, 0, 1, 0x65, 0x88,
        ];
        let nals: Vec<&[u8]> = nal_units(&unit).collect();
        assert_eq!(nals, [&[0x67, 9][..], &[0x68, 8], &[0x65, 0x88]]);
        assert_eq!(nal_units(b"no code").count(), 0);
    }

    proptest! {
        #[test]
        fn start_codes_are_found_where_a_plain_search_finds_them(
            bytes in proptest::collection::vec(0u8..3, 0..60), from in 0usize..60,
        ) {
            let plain = bytes.windows(3).enumerate().skip(from).find(|(_, w)| *w == START_CODE).map(|(at, _)| at);
            prop_assert_eq!(find_start_code(&bytes, from), plain);
        }

        // No assertion: a panic is what fails it (sums and places are checked here).
        #[test]
        fn no_bytes_make_it_panic(nal in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut bits = Bits::of(&nal);
            while bits.unsigned().is_some() && bits.signed().is_some() && bits.bits(40).is_some() {}
            let _ = (opens_access_unit(&nal), nal_units(&nal).count());
        }
    }
}
