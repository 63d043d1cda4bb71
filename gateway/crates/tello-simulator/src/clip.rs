//! What a simulated camera sees: a second of test pattern, coded as firmware
//! codes it, again and again. `clip/README.md` says where it comes from.
//!
//! Nothing is encoded at run time: a board has no processor to spare for it.

use std::sync::LazyLock;

use tello::h264::access_units;

/// The clip, an Annex-B byte stream.
pub static CLIP: &[u8] = include_bytes!("clip/clip.h264");

/// The frames of [`CLIP`], each a whole access unit.
static FRAMES: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| access_units(CLIP));

/// Frame number `index` of a stream without end.
pub fn frame(index: usize) -> &'static [u8] {
    FRAMES[index % FRAMES.len()]
}
