//! What a board can measure: the sensor description sent once per connection.
//!
//! Separate from the messages because descriptions outlive them: the host
//! keeps a table of these, readings refer to it by index.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// Most sensors one board may have. Sixteen covers every board in sight, lets
/// a `u16` be the set of them, and keeps the host's table under a kilobyte.
pub const MAX_SENSORS: usize = 16;

/// Fastest interval a sensor may be asked for: at 115 200 baud sixteen sensors
/// every 10 ms would already be more than the wire carries.
pub const MIN_INTERVAL_MS: u32 = 10;

/// Slowest interval: an hour.
pub const MAX_INTERVAL_MS: u32 = 3_600_000;

/// Longest name of a sensor, in bytes.
pub const MAX_NAME_BYTES: usize = 20;

/// A sensor's name, for example `battery_voltage`.
pub type SensorName = Text<MAX_NAME_BYTES>;

/// One sensor of a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
pub struct Sensor {
    /// Name, unique on the board; becomes part of the reading's source id.
    pub name: SensorName,
    /// What is measured.
    pub kind: SensorKind,
    /// In which unit its values are.
    pub unit: Unit,
    /// Smallest value the sensor can give; anything below is a fault.
    pub min: f32,
    /// Largest value the sensor can give.
    pub max: f32,
    /// Time between two readings now, in milliseconds.
    pub interval_ms: u32,
}

impl Sensor {
    /// Whether the description makes sense: a real range and a possible rate.
    #[must_use]
    pub(crate) fn is_valid(&self) -> bool {
        self.min.is_finite()
            && self.max.is_finite()
            && self.min <= self.max
            && (MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&self.interval_ms)
            && !self.name.as_str().is_empty()
    }

    /// Whether `value` is one this sensor can give.
    #[must_use]
    pub(crate) fn admits(&self, value: f32) -> bool {
        // False for NaN as well.
        value >= self.min && value <= self.max
    }
}

/// What a sensor measures. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum SensorKind {
    /// Voltage, for example of a battery.
    Voltage,
    /// Current.
    Current,
    /// Power.
    Power,
    /// Temperature.
    Temperature,
    /// Relative humidity.
    Humidity,
    /// Air pressure.
    Pressure,
    /// Brightness.
    Light,
    /// Distance.
    Distance,
    /// State of charge.
    Charge,
    /// A counter.
    Count,
    /// Anything else; the name says what.
    Other,
}

/// Unit of a sensor's values. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Unit {
    /// No unit.
    None,
    /// Volt.
    Volt,
    /// Ampere.
    Ampere,
    /// Watt.
    Watt,
    /// Degree Celsius.
    Celsius,
    /// Percent.
    Percent,
    /// Pascal.
    Pascal,
    /// Lux.
    Lux,
    /// Metre.
    Metre,
    /// Hertz.
    Hertz,
}

impl Unit {
    /// The unit's symbol; empty for [`Unit::None`].
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Volt => "V",
            Self::Ampere => "A",
            Self::Watt => "W",
            Self::Celsius => "°C",
            Self::Percent => "%",
            Self::Pascal => "Pa",
            Self::Lux => "lx",
            Self::Metre => "m",
            Self::Hertz => "Hz",
        }
    }
}

/// Why a sensor has no value. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Fault {
    /// The sensor does not answer (bus error, not wired).
    Absent,
    /// The value is outside the range the sensor can give: broken wire, short.
    OutOfRange,
    /// The sensor answered with something that fails its own check.
    Corrupt,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor() -> Sensor {
        Sensor {
            name: Text::new("battery"),
            kind: SensorKind::Voltage,
            unit: Unit::Volt,
            min: 0.0,
            max: 12.5,
            interval_ms: 1_000,
        }
    }

    #[test]
    fn limits_of_a_description_are_the_last_that_is_allowed() {
        for interval_ms in [MIN_INTERVAL_MS, MAX_INTERVAL_MS] {
            let sensor = Sensor {
                interval_ms,
                ..sensor()
            };
            assert!(sensor.is_valid());
        }
        for interval_ms in [0, MIN_INTERVAL_MS - 1, MAX_INTERVAL_MS + 1] {
            let sensor = Sensor {
                interval_ms,
                ..sensor()
            };
            assert!(!sensor.is_valid());
        }
        let range = |min, max| Sensor {
            min,
            max,
            ..sensor()
        };
        assert!(range(1.0, 1.0).is_valid(), "a flag that never changes");
        for (min, max) in [
            (1.1, 1.0),
            (f32::NAN, 1.0),
            (0.0, f32::NAN),
            (f32::NEG_INFINITY, 1.0),
            (0.0, f32::INFINITY),
        ] {
            assert!(!range(min, max).is_valid());
        }
        let nameless = Sensor {
            name: Text::new(""),
            ..sensor()
        };
        assert!(!nameless.is_valid());
    }

    #[test]
    fn a_value_is_within_the_range_both_ends_included() {
        for good in [0.0, 12.5, 5.0] {
            assert!(sensor().admits(good));
        }
        for bad in [-0.01, 12.51, f32::NAN, f32::INFINITY] {
            assert!(!sensor().admits(bad));
        }
    }

    #[test]
    fn units_have_the_symbols_of_physics() {
        let symbols = [
            Unit::None,
            Unit::Volt,
            Unit::Ampere,
            Unit::Watt,
            Unit::Celsius,
            Unit::Percent,
            Unit::Pascal,
            Unit::Lux,
            Unit::Metre,
            Unit::Hertz,
        ]
        .map(Unit::symbol);
        assert_eq!(
            symbols,
            ["", "V", "A", "W", "°C", "%", "Pa", "lx", "m", "Hz"]
        );
    }
}
