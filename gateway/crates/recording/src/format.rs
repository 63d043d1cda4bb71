//! The bytes of a recording, version 1. Little-endian throughout.
//!
//! ```text
//! file    = header record*
//! header  = magic (8) version (2) zeros (6)
//! record  = length (4) kind (1) at (8) crc (4) payload (length)
//! seal    = a record whose payload is number (4) link (32) signature (64)
//! ```
//!
//! `at` is microseconds since the opening, on the monotonic clock. Records are in its order,
//! but for those that were told later than they happened, by less than a second. `crc` is CRC-32C of
//! the record without it. Link 0 is the SHA-256 of the header; link *n* that of link
//! *n* - 1 and of the records since then, the seals left out. A seal signs its number and its link,
//! and so everything before it. The first record is the opening, the last but one the closing, the
//! last a seal.
//!
//! Bytes once released never change their meaning: a further kind is a number that older
//! readers pass over, anything else is another version. Samples: `golden/v1`.

use crc::{CRC_32_ISCSI, Crc};
use ring::digest::{Context, SHA256};

/// Begins with a byte that is no text and ends with a line end, so that a transfer that
/// mends line ends shows at once.
pub(crate) const MAGIC: [u8; 8] = *b"\x89MFREC\r\n";

/// Version of the format.
pub const VERSION: u16 = 1;

/// Bytes before the first record.
pub(crate) const FILE_HEADER_BYTES: usize = 16;

/// Bytes of a record before its payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 17;

/// Longest payload. A picture of a drone has at most some 600 KiB; the rules and settings
/// that judged a flight are smaller.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Bytes of a link.
pub(crate) const LINK_BYTES: usize = 32;

/// Bytes of a signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// Bytes of a seal's payload.
pub(crate) const SEAL_BYTES: usize = 4 + LINK_BYTES + SIGNATURE_BYTES;

/// Put in front of what is signed, so that a signature means nothing elsewhere.
const SIGNED_AS: &[u8; 16] = b"MFG recording 1\0";

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// What a record holds. Numbers are for ever; a further one is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// JSON of [`crate::Opening`].
    Opening = 1,
    /// A state datagram as it came.
    State = 2,
    /// JSON of an event: commands with who and why, what the guard did.
    Event = 3,
    /// JSON of an alert that was raised or changed.
    Alert = 4,
    /// JSON of how the link changed.
    Link = 5,
    /// JSON of the rules and settings by which the flight was judged from here on.
    Judging = 6,
    /// JSON of how much is missing here, and why.
    Gap = 7,
    /// A whole picture: an access unit of H.264, Annex B.
    Picture = 8,
    /// A picture that needs those before it, coded alike.
    Frame = 9,
    /// JSON of [`crate::Closing`].
    Closing = 10,
    /// The end of a segment.
    Seal = 11,
}

impl Kind {
    /// Every one.
    pub const ALL: [Kind; 11] = [
        Kind::Opening,
        Kind::State,
        Kind::Event,
        Kind::Alert,
        Kind::Link,
        Kind::Judging,
        Kind::Gap,
        Kind::Picture,
        Kind::Frame,
        Kind::Closing,
        Kind::Seal,
    ];

    /// The kind of that number; none of a later program's.
    #[must_use]
    pub fn of(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Its name in exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Opening => "opening",
            Kind::State => "state",
            Kind::Event => "event",
            Kind::Alert => "alert",
            Kind::Link => "link",
            Kind::Judging => "judging",
            Kind::Gap => "gap",
            Kind::Picture => "picture",
            Kind::Frame => "frame",
            Kind::Closing => "closing",
            Kind::Seal => "seal",
        }
    }
}

/// The first bytes of a file.
pub(crate) fn file_header() -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header
}

/// The first bytes of a record.
pub(crate) fn record_header(kind: u8, at_us: u64, payload: &[u8]) -> [u8; RECORD_HEADER_BYTES] {
    let mut header = [0; RECORD_HEADER_BYTES];
    header[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[4] = kind;
    header[5..13].copy_from_slice(&at_us.to_le_bytes());
    let crc = checksum(&header[..13], payload);
    header[13..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The checksum of a record: of its header up to the checksum, and of its payload.
pub(crate) fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(header);
    digest.update(payload);
    digest.finalize()
}

/// The chain of links, as it is written and as it is read.
#[derive(Clone)]
pub(crate) struct Chain {
    link: [u8; LINK_BYTES],
    segment: Context,
    /// Seals so far.
    pub(crate) number: u32,
}

impl Chain {
    /// Of a file of which nothing but its header is there.
    pub(crate) fn new(header: &[u8; FILE_HEADER_BYTES]) -> Chain {
        let mut link = [0; LINK_BYTES];
        link.copy_from_slice(ring::digest::digest(&SHA256, header).as_ref());
        Chain::after(link, 0)
    }

    fn after(link: [u8; LINK_BYTES], number: u32) -> Chain {
        let mut segment = Context::new(&SHA256);
        segment.update(&link);
        Chain {
            link,
            segment,
            number,
        }
    }

    /// Adds a record that is no seal.
    pub(crate) fn add(&mut self, header: &[u8], payload: &[u8]) {
        self.segment.update(header);
        self.segment.update(payload);
    }

    /// Ends the segment: the number and the link of its seal.
    pub(crate) fn seal(&mut self) -> (u32, [u8; LINK_BYTES]) {
        let mut link = [0; LINK_BYTES];
        link.copy_from_slice(self.segment.clone().finish().as_ref());
        *self = Chain::after(link, self.number + 1);
        (self.number, self.link)
    }
}

/// What a seal signs.
pub(crate) fn signed(number: u32, link: &[u8; LINK_BYTES]) -> [u8; 16 + 4 + LINK_BYTES] {
    let mut message = [0; 16 + 4 + LINK_BYTES];
    message[..16].copy_from_slice(SIGNED_AS);
    message[16..20].copy_from_slice(&number.to_le_bytes());
    message[20..].copy_from_slice(link);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index + 1, "{}", kind.name());
            assert_eq!(Kind::of(kind as u8), Some(kind));
        }
        assert_eq!(Kind::of(0), None);
        assert_eq!(Kind::of(200), None);
    }

    /// Programs of others read them.
    #[test]
    fn exports_call_kinds_by_the_names_that_were_released() {
        let names = Kind::ALL.map(Kind::name);
        let records = ["opening", "state", "event", "alert", "link", "judging"];
        assert_eq!(names[..6], records);
        assert_eq!(names[6..], ["gap", "picture", "frame", "closing", "seal"]);
    }
}
