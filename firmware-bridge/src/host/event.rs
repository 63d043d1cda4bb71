//! What a link tells its owner.

use core::fmt;
use std::sync::Arc;

use super::board::BoardDescription;
use super::foreign::{FirstBytes, Foreign};
use super::refusal::{Refusal, Why};
use crate::message::{Event, LogLevel, LogText, ResetCause};
use crate::sensor::Fault;
use crate::text::Text;
use crate::version;

/// Something the owner of a link should know. Times are milliseconds since
/// `LinkConfig::epoch` on the monotonic clock, mapped from the board's ticks.
///
/// Nothing on the way of a reading allocates; a connection does, once.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The board is known and its readings follow. Also after the board
    /// restarted by itself.
    Connected {
        /// Who it is and what it measures.
        board: Arc<BoardDescription>,
    },
    /// A measured value: finite and within the sensor's range.
    Reading {
        /// Position in [`BoardDescription::sensors`].
        sensor: u8,
        /// The value, in the sensor's unit.
        value: f32,
        /// When it was measured.
        host_ms: u64,
    },
    /// A value that the sensor cannot give: not a number, or outside its range.
    Refused {
        /// Position in [`BoardDescription::sensors`].
        sensor: u8,
        /// What the board sent.
        value: f32,
    },
    /// A sensor could not be read.
    Fault {
        /// Position in [`BoardDescription::sensors`].
        sensor: u8,
        /// Why.
        fault: Fault,
        /// When.
        host_ms: u64,
    },
    /// A button or the emergency stop. A lost emergency-stop frame is made up
    /// for from the next state message, within about a second. None before the
    /// board's first state after the port was opened: what waited in the buffers of
    /// board and driver happened to somebody else. The emergency stop is told as soon
    /// as the board greets, even if it describes a sensor in a way that is refused.
    Event {
        /// What happened.
        event: Event,
        /// When.
        host_ms: u64,
    },
    /// The board was asked, and for a second does not say whether somebody stopped it
    /// all. Told once for each asking.
    StopUnknown,
    /// The board started anew, although nobody may have seen it on the line.
    Restarted {
        /// Why, as it says.
        cause: ResetCause,
    },
    /// A log record of the firmware.
    Log {
        /// How grave.
        level: LogLevel,
        /// The line.
        text: LogText,
        /// When.
        host_ms: u64,
    },
    /// There is no link, and why. Told once per reason, not per attempt;
    /// attempts go on by themselves.
    Lost {
        /// Why.
        reason: LostReason,
        /// The port tried last, when the selector named one.
        port: Option<Arc<str>>,
    },
}

/// Why there is no link. The text says what a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostReason {
    /// No such port: not plugged in, or another name.
    NotFound,
    /// Another program holds the port.
    Busy,
    /// The gateway may not open the port.
    PermissionDenied,
    /// The port cannot be opened for another reason.
    OpenFailed {
        /// What the system said.
        error: Text<64>,
    },
    /// The port went away while in use.
    Unplugged,
    /// What is called so is no serial port.
    NotSerial {
        /// What it is: "a directory" and so on.
        what: &'static str,
    },
    /// The port is open, but nothing is heard on it.
    NoGreeting,
    /// Bytes arrive, and none of them are a board's of ours.
    Foreign {
        /// Whose they seem to be.
        whose: Foreign,
        /// The first ones, escaped.
        first: FirstBytes,
    },
    /// The board greets, but its greeting is refused.
    Ungreeted {
        /// What is wrong with it.
        why: Why,
    },
    /// The board greets, but what it says of a sensor is refused, or does not arrive.
    Undescribed {
        /// Position of the first such sensor.
        sensor: u8,
        /// What was refused of it, if anything arrived.
        refusal: Option<Arc<Refusal>>,
    },
    /// The board stopped talking.
    Silent,
    /// The board talks, but what is said to it does not arrive.
    Unheard,
    /// The board speaks no version the gateway does.
    Incompatible {
        /// What the board speaks.
        theirs: version::Range,
    },
    /// The link was stopped by its owner.
    Stopped,
}

impl LostReason {
    /// Whether it says the same as `other`, so that nobody needs to hear it again. What
    /// a foreign device sends is never twice the same.
    #[must_use]
    pub fn repeats(&self, other: &LostReason) -> bool {
        match (self, other) {
            (Self::Foreign { whose, .. }, Self::Foreign { whose: told, .. }) => whose == told,
            _ => self == other,
        }
    }
}

impl fmt::Display for LostReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(
                "no such serial port; is the board plugged in, and the port name right?",
            ),
            Self::Busy => f.write_str("the serial port is in use by another program; close it"),
            Self::PermissionDenied => f.write_str(
                "no permission for the serial port; add the gateway's user to the group dialout",
            ),
            Self::OpenFailed { error } => write!(f, "the serial port cannot be opened: {error}"),
            Self::Unplugged => f.write_str("the serial port went away; check the cable"),
            Self::NotSerial { what } => {
                write!(f, "it is {what} and no serial port; correct the selector")
            }
            Self::NoGreeting => f.write_str(
                "the port is open but no board answers; check the baud rate, the firmware and the wiring",
            ),
            Self::Foreign { whose, first } => write!(
                f,
                "bytes arrive, but not ours: \"{first}\", {whose}; nothing more is sent to it"
            ),
            Self::Ungreeted { why } => write!(
                f,
                "the board greets, but {why}; correct the firmware or update the gateway"
            ),
            Self::Undescribed {
                refusal: Some(refusal),
                ..
            } => write!(
                f,
                "the board greets, but {refusal}; correct the firmware or update the gateway"
            ),
            Self::Undescribed {
                sensor,
                refusal: None,
            } => write!(
                f,
                "the board greets, but its description of sensor {sensor} does not arrive; check the line"
            ),
            Self::Unheard => f.write_str(
                "the board talks but answers nothing; check the line from the gateway to the board",
            ),
            Self::Silent => f.write_str("the board stopped talking; check its power and wiring"),
            Self::Incompatible { theirs } => write!(
                f,
                "the board speaks protocol {} to {}, the gateway {} to {}; flash the board anew",
                theirs.min,
                theirs.current,
                version::MIN,
                version::CURRENT
            ),
            Self::Stopped => f.write_str("the link was stopped"),
        }
    }
}
