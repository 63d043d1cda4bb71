//! Ends a recording that a power cut or a full medium left without an end.
//!
//! Everything up to the first record that is not whole is kept, the torn rest is cut off,
//! and the file is closed and sealed as interrupted. More than the medium can have held
//! back is never cut: then it is damage, and left as it is for `verify` to name.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::entry::{Closing, Reason};
use crate::key::SigningKey;
use crate::walk::{Broken, Walk};
use crate::writer::Writer;

/// Most bytes that are cut off: more than is ever written between two syncs.
const MAX_CUT_BYTES: u64 = 4 << 20;

/// Ends the recording in `path`. False where there is nothing to be kept: not even an
/// opening was on the medium.
///
/// # Errors
/// The medium refuses.
pub(crate) fn recover(path: &Path, key: &Arc<SigningKey>) -> io::Result<bool> {
    let Ok(mut walk) = Walk::new(File::open(path)?) else {
        return Ok(false);
    };
    let broken = loop {
        match walk.step() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(broken) => break Some(broken),
        }
    };
    let Some(opening) = &walk.opening else {
        return Ok(false);
    };
    let length = std::fs::metadata(path)?.len();
    let is_torn = matches!(broken, None | Some(Broken::Read(_)));
    let is_done = walk.closing.is_some() && walk.is_sealed;
    // Of another device's key no seal can be made: a card that was moved.
    let is_ours = opening.public_key == key.public();
    if is_done || !is_torn || !is_ours || length - walk.offset > MAX_CUT_BYTES {
        return Ok(true);
    }
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(walk.offset)?;
    io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
    let closing = Closing {
        reason: Reason::Interrupted,
        counts: walk.counts,
    };
    let mut writer = Writer::on(file, key.clone(), walk.chain, walk.offset);
    if walk.closing.is_some() {
        // Only its seal was lost.
        writer.seal_only(walk.at_us)?;
    } else {
        writer.close(walk.at_us, &serde_json::to_vec(&closing)?)?;
    }
    Ok(true)
}
