//! The board's sensors as readings: a thread that samples the `boards` crate
//! and publishes what has a metric.
//!
//! A thread of its own, because a sysfs file on a slow bus may block for tens
//! of milliseconds. It must never judge a value: rules do.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use boards::{Board, Role, Sample};
use tokio_util::sync::CancellationToken;

use crate::clock::Mono;
use crate::config;
use crate::pipeline::Pipeline;
use crate::readings::{Metric, Reading, SourceId};

/// Longest sleep between looks at the stop flag.
const LONGEST_NAP: Duration = Duration::from_millis(500);
/// Shortest sleep: sensors that are due at almost the same time share a round.
const SHORTEST_NAP: Duration = Duration::from_millis(20);
/// Most readings published in one round; the rest follow in the next batch.
const BATCH: usize = 16;

/// The metric a sensor of that role is published as, and its factor.
#[must_use]
pub fn metric_of(role: Role) -> Option<(Metric, f64)> {
    /// `boards` gives hertz.
    const MEGA: f64 = 1e-6;
    Some(match role {
        Role::SocTemperature => (Metric::Temperature, 1.0),
        Role::Undervoltage => (Metric::Undervoltage, 1.0),
        Role::Throttled => (Metric::Throttled, 1.0),
        Role::CompanionBattery => (Metric::BatteryLevel, 1.0),
        Role::CompanionBatteryVoltage => (Metric::Voltage, 1.0),
        Role::CompanionBatteryCurrent => (Metric::Current, 1.0),
        Role::SdWear => (Metric::StorageWear, 1.0),
        Role::WifiSignal => (Metric::WifiSignal, 1.0),
        Role::ClockSynchronised => (Metric::ClockSynchronised, 1.0),
        Role::CpuFrequency => (Metric::CpuFrequency, MEGA),
        Role::FanSpeed => (Metric::FanSpeed, 1.0),
        _ => return None,
    })
}

/// Starts the thread. A board without sensors costs one sleep every half second.
///
/// # Errors
/// The file tree does not exist, or the system refuses a thread.
pub fn spawn(
    config: &config::Board,
    source: SourceId,
    pipeline: Pipeline,
    stop: CancellationToken,
) -> anyhow::Result<Arc<str>> {
    let mut board = Board::open(&config.root, Some(&config.profiles))?;
    for problem in board.problems() {
        tracing::warn!(%problem, "board profile refused");
    }
    let name: Arc<str> = board.detected().profile.name.as_str().into();
    thread::Builder::new().name("board-sensors".to_owned()).spawn(move || {
        while !stop.is_cancelled() {
            let now_ms = Mono::now().as_millis();
            sample(&mut board, source, &pipeline, now_ms);
            let due = Duration::from_millis(board.next_due_ms().saturating_sub(now_ms));
            thread::sleep(due.clamp(SHORTEST_NAP, LONGEST_NAP));
        }
    })?;
    Ok(name)
}

/// Reads what is due and publishes it in one batch, so that a round costs one
/// pass through the rules.
fn sample(board: &mut Board, source: SourceId, pipeline: &Pipeline, now_ms: u64) {
    let mut due = heapless::Vec::<_, BATCH>::new();
    board.sample(now_ms, &mut |index, sample| {
        if let Sample::Reading(reading) = sample {
            // A full batch is no loss: the sensor is read again in its period.
            let _ = due.push((index, reading.value));
        }
    });
    let mut readings = heapless::Vec::<Reading, BATCH>::new();
    for (index, value) in due {
        let mapped = metric_of(board.sensors().sensor(index).role)
            .and_then(|(metric, factor)| Reading::plausible(metric, value * factor));
        if let Some(reading) = mapped {
            let _ = readings.push(reading);
        }
    }
    if !readings.is_empty() {
        pipeline.publish(source, &readings);
    }
}
