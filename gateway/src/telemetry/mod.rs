//! Latest values and fixed-size histories of every source and metric.
//!
//! Fed by every source through [`Telemetry::publish`], read by the API, the
//! WebSocket and `/metrics`. All memory is taken when a source first reports a
//! metric and never grows after that. This room must never do I/O.

use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Mono;
use crate::readings::{Metric, Reading, SourceId, Sources};

/// The newest value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latest {
    /// In the metric's unit.
    pub value: f64,
    /// When it was published.
    pub at: Mono,
}

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Start of the step, seconds since 1970.
    pub epoch_s: f64,
    /// Least value in the step.
    pub min: f32,
    /// Mean value in the step.
    pub mean: f32,
    /// Greatest value in the step.
    pub max: f32,
}

/// Latest values and histories.
pub struct Telemetry {}

impl Telemetry {
    /// Empty telemetry over `sources`.
    #[must_use]
    pub fn new(sources: Arc<Sources>) -> Telemetry {
        let _ = sources;
        unimplemented!()
    }

    /// Takes a batch of readings of one source. Allocates nothing once the
    /// source has reported each of its metrics.
    pub fn publish(&self, source: SourceId, readings: &[Reading], now: Mono, wall: Timestamp) {
        let _ = (source, readings, now, wall);
        unimplemented!()
    }

    /// The newest value, however old; see [`Latest::at`].
    #[must_use]
    pub fn latest(&self, source: SourceId, metric: Metric) -> Option<Latest> {
        let _ = (source, metric);
        unimplemented!()
    }

    /// At most the newest `minutes` one-minute steps, oldest first.
    #[must_use]
    pub fn minutes(&self, source: SourceId, metric: Metric, minutes: usize) -> Vec<Point> {
        let _ = (source, metric, minutes);
        unimplemented!()
    }

    /// At most the newest `seconds` one-second steps, oldest first.
    #[must_use]
    pub fn seconds(&self, source: SourceId, metric: Metric, seconds: usize) -> Vec<Point> {
        let _ = (source, metric, seconds);
        unimplemented!()
    }
}
