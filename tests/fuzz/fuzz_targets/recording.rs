//! Any bytes as a flight record, as somebody may send one in: it is read up to where it is
//! whole, and what is not as it was written is named. No panic, no more memory than a
//! record may have.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(report) = recording::verify(bytes) else {
        return;
    };
    if let Some(fault) = report.fault {
        assert_eq!(fault.link, report.links + 1);
        assert!(fault.offset <= bytes.len() as u64);
    }
});
