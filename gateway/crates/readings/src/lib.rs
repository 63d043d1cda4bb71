//! Readings, and what is kept of them: every source turns its raw input into typed
//! values of a metric; latest values and histories are kept here, on two clocks.
//!
//! A reading is a value of a [`Metric`] at a [`SourceId`]. Nothing behind this
//! point knows whether it came from a datagram, a sysfs file or a serial frame.
//! Beside them the records that every room shares: events, and commands with what
//! came of them. This room must never do I/O or read a clock.

mod classic;
pub mod clock;
pub mod command;
pub mod event;
mod level;
pub mod measured;
mod metric;
mod source;
pub mod telemetry;
pub mod text;
pub mod virtual_time;

pub use classic::classic;
pub use level::{AlertType, Level};
pub use metric::{METRIC_COUNT, Metric, Unit};
pub use source::{
    BOARD, BOARD_SENSOR_PREFIX, MAX_SOURCES, Source, SourceId, SourceKind, Sources, SourcesFull,
};

/// One value of one metric; the source and the instant come with the batch.
///
/// A value that is unknown has no reading: unknown is absent, never zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What was measured.
    pub metric: Metric,
    /// The value in [`Metric::unit`].
    pub value: f64,
}

impl Reading {
    /// A reading, if `value` is finite and inside the metric's plausible range.
    #[must_use]
    pub fn plausible(metric: Metric, value: f64) -> Option<Reading> {
        let (low, high) = metric.plausible();
        (low..=high)
            .contains(&value)
            .then_some(Reading { metric, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sensor_cannot_mean_is_no_reading() {
        let metric = Metric::BatteryLevel;
        for value in [0.0, 55.5, 100.0] {
            let reading = Reading::plausible(metric, value);
            assert_eq!(reading, Some(Reading { metric, value }));
        }
        for value in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Reading::plausible(metric, value), None, "{value}");
        }
    }
}
