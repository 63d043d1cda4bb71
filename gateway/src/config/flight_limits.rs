//! `[drones.limits]`, and `limits` of a drone: what a flight may not exceed, by stage.
//!
//! Every key is optional. A drone's own wins over the site's, key by key. What is done at
//! each stage says `safety`; a file of its own because both lists hold it.

use serde::{Deserialize, Serialize};

/// Least height that can be a limit, in cm: a take-off reaches 120.
const LEAST_HEIGHT_CM: u16 = 150;
/// Highest: what no drone is sent over anyway.
const MOST_HEIGHT_CM: u16 = 1_000;
/// Distance from a pad: the least that a drone can move, and what it can see no pad beyond.
const PAD_DISTANCE_CM: std::ops::RangeInclusive<u16> = 20..=1_000;
/// Seconds of a flight: no battery of a Tello lasts half an hour.
const FLIGHT_TIME_S: std::ops::RangeInclusive<u16> = 10..=1_800;
/// Degrees. A Tello at full speed leans by some 30.
const TILT_DEG: std::ops::RangeInclusive<u16> = 10..=89;

/// Limits of a flight. At a `warn_…` the gateway tells, at a `land_…` it lands the drone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlightLimits {
    /// Height over the take-off point in cm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_height_cm: Option<u16>,
    /// The same; no move is made that would end above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub land_height_cm: Option<u16>,
    /// Distance over ground from a mission pad that the drone sees, in cm: no way is flown
    /// that could lead beyond it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad_distance_cm: Option<u16>,
    /// Seconds since the take-off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_flight_time_s: Option<u16>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub land_flight_time_s: Option<u16>,
    /// Degrees of roll or pitch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_tilt_deg: Option<u16>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub land_tilt_deg: Option<u16>,
    /// As `drones.warn_battery_pct`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_battery_pct: Option<u8>,
    /// As `drones.takeoff_battery_pct`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takeoff_battery_pct: Option<u8>,
    /// As `drones.land_battery_pct`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub land_battery_pct: Option<u8>,
}

impl FlightLimits {
    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == FlightLimits::default()
    }

    /// These, and where they say nothing those of `site`.
    #[must_use]
    pub(super) fn over(self, site: FlightLimits) -> FlightLimits {
        FlightLimits {
            warn_height_cm: self.warn_height_cm.or(site.warn_height_cm),
            land_height_cm: self.land_height_cm.or(site.land_height_cm),
            pad_distance_cm: self.pad_distance_cm.or(site.pad_distance_cm),
            warn_flight_time_s: self.warn_flight_time_s.or(site.warn_flight_time_s),
            land_flight_time_s: self.land_flight_time_s.or(site.land_flight_time_s),
            warn_tilt_deg: self.warn_tilt_deg.or(site.warn_tilt_deg),
            land_tilt_deg: self.land_tilt_deg.or(site.land_tilt_deg),
            warn_battery_pct: self.warn_battery_pct.or(site.warn_battery_pct),
            takeoff_battery_pct: self.takeoff_battery_pct.or(site.takeoff_battery_pct),
            land_battery_pct: self.land_battery_pct.or(site.land_battery_pct),
        }
    }

    /// Everything wrong with them: which key, and what is allowed.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let height = LEAST_HEIGHT_CM..=MOST_HEIGHT_CM;
        for (key, value, range, unit) in [
            ("warn_height_cm", self.warn_height_cm, &height, "cm"),
            ("land_height_cm", self.land_height_cm, &height, "cm"),
            (
                "pad_distance_cm",
                self.pad_distance_cm,
                &PAD_DISTANCE_CM,
                "cm",
            ),
            (
                "warn_flight_time_s",
                self.warn_flight_time_s,
                &FLIGHT_TIME_S,
                "seconds",
            ),
            (
                "land_flight_time_s",
                self.land_flight_time_s,
                &FLIGHT_TIME_S,
                "seconds",
            ),
            ("warn_tilt_deg", self.warn_tilt_deg, &TILT_DEG, "degrees"),
            ("land_tilt_deg", self.land_tilt_deg, &TILT_DEG, "degrees"),
        ] {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                let (least, most) = (range.start(), range.end());
                found.push((key, format!("{value} is outside {least} to {most} {unit}")));
            }
        }
        for (key, value) in [
            ("warn_battery_pct", self.warn_battery_pct),
            ("takeoff_battery_pct", self.takeoff_battery_pct),
            ("land_battery_pct", self.land_battery_pct),
        ] {
            if let Some(value) = value.filter(|value| *value > 100) {
                found.push((key, format!("{value} is outside 0 to 100 percent")));
            }
        }
        for (key, warn, land) in [
            ("warn_height_cm", self.warn_height_cm, self.land_height_cm),
            (
                "warn_flight_time_s",
                self.warn_flight_time_s,
                self.land_flight_time_s,
            ),
            ("warn_tilt_deg", self.warn_tilt_deg, self.land_tilt_deg),
        ] {
            if let (Some(warn), Some(land)) = (warn, land)
                && warn > land
            {
                let words = format!("{warn} comes after the landing at {land}; warn before it");
                found.push((key, words));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drones_own_limits_win_key_by_key() {
        let site = FlightLimits {
            warn_height_cm: Some(200),
            land_height_cm: Some(300),
            ..FlightLimits::default()
        };
        let own = FlightLimits {
            land_height_cm: Some(500),
            ..FlightLimits::default()
        };
        let both = own.over(site);
        assert_eq!(
            (both.warn_height_cm, both.land_height_cm),
            (Some(200), Some(500))
        );
    }

    #[test]
    fn what_is_wrong_names_the_key_and_what_is_allowed() {
        let wrong = FlightLimits {
            warn_height_cm: Some(400),
            land_height_cm: Some(300),
            land_tilt_deg: Some(90),
            land_battery_pct: Some(101),
            ..FlightLimits::default()
        };
        let found: Vec<String> = wrong
            .problems()
            .into_iter()
            .map(|(key, words)| format!("{key}: {words}"))
            .collect();
        assert_eq!(
            found,
            [
                "land_tilt_deg: 90 is outside 10 to 89 degrees",
                "land_battery_pct: 101 is outside 0 to 100 percent",
                "warn_height_cm: 400 comes after the landing at 300; warn before it",
            ]
        );
    }
}
