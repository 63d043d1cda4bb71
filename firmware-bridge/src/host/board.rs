//! The board at the other end, as it described itself.

use crate::message::Greeting;
use crate::sensor::{MAX_SENSORS, Sensor};

/// A board whose greeting and whole sensor list have arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardDescription {
    /// Its greeting.
    pub greeting: Greeting,
    /// The protocol version settled on.
    pub version: u8,
    /// Its sensors; readings refer to them by position.
    pub sensors: heapless::Vec<Sensor, MAX_SENSORS>,
}

impl BoardDescription {
    /// A name for the board that stays with it: kind and serial number.
    #[must_use]
    pub fn id(&self) -> std::string::String {
        if self.greeting.serial == 0 {
            std::format!("{}", self.greeting.board)
        } else {
            std::format!("{}-{:016x}", self.greeting.board, self.greeting.serial)
        }
    }
}
