//! Any text as a configuration file: no panic, and a refusal names a place.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mfg_drone_gateway::Loaded;

/// One file for the life of the process; the library reads from a path.
static FILE: LazyLock<tempfile::NamedTempFile> =
    LazyLock::new(|| tempfile::NamedTempFile::new().expect("a temporary file"));

fuzz_target!(|text: &str| {
    std::fs::write(FILE.path(), text).expect("the file is ours");
    if let Err(error) = Loaded::read(Some(FILE.path()), [], &[]) {
        assert!(!error.problems.is_empty());
        assert!(!error.to_string().is_empty());
    }
});
