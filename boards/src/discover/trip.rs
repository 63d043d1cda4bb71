//! Temperatures at which something happens, of zones and of chips.

use serde::Serialize;

use super::Search;

/// A temperature at which something happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TripPoint {
    /// The zone or chip.
    pub zone: String,
    /// What happens.
    pub kind: TripKind,
    /// °C.
    pub celsius: f64,
    /// Where it is said: a path, or the profile's file.
    pub source: String,
    /// Whether it is of the temperature the board is judged by.
    pub of_soc: bool,
}

/// What happens at a trip point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TripKind {
    /// A fan starts.
    Active,
    /// The processor is slowed down.
    Passive,
    /// Somebody should be told.
    Hot,
    /// The board is switched off.
    Critical,
}

/// Unused trip points are 0, −274 °C or the largest integer, depending on the firmware.
pub(super) fn push(search: &mut Search, trip: TripPoint) {
    if trip.celsius > 0.0 && trip.celsius <= 150.0 {
        search.result.trip_points.push(trip);
    }
}
