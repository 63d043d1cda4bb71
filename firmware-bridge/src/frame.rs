//! Frame layout, limits and encoding: bytes around a message, never its content.

use core::fmt;

use crate::version;

/// Ends and begins every frame; COBS keeps it out of the frame's inside.
pub const DELIMITER: u8 = 0;

/// Version, direction and sequence number.
pub const HEADER_BYTES: usize = 3;

/// CRC-32 after the message.
pub const CRC_BYTES: usize = 4;

/// Largest encoded message. Checked against every message type at compile
/// time in [`crate::message`].
pub const MAX_MESSAGE_BYTES: usize = 64;

/// Largest frame before COBS.
pub const MAX_RAW_BYTES: usize = HEADER_BYTES + MAX_MESSAGE_BYTES + CRC_BYTES;

/// Largest frame on the wire, both delimiters included.
pub const MAX_FRAME_BYTES: usize = cobs::max_encoding_length(MAX_RAW_BYTES) + 2;

// Firmware sizes its buffers by this number; a change is a decision.
const _: () = assert!(MAX_FRAME_BYTES == 74);

/// Room for the largest frame.
pub type FrameBuffer = [u8; MAX_FRAME_BYTES];

/// The same CRC-32 as zlib, Ethernet and PNG use, so that any language has an
/// independent encoder at hand.
pub(crate) const CRC32: crc::Crc<u32, crc::Table<1>> =
    crc::Crc::<u32, crc::Table<1>>::new(&crc::CRC_32_ISO_HDLC);

const DIRECTION_BIT: u8 = 0x80;

/// Which way a frame travels. In the header, so that an echoing line or a
/// loop-back plug cannot feed a side its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Microcontroller → host.
    ToHost,
    /// Host → microcontroller.
    ToMcu,
}

/// The first bytes of every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Direction of travel.
    pub direction: Direction,
    /// Protocol version of the message, at most [`version::LIMIT`].
    pub version: u8,
    /// Sequence number, one per frame and direction, wrapping.
    pub sequence: u16,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let direction = match self.direction {
            Direction::ToHost => 0,
            Direction::ToMcu => DIRECTION_BIT,
        };
        let [low, high] = self.sequence.to_le_bytes();
        [direction | (self.version & version::LIMIT), low, high]
    }

    pub(crate) fn from_bytes([first, low, high]: [u8; HEADER_BYTES]) -> Self {
        Self {
            direction: if first & DIRECTION_BIT == 0 {
                Direction::ToHost
            } else {
                Direction::ToMcu
            },
            version: first & version::LIMIT,
            sequence: u16::from_le_bytes([low, high]),
        }
    }
}

/// Why a message was not put into a frame. Both are faults of the program, not
/// of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The message does not fit [`MAX_MESSAGE_BYTES`].
    TooLong,
    /// The message is not valid, or newer than the settled version.
    NotAllowed,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "message longer than a frame holds",
            Self::NotAllowed => "message not valid in the settled protocol version",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes one frame around `message` into `buffer` and returns its bytes.
///
/// # Errors
///
/// [`EncodeError::TooLong`] when `message` exceeds [`MAX_MESSAGE_BYTES`].
pub fn encode<'b>(
    header: Header,
    message: &[u8],
    buffer: &'b mut FrameBuffer,
) -> Result<&'b [u8], EncodeError> {
    let mut raw = heapless::Vec::<u8, MAX_RAW_BYTES>::new();
    let too_long = |_| EncodeError::TooLong;
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(EncodeError::TooLong);
    }
    raw.extend_from_slice(&header.to_bytes())
        .map_err(too_long)?;
    raw.extend_from_slice(message).map_err(too_long)?;
    let checksum = CRC32.checksum(&raw);
    raw.extend_from_slice(&checksum.to_le_bytes())
        .map_err(too_long)?;

    buffer[0] = DELIMITER;
    let body = cobs::try_encode(&raw, &mut buffer[1..MAX_FRAME_BYTES - 1])
        .map_err(|_| EncodeError::TooLong)?;
    buffer[1 + body] = DELIMITER;
    Ok(&buffer[..body + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_message_fits_and_a_larger_one_is_refused() {
        let header = Header {
            direction: Direction::ToMcu,
            version: 1,
            sequence: 0x0101,
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        // No zero inside: the worst case for COBS.
        let largest = [0xa5; MAX_MESSAGE_BYTES];
        let frame = encode(header, &largest, &mut buffer).expect("fits");
        assert!(frame.len() >= MAX_FRAME_BYTES - CRC_BYTES);
        assert_eq!(frame.iter().filter(|byte| **byte == DELIMITER).count(), 2);
        let mut buffer = [0; MAX_FRAME_BYTES];
        assert_eq!(
            encode(header, &[1; MAX_MESSAGE_BYTES + 1], &mut buffer),
            Err(EncodeError::TooLong)
        );
    }

    #[test]
    fn headers_survive_their_bytes() {
        for direction in [Direction::ToHost, Direction::ToMcu] {
            let header = Header {
                direction,
                version: version::LIMIT,
                sequence: 0xfffe,
            };
            assert_eq!(Header::from_bytes(header.to_bytes()), header);
        }
    }
}
