//! Any bytes as a camera's stream: the same units however they are cut, within their bound,
//! and a judgement that never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tello::h264::{AccessUnits, Gathered, MAX_UNIT_BYTES, ParameterSets, Sps, nal_units};

/// The units of `stream`, cut into datagrams of `size`.
fn units(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut gathering = AccessUnits::default();
    let mut whole = Vec::new();
    for datagram in stream.chunks(size) {
        gathering.take(datagram, |gathered| {
            if let Gathered::Unit(unit) = gathered {
                assert!(unit.len() <= MAX_UNIT_BYTES);
                whole.push(unit.to_vec());
            }
        });
    }
    whole
}

fuzz_target!(|data: &[u8]| {
    let Some((&size, stream)) = data.split_first() else {
        return;
    };
    let whole = units(stream, usize::from(size).max(1));
    assert_eq!(whole, units(stream, 1460));
    let mut sets = ParameterSets::default();
    for unit in &whole {
        if let Some(verdict) = sets.judge(unit) {
            assert!(verdict.sps.width > 0 && verdict.sps.height > 0);
        }
        let inside: usize = nal_units(unit).map(<[u8]>::len).sum();
        assert!(inside <= unit.len());
    }
    let _ = Sps::find(stream);
});
