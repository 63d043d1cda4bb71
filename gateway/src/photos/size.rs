//! Width and height of a photo, from its first bytes. Pure.

use super::Kind;
use crate::sources::tello::Sps;

/// Width and height in pixels; `None` when the bytes do not tell.
pub(super) fn of(kind: Kind, head: &[u8]) -> Option<(u32, u32)> {
    match kind {
        Kind::Jpeg => of_jpeg(head),
        Kind::H264 => Sps::find(head).map(|sps| (sps.width, sps.height)),
    }
}

/// From the frame header (SOF0 to SOF2; ITU-T T.81, annex B).
fn of_jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    while let [0xff, marker, high, low, segment @ ..] = rest {
        let number =
            |at: usize| Some(u32::from(*segment.get(at)?) << 8 | u32::from(*segment.get(at + 1)?));
        if (0xc0..=0xc2).contains(marker) {
            return Some((number(3)?, number(1)?));
        }
        let length = (usize::from(*high) << 8 | usize::from(*low)).checked_sub(2)?;
        rest = segment.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_tells_its_size_behind_other_segments() {
        let jpeg = [
            &[0xff, 0xd8, 0xff, 0xe0, 0, 4, 9, 9][..],
            &[0xff, 0xc0, 0, 17, 8, 2, 0xd0, 3, 0xc0, 3],
        ]
        .concat();
        assert_eq!(of(Kind::Jpeg, &jpeg), Some((960, 720)));
        for cut in 0..jpeg.len() - 1 {
            assert_eq!(of(Kind::Jpeg, &jpeg[..cut]), None);
        }
        assert_eq!(of(Kind::Jpeg, &[0xff, 0xd8, 0xff, 0xe0, 0, 0]), None);
        assert_eq!(of(Kind::H264, b"noise"), None);
    }
}
