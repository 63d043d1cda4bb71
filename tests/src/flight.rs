//! Captured flights in `tests/data/tello`; see `SOURCES.md` there.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/tello")
        .join(name)
}

/// Unix time and datagram of every state of one flight, as it was sent.
///
/// # Errors
/// The capture is missing or malformed.
pub fn states() -> anyhow::Result<Vec<(f64, Vec<u8>)>> {
    let path = data("xg590_flight_20201018_states.tsv");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (time, datagram) = line.split_once('\t').context("a line without a tab")?;
            Ok((
                time.parse()?,
                datagram.replace("\\r\\n", "\r\n").into_bytes(),
            ))
        })
        .collect()
}

/// The value of an integer field of a state datagram.
///
/// # Panics
/// When the capture lacks the field.
#[must_use]
pub fn field(datagram: &[u8], name: &str) -> i64 {
    let text = String::from_utf8_lossy(datagram);
    let value = text
        .split(';')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix(':'))
        .expect("field present");
    value.parse().expect("an integer")
}
