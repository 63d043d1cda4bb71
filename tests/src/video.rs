//! Frames of H.264 as long as a test wants them. No decoder would show a picture;
//! whoever relays them cannot tell.

/// Parameter sets of 960 × 720, Baseline.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x1f, 0xda, 0x03, 0xc0, 0x5b, 0xb0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,
    0x00, 0x03, 0x00, 0x3c, 0x0f, 0x18, 0x32, 0xa0,
];
const PPS: &[u8] = &[0x68, 0xce, 0x03, 0x92, 0xc8];

/// A whole picture of that length with believable parameter sets, or a frame built on it.
#[must_use]
pub fn picture(key: bool, length: usize) -> Vec<u8> {
    let sets = [&[0, 0, 0, 1][..], SPS, &[0, 0, 0, 1], PPS].concat();
    let slice: &[u8] = if key {
        &[0, 0, 0, 1, 0x65, 0x88]
    } else {
        &[0, 0, 0, 1, 0x41, 0x9a]
    };
    let mut frame = if key {
        [&sets, slice].concat()
    } else {
        slice.to_vec()
    };
    frame.resize(length, 0x55);
    frame
}
