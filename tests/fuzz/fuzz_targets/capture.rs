//! Any text as a board's capture, as a user may send one in: it is refused, or
//! it is a board whose sensors can be sampled. No panic, nothing written outside
//! its own folder, no value that is not a number.
#![no_main]

use boards::{Board, Sample, Tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(tree) = Tree::from_manifest(text) else {
        return;
    };
    let mut board = Board::of(tree, None);
    for now_ms in [0, 100_000] {
        board.sample(now_ms, &mut |_, sample| {
            if let Sample::Reading(reading) = sample {
                assert!(reading.value.is_finite());
            }
        });
    }
});
