//! The serial link between the gateway and a microcontroller beside it.
//!
//! The protocol half is `no_std` and never allocates: firmware, host and
//! simulator share these very types, so they cannot drift apart. The host half
//! (feature `host`) owns a serial port in its own thread. Nothing here knows
//! the gateway.
//!
//! # On the wire
//!
//! ```text
//! 00 ‖ COBS( header ‖ message ‖ crc ) ‖ 00
//!
//! header   1 byte   bit 7: direction, 0 = microcontroller → host, 1 = host → microcontroller
//!                   bits 6..0: protocol version of the frame (see `version`)
//!          2 bytes  sequence number, little endian, +1 per frame and direction, wraps
//! message  postcard 1.x encoding of `ToHost` or `ToMcu`, at most 64 bytes
//! crc      4 bytes  CRC-32/ISO-HDLC (zlib's) of header and message, little endian
//! ```
//!
//! Both delimiters are sent with every frame: a frame whose own bytes arrive
//! intact is accepted whatever stood before it, at the price of one byte. Two
//! delimiters in a row are an empty frame and mean nothing.
//!
//! Frames are kept small (one sensor description a frame, never a list) so
//! that even a line which breaks one byte in a hundred gets through.
#![no_std]

#[cfg(feature = "host")]
extern crate std;

pub mod channel;
pub mod decoder;
pub mod frame;
pub mod mcu;
pub mod message;
pub mod sensor;
pub mod text;
pub mod version;

#[cfg(all(feature = "host", unix))]
pub mod host;
#[cfg(all(feature = "host", unix))]
pub mod monitor;
#[cfg(all(feature = "host", unix))]
pub mod peer;
