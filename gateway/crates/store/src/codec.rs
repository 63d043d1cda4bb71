//! Records to bytes and back: a version byte, then postcard.
//!
//! Pure. A change of shape is a new version beside the old one; a version is
//! never edited, and its golden bytes under `golden/` hold it to that. This
//! module must never guess: bytes of an unknown version are an error.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The version written; every value starts with it.
pub(super) const VERSION: u8 = 1;

/// Why stored bytes are not a record.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// Written by a newer gateway.
    #[error("record version {0} is newer than this gateway's {VERSION}")]
    Newer(u8),
    /// Not what the version says.
    #[error("record does not decode")]
    Malformed,
}

/// The bytes of a record.
pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    // postcard fails only on sequences of unknown length, which no record has.
    if let Ok(body) = postcard::to_allocvec(record) {
        bytes.extend_from_slice(&body);
    }
    bytes
}

/// The record in `bytes`; trailing bytes are an error.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (version, body) = bytes.split_first().ok_or(DecodeError::Malformed)?;
    match *version {
        VERSION => match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            _ => Err(DecodeError::Malformed),
        },
        0 => Err(DecodeError::Malformed),
        newer => Err(DecodeError::Newer(newer)),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::records::samples;

    /// Both ways against bytes that were written once and are never edited.
    fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        record: &T,
        golden: &[u8],
        name: &str,
    ) {
        let bytes = encode(record);
        let golden = samples::golden(name, &bytes, golden);
        assert_eq!(
            bytes, golden,
            "{name}: the encoding of version {VERSION} changed; make a new version"
        );
        assert_eq!(
            &decode::<T>(&golden).expect("golden bytes decode"),
            record,
            "{name}"
        );
    }

    #[test]
    fn version_1_is_what_it_always_was() {
        // `holds` compares each with its golden file, both ways.
        holds(
            &samples::key(),
            include_bytes!("golden/v1/key.bin"),
            "key.bin",
        );
        holds(
            &samples::alert(),
            include_bytes!("golden/v1/alert.bin"),
            "alert.bin",
        );
        holds(
            &samples::rule(),
            include_bytes!("golden/v1/rule.bin"),
            "rule.bin",
        );
        holds(
            &samples::outbox(),
            include_bytes!("golden/v1/outbox.bin"),
            "outbox.bin",
        );
        holds(
            &samples::audit(),
            include_bytes!("golden/v1/audit.bin"),
            "audit.bin",
        );
        holds(
            &vec![samples::history()],
            include_bytes!("golden/v1/history.bin"),
            "history.bin",
        );
    }

    #[test]
    fn foreign_bytes_are_errors() {
        let mut bytes = encode(&samples::rule());
        bytes.push(0);
        assert_eq!(
            decode::<crate::RuleRecord>(&bytes),
            Err(DecodeError::Malformed),
            "trailing byte"
        );
        bytes[0] = VERSION + 1;
        assert_eq!(
            decode::<crate::RuleRecord>(&bytes),
            Err(DecodeError::Newer(VERSION + 1))
        );
        assert_eq!(decode::<u8>(&[]), Err(DecodeError::Malformed));
        assert_eq!(decode::<u8>(&[0, 1]), Err(DecodeError::Malformed));
    }
}
