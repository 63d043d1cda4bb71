//! Any text as a request for an update and as what RAUC says of a bundle: whatever is read
//! of it has only characters that lead nowhere else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfg_update::bundle::{Request, facts};

fuzz_target!(|text: &str| {
    let safe = |text: &str| text.chars().all(|one| one.is_ascii_alphanumeric() || ".+~-_".contains(one));
    let request = Request::parse(text);
    assert!(safe(&request.format) && safe(&request.id), "{request:?}");
    let (version, compatible) = facts(text);
    assert!(safe(&version), "{version:?}");
    assert!(!compatible.contains('\n'), "{compatible:?}");
});
