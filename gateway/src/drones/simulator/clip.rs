//! What a simulated camera sees: a second of test pattern, coded as firmware
//! codes it, again and again. `clip/README.md` says where it comes from.
//!
//! Nothing is encoded at run time: a board has no processor to spare for it.

use std::sync::LazyLock;

use crate::drones::video::units::{Gathered, Units};

/// The clip, an Annex-B byte stream.
pub(in super::super) static CLIP: &[u8] = include_bytes!("clip/clip.h264");

/// Where the frames of [`CLIP`] end, found by the gateway's own eyes.
static ENDS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let (mut units, mut ends) = (Units::default(), Vec::new());
    units.take(CLIP, |gathered| {
        if let Gathered::Unit(unit) = gathered {
            ends.push(ends.last().copied().unwrap_or(0) + unit.len());
        }
    });
    // The last frame is complete at the end of the clip.
    ends.push(CLIP.len());
    ends
});

/// The frames in order, each a whole access unit.
#[cfg(test)]
pub(in super::super) fn frames() -> impl ExactSizeIterator<Item = &'static [u8]> {
    (0..ENDS.len()).map(frame)
}

/// Frame number `index` of a stream without end.
pub(in super::super) fn frame(index: usize) -> &'static [u8] {
    let index = index % ENDS.len();
    let begin = index.checked_sub(1).map_or(0, |before| ENDS[before]);
    &CLIP[begin..ENDS[index]]
}
