//! Says whether a recording is as this or another gateway wrote it; if not, where it
//! first is not.

use std::io::Read;

use crate::entry::{Closing, Opening};
use crate::reader::ReadError;
use crate::walk::{Broken, Walk};

/// Where a recording is first not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Number of the link that does not hold, from 1.
    pub link: u32,
    /// Time of the last record before it, in microseconds since the opening.
    pub at_us: u64,
    /// Where in the file.
    pub offset: u64,
    /// What shows it, in words.
    pub what: String,
}

/// What verifying a recording came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How it began, if that could be read.
    pub opening: Option<Opening>,
    /// How it ended, if that could be read.
    pub closing: Option<Closing>,
    /// Records read.
    pub records: u64,
    /// Links that hold.
    pub links: u32,
    /// Time of the last record read, in microseconds.
    pub duration_us: u64,
    /// Where it is first not as it was written; none when it is whole.
    pub fault: Option<Fault>,
}

/// Verifies the recording in `input`: every checksum, the chain, every signature by the
/// key that its opening names, and that it has an end. Whose key that is, the caller
/// knows or does not.
///
/// # Errors
/// [`ReadError`] of what is no recording at all, or of another version.
pub fn verify(input: impl Read) -> Result<Report, ReadError> {
    let mut walk = Walk::new(input)?;
    let broken = loop {
        match walk.step() {
            Ok(true) => {}
            Ok(false) => break unfinished(&walk),
            Err(Broken::Read(error @ ReadError::Io { .. })) => return Err(error),
            Err(broken) => break Some(broken.to_string()),
        }
    };
    let links = walk.chain.number;
    let fault = broken.map(|what| Fault {
        link: links + 1,
        at_us: walk.at_us,
        offset: walk.offset,
        what,
    });
    Ok(Report {
        opening: walk.opening,
        closing: walk.closing,
        records: walk.records,
        links,
        duration_us: walk.at_us,
        fault,
    })
}

fn unfinished<R: Read>(walk: &Walk<R>) -> Option<String> {
    if walk.closing.is_some() && walk.is_sealed {
        None
    } else {
        Some("it has no end: it was cut off, or is still being recorded".to_owned())
    }
}
