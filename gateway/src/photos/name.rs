//! Names of photos: `drone_photo_<drone>_<YYYYMMDD>_<HHMMSS>[_<n>].<jpg|h264>`.
//!
//! The name is all that is remembered of a photo besides its bytes, and the only
//! thing of a request that becomes a path: [`Name::parse`] takes nothing that
//! this file could not have made. Pure.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::config::{MAX_ID_BYTES, is_id};

/// Most photos of one drone in one second.
pub(super) const MAX_IN_A_SECOND: u8 = 9;

const PREFIX: &str = "drone_photo_";
const TIME: &str = "%Y%m%d_%H%M%S";

/// What a photo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A JPEG.
    Jpeg,
    /// One whole picture as the drone coded it: H.264, Annex B.
    H264,
}

impl Kind {
    /// Its media type.
    #[must_use]
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Kind::Jpeg => "image/jpeg",
            Kind::H264 => "video/h264",
        }
    }

    /// Its name in the API.
    #[must_use]
    pub(crate) const fn format(self) -> &'static str {
        match self {
            Kind::Jpeg => "JPEG",
            Kind::H264 => "H264",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Kind::Jpeg => "jpg",
            Kind::H264 => "h264",
        }
    }
}

/// The name of a photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The drone.
    pub drone: Arc<str>,
    /// When it was taken, to the second.
    pub taken: Timestamp,
    /// Which of that second, from 1.
    pub(super) number: u8,
    /// What it is.
    pub kind: Kind,
}

impl Name {
    /// The first name of that second.
    pub(super) fn new(drone: &str, taken: Timestamp, kind: Kind) -> Name {
        let taken = Timestamp::from_second(taken.as_second()).unwrap_or(taken);
        Name {
            drone: drone.into(),
            taken,
            number: 1,
            kind,
        }
    }

    /// Reads a name; `None` for everything this file does not make.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Name> {
        let (stem, extension) = text.strip_prefix(PREFIX)?.rsplit_once('.')?;
        let kind = [Kind::Jpeg, Kind::H264]
            .into_iter()
            .find(|kind| kind.extension() == extension)?;
        // A time ends in six digits; a shorter end is the number within the second.
        let (stem, number) = match stem.rsplit_once('_')? {
            (before, number) if number.len() == 1 => (before, number.parse().ok()?),
            _ => (stem, 1),
        };
        let (rest, time) = stem.rsplit_once('_')?;
        let (drone, date) = rest.rsplit_once('_')?;
        if !is_id(drone, MAX_ID_BYTES) {
            return None;
        }
        let taken = TimeZone::UTC
            .to_timestamp(DateTime::strptime(TIME, format!("{date}_{time}")).ok()?)
            .ok()?;
        let name = Name {
            drone: drone.into(),
            taken,
            number,
            kind,
        };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.drone, self.taken.strftime(TIME))?;
        if self.number > 1 {
            write!(f, "_{}", self.number)?;
        }
        write!(f, ".{}", self.kind.extension())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_name_is_the_documented_one_and_reads_back() {
        let name = Name::new("drone_001", at(1_738_314_902), Kind::Jpeg);
        assert_eq!(
            name.to_string(),
            "drone_photo_drone_001_20250131_091502.jpg"
        );
        let second = Name {
            number: 2,
            kind: Kind::H264,
            ..name
        };
        assert_eq!(
            second.to_string(),
            "drone_photo_drone_001_20250131_091502_2.h264"
        );
        assert_eq!(Name::parse(&second.to_string()), Some(second));
    }

    #[test]
    fn nothing_else_is_a_name() {
        for text in [
            "",
            "drone_photo_",
            "../drone_photo_d_20250131_091502.jpg",
            "drone_photo_../x_20250131_091502.jpg",
            "drone_photo_a/b_20250131_091502.jpg",
            "drone_photo__20250131_091502.jpg",
            "drone_photo_d_20250131_091502.png",
            "drone_photo_d_20250131_091502.jpg.new",
            "drone_photo_d_20251331_091502.jpg",
            "drone_photo_d_2025131_091502.jpg",
            "drone_photo_d_20250131_091502_1.jpg",
            "drone_photo_d_20250131_091502_0.jpg",
            "drone_photo_d_20250131_091502_10.jpg",
            "drone_photo_d_20250131_091502.JPG",
            "drone_photo_d_20250131_091502.jpg\0",
            "%2e%2e",
        ] {
            assert_eq!(Name::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_reads_back(
            drone in "[a-zA-Z0-9_-]{1,64}", second in 0i64..4_000_000_000, number in 1u8..10, jpeg: bool,
        ) {
            let kind = if jpeg { Kind::Jpeg } else { Kind::H264 };
            let name = Name { number, ..Name::new(&drone, at(second), kind) };
            prop_assert_eq!(Name::parse(&name.to_string()), Some(name));
        }

        #[test]
        fn whatever_is_taken_is_one_plain_file(text in ".{0,60}") {
            if Name::parse(&text).is_some() {
                prop_assert!(!text.contains('/') && !text.starts_with('.'));
            }
        }
    }
}
