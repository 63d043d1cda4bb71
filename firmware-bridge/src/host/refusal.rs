//! Why a greeting or the description of a sensor is refused: which sensor, which value,
//! and what would be taken.
//!
//! Pure. Separate from the messages, because what is looked at here is no message: it
//! may hold a kind or a unit that is newer than this program.

use core::fmt;

use crate::message::{MESSAGE_GREETING, MESSAGE_SENSOR, ResetCause};
use crate::sensor::{
    MAX_INTERVAL_MS, MAX_NAME_BYTES, MAX_SENSORS, MIN_INTERVAL_MS, SensorKind, Unit,
};
use crate::text::Text;

/// A description that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Position of the sensor on its board.
    pub sensor: u8,
    /// Its name, as far as it has one.
    pub name: Text<20>,
    /// The value and what is wrong with it.
    pub why: Why,
}

/// A value and what is wrong with it.
pub(super) type Why = Text<80>;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sensor {} ({}): {}", self.sensor, self.name, self.why)
    }
}

/// The members of a sensor's description, as they stand on the wire.
type Raw<'a> = (u8, &'a str, u32, u32, f32, f32, u32);

/// Versions, kind of board, firmware, serial number, start, its cause, ticks, sensors.
type RawGreeting<'a> = (u8, u8, &'a str, &'a str, u64, u32, u32, u32, u8);

/// What is wrong with a greeting, if `message` is one.
pub(super) fn of_greeting(message: &[u8]) -> Option<Why> {
    let (MESSAGE_GREETING, greeting) = postcard::take_from_bytes::<u32>(message).ok()? else {
        return None;
    };
    let Ok((raw, rest)) = postcard::take_from_bytes::<RawGreeting<'_>>(greeting) else {
        return Some(Text::new("its greeting cannot be taken apart"));
    };
    let (_, _, board, firmware, _, _, reset, ticks_hz, sensors) = raw;
    let (most, resets) = (MAX_SENSORS, ResetCause::Unknown as u32);
    Some(if usize::from(sensors) > most {
        Text::format(format_args!(
            "has {sensors} sensors: no more than {most} are taken"
        ))
    } else if ticks_hz == 0 {
        Text::new("its clock has 0 ticks a second")
    } else if board.len() > 16 || firmware.len() > 12 {
        Text::new("its kind is longer than 16 bytes, or its firmware's version than 12")
    } else if reset > resets {
        Text::format(format_args!(
            "the cause {reset} of its start is newer than this gateway (0 to {resets})"
        ))
    } else if rest.is_empty() {
        Text::new("its greeting is of another version")
    } else {
        Text::new("its greeting says more than this gateway understands")
    })
}

/// What is wrong with a description, if `message` is one.
pub(super) fn of(message: &[u8]) -> Option<Refusal> {
    let (MESSAGE_SENSOR, description) = postcard::take_from_bytes::<u32>(message).ok()? else {
        return None;
    };
    let Ok((raw, rest)) = postcard::take_from_bytes::<Raw<'_>>(description) else {
        return Some(Refusal {
            sensor: *description.first()?,
            name: Text::new("?"),
            why: Text::new("its description cannot be taken apart"),
        });
    };
    let (sensor, name, kind, unit, min, max, interval_ms) = raw;
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
    use std::string::ToString as _;
    use std::vec::Vec;

    fn refused(raw: Raw<'_>) -> Refusal {
        let mut buffer = [0; 128];
        let bytes = postcard::to_slice(&(1_u32, raw), &mut buffer).expect("room");
        of(bytes).expect("a description")
    }

    #[test]
    fn each_mistake_is_told_with_its_value() {
        let good: Raw<'_> = (3, "probe", 3, 4, -40.0, 125.0, 500);
        let long = "a name that is far too long";
        let told: Vec<Refusal> = [
            (3, "", 3, 4, -40.0, 125.0, 500),
            (3, long, 3, 4, -40.0, 125.0, 500),
            (3, "probe", 11, 4, -40.0, 125.0, 500),
            (3, "probe", 3, 10, -40.0, 125.0, 500),
            (3, "probe", 3, 4, 9.0, 5.0, 500),
            (3, "probe", 3, 4, f32::NAN, 5.0, 500),
            (3, "probe", 3, 4, -40.0, 125.0, 5),
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
        let noise = of(b"\x01\x03\x03\xff\xfe\xfd\x03\x04").expect("a description");
        assert_eq!(
            (noise.sensor, noise.why.as_str()),
            (3, "its description cannot be taken apart")
        );
    }

    #[test]
    fn each_mistake_of_a_greeting_is_told_with_its_value() {
        let said = |board: &str, reset: u32, ticks_hz: u32, sensors: u8| {
            let mut buffer = [0; 128];
            let raw: RawGreeting<'_> = (1, 1, board, "1.0", 7, 1, reset, ticks_hz, sensors);
            let bytes = postcard::to_slice(&(0_u32, raw), &mut buffer).expect("room");
            of_greeting(bytes).expect("a greeting").to_string()
        };
        for (said, part) in [
            (said("pico", 0, 1_000, 17), "17 sensors: no more than 16"),
            (said("pico", 0, 0, 1), "0 ticks a second"),
            (
                said("a kind of board without end", 0, 1_000, 1),
                "longer than 16 bytes",
            ),
            (
                said("pico", 4, 1_000, 1),
                "cause 4 of its start is newer than this gateway (0 to 3)",
            ),
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(of_greeting(b"\x00\x01").is_some_and(|why| why.as_str().contains("taken apart")));
        assert_eq!(of_greeting(b"\x02\x01"), None, "no greeting");
    }
}
