//! The sequence parameter set: what a decoder must know before the first picture
//! (ITU-T H.264, clause 7.3.2.1.1), and the frame number of a slice.
//!
//! Written here because it is a hundred lines; a parser of whole streams would
//! bring five crates into the binary for three figures. Pure.

use super::nal::{Bits, NalKind, nal_units};

/// Widest and highest picture believed. Tellos send 960 × 720; more than 4K is
/// noise that looks like a parameter set.
const MAX_SIDE: u32 = 4096;

/// Profiles whose sets carry chroma format and scaling lists.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// A sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// Profile, constraint flags and level: the six digits of the codec string.
    profile: [u8; 3],
    /// Width of a picture in pixels, as shown.
    pub width: u32,
    /// Height of a picture in pixels, as shown.
    pub height: u32,
    /// Bits of a frame number.
    frame_num_bits: u32,
    /// Whether slices name a colour plane.
    separate_planes: bool,
}

impl Sps {
    /// Reads a NAL unit; `None` when it is not a whole and believable set.
    pub(super) fn parse(nal: &[u8]) -> Option<Sps> {
        if NalKind::of(*nal.first()?) != NalKind::Sps {
            return None;
        }
        let profile = [*nal.get(1)?, *nal.get(2)?, *nal.get(3)?];
        let mut bits = Bits::of(nal);
        bits.bits(24)?;
        bits.unsigned().filter(|id| *id < 32)?;
        let (mut chroma, mut separate_planes) = (1, false);
        if HIGH_PROFILES.contains(&profile[0]) {
            chroma = bits.unsigned().filter(|chroma| *chroma < 4)?;
            separate_planes = chroma == 3 && bits.bit()? == 1;
            skip_depths_and_scaling(&mut bits, chroma)?;
        }
        let frame_num_bits = bits.unsigned().filter(|minus_four| *minus_four <= 12)? + 4;
        skip_picture_order(&mut bits)?;
        bits.unsigned()?; // reference frames
        bits.bit()?;
        let in_macroblocks = |count: u32| count.checked_add(1)?.checked_mul(16);
        let width = in_macroblocks(bits.unsigned()?)?;
        let rows = in_macroblocks(bits.unsigned()?)?;
        let fields = 1 + (1 - bits.bit()?);
        if fields == 2 {
            bits.bit()?;
        }
        let height = rows.checked_mul(fields)?;
        bits.bit()?;
        // Edges cut off, in units of the chroma sampling.
        let (mut cut_x, mut cut_y) = (0, 0);
        if bits.bit()? == 1 {
            let mut pair = || bits.unsigned()?.checked_add(bits.unsigned()?);
            let (x_unit, y_unit) = match chroma {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            cut_x = pair()?.checked_mul(x_unit)?;
            cut_y = pair()?.checked_mul(y_unit * fields)?;
        }
        let (width, height) = (width.checked_sub(cut_x)?, height.checked_sub(cut_y)?);
        let believable = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
        believable.then_some(Sps {
            profile,
            width,
            height,
            frame_num_bits,
            separate_planes,
        })
    }

    /// The first set in an Annex-B byte stream.
    #[must_use]
    pub fn find(stream: &[u8]) -> Option<Sps> {
        nal_units(stream).find_map(Sps::parse)
    }

    /// The codec as browsers name it (RFC 6381): `avc1.42c01f`.
    #[must_use]
    pub fn codec(&self) -> String {
        let [profile, constraints, level] = self.profile;
        format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
    }

    /// How many frames were left out between frame numbers `before` and `now`;
    /// none when the numbers are equal, as slices of one picture have them.
    pub(super) fn missing_between(&self, before: u32, now: u32) -> u32 {
        let step = now.wrapping_sub(before) & ((1 << self.frame_num_bits) - 1);
        step.saturating_sub(1)
    }

    /// The frame number of a slice.
    pub(super) fn frame_num(&self, slice: &[u8]) -> Option<u32> {
        let mut bits = Bits::of(slice);
        for _ in 0..3 {
            bits.unsigned()?; // first macroblock, slice type, picture parameter set
        }
        if self.separate_planes {
            bits.bits(2)?;
        }
        bits.bits(self.frame_num_bits)
    }
}

fn skip_depths_and_scaling(bits: &mut Bits<'_>, chroma: u32) -> Option<()> {
    bits.unsigned()?;
    bits.unsigned()?;
    bits.bit()?;
    if bits.bit()? == 1 {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.bit()? == 1 {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => drop(bits.unsigned()?),
        1 => {
            bits.bit()?;
            bits.signed()?;
            bits.signed()?;
            // The standard's most; the count comes from the wire.
            for _ in 0..bits.unsigned().filter(|count| *count <= 255)? {
                bits.signed()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::clip;
    use super::*;

    #[test]
    fn the_simulated_camera_is_read() {
        let sps = Sps::find(clip::CLIP).expect("the clip begins with it");
        assert_eq!((sps.width, sps.height), (960, 720));
        assert!(sps.codec().starts_with("avc1.42"), "{}", sps.codec());
    }

    /// High profile, 1920 × 1080 cropped from 1088 lines, as x264 writes it.
    const HIGH: [u8; 25] = [
        0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03,
        0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6,
    ];

    #[test]
    fn cropping_and_the_high_profile_are_understood() {
        let sps = Sps::parse(&HIGH).expect("a set");
        assert_eq!(
            (sps.width, sps.height, sps.codec().as_str()),
            (1920, 1080, "avc1.640028")
        );
        assert_eq!(Sps::parse(&HIGH[..8]), None);
        assert_eq!(Sps::parse(&[0x68, 1, 2, 3]), None);
    }

    /// Writes a set bit by bit, as the standard's clause 9.1 codes numbers.
    #[derive(Default)]
    struct Written(Vec<bool>);

    impl Written {
        fn bits(&mut self, value: u32, count: u32) -> &mut Written {
            self.0
                .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn unsigned(&mut self, value: u32) -> &mut Written {
            let length = (value + 1).ilog2();
            self.bits(0, length).bits(value + 1, length + 1)
        }

        fn signed(&mut self, value: i32) -> &mut Written {
            let twice = value.unsigned_abs() * 2;
            self.unsigned(if value > 0 { twice - 1 } else { twice })
        }

        /// The set, ended by its stop bit; with what keeps start codes out of it.
        fn nal(&mut self) -> Vec<u8> {
            self.bits(1, 1);
            let mut nal = vec![0x67];
            for byte in self.0.chunks(8) {
                let fold = |sum: u8, bit: &bool| sum << 1 | u8::from(*bit);
                let value = byte.iter().fold(0, fold) << (8 - byte.len());
                if value <= 3 && nal.ends_with(&[0, 0]) {
                    nal.push(3);
                }
                nal.push(value);
            }
            nal
        }

        /// The end of a set of 640 × 480: one reference frame, whole frames, no edges.
        fn size(&mut self) -> &mut Written {
            self.unsigned(1).bits(0, 1).unsigned(39).unsigned(29);
            self.bits(1, 1).bits(0, 1).bits(0, 1).bits(0, 1)
        }

        /// The beginning of one in the high profile: chroma format and sample depths.
        fn high(chroma: u32) -> Written {
            let mut written = Written::default();
            written.bits(0x64_00_28, 24).unsigned(0).unsigned(chroma);
            if chroma == 3 {
                written.bits(1, 1);
            }
            written.unsigned(0).unsigned(0).bits(0, 1);
            written
        }
    }

    #[test]
    fn scaling_lists_are_passed_over() {
        for (chroma, lists) in [(1, 8), (3, 12)] {
            let mut written = Written::high(chroma);
            written.bits(1, 1);
            for list in 0..lists {
                let size = if list < 6 { 16 } else { 64 };
                written.bits(u32::from(list % 3 != 2), 1);
                let steps: &[i32] = match list % 3 {
                    // Every value is written: one more than the one before.
                    0 => &[1; 64][..size],
                    // From the third on they are as the second: 8, then 9, then the end.
                    1 => &[0, 1, -9],
                    _ => &[],
                };
                for step in steps {
                    written.signed(*step);
                }
            }
            let nal = written.unsigned(0).unsigned(2).size().nal();
            let sps = Sps::parse(&nal).expect("a set");
            assert_eq!((sps.width, sps.height), (640, 480), "{lists} lists");
            assert_eq!((sps.frame_num_bits, sps.separate_planes), (4, chroma == 3));
        }
    }

    #[test]
    fn each_order_of_pictures_is_passed_over() {
        for order in 0..4 {
            let mut written = Written::high(1);
            written.bits(0, 1).unsigned(12).unsigned(order);
            if order == 0 {
                written.unsigned(4);
            } else if order == 1 {
                written.bits(0, 1).signed(-3).signed(5);
                written.unsigned(2).signed(-1).signed(7);
            }
            let sps = Sps::parse(&written.size().nal());
            let read = sps.map(|sps| (sps.width, sps.height, sps.frame_num_bits));
            assert_eq!(read, (order < 3).then_some((640, 480, 16)), "{order}");
        }
    }

    #[test]
    fn left_out_frames_are_counted_around_the_end_of_the_numbers() {
        let sps = Sps {
            profile: [66, 0, 31],
            width: 1,
            height: 1,
            frame_num_bits: 4,
            separate_planes: false,
        };
        assert_eq!(
            [(3, 4), (3, 3), (3, 6), (14, 1), (15, 0)].map(|(a, b)| sps.missing_between(a, b)),
            [0, 0, 2, 2, 0]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut nal in proptest::collection::vec(any::<u8>(), 1..60), profile in 0usize..14) {
            nal[0] = 0x67;
            if let (Some(byte), Some(high)) = (nal.get_mut(1), HIGH_PROFILES.get(profile)) {
                *byte = *high;
            }
            if let Some(sps) = Sps::parse(&nal) {
                prop_assert!(sps.width <= MAX_SIDE && sps.height <= MAX_SIDE);
                let _ = (sps.frame_num(&nal), sps.missing_between(7, 2), sps.codec());
            }
        }
    }
}
