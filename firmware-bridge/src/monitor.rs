//! The link in words: one line per event, and a capture taken apart frame by frame.
//!
//! For people at a terminal. Separate from the link, which must not allocate;
//! this does nothing else.

use core::fmt;
use std::borrow::Cow;
use std::format;
use std::string::String;
use std::vec::Vec;

use crate::channel::{Undecodable, decode};
use crate::decoder::{Decoder, Frame, FrameStats, Rejected};
use crate::frame::{Direction, Header};
use crate::host::{BoardDescription, LinkEvent};
use crate::message::{Event, ToHost, ToMcu};
use crate::sensor::Sensor;

/// One event as one line, without a line end. `board` is the one of the last
/// [`LinkEvent::Connected`]; with it, readings carry names and units.
#[must_use]
pub fn line(event: &LinkEvent, board: Option<&BoardDescription>) -> String {
    let sensor_of = |index: u8| board.and_then(|board| board.sensors.get(usize::from(index)));
    let name_of = |index: u8| match sensor_of(index) {
        Some(sensor) => format!("{}", sensor.name),
        None => format!("sensor {index}"),
    };
    match event {
        LinkEvent::Connected { board } => format!(
            "connected: {} firmware {} protocol {} started by {:?}, {} sensors",
            board.id(),
            board.greeting.firmware,
            board.version,
            board.greeting.reset,
            board.sensors.len()
        ),
        LinkEvent::Reading {
            sensor,
            value,
            host_ms,
        } => {
            let unit = sensor_of(*sensor).map_or("", |sensor| sensor.unit.symbol());
            format!(
                "{} {:20} {value:>10.3} {unit}",
                seconds(*host_ms),
                name_of(*sensor)
            )
        }
        LinkEvent::Fault {
            sensor,
            fault,
            host_ms,
        } => {
            format!(
                "{} {:20} no value: {fault:?}",
                seconds(*host_ms),
                name_of(*sensor)
            )
        }
        LinkEvent::Refused { sensor, value } => {
            let refused = refused(*value, sensor_of(*sensor));
            format!("{:>11} {:20} {refused}", "", name_of(*sensor))
        }
        LinkEvent::Event { event, host_ms } => {
            format!("{} {}", seconds(*host_ms), happening(*event))
        }
        LinkEvent::Log {
            level,
            text,
            host_ms,
        } => format!("{} log {level:?}: {text}", seconds(*host_ms)),
        LinkEvent::StopUnknown => {
            String::from("the board does not say whether its emergency stop is engaged")
        }
        LinkEvent::Restarted { cause } => format!("the board started anew: {cause:?}"),
        LinkEvent::Lost { reason, port } => match port {
            Some(port) => format!("no link at {port}: {reason}"),
            None => format!("no link: {reason}"),
        },
    }
}

/// Why a value is refused.
fn refused(value: f32, sensor: Option<&Sensor>) -> String {
    match sensor {
        Some(Sensor { unit, min, max, .. }) => {
            let unit = unit.symbol();
            format!("value {value} {unit} refused: it gives {min} to {max}")
        }
        None => format!("value {value} refused"),
    }
}

fn seconds(ms: u64) -> String {
    format!("{:>7}.{:03} s", ms / 1_000, ms % 1_000)
}

/// What happened, for people.
#[must_use]
pub fn happening(event: Event) -> String {
    match event {
        Event::Button { index, pressed } => {
            let how = if pressed { "pressed" } else { "let go" };
            format!("button {index} {how}")
        }
        Event::EmergencyStop { engaged: true } => String::from("EMERGENCY STOP engaged"),
        Event::EmergencyStop { engaged: false } => String::from("emergency stop released"),
    }
}

/// What a stretch of a capture is.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A message to the host.
    ToHost(Header, ToHost),
    /// A message to the board.
    ToMcu(Header, ToMcu),
    /// A good frame without a message that is known here.
    Unknown(Header, Undecodable),
    /// Bytes that are no frame.
    Rejected(Rejected),
    /// The capture ends within it.
    CutOff,
}

/// A stretch between two delimiters of a capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Where it begins, in bytes.
    pub offset: usize,
    /// Its bytes, without delimiters.
    pub length: usize,
    /// What it is.
    pub found: Found,
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |header: &Header| format!("v{} #{:05}", header.version, header.sequence);
        let (offset, length) = (self.offset, self.length);
        match &self.found {
            Found::ToHost(header, message) => {
                write!(f, "{offset:08x} <- {} {message:?}", number(header))
            }
            Found::ToMcu(header, message) => {
                write!(f, "{offset:08x} -> {} {message:?}", number(header))
            }
            Found::Unknown(header, why) => write!(
                f,
                "{offset:08x} ?? {} {why:?}, {length} bytes",
                number(header)
            ),
            Found::Rejected(why) => {
                write!(f, "{offset:08x} !! {length} bytes, {}", rejection(*why))
            }
            Found::CutOff => write!(f, "{offset:08x} !! {length} bytes, cut off"),
        }
    }
}

/// Decodes a capture of the line, either or both directions, and hands out every
/// frame and every stretch of garbage. Returns the counters at the end.
///
/// A capture in hexadecimal text (as `xxd -p` or a logic analyser writes it)
/// is taken as well.
pub fn decode_capture(capture: &[u8], mut stretch: impl FnMut(Stretch)) -> FrameStats {
    let bytes = bytes_of(capture);
    let mut decoder = Decoder::new();
    let mut offset = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(outcome) = decoder.feed(*byte) {
            let found = outcome.map_or_else(Found::Rejected, |frame| content(&frame));
            stretch(Stretch {
                offset,
                length: at - offset,
                found,
            });
        }
        if *byte == crate::frame::DELIMITER {
            offset = at + 1;
        }
    }
    if offset < bytes.len() {
        stretch(Stretch {
            offset,
            length: bytes.len() - offset,
            found: Found::CutOff,
        });
    }
    decoder.resynchronise();
    decoder.stats()
}

fn content(frame: &Frame<'_>) -> Found {
    let header = frame.header;
    let found = match header.direction {
        Direction::ToHost => decode::<ToHost>(frame).map(|message| Found::ToHost(header, message)),
        Direction::ToMcu => decode::<ToMcu>(frame).map(|message| Found::ToMcu(header, message)),
    };
    found.unwrap_or_else(|why| Found::Unknown(header, why))
}

/// Why bytes are no frame, for people.
#[must_use]
pub fn rejection(rejected: Rejected) -> &'static str {
    match rejected {
        Rejected::Oversize => "longer than any frame",
        Rejected::Malformed => "not a frame",
        Rejected::Crc => "wrong check sum",
    }
}

/// Hexadecimal text as the bytes it means; anything else as it is.
fn bytes_of(capture: &[u8]) -> Cow<'_, [u8]> {
    let digits: Vec<u8> = capture
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let is_hex = !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_hex {
        return Cow::Borrowed(capture);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    let bytes = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| digit(*high) << 4 | digit(*low));
    Cow::Owned(bytes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::LogLevel;

    fn decoded(capture: &[u8]) -> (Vec<String>, FrameStats) {
        let mut lines = Vec::new();
        let stats = decode_capture(capture, |stretch| lines.push(format!("{stretch}")));
        (lines, stats)
    }

    #[test]
    fn a_capture_shows_both_directions_and_what_is_broken() {
        let capture = "00 02 81 01 01 07 01 01 09 67 32 0a 00
                       00 14 01 02 01 02 01 94 b4 e4 f4 cb 03 9a 99 31 41 87 68 30 ee 00
                       00 14 01 02 01 02 01 94 b4 e4 f4 cb 03 9a 99 31 42 87 68 30 ee 00
                       48 65";
        let (lines, stats) = decoded(capture.as_bytes());
        assert_eq!(
            lines,
            [
                "00000001 -> v1 #00000 Hello { min: 1, current: 1 }",
                "0000000e <- v1 #00258 Reading { sensor: 1, ticks: 123456789012, value: 11.1 }",
                "00000024 !! 20 bytes, wrong check sum",
                "00000039 !! 2 bytes, cut off",
            ]
        );
        assert_eq!(
            (stats.frames, stats.crc_errors, stats.garbage_bytes),
            (2, 1, 22)
        );
    }

    #[test]
    fn text_from_a_board_cannot_drive_the_terminal() {
        let event = LinkEvent::Log {
            level: LogLevel::Error,
            text: "\x1b[2Jgone".into(),
            host_ms: 1_500,
        };
        assert_eq!(line(&event, None), "      1.500 s log Error: ?[2Jgone");
    }
}
