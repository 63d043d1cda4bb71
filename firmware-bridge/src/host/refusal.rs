//! Why the description of a sensor is refused: which sensor, which value, and what would
//! be taken.
//!
//! Pure. Separate from the messages, because what is looked at here is no message: it
//! may hold a kind or a unit that is newer than this program.

use core::fmt;

use crate::message::MESSAGE_SENSOR;
use crate::sensor::{MAX_INTERVAL_MS, MAX_NAME_BYTES, MIN_INTERVAL_MS, SensorKind, Unit};
use crate::text::Text;

/// A description that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Position of the sensor on its board.
    pub sensor: u8,
    /// Its name, as far as it has one.
    pub name: Text<20>,
    /// The value and what is wrong with it.
    pub why: Text<80>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sensor {} ({}): {}", self.sensor, self.name, self.why)
    }
}

/// The members of a sensor's description, as they stand on the wire.
type Raw<'a> = (u32, u8, &'a str, u32, u32, f32, f32, u32);

/// What is wrong with a description, if `message` is one that can be taken apart.
pub(super) fn of(message: &[u8]) -> Option<Refusal> {
    let (raw, rest) = postcard::take_from_bytes::<Raw<'_>>(message).ok()?;
    let (variant, sensor, name, kind, unit, min, max, interval_ms) = raw;
    if variant != MESSAGE_SENSOR {
        return None;
    }
    let (kinds, units) = (SensorKind::Other as u32, Unit::Hertz as u32);
    let why = if name.is_empty() {
        Text::new("it has no name")
    } else if name.len() > MAX_NAME_BYTES {
        Text::format(format_args!(
            "its name is longer than {MAX_NAME_BYTES} bytes"
        ))
    } else if kind > kinds {
        Text::format(format_args!(
            "its kind {kind} is newer than this gateway (0 to {kinds})"
        ))
    } else if unit > units {
        Text::format(format_args!(
            "its unit {unit} is newer than this gateway (0 to {units})"
        ))
    } else if !(min <= max && min.is_finite() && max.is_finite()) {
        Text::format(format_args!("its range {min} to {max} is none"))
    } else if !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&interval_ms) {
        Text::format(format_args!(
            "its interval of {interval_ms} ms is outside {MIN_INTERVAL_MS} to {MAX_INTERVAL_MS} ms"
        ))
    } else if rest.is_empty() {
        Text::new("its position is beyond the board's sensors")
    } else {
        Text::new("it says more than this gateway understands")
    };
    let name = Text::new(name);
    Some(Refusal { sensor, name, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn refused(raw: Raw<'_>) -> Refusal {
        let mut buffer = [0; 128];
        let bytes = postcard::to_slice(&raw, &mut buffer).expect("room");
        of(bytes).expect("a description")
    }

    #[test]
    fn each_mistake_is_told_with_its_value() {
        let good: Raw<'_> = (1, 3, "probe", 3, 4, -40.0, 125.0, 500);
        let long = "a name that is far too long";
        let told: Vec<Refusal> = [
            (1, 3, "", 3, 4, -40.0, 125.0, 500),
            (1, 3, long, 3, 4, -40.0, 125.0, 500),
            (1, 3, "probe", 11, 4, -40.0, 125.0, 500),
            (1, 3, "probe", 3, 10, -40.0, 125.0, 500),
            (1, 3, "probe", 3, 4, 9.0, 5.0, 500),
            (1, 3, "probe", 3, 4, f32::NAN, 5.0, 500),
            (1, 3, "probe", 3, 4, -40.0, 125.0, 5),
        ]
        .map(refused)
        .into();
        let said: Vec<&str> = told.iter().map(|refusal| refusal.why.as_str()).collect();
        assert_eq!(
            said,
            [
                "it has no name",
                "its name is longer than 20 bytes",
                "its kind 11 is newer than this gateway (0 to 10)",
                "its unit 10 is newer than this gateway (0 to 9)",
                "its range 9 to 5 is none",
                "its range NaN to 5 is none",
                "its interval of 5 ms is outside 10 to 3600000 ms",
            ]
        );
        assert_eq!((told[6].sensor, told[6].name.as_str()), (3, "probe"));
        let mut buffer = [0; 64];
        let reading = postcard::to_slice(&(2_u32, 3_u8, 7_u64, 1.0_f32), &mut buffer);
        assert_eq!(of(reading.expect("room")), None, "no description");
        assert_eq!(
            refused(good).why.as_str(),
            "its position is beyond the board's sensors"
        );
    }
}
