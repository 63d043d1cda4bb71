//! The clip of the simulated camera, for tests of what reads it.

use super::units::access_units;

/// The clip, an Annex-B byte stream.
pub(super) static CLIP: &[u8] = include_bytes!("../../../tello-simulator/src/clip/clip.h264");

/// Its frame of that number.
pub(super) fn frame(index: usize) -> &'static [u8] {
    access_units(CLIP)[index]
}
