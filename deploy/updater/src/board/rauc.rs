//! RAUC verifies and writes bundles; dpkg compares versions.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mfg_update::bundle::{Offer, Progress, facts};
use mfg_update::verity;

use super::Fault;
use super::tools::run;

/// The longest line that is looked for in what RAUC says, in bytes.
const LINE_BYTES: u64 = 4096;

/// Verifies the signature of a bundle, and what it then says of itself. `floor` is the
/// oldest version that may be installed.
pub(super) fn inspect(bundle: &Path, running: &str, floor: &str) -> Result<Offer, Fault> {
    let mut info = Command::new("rauc");
    info.args(["info", "--output-format=shell"]);
    let (version, compatible) = facts(&run(info.arg(bundle), None)?);
    let older = is_older(&version, floor);
    Ok(Offer {
        newer: compared(&version, running),
        floor: older.then(|| floor.to_owned()),
        version,
        compatible,
    })
}

/// Compares all of a bundle with what was signed.
pub(super) fn verify(bundle: &Path) -> Result<(), Fault> {
    let info = run(Command::new("rauc").arg("info").arg(bundle), None)?;
    let signed = verity::Signed::parse(&info)
        .ok_or_else(|| Fault("it is not of the format verity".to_owned()))?;
    let at = |error: std::io::Error| Fault(format!("it cannot be read: {error}"));
    let file = File::open(bundle).map_err(at)?;
    let length = file.metadata().map_err(at)?.len();
    let mut last = [0; 8];
    file.read_exact_at(&mut last, length.saturating_sub(8))
        .map_err(at)?;
    let blocks = verity::blocks(length, last, &signed).map_err(Fault)?;
    verity::check(BufReader::new(file), blocks, &signed).map_err(Fault)
}

/// Whether `version` is older than `floor`.
pub(super) fn is_older(version: &str, floor: &str) -> bool {
    compared(version, floor) == Some(Ordering::Less)
}

/// A version against the running one; none when it is no version.
fn compared(version: &str, running: &str) -> Option<Ordering> {
    let dpkg = |words: &[&str]| run(Command::new("dpkg").args(words), None).is_ok();
    if !dpkg(&["--validate-version", version]) {
        None
    } else if dpkg(&["--compare-versions", version, "gt", running]) {
        Some(Ordering::Greater)
    } else if dpkg(&["--compare-versions", version, "eq", running]) {
        Some(Ordering::Equal)
    } else {
        Some(Ordering::Less)
    }
}

/// Writes a bundle into the slot that does not run. `progress` hears each new
/// percentage; a slot is written for minutes, so there is no time limit.
pub(super) fn install(bundle: &Path, progress: impl Fn(u8)) -> Result<(), Fault> {
    let fault = |error: std::io::Error| Fault(format!("rauc: {error}"));
    let (reader, writer) = std::io::pipe().map_err(fault)?;
    let mut install = Command::new("rauc");
    install.arg("install").arg(bundle).stdin(Stdio::null());
    install
        .stdout(writer.try_clone().map_err(fault)?)
        .stderr(writer);
    let mut child = install.spawn().map_err(fault)?;
    // (It holds ends of the pipe; without them reading ends with the child.)
    drop(install);

    let (mut failure, mut shown) = (None, None);
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader
        .by_ref()
        .take(LINE_BYTES)
        .read_until(b'\n', &mut line)
        .map_err(fault)?
        > 0
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        crate::log(&format!("rauc: {text}"));
        match Progress::parse(&text) {
            Progress::Percent(percent) if shown != Some(percent) => {
                shown = Some(percent);
                progress(percent);
            }
            Progress::Error(said) => failure = Some(said.to_owned()),
            _ => {}
        }
    }
    if child.wait().map_err(fault)?.success() {
        Ok(())
    } else {
        Err(Fault(
            failure.unwrap_or_else(|| "see journalctl -u rauc".to_owned()),
        ))
    }
}
