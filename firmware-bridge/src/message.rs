//! Everything that is said over the link.
//!
//! Enums are append only (see [`crate::version`]). Each direction has its own
//! type, so a microcontroller cannot even express a command to itself.

use postcard::experimental::max_size::MaxSize;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::frame::{Direction, MAX_MESSAGE_BYTES};
use crate::sensor::{Fault, MAX_INTERVAL_MS, MAX_SENSORS, MIN_INTERVAL_MS, Sensor};
use crate::text::Text;
use crate::version;

/// A log line from the board.
pub type LogText = Text<40>;

/// Must accompany [`ToMcu::ResetToBootloader`], so that no corrupted or
/// mistaken frame can take a board out of service. ASCII `BOOT`.
pub const BOOTLOADER_MAGIC: u32 = 0x424f_4f54;

/// Places of [`ToHost::Greeting`] and [`ToHost::Sensor`] among the messages, as they stand
/// on the wire.
#[cfg(feature = "host")]
pub(crate) const MESSAGE_GREETING: u32 = 0;
#[cfg(feature = "host")]
pub(crate) const MESSAGE_SENSOR: u32 = 1;

// The largest frame is a promise to the firmware's buffers: checked here, once,
// for every message there is.
const _: () = assert!(ToHost::POSTCARD_MAX_SIZE <= MAX_MESSAGE_BYTES);
const _: () = assert!(ToMcu::POSTCARD_MAX_SIZE <= MAX_MESSAGE_BYTES);

/// What the channel needs to know of either direction's messages.
pub trait Message: Serialize + DeserializeOwned {
    /// The direction these messages travel.
    const DIRECTION: Direction;

    /// The protocol version that introduced this message.
    fn since(&self) -> u8;

    /// Whether the content makes sense. Checked on both sides: what is not
    /// valid is neither sent nor handed to anybody.
    fn is_valid(&self) -> bool;
}

/// Microcontroller → host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
pub enum ToHost {
    /// Who I am. Sent at start and as the answer to [`ToMcu::Hello`]. Frozen.
    Greeting(Greeting),
    /// One entry of the sensor list; all of them follow a greeting.
    Sensor {
        /// Index, below [`Greeting::sensors`].
        index: u8,
        /// The description.
        sensor: Sensor,
    },
    /// A measured value.
    Reading {
        /// Index of the sensor.
        sensor: u8,
        /// When it was measured, in ticks since boot.
        ticks: u64,
        /// The value, in the sensor's unit; finite.
        value: f32,
    },
    /// A sensor that should have given a value, and could not.
    Fault {
        /// Index of the sensor.
        sensor: u8,
        /// When, in ticks since boot.
        ticks: u64,
        /// Why.
        fault: Fault,
    },
    /// Something happened.
    Event {
        /// When, in ticks since boot.
        ticks: u64,
        /// What.
        event: Event,
    },
    /// The state behind the events, sent every second: an event may be lost on
    /// the line, the state it led to must not be.
    State {
        /// When, in ticks since boot.
        ticks: u64,
        /// Whether the emergency stop is engaged.
        emergency_stop: bool,
        /// The indicator level in force.
        indicator: IndicatorLevel,
        /// Events, answers and log records dropped at full queues since boot.
        dropped: u32,
    },
    /// A log record.
    Log {
        /// When, in ticks since boot.
        ticks: u64,
        /// How grave.
        level: LogLevel,
        /// The line.
        text: LogText,
    },
    /// Answer to [`ToMcu::Ping`].
    Pong {
        /// The ping's nonce.
        nonce: u32,
        /// Ticks since boot when answering.
        ticks: u64,
    },
    /// Answer to a command.
    Answer {
        /// Sequence number of the frame that carried the command.
        sequence: u16,
        /// What became of it.
        outcome: Outcome,
    },
}

/// Host → microcontroller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
pub enum ToMcu {
    /// Who are you? Answered by a greeting and the sensor list. Frozen.
    Hello {
        /// Oldest version the host speaks.
        min: u8,
        /// Newest version the host speaks.
        current: u8,
    },
    /// Repeat the description of one sensor (its frame was lost).
    Describe {
        /// Index of the sensor.
        index: u8,
    },
    /// Measure this sensor every so often. Answered.
    Rate {
        /// Index of the sensor.
        sensor: u8,
        /// Time between two readings.
        interval_ms: u32,
    },
    /// Show this on the indicator and buzzer. Not answered: the state message
    /// says what is in force, and the host repeats until they agree.
    Indicator {
        /// The level to show.
        level: IndicatorLevel,
    },
    /// Are you there? Answered by a pong.
    Ping {
        /// Comes back in the pong.
        nonce: u32,
    },
    /// Leave the firmware and wait to be flashed. Answered, then done.
    ResetToBootloader {
        /// Must be [`BOOTLOADER_MAGIC`].
        magic: u32,
    },
    /// Change a setting until the next start. Answered.
    Configure {
        /// Which setting.
        setting: Setting,
        /// Its new value.
        value: u32,
    },
}

/// Who a board is and what it speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
pub struct Greeting {
    /// Oldest version the firmware speaks.
    pub min: u8,
    /// Newest version the firmware speaks.
    pub current: u8,
    /// Kind of board, for example `rp2040-pico`.
    pub board: Text<16>,
    /// Firmware version, for example `0.1.0`.
    pub firmware: Text<12>,
    /// The board's own serial number; 0 when it has none.
    pub serial: u64,
    /// A number that differs from the previous start's, so that the host
    /// notices a restart it did not see on the line.
    pub boot: u32,
    /// Why the board started.
    pub reset: ResetCause,
    /// Ticks per second of every `ticks` field.
    pub ticks_hz: u32,
    /// Number of sensors.
    pub sensors: u8,
}

impl Greeting {
    /// The versions the firmware speaks.
    #[must_use]
    pub fn versions(&self) -> version::Range {
        version::Range {
            min: self.min,
            current: self.current,
        }
    }
}

/// Why a board started. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum ResetCause {
    /// Power came.
    PowerOn,
    /// The watchdog bit: the firmware hung.
    Watchdog,
    /// Asked for by software or by the reset pin.
    Requested,
    /// The board cannot tell.
    Unknown,
}

/// Something that happened at the board. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Event {
    /// A button was pressed or let go.
    Button {
        /// Which one, from 0.
        index: u8,
        /// Pressed, or let go.
        pressed: bool,
    },
    /// The emergency stop was engaged or released.
    EmergencyStop {
        /// Engaged, or released.
        engaged: bool,
    },
}

/// What the indicator and buzzer show, in rising order. Follows the worst
/// unresolved alert. Append only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, MaxSize,
)]
pub enum IndicatorLevel {
    /// No unresolved alert.
    #[default]
    Clear,
    /// Worst alert: information.
    Info,
    /// Worst alert: warning.
    Warning,
    /// Worst alert: critical.
    Critical,
}

/// How grave a log record is. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, MaxSize)]
pub enum LogLevel {
    /// For developers.
    Debug,
    /// For the record.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// A setting of the firmware. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Setting {
    /// Least level of log records sent, as [`LogLevel`]'s position.
    LogLevel,
    /// Whether the buzzer may sound (0: lights only).
    Buzzer,
}

/// What became of a command. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Outcome {
    /// Done.
    Done,
    /// No such sensor or setting on this board.
    Unknown,
    /// The value is not allowed.
    Invalid,
    /// This board cannot do that.
    Unsupported,
}

impl Message for ToHost {
    const DIRECTION: Direction = Direction::ToHost;

    fn since(&self) -> u8 {
        1
    }

    fn is_valid(&self) -> bool {
        match self {
            Self::Greeting(greeting) => {
                usize::from(greeting.sensors) <= MAX_SENSORS && greeting.ticks_hz > 0
            }
            Self::Sensor { index, sensor } => is_index(*index) && sensor.is_valid(),
            Self::Reading { sensor, value, .. } => is_index(*sensor) && value.is_finite(),
            Self::Fault { sensor, .. } => is_index(*sensor),
            Self::Event { .. }
            | Self::State { .. }
            | Self::Log { .. }
            | Self::Pong { .. }
            | Self::Answer { .. } => true,
        }
    }
}

impl Message for ToMcu {
    const DIRECTION: Direction = Direction::ToMcu;

    fn since(&self) -> u8 {
        1
    }

    fn is_valid(&self) -> bool {
        match self {
            Self::Describe { index } => is_index(*index),
            Self::Rate {
                sensor,
                interval_ms,
            } => is_index(*sensor) && (MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(interval_ms),
            Self::ResetToBootloader { magic } => *magic == BOOTLOADER_MAGIC,
            Self::Hello { .. }
            | Self::Indicator { .. }
            | Self::Ping { .. }
            | Self::Configure { .. } => true,
        }
    }
}

fn is_index(index: u8) -> bool {
    usize::from(index) < MAX_SENSORS
}
